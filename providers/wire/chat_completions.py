"""OpenAI's chat completions, as its many speakers write them: pure translators, no I/O.

Quirks seen on real servers (aimock, llama.cpp, llama-cpp-python, LiteLLM) are handled here: `content` null or missing,
a first delta with a role only, a last chunk with usage and no choices, `reasoning_content` or `reasoning`, content in
parts (Mistral), an error object in the middle of the stream, an answer that is not streamed although it should be.
"""

import base64
from collections.abc import Iterator, Mapping

from chat.errors import Garbled
from chat.events import Completed, EndReason, ReasoningDelta, ReplyEvent, TextDelta, Usage
from chat.messages import Image, Message
from providers import failures
from providers.base import JsonValue, ReplyRequest
from providers.stream import ServerEvent

END_MARK = "[DONE]"

_END_REASONS: Mapping[str, EndReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "filtered",
    "safety": "filtered",
}


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
        self.ended = False  # the end mark came: nothing follows

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
        elif event.name == "error":
            raise failures.from_error(_json_or_text(event))
        elif event.data.strip():
            yield from self.read(event.json())

    def whole(self, answer: JsonValue) -> Iterator[ReplyEvent]:
        """An answer that came in one piece, `Completed` included: some servers don't stream."""
        if isinstance(answer, dict) and not answer.get("error") and not isinstance(answer.get("choices"), list):
            raise Garbled(f"an answer without choices: {str(answer)[:200]}")
        yield from self.read(answer)
        yield self.completed()

    def read(self, chunk: JsonValue) -> Iterator[ReplyEvent]:
        """What a chunk holds. Raises `Garbled`, or what the error in it stands for."""
        if not isinstance(chunk, dict):
            raise Garbled(f"not a chunk of chat completions: {str(chunk)[:200]}")
        if chunk.get("error") or chunk.get("object") == "error":
            raise failures.from_error(chunk)
        self._usage = _usage(chunk.get("usage")) or self._usage
        choice = _first_choice(chunk)
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            yield from _delta_events(delta)
        reason = choice.get("finish_reason")
        if reason == "error" or choice.get("error"):
            raise failures.from_error(dict(choice))
        if isinstance(reason, str) and reason:
            self._reason = _END_REASONS.get(reason.lower(), "done")


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


def _delta_events(delta: Mapping[str, JsonValue]) -> Iterator[ReplyEvent]:
    reasoning = delta.get("reasoning_content") or delta.get("reasoning")
    if isinstance(reasoning, str) and reasoning:
        yield ReasoningDelta(reasoning)
    for content in (delta.get("content"), delta.get("refusal")):
        if isinstance(content, str) and content:
            yield TextDelta(content)
        elif isinstance(content, list):
            yield from _part_events(content)


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
