"""The gateway's connection: what ends it for good, and what it comes back from by itself."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import discord.gateway
import pytest
import yarl
from pydantic import SecretStr

from chat.incoming import Address
from messengers.base import Fatal, Unsure
from messengers.discord.client import Client
from messengers.discord.gateway import RESUMES, Pulse, Shard, Turnstile
from messengers.discord.messenger import Discord
from tests.messengers.discord.incoming import MENU, TEXTS, FakeReception, discord_running, settings_for
from tests.providers.proxies import HttpProxy, Proxy, SocksProxy
from tests.servers.discord_gateway import Identify
from tests.servers.discord_routes import Route
from tests.servers.discord_server import Channel, DiscordServer, Fault, Person
from tests.servers.discord_sessions import MESSAGE_CONTENT
from tests.servers.discord_wire import Ask
from tests.virtual_time import run_virtual

INTENTS = 1 << 0 | 1 << 9 | 1 << 12  # guilds, their messages, direct messages


async def ends(server: DiscordServer, seconds: float = 5.0, **changes: Any) -> str:
    """Run the messenger until it ends by itself; the sentence that it ends with."""
    async with Discord(settings_for(server, **changes), MENU, TEXTS.section("discord")) as messenger:
        with pytest.raises(Fatal) as fatal:
            async with asyncio.timeout(seconds):
                await messenger.run(FakeReception())
    return str(fatal.value)


async def test_a_wrong_token_ends_the_messenger_with_a_clear_sentence(server: DiscordServer) -> None:
    sentence = await ends(server, token=SecretStr("wrong.token.altogether"))
    assert "discord.token" in sentence
    assert "wrong" not in sentence
    assert len(server.made("GET /users/@me")) == 1


async def test_a_token_that_the_gateway_refuses_ends_it_too(server: DiscordServer) -> None:
    server.gateway._token = "another"
    assert "discord.token" in await ends(server)
    assert len(server.gateway.identifies) == 1


@pytest.mark.parametrize("code", [4010, 4011, 4012, 4013])
async def test_a_close_that_no_new_connection_heals_ends_it(server: DiscordServer, code: int) -> None:
    running = asyncio.create_task(ends(server))
    await server.connected()
    await server.gateway.close(code)
    assert str(code) in await running
    assert len(server.gateway.identifies) == 1


async def test_without_the_content_intent_it_asks_only_for_what_is_not_privileged(
    reception: FakeReception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with DiscordServer(privileged=0) as server, discord_running(server, reception):
        assert [each.intents for each in server.gateway.identifies] == [INTENTS]
        assert "Message Content Intent" in caplog.text
        anna, general = server.person("Anna"), server.channel("general")
        thread = anna.thread(general)
        anna.say(thread, "hello", mention_bot=True)
        assert (await reception.hears()).text == "hello"
        anna.say(thread, "nobody can read this")
        anna.say(anna.dm, "but this")
        assert (await reception.hears(2)).text == "but this"


async def test_with_the_content_intent_it_asks_for_it(server: DiscordServer, reception: FakeReception) -> None:
    async with discord_running(server, reception):
        assert [each.intents for each in server.gateway.identifies] == [INTENTS | MESSAGE_CONTENT]


async def test_intents_that_are_refused_all_the_same_are_given_up_once(
    server: DiscordServer, reception: FakeReception
) -> None:
    server.gateway.privileged = 0  # the flags still say otherwise
    async with discord_running(server, reception):
        assert [each.intents for each in server.gateway.identifies] == [INTENTS | MESSAGE_CONTENT, INTENTS]


async def test_discord_out_of_reach_at_the_start_is_waited_for(
    server: DiscordServer, reception: FakeReception, anna: Person
) -> None:
    await server.stop()
    async with discord_running(server, reception, wait=False):
        await asyncio.sleep(0.3)
        await server.start()
        await server.connected(10)
        anna.say(anna.dm, "hello")
        assert (await reception.hears()).text == "hello"


@pytest.mark.parametrize("set_", [True, False])
async def test_that_interactions_go_elsewhere_is_said_at_the_start(
    server: DiscordServer, reception: FakeReception, caplog: pytest.LogCaptureFixture, *, set_: bool
) -> None:
    server.places.endpoint_url = "https://bot.test/interactions" if set_ else None
    async with discord_running(server, reception):
        warnings = [each.message for each in caplog.records if each.name == "messengers.discord.client"]
        assert [("Interactions Endpoint URL" in warning) for warning in warnings] == [True] * set_


async def test_a_first_connection_that_fails_is_tried_again(server: DiscordServer, reception: FakeReception) -> None:
    server.gateway.refuse(1, "503")
    async with discord_running(server, reception):
        assert len(server.gateway.refused) == 1
        assert len(server.gateway.identifies) == 1


@pytest.mark.parametrize("how", ["reset", "reconnect", "closed", "silent frames"])
async def test_a_session_is_resumed_and_nothing_is_lost_or_doubled(
    server: DiscordServer, reception: FakeReception, anna: Person, how: str
) -> None:
    async with discord_running(server, reception):
        anna.say(anna.dm, "before")
        await reception.hears()
        match how:
            case "reset":
                server.gateway.drop()
            case "reconnect":
                server.gateway.reconnect()
            case "closed":
                await server.gateway.close(4000)
            case _:
                await server.gateway.close(1000)
        anna.say(anna.dm, "meanwhile")
        assert (await reception.hears(2)).text == "meanwhile"
        anna.say(anna.dm, "after")
        await reception.hears(3)
    assert [succeeded for _, succeeded in server.gateway.resumes] == [True]
    assert len(server.gateway.identifies) == 1
    assert len(reception.handed) == 3


async def test_after_a_session_that_cant_be_resumed_the_missed_messages_are_fetched(
    server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    async with discord_running(server, reception):
        anna.say(general, "before", mention_bot=True)
        anna.say(anna.dm, "in private")
        await reception.hears(2)
        server.gateway.refuse()
        server.gateway.drop()
        server.gateway.forget_sessions()
        anna.say(general, "between people")
        anna.say(general, "missed", mention_bot=True)
        anna.say(anna.dm, "missed too")
        server.gateway.accept()
        await reception.hears(4)
        anna.say(general, "after", mention_bot=True)
        await reception.hears(5)
    texts = [said.text for said in reception.taken if hasattr(said, "text")]
    assert sorted(texts[2:4]) == ["missed", "missed too"]
    assert texts[4] == "after"
    assert len(server.gateway.identifies) == 2


class DeadHost:
    """A client whose connections never come about; `dialed` are the hosts."""

    def __init__(self) -> None:
        self.http = self
        self.dialed: list[str | None] = []

    async def ws_connect(self, url: str, **_: object) -> None:
        self.dialed.append(yarl.URL(url).host)
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(1)  # that it takes to give up

    async def get_bot_gateway(self) -> tuple[int, str, Mapping[str, int]]:
        return 1, "", {"remaining": 1000}


def test_a_host_that_never_answers_a_resume_is_given_up() -> None:
    async def run() -> None:
        turnstile = Turnstile(cast("Client", host), 0.1)
        shard = Shard(cast("Client", host), 0, pulse=Pulse(), turnstile=turnstile, gateway="wss://usual")
        shard._resume = {"session": "s", "sequence": 1, "gateway": yarl.URL("wss://dead")}
        with suppress(TimeoutError):
            async with asyncio.timeout(300):
                await shard.run()

    host = DeadHost()
    run_virtual(run())
    assert host.dialed[: RESUMES + 1] == ["dead"] * (RESUMES + 1)
    assert set(host.dialed[RESUMES + 1 :]) == {"usual"}


async def test_op_9_begins_a_new_session(server: DiscordServer, reception: FakeReception, anna: Person) -> None:
    async with discord_running(server, reception):
        server.gateway.invalidate()
        await server.wait_for(lambda each: len(each.gateway.identifies) == 2 and each.ready)
        anna.say(anna.dm, "still there?")
        await reception.hears()
    assert server.gateway.resumes == []


async def test_a_server_that_forgets_every_session_sees_only_a_handful_of_identifies(
    server: DiscordServer, reception: FakeReception
) -> None:
    async with discord_running(server, reception):
        for _ in range(6):
            server.gateway.invalidate()
            with suppress(AssertionError, TimeoutError):
                await server.wait_for(lambda each: each.ready, 0.5)
        assert len(server.gateway.identifies) <= 5


async def test_no_session_is_begun_when_the_days_are_used_up(
    server: DiscordServer, reception: FakeReception, caplog: pytest.LogCaptureFixture
) -> None:
    server.gateway.identifies.extend([Identify(0.0, INTENTS, accepted=True)] * 1000)
    async with discord_running(server, reception, wait=False):
        await server.wait_for(lambda each: len(each.made("GET /gateway/bot")) >= 2)
        await asyncio.sleep(0.2)
        assert len(server.gateway.identifies) == 1000
        assert "today's sessions are used up" in caplog.text


async def test_a_frame_that_is_no_json_is_left_out(
    server: DiscordServer, reception: FakeReception, anna: Person
) -> None:
    async with discord_running(server, reception):
        for session in server.world.sessions.alive.values():
            assert session.line
            session.line.deliver("{this is no JSON")
            session.line.deliver('{"op": 0, "t": "MESSAGE_CREATE", "s": 5, "d": [1, 2]}')
        anna.say(anna.dm, "still there?")
        await reception.takes(2)
    assert len(server.gateway.lines) == 1


async def test_its_health_is_when_the_gateway_was_last_heard(reception: FakeReception) -> None:
    async with DiscordServer(heartbeat=0.1) as server, discord_running(server, reception) as messenger:
        await asyncio.sleep(0.5)
        assert messenger.seconds_since_poll < 0.4
        server.gateway.fall_silent()
        await asyncio.sleep(0.5)
        assert messenger.seconds_since_poll > 0.3


async def test_without_a_login_answers_are_tried_later(server: DiscordServer) -> None:
    async with Discord(settings_for(server), MENU, TEXTS.section("discord")) as messenger:
        chat = messenger.open(Address("discord", "1", message="2"))
        with pytest.raises(Unsure):
            await chat.send(chat.dialect.render("hello", final=True))


async def test_a_rate_limit_at_the_login_is_waited_for(server: DiscordServer, reception: FakeReception) -> None:
    server.faults.next("GET /users/@me", Fault.flood(0.2), Fault.html(502))
    async with discord_running(server, reception):
        assert server.ready


def test_discords_own_gateway_stays_as_it_was(server: DiscordServer) -> None:
    assert str(discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY) == "wss://gateway.discord.gg/"


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
async def test_gateway_and_api_go_through_the_proxy(
    server: DiscordServer, reception: FakeReception, anna: Person, kind: type[Proxy]
) -> None:
    async with kind() as proxy, discord_running(server, reception, proxy=proxy.url):
        reception.answer_with = "through the proxy"
        anna.say(anna.dm, "hello")
        await anna.dm.wait_for_text("through the proxy")
        assert set(proxy.targets) == {("127.0.0.1", server.port)}
        assert len(proxy.targets) >= 2, "the gateway's connection, and the API's"


class TwoShards(DiscordServer):
    """Wants the bot in two shards."""

    def _routes(self) -> Iterator[Route]:
        for route in super()._routes():
            yield replace(route, handle=self._gateway) if route.path == "/gateway/bot" else route

    def _gateway(self, _: Ask) -> Any:
        return {"url": self.gateway_url, "shards": 2, "session_start_limit": self.gateway.start_limit}


async def test_a_bot_that_discord_wants_in_two_shards_has_two_connections(reception: FakeReception) -> None:
    async with TwoShards() as server, discord_running(server, reception):
        await server.wait_for(lambda each: len(each.gateway.identifies) == 2)
        anna = server.person("Anna")
        anna.say(anna.dm, "hello")
        assert (await reception.hears()).text == "hello"
        server.gateway.drop()
        await server.wait_for(lambda each: len(each.gateway.resumes) == 2)
        anna.say(anna.dm, "still there?")
        assert (await reception.hears(2)).text == "still there?"


async def test_at_the_end_the_bot_says_good_bye(server: DiscordServer, reception: FakeReception) -> None:
    async with discord_running(server, reception):
        pass
    await server.wait_for(lambda each: not each.gateway.connected)
    assert [line.closed_by_client_with for line in server.gateway.lines] == [1000]
