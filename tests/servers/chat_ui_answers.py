"""How the stand-in chat-ui puts an answer on the wire in either dialect, as the real 0.4.0 and 0.20.0 were seen to."""

import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from aiohttp import web

from tests.servers.streaming import Answer, Request, Wire, streamed

PADDED_TO = 16  # characters of a modern token, filled up with NUL against guessing from sizes


class Frames(Wire):
    """The bytes of one dialect."""

    media_type: ClassVar[str]

    @abstractmethod
    def numbered(self, text: str, number: int) -> bytes:
        """A piece."""

    @abstractmethod
    def ending(self, text: str, count: int) -> bytes:
        """What comes after `count` pieces, which are `text`."""

    def piece(self, text: str) -> bytes:
        return self.numbered(text, self.request.words)

    def torn(self) -> bytes:
        return self._around()[0]

    def line_begins(self) -> bytes:
        return self._around()[0]

    def line_ends(self) -> bytes:
        return self._around()[1] + self._marked("x" * self.answer.huge_bytes, 1)

    def last_words(self, said: str) -> Iterator[bytes]:
        yield self._marked(_joined(said), self.request.words)

    def _marked(self, text: str, count: int) -> bytes:
        return self.ending(text, count) if self.answer.end_mark else b""

    def _around(self) -> tuple[bytes, bytes]:
        """What stands before and after the text of a piece."""
        before, _, after = self.numbered("@" * PADDED_TO, 0).partition(b"@" * PADDED_TO)
        return before, after


class LegacyFrames(Frames):
    """TGI's events."""

    media_type = "text/event-stream"

    def begin(self) -> Iterator[bytes]:
        yield self.keep_alive

    def numbered(self, text: str, number: int) -> bytes:
        token = {"id": number, "text": text, "logprob": -0.1, "special": False}
        return _event({"index": number, "token": token, "generated_text": None, "details": None})

    def failure(self) -> bytes:
        said = {
            "error": "Request failed during generation: Server error: CUDA out of memory",
            "error_type": "generation",
        }
        return f"data:{self.answer.body}\n\n".encode() if self.answer.body else _event(said)

    def ending(self, text: str, count: int) -> bytes:
        reason = "eos_token" if self.answer.finish_reason == "stop" else self.answer.finish_reason
        token = {"id": 2, "text": "</s>", "logprob": -0.1, "special": True}
        details = {"finish_reason": reason, "generated_tokens": count, "seed": None, "input_length": 7}
        return _event({"index": count, "token": token, "generated_text": text, "details": details})


class ModernFrames(Frames):
    """JSON lines; `Answer.body` is the text of finalAnswer where it differs from what was streamed."""

    media_type = "application/jsonl"
    keep_alive = b'{"type":"status","status":"keepAlive"}\n'

    def begin(self) -> Iterator[bytes]:
        thoughts = (
            [
                {"type": "reasoning", "subtype": "status", "status": "Started reasoning..."},
                {"type": "reasoning", "subtype": "stream", "token": self.answer.reasoning},
            ]
            if self.answer.reasoning
            else []
        )
        started: list[dict[str, Any]] = [{"type": "status", "status": "started"}]
        yield b"".join(_line(line) for line in started + thoughts) + self.keep_alive

    def numbered(self, text: str, number: int) -> bytes:
        return _line({"type": "stream", "token": text.ljust(PADDED_TO, "\0")})

    def failure(self) -> bytes:
        said = {"type": "status", "status": "error", "message": "terminated"}
        return f"{self.answer.body}\n".encode() if self.answer.body else _line(said)

    def ending(self, text: str, count: int) -> bytes:
        final = self.answer.body or text.rstrip()  # chat-ui takes the white space from the end
        interrupted = self.answer.finish_reason == "length"
        title = _line({"type": "title", "title": final[:40]})
        last = _line({"type": "finalAnswer", "text": final, "interrupted": interrupted})
        return title + last + b" " * 4096  # so that no browser holds it back


def spoken(
    http: web.Request, request: Request, answer: Answer, text: str, frames: type[Frames]
) -> AsyncIterator[bytes]:
    """The bytes of a streamed answer, at its pace and with its fault."""
    return streamed(http, frames(request, answer, text))


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
