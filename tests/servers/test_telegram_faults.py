"""Promises of the stand-in Telegram: flood control, faults on demand, outages, and a process of its own."""

import asyncio
import sys

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)

from tests.servers.telegram import Fault, FloodRules, TelegramServer

# Flood control


async def test_a_private_chat_takes_a_burst_and_then_one_a_second(telegram: TelegramServer, bot: Bot) -> None:
    telegram.flood.rules = FloodRules(penalty=30)
    anna, ben = telegram.private(1), telegram.private(2)
    for number in range(4):
        await bot.send_message(anna.id, str(number))
    with pytest.raises(TelegramRetryAfter) as flood:
        await bot.send_message(anna.id, "too much")
    assert flood.value.retry_after == 30
    assert "Too Many Requests: retry after 30" in flood.value.message
    telegram.advance(20)
    with pytest.raises(TelegramRetryAfter) as flood:
        await bot.send_message(anna.id, "still too early")
    assert flood.value.retry_after == 10
    await bot.send_message(ben.id, "nobody else is stopped")
    telegram.advance(10)
    await bot.send_message(anna.id, "again")
    assert [(one.method, one.chat, one.retry_after) for one in telegram.flood.refusals] == [
        ("sendMessage", anna.id, 30),
        ("sendMessage", anna.id, 10),
    ]


async def test_edits_count_also_those_that_change_nothing(telegram: TelegramServer, bot: Bot) -> None:
    telegram.flood.rules = FloodRules(private_burst=2)
    anna = telegram.private()
    sent = await bot.send_message(anna.id, "same")
    with pytest.raises(TelegramBadRequest, match="not modified"):
        await bot.edit_message_text("same", chat_id=anna.id, message_id=sent.message_id)
    with pytest.raises(TelegramRetryAfter):
        await bot.edit_message_text("new", chat_id=anna.id, message_id=sent.message_id)
    await bot.send_chat_action(anna.id, "typing")


async def test_what_counts_can_be_chosen(telegram: TelegramServer, bot: Bot) -> None:
    telegram.flood.rules = FloodRules(private_burst=1, counts=frozenset({"sendChatAction"}))
    anna = telegram.private()
    await bot.send_message(anna.id, "free")
    await bot.send_chat_action(anna.id, "typing")
    with pytest.raises(TelegramRetryAfter):
        await bot.send_chat_action(anna.id, "typing")


async def test_a_group_takes_twenty_a_minute(telegram: TelegramServer, bot: Bot) -> None:
    telegram.flood.rules = FloodRules(penalty=1)
    group = telegram.group()
    for number in range(20):
        await bot.send_message(group.id, str(number))
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message(group.id, "21")
    telegram.advance(60)
    await bot.send_message(group.id, "a minute later")


async def test_all_chats_together_have_a_limit(telegram: TelegramServer, bot: Bot) -> None:
    telegram.flood.rules = FloodRules(overall_per_second=3)
    chats = [telegram.private(number) for number in range(1, 5)]
    for chat in chats[:3]:
        await bot.send_message(chat.id, "x")
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message(chats[3].id, "x")
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message(chats[0].id, "everybody waits")


# Faults


@pytest.mark.parametrize(
    ("fault", "error", "shown"),
    [
        (Fault.bad_gateway(), ClientDecodeError, ""),
        (Fault.bad_gateway(applied=True), ClientDecodeError, "x"),
        (Fault.reset(), TelegramNetworkError, ""),
        (Fault.applied_then_reset(), TelegramNetworkError, "x"),
        (Fault.cut_body(), TelegramNetworkError, "x"),
        (Fault.unauthorized(), TelegramUnauthorizedError, ""),
        (Fault.flood(35), TelegramRetryAfter, ""),
    ],
)
async def test_a_send_fails_as_scripted_and_only_once(
    telegram: TelegramServer, bot: Bot, fault: Fault, error: type[TelegramAPIError], shown: str
) -> None:
    anna = telegram.private()
    telegram.faults.next("sendMessage", fault)
    with pytest.raises(error):
        await bot.send_message(anna.id, "x")
    [injected] = telegram.faults.injected
    assert (anna.shown_text(), injected.applied, injected.chat) == (shown, bool(shown), anna.id)
    assert len(telegram.faults.ambiguous_sends) == len(shown)
    telegram.advance(35)
    await bot.send_message(anna.id, "y")
    assert anna.last.text == "y"


async def test_a_scripted_flood_holds_for_the_whole_chat(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    telegram.faults.next("sendMessage", Fault.flood(35), chat=anna.id)
    for _ in range(2):
        with pytest.raises(TelegramRetryAfter):
            await bot.send_message(anna.id, "x")
    assert [refusal.injected for refusal in telegram.flood.refusals] == [True, False]


async def test_a_stalled_call_was_applied_but_the_client_gave_up(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    telegram.faults.next("sendMessage", Fault.stall(30))
    bot.session.timeout = 0.1
    with pytest.raises(TelegramNetworkError, match="timeout"):
        await bot.send_message(anna.id, "x")
    await telegram.wait_for(lambda server: server.calls[-1].outcome == "gone")
    assert anna.shown_text() == "x"
    assert len(telegram.faults.ambiguous_sends) == 1


async def test_a_short_stall_is_answered_late(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    telegram.faults.next("sendMessage", Fault.stall(0.05, applied=False))
    assert (await bot.send_message(anna.id, "x")).text == "x"
    assert telegram.faults.injected[0].applied
    assert telegram.faults.ambiguous_sends == []


async def test_a_poll_can_meet_a_conflict_and_loses_nothing_to_a_reset(telegram: TelegramServer, bot: Bot) -> None:
    telegram.private().say("hi")
    telegram.faults.next("getUpdates", Fault.conflict(), Fault.applied_then_reset())
    with pytest.raises(TelegramConflictError):
        await bot.get_updates()
    with pytest.raises(TelegramNetworkError):
        await bot.get_updates()
    assert len(await bot.get_updates()) == 1


async def test_faults_by_chance_are_the_same_for_the_same_seed(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    rates = {Fault.bad_gateway(): 0.3, Fault.reset(): 0.3}

    async def kinds() -> list[str]:
        telegram.faults.at_random(rates, seed=7, methods={"sendChatAction"})
        before = len(telegram.calls)
        for _ in range(20):
            try:
                await bot.send_chat_action(anna.id, "typing")
            except (TelegramNetworkError, ClientDecodeError):
                continue
        return [call.outcome for call in telegram.calls[before:]]

    first = await kinds()
    assert await kinds() == first
    assert set(first) == {"ok", "fault: bad_gateway", "fault: reset"}
    await bot.send_message(anna.id, "other methods are spared")
    telegram.faults.stop()
    await bot.send_chat_action(anna.id, "typing")


async def test_telegram_can_be_away_and_come_back_with_everything(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    anna.say("before")
    await telegram.stop()
    with pytest.raises(TelegramNetworkError):
        await bot.get_updates()
    anna.say("meanwhile")
    await telegram.start()
    assert len(await bot.get_updates()) == 2


# As a process of its own


async def test_as_a_process_it_is_steered_over_http() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.servers.telegram", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        base = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession(base) as http:
            await _steer(http, TelegramServer().token)
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0


async def _steer(http: aiohttp.ClientSession, token: str) -> None:
    async def control(verb: str, **wanted: object) -> dict[str, object]:
        async with http.post(f"/control/{verb}", json=wanted) as response:
            return dict(await response.json())

    async def call(method: str, **fields: object) -> dict[str, object]:
        async with http.post(f"/bot{token}/{method}", json=fields) as response:
            return dict(await response.json())

    assert await control("private", user_id=1001, first_name="Anna") == {"result": 1001}
    assert await control("say", chat=1001, text="/start") == {"result": 1}
    assert len((await call("getUpdates"))["result"]) == 1  # type: ignore[arg-type]  # a list, as the next lines show
    markup = {"inline_keyboard": [[{"text": "Stop", "callback_data": "stop:1"}]]}
    await call("sendMessage", chat_id=1001, text="Hello", reply_markup=markup)
    assert "result" in await control("press", chat=1001, message=2, button="Stop")
    await control("fault", method="sendMessage", fault={"kind": "flood", "seconds": 9})
    assert (await call("sendMessage", chat_id=1001, text="x"))["parameters"] == {"retry_after": 9}
    chat = (await control("chat", chat=1001))["result"]
    assert isinstance(chat, dict)
    assert chat["shown"] == "Hello"
    assert "error" in await control("say", chat=5, text="nobody there")
    assert "error" in await control("dance")
    assert "conflicts" in str(await control("record"))
    assert "Too Many Requests" in str(await control("calls"))
