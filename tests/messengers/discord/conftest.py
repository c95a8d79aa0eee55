"""A stand-in Discord, a reception, and the messenger between them."""

from collections.abc import AsyncIterator

import pytest

from messengers.discord.messenger import Discord
from tests.messengers.discord.incoming import FakeReception, discord_running
from tests.servers.discord_server import Channel, DiscordServer, Person
from tests.servers.discord_sessions import MESSAGE_CONTENT


@pytest.fixture
def privileged() -> int:
    """The privileged intents that the application was granted; tests parametrize it."""
    return MESSAGE_CONTENT


@pytest.fixture
async def server(privileged: int) -> AsyncIterator[DiscordServer]:
    async with DiscordServer(privileged=privileged) as server:
        server.channel("general")
        yield server


@pytest.fixture
def reception() -> FakeReception:
    return FakeReception()


@pytest.fixture
async def discord(server: DiscordServer, reception: FakeReception) -> AsyncIterator[Discord]:
    async with discord_running(server, reception) as discord:
        yield discord


@pytest.fixture
def anna(server: DiscordServer) -> Person:
    return server.person("Anna", locale="ru")


@pytest.fixture
def general(server: DiscordServer) -> Channel:
    return server.channel("general")
