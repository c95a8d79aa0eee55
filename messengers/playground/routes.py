"""The playground's web application: the page, the events, and what the person says and presses."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from chat.buttons import decode
from chat.commands import read_command
from chat.incoming import Address, Incoming, Invoked, Pressed, Said, Sender
from messengers.base import Receive
from messengers.playground.events import stream_events
from messengers.playground.guard import add_headers, only_our_page, refusal
from messengers.playground.journal import Journal

NAME = "playground"
PLACE = "main"
LARGEST_BODY = 100_000  # bytes of one request

PAGE = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/markdown.js": ("markdown.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
}

Body = TypeVar("Body", bound=BaseModel)

LANGUAGE = re.compile(r"\s*([a-z]{2,8}(?:-[a-z0-9]{1,8})*)", re.IGNORECASE | re.ASCII)


class SayRequest(BaseModel, frozen=True, extra="forbid"):
    """`POST /say`. `id` is made by the page and stays the same when it tries again."""

    id: UUID
    text: str = Field(pattern=r"\S")


class PressRequest(BaseModel, frozen=True, extra="forbid"):
    """`POST /press`: a button, by the action that came with it."""

    id: UUID
    action: str


def sender(request: web.Request) -> Sender:
    """The one person at this browser, with the language that the browser asks for first."""
    match = LANGUAGE.match(request.headers.get("Accept-Language", ""))
    return Sender(id="1", name="You", language=match[1].lower() if match else "")


def message_of(request_id: UUID) -> str:
    """The message that a request to say something becomes: a repeat is the same one."""
    return f"you-{request_id}"


class Routes:
    """Requests in, `Incoming` out; answered with 200 only once that is stored."""

    def __init__(self, journal: Journal, receive: Receive, commands: Collection[str]) -> None:
        self._journal = journal
        self._receive = receive
        self._commands = commands

    def application(self) -> web.Application:
        """The web application, ready to be served."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[only_our_page])
        for path in FILES:
            app.router.add_get(path, self.page)
        app.router.add_get("/events", self.events)
        app.router.add_get("/image/{message:[0-9]+}", self.picture)
        app.router.add_post("/say", self.say)
        app.router.add_post("/press", self.press)
        app.on_response_prepare.append(add_headers)
        return app

    async def page(self, request: web.Request) -> web.Response:
        """A file of the page."""
        name, content_type = FILES[request.path]
        return web.Response(body=(PAGE / name).read_bytes(), content_type=content_type, charset="utf-8")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The stream of changes for one browser."""
        return await stream_events(self._journal, request)

    async def picture(self, request: web.Request) -> web.Response:
        """A message's picture. With the headers that all answers have, no browser takes it for anything else."""
        picture = self._journal.pictures.get(request.match_info["message"])
        if picture is None:
            return refusal(404, "no_picture")
        return web.Response(body=picture.data, content_type=picture.media_type)

    async def say(self, request: web.Request) -> web.Response:
        """A message or a command. It is on the page before it is handed in, so that it stands above its answer."""
        try:
            said = await _read(SayRequest, request)
        except ValidationError:
            return refusal(400, "bad_request")
        message, stored = message_of(said.id), False
        added = self._journal.add(message, "you", said.text)
        try:
            answer = await self._hand_in(self._read_text(said, request))
            stored = answer.status == 200
        finally:
            if added and not stored:
                self._journal.remove(message)
        if stored:  # an attempt at the same time may have failed, and taken the message away
            self._journal.add(message, "you", said.text)
        return answer

    async def press(self, request: web.Request) -> web.Response:
        """A button."""
        try:
            pressed = await _read(PressRequest, request)
        except ValidationError:
            return refusal(400, "bad_request")
        action = decode(pressed.action)
        if action is None:
            return refusal(400, "unknown_action")
        return await self._hand_in(Pressed(Address(NAME, PLACE), sender(request), f"{NAME}:{pressed.id}", action))

    def _read_text(self, said: SayRequest, request: web.Request) -> Incoming:
        address, key = Address(NAME, PLACE, message=message_of(said.id)), f"{NAME}:{said.id}"
        match read_command(said.text, self._commands):
            case (command, rest):
                return Invoked(address, sender(request), key, command, rest)
            case _:
                return Said(address, sender(request), key, said.text)

    async def _hand_in(self, incoming: Incoming) -> web.Response:
        try:
            await self._receive(incoming)
        except OSError:
            return refusal(503, "not_stored")
        return web.json_response({})


async def _read(model: type[Body], request: web.Request) -> Body:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    return model.model_validate_json(await request.read())
