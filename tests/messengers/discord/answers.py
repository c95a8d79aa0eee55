"""What tests of answers to Discord need: a logged-in client without a gateway, chats, and interactions to answer."""

import contextlib
import time
from collections.abc import AsyncIterator

import aiohttp
import discord

from chat.incoming import Address
from messengers.buckets import UNLIMITED, Bucket
from messengers.budget import Budget, PlaceBudget
from messengers.discord.calls import Rest
from messengers.discord.chains import Chains
from messengers.discord.chat import DiscordChat
from messengers.discord.rendering import DiscordDialect
from tests.servers.discord_client import redirected
from tests.servers.discord_interactions import Interaction
from tests.servers.discord_server import Channel, DiscordServer

DIALECT = DiscordDialect()
THINK, KEEP = 5, 6  # first answers: "thinking …"; to a press, nothing
COMMANDS = [
    {"name": "ask", "description": "ask", "type": 1, "integration_types": [0, 1], "contexts": [0, 1, 2]},
]


@contextlib.asynccontextmanager
async def logged_in(server: DiscordServer, trace: aiohttp.TraceConfig | None = None) -> AsyncIterator[Rest]:
    """REST as it is between logging in and closing."""
    client = discord.Client(intents=discord.Intents(guilds=True), http_trace=trace or aiohttp.TraceConfig())
    with redirected(server):
        await client.login(server.token)
        rest = Rest(client)
        await rest.call("PUT", f"/applications/{client.application_id}/commands", COMMANDS)
        try:
            yield rest
        finally:
            await client.close()


def opened(rest: Rest, address: Address, budget: Budget | None = None, chains: Chains | None = None) -> DiscordChat:
    """The chat of an address; without a budget it may be called at any time."""
    return DiscordChat(rest, address, DIALECT, budget or PlaceBudget(UNLIMITED, Bucket(UNLIMITED)), chains)


def place_of(channel: Channel, message: object = "", *, branch: str = "") -> Address:
    """The address of something said in a channel."""
    return Address("discord", str(channel.id), "", str(message), private=False, branch=branch)


def answer_to(interaction: Interaction, *within: str, seconds: float = 900.0) -> Address:
    """The address of an interaction. `seconds`: how long its token is good still."""
    said = interaction.source.id if interaction.source else interaction.id
    token, place = interaction.token, str(interaction.channel.id)
    return Address("discord", place, "", str(said), False, token, time.time() + seconds, within)


async def deferred(rest: Rest, interaction: Interaction, kind: int = THINK, flags: int = 0) -> Interaction:
    """The same, with its first answer given."""
    path = f"/interactions/{interaction.id}/{interaction.token}/callback"
    await rest.call("POST", path, {"type": kind, "data": {"flags": flags}})
    return interaction
