"""The playground's web application: the page, the events, and what the person says, presses and tidies up."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from aiohttp import web

from chat.buttons import decode
from chat.commands import Command, read_command
from chat.incoming import Address, Attachment, Incoming, Invoked, Pressed, Said
from messengers.base import Reception
from messengers.playground.entries import File, title_of
from messengers.playground.events import as_json, stream_events
from messengers.playground.files import Files
from messengers.playground.guard import Guard, Refusal, add_headers, token_of
from messengers.playground.journal import Journal
from messengers.playground.login import Login
from messengers.playground.requests import (
    LARGEST_BODY,
    PLACE,
    STAMP,
    PressRequest,
    RenameRequest,
    SayRequest,
    asked_place,
    only_known,
    read_body,
    sender,
)
from messengers.playground.sessions import Sessions
from messengers.playground.transfers import Transfers

NAME = "playground"
ASK = "ask"  # `/ask TEXT` with files: they are part of the question

PAGE = Path(__file__).parent / "page"
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
PLACE_PATH = f"{{place:{PLACE.pattern}}}"


def page_files() -> Mapping[str, Path]:
    """The page's files, by the path that each is served at: nothing else of the folder is."""
    files = {f"/{file.name}": file for file in sorted(PAGE.iterdir()) if file.suffix in {".js", ".css"}}
    return {"/": PAGE / "index.html", **files}


class Routes:
    """Requests in, `Incoming` out; answered with 200 only once that is stored."""

    def __init__(
        self,
        journal: Journal,
        files: Files,
        sessions: Sessions,
        reception: Reception,
        commands: Mapping[str, Command],
    ) -> None:
        """`commands`: what `/name` may be, by name."""
        self._journal = journal
        self._files = files
        self._sessions = sessions
        self._reception = reception
        self._commands = commands
        self._page = page_files()

    def application(self, login: Login) -> web.Application:
        """The web application, ready to be served."""
        guard = Guard(self._sessions, open_to_all=[*self._page, "/start", "/login"])
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[guard.check])
        for path in self._page:
            app.router.add_get(path, self.page)
        app.router.add_get("/events", self.events)
        app.router.add_get("/earlier", self.earlier)
        app.router.add_get("/suggest", self.suggest)
        app.router.add_post("/say", self.say)
        app.router.add_post("/press", self.press)
        app.router.add_patch(f"/conversations/{PLACE_PATH}", self.rename)
        app.router.add_delete(f"/conversations/{PLACE_PATH}", self.delete)
        login.add_to(app)
        Transfers(self._files).add_to(app)
        app.on_response_prepare.append(add_headers)
        return app

    async def page(self, request: web.Request) -> web.Response:
        """A file of the page."""
        file = self._page[request.path]
        return web.Response(body=file.read_bytes(), content_type=MEDIA_TYPES[file.suffix], charset="utf-8")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The stream of changes for one browser, until its session ends."""
        token = token_of(request)
        return await stream_events(self._journal, asked_place(request), request, lambda: self._sessions.knows(token))

    async def earlier(self, request: web.Request) -> web.Response:
        """The messages before those that a browser was told, and from when on they are."""
        before = request.query.get("before", "")
        if not STAMP.fullmatch(before):
            raise Refusal(400, "bad_request")
        stretch = await self._journal.earlier(asked_place(request), int(before))
        messages = [as_json(entry) for entry in stretch.entries.values() if entry]
        return web.json_response({"messages": messages, "earlier": stretch.since})

    async def suggest(self, request: web.Request) -> web.Response:
        """Values for what is being typed."""
        command, typed = request.query.get("command", ""), request.query.get("text", "")
        if command not in self._commands:
            raise Refusal(400, "bad_request")
        asked = Invoked(Address(NAME, asked_place(request)), sender(request), f"{NAME}:suggest", command, typed)
        found = await self._reception.suggest(asked, request.query.get("option", ""))
        return web.json_response([asdict(each) for each in found])

    async def say(self, request: web.Request) -> web.Response:
        """A message or a command. It is on the page before it is handed in, so that it stands above its answer."""
        said = await read_body(SayRequest, request)
        files = await self._files.find(said.files)
        only_known(said.files, files)
        message, stored = f"you-{said.id}", False
        incoming = self._understand(said, message, files, request)
        title = self._title(incoming, files)
        added = await self._journal.add(said.conversation, message, said.text, files, title)
        try:
            await self._reception(incoming)
            stored = True
        finally:
            if added and not stored:
                await self._journal.withdraw(message)
        # an attempt at the same time may have failed, and taken the message away
        await self._journal.add(said.conversation, message, said.text, files, title)
        return web.json_response({})

    async def press(self, request: web.Request) -> web.Response:
        """A button."""
        pressed = await read_body(PressRequest, request)
        action = decode(pressed.action)
        if action is None:
            raise Refusal(400, "unknown_action")
        address = Address(NAME, pressed.conversation)
        await self._reception(Pressed(address, sender(request), f"{NAME}:{pressed.id}", action))
        return web.json_response({})

    async def rename(self, request: web.Request) -> web.Response:
        """Give a conversation a title."""
        asked = await read_body(RenameRequest, request)
        if not await self._journal.rename(request.match_info["place"], asked.line):
            raise Refusal(404, "no_conversation")
        return web.json_response({})

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a conversation, here and in the store. What is said of that is said to nobody: the place is gone."""
        place = request.match_info["place"]
        await self._reception(Invoked(Address(NAME, place), sender(request), f"{NAME}:{uuid4()}", "forget"))
        self._files.remove(await self._journal.delete_conversation(place))
        return web.json_response({})

    def _understand(self, said: SayRequest, message: str, files: Sequence[File], request: web.Request) -> Incoming:
        address, key = Address(NAME, said.conversation, message=message), f"{NAME}:{said.id}"
        text = said.text
        match read_command(said.text, self._commands):
            case (command, rest) if not (command == ASK and files):
                return Invoked(address, sender(request), key, command, rest)
            case (_, rest):
                text = rest
        images = tuple(_attachment(file) for file in files if file.is_picture)
        documents = tuple(_attachment(file) for file in files if not file.is_picture)
        return Said(address, sender(request), key, text, images=images, documents=documents)

    def _title(self, incoming: Incoming, files: Sequence[File]) -> str:
        """What a conversation is called that begins with this; "": what is said next will tell."""
        match incoming:
            case Said(text=text):
                return title_of(text, files)
            case Invoked(command=command, text=text) if self._commands[command].kind == "turn":
                return title_of(text)
        return ""


def _attachment(file: File) -> Attachment:
    return Attachment(file.id, file.name, file.media_type, file.size)
