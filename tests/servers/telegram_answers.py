"""How the stand-in Telegram answers a call: the token, then a fault if one is due, flood control, the method."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.servers.telegram_faults import DOWNLOAD, POLLING, Fault, Faults, Injected
from tests.servers.telegram_flood import Flood
from tests.servers.telegram_methods import BotApi
from tests.servers.telegram_text import ApiError, Json
from tests.servers.telegram_updates import CONFLICT
from tests.servers.telegram_wire import Parameters, answer, bad_gateway, cut_body, file_body, read_fields, reset
from tests.servers.telegram_world import World

UNAUTHORIZED = ApiError(401, "Unauthorized")
NOT_FOUND = ApiError(404, "Not Found")


@dataclass(slots=True, eq=False)
class Call:
    """A call of the bot. `outcome`: "ok", an error as it was answered ("400 Bad Request: …"), "fault: reset",
    "gone" where the bot closed the connection first, "" while it runs."""

    at: float
    method: str
    chat: int | None
    fields: Json = field(repr=False)
    outcome: str = ""
    took: float = 0.0
    result: Any = field(default=None, repr=False)


class Answers:
    """Answers HTTP requests for the Bot API, and logs them in `calls`."""

    def __init__(self, token: str, world: World, api: BotApi, flood: Flood, faults: Faults) -> None:
        self.calls: list[Call] = []
        self.begun = 0  # calls so far, but getUpdates
        self.running = 0  # those that are not answered yet
        self._token = token
        self._world = world
        self._api = api
        self._flood = flood
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call from its arrival to its answer."""
        try:
            parameters = Parameters(await read_fields(request))
        except ApiError as refusal:
            return answer(refusal.body())
        method = request.match_info["method"]
        call = Call(self._world.now(), method, parameters.number("chat_id"), parameters.logged)
        with self._logged(call):
            if request.match_info["token"] != self._token:
                return self._refused(call, UNAUTHORIZED)
            if not self._api.knows(method):
                return self._refused(call, NOT_FOUND)
            fault = self._faults.draw(method, call.chat)
            if fault:
                return await self._fail(request, call, parameters, fault)
            return answer(await self._perform(call, parameters))

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file, by the path that getFile told. In `calls` it is a "download"."""
        path = request.match_info["path"]
        call = Call(self._world.now(), DOWNLOAD, None, {"path": path})
        with self._logged(call):
            if request.match_info["token"] != self._token:
                return self._refused(call, UNAUTHORIZED)
            file = self._world.files.at(path)
            if not file:
                return self._refused(call, NOT_FOUND)
            fault = self._faults.draw(DOWNLOAD, None)
            if fault:
                return await self._fail(request, call, Parameters({}), fault)
            call.outcome = "ok"
            return file_body(file.data)

    @contextlib.contextmanager
    def _logged(self, call: Call) -> Iterator[None]:
        self.calls.append(call)
        counts = call.method != POLLING
        self.begun += counts
        self.running += counts
        self._world.changes.happened()
        try:
            yield
        except asyncio.CancelledError:
            call.outcome = "gone"
            raise
        finally:
            self.running -= counts
            call.took = self._world.now() - call.at
            self._world.changes.happened()

    def _refused(self, call: Call, refusal: ApiError) -> web.Response:
        call.outcome = f"{refusal.code} {refusal.description}"
        return answer(refusal.body())

    async def _perform(self, call: Call, parameters: Parameters) -> Json:
        if call.method == DOWNLOAD:
            return {"ok": True, "result": call.fields}
        try:
            self._flood.admit(call.method, call.chat)
            call.result = await self._api.call(call.method, parameters)
        except ApiError as refusal:
            call.outcome = f"{refusal.code} {refusal.description}"
            return refusal.body()
        call.outcome = "ok"
        return {"ok": True, "result": call.result}

    async def _fail(self, request: web.Request, call: Call, parameters: Parameters, fault: Fault) -> web.StreamResponse:
        record = Injected(self._world.now(), fault, call.method, call.chat)
        self._faults.injected.append(record)
        body: Json = await self._apply(call, parameters, record) if fault.applied else {}
        call.outcome = f"fault: {fault.kind}"
        match fault.kind:
            case "flood" | "conflict" | "unauthorized":
                return self._refused(call, self._injected_refusal(call, fault))
            case "bad_gateway":
                return bad_gateway()
            case "reset":
                return reset(request)
            case "cut_body":
                return await cut_body(request, body)
            case "stall":
                return await self._stall(call, parameters, record, body)

    async def _apply(self, call: Call, parameters: Parameters, record: Injected) -> Json:
        body = await self._perform(call, parameters)
        record.applied = bool(body["ok"])
        if record.applied and isinstance(call.result, dict):
            record.message = call.result.get("message_id")
        return body

    async def _stall(self, call: Call, parameters: Parameters, record: Injected, body: Json) -> web.Response:
        call.outcome = ""
        await asyncio.sleep(record.fault.seconds)
        body = body or await self._apply(call, parameters, record)
        record.answered = True
        call.outcome = "fault: stall"
        return answer(body)

    def _injected_refusal(self, call: Call, fault: Fault) -> ApiError:
        if fault.kind == "unauthorized":
            return UNAUTHORIZED
        if fault.kind == "conflict":
            return ApiError(409, CONFLICT)
        if call.chat is not None and call.method in self._flood.rules.counts:
            self._flood.block(call.chat, fault.seconds)
        return self._flood.refusal(call.method, call.chat, fault.seconds, injected=True)
