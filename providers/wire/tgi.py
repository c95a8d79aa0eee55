"""Text Generation Inference's events, which Hugging Face's own servers and chat-ui's old dialect both speak.

One `data:` value is `{"token": {"text", "special"}, "generated_text", "details": {"finish_reason"}}`, or
`{"error", "error_type"}` in mid-answer. Pure: no I/O.
"""

from collections.abc import Mapping

from chat.errors import Garbled
from chat.events import Completed, EndReason, ReplyEvent, TextDelta, Usage
from providers import failures
from providers.base import JsonValue

TEXT_END = "<|endoftext|>"  # where a tokeniser doesn't know its own end token, it comes as text, maybe in pieces
# Special tokens after which nothing of the answer follows; others (`<s>`, `<pad>`, …) may stand anywhere.
END_TOKENS = frozenset(
    {
        TEXT_END, "</s>", "<eos>", "<|eos|>", "<|end|>", "<|im_end|>", "<|eot_id|>", "<|eot|>", "<|end_of_text|>",
        "<|eom_id|>", "<|return|>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "<|END_OF_TURN_TOKEN|>", "[EOS]",
    }
)  # fmt: skip


MOST_NEW_TOKENS = 1024  # unless a request says: the server's own default is 20 or 100, which is half a paragraph

_OPENAI_NAMES = ("max_tokens", "max_completion_tokens")


def request_body(inputs: str, parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The JSON body of a streamed generation. `parameters` go in as they are, but can't replace ours.

    OpenAI's names for the length are understood. Null, temperature 0 and top_p 1 are left out, for TGI refuses them,
    and means the same without them.
    """
    given = {name: value for name, value in parameters.items() if not _means_nothing(name, value)}
    lengths = [given.pop(name) for name in _OPENAI_NAMES if name in given]
    stop = given.get("stop")
    if isinstance(stop, str):
        given["stop"] = [stop]
    length = lengths[0] if lengths else MOST_NEW_TOKENS
    return {
        "inputs": inputs,
        "parameters": {"max_new_tokens": length, **given, "return_full_text": False},
        "stream": True,
    }


def _means_nothing(name: str, value: JsonValue) -> bool:
    match name, value:
        case (_, None):
            return True
        case "temperature", 0:
            return True
        case "top_p", int() | float():
            return value >= 1
        case _:
            return False


class TgiReader:
    """The events of one answer; `ended` once it is complete: a body that ends before that was cut off.

    `goes_on`: the answer continues a text that is there already, so the white space that it begins with belongs to it.
    """

    def __init__(self, *, goes_on: bool = False) -> None:
        self.ended = False
        self._strips = not goes_on
        self._begun = False  # visible text came
        self._held = ""  # perhaps the beginning of `TEXT_END`

    def read(self, payload: JsonValue) -> list[ReplyEvent]:
        """What one `data:` value holds; nothing once the answer has ended.

        Raises `Garbled`, or the `ProviderError` that an error inside the answer stands for.
        """
        if self.ended:
            return []
        if not isinstance(payload, dict):
            raise Garbled(f"not an event of TGI: {str(payload)[:200]}")
        if payload.get("error") or payload.get("error_type"):
            raise failures.from_error(payload)
        token, details = _fields(payload, "token"), _fields(payload, "details")
        text, finished = self._visible(token)
        generated = payload.get("generated_text")
        if not (finished or isinstance(generated, str) or details.get("finish_reason")):
            return self._said(text, last=False)
        self.ended = True
        said = self._said(text, last=True)
        if not self._begun and isinstance(generated, str):  # a server that doesn't stream says all of it here
            said = self._said(generated.partition(TEXT_END)[0], last=True)
        return [*said, Completed(_reason(details), _usage(details))]

    def whole(self, answer: JsonValue) -> list[ReplyEvent]:
        """An answer that came in one piece: `[{"generated_text"}]`, or that without its list. Raises as `read`."""
        only = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
        events = self.read(only)
        if not self.ended:
            raise Garbled(f"an answer without generated_text: {str(answer)[:200]}")
        return events

    def _visible(self, token: Mapping[str, JsonValue]) -> tuple[str, bool]:
        """The text that a token adds to what is held, and whether the answer ends with it."""
        text = token.get("text")
        if not isinstance(text, str):
            return self._held, False
        if token.get("special"):
            return self._held, text.strip() in END_TOKENS
        shown, mark, _ = (self._held + text).partition(TEXT_END)
        return shown, bool(mark)

    def _said(self, text: str, *, last: bool) -> list[ReplyEvent]:
        if self._strips and not self._begun:
            text = text.lstrip()
        held = 0 if last else _beginning_of_end(text)
        self._held = text[len(text) - held :]
        text = text[: len(text) - held]
        self._begun = self._begun or bool(text)
        return [TextDelta(text)] if text else []


def _beginning_of_end(text: str) -> int:
    """How many characters at the end of `text` may be the beginning of `TEXT_END`."""
    return next(
        (size for size in range(min(len(text), len(TEXT_END) - 1), 0, -1) if TEXT_END.startswith(text[-size:])), 0
    )


def _fields(payload: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    value = payload.get(name)
    return value if isinstance(value, dict) else {}


def _reason(details: Mapping[str, JsonValue]) -> EndReason:
    return "length" if details.get("finish_reason") == "length" else "done"


def _usage(details: Mapping[str, JsonValue]) -> Usage | None:
    asked, answered = details.get("input_length"), details.get("generated_tokens")
    return Usage(asked, answered) if isinstance(asked, int) and isinstance(answered, int) else None
