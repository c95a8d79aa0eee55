"""An unmodified discord.py client for the stand-in Discord, and what its tests do with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

import discord
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from tests.servers.discord_server import Channel, DiscordServer

C = TypeVar("C", bound=discord.Client)
Did = Callable[[discord.Interaction], Awaitable[object]]


@contextlib.contextmanager
def redirected(server: DiscordServer) -> Iterator[None]:
    """Lead discord.py to the server, and afterwards where it went before."""
    rest, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.rest_url, URL(server.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = rest, gateway


@contextlib.asynccontextmanager
async def discord_client(server: DiscordServer, client: C) -> AsyncIterator[C]:
    """The client, logged in and with its guilds; closed at the end."""
    with redirected(server):
        client._connection.guild_ready_timeout = 0.05  # how long it waits for one guild more
        running = asyncio.create_task(client.start(server.token))
        try:
            await _ready(client, running)
            yield client
        finally:
            await client.close()
            [ended] = await asyncio.gather(running, return_exceptions=True)
            if isinstance(ended, Exception):
                raise ended


async def _ready(client: discord.Client, running: asyncio.Task[None]) -> None:
    async with asyncio.timeout(10):
        while not client.is_ready():
            if running.done():
                running.result()  # raises what ended it
                return
            await asyncio.sleep(0.01)


class Recorder(discord.Client):
    """A client that only listens: `heard` is every message, `edited` and `deleted` those that changed, `log` the rest.

    `commands` is its tree of application commands.
    """

    def __init__(self, *, content: bool = True) -> None:
        intents = discord.Intents(guilds=True, messages=True, message_content=content)
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none())
        self.heard: list[discord.Message] = []
        self.edited: list[discord.RawMessageUpdateEvent] = []
        self.deleted: list[int] = []
        self.log: list[str] = []
        self.commands = app_commands.CommandTree(self)
        self._came = asyncio.Event()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Identify at once: discord.py would wait for 5 s each time but the first."""

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)
        self._came.set()

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        self.edited.append(event)
        self._came.set()

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.deleted.append(event.message_id)
        self._came.set()

    async def on_socket_event_type(self, event: str) -> None:
        self.log.append(event)
        self._came.set()

    async def until(self, true: Callable[["Recorder"], object], timeout: float = 10.0) -> None:
        """Return once `true(client)`, looked at after each event. It takes discord.py up to 2 s to connect again."""
        async with asyncio.timeout(timeout):
            while not true(self):
                self._came.clear()
                await self._came.wait()

    async def hears(self, count: int = 1) -> discord.Message:
        """Wait for the message of people with this number, from 1 on."""
        await self.until(lambda client: len(client.from_people) >= count)
        return self.from_people[count - 1]

    @property
    def from_people(self) -> list[discord.Message]:
        """The messages that are not its own."""
        return [message for message in self.heard if message.author != self.user]

    def text_channel(self, channel: Channel) -> discord.TextChannel:
        """A channel as its cache has it."""
        found = self.get_channel(channel.id)
        assert isinstance(found, discord.TextChannel)
        return found


async def code_of(call: Awaitable[object]) -> int:
    """The number of Discord's refusal of this call."""
    try:
        await call
    except discord.HTTPException as refused:
        return refused.code
    raise AssertionError("it was not refused")


async def offer(bot: Recorder, did: Did, *, everywhere: bool = True) -> None:
    """Register /model, which takes a name, and let this answer it."""

    async def model(interaction: discord.Interaction, name: str = "") -> None:
        await did(interaction)

    command: app_commands.Command[app_commands.Group, ..., None] = app_commands.Command(
        name="model", description="Choose", callback=model
    )
    if everywhere:
        command.allowed_installs = app_commands.AppInstallationType(guild=True, user=True)
        command.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
    bot.commands.add_command(command)
    await bot.commands.sync()
