"""One Telegram chat: what is sent, edited and deleted is what people see, in the right place, with nothing added."""

from collections.abc import Sequence
from typing import Literal

import pytest
from aiogram import Bot

from chat.buttons import Action, Button
from chat.incoming import Address
from chat.messages import Image
from messengers.base import MessageGone, Page, PlaceGone, PlaceMoved, Refused, SlowDown
from messengers.buckets import UNLIMITED, Bucket
from messengers.budget import PlaceBudget
from messengers.telegram.chat import TelegramChat
from messengers.telegram.rendering import TelegramDialect
from tests.messengers.telegram.conftest import TOPIC
from tests.servers.telegram import Chat, Fault, TelegramServer
from tests.servers.telegram_files import png

pytestmark = pytest.mark.asyncio(loop_scope="module")

Spot = Literal["", "general", "replies"]

DIALECT = TelegramDialect()
STOP, RETRY = Button("⏹ Stop", Action("stop", 5)), Button("🔁 Retry", Action("retry", 5))


def opened(bot: Bot, place: int, *, thread: int | str = "", message: int | str = "", spot: Spot = "") -> TelegramChat:
    address = Address("telegram", str(place), str(thread), str(message), private=place > 0, spot=spot)
    return TelegramChat(bot, address, DIALECT, PlaceBudget(UNLIMITED, Bucket(UNLIMITED)))


def page(source: str) -> Page:
    return DIALECT.render(source, final=True)


async def sent(chat: TelegramChat, source: str, buttons: Sequence[Button] = ()) -> str:
    return await chat.send(page(source), buttons)


async def test_a_message_has_its_text_its_styles_and_its_buttons(bot: Bot, anna: Chat) -> None:
    number = await sent(opened(bot, anna.id), "**bold** and `code`\n\n```python\nx = 1\n```", [STOP, RETRY])
    message = anna.last
    assert number == str(message.id)
    assert message.text.startswith("bold and code")
    assert (message.styled("bold"), message.styled("code"), message.styled("pre")) == (["bold"], ["code"], ["x = 1"])
    assert [(button["text"], button["callback_data"]) for button in message.buttons] == [
        ("⏹ Stop", "stop:5"),
        ("🔁 Retry", "retry:5"),
    ]


async def test_an_edit_shows_the_new_page_and_just_its_buttons(bot: Bot, anna: Chat) -> None:
    chat = opened(bot, anna.id)
    number = await sent(chat, "**first**", [STOP])
    await chat.edit(number, page("second"), [RETRY])
    assert (anna.last.text, anna.last.labels, anna.last.entities) == ("second", ["🔁 Retry"], [])
    await chat.edit(number, page("third"))
    assert (anna.last.text, anna.last.labels) == ("third", [])


async def test_an_edit_without_buttons_removes_the_keyboard_also_where_the_text_stays(bot: Bot, anna: Chat) -> None:
    chat = opened(bot, anna.id)
    number = await sent(chat, "all of it", [STOP])
    await chat.edit(number, page("all of it"))
    assert (anna.last.labels, len(anna.messages)) == ([], 1)


async def test_an_edit_that_changes_nothing_is_a_success(bot: Bot, anna: Chat) -> None:
    chat = opened(bot, anna.id)
    number = await sent(chat, "same", [STOP])
    await chat.edit(number, page("same"), [STOP])
    assert anna.last.texts == ["same"]


async def test_link_previews_are_off_in_sends_and_edits(telegram: TelegramServer, bot: Bot, anna: Chat) -> None:
    chat = opened(bot, anna.id)
    number = await sent(chat, "see https://example.org")
    await chat.edit(number, page("or https://example.com"))
    calls = [*telegram.made("sendMessage", anna), *telegram.made("editMessageText", anna)]
    assert len(calls) == 2
    assert all('"is_disabled"' in call.fields["link_preview_options"] for call in calls)
    assert all("parse_mode" not in call.fields for call in calls), "model text is never parsed by Telegram"


async def test_what_is_deleted_is_gone_and_deleting_it_again_is_a_success(bot: Bot, anna: Chat) -> None:
    chat = opened(bot, anna.id)
    number = await sent(chat, "too much")
    await chat.delete(number)
    assert anna.messages == []
    await chat.delete(number)


async def test_an_edit_of_a_deleted_message_says_that_it_is_gone(bot: Bot, anna: Chat) -> None:
    chat = opened(bot, anna.id)
    number = await sent(chat, "hello")
    anna.delete(int(number))
    with pytest.raises(MessageGone):
        await chat.edit(number, page("more"))


async def test_only_what_shall_quote_does_and_a_deleted_question_is_no_obstacle(bot: Bot, friends: Chat) -> None:
    question = friends.say("@parley_test_bot why?")
    chat = opened(bot, friends.id, message=question.id)
    await chat.send(page("because"), reply=True)
    assert friends.last.reply_to == question.id
    await chat.send(page("and so on"))
    assert friends.last.reply_to is None
    friends.delete(question)
    await chat.send(page("still here"), reply=True)
    assert (friends.last.text, friends.last.reply_to) == ("still here", None)


async def test_where_there_is_nothing_to_quote_nothing_is_quoted(bot: Bot, anna: Chat) -> None:
    await opened(bot, anna.id).send(page("hello"), reply=True)
    assert anna.last.reply_to is None


async def test_an_answer_and_its_typing_stay_in_their_topic(bot: Bot, friends: Chat) -> None:
    spots: dict[int | str, Spot] = {TOPIC: "", "": "general"}
    for thread, spot in spots.items():
        chat = opened(bot, friends.id, thread=thread, spot=spot)
        await chat.typing()
        number = await sent(chat, f"in {thread}")
        await chat.edit(number, page(f"edited in {thread}"))
    assert friends.shown_text(TOPIC) == f"edited in {TOPIC}"
    assert [message.thread for message in friends.messages] == [TOPIC, None]
    assert [(action, thread) for _, action, thread in friends.actions] == [("typing", TOPIC), ("typing", 1)]


async def test_under_a_channels_post_every_message_is_a_reply_for_else_it_would_not_be_there(
    telegram: TelegramServer, bot: Bot
) -> None:
    group = telegram.group(-100_777)
    post = group.post({"text": "News!", "is_automatic_forward": True})
    comment = group.say("/help", thread=post.id, reply_to=post)
    chat = opened(bot, group.id, message=comment.id, spot="replies")
    first = await chat.send(page("one"))
    second = await chat.send(page("two"), previous=first)
    assert [message.thread for message in group.messages] == [post.id, post.id]
    assert [message.reply_to for message in group.messages] == [comment.id, int(first)]
    await chat.send_image(Image(png(), "image/png"))
    assert (group.last.thread, group.last.reply_to) == (post.id, comment.id)
    await chat.edit(second, page("edited"))
    with pytest.raises(Refused, match="not a forum topic"):
        await sent(opened(bot, group.id, thread=post.id), "hello")


async def test_a_topic_that_is_gone_or_a_bot_that_is_blocked_is_a_place_gone(
    bot: Bot, anna: Chat, friends: Chat
) -> None:
    with pytest.raises(PlaceGone):
        await sent(opened(bot, friends.id, thread=7), "hello")
    anna.block()
    for call in (sent(opened(bot, anna.id), "hello"), opened(bot, anna.id).typing()):
        with pytest.raises(PlaceGone):
            await call


async def test_a_page_that_telegram_does_not_take_is_refused_and_a_flood_says_how_long(
    telegram: TelegramServer, bot: Bot, anna: Chat
) -> None:
    chat = opened(bot, anna.id)
    with pytest.raises(Refused):
        await chat.send(Page("x" * 5000, 5000))
    telegram.faults.next("sendMessage", Fault.flood(35), chat=anna.id)
    with pytest.raises(SlowDown) as slow:
        await sent(chat, "hello")
    assert slow.value.retry_after == 35


async def test_a_group_that_becomes_a_supergroup_is_followed_by_sends_and_typing(
    telegram: TelegramServer, bot: Bot
) -> None:
    old, new = telegram.group(-321), telegram.group(-100_321)
    chat = opened(bot, old.id)
    await sent(chat, "before")
    old.migrate(new)
    await sent(chat, "after")
    await chat.typing()
    assert [message.text for message in new.messages] == ["after"]
    assert len(new.actions) == 1
    await sent(chat, "on")
    assert len(telegram.made("sendMessage", old)) == 2, "from then on the new group is used at once"


async def test_after_a_migration_no_message_of_the_new_group_is_taken_for_one_of_the_old(
    telegram: TelegramServer, bot: Bot
) -> None:
    old, new = telegram.group(-322), telegram.group(-100_322)
    new.post({"new_chat_title": "Friends"})
    chat, elsewhere = opened(bot, old.id), opened(bot, new.id)
    old.say("one")
    old.say("two")
    number = await sent(chat, "half an answer")
    old.migrate(new)
    innocent = await sent(elsewhere, "Another answer.")
    assert number == innocent
    with pytest.raises(PlaceMoved):
        await chat.edit(number, page("half an answer and the rest"))
    await chat.delete(number)
    assert "Another answer." in new.shown_text()
