"""The stand-in Discord without rate limits, a real client for it, and a channel that both know."""

from collections.abc import AsyncIterator

import pytest

from tests.servers.discord_client import Recorder, discord_client
from tests.servers.discord_server import Channel, DiscordServer


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        server.channel("general")
        yield server


@pytest.fixture
async def bot(server: DiscordServer) -> AsyncIterator[Recorder]:
    async with discord_client(server, Recorder()) as client:
        yield client


@pytest.fixture
def general(server: DiscordServer) -> Channel:
    return server.channel("general")
