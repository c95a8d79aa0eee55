"""OpenAI's chat completions, as its many speakers write them: pure translators, no I/O.

Quirks seen on real servers (aimock, llama.cpp, llama-cpp-python, LiteLLM) are handled here: `content` null or missing,
a first delta with a role only, a last chunk with usage and no choices, `reasoning_content` or `reasoning`, content in
parts (Mistral), an error object in the middle of the stream, an answer that is not streamed although it should be,
`reasoning_details` (OpenRouter), thinking inside of the text (wire/thoughts.py), pictures among the text.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping

from chat.errors import Garbled, Overloaded
from chat.events import Completed, EndReason, ReasoningDelta, ReplyEvent, TextDelta, Usage
from chat.messages import Image, Message
from providers import failures
from providers.base import JsonValue, ReplyRequest
from providers.stream import ServerEvent
from providers.wire.images import picture_addresses
from providers.wire.thoughts import Thoughts

END_MARK = "[DONE]"
_OF_TEXT = frozenset({"role", "content"})  # all that a delta of text has on most servers
_MORE = ("error", "usage", "x_groq")  # what a chunk may hold beside its choices
PICTURE = "🖼"  # where a picture stood in an answer
_SHOWN_ADDRESS = re.compile(r"https?://[^\s()<>\[\]]+")

_END_REASONS: Mapping[str, EndReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    # Gemini's own names come through some gateways in capitals; every filter of pictures has one that begins IMAGE_.
    **dict.fromkeys(("content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"), "filtered"),
}
_OF_PICTURES = "image_"
_GAVE_UP = "insufficient_system_resource"  # DeepSeek: it stopped in mid-answer, having too much to do


def request_body(request: ReplyRequest, *, include_usage: bool) -> dict[str, JsonValue]:
    """The JSON body of `POST /chat/completions`. The request's parameters go in as they are, but can't replace ours.

    `include_usage` asks for the count of tokens, which some servers refuse.
    """
    system: list[JsonValue] = [{"role": "system", "content": request.system}] if request.system else []
    usage: dict[str, JsonValue] = {"stream_options": {"include_usage": True}} if include_usage else {}
    return {
        **usage,
        **request.parameters,
        "model": request.model,
        "messages": system + [_message(message) for message in request.messages],
        "stream": True,
    }


def model_names(listing: JsonValue) -> tuple[str, ...]:
    """The models of `GET /models`: in `data`, in `models`, or the list itself. Raises a `ProviderError`."""
    entries = listing
    if isinstance(listing, dict):
        if listing.get("error"):
            raise failures.from_error(listing)
        entries = listing.get("data") or listing.get("models") or listing.get("data", listing.get("models"))
    if not isinstance(entries, list):
        raise Garbled(f"not a list of models: {str(listing)[:200]}")
    return tuple(dict.fromkeys(name for entry in entries if (name := _model_name(entry))))


class AnswerReader:
    """The chunks of one answer to events; it remembers how the answer ended."""

    def __init__(self) -> None:
        self._reason: EndReason | None = None
        self._usage: Usage | None = None
        self._thoughts = Thoughts()
        self.ended = False  # the end mark came: nothing follows
        self.pictures = 0  # that are in no event: an answer is text

    @property
    def finished(self) -> bool:
        """Whether the text is complete, by a `finish_reason` or the end mark; usage may follow the former."""
        return self.ended or self._reason is not None

    def completed(self) -> Completed:
        """The last event of an answer that is finished."""
        return Completed(self._reason or "done", self._usage)

    def events(self, event: ServerEvent) -> Iterator[ReplyEvent]:
        """What a server-sent event holds. Raises a `ProviderError` for an error in it."""
        if event.data.strip() == END_MARK:
            self.ended = True
            return self._thoughts.end(cut=self._reason == "length")
        if event.name == "error":
            raise failures.from_error(_json_or_text(event))
        return self.read(event.json()) if event.data.strip() else iter(())

    def whole(self, answer: JsonValue) -> Iterator[ReplyEvent]:
        """An answer that came in one piece, `Completed` included: some servers don't stream."""
        if isinstance(answer, dict) and not answer.get("error") and not isinstance(answer.get("choices"), list):
            raise Garbled(f"an answer without choices: {str(answer)[:200]}")
        yield from self.read(answer)
        yield from self._thoughts.end(cut=self._reason == "length")
        yield self.completed()

    def read(self, chunk: JsonValue) -> Iterator[ReplyEvent]:
        """What a chunk holds. Raises `Garbled`, or what the error in it stands for."""
        text = _text_alone(chunk)
        return self._thoughts.split(text) if text else self._read_all(chunk)

    def _read_all(self, chunk: JsonValue) -> Iterator[ReplyEvent]:
        if failed := _failure(chunk):
            raise failures.from_error(failed)
        if not isinstance(chunk, dict):
            raise Garbled(f"not a chunk of chat completions: {str(chunk)[:200]}")
        self._usage = _usage(chunk.get("usage")) or self._usage
        choice = _first_choice(chunk)
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            yield from self._parted(_delta_events(delta))
            yield from self._pictures(delta)
        reason = choice.get("finish_reason")
        if reason == "error" or choice.get("error"):
            raise failures.from_error(dict(choice))
        if isinstance(reason, str) and reason:
            self._reason = _end_reason(reason.lower())
            yield from self._thoughts.end(cut=self._reason == "length")

    def _parted(self, events: Iterable[ReplyEvent]) -> Iterator[ReplyEvent]:
        """The same, thinking inside of the text told apart from it."""
        for event in events:
            match event:
                case TextDelta(text):
                    yield from self._thoughts.split(text)
                case _:
                    yield event

    def _pictures(self, delta: Mapping[str, JsonValue]) -> Iterator[ReplyEvent]:
        """Pictures in an answer, as links; those without an address leave a sign where they stood."""
        for address in picture_addresses(delta):
            shown = _SHOWN_ADDRESS.fullmatch(address)
            self.pictures += not shown
            yield from self._thoughts.split(f"\n\n[{PICTURE}]({address})\n\n" if shown else f"\n\n{PICTURE}\n\n")


def _message(message: Message) -> dict[str, JsonValue]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    text: list[JsonValue] = [{"type": "text", "text": message.text}] if message.text else []
    pictures: list[JsonValue] = [{"type": "image_url", "image_url": {"url": _data_url(i)}} for i in message.images]
    return {"role": message.role, "content": text + pictures}


def _data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode('ascii')}"


def _model_name(entry: JsonValue) -> str:
    if isinstance(entry, dict):
        entry = entry.get("id") or entry.get("name") or entry.get("model")
    return entry if isinstance(entry, str) else ""


def _json_or_text(event: ServerEvent) -> JsonValue:
    try:
        return event.json()
    except Garbled:
        return event.data


def _first_choice(chunk: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return {}
    return choices[0] if choices[0].get("index") in (0, None) else {}


def _failure(chunk: JsonValue) -> JsonValue:
    """The part of a chunk that tells of a failure: all of it, Gemini's `[{"error": …}]`, or Groq's `x_groq`."""
    match chunk:
        case {"object": "error"} | [{"error": dict() | str()}, *_]:
            return chunk
        case {"error": error} if error:
            return chunk
        case {"x_groq": {"error": error}} if error:
            return {"error": error}
        case _:
            return None


def _end_reason(said: str) -> EndReason:
    if said == _GAVE_UP:
        raise Overloaded(said)
    return "filtered" if said.startswith(_OF_PICTURES) else _END_REASONS.get(said, "done")


def _text_alone(chunk: JsonValue) -> str:
    """The text of a chunk that holds nothing else, as nearly all do. A short cut: empty where there may be more."""
    if not isinstance(chunk, dict) or any(map(chunk.get, _MORE)) or chunk.get("object") == "error":
        return ""
    choice = _first_choice(chunk)
    delta = choice.get("delta")
    if not isinstance(delta, dict) or delta.keys() - _OF_TEXT or choice.get("finish_reason") or choice.get("error"):
        return ""
    content = delta.get("content")
    return content if isinstance(content, str) else ""


def _delta_events(delta: Mapping[str, JsonValue]) -> Iterator[ReplyEvent]:
    reasoning = delta.get("reasoning_content") or delta.get("reasoning") or _detailed(delta.get("reasoning_details"))
    if isinstance(reasoning, str) and reasoning:
        yield ReasoningDelta(reasoning)
    for content in (delta.get("content"), delta.get("refusal")):
        if isinstance(content, str) and content:
            yield TextDelta(content)
        elif isinstance(content, list):
            yield from _part_events(content)


def _detailed(details: JsonValue) -> str:
    """OpenRouter's `reasoning_details`: texts and summaries; what is encrypted is nobody's to read."""
    entries = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []
    texts = [entry.get("text") or entry.get("summary") for entry in entries]
    return "".join(text for text in texts if isinstance(text, str))


def _part_events(parts: list[JsonValue]) -> Iterator[ReplyEvent]:
    """Content in parts: `{"type": "text", "text"}`, and Mistral's `{"type": "thinking", "thinking": [parts]}`."""
    for part in parts:
        match part:
            case {"type": "thinking", "thinking": list() as thoughts}:
                texts = [thought.get("text") for thought in thoughts if isinstance(thought, dict)]
                yield ReasoningDelta("".join(text for text in texts if isinstance(text, str)))
            case {"type": "text", "text": str() as text}:
                yield TextDelta(text)


def _usage(counted: JsonValue) -> Usage | None:
    if not isinstance(counted, dict):
        return None
    asked, answered = counted.get("prompt_tokens"), counted.get("completion_tokens")
    if not isinstance(asked, int):
        return None
    return Usage(asked, answered if isinstance(answered, int) else 0)
