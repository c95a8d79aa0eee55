"""A stand-in for Anthropic's API on loopback: `POST /v1/messages` and `GET /v1/models`, as strict as the real one.

It refuses what the real one refuses (read in its documentation): a question without `max_tokens` or a version, roles
out of turn, empty text, pictures in answers, more than four cache marks, an open answer that ends in white space.
Models named in `no_prefill` refuse open answers, as Claude does since 4.6. Cached tokens are counted as it counts them.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from aiohttp import web

from tests.servers.stand_in import StandIn, watched
from tests.servers.streaming import Answer, Request, Wire, streamed


class AnthropicServer(StandIn):
    """The server. `requests` is every question in order."""

    def __init__(self, *, models: tuple[str, ...] = ("stand-in", "stand-in-2"), page: int = 1) -> None:
        super().__init__()
        self.no_prefill: set[str] = set()
        self.complain: Callable[[Any], str] = lambda body: ""  # what is wrong with a body, beyond that; "" = nothing
        self.stop_reason = "end_turn"
        self.blocks: tuple[Mapping[str, Any], ...] = ()  # that come before the text, whole
        self.listed: list[web.Request] = []
        self._models, self._page = models, page
        self._routes.add_post("/v1/messages", self._message)
        self._routes.add_get("/v1/models", self._list)

    async def _message(self, http: web.Request) -> web.StreamResponse:
        request = self._take(Request, http, json.loads(await http.text()))
        with watched(request):
            if complaint := self._complaint_about(request):
                return web.json_response(error_object("invalid_request_error", complaint), status=400)
            return await self._answer(http, request, self._next(request))
        return web.Response()

    def _complaint_about(self, request: Request) -> str:
        body, last = request.body, request.body["messages"][-1]
        roles = [message["role"] for message in body["messages"]]
        if "max_tokens" not in body or "anthropic-version" not in request.headers:
            return "max_tokens: Field required"
        if roles[0] != "user" or any(one == other for one, other in pairwise(roles)):
            return "messages: roles must alternate"
        if any(not block["text"].strip() for block in blocks_of(body) if block["type"] == "text"):
            return "messages: text content blocks must be non-empty"
        if json.dumps(body).count("cache_control") > 4:
            return "A maximum of 4 blocks with cache_control may be provided."
        if last["role"] == "assistant":
            if body["model"] in self.no_prefill:
                return "This model does not support assistant message prefill. The conversation must end with a user …"
            if last["content"][-1]["text"] != last["content"][-1]["text"].rstrip():
                return "messages: final assistant content cannot end with trailing whitespace"
        return self.complain(body)

    def _unstreamed(self, request: Request, answer: Answer, text: str) -> web.Response | None:
        if answer.fault != "json":
            return None
        message = {
            "type": "message", "role": "assistant", "content": [*self.blocks, {"type": "text", "text": text}],
            "stop_reason": self.stop_reason, "usage": {"input_tokens": 7, "output_tokens": len(text.split())},
        }  # fmt: skip
        return web.json_response(message)

    def _chunks(self, http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
        return streamed(http, _Events(request, answer, text, self))

    def _complaint(self, message: str) -> Mapping[str, Any]:
        return error_object("api_error", message)

    async def _list(self, http: web.Request) -> web.Response:
        self.listed.append(http)
        begin = self._models.index(http.query["after_id"]) + 1 if "after_id" in http.query else 0
        names = self._models[begin : begin + self._page]
        entries = [{"type": "model", "id": name, "display_name": name.title()} for name in names]
        more = begin + self._page < len(self._models)
        return web.json_response({"data": entries, "has_more": more, "first_id": names[0], "last_id": names[-1]})


@dataclass(frozen=True, eq=False)
class _Events(Wire):
    """The events of one message."""

    keep_alive: ClassVar[bytes] = b'event: ping\ndata: {"type": "ping"}\n\n'

    server: AnthropicServer

    def begin(self) -> Iterator[bytes]:
        usage = {"input_tokens": 7, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100}
        message = {"type": "message", "role": "assistant", "content": [], "usage": {**usage, "output_tokens": 1}}
        yield _event("message_start", message=message)
        for number, block in enumerate(self.server.blocks):
            yield _event("content_block_start", index=number, content_block=block)
            yield _event("content_block_stop", index=number)
        if self.answer.reasoning:
            yield _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
            yield _event("content_block_delta", delta={"type": "thinking_delta", "thinking": self.answer.reasoning})
            yield _event("content_block_delta", delta={"type": "signature_delta", "signature": "EqQBCgIYAhIM"})
            yield _event("content_block_stop", index=0)
        yield _event("content_block_start", index=1, content_block={"type": "text", "text": ""})

    def piece(self, text: str) -> bytes:
        return _event("content_block_delta", index=1, delta={"type": "text_delta", "text": text})

    def failure(self) -> bytes:
        body = self.answer.body or json.dumps(error_object("overloaded_error", "Overloaded"))
        return f"event: error\ndata: {body}\n\n".encode()

    def torn(self) -> bytes:
        return b'event: content_block_delta\ndata: {"type": "content_block_de'

    def line_begins(self) -> bytes:
        return b'data: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "'

    def line_ends(self) -> bytes:
        return b'"}}\n\n'

    def last_words(self, said: str) -> Iterator[bytes]:
        yield _event("content_block_stop", index=1)
        delta = {"stop_reason": self.server.stop_reason, "stop_sequence": None}
        yield _event("message_delta", delta=delta, usage={"output_tokens": self.request.words})

    def end(self, said: str) -> Iterator[bytes]:
        if self.answer.end_mark:
            yield _event("message_stop")


def blocks_of(body: Mapping[str, Any]) -> list[Any]:
    """All blocks of all messages."""
    return [block for message in body["messages"] for block in message["content"]]


def error_object(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
