"""Promises of the stand-in Telegram about drafts and rich messages, to an unmodified aiogram client."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramNotFound, TelegramRetryAfter
from aiogram.types import InputRichMessage

from tests.servers.telegram import FloodRules, TelegramServer

TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"


async def test_a_draft_is_shown_for_30_seconds_and_goes_when_the_bot_sends_a_message(
    telegram: TelegramServer, bot: Bot
) -> None:
    anna = telegram.private()
    await bot.send_message_draft(anna.id, draft_id=7, text="grow")
    await bot.send_message_draft(anna.id, draft_id=7, text="growing")
    assert anna.draft
    assert (anna.draft.text, [draft.text for draft in anna.drafts]) == ("growing", ["grow", "growing"])
    telegram.advance(29)
    assert anna.draft
    telegram.advance(2)
    assert anna.draft is None
    await bot.send_message_draft(anna.id, draft_id=7, text="again")
    await bot.send_message(anna.id, "grown")
    assert (anna.draft, anna.shown_text()) == (None, "grown")


async def test_its_stop_button_sends_an_update_and_is_there_only_where_it_was_asked_for(
    telegram: TelegramServer, bot: Bot
) -> None:
    anna = telegram.private()
    await bot.send_message_draft(anna.id, draft_id=7, text="growing")
    with pytest.raises(LookupError):
        anna.stop_generation()
    await bot.send_message_draft(anna.id, draft_id=7, text="growing", can_stop=True)
    anna.stop_generation()
    (update,) = await bot.get_updates(allowed_updates=["stopped_message_generation"])
    assert update.stopped_message_generation
    assert (update.stopped_message_generation.draft_id, update.stopped_message_generation.chat.id) == (7, anna.id)
    assert anna.draft is None, "it wasn't to be kept"


@pytest.mark.parametrize(("place", "number", "text"), [(-100555, 7, "x"), (1001, 0, "x"), (1001, 7, "x" * 4097)])
async def test_drafts_are_refused_in_groups_without_an_id_and_when_too_long(
    telegram: TelegramServer, bot: Bot, place: int, number: int, text: str
) -> None:
    telegram.private(), telegram.group()
    with pytest.raises(TelegramBadRequest):
        await bot.send_message_draft(place, draft_id=number, text=text)


async def test_the_21st_draft_in_5_seconds_is_too_many_with_typing_counted(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    telegram.flood.rules = FloodRules()
    await bot.send_chat_action(anna.id, "typing")
    for number in range(19):
        await bot.send_message_draft(anna.id, draft_id=7, text=f"{number}")
    with pytest.raises(TelegramRetryAfter):
        await bot.send_message_draft(anna.id, draft_id=7, text="one more")
    await bot.send_message(anna.id, "messages have limits of their own")


async def test_a_rich_message_is_sent_or_edited_into_a_plain_one(telegram: TelegramServer, bot: Bot) -> None:
    anna = telegram.private()
    plain = await bot.send_message(anna.id, "a table follows")
    await bot.edit_message_text(
        chat_id=anna.id, message_id=plain.message_id, rich_message=InputRichMessage(markdown=TABLE)
    )
    await bot.send_rich_message(anna.id, InputRichMessage(markdown="$x^2$"))
    assert [(message.text, message.rich) for message in anna.messages] == [(TABLE, True), ("$x^2$", True)]
    for markdown in ("", "x" * 32_769, "\n\n".join("x" * 501)):
        with pytest.raises(TelegramBadRequest):
            await bot.send_rich_message(anna.id, InputRichMessage(markdown=markdown))


async def test_an_older_server_has_no_such_methods_and_overlooks_the_parameter(
    telegram: TelegramServer, bot: Bot
) -> None:
    anna = telegram.private()
    telegram.api.drafts = telegram.api.rich = False
    with pytest.raises(TelegramNotFound):
        await bot.send_message_draft(anna.id, draft_id=7, text="x")
    with pytest.raises(TelegramNotFound):
        await bot.send_rich_message(anna.id, InputRichMessage(markdown="x"))
    plain = await bot.send_message(anna.id, "plain")
    with pytest.raises(TelegramBadRequest, match="text is empty"):
        await bot.edit_message_text(
            chat_id=anna.id, message_id=plain.message_id, rich_message=InputRichMessage(markdown="x")
        )
