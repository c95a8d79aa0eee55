"""The stand-in Discord as a process of its own is steered over HTTP."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.servers.discord_client import Recorder, discord_client
from tests.servers.discord_control import ControlledDiscord
from tests.servers.discord_rates import NO_RATES


@pytest.fixture
async def server() -> AsyncIterator[ControlledDiscord]:
    async with ControlledDiscord(rates=NO_RATES) as server:
        yield server


async def control(root: str, verb: str, **wanted: Any) -> Any:
    """One verb's result."""
    async with aiohttp.ClientSession() as session, session.post(f"{root}/control/{verb}", json=wanted) as response:
        body = await response.json()
        assert response.status == 200, body
        return body["result"]


async def test_people_and_faults_are_steered_and_what_happened_is_told(server: ControlledDiscord) -> None:
    place = await control(server.root, "place", guild="Friends", channel="general")
    async with discord_client(server, Recorder()) as bot:
        said = await control(server.root, "say", channel=place, person="Anna", text="hello", mention_bot=True)
        heard = await bot.hears()
        assert heard.id == said
        await control(server.root, "fault", pattern="POST */messages", fault={"kind": "reset", "applied": True})
        with pytest.raises((OSError, aiohttp.ClientError)):
            await heard.channel.send("one", nonce="n")
        await heard.channel.send("one", nonce="n")
        await control(server.root, "gateway", do="drop")
        await bot.until(lambda client: "RESUMED" in client.log)
        told = await control(server.root, "record")
        assert [one["ambiguous"] for one in told["injected"]] == [True]
        assert (len(told["repeated"]), len(told["identifies"]), len(told["resumes"])) == (1, 1, 1)
        shown = await control(server.root, "channel", channel=place)
        assert [one["versions"][-1]["text"] for one in shown["messages"] if one["mine"]] == ["one"]
        calls = await control(server.root, "calls")
        assert calls[-1]["body"]["content"] == "one"


async def test_every_verb_says_what_was_wrong(server: ControlledDiscord) -> None:
    async with aiohttp.ClientSession() as session:
        for verb, status in (("nothing", 404), ("say", 400)):
            async with session.post(f"{server.root}/control/{verb}", json={}) as response:
                assert response.status == status
                assert "error" in await response.json()


async def test_the_program_prints_where_it_listens_and_ends_on_a_signal() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.servers.discord_server", stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout
    rest, gateway = (await program.stdout.readline()).decode().split()
    root = rest.removesuffix("/api/v10")
    assert gateway == root.replace("http", "ws") + "/gateway"
    assert (await control(root, "record"))["ready"] is False
    program.terminate()
    assert await program.wait() == 0
