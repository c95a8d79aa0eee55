"""What every stand-in for a model's server is: steered by a script, a record of its requests, on a free port.

class Server(StandIn):                                   # adds its routes to `_routes`
    async def _ask(self, http): ...                       # with `_take`, `watched`, `_next` and `_answer`
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

from aiohttp import web
from aiohttp.typedefs import Middleware

from tests.servers.model_answers import answer_to
from tests.servers.streaming import PIECE_BYTES, Answer, BrokeOff, Request, break_off

R = TypeVar("R", bound=Request)


class StandIn(ABC):
    """The server. `requests` is every question in order."""

    _media_type = "text/event-stream"

    def __init__(self, *, port: int = 0, middlewares: Sequence[Middleware] = ()) -> None:
        self.requests: list[Request] = []
        self.default = Answer()
        self.rule: Callable[[Request], Answer | None] = lambda request: None
        self._port = port
        self._scripted: deque[Answer] = deque()
        self._came = asyncio.Event()
        app = web.Application(client_max_size=2**28, middlewares=middlewares)
        self._routes = app.router
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        return self._port

    @property
    def root(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The `base_url` of a provider."""
        return self.root

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

    def _take(self, kind: type[R], http: web.Request, body: Any, **more: Any) -> R:
        request = arrived(kind, http, body, **more)
        self.requests.append(request)
        self._came.set()
        return request

    def _next(self, request: Request) -> Answer:
        return self._scripted.popleft() if self._scripted else self.rule(request) or self.default

    async def _answer(self, http: web.Request, request: Request, answer: Answer) -> web.StreamResponse:
        if answer.fault == "silent":
            await asyncio.Event().wait()
        if answer.fault == "garbage":
            break_off(http, b"220 smtp.example.org ready\r\n\r\n")
        if answer.status != 200:
            return self._failure(answer)
        if answer.fault == "html":
            return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")
        text = text_of(request, answer)
        if unstreamed := self._unstreamed(request, answer, text):
            return unstreamed
        response = web.StreamResponse(headers={"Content-Type": self._media_type, **answer.headers})
        await response.prepare(http)
        with suppress(BrokeOff):
            await self._stream(http, response, request, answer, text)
        return response

    def _failure(self, answer: Answer) -> web.Response:
        body = answer.body or json.dumps(self._complaint(f"the stand-in was told to answer {answer.status}"))
        media_type = "text/html" if body.startswith("<") else "application/json"
        return web.Response(status=answer.status, body=body, headers={"Content-Type": media_type, **answer.headers})

    @abstractmethod
    def _complaint(self, message: str) -> Mapping[str, Any]:
        """The JSON of an error."""

    def _unstreamed(self, request: Request, answer: Answer, text: str) -> web.Response | None:
        """The whole answer, where no stream is wanted."""
        return None

    async def _stream(
        self, http: web.Request, response: web.StreamResponse, request: Request, answer: Answer, text: str
    ) -> None:
        async for chunk in self._chunks(http, request, answer, text):
            await send(response, request, answer, chunk)

    @abstractmethod
    def _chunks(self, http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
        """The bytes of a streamed answer."""


def text_of(request: Request, answer: Answer) -> str:
    """What is to be said."""
    return "".join(answer.pieces) or (answer_to(request.question) if answer.text is None else answer.text)


def arrived(kind: type[R], http: web.Request, body: Any, **more: Any) -> R:
    """A request that came now."""
    return kind(http.path, dict(http.headers), body, asyncio.get_running_loop().time(), **more)


@contextmanager
def watched(request: Request) -> Iterator[None]:
    """Notes how a request goes on, while it is answered. That the server itself breaks off ends it quietly."""
    try:
        yield
    except BrokeOff:
        pass
    except (asyncio.CancelledError, ConnectionError):
        request.left_early = True
        request.left_at = request.left_at or asyncio.get_running_loop().time()
        raise
    finally:
        request._over.set()


async def send(response: web.StreamResponse, request: Request, answer: Answer, chunk: bytes) -> None:
    """Write a chunk, in the fragments that are wanted."""
    step = answer.fragment_bytes or PIECE_BYTES
    for begin in range(0, len(chunk), step):
        await response.write(chunk[begin : begin + step])
        request.bytes_sent += len(chunk[begin : begin + step])
        if answer.fragment_bytes:
            await asyncio.sleep(0)  # so that the pieces go out one by one
