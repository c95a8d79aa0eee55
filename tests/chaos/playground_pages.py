"""Browsers with the playground's page open: they ask, send again what had no answer, lose streams, read slowly."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import aiohttp

from messengers.playground.entries import STOP
from tests.chaos import ledger
from tests.chaos.kept import number_of, question, words_of
from tests.chaos.ledger import Seen
from tests.messengers.playground.browser import Browser, Events

IMPATIENT = 0.3  # of requests: the browser drops the connection before the answer is there, and asks again
IMPATIENT_SECONDS = 0.1
LEAVES = 0.3  # of questions: where they fail the browser is closed over them, and nothing is sent again
DROPS = 0.02  # of events: the stream breaks off behind it
SLOW_SECONDS = 0.2  # between two events of a page that reads slowly
PAUSE_SECONDS = 0.2  # before something is tried again
FAILURES = (aiohttp.ClientError, OSError, TimeoutError, EOFError, AssertionError)  # of a server that goes away

Shown = Mapping[str, Mapping[str, Any]]  # message → what the page was told of it


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that the server took (`taken`: its answer was 200), or that was given up."""

    number: int
    conversation: str
    taken: bool

    @property
    def counted(self) -> ledger.Asked:
        """For the account."""
        return ledger.Asked(self.number, self.conversation, words_of(self.number))


@dataclass
class Page:
    """One browser at one conversation. A context manager: inside, it follows what is shown.

    `view`: what it shows; `streams`: how often it came to follow it; `repeats`: requests that it sent once more.
    """

    url: str
    conversation: str
    chance: random.Random
    slow: bool = False
    view: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    streams: int = 0
    repeats: int = 0
    _browser: Browser = field(init=False)
    _following: asyncio.Task[None] = field(init=False)

    async def __aenter__(self) -> Self:
        self._browser = Browser(self.url)
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._following.cancel()
        await asyncio.gather(self._following, return_exceptions=True)
        await self._browser.__aexit__(*exc)

    async def ask(self, number: int) -> Asked:
        """Say it until it is taken; or now and then leave, not knowing whether it was."""
        request, leaves = str(uuid4()), self.chance.random() < LEAVES
        while True:
            try:
                if await self._said(question(number), request):
                    return Asked(number, self.conversation, taken=True)
            except aiohttp.ClientConnectorError:  # nothing was sent
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            except FAILURES:
                if leaves:
                    return Asked(number, self.conversation, taken=False)
            self.repeats += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _said(self, text: str, request: str) -> bool:
        impatient = self.chance.random() < IMPATIENT
        async with asyncio.timeout(self.chance.uniform(0.0, IMPATIENT_SECONDS) if impatient else None):
            return await self._browser.say(text, request, conversation=self.conversation) == 200

    async def _follow(self) -> None:
        while True:
            try:
                async with self._browser.events(self.conversation) as events:
                    self.streams += 1
                    await self._read(events)
            except FAILURES:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, events: Events) -> None:
        while self.chance.random() >= DROPS:
            name, data = await events.next()
            if name == "upsert":
                self.view[data["id"]] = data
            elif name == "delete":
                self.view.pop(data["id"], None)
            if self.slow:
                await asyncio.sleep(SLOW_SECONDS)

    @property
    def is_being_told(self) -> bool:
        """Whether an answer is being written."""
        return any(is_open(message) for message in self.view.values())

    async def snapshot(self) -> Shown:
        """What a browser is shown that opens the page now."""
        return {data["id"]: data for name, data in await self._browser.snapshot(self.conversation) if name == "upsert"}


def is_open(message: Mapping[str, Any]) -> bool:
    """Whether it can be stopped."""
    return any(button["action"].startswith(STOP) for button in message["buttons"])


def seen(place: int, conversation: str, shown: Shown) -> Sequence[Seen]:
    """The bot's messages for the account."""
    answers = [message for message in shown.values() if message["who"] == "bot"]
    return [Seen(place, conversation, one["at"], one["text"], open=is_open(one)) for one in answers]


def said(shown: Shown) -> Sequence[int | None]:
    """The numbers of the questions that stand there."""
    return [number_of(message["text"]) for message in shown.values() if message["who"] == "you"]
