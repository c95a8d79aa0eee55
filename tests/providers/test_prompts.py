"""The promise of providers/wire/prompts.py: the documented prompt formats, to the character, and the right one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.messages import Message
from providers.wire import prompts
from providers.wire.prompts import FORMATS, FormatName, PromptFormat

RECORDING = Path(__file__).parent.parent / "recordings" / "prompt_formats.txt"
NAMES: dict[str, FormatName] = {
    "mistral": "mistral", "qwen": "qwen", "qwen2": "deepseek", "llama": "llama", "custom": "zephyr",
}  # fmt: skip

HELLO, HI, BYE = Message("user", "Hello"), Message("assistant", "Hi"), Message("user", "Bye")
CONVERSATIONS: dict[str, tuple[str, tuple[Message, ...], bool]] = {
    "two messages": ("", (HELLO, HI), False),
    "sys+three": ("SYS", (HELLO, HI, BYE), False),
    "continue": ("", (HELLO, HI), True),
    "single user": ("", (HELLO,), False),
}


def expected() -> Iterator[tuple[FormatName, str, str]]:
    """Format, conversation and prompt, as recorded."""
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        if line.startswith("generic"):
            found = re.findall("'[^']*'", line)
            for conversation, prompt in zip(("sys+three", "continue", "single user"), found, strict=True):
                yield "generic", conversation, ast.literal_eval(prompt)
        elif not line.startswith("#"):
            name, conversation, prompt = re.fullmatch(r"(\S+)\s+(\S.*?)\s+('.*')", line).groups()  # type: ignore[union-attr]  # fails the test as it should
            yield NAMES[name], conversation, ast.literal_eval(prompt)


@pytest.mark.parametrize(("name", "conversation", "prompt"), list(expected()))
def test_a_prompt_is_the_documented_one(name: FormatName, conversation: str, prompt: str) -> None:
    system, messages, continues = CONVERSATIONS[conversation]
    assert FORMATS[name](system, messages, continues) == prompt


def test_every_format_was_recorded() -> None:
    assert {name for name, *_ in expected()} == FORMATS.keys()
    assert len(list(expected())) == 23


@pytest.mark.parametrize("name", FORMATS)
def test_a_prompt_to_be_continued_ends_with_the_words_that_were_cut_short(name: FormatName) -> None:
    cut = Message("assistant", "It ends with </s> in the")
    prompt = FORMATS[name]("SYS", (HELLO, HI, BYE, cut), True)
    assert prompt.endswith(cut.text)
    assert prompt.count("SYS") == prompt.count("Hello") == prompt.count("Bye") == 1


@pytest.mark.parametrize("name", FORMATS)
def test_no_message_is_lost_whatever_their_order(name: FormatName) -> None:
    messages = (HELLO, Message("user", "Are you there?"), HI, Message("user", "Yes"), Message("user", "Well?"))
    prompt = FORMATS[name]("", messages, False)
    positions = [prompt.index(message.text) for message in messages]
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    ("model_type", "author", "end", "form"),
    [
        *((kind, "anyone", "</s>", prompts.generic) for kind in ("gpt2", "gpt_neo", "gemma", "gemma2")),
        ("mistral", "mistralai", "</s>", prompts.mistral),
        ("mistral", "somebody", "</s>", prompts.zephyr),
        ("qwen2", "Qwen", "<|im_end|>", prompts.qwen),
        ("qwen2", "deepseek-ai", "<｜end▁of▁sentence｜>", prompts.deepseek),
        ("llama", "meta-llama", "<|eot_id|>", prompts.llama),
        ("llama", "meta-llama", "<|never seen|>", prompts.generic),
        ("", "", "", prompts.generic),
    ],
)
def test_the_format_is_chosen_by_what_the_hub_knows(model_type: str, author: str, end: str, form: PromptFormat) -> None:
    assert prompts.chosen(model_type, author, end) is form


@pytest.mark.parametrize("end", ["<|endoftext|>", "<eos>"])
def test_other_end_tokens_end_the_turns_of_the_custom_format(end: str) -> None:
    form = prompts.chosen("falcon", "tiiuae", end)
    assert form("", (HELLO,), False) == f"<|user|>\nHello{end}\n<|assistant|>\n"
    assert form("", (HELLO, HI), True) == f"<|user|>\nHello{end}\n<|assistant|>\nHi"
