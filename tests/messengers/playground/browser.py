"""A playground that runs, what it hands in, and a browser that reads its events, for the tests of the playground."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from chat.commands import Command, MenuEntry, Option
from chat.incoming import Address, Incoming, Invoked
from messengers.base import Page, Suggestion
from messengers.playground.server import Playground
from messengers.playground.settings import PlaygroundSettings

ADDRESS = Address("playground", "main")
SECONDS = 5.0  # longer than anything here takes
PASSWORD = "correct horse"
TEXTS = {"": {"send": "Send"}, "en": {"send": "Send"}, "ru": {"send": "Отправить"}}
MODEL = MenuEntry(
    Command("model", options=(Option("", suggests=True), Option("n", "number"))),
    {"": "Choose", "en": "Choose", "ru": "Выбрать"},
    {"": {"": "Which one", "ru": "Какую"}},
)
MENU = [
    MODEL,
    *(MenuEntry(Command(name), {"": name}, {}) for name in ("help", "new", "ask")),
    MenuEntry(Command("image", "turn"), {"": "Draw"}, {}),
    MenuEntry(Command("admin", access="admin"), {"": "Look after the bot"}, {}),
]


def build(folder: Path, *, listen: str = "127.0.0.1:0", password: str = "", **more: Any) -> Playground:
    """A playground that keeps its things there."""
    settings = PlaygroundSettings.model_validate({"listen": listen, "password": password})
    return Playground(settings, MENU, folder, TEXTS, **more)


def page(text: str) -> Page:
    return Page(text, len(text))


@dataclass
class Inbox:
    """Takes in what a playground hands in; may fail like a full disk, or take its time. Proposes two models."""

    received: list[Incoming] = field(default_factory=list)
    failures: int = 0
    let_through: asyncio.Event | None = None
    asked: list[tuple[Invoked, str]] = field(default_factory=list)

    async def __call__(self, incoming: Incoming) -> None:
        if self.let_through:
            await self.let_through.wait()
        if self.failures:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        self.received.append(incoming)

    def welcomes(self, incoming: Incoming) -> bool:
        return True

    async def suggest(self, asked: Invoked, option: str) -> Sequence[Suggestion]:
        self.asked.append((asked, option))
        return [Suggestion("gpt", "GPT", current=True), Suggestion("qwen", "Qwen", trouble="out of reach")]

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        return {}


@asynccontextmanager
async def serving(playground: Playground, inbox: Inbox) -> AsyncIterator[str]:
    """Run the playground; where it is."""
    running = asyncio.create_task(playground.run(inbox))
    ready = asyncio.create_task(playground.ready.wait())
    await asyncio.wait([running, ready], return_when=asyncio.FIRST_COMPLETED)
    try:
        if running.done():
            await running
        yield playground.url
    finally:
        ready.cancel()
        running.cancel()
        await asyncio.gather(running, ready, return_exceptions=True)


class Events:
    """The stream of events, read one by one. What it tells of conversations is put into `listed`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.numbers: list[int] = []
        self.listed: dict[str, Any] = {}
        self.ready: Any = None  # what the event of that name said

    async def next(self) -> tuple[str, Any]:
        """The name and data of the next event about messages. Raises `EOFError` when the stream has ended."""
        while True:
            name, data = await self._any()
            if not name.startswith("conversation"):
                return name, data
            self._note(name, data)

    async def news(self) -> Any:
        """The next event about a conversation: what it says of it; None: it is gone."""
        name, data = await self._any()
        while not name.startswith("conversation"):
            name, data = await self._any()
        self._note(name, data)
        return self.listed[data["id"]]

    def _note(self, name: str, data: Any) -> None:
        self.listed[data["id"]] = data if name == "conversation" else None

    async def _any(self) -> tuple[str, Any]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(SECONDS):
            async for line in self._response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    self.numbers.append(int(fields["id"]))
                    return fields["event"], json.loads(fields["data"])
        raise EOFError

    async def until_ready(self) -> list[tuple[str, Any]]:
        """All that the server tells a browser that has just come."""
        told: list[tuple[str, Any]] = []
        while not told or told[-1][0] != "ready":
            told.append(await self.next())
        _, self.ready = told.pop()
        return told


class Browser:
    """One browser with the page open: its requests look like those that the page's script makes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = aiohttp.ClientSession(read_bufsize=2**20, cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def get(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self._session.get(self.url + path, headers=_names(headers)) as response:
            return response.status, await response.text(errors="replace"), dict(response.headers)

    async def download(self, path: str) -> tuple[int, bytes, str]:
        """The status, the bytes and the content type."""
        async with self._session.get(self.url + path) as response:
            return response.status, await response.read(), response.headers["Content-Type"]

    async def post(
        self, path: str, body: bytes | object = None, *, method: str = "POST", **headers: str
    ) -> tuple[int, str]:
        """POST, with the headers of our page unless others are given; an empty one is left out."""
        status, text, _ = await self.answer(path, body, method=method, **headers)
        return status, text

    async def answer(
        self, path: str, body: bytes | object = None, *, method: str = "POST", **headers: str
    ) -> tuple[int, str, Mapping[str, str]]:
        """The same with the answer's headers."""
        data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        sent = {"Origin": self.url, "Content-Type": "application/json", "Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}
        sent = {name: value for name, value in (sent | _names(headers)).items() if value}
        async with self._session.request(
            method, self.url + path, data=data, headers=sent, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status, await answer.text(), answer.headers

    async def login(self, password: str = PASSWORD) -> int:
        status, _ = await self.post("/login", {"password": password})
        return status

    async def say(
        self, text: str, request_id: str = "", *, conversation: str = "main", files: Sequence[str] = (), **headers: str
    ) -> int:
        body = {"id": request_id or str(uuid4()), "conversation": conversation, "text": text, "files": list(files)}
        status, _ = await self.post("/say", body, **headers)
        return status

    async def press(self, action: str, request_id: str = "", conversation: str = "main") -> int:
        body = {"id": request_id or str(uuid4()), "conversation": conversation, "action": action}
        status, _ = await self.post("/press", body)
        return status

    async def upload(self, data: bytes, name: str = "a.png", content_type: str = "image/png") -> Any:
        """What is said of the file that was taken. Raises where it wasn't."""
        status, text = await self.post(f"/files?name={quote(name)}", data, Content_Type=content_type)
        assert status == 200, (status, text)
        return json.loads(text)

    @asynccontextmanager
    async def events(self, conversation: str = "main") -> AsyncIterator[Events]:
        async with self._session.get(f"{self.url}/events?conversation={conversation}") as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            yield Events(response)

    async def snapshot(self, conversation: str = "main") -> list[tuple[str, Any]]:
        """What a browser is told of messages that opens the page now."""
        async with self.events(conversation) as events:
            return await events.until_ready()

    async def listed(self) -> dict[str, Any]:
        """What it is told of conversations, by id; None: gone."""
        async with self.events() as events:
            await events.until_ready()
            return events.listed


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
