"""How the stand-in Discord answers a call: the token, then a fault if one is due, the rate limit, the method."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from tests.servers.discord_errors import ApiError, Json, unauthorized
from tests.servers.discord_faults import Fault, Faults, Injected
from tests.servers.discord_rates import Rates, TooMany
from tests.servers.discord_routes import Route
from tests.servers.discord_wire import Ask, answered, html, read_body, refused
from tests.servers.discord_world import World
from tests.servers.telegram_wire import cut_body, reset

API = "/api/v10"
LARGEST_UPLOAD = 25 * 2**20
_MAJOR = ("channel", "guild", "token")


@dataclass(slots=True, eq=False)
class Call:
    """A call of the bot. `route` is "POST /channels/{channel}/messages", `channel` the one in the path.

    `status` is what was answered, 0 while it runs; `outcome`: "ok", a refusal ("50013 Missing Permissions"),
    "429", "fault: reset", "gone" where the bot closed the connection first.
    """

    at: float
    method: str
    path: str
    route: str
    channel: int | None
    body: Any = field(default=None, repr=False)
    status: int = 0
    outcome: str = ""
    took: float = 0.0
    result: Any = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """As faults know it."""
        return f"{self.method} {self.path}"


class Answers:
    """Answers HTTP requests for the API, and logs them in `calls`. `largest_upload`: bytes that a call may have."""

    def __init__(self, token: str, world: World, rates: Rates, faults: Faults) -> None:
        self.calls: list[Call] = []
        self.running = 0
        self.largest_upload = LARGEST_UPLOAD
        self._token = token
        self._world = world
        self._rates = rates
        self._faults = faults

    def add_to(self, app: web.Application, routes: Iterator[Route]) -> None:
        """Serve these methods."""
        for route in routes:
            app.router.add_route(route.method, API + route.path, partial(self._handle, route))
        app.router.add_route("*", "/api/{rest:.*}", self._unknown)

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(API)
        call = Call(self._world.now(), request.method, path, "", None)
        with self._logged(call):
            return self._refuse(call, ApiError(404, 0, "404: Not Found"), {})

    async def _handle(self, route: Route, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(API)
        channel = int(text) if (text := request.match_info.get("channel", "")).isdecimal() else None
        call = Call(self._world.now(), route.method, path, f"{route.method} {route.path}", channel)
        with self._logged(call):
            if not route.exempt and request.headers.get("Authorization") != f"Bot {self._token}":
                return self._refuse(call, unauthorized(), {})
            try:
                body, files = await read_body(request, self.largest_upload)
            except ApiError as error:
                return self._refuse(call, error, {})
            call.body = body
            ask = Ask(request.match_info, request.query, body, files)
            if fault := self._faults.draw(call.name):
                return await self._fail(request, call, route, ask, fault)
            return self._answer(call, route, ask)

    @contextlib.contextmanager
    def _logged(self, call: Call) -> Iterator[None]:
        self.calls.append(call)
        self.running += 1
        try:
            yield
        except asyncio.CancelledError:
            call.outcome = "gone"
            raise
        finally:
            self.running -= 1
            call.took = self._world.now() - call.at
            self._rates.answered(call.status)
            self._world.changes.happened()

    def _answer(self, call: Call, route: Route, ask: Ask) -> web.Response:
        major = ":".join(ask.path[name] for name in _MAJOR if name in ask.path)
        headers = self._rates.admit(call.method, call.path, route.bucket, major, exempt=route.exempt)
        if isinstance(headers, TooMany):
            return self._too_many(call, headers)
        try:
            call.result = route.handle(ask)
        except ApiError as error:
            return self._refuse(call, error, headers)
        call.status, call.outcome = (204 if call.result is None else route.status), "ok"
        return answered(call.status, call.result, headers)

    def _refuse(self, call: Call, error: ApiError, headers: Mapping[str, str]) -> web.Response:
        call.status, call.outcome = error.status, f"{error.code} {error.message}"
        return refused(error, headers)

    def _too_many(self, call: Call, refusal: TooMany) -> web.Response:
        call.status, call.outcome = 429, "429"
        return answered(429, refusal.body, refusal.headers)

    # Faults

    async def _fail(self, request: web.Request, call: Call, route: Route, ask: Ask, fault: Fault) -> web.StreamResponse:
        record = Injected(self._world.now(), fault, call.name)
        self._faults.injected.append(record)
        right = self._applied(call, route, ask, record) if fault.applied else None
        call.outcome = f"fault: {fault.kind}"
        match fault.kind:
            case "flood":
                return self._flooded(call, fault)
            case "refusal":
                return self._refuse(call, ApiError(fault.status, fault.code, fault.message), {})
            case "html":
                call.status = fault.status
                return html(fault.status)
            case "reset":
                return reset(request)
            case "cut_body":
                return await cut_body(request, call.result or {})
            case "wrong_type":
                return self._called_text(right)
            case "stall":
                await asyncio.sleep(fault.seconds)
                right = right or self._applied(call, route, ask, record)
                record.answered = True
                return right

    def _applied(self, call: Call, route: Route, ask: Ask, record: Injected) -> web.Response:
        response = self._answer(call, route, ask)
        record.applied = call.outcome == "ok"
        if record.applied and isinstance(call.result, dict) and "content" in call.result:
            record.message = int(call.result["id"])
        return response

    def _called_text(self, right: web.Response | None) -> web.Response:
        assert right
        right.headers["Content-Type"] = "text/plain; charset=utf-8"
        return right

    def _flooded(self, call: Call, fault: Fault) -> web.Response:
        everywhere, wait = fault.everywhere, fault.seconds
        refusal = self._rates.too_many(call.method, call.path, wait, everywhere=everywhere, injected=True)
        if not fault.via:
            refusal.headers.pop("Via", None)
        return self._too_many(call, refusal)


def readable(call: Call) -> Json:
    """A call as it can be told over HTTP; its answer is left out."""
    names = ("at", "method", "path", "route", "channel", "body", "status", "outcome", "took")
    return {name: getattr(call, name) for name in names}
