"""What takes the place of something else on Telegram: thoughts folded above an answer, and a message that can't go."""

import pytest
from aiogram import Bot

from chat.incoming import Address
from messengers.base import Refused
from messengers.buckets import UNLIMITED, Bucket
from messengers.budget import PlaceBudget
from messengers.telegram.chat import TelegramChat
from messengers.telegram.rendering import TelegramDialect
from tests.servers.telegram import Chat

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIALECT = TelegramDialect()
THOUGHTS = "> 💭 Thought for 12 s\n>\n> Six **by** seven, or\n> ```py\n> 6 * 7"


@pytest.fixture
def chat(bot: Bot, anna: Chat) -> TelegramChat:
    return TelegramChat(bot, Address("telegram", str(anna.id)), DIALECT, PlaceBudget(UNLIMITED, Bucket(UNLIMITED)))


async def test_thoughts_are_a_quote_that_is_folded_and_other_quotes_are_as_ever(chat: TelegramChat, anna: Chat) -> None:
    await chat.send(DIALECT.render(f"{THOUGHTS}\n\nIt is 42.\n\n> as somebody said", final=True))
    assert anna.last.styled("expandable_blockquote") == ["💭 Thought for 12 s\n\nSix by seven, or\n6 * 7"]
    assert anna.last.styled("blockquote") == ["as somebody said"]
    assert anna.last.text.endswith("It is 42.\n\nas somebody said")


async def test_a_message_that_telegram_wont_delete_any_more_is_refused_and_can_still_be_changed(
    chat: TelegramChat, anna: Chat
) -> None:
    number = await chat.send(DIALECT.render("short", final=True))
    anna.undeletable.add(int(number))
    with pytest.raises(Refused, match="can't be deleted"):
        await chat.delete(number)
    await chat.edit(number, DIALECT.render("further down", final=True))
    assert anna.shown_text() == "further down"
