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
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from aiohttp import web

from tests.servers.model_answers import (
    PIECE_BYTES,
    Answer,
    BrokeOff,
    Fault,
    Request,
    answer_to,
    break_off,
    chunks,
    error_object,
    marks,
    whole,
)
from tests.servers.model_images import Drawing, Pictures

__all__ = ["Answer", "Drawing", "Fault", "ModelServer", "Request", "answer_to", "marks"]


class ModelServer:
    """The server. `requests` is every question in order; `listings` counts `GET /models`."""

    def __init__(
        self, *, port: int = 0, api_key: str = "", models: tuple[str, ...] = ("stand-in",), context_words: int = 0
    ) -> None:
        self.requests: list[Request] = []
        self.default = Answer()
        self.rule: Callable[[Request], Answer | None] = lambda request: None
        self.listing: Answer | None = None  # instead of the list of models
        self.listings = 0
        self._port, self._api_key, self._models, self._context_words = port, api_key, models, context_words
        self._scripted: deque[Answer] = deque()
        self._came = asyncio.Event()
        self.pictures = Pictures(api_key)
        app = web.Application(client_max_size=2**28)
        self.pictures.add_to(app)
        for base in ("", "/v1"):
            app.router.add_post(f"{base}/chat/completions", self._chat)
            app.router.add_get(f"{base}/models", self._list)
        app.router.add_post("/script", self._take_script)
        app.router.add_get("/requests", self._tell_requests)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The `base_url` of a provider."""
        return f"http://127.0.0.1:{self._port}/v1"

    def script(self, *answers: Answer) -> None:
        """How to answer the next requests, one each; they go before `rule`, which goes before `default`."""
        self._scripted.extend(answers)

    async def asked(self, count: int = 1, seconds: float = 5.0) -> Request:
        """Wait for the `count`-th request since the start."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                self._came.clear()
                await self._came.wait()
        return self.requests[count - 1]

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await http.text())
        except ValueError:
            return _error(400, "invalid_request_error", "the body is not JSON")
        clock = asyncio.get_running_loop().time
        request = Request(http.path, dict(http.headers), body, clock())
        self.requests.append(request)
        self._came.set()
        try:
            return self._refusal(http, request) or await self._answer(http, request)
        except BrokeOff:
            return web.Response()
        except (asyncio.CancelledError, ConnectionError):
            request.left_early, request.left_at = True, clock()
            raise
        finally:
            request._over.set()

    def _refusal(self, http: web.Request, request: Request) -> web.Response | None:
        said = http.headers.get("Authorization", "")
        if self._api_key and said != f"Bearer {self._api_key}":
            return _error(401, "invalid_request_error", f"Incorrect API key provided: {said}", "invalid_api_key")
        words = len(json.dumps(request.body["messages"], ensure_ascii=False).split())
        if self._context_words and words > self._context_words:
            message = f"This model's maximum context length is {self._context_words} tokens, you asked for {words}."
            return _error(400, "invalid_request_error", message, "context_length_exceeded")
        return None

    async def _answer(self, http: web.Request, request: Request) -> web.StreamResponse:
        answer = self._scripted.popleft() if self._scripted else self.rule(request) or self.default
        if answer.fault == "silent":
            await asyncio.Event().wait()
        if answer.fault == "garbage":
            break_off(http, b"220 smtp.example.org ready\r\n\r\n")
        if answer.status != 200:
            return _failure(answer)
        if answer.fault == "html":
            return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")
        text = "".join(answer.pieces) or (answer_to(request.question) if answer.text is None else answer.text)
        if answer.fault == "json" or not request.body.get("stream"):
            return web.json_response(whole(text, answer.finish_reason))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **answer.headers})
        await response.prepare(http)
        with suppress(BrokeOff):
            await self._stream(http, response, request, answer, text)
        return response

    async def _stream(
        self, http: web.Request, response: web.StreamResponse, request: Request, answer: Answer, text: str
    ) -> None:
        async for chunk in chunks(http, request, answer, text):
            step = answer.fragment_bytes or PIECE_BYTES
            for begin in range(0, len(chunk), step):
                await response.write(chunk[begin : begin + step])
                request.bytes_sent += len(chunk[begin : begin + step])
                if answer.fragment_bytes:
                    await asyncio.sleep(0)  # so that the pieces go out one by one

    async def _list(self, http: web.Request) -> web.Response:
        self.listings += 1
        if self.listing:
            return _failure(self.listing)
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in self._models]})

    async def _take_script(self, http: web.Request) -> web.Response:
        self.script(*(Answer(**fields) for fields in await http.json()))
        return web.Response(status=204)

    async def _tell_requests(self, http: web.Request) -> web.Response:
        fields = ("path", "body", "arrived", "words", "left_early", "left_at")
        return web.json_response([{name: getattr(request, name) for name in fields} for request in self.requests])


def _error(status: int, kind: str, message: str, code: str | None = None) -> web.Response:
    return web.json_response(error_object(kind, message, code), status=status)


def _failure(answer: Answer) -> web.Response:
    body = answer.body or json.dumps(error_object("error", f"the stand-in was told to answer {answer.status}"))
    media_type = "text/html" if body.startswith("<") else "application/json"
    return web.Response(status=answer.status, body=body, headers={"Content-Type": media_type, **answer.headers})


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
