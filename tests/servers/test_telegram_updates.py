"""Promises of the stand-in Telegram: what people do arrives through getUpdates, and stays until it is confirmed."""

import asyncio

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import ClientDecodeError, TelegramBadRequest, TelegramConflictError

from tests.servers.telegram import TelegramServer
from tests.servers.telegram_client import keyboard, telegram_client

# What people do


async def test_what_people_say_arrives_with_commands_and_names_marked(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private(1001, "Anna", language_code="ru")
    anna.say("🦜 /start@parley_test_bot hi @parley_test_bot, not a/b or a@b")
    [update] = await bot.get_updates()
    assert update.message
    assert update.message.from_user
    assert (update.message.from_user.language_code, update.message.chat.type) == ("ru", "private")
    marked = [(one.type, one.extract_from(update.message.text or "")) for one in update.message.entities or []]
    assert marked == [("bot_command", "/start@parley_test_bot"), ("mention", "@parley_test_bot")]


async def test_groups_have_topics_and_several_people(telegram: TelegramServer, bot: Bot) -> None:
    group = telegram.group(topics={7: "Birds"})
    bob = telegram.person(1002, "Bob")
    sent = await bot.send_message(group.id, "in the topic", message_thread_id=7)
    group.say("a reply", user=bob, thread=7, reply_to=sent.message_id)
    [update] = await bot.get_updates()
    message = update.message
    assert message
    assert message.from_user
    assert message.reply_to_message
    assert message.reply_to_message.from_user
    assert (message.from_user.first_name, message.message_thread_id, message.is_topic_message) == ("Bob", 7, True)
    assert (message.chat.type, message.chat.is_forum) == ("supergroup", True)
    assert message.reply_to_message.from_user.id == bot.id
    assert group.shown_text(thread=7) == "in the topic"
    assert group.shown_text(thread=8) == ""


async def test_with_privacy_a_bot_hears_in_groups_only_what_concerns_it() -> None:
    async with TelegramServer(privacy=True) as telegram, telegram_client(telegram) as bot:
        group = telegram.group()
        group.say("/start")
        group.say("/start@Parley_Test_Bot")
        mine = await bot.send_message(group.id, "mine")
        group.say("chatter")
        group.say("/help")
        group.say("/help@other_bot")
        group.say("hey @Parley_Test_Bot")
        group.say("a reply", reply_to=mine.message_id)
        heard = [update.message.text for update in await bot.get_updates() if update.message]
    assert heard == ["/start@Parley_Test_Bot", "/help", "a reply"]


async def test_a_long_paste_arrives_in_pieces(telegram: TelegramServer, bot: Bot) -> None:
    text = "x" + "🦜" * 5000
    telegram.private().paste(text)
    pieces = [(update.message and update.message.text) or "" for update in await bot.get_updates()]
    assert "".join(pieces) == text
    assert len(pieces) == 3


async def test_a_press_arrives_and_its_answer_is_kept(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    sent = await bot.send_message(anna.id, "…", reply_markup=keyboard(("Retry", "retry:1"), ("Stop", "stop:1")))
    press = anna.press(sent.message_id, "Stop")
    anna.press(anna.last, 0)
    stop, retry = await bot.get_updates()
    assert stop.callback_query
    assert stop.callback_query.message
    assert retry.callback_query
    assert (stop.callback_query.data, retry.callback_query.data) == ("stop:1", "retry:1")
    assert stop.callback_query.message.message_id == sent.message_id
    await bot.answer_callback_query(stop.callback_query.id, "Stopped")
    assert press.answer
    assert press.answer["text"] == "Stopped"
    with pytest.raises(LookupError, match="no button 'Explode'"):
        anna.press(sent.message_id, "Explode")


async def test_an_old_press_cannot_be_answered(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    await bot.send_message(anna.id, "…", reply_markup=keyboard(("Stop", "stop:1")))
    press = anna.press(anna.last, "Stop")
    telegram.advance(200)
    with pytest.raises(TelegramBadRequest, match="query is too old and response timeout expired"):
        await bot.answer_callback_query(press.id)
    assert telegram.updates.unconfirmed == []


async def test_a_block_is_an_update(telegram: TelegramServer, bot: Bot) -> None:
    telegram.private().block()
    telegram.group().block()
    private, group = await bot.get_updates()
    assert private.my_chat_member
    assert group.my_chat_member
    assert private.my_chat_member.new_chat_member.status == group.my_chat_member.new_chat_member.status == "kicked"


async def test_edits_stickers_and_migrations_arrive(telegram: TelegramServer, bot: Bot) -> None:
    anna, old, new = telegram.private(), telegram.group(-55), telegram.group(-10055)
    anna.edit(anna.say("a qestion"), "a question")
    sticker = {"file_id": "f", "file_unique_id": "u", "type": "regular", "width": 512, "height": 512}
    anna.post({"sticker": sticker | {"is_animated": False, "is_video": False}})
    old.migrate(new)
    _, edited, posted, left, joined = await bot.get_updates()
    assert edited.edited_message
    assert edited.edited_message.text == "a question"
    assert posted.message
    assert posted.message.sticker
    assert left.message
    assert left.message.migrate_to_chat_id == new.id
    assert joined.message
    assert joined.message.migrate_from_chat_id == old.id


async def test_malformed_updates_are_handed_out_as_they_are(telegram: TelegramServer, bot: Bot) -> None:
    telegram.push_raw({"message": {"text": 5}})
    with pytest.raises(ClientDecodeError):
        await bot.get_updates()
    url = f"{telegram.base_url}/bot{telegram.token}/getUpdates"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        [update] = (await response.json())["result"]
    assert update == {"update_id": 1000, "message": {"text": 5}}


# The queue


async def test_updates_stay_until_an_offset_above_them_is_asked_for(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    for text in "abc":
        anna.say(text)
    first = await bot.get_updates(limit=2)
    again = await bot.get_updates()
    rest = await bot.get_updates(offset=first[-1].update_id + 1)
    assert [update.update_id for update in again[:2]] == [update.update_id for update in first]
    assert [update.message and update.message.text for update in rest] == ["c"]
    assert telegram.updates.confirmed == [update.update_id for update in first]


async def test_a_negative_offset_forgets_all_but_the_last(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    for text in "abc":
        anna.say(text)
    [last] = await bot.get_updates(offset=-1)
    assert last.message
    assert last.message.text == "c"


async def test_a_long_poll_ends_when_something_happens(telegram: TelegramServer, bot: Bot) -> None:
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(bot.get_updates(timeout=30))
        await telegram.wait_for(lambda server: server.updates.polling)
        telegram.private().say("wake up")
    [update] = poll.result()
    assert update.message


async def test_a_long_poll_without_updates_ends_empty(telegram: TelegramServer, bot: Bot) -> None:
    assert await bot.get_updates(timeout=1) == []


async def test_a_second_poll_ends_the_first_with_a_conflict(telegram: TelegramServer, bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await telegram.wait_for(lambda server: server.updates.polling)
    assert await bot.get_updates() == []
    with pytest.raises(TelegramConflictError, match="Conflict: terminated by other getUpdates request; make sure that"):
        await first
    assert telegram.updates.conflicts == 1


async def test_a_poll_whose_bot_was_killed_is_no_conflict(telegram: TelegramServer, bot: Bot) -> None:
    killed = asyncio.create_task(bot.get_updates(timeout=30))
    await telegram.wait_for(lambda server: server.updates.polling)
    killed.cancel()
    await telegram.wait_for(lambda server: server.calls[-1].outcome == "gone")
    telegram.private().say("after the restart")
    assert len(await bot.get_updates(timeout=30)) == 1
    assert telegram.updates.conflicts == 0


async def test_updates_expire_after_a_day(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    anna.say("old")
    telegram.advance(24 * 3600 - 1)
    anna.say("new")
    telegram.advance(1)
    [update] = await bot.get_updates()
    assert update.message
    assert update.message.text == "new"
    assert telegram.updates.expired == [1000]


async def test_kinds_that_the_bot_did_not_ask_for_are_not_kept(telegram: TelegramServer, bot: Bot) -> None:
    await bot.get_updates(allowed_updates=["message"])
    anna = telegram.private()
    anna.block()
    anna.say("hi")
    assert [update.event_type for update in await bot.get_updates()] == ["message"]


async def test_dropping_pending_updates_leaves_a_trace(telegram: TelegramServer, bot: Bot) -> None:
    telegram.private().say("lost")
    await bot.delete_webhook(drop_pending_updates=True)
    assert await bot.get_updates() == []
    assert telegram.updates.dropped == [1000]


async def test_settled_means_everything_confirmed_and_quiet(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    anna.say("hi")

    async def live() -> None:
        [update] = await bot.get_updates(timeout=5)
        await bot.get_updates(offset=update.update_id + 1)
        await bot.send_message(anna.id, "hello")

    async with asyncio.TaskGroup() as group:
        group.create_task(live())
        await telegram.settled(quiet=0.1)
        assert anna.shown_text() == "hello"
