"""How the stand-in chat-ui puts an answer on the wire in either dialect, as the real 0.4.0 and 0.20.0 were seen to."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

from aiohttp import web

from tests.servers.model_answers import PIECE_BYTES, Answer, Request, break_off, pieces_of

PADDED_TO = 16  # characters of a modern token, filled up with NUL against guessing from sizes


class Frames(Protocol):
    """The bytes of one dialect."""

    media_type: str
    keep_alive: bytes

    def begin(self, answer: Answer) -> bytes: ...

    def piece(self, text: str, number: int) -> bytes: ...

    def failure(self, answer: Answer) -> bytes: ...

    def end(self, answer: Answer, text: str, count: int) -> bytes: ...


class LegacyFrames:
    """TGI's events."""

    media_type = "text/event-stream"
    keep_alive = b": keep-alive\n\n"

    def begin(self, answer: Answer) -> bytes:
        return self.keep_alive

    def piece(self, text: str, number: int) -> bytes:
        token = {"id": number, "text": text, "logprob": -0.1, "special": False}
        return _event({"index": number, "token": token, "generated_text": None, "details": None})

    def failure(self, answer: Answer) -> bytes:
        said = {
            "error": "Request failed during generation: Server error: CUDA out of memory",
            "error_type": "generation",
        }
        return f"data:{answer.body}\n\n".encode() if answer.body else _event(said)

    def end(self, answer: Answer, text: str, count: int) -> bytes:
        if not answer.end_mark:
            return b""
        reason = "eos_token" if answer.finish_reason == "stop" else answer.finish_reason
        token = {"id": 2, "text": "</s>", "logprob": -0.1, "special": True}
        details = {"finish_reason": reason, "generated_tokens": count, "seed": None, "input_length": 7}
        return _event({"index": count, "token": token, "generated_text": text, "details": details})


class ModernFrames:
    """JSON lines; `Answer.body` is the text of finalAnswer where it differs from what was streamed."""

    media_type = "application/jsonl"
    keep_alive = b'{"type":"status","status":"keepAlive"}\n'

    def begin(self, answer: Answer) -> bytes:
        thoughts = (
            [
                {"type": "reasoning", "subtype": "status", "status": "Started reasoning..."},
                {"type": "reasoning", "subtype": "stream", "token": answer.reasoning},
            ]
            if answer.reasoning
            else []
        )
        started: list[dict[str, Any]] = [{"type": "status", "status": "started"}]
        return b"".join(_line(line) for line in started + thoughts) + self.keep_alive

    def piece(self, text: str, number: int) -> bytes:
        return _line({"type": "stream", "token": text.ljust(PADDED_TO, "\0")})

    def failure(self, answer: Answer) -> bytes:
        said = {"type": "status", "status": "error", "message": "terminated"}
        return f"{answer.body}\n".encode() if answer.body else _line(said)

    def end(self, answer: Answer, text: str, count: int) -> bytes:
        if not answer.end_mark:
            return b""
        final = answer.body or text.rstrip()  # chat-ui takes the white space from the end
        interrupted = answer.finish_reason == "length"
        title = _line({"type": "title", "title": final[:40]})
        last = _line({"type": "finalAnswer", "text": final, "interrupted": interrupted})
        return title + last + b" " * 4096  # so that no browser holds it back


async def spoken(
    http: web.Request, request: Request, answer: Answer, text: str, frames: Frames
) -> AsyncIterator[bytes]:
    """The bytes of a streamed answer, at its pace and with its fault."""
    said = []
    yield frames.begin(answer)
    for piece in pieces_of(answer, text):
        if answer.fault not in ("", "linger") and request.words == answer.after_words:
            async for chunk in _faulty(http, request, answer, frames):
                yield chunk
            return
        if answer.words_per_second:
            await asyncio.sleep(1 / answer.words_per_second)
        if answer.keep_alives:
            yield frames.keep_alive
        request.words += 1
        said.append(piece)
        yield frames.piece(piece, request.words)
    yield frames.end(answer, _joined("".join(said)), request.words)
    if answer.fault == "cut":  # the text had fewer words than were to come before it
        break_off(http)
    if answer.fault == "linger":
        await asyncio.Event().wait()


async def _faulty(http: web.Request, request: Request, answer: Answer, frames: Frames) -> AsyncIterator[bytes]:
    before, _, after = frames.piece("@" * PADDED_TO, 0).partition(b"@" * PADDED_TO)
    match answer.fault:
        case "error":
            yield frames.failure(answer)
        case "cut":
            yield before
            break_off(http)
        case "reset":
            break_off(http, reset=True)
        case "stall":
            await asyncio.Event().wait()
        case "endless":
            while True:
                request.words += 1
                yield frames.piece("and on " * 100, request.words)
        case "huge_line":
            yield before
            for _ in range(answer.huge_bytes // PIECE_BYTES):
                yield b"x" * PIECE_BYTES
            yield after + frames.end(answer, "x" * answer.huge_bytes, 1)
        case _:
            return  # cut_cleanly


def _joined(text: str) -> str:
    """As JavaScript joins strings: two halves of an emoji are one again."""
    return text.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _event(payload: dict[str, Any]) -> bytes:
    return b"data:" + _json(payload) + b"\n\n"


def _line(payload: dict[str, Any]) -> bytes:
    return _json(payload) + b"\n"


def _json(payload: dict[str, Any]) -> bytes:
    """As JavaScript writes it: UTF-8, only half emoji are escaped."""
    return json.dumps(payload, ensure_ascii=False).encode("utf-8", "backslashreplace")
