"""A stand-in for a Gradio app and the hub that knows its Space, on loopback: any form of history, every fault.

async with GradioServer("parts") as app:
    app.script(Answer(fault="cut"))                        # as with ModelServer
    app.ranks = (3, 1, 0)                                   # places in the queue that are told before it begins
    app.stages.extend(["SLEEPING", "RUNNING"])             # what the hub says, one each; until RUNNING it sleeps
    ... base_url=app.url ...
    request = await app.asked(); request.body, request.data, request.cancelled
"""

import asyncio
import json
from collections import deque
from contextlib import suppress

from aiohttp import web

from tests.servers.gradio_answers import (
    FN_INDEX,
    Form,
    GradioRequest,
    completed_early,
    config_of,
    messages_of,
    told,
    waiting,
)
from tests.servers.model import Answer, ModelServer
from tests.servers.stand_in import send, text_of, watched
from tests.servers.streaming import BrokeOff, break_off

QUEUE_FULL = Answer(status=503, body='{"detail":"Queue is full. Max size is 2 and size is 2."}')


class GradioServer(ModelServer):
    """The app. `listings` counts `GET /config`, `config` is what it says."""

    def __init__(self, form: Form = "pairs", *, api_key: str = "", sizes: tuple[str, ...] = ()) -> None:
        super().__init__(api_key=api_key)
        self.config = config_of(form, sizes)
        self.ranks: tuple[int, ...] = (0,)
        self.stages: deque[str] = deque()
        self.hub_requests: list[web.Request] = []
        self.queued_seconds = 0.0  # from the last of `ranks` to the beginning
        self.joining = 0.0  # seconds that a join takes
        self.deaf_to = ""  # a path that is never answered: `cancel`, `queue/data`
        self.listened: list[str] = []  # session hashes of `GET /queue/data`
        self._form = form
        self._sessions: dict[str, tuple[GradioRequest, Answer]] = {}
        prefix = self.config.get("api_prefix", "")
        routes = self._routes
        routes.add_get("/config", self._config)
        routes.add_post(f"{prefix}/queue/join", self._join)
        routes.add_get(f"{prefix}/queue/data", self._data)
        routes.add_post(f"{prefix}/cancel", self._cancel)
        routes.add_get("/api/spaces/by-subdomain/{name}", self._hub)

    @property
    def url(self) -> str:
        return self.root

    def _asleep(self) -> web.Response | None:
        if not self.stages or self.stages[0].startswith("RUNNING"):
            return None
        return web.Response(text="<html><body>Preparing Space</body></html>", content_type="text/html")

    async def _config(self, http: web.Request) -> web.Response:
        self.listings += 1
        if self.listing:
            return web.Response(status=self.listing.status, text=self.listing.body)
        return self._asleep() or web.json_response(self.config)

    async def _join(self, http: web.Request) -> web.StreamResponse:
        joined = json.loads(await http.text())
        body = told(self._form, joined["data"])
        more = {name: joined[name] for name in ("data", "fn_index")}
        more |= {"session": joined["session_hash"], "event_id": f"event-{len(self.requests)}"}
        request = self._take(GradioRequest, http, body, form=self._form, **more)
        await asyncio.sleep(self.joining)
        answer = self._next(request)
        self._sessions[request.session] = (request, answer)
        refused = True
        try:
            refusal = await self._refused(http, request, answer)
            refused = refusal is not None
            return refusal or web.json_response({"event_id": request.event_id})
        except asyncio.CancelledError:
            request.left_early, request.left_at = True, asyncio.get_running_loop().time()
            raise
        finally:
            if refused:
                request._over.set()

    async def _refused(self, http: web.Request, request: GradioRequest, answer: Answer) -> web.Response | None:
        said = http.headers.get("X-HF-Authorization", "")
        if self._api_key and said != f"Bearer {self._api_key}":
            return web.json_response({"detail": f"Not authenticated: {said}"}, status=401)
        if request.fn_index != FN_INDEX:
            return web.Response(status=500, text="Internal Server Error")
        if answer.fault == "silent":
            await asyncio.Event().wait()
        if answer.fault == "garbage":
            with suppress(BrokeOff):
                break_off(http, b"220 smtp.example.org ready\r\n\r\n")
        if answer.fault == "html":
            return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")
        if answer.status == 200:
            return None
        body = answer.body or json.dumps({"detail": f"told to answer {answer.status}"})
        return web.Response(status=answer.status, body=body, headers={"Content-Type": "text/plain", **answer.headers})

    async def _data(self, http: web.Request) -> web.StreamResponse:
        self.listened.append(http.query["session_hash"])
        if self.deaf_to == "queue/data":
            await asyncio.Event().wait()
        request, answer = self._sessions.get(http.query["session_hash"], (None, Answer()))
        if answer.fault == "json":
            return web.json_response({"data": []})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **answer.headers})
        await response.prepare(http)
        if request is None:
            await response.write(
                b'data: {"msg":"unexpected_error","event_id":null,"message":"404: Session not found."}'
            )
            return response
        with watched(request):
            await self._tell(http, response, request, answer)
        return response

    async def _tell(
        self, http: web.Request, response: web.StreamResponse, request: GradioRequest, answer: Answer
    ) -> None:
        async for message in waiting(request, self.ranks, self.queued_seconds):
            await response.write(message)
        async for chunk in messages_of(http, request, answer, text_of(request, answer)):
            if request.cancelled:
                await response.write(completed_early(request))
                return
            await send(response, request, answer, chunk)

    async def _cancel(self, http: web.Request) -> web.Response:
        if self.deaf_to == "cancel":
            await asyncio.Event().wait()
        asked = await http.json()
        request, _ = self._sessions[asked["session_hash"]]
        assert (asked["event_id"], asked["fn_index"]) == (request.event_id, request.fn_index)
        request.cancelled = request.left_early = True
        request.left_at = asyncio.get_running_loop().time()
        return web.json_response({"success": True})

    async def _hub(self, http: web.Request) -> web.Response:
        self.hub_requests.append(http)
        if not self.stages:
            return web.json_response({"error": "Invalid username or password."}, status=401)
        stage = self.stages[0]
        if len(self.stages) > 1:
            self.stages.popleft()
        return web.json_response({"id": http.match_info["name"], "runtime": {"stage": stage}})
