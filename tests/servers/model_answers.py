"""What the stand-in model answers: its texts, and the bytes of OpenAI's protocol that tests/servers/model.py sends."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from tests.servers.streaming import Answer, Request, Wire, streamed

__all__ = ["Answer", "Request", "answer_to", "chunks", "error_object", "marks", "whole"]


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


class _Events(Wire):
    """Chunks of a chat completion."""

    def begin(self) -> Iterator[bytes]:
        yield _event({"role": "assistant", "content": None})
        if self.answer.reasoning:
            yield _event({"reasoning_content": self.answer.reasoning})

    def piece(self, text: str) -> bytes:
        return _event({"content": text})

    def failure(self) -> bytes:
        return f"data: {self.answer.body or json.dumps(error_object('server_error', 'it fell over'))}\n\n".encode()

    def torn(self) -> bytes:
        return b'data: {"choices": [{"del'

    def line_begins(self) -> bytes:
        return b'data: {"choices": [{"index": 0, "delta": {"content": "'

    def line_ends(self) -> bytes:
        return b'"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    def last_words(self, said: str) -> Iterator[bytes]:
        if self.answer.pictures:
            yield _event({"images": _images(self.answer.pictures)})
        yield _event({}, self.answer.finish_reason or None)

    def end(self, said: str) -> Iterator[bytes]:
        if self.answer.end_mark:
            words = self.request.words
            usage = {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words}
            yield _data({"choices": [], "usage": usage})
            yield b"data: [DONE]\n\n"


def chunks(http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
    """The bytes of a streamed answer, at its pace and with its fault."""
    return streamed(http, _Events(request, answer, text))


_HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "stand-in"}


def _data(chunk: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps({'object': 'chat.completion.chunk', **_HEAD, **chunk})}\n\n".encode()


def _event(delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    return _data({"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def _images(addresses: Sequence[str]) -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": address}} for address in addresses]


def whole(text: str, finish_reason: str, pictures: Sequence[str] = ()) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if pictures:
        message["images"] = _images(pictures)
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split())}
    choices = [{"index": 0, "message": message, "finish_reason": finish_reason}]
    return {"object": "chat.completion", **_HEAD, "choices": choices, "usage": usage}


def error_object(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
