"""The stand-in Discord's gateway, driven by an unmodified discord.py client: sessions, resumes, and all that drops."""

import asyncio
from collections.abc import Callable

import aiohttp
import discord
import pytest

from tests.servers.discord_client import Recorder, discord_client, redirected
from tests.servers.discord_server import Channel, DiscordServer
from tests.servers.discord_sessions import GUILD_MEMBERS, MESSAGE_CONTENT


async def _lost(server: DiscordServer, drop: Callable[[], object]) -> None:
    """Drop the connection, and return once the server knows."""
    drop()
    await server.wait_for(lambda there: not there.gateway.connected)


async def test_a_session_begins_once_and_beats() -> None:
    async with DiscordServer(heartbeat=0.2) as server, discord_client(server, Recorder()) as bot:
        await server.wait_for(lambda there: len(there.gateway.lines[0].heartbeats) > 3)
        assert [one.accepted for one in server.gateway.identifies] == [True]
        assert server.gateway.identifies[0].intents == bot.intents.value
        assert server.gateway.missed_heartbeats == []
        assert (await bot.http.get_bot_gateway())[2]["remaining"] == 999


async def test_guilds_come_one_by_one_after_the_session_began() -> None:
    async with DiscordServer() as server:
        for name in ("One", "Two"):
            server.guild(name)
        server.gateway.guild_seconds = 0.2
        async with discord_client(server, Recorder()) as bot:
            (session,) = server.world.sessions.alive.values()
            await bot.until(lambda client: client.log.count("GUILD_CREATE") == 2)
            assert [event for _, event, _ in session.events] == ["READY", "GUILD_CREATE", "GUILD_CREATE"]


@pytest.mark.parametrize("fault", ["drop", "op 7", "close"])
async def test_what_happened_while_the_socket_was_down_is_replayed_once_and_in_order(
    server: DiscordServer, bot: Recorder, general: Channel, fault: str
) -> None:
    anna = server.person()
    anna.say(general, "before")
    await bot.hears(1)
    server.gateway.refuse(1)
    match fault:
        case "drop":
            await _lost(server, server.gateway.drop)
        case "op 7":
            await _lost(server, server.gateway.reconnect)
        case _:
            await server.gateway.close(4000)
    for text in ("a", "b", "c"):
        anna.say(general, text)
    await bot.hears(4)
    anna.say(general, "after")
    await bot.hears(5)
    assert [message.content for message in bot.from_people] == ["before", "a", "b", "c", "after"]
    assert [resumed for _, resumed in server.gateway.resumes] == [True]
    assert len(server.gateway.identifies) == 1


async def test_after_an_invalid_session_the_client_identifies_again_and_what_it_missed_is_only_in_the_history(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    server.gateway.invalidate()
    server.person().say(general, "unheard")
    await server.wait_for(lambda there: len(there.gateway.identifies) == 2, timeout=10)
    await bot.until(lambda client: client.log.count("READY") == 2)
    server.person().say(general, "heard")
    await bot.hears()
    assert [message.content for message in bot.from_people] == ["heard"]
    await bot.until(lambda client: client.log.count("GUILD_CREATE") == 2)
    texts = [message.content async for message in bot.text_channel(general).history()]
    assert texts == ["heard", "unheard"]
    assert server.world.sessions.unheard["MESSAGE_CREATE"] == 1


async def test_an_op_9_that_can_be_resumed_is_resumed(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    server.gateway.invalidate(resumable=True)
    await bot.until(lambda client: "RESUMED" in client.log)
    server.person().say(general, "heard")
    await bot.hears()
    assert len(server.gateway.identifies) == 1


async def test_a_forgotten_session_is_answered_with_op_9(server: DiscordServer, bot: Recorder) -> None:
    server.gateway.forget_sessions()
    server.gateway.drop()
    await bot.until(lambda client: client.log.count("READY") == 2)
    assert [resumed for _, resumed in server.gateway.resumes] == [False]


async def test_a_wrong_token_closes_with_4004_and_disallowed_intents_with_4014() -> None:
    async with DiscordServer(privileged=0) as server:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with discord_client(server, Recorder(content=True)):
                pass
        assert [line.close_code for line in server.gateway.lines] == [4014]
        async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url) as socket:
            await socket.receive_json()
            await socket.send_json({"op": 2, "d": {"token": "wrong", "intents": 1}})
            assert (await socket.receive()).data == 4004
        assert [one.accepted for one in server.gateway.identifies] == [False, False]


async def test_the_protocol_is_watched_and_broken_rules_close_the_connection(server: DiscordServer) -> None:
    async with aiohttp.ClientSession() as session:
        for sent, code in (('{"op": 3, "d": {}}', 4003), ("no json", 4002), ("[1]", 4002), ('{"op": 99}', 4001)):
            async with session.ws_connect(server.gateway_url) as socket:
                assert (await socket.receive_json())["op"] == 10
                await socket.send_str(sent)
                assert (await socket.receive()).data == code
        async with session.ws_connect(server.gateway_url) as socket:
            await socket.receive_json()
            for _ in range(121):
                await socket.send_json({"op": 1, "d": None})
            received = [await socket.receive() for _ in range(121)]
            assert received[-1].data == 4008
    assert len(server.gateway.too_fast) == 1


async def test_a_client_that_does_not_beat_is_noted_and_closed() -> None:
    async with (
        DiscordServer(heartbeat=0.05) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(server.gateway_url) as socket,
    ):
        await socket.receive_json()
        assert (await socket.receive()).data == 4009
        assert len(server.gateway.missed_heartbeats) == 1


async def test_a_connection_that_falls_silent_is_given_up_by_the_client_and_resumed(general: Channel) -> None:
    """discord.py waits `heartbeat_timeout` seconds for any sign of life."""
    async with DiscordServer(heartbeat=0.05) as server:
        bot = Recorder()
        bot._connection.heartbeat_timeout = 0.3
        async with discord_client(server, bot):
            server.gateway.fall_silent()
            await bot.until(lambda client: "RESUMED" in client.log)


async def test_the_first_connects_can_fail_and_the_client_goes_on_trying(server: DiscordServer) -> None:
    server.gateway.refuse(1, "reset")
    async with discord_client(server, Recorder()):
        assert len(server.gateway.refused) == 1


async def test_members_come_with_the_members_intent_only() -> None:
    async with DiscordServer(privileged=MESSAGE_CONTENT | GUILD_MEMBERS) as server:
        friends = server.guild()
        friends.join(server.person("Anna"))
        async with discord_client(server, Recorder()) as bot:
            guild = bot.get_guild(friends.id)
            assert guild
            assert [member.id for member in guild.members] == [server.bot_id]
            found = await guild.query_members(user_ids=[server.person("Anna").id])
            assert [member.name for member in found] == ["anna"]


async def test_the_server_can_go_away_and_come_back_on_its_port(server: DiscordServer, bot: Recorder) -> None:
    port = server.port
    await server.stop()
    await asyncio.sleep(0.05)
    await server.start()
    assert server.port == port
    await bot.until(lambda client: "RESUMED" in client.log, timeout=15)


async def test_a_session_is_forgotten_when_its_client_says_goodbye_or_stays_away(
    server: DiscordServer, bot: Recorder
) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url) as socket:
        await socket.receive_json()
        await socket.send_json({"op": 2, "d": {"token": server.token, "intents": 1}})
        await server.wait_for(lambda there: len(there.world.sessions.alive) == 2)
        await socket.close(code=1000)
        await server.wait_for(lambda there: len(there.world.sessions.alive) == 1)
    server.gateway.refuse(1)
    server.gateway.drop()
    await server.wait_for(lambda there: not there.gateway.connected)
    server.advance(300)
    await bot.until(lambda client: client.log.count("READY") == 2)
    assert [resumed for _, resumed in server.gateway.resumes] == [False]


async def test_plain_json_is_spoken_where_no_compression_is_asked_for(server: DiscordServer) -> None:
    with redirected(server):
        async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url) as socket:
            await socket.receive_json()
            await socket.send_json({"op": 2, "d": {"token": server.token, "intents": 1}})
            assert [(await socket.receive_json())["t"] for _ in range(2)] == ["READY", "GUILD_CREATE"]
