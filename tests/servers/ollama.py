"""A stand-in for Ollama's own API, on loopback: `POST /api/chat` and `GET /api/tags`, as its documentation has them.

async with OllamaServer() as server:
    server.script(Answer(text="one two three", fault="cut"))      # as tests/servers/model.py
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from aiohttp import web

from tests.servers.stand_in import StandIn, watched
from tests.servers.streaming import Answer, Request, Wire, streamed


class OllamaServer(StandIn):
    """The server."""

    _media_type = "application/x-ndjson"

    def __init__(self) -> None:
        super().__init__()
        self._routes.add_post("/api/chat", self._ask)
        self._routes.add_get("/api/tags", self._list)

    async def _ask(self, http: web.Request) -> web.StreamResponse:
        request = self._take(Request, http, json.loads(await http.text()))
        with watched(request):
            return await self._answer(http, request, self._next(request))
        return web.Response()

    async def _list(self, http: web.Request) -> web.Response:
        return web.json_response({"models": [{"name": "stand-in", "size": 4_000_000_000}]})

    def _complaint(self, message: str) -> Mapping[str, Any]:
        return {"error": message}

    def _chunks(self, http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
        return streamed(http, _Lines(request, answer, text))


class _Lines(Wire):
    """One JSON object a line."""

    keep_alive = b"\n"

    def begin(self) -> Iterator[bytes]:
        yield from ()

    def piece(self, text: str) -> bytes:
        return _line({"message": {"role": "assistant", "content": text}, "done": False})

    def failure(self) -> bytes:
        return self.answer.body.encode() or _line({"error": "an error was encountered while running the model"})

    def torn(self) -> bytes:
        return b'{"message": {"role": "assistant", "cont'

    def line_begins(self) -> bytes:
        return b'{"message": {"role": "assistant", "content": "'

    def line_ends(self) -> bytes:
        return b'"}, "done": false}\n'

    def end(self, said: str) -> Iterator[bytes]:
        counts = {"prompt_eval_count": 7, "eval_count": self.request.words}
        if self.answer.end_mark:
            yield _line({"done": True, "done_reason": self.answer.finish_reason, **counts})


def _line(payload: Mapping[str, Any]) -> bytes:
    return json.dumps({"model": "stand-in", **payload}).encode() + b"\n"
