"""Calls wait for their bucket before they are made: no 429, no sleeping in a call, and the final goes first."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chat.events import Completed, ReplyEvent, TextDelta
from chat.incoming import Address
from chat.replies import ReplyState
from messengers.base import Chat, SlowDown
from messengers.buckets import Priority, Rate
from messengers.discord.rates import budget_of, budgets, trace_config
from messengers.live_reply import LiveReply
from messengers.screen import Layout, Screen
from tests.messengers.discord.answers import DIALECT, answer_to, deferred, logged_in, opened, place_of
from tests.servers.discord_faults import CREATE, Fault
from tests.servers.discord_rates import RateRules
from tests.servers.discord_server import Channel, DiscordServer, Person

QUICK = Rate(burst=4, per_second=20, reserve=1)  # what the headers tell is slower
SECONDS = 0.5  # of a bucket's time: a tenth of Discord's
RULES = RateRules().with_limits(create=(5, SECONDS), edit=(5, SECONDS), webhook_edit=(5, SECONDS), typing=(5, SECONDS))


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(rates=RULES) as server:
        server.channel("general")
        yield server


async def say(chat: Chat, text: str, priority: Priority = Priority.FINAL) -> str:
    await chat.budget.permit(priority)
    return await chat.send(DIALECT.render(text, final=True))


async def test_the_headers_keep_a_burst_within_its_bucket(server: DiscordServer, general: Channel) -> None:
    all_of_them = budgets(QUICK)
    async with logged_in(server, trace_config(all_of_them)) as rest:
        chat = opened(rest, place_of(general), budget_of(all_of_them, place_of(general)))
        began = time.monotonic()
        for number in range(12):
            await say(chat, f"{number}")
        took = time.monotonic() - began
    assert not server.rates.refusals
    assert 2 * SECONDS < took < 5 * SECONDS
    assert len(general.messages) == 12


async def test_a_permit_is_kept_for_the_final_in_every_window(server: DiscordServer, general: Channel) -> None:
    server.rates.rules = RULES.with_limits(edit=(5, 2 * SECONDS))
    all_of_them = budgets(QUICK)
    address = place_of(general)
    async with logged_in(server, trace_config(all_of_them)) as rest:
        chat = opened(rest, address, budget_of(all_of_them, address))
        number = await say(chat, "begin")

        async def interim() -> None:
            for step in range(9):
                await chat.budget.permit(Priority.INTERIM)
                await chat.edit(number, DIALECT.render(f"step {step}", final=False))

        writing = asyncio.create_task(interim())
        await asyncio.sleep(SECONDS)  # the interim ones are used up, and wait for the next window
        began = time.monotonic()
        await chat.budget.permit(Priority.FINAL)
        assert time.monotonic() - began < SECONDS / 2
        await writing
    assert not server.rates.refusals


async def streamed(chat: Chat, text: str, seconds: float) -> None:
    """An answer as handlers give it: shown while it grows, then brought to its final form."""
    words = text.split(" ")

    @asynccontextmanager
    async def stream() -> AsyncIterator[AsyncIterator[ReplyEvent]]:
        async def events() -> AsyncIterator[ReplyEvent]:
            for word in words:
                await asyncio.sleep(seconds / len(words))
                yield TextDelta(word + " ")
            yield Completed()

        yield events()

    async def checkpoint(state: ReplyState) -> None:
        assert text.startswith(state.text.strip()[:5])

    shown = await LiveReply(chat, checkpoint, key=text[:5]).show(stream())
    parts = await shown.settled() if shown.settled else ()
    screen, wanted = Screen(chat, parts, key=text[:5]), Layout(chat).pages(shown.state.text, final=True)
    while screen.differs(wanted, final=True):
        await chat.budget.permit(Priority.FINAL)
        await screen.step(wanted, final=True)


async def test_three_answers_in_one_channel_stream_side_by_side_without_a_429(
    server: DiscordServer, general: Channel
) -> None:
    all_of_them = budgets(QUICK)
    words = " ".join(f"word{number}" for number in range(300))
    answers = [f"{letter * 5} {words}" for letter in "abc"]
    async with logged_in(server, trace_config(all_of_them)) as rest:
        chats = [
            opened(rest, place_of(general, number), budget_of(all_of_them, place_of(general, number)))
            for number in range(3)
        ]
        began = time.monotonic()
        await asyncio.gather(*(streamed(chat, text, 2.0) for chat, text in zip(chats, answers, strict=True)))
        took = time.monotonic() - began
    assert not server.rates.refusals
    assert not server.repeated
    slowest = max(call.took for call in server.calls)
    assert slowest < 0.5, "no call sleeps"
    shown = general.shown_text()
    assert all(letter * 5 in shown for letter in "abc")
    assert shown.count("word299") == 3
    assert took < 6
    assert len([call for call in server.calls if call.method == "PATCH"]) > 6, "people watch it grow"


async def test_interactions_have_permits_of_their_own(server: DiscordServer, general: Channel, anna: Person) -> None:
    all_of_them = budgets(Rate(burst=2, per_second=0.01, reserve=0))
    async with logged_in(server, trace_config(all_of_them)) as rest:
        channel = opened(rest, place_of(general), budget_of(all_of_them, place_of(general)))
        for _ in range(2):
            await say(channel, "the channel's permits are used up")
        address = answer_to(await deferred(rest, anna.slash(general, "ask")))
        chat = opened(rest, address, budget_of(all_of_them, address))
        async with asyncio.timeout(1):
            await say(chat, "answered all the same")
        assert budget_of(all_of_them, place_of(general)) is channel.budget


async def test_once_its_token_is_over_an_answer_takes_the_channels_permits(general: Channel) -> None:
    all_of_them = budgets(Rate(burst=1, per_second=0.01, reserve=0))
    over = Address("discord", str(general.id), token="t", token_expires_at=time.time() + 30)
    assert budget_of(all_of_them, over) is all_of_them.of(place_of(general))
    soon = Address("discord", str(general.id), token="t", token_expires_at=time.time() + 60.5)
    budget = budget_of(all_of_them, soon)
    await budget.permit(Priority.FINAL)
    await asyncio.sleep(0.6)
    async with asyncio.timeout(1):  # a fresh one, not the token's, which is used up
        await budget.permit(Priority.FINAL)
    budget.slow_down(10)
    assert all_of_them.of(place_of(general)).bucket.blocked


async def test_a_flood_over_all_stops_every_place_and_one_of_a_channel_no_other(
    server: DiscordServer, general: Channel
) -> None:
    all_of_them = budgets(QUICK)
    other = server.channel("other")
    async with logged_in(server, trace_config(all_of_them)) as rest:
        here, there = (
            opened(rest, place_of(channel), budget_of(all_of_them, place_of(channel))) for channel in (general, other)
        )
        server.faults.next(CREATE, Fault.flood(0.7), Fault.flood(1, everywhere=True))
        with pytest.raises(SlowDown) as refusal:
            await say(here, "a")
        here.budget.slow_down(refusal.value.retry_after)
        began = time.monotonic()
        with pytest.raises(SlowDown):
            await say(there, "b")
        assert time.monotonic() - began < 0.3
        await say(there, "b")
        assert time.monotonic() - began >= 1
