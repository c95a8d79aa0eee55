"""Telegram's updates: what is replied to, quoted or forwarded comes along, with its author, and nothing twice."""

from typing import Any

import pytest
from aiogram.types import Update

from chat.incoming import Incoming, Quote, Said
from messengers.telegram.reading import Reader
from tests.servers.telegram import Chat, Message, Person, TelegramServer
from tests.servers.telegram_files import png

Json = dict[str, Any]

BOT = "parley_test_bot"
TOPIC = 42
CHANNEL: Json = {"id": -100777, "type": "channel", "title": "News"}


@pytest.fixture
def friends(telegram: TelegramServer) -> Chat:
    return telegram.group(-100555, topics={TOPIC: "Talk"})


@pytest.fixture
def bob(telegram: TelegramServer) -> Person:
    return telegram.person(5, "Bob")


def read(telegram: TelegramServer) -> Incoming | None:
    reader = Reader(telegram.bot.id, BOT, {"help", "stop"})
    return reader.read(Update.model_validate(telegram.updates.unconfirmed[-1]))


def said(telegram: TelegramServer) -> Said:
    incoming = read(telegram)
    assert isinstance(incoming, Said)
    return incoming


def from_bot(telegram: TelegramServer, chat: Chat, text: str = "My answer") -> Message:
    return chat.say(text, user=telegram.bot)


# Replies


def test_the_message_that_is_replied_to_comes_along_with_its_author(
    telegram: TelegramServer, friends: Chat, bob: Person
) -> None:
    friends.say(f"@{BOT} is that true?", reply_to=friends.say("The moon is cheese.", user=bob))
    assert said(telegram).text == "is that true?"
    assert said(telegram).quotes == (Quote("reply", "Bob", "The moon is cheese."),)


def test_a_mention_alone_asks_about_the_message_it_replies_to(
    telegram: TelegramServer, friends: Chat, bob: Person
) -> None:
    friends.say(f"@{BOT}", reply_to=friends.say("What is rain?", user=bob))
    assert (said(telegram).text, said(telegram).quotes) == ("", (Quote("reply", "Bob", "What is rain?"),))


def test_of_a_picture_that_is_replied_to_the_caption_comes_along(telegram: TelegramServer, anna: Chat) -> None:
    anna.say("and this?", reply_to=anna.photo(png(), "My cat"))
    assert said(telegram).quotes == (Quote("reply", "Anna", "My cat"),)
    anna.say("and this?", reply_to=anna.photo(png()))
    assert said(telegram).quotes == ()


def test_a_channels_post_and_an_anonymous_admins_message_have_the_chats_name(
    telegram: TelegramServer, friends: Chat
) -> None:
    post = friends.post({"text": "Rain!", "sender_chat": CHANNEL, "is_automatic_forward": True})
    friends.say(f"@{BOT} really?", reply_to=post)
    assert said(telegram).quotes == (Quote("reply", "News", "Rain!"),)


def test_a_reply_to_the_bot_itself_quotes_nothing(telegram: TelegramServer, anna: Chat, friends: Chat) -> None:
    for chat in (anna, friends):
        chat.say("why?", reply_to=from_bot(telegram, chat))
        assert (said(telegram).text, said(telegram).quotes) == ("why?", ())


def test_a_long_message_that_is_replied_to_is_cut(telegram: TelegramServer, anna: Chat) -> None:
    anna.say("shorter!", reply_to=anna.say("x" * 4096))
    [quote] = said(telegram).quotes
    assert quote.text == "x" * 4000


def test_the_message_that_opened_a_topic_is_no_quote(telegram: TelegramServer, friends: Chat) -> None:
    opening = {"message_id": TOPIC, "date": 1, "chat": friends.body, "from": telegram.person(5).json()}
    opening |= {"forum_topic_created": {"name": "Talk", "icon_color": 1}}
    mention = [{"type": "mention", "offset": 0, "length": len(BOT) + 1}]
    friends.post({"text": f"@{BOT} hello", "entities": mention, "reply_to_message": opening}, thread=TOPIC)
    assert (said(telegram).text, said(telegram).quotes) == ("hello", ())


# A part that was marked


def test_a_part_that_was_marked_comes_instead_of_the_whole(telegram: TelegramServer, anna: Chat) -> None:
    anna.say("which one?", reply_to=anna.say("Red, green and blue."), quote="green")
    assert said(telegram).quotes == (Quote("quote", "Anna", "green"),)


def test_a_marked_part_of_the_bots_own_message_comes_along_too(
    telegram: TelegramServer, anna: Chat, friends: Chat
) -> None:
    for chat in (anna, friends):
        chat.say("which one?", reply_to=from_bot(telegram, chat, "Red, green and blue."), quote="green")
        assert said(telegram).quotes == (Quote("quote", "Parley", "green"),)


def test_a_part_that_telegram_marked_by_itself_is_not_meant(telegram: TelegramServer, anna: Chat) -> None:
    quote = {"text": "green", "position": 5}
    anna.post({"text": "which one?", "quote": quote}, reply_to=anna.say("Red, green and blue."))
    assert said(telegram).quotes == (Quote("reply", "Anna", "Red, green and blue."),)
    anna.post({"text": "which one?", "quote": quote}, reply_to=from_bot(telegram, anna))
    assert said(telegram).quotes == ()


@pytest.mark.parametrize(
    ("origin", "author"),
    [
        ({"type": "channel", "date": 1, "chat": CHANNEL, "message_id": 3}, "News"),
        ({"type": "user", "date": 1, "sender_user": {"id": 5, "is_bot": False, "first_name": "Bob"}}, "Bob"),
    ],
    ids=["channel", "user"],
)
def test_of_a_message_elsewhere_what_is_quoted_comes_along(
    telegram: TelegramServer, anna: Chat, origin: Json, author: str
) -> None:
    anna.post({"text": "true?", "external_reply": {"origin": origin}, "quote": {"text": "Rain!", "position": 0}})
    assert said(telegram).quotes == (Quote("quote", author, "Rain!"),)
    anna.post({"text": "true?", "external_reply": {"origin": origin}})
    assert said(telegram).quotes == ()


# Forwards


@pytest.mark.parametrize(
    ("author", "name"),
    [
        (Person(5, "Bob"), "Bob"),
        ("Somebody hidden", "Somebody hidden"),
        (CHANNEL, "News"),
        ({"id": -1005, "type": "supergroup", "title": "Friends"}, "Friends"),
    ],
    ids=["user", "hidden", "channel", "group"],
)
def test_a_forwarded_text_is_a_quote_and_nothing_its_forwarder_said(
    telegram: TelegramServer, anna: Chat, author: Person | Json | str, name: str
) -> None:
    anna.forward(author, "The moon is cheese.")
    assert (said(telegram).text, said(telegram).quotes) == ("", (Quote("forward", name, "The moon is cheese."),))
    assert said(telegram).sender.name == "Anna"


def test_the_bots_own_answer_may_be_forwarded_to_it(telegram: TelegramServer, anna: Chat) -> None:
    anna.forward(telegram.bot, "My answer")
    assert said(telegram).quotes == (Quote("forward", "Parley", "My answer"),)


def test_a_forwarded_text_is_not_cut(telegram: TelegramServer, anna: Chat) -> None:
    anna.forward("Bob", "x" * 4096)
    assert said(telegram).quotes == (Quote("forward", "Bob", "x" * 4096),)
    assert said(telegram).unfinished


def test_a_forwarded_photo_is_a_picture_with_its_caption_as_a_quote(telegram: TelegramServer, anna: Chat) -> None:
    anna.forward("Bob", "My cat", png())
    assert (said(telegram).text, said(telegram).quotes) == ("", (Quote("forward", "Bob", "My cat"),))
    assert len(said(telegram).images) == 1
    anna.forward("Bob", "", png())
    assert said(telegram).quotes == ()
    assert len(said(telegram).images) == 1


def test_a_forwarded_command_commands_nothing(telegram: TelegramServer, anna: Chat) -> None:
    for text in ("/stop", "/stop@other_bot"):
        anna.forward("Bob", text)
        assert said(telegram).quotes == (Quote("forward", "Bob", text),)


def test_in_a_group_a_forward_is_for_nobody_whoever_is_mentioned_in_it(telegram: TelegramServer, friends: Chat) -> None:
    friends.forward("Bob", f"@{BOT} is a nice bot")
    assert read(telegram) is None
