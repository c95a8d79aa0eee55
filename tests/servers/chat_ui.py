"""A stand-in for chat-ui, on loopback: the legacy dialect of 0.4.0 and the modern one of 0.20.0, as they were recorded.

    async with ChatUiServer("modern") as server:
        server.script(Answer(text="one two three", fault="cut"))      # as tests/servers/model.py
        ... ChatUiSettings(base_url=server.url, dialect="modern") ...
        assert server.conversations == {}                              # all were deleted
        assert server.calls == ["POST /conversation", ...]

Cookies, the terms that must be accepted, the headers that must be there and the texts of refusals are the real ones'.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from aiohttp import web

from tests.servers.chat_ui_answers import Frames, LegacyFrames, ModernFrames, spoken
from tests.servers.stand_in import StandIn, watched
from tests.servers.streaming import Answer, Request

COOKIES = {"legacy": "h2ogpt-chat", "modern": "hf-chat"}


@dataclass(eq=False)
class ChatUiRequest(Request):
    """A question. `body` is its JSON, of the form's field `data` in the modern dialect."""

    conversation: str = ""

    @property
    def question(self) -> str:
        """What the person asked, without the transcript around it."""
        inputs: str = self.body["inputs"]
        return inputs.rpartition("\nuser: ")[2].removesuffix("\nassistant:")


@dataclass(frozen=True)
class Conversation:
    """Made by one session, seen by no other."""

    session: str
    model: str
    preprompt: str
    root: str


class ChatUiServer(StandIn):
    """The server. `requests` are the questions in order, `calls` is everything that was asked.

    `deletions`: how to answer DELETE, one each, before it works again; `creating`: seconds that a conversation takes.
    """

    def __init__(self, dialect: Literal["legacy", "modern"], models: tuple[str, ...] = ("stand-in",)) -> None:
        super().__init__(middlewares=[self._note])
        self.calls: list[str] = []
        self.conversations: dict[str, Conversation] = {}
        self.made: list[Conversation] = []
        self.stopped: list[str] = []
        self.sessions: dict[str, dict[str, str]] = {}  # cookie → the settings that were sent
        self.deletions: deque[Answer] = deque()
        self.creating = 0.0
        self.dialect, self._models = dialect, models
        self._frames: type[Frames] = LegacyFrames if dialect == "legacy" else ModernFrames
        self._media_type = self._frames.media_type
        self._routes.add_post("/settings", self._settings)
        self._routes.add_post("/conversation", self._create)
        self._routes.add_post("/conversation/{id}", self._ask)
        if dialect == "legacy":
            self._routes.add_delete("/conversation/{id}", self._delete)
        else:
            self._routes.add_get("/api/v2/conversations/{id}", self._show)
            self._routes.add_delete("/api/v2/conversations/{id}", self._delete)
            self._routes.add_post("/conversation/{id}/stop-generating", self._stop)
            self._routes.add_get("/api/v2/models", self._list)

    async def emptied(self, seconds: float = 5.0) -> None:
        """Wait until no conversation is left."""
        async with asyncio.timeout(seconds):
            while self.conversations:
                await asyncio.sleep(0.005)

    @web.middleware
    async def _note(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        path = request.path
        for conversation in self.conversations:
            path = path.replace(conversation, "ID")
        self.calls.append(f"{request.method} {path}")
        return await handler(request)

    def _cookie(self, http: web.Request) -> str:
        return http.cookies.get(COOKIES[self.dialect], "")

    async def _settings(self, http: web.Request) -> web.Response:
        if self.dialect == "modern":
            return _internal_error()
        if http.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
            return web.Response(status=500, text='{"message":"Internal Error"}', content_type="application/json")
        if not http.headers.get("Referer", "").startswith(self.url):
            return web.Response(status=403, text="Non-JSON form requests need to have a referer")
        form = {name: str(value) for name, value in (await http.post()).items()}
        if form.get("activeModel") not in self._models:
            return web.json_response({"message": "Internal Error"}, status=500)
        session = self._cookie(http) or str(uuid4())
        self.sessions[session] = form
        response = web.json_response({"type": "redirect", "status": 303, "location": f"{self.url}/"})
        return self._with_cookie(response, session)

    async def _create(self, http: web.Request) -> web.Response:
        session = self._cookie(http)
        if refusal := self._without_terms(session):
            return refusal
        asked = await http.json()
        if asked["model"] not in self._models:
            status, message = (500, "Internal Error") if self.dialect == "legacy" else (400, "Invalid request")
            return web.json_response({"message": message}, status=status)
        session = session or str(uuid4())
        conversation = Conversation(session, asked["model"], asked.get("preprompt", ""), str(uuid4()))
        number = uuid4().hex[:24]
        self.conversations[number] = conversation
        self.made.append(conversation)
        if self.creating:
            with suppress(asyncio.CancelledError):  # it is made, whether or not anybody waits for it
                await asyncio.sleep(self.creating)
        if self.dialect == "legacy":
            return web.json_response({"conversationId": number})
        made = {"conversationId": number, "conversation": json.dumps(self._shown(number))}
        return self._with_cookie(web.json_response(made), session)

    async def _ask(self, http: web.Request) -> web.StreamResponse:
        number = http.match_info["id"]
        if refusal := self._without_terms(self._cookie(http)) or self._not_theirs(http, number):
            return refusal
        body = await self._question(http, number)
        if isinstance(body, web.Response):
            return body
        request = self._take(ChatUiRequest, http, body, conversation=number)
        with watched(request):
            return await self._answer(http, request, self._next(request))
        return web.Response()

    async def _question(self, http: web.Request, number: str) -> dict[str, object] | web.Response:
        """The JSON of a question, or what the real one says to a wrong one."""
        if self.dialect == "legacy":
            body: dict[str, object] = await http.json()
            return body if body.get("inputs") else web.json_response({"message": "Internal Error"}, status=500)
        if http.content_type == "application/json":
            return _internal_error()
        if http.headers.get("Origin") != self.url:
            return web.Response(status=403, text="Non-JSON form requests need to have an origin")
        data = (await http.post())["data"]
        body = json.loads(data if isinstance(data, str) else "null")
        known = body.get("id") == self.conversations[number].root
        return body if known and str(body.get("inputs", "")).strip() else _internal_error()

    def _chunks(self, http: web.Request, request: Request, answer: Answer, text: str) -> AsyncIterator[bytes]:
        return spoken(http, request, answer, text, self._frames)

    def _complaint(self, message: str) -> Mapping[str, Any]:
        return {"error": message}

    async def _show(self, http: web.Request) -> web.Response:
        number = http.match_info["id"]
        return self._not_theirs(http, number) or web.json_response(self._shown(number))

    async def _stop(self, http: web.Request) -> web.Response:
        number = http.match_info["id"]
        if refusal := self._not_theirs(http, number):
            return refusal
        self.stopped.append(number)
        return web.Response()

    async def _delete(self, http: web.Request) -> web.Response:
        number = http.match_info["id"]
        if self.deletions:
            return self._failure(self.deletions.popleft())
        if refusal := self._not_theirs(http, number):
            return refusal
        del self.conversations[number]
        return web.Response() if self.dialect == "legacy" else web.json_response({"json": {"success": True}})

    async def _list(self, http: web.Request) -> web.Response:
        return web.json_response({"json": [{"id": name, "name": name, "unlisted": False} for name in self._models]})

    def _without_terms(self, session: str) -> web.Response | None:
        if self.dialect == "modern" or self.sessions.get(session, {}).get("ethicsModalAccepted"):
            return None
        return web.json_response({"error": "You need to accept the welcome modal first"}, status=405)

    def _not_theirs(self, http: web.Request, number: str) -> web.Response | None:
        conversation = self.conversations.get(number)
        if conversation and conversation.session == self._cookie(http):
            return None
        if conversation and self.dialect == "modern":
            message = "You don't have access to this conversation. If someone gave you this link, ask them to use the "
            return web.json_response({"message": f"{message}'share' feature instead."}, status=403)
        return web.json_response({"message": "Conversation not found"}, status=404)

    def _shown(self, number: str) -> dict[str, object]:
        """As `superjson` writes it."""
        conversation = self.conversations[number]
        root = {"id": conversation.root, "from": "system", "content": conversation.preprompt, "children": []}
        shown = {"messages": [root], "title": "New Chat", "model": conversation.model, "id": number}
        return {"json": shown, "meta": {"values": {}, "v": 1}}

    def _with_cookie(self, response: web.Response, session: str) -> web.Response:
        response.set_cookie(COOKIES[self.dialect], session, path="/", httponly=True, samesite="Lax")
        return response


def _internal_error() -> web.Response:
    return web.json_response({"message": "An error occurred", "errorId": str(uuid4())}, status=500)
