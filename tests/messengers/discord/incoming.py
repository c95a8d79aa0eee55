"""Discord against the stand-in, with a reception that remembers what it is handed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from pydantic import SecretStr

from chat.commands import MenuEntry
from chat.incoming import Incoming, Invoked, Pressed, Said
from handlers import menu
from messengers.base import Suggestion
from messengers.discord.messenger import Discord
from messengers.discord.settings import DiscordSettings
from tests.servers.discord_client import redirected
from tests.servers.discord_server import DiscordServer
from texts import Texts

TEXTS = Texts.load("en")
MENU: Sequence[MenuEntry] = menu(TEXTS)


class FakeReception:
    """See `messengers.base.Reception`. `taken` is what was stored, each once; `handed` is all that was handed in."""

    def __init__(self, seen: Mapping[str, str] | None = None) -> None:
        self.taken: list[Incoming] = []
        self.handed: list[Incoming] = []
        self.strangers: set[str] = set()  # people who aren't let in
        self.failing = 0  # so many calls fail
        self.seconds = 0.0  # that storing takes
        self.suggestions: Sequence[Suggestion] = ()
        self.asked: list[tuple[Invoked, str]] = []
        self.discord: Discord | None = None
        self.answer_with = ""  # said at once to whatever is taken
        self._seen = dict(seen or {})
        self._came = asyncio.Event()

    async def __call__(self, incoming: Incoming) -> None:
        self.handed.append(incoming)
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.failing:
            self.failing -= 1
            raise OSError("disk full")
        if incoming.key not in [each.key for each in self.taken]:
            self.taken.append(incoming)
        self._came.set()
        if self.answer_with and self.discord:
            chat = self.discord.open(incoming.address)
            await chat.budget.permit(0)  # type: ignore[arg-type]  # Priority.FINAL
            await chat.send(chat.dialect.render(self.answer_with, final=True), nonce="a")

    def welcomes(self, incoming: Incoming) -> bool:
        return incoming.sender.id not in self.strangers

    async def suggest(self, asked: Invoked, option: str) -> Sequence[Suggestion]:
        self.asked.append((asked, option))
        return self.suggestions

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        assert messenger == "discord"
        return self._seen

    async def takes(self, count: int = 1, seconds: float = 5.0) -> Incoming:
        """Wait for the `count`-th thing."""
        async with asyncio.timeout(seconds):
            while len(self.taken) < count:
                self._came.clear()
                await self._came.wait()
        return self.taken[count - 1]

    async def hears(self, count: int = 1) -> Said:
        """Wait for the `count`-th thing, which somebody said."""
        said = await self.takes(count)
        assert isinstance(said, Said), said
        return said

    async def is_invoked(self, count: int = 1) -> Invoked:
        invoked = await self.takes(count)
        assert isinstance(invoked, Invoked), invoked
        return invoked

    async def is_pressed(self, count: int = 1) -> Pressed:
        pressed = await self.takes(count)
        assert isinstance(pressed, Pressed), pressed
        return pressed


StartDiscord = Callable[..., Any]


def settings_for(server: DiscordServer, **changes: Any) -> DiscordSettings:
    """Of a messenger that talks to the stand-in."""
    given = {"token": SecretStr(server.token), "api_base_url": server.rest_url, "gateway_url": server.gateway_url}
    return DiscordSettings(**(given | changes))


@asynccontextmanager
async def discord_running(
    server: DiscordServer, reception: FakeReception, *, wait: bool = True, **changes: Any
) -> AsyncIterator[Discord]:
    """The messenger, connected; `wait` for its session and its commands."""
    with redirected(server):
        settings, texts = settings_for(server, **changes), TEXTS.section("discord")
        async with Discord(settings, MENU, texts, identify_seconds=0.1) as discord:
            reception.discord = discord
            running = asyncio.create_task(discord.run(reception))
            try:
                if wait:
                    await _ready(server, running)
                yield discord
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running


async def _ready(server: DiscordServer, running: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(server.wait_for(lambda each: each.ready and each.made(SYNCED), 10))
    await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        ready.cancel()
        running.result()
    await ready
    await server.settled(0.05)


SYNCED = "GET /applications/{application}/commands"
