"""The stand-in Discord's rate limits and faults, as an unmodified discord.py client lives through them."""

import asyncio
import time

import aiohttp
import discord
import pytest

from tests.servers.discord_client import Recorder
from tests.servers.discord_faults import Injected
from tests.servers.discord_server import CREATE, EDIT, Channel, DiscordServer, Fault, RateRules


async def post(server: DiscordServer, channel: Channel, text: str) -> aiohttp.ClientResponse:
    """A post without discord.py's own waiting."""
    url = f"{server.rest_url}/channels/{channel.id}/messages"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {server.token}"}) as session:
        response = await session.post(url, json={"content": text})
        await response.read()
        return response


async def test_the_headers_tell_what_is_left_and_the_sixth_post_is_refused(
    server: DiscordServer, general: Channel
) -> None:
    server.rates.rules = RateRules()
    answers = [await post(server, general, str(number)) for number in range(6)]
    assert [answer.status for answer in answers] == [200] * 5 + [429]
    left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert left == ["4", "3", "2", "1", "0", "0"]
    assert answers[0].headers["X-RateLimit-Limit"] == "5"
    body = await answers[-1].json()
    assert 4 < body["retry_after"] <= 5
    assert not body["global"]
    assert answers[-1].headers["Via"]
    other = await post(server, server.channel("other"), "elsewhere")
    assert other.status == 200
    server.advance(5.1)
    assert (await post(server, general, "later")).status == 200
    assert [refusal.bucket for refusal in server.rates.refusals] == ["create"]


async def test_fifty_a_second_are_allowed_over_all(server: DiscordServer) -> None:
    server.rates.rules = RateRules(overall=(3, 1.0))
    answers = [await post(server, server.channel(str(number)), "x") for number in range(4)]
    assert answers[-1].status == 429
    assert (await answers[-1].json())["global"] is True
    assert answers[-1].headers["X-RateLimit-Scope"] == "global"


async def test_discord_py_reads_the_headers_and_waits_by_itself(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    """No 429 happens: it sleeps before the call that would be refused."""
    server.rates.rules = RateRules().with_limits(create=(2, 0.2))
    for number in range(5):
        await bot.text_channel(general).send(str(number))
    assert server.rates.refusals == []
    assert len(general.messages) == 5
    assert general.messages[4].sent_at - general.messages[0].sent_at > 0.3


async def test_a_429_with_via_is_retried_by_discord_py_and_one_without_is_not(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    server.faults.next(CREATE, Fault.flood(0.05))
    await bot.text_channel(general).send("patient")
    assert [call.status for call in server.made("POST /channels/{channel}/messages")] == [429, 200]
    server.faults.next(CREATE, Fault.flood(0.05, via=False))
    with pytest.raises(discord.HTTPException) as refused:
        await bot.text_channel(general).send("impatient")
    assert refused.value.status == 429
    assert (len(server.rates.refusals), len(server.rates.invalid)) == (2, 2)


async def test_a_reset_after_the_call_took_effect_leaves_a_message_that_the_client_does_not_know_of(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    channel = bot.text_channel(general)
    server.faults.next(CREATE, Fault.applied_then_reset(), Fault.reset())
    for _ in range(2):
        with pytest.raises((OSError, aiohttp.ClientError)):
            await channel.send("once?", nonce="n1")
    assert len(general.messages) == 1
    assert [one.message for one in server.faults.ambiguous_sends] == [general.last.id]
    await channel.send("once?", nonce="n1")
    assert len(general.messages) == 1


async def test_pages_of_html_cut_bodies_and_wrong_types_are_what_they_say(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    channel = bot.text_channel(general)
    server.faults.next(CREATE, Fault.html(503), Fault.cut_body(), Fault.refusal(429, 30046))
    with pytest.raises(discord.DiscordServerError):
        await channel.send("x")
    with pytest.raises(aiohttp.ClientPayloadError):
        await channel.send("cut")
    with pytest.raises(discord.HTTPException) as refused:
        await channel.send("x")
    assert refused.value.code == 30046
    assert [message.text for message in general.messages] == ["cut"]
    server.faults.next(EDIT, Fault.wrong_type())
    with pytest.raises(TypeError):  # it takes the unparsed text for an object
        await channel.get_partial_message(general.last.id).edit(content="edited")
    assert general.last.text == "edited"


async def test_a_stall_answers_late_and_takes_effect_before_or_after(
    server: DiscordServer, bot: Recorder, general: Channel
) -> None:
    channel = bot.text_channel(general)
    server.faults.next(CREATE, Fault.stall(0.1))
    began = time.monotonic()
    sending = asyncio.create_task(channel.send("slow"))
    await general.wait_for_text("slow")
    await sending
    assert time.monotonic() - began >= 0.1
    assert not server.faults.ambiguous_sends


async def test_the_nth_call_fails_and_only_that(server: DiscordServer, bot: Recorder, general: Channel) -> None:
    server.faults.next(CREATE, Fault.refusal(403, 50013), skip=1)
    channel = bot.text_channel(general)
    await channel.send("one")
    with pytest.raises(discord.Forbidden):
        await channel.send("two")
    await channel.send("three")
    assert [message.text for message in general.messages] == ["one", "three"]


async def test_chance_is_seeded_and_ends_when_it_is_stopped(server: DiscordServer, general: Channel) -> None:
    def happened() -> list[str]:
        return [one.call for one in server.faults.injected if isinstance(one, Injected)]

    counts = []
    for _ in range(2):
        server.faults.injected.clear()
        server.faults.at_random({Fault.html(): 0.5}, seed=7, patterns=[CREATE])
        for number in range(10):
            await post(server, general, str(number))
        counts.append(len(happened()))
    assert counts[0] == counts[1]
    assert 0 < counts[0] < 10
    server.faults.stop()
    assert (await post(server, general, "calm")).status == 200
