"""A stand-in for a model's server with OpenAI's protocol, on loopback: any pace, every fault, a record of each request.

    async with ModelServer() as model:
        model.script(Answer(text="one two three", words_per_second=50, fault="cut"))      # the next request only
        model.default = Answer(words_per_second=20)                                        # all others
        ... OpenAISettings(base_url=model.url) ...
        request = await model.asked()                      # the first request: .body, .headers, .question
        await request.over(); assert request.left_early    # the client closed it before the end: Stop works

`model.pictures` is the same for `POST /images/generations`, with `Drawing` in the place of `Answer`.
Without a script the answer is `answer_to(question)`: every one of `marks(question)` is in it once. As a process of its
own: `python -m tests.servers.model --port 8080`; `POST /script` takes a JSON list of answers, `GET /requests` lists.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web

from tests.servers.model_answers import answer_to, chunks, error_object, marks, whole
from tests.servers.model_images import Drawing, Pictures
from tests.servers.stand_in import StandIn, watched
from tests.servers.streaming import Answer, Fault, Request

__all__ = ["Answer", "Drawing", "Fault", "ModelServer", "Request", "answer_to", "marks"]


class ModelServer(StandIn):
    """The server. `requests` is every question in order; `listings` counts `GET /models`."""

    def __init__(
        self, *, port: int = 0, api_key: str = "", models: tuple[str, ...] = ("stand-in",), context_words: int = 0
    ) -> None:
        super().__init__(port=port)
        self.listing: Answer | None = None  # instead of the list of models
        self.listings = 0
        self._api_key, self._models, self._context_words = api_key, models, context_words
        self.pictures = Pictures(api_key)
        self.pictures.add_to(self._runner.app)
        for base in ("", "/v1"):
            self._routes.add_post(f"{base}/chat/completions", self._chat)
            self._routes.add_get(f"{base}/models", self._list)
        self._routes.add_post("/script", self._take_script)
        self._routes.add_get("/requests", self._tell_requests)

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await http.text())
        except ValueError:
            return _error(400, "invalid_request_error", "the body is not JSON")
        request = self._take(Request, http, body)
        with suppress(ConnectionError), watched(request):  # that the client left is no fault to be logged
            return self._refusal(http, request) or await self._answer(http, request, self._next(request))
        return web.Response()

    def _refusal(self, http: web.Request, request: Request) -> web.Response | None:
        said = http.headers.get("Authorization", "")
        if self._api_key and said != f"Bearer {self._api_key}":
            return _error(401, "invalid_request_error", f"Incorrect API key provided: {said}", "invalid_api_key")
        words = len(json.dumps(request.body["messages"], ensure_ascii=False).split())
        if self._context_words and words > self._context_words:
            message = f"This model's maximum context length is {self._context_words} tokens, you asked for {words}."
            return _error(400, "invalid_request_error", message, "context_length_exceeded")
        return None

    def _unstreamed(self, request: Request, answer: Answer, text: str) -> web.Response | None:
        if answer.fault == "json" or not request.body.get("stream"):
            return web.json_response(whole(text, answer.finish_reason, answer.pictures))
        return None

    def _chunks(self, http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
        return chunks(http, request, answer, text)

    def _complaint(self, message: str) -> Mapping[str, Any]:
        return error_object("error", message)

    async def _list(self, http: web.Request) -> web.Response:
        self.listings += 1
        if self.listing:
            return self._failure(self.listing)
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in self._models]})

    async def _take_script(self, http: web.Request) -> web.Response:
        self.script(*(Answer(**fields) for fields in await http.json()))
        return web.Response(status=204)

    async def _tell_requests(self, http: web.Request) -> web.Response:
        fields = ("path", "body", "arrived", "words", "left_early", "left_at")
        return web.json_response([{name: getattr(request, name) for name in fields} for request in self.requests])


def _error(status: int, kind: str, message: str, code: str | None = None) -> web.Response:
    return web.json_response(error_object(kind, message, code), status=status)


async def _serve(port: int, default: Answer) -> None:
    async with ModelServer(port=port) as server:
        server.default = default
        print(f"stand-in model at {server.url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A stand-in for a model's server.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--words-per-second", type=float, default=20)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.port, Answer(words_per_second=options.words_per_second)))
