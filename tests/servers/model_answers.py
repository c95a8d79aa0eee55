"""What the stand-in model answers, and how it fails while it does: the bytes that tests/servers/model.py sends."""

import asyncio
import hashlib
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

# linger: everything is said, but the body does not end; silent: not even headers come;
# cut: the connection closes in mid-body; cut_cleanly: the body ends without an end mark; garbage: not HTTP at all;
# json: one JSON answer although a stream was asked for; error: an error object in the stream (`body`, if given).
Fault = Literal[
    "", "error", "cut", "cut_cleanly", "reset", "stall", "endless", "huge_line", "json", "html", "garbage", "silent",
    "linger",
]  # fmt: skip

PIECE_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Answer:
    """How to answer one request. A `status` other than 200 answers with `body` (or an error object) and `headers`."""

    text: str | None = None  # None: derived from the question
    pieces: tuple[str, ...] = ()  # exact deltas instead of the words of `text`; may hold half emoji and NULs
    reasoning: str = ""
    words_per_second: float = 0.0  # 0: as fast as they are taken
    fault: Fault = ""
    after_words: int = 3  # how many deltas come before the fault
    fragment_bytes: int = 0  # 1: byte by byte
    split_emoji: bool = False  # as JavaScript servers do
    huge_bytes: int = 20 * 2**20
    finish_reason: str = "stop"
    end_mark: bool = True
    keep_alives: bool = False
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Request:
    """A request as it came, and how it went on. Times are the event loop's clock."""

    path: str
    headers: dict[str, str]
    body: Any
    arrived: float
    words: int = 0  # deltas sent
    bytes_sent: int = 0
    left_early: bool = False
    left_at: float | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def question(self) -> str:
        """The text of the last message."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)

    async def over(self, seconds: float = 5.0) -> None:
        """Wait until the answer was sent to its end, or the client left."""
        async with asyncio.timeout(seconds):
            await self._over.wait()


def marks(question: str, paragraphs: int = 12) -> list[str]:
    """The marks of `answer_to`, in order; each is there exactly once, and no other question has them."""
    digest = hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:8]
    return [f"{digest}-{number:03}" for number in range(1, paragraphs + 1)]


def answer_to(question: str, paragraphs: int = 12) -> str:
    """A long Markdown answer, always the same for the same question."""
    first, *others = marks(question, paragraphs)
    parts = [f"# Answer {first}\n\nThis is what the stand-in model has to say, in **{paragraphs}** parts."]
    bodies = (
        "A paragraph with *emphasis*, `code` and a [link](https://example.org/a_b), long enough to fill a line or two.",
        "- one thing\n- another thing, which is longer\n- a third one: 2 < 3, a_b_c, 5 * 4",
        '```python\ndef answer(question: str) -> str:\n    return f"{question}?"  # <not a tag>\n```',
        "Ещё один абзац, на этот раз по-русски, с эмодзи 👋 и словами, которые занимают место.",
    )
    parts += [f"## Part {mark}\n\n{bodies[number % len(bodies)]}" for number, mark in enumerate(others)]
    return "\n\n".join(parts) + "\n"


class BrokeOff(Exception):
    """The server itself broke the connection: not a client that left."""


async def chunks(http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
    """The bytes of a streamed answer, at its pace and with its fault."""
    yield _event({"role": "assistant", "content": None})
    if answer.reasoning:
        yield _event({"reasoning_content": answer.reasoning})
    for piece in pieces_of(answer, text):
        if answer.fault not in ("", "linger") and request.words == answer.after_words:
            async for chunk in _faulty(http, request, answer):
                yield chunk
            return
        if answer.words_per_second:
            await asyncio.sleep(1 / answer.words_per_second)
        if answer.keep_alives:
            yield b": keep-alive\n\n"
        request.words += 1
        yield _event({"content": piece})
    yield _event({}, answer.finish_reason or None)
    if answer.fault == "cut":  # the text had fewer words than were to come before it
        break_off(http)
    if answer.end_mark:
        usage = {"prompt_tokens": 7, "completion_tokens": request.words, "total_tokens": 7 + request.words}
        yield _data({"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"
    if answer.fault == "linger":
        await asyncio.Event().wait()


async def _faulty(http: web.Request, request: Request, answer: Answer) -> AsyncIterator[bytes]:
    match answer.fault:
        case "error":
            yield f"data: {answer.body or json.dumps(error_object('server_error', 'it fell over'))}\n\n".encode()
        case "cut":
            yield b'data: {"choices": [{"del'
            break_off(http)
        case "reset":
            break_off(http, reset=True)
        case "stall":
            await asyncio.Event().wait()
        case "endless":
            while True:
                request.words += 1
                yield _event({"content": "and on " * 100})
        case "huge_line":
            yield b'data: {"choices": [{"index": 0, "delta": {"content": "'
            for _ in range(answer.huge_bytes // PIECE_BYTES):
                yield b"x" * PIECE_BYTES
            yield b'"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
        case _:
            return  # cut_cleanly


def pieces_of(answer: Answer, text: str) -> Iterator[str]:
    for piece in answer.pieces or re.findall(r"\s*\S+\s*", text):
        if answer.split_emoji:
            yield from re.findall(".[^\ud800-\udfff]*", _as_javascript(piece), re.DOTALL)
        else:
            yield piece


def _as_javascript(text: str) -> str:
    units = struct.iter_unpack("<H", text.encode("utf-16-le", "surrogatepass"))
    return "".join(chr(unit) for (unit,) in units)


def break_off(http: web.Request, last: bytes = b"", *, reset: bool = False) -> None:
    """Close the connection under an answer, with a FIN or with a RST. Raises `BrokeOff`."""
    assert isinstance(http.transport, asyncio.Transport)
    http.transport.write(last)
    if reset:
        linger = struct.pack("ii", 1, 0)  # close sends RST, not FIN
        http.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    http.transport.close()
    raise BrokeOff


def _data(chunk: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'model': 'stand-in', **chunk})}\n\n".encode()


def _event(delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    return _data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def whole(text: str, finish_reason: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split())}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], "usage": usage}


def error_object(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
