"""A conversation as one text, in the form that a model was trained on: for servers that take a text and go on with it.

Each form takes the system prompt ("" for none), the messages, and whether the last one, the assistant's, is left open
to be continued. The strings that are expected of them are in tests/providers/test_prompts.py.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from chat.messages import Message

PromptFormat = Callable[[str, Sequence[Message], bool], str]
FormatName = Literal["generic", "mistral", "qwen", "deepseek", "llama", "zephyr"]

_GENERIC_TYPES = ("gpt2", "gpt_neo", "gemma", "gemma2")
_END_OF_SENTENCE = "<｜end▁of▁sentence｜>"  # these bars and lines are not those of ASCII


def generic(system: str, messages: Sequence[Message], continues: bool) -> str:
    """`User: …`, `Assistant:`; a single question is only itself."""
    entries = _entries(system, messages)
    if len(entries) == 1 and not continues:
        return entries[0][1]
    lines = [f"{role.capitalize()}: {text}" for role, text in entries]
    return "\n".join(lines if continues else [*lines, "Assistant:"])


def mistral(system: str, messages: Sequence[Message], continues: bool) -> str:
    """Mistral's `[INST]`; there is no place for a system prompt but the last question."""
    finished: list[str] = []
    asked: list[str] = []
    for number, message in enumerate(messages, start=1):
        if message.role == "user":
            asked.append(message.text)
            continue
        last = [system] if continues and system and number == len(messages) else []
        finished.append(f"<s>[INST]{' '.join([*asked, *last])} [/INST] {message.text}</s>")
        asked = []
    history = "\n".join(finished)
    if continues:
        return history.removesuffix("</s>")
    question = " ".join([*(asked or [messages[-1].text]), *([system] if system else [])])
    return f"{history}\n<s>[INST] {question} [/INST]"


def qwen(system: str, messages: Sequence[Message], continues: bool) -> str:
    """ChatML, as Qwen and many others were trained on."""
    turns = (f"<|im_start|>{role}\n{text}\n<|im_end|>\n" for role, text in _entries(system, messages))
    return _closed("".join(turns), continues, cut="\n<|im_end|>\n", added="<|im_start|>assistant\n")


def deepseek(system: str, messages: Sequence[Message], continues: bool) -> str:
    """DeepSeek-R1 and what was distilled from it, Qwen2 among them."""
    turns = (f"<｜{role.capitalize()}｜>{text}{_END_OF_SENTENCE}" for role, text in _entries(system, messages))
    return _closed("".join(turns), continues, cut=_END_OF_SENTENCE, added="<｜Assistant｜>")


def llama(system: str, messages: Sequence[Message], continues: bool) -> str:
    """Llama 3."""
    head = "<|start_header_id|>{}<|end_header_id|>\n\n"
    turns = (f"{head.format(role)}{text}\n<|eot_id|>\n" for role, text in _entries(system, messages))
    whole = "<|begin_of_text|>" + "".join(turns)
    return _closed(whole, continues, cut="\n<|eot_id|>\n", added=head.format("assistant"))


def zephyr(system: str, messages: Sequence[Message], continues: bool, *, end: str = "</s>") -> str:
    """`<|user|>`, `<|assistant|>` and the model's own end token, as Zephyr was trained on."""
    turns = (f"<|{role}|>\n{text}{end}\n" for role, text in _entries(system, messages))
    return _closed("".join(turns), continues, cut=f"{end}\n", added="<|assistant|>\n")


FORMATS: Mapping[FormatName, PromptFormat] = {
    "generic": generic,
    "mistral": mistral,
    "qwen": qwen,
    "deepseek": deepseek,
    "llama": llama,
    "zephyr": zephyr,
}

_BY_END_TOKEN: Mapping[str, PromptFormat] = {
    "<|endoftext|>": partial(zephyr, end="<|endoftext|>"),
    "<eos>": partial(zephyr, end="<eos>"),
    "</s>": zephyr,
    "<|im_end|>": qwen,
    _END_OF_SENTENCE: deepseek,
    "<|eot_id|>": llama,
}


def chosen(model_type: str, author: str, end_token: str) -> PromptFormat:
    """The form for a model, by what Hugging Face knows of it; unknown things are empty."""
    if model_type in _GENERIC_TYPES:
        return generic
    if model_type == "mistral" and author == "mistralai":
        return mistral
    return _BY_END_TOKEN.get(end_token, generic)


def _entries(system: str, messages: Sequence[Message]) -> list[tuple[str, str]]:
    first = [("system", system)] if system else []
    return [*first, *((message.role, message.text) for message in messages)]


def _closed(turns: str, continues: bool, *, cut: str, added: str) -> str:
    return turns.removesuffix(cut) if continues else turns + added
