"""A playground that runs, what it hands in, and a browser that reads its events, for the tests of the playground."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import aiohttp

from chat.incoming import Address, Incoming
from messengers.base import Page
from messengers.playground.server import Playground

ADDRESS = Address("playground", "main")
SECONDS = 5.0  # longer than anything here takes


def page(text: str) -> Page:
    return Page(text, len(text))


@dataclass
class Inbox:
    """Takes in what a playground hands in; may fail like a full disk, or take its time."""

    received: list[Incoming] = field(default_factory=list)
    failures: int = 0
    let_through: asyncio.Event | None = None

    async def __call__(self, incoming: Incoming) -> None:
        if self.let_through:
            await self.let_through.wait()
        if self.failures:
            self.failures -= 1
            raise OSError(28, "No space left on device")
        self.received.append(incoming)


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
    """The stream of events, read one by one."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.numbers: list[int] = []

    async def next(self) -> tuple[str, Any]:
        """The name and data of the next event. Raises `EOFError` when the stream has ended."""
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
        return told[:-1]


class Browser:
    """One browser with the page open: its requests look like those that the page's script makes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = aiohttp.ClientSession(read_bufsize=2**20)

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

    async def post(self, path: str, body: bytes | object, **headers: str) -> tuple[int, str]:
        """POST, with the headers of our page unless others are given; an empty one is left out."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Origin": self.url, "Content-Type": "application/json", "Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"}
        sent = {name: value for name, value in (sent | _names(headers)).items() if value}
        async with self._session.post(
            self.url + path, data=data, headers=sent, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status, await answer.text()

    async def say(self, text: str, request_id: str = "", **headers: str) -> int:
        status, _ = await self.post("/say", {"id": request_id or str(uuid4()), "text": text}, **headers)
        return status

    async def press(self, action: str, request_id: str = "") -> int:
        status, _ = await self.post("/press", {"id": request_id or str(uuid4()), "action": action})
        return status

    @asynccontextmanager
    async def events(self) -> AsyncIterator[Events]:
        async with self._session.get(self.url + "/events") as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            yield Events(response)

    async def snapshot(self) -> list[tuple[str, Any]]:
        """What a browser is told that opens the page now."""
        async with self.events() as events:
            return await events.until_ready()


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
