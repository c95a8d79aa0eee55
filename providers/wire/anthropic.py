"""Anthropic's messages, as its API and the servers that imitate it write them: pure translators, no I/O.

The protocol is that of https://platform.claude.com/docs (messages, streaming, prompt caching, stop reasons), read there
and in aimock's and LiteLLM's answers.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, takewhile

from chat.errors import Blocked, Garbled, ProviderError
from chat.events import Completed, EndReason, ReasoningDelta, ReplyEvent, TextDelta, Usage
from chat.messages import Image, Message
from providers import failures
from providers.base import JsonValue, ReplyRequest
from providers.wire.anthropic_manners import USUAL, Manner

# A prompt below a model's own least length (512 to 4096 tokens) isn't cached, at no cost, however it is marked. What is
# below the smallest of them isn't marked at all.
LEAST_CACHED_TOKENS = 512
BYTES_PER_TOKEN = 4  # of UTF-8, in English and Russian alike
TOKENS_PER_IMAGE = 1200
# A prompt that tells the time is another one a minute later: writing it to the cache costs a quarter more, for nothing.
_TIME_OF_DAY = re.compile(r"\b\d{1,2}:\d{2}\b")

OPENING = "…"  # where a conversation begins with an answer: the API wants a question first
GO_ON = (
    "Your last message was cut off by a limit. Go on with it exactly where it ends: begin with the very next character,"
    " repeat nothing, and say nothing about this."
)

_END_REASONS: Mapping[str, EndReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "refusal": "filtered",
}
_CACHED: dict[str, JsonValue] = {"cache_control": {"type": "ephemeral"}}


def request_body(
    request: ReplyRequest, *, max_tokens: int, caching: bool = True, manner: Manner = USUAL
) -> dict[str, JsonValue]:
    """The JSON body of `POST /v1/messages`. The request's parameters go in as they are, but can't replace ours.

    `max_tokens` stands where the parameters name none, for the API wants one; what is set for thinking comes on top,
    for it counts as a part of the answer, and has to be less. With `caching` the prompt is marked (see
    `_marked`). A request that goes on with an answer leaves it open where the model's `manner` allows that; else, and
    with thinking, which excludes that, the model is asked to go on.
    """
    request = manner.kept(request)
    messages = _turns(request.messages)
    if request.continues:
        messages = [*messages[:-1], *_continued(messages[-1], open_ended=manner.prefills and not thinks(request))]
    system: JsonValue = request.system
    if caching and not _TIME_OF_DAY.search(request.system):
        system, messages = _marked(request, messages)
    longest = max_tokens + _thinking_tokens(request)
    longest = min(longest, manner.most_tokens or longest)
    asked: dict[str, JsonValue] = {"max_tokens": longest, **request.parameters}
    asked |= {"model": request.model, "messages": messages, "stream": True}
    return asked | ({"system": system} if system else {})


def thinks(request: ReplyRequest) -> bool:
    """Whether its parameters turn thinking on."""
    match request.parameters.get("thinking"):
        case {"type": "disabled"} | None:
            return False
        case _:
            return True


def _thinking_tokens(request: ReplyRequest) -> int:
    match request.parameters.get("thinking"):
        case {"type": "enabled", "budget_tokens": int() as budget}:
            return budget
        case _:
            return 0


def open_end(request: ReplyRequest) -> str:
    """The white space at the end of an answer that is gone on with: the API refuses it, so it isn't sent."""
    text = request.messages[-1].text
    return text[len(text.rstrip()) :]


def model_names(listing: JsonValue) -> tuple[str, ...]:
    """The models of a page of `GET /v1/models`. Raises a `ProviderError`."""
    match listing:
        case {"data": list() as entries}:
            names = [entry.get("id") for entry in entries if isinstance(entry, dict)]
            return tuple(name for name in names if isinstance(name, str) and name)
        case {"error": error} if error:
            raise failures.from_error(listing)
        case _:
            raise Garbled(f"not a list of models: {str(listing)[:200]}")


def next_page(listing: JsonValue) -> str:
    """The `after_id` of the page behind this one; empty if it is the last."""
    match listing:
        case {"has_more": True, "last_id": str() as last}:
            return last
        case _:
            return ""


class AnswerReader:
    """The events of one answer; it remembers how the answer ended. `there`: white space that needn't come again."""

    def __init__(self, there: str = "") -> None:
        self._there = there
        self._reason: EndReason | None = None
        self._counted: dict[str, int] = {}
        self.ended = False  # the end mark came: nothing follows
        self.thinking = True  # until text comes: of thinking perhaps nothing is sent until it is over

    @property
    def finished(self) -> bool:
        """Whether the text is complete, by a `stop_reason` or the end mark."""
        return self.ended or self._reason is not None

    def completed(self) -> Completed:
        """The last event of an answer that is finished."""
        return Completed(self._reason or "done", self._usage())

    def read(self, event: JsonValue) -> Iterator[ReplyEvent]:
        """What the data of a server-sent event holds. Raises `Garbled`, or what the error in it stands for.

        Types of events and blocks that aren't known are skipped, as the API asks of its clients.
        """
        if not isinstance(event, dict):
            raise Garbled(f"not an event of Anthropic's: {str(event)[:200]}")
        match event:
            case {"type": "message_start", "message": {"usage": dict() as usage}}:
                self._count(usage)
            case {"type": "content_block_start", "content_block": dict() as block}:
                self.thinking = block.get("type") != "text"
                yield from self._block(block)
            case {"type": "content_block_delta", "delta": dict() as delta}:
                yield from self._block(delta)
            case {"type": "message_delta", "delta": dict() as delta}:
                self._count(event.get("usage"))
                self._end(delta.get("stop_reason"))
            case {"type": "message_stop"}:
                self.ended = True
            case {"type": "error"} | {"error": dict()}:
                raise failure(event)
            case {"type": str()}:
                return
            case _:
                raise Garbled(f"not an event of Anthropic's: {str(event)[:200]}")

    def whole(self, answer: JsonValue) -> Iterator[ReplyEvent]:
        """An answer that came in one piece, `Completed` included: some servers don't stream. Raises as `read`."""
        match answer:
            case {"content": list() as blocks, "stop_reason": reason, **others}:
                for block in blocks:
                    yield from self._block(block if isinstance(block, dict) else {})
                self._count(others.get("usage"))
                self._end(reason)
                yield self.completed()
            case {"error": error} if error:
                raise failure(answer)
            case _:
                raise Garbled(f"an answer without content: {str(answer)[:200]}")

    def _block(self, block: Mapping[str, JsonValue]) -> Iterator[ReplyEvent]:
        match block:
            case {"type": "text" | "text_delta", "text": str() as text} if new := self._new(text):
                yield TextDelta(new)
            case {"type": "thinking" | "thinking_delta", "thinking": str() as thought} if thought:
                yield ReasoningDelta(thought)
            case {"type": "thinking" | "redacted_thinking"}:
                yield ReasoningDelta("")  # that it thinks; what, it may keep to itself
            case {"type": "tool_use"}:
                raise Garbled(f"the model wants to use a tool ({block.get('name')}); there is nobody to run it")

    def _new(self, text: str) -> str:
        """The text without what of it is there already."""
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, self._there, strict=False)))
        self._there = self._there[common:] if common == len(text) else ""
        return text[common:]

    def _end(self, reason: JsonValue) -> None:
        if isinstance(reason, str) and reason:
            self._reason = _END_REASONS.get(reason, "done")

    def _count(self, usage: object) -> None:
        """Later counts replace earlier ones: those at the end of an answer are of the whole of it."""
        if isinstance(usage, dict):
            self._counted |= {name: count for name, count in usage.items() if isinstance(count, int)}

    def _usage(self) -> Usage | None:
        if "input_tokens" not in self._counted:
            return None
        # what was read from the cache or written to it is not in `input_tokens`
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        return Usage(sum(self._counted.get(name, 0) for name in names), self._counted.get("output_tokens", 0))


def failure(event: JsonValue) -> ProviderError:
    """The failure that an error inside an answer stands for."""
    found = failures.from_error(event)
    return Blocked(found.details) if "content filtering policy" in found.details else found


def _turns(messages: Sequence[Message]) -> list[JsonValue]:
    """The messages in the API's form: nothing empty, roles by turns, the user's first."""
    blocks = [(message.role, _content(message)) for message in messages]
    turns: list[JsonValue] = []
    for role, parts in groupby((entry for entry in blocks if entry[1]), key=lambda entry: entry[0]):
        if role == "assistant" and not turns:
            turns.append(_turn("user", [{"type": "text", "text": OPENING}]))
        turns.append(_turn(role, [block for _, content in parts for block in content]))
    return turns


def _turn(role: str, content: list[JsonValue]) -> dict[str, JsonValue]:
    return {"role": role, "content": content}


def _content(message: Message) -> list[JsonValue]:
    """Pictures come before the text, as models read them best; in answers there are none."""
    pictures = [_picture(image) for image in message.images] if message.role == "user" else []
    text: list[JsonValue] = [{"type": "text", "text": message.text}] if message.text.strip() else []
    return [*pictures, *text]


def _picture(image: Image) -> JsonValue:
    data = base64.b64encode(image.data).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": data}}


def _continued(last: JsonValue, *, open_ended: bool) -> list[JsonValue]:
    if not open_ended:
        return [last, _turn("user", [{"type": "text", "text": GO_ON}])]
    match last:
        case {"role": "assistant", "content": [*before, {"type": "text", "text": str() as text}]}:
            return [_turn("assistant", [*before, {"type": "text", "text": text.rstrip()}])]
        case _:
            return [last]


def _marked(request: ReplyRequest, messages: list[JsonValue]) -> tuple[JsonValue, list[JsonValue]]:
    """System prompt and messages with marks up to which the prompt is to be kept: five minutes, from its last use.

    One mark behind the system prompt, one behind the last message before the question: the next request has all that
    in it again, unless the conversation was shortened. What is kept costs a tenth of its price then; keeping it costs a
    quarter more, once. The question itself isn't marked: it may hold pictures, which history doesn't.
    """
    system: JsonValue = request.system
    size = len(request.system.encode("utf-8", "replace")) // BYTES_PER_TOKEN
    if size >= LEAST_CACHED_TOKENS:
        system = [{"type": "text", "text": request.system, **_CACHED}]
    before, asked = messages[:-1], messages[-1:]
    size += sum(_tokens(message) for message in request.messages[:-1])
    if before and size >= LEAST_CACHED_TOKENS:
        before = [*before[:-1], _with_mark(before[-1])]
    return system, [*before, *asked]


def _with_mark(turn: JsonValue) -> JsonValue:
    match turn:
        case {"role": str() as role, "content": [*blocks, dict() as last]}:
            return _turn(role, [*blocks, {**last, **_CACHED}])
        case _:
            return turn


def _tokens(message: Message) -> int:
    return len(message.text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + TOKENS_PER_IMAGE * len(message.images)
