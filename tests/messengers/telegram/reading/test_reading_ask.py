"""Telegram's updates: /ask is a question as any other, with all that comes along; for where mentions don't arrive."""

import pytest
from aiogram.types import Update

from chat.incoming import Incoming, Invoked, Quote, Said
from messengers.telegram.reading import Reader
from tests.servers.telegram import Chat, TelegramServer
from tests.servers.telegram_files import png

BOT = "parley_test_bot"


@pytest.fixture
def friends(telegram: TelegramServer) -> Chat:
    return telegram.group(-100555)


def read_all(telegram: TelegramServer) -> list[Incoming | None]:
    """What one reader makes of all updates, in order."""
    reader = Reader(telegram.bot.id, BOT, {"help", "ask"})
    return [reader.read(Update.model_validate(update)) for update in telegram.updates.unconfirmed]


def said(telegram: TelegramServer) -> Said:
    incoming = read_all(telegram)[-1]
    assert isinstance(incoming, Said)
    return incoming


@pytest.mark.parametrize("command", ["/ask", f"/ask@{BOT}"])
def test_a_question_behind_ask_has_its_picture_its_file_and_what_it_replies_to(
    telegram: TelegramServer, anna: Chat, friends: Chat, command: str
) -> None:
    for chat in (anna, friends):
        chat.photo(
            png(), f"{command} what is this?", reply_to=chat.say("Look at her cat", user=telegram.person(5, "Bob"))
        )
        assert (said(telegram).text, len(said(telegram).images)) == ("what is this?", 1)
        assert said(telegram).quotes == (Quote("reply", "Bob", "Look at her cat"),)
        chat.document(b"text", caption=f"{command} sum it up")
        assert (said(telegram).text, len(said(telegram).documents)) == ("sum it up", 1)
        chat.say(f"{command}\nwhy @{BOT}?")
        assert said(telegram).text == f"why @{BOT}?"


def test_ask_alone_is_about_what_it_replies_to_or_came_with_and_else_a_command_without_words(
    telegram: TelegramServer, anna: Chat, friends: Chat
) -> None:
    for chat in (anna, friends):
        chat.say(f"/ask@{BOT}", reply_to=chat.say("What is rain?", user=telegram.person(5, "Bob")))
        assert (said(telegram).text, said(telegram).quotes) == ("", (Quote("reply", "Bob", "What is rain?"),))
        chat.photo(png(), f"/ask@{BOT}")
        assert (said(telegram).text, len(said(telegram).images)) == ("", 1)
        chat.say(f"/ask@{BOT} ")
        incoming = read_all(telegram)[-1]
        assert isinstance(incoming, Invoked)
        assert (incoming.command, incoming.text) == ("ask", "")


def test_in_a_group_the_rest_of_an_album_or_a_paste_comes_along_with_its_ask(
    telegram: TelegramServer, friends: Chat
) -> None:
    friends.photo(png(), f"/ask@{BOT} compare", album="13")
    friends.photo(png(), album="13")
    friends.paste(f"/ask@{BOT} {'x' * 5000}")
    found = [incoming for incoming in read_all(telegram) if isinstance(incoming, Said)]
    assert [(each.album, each.text[:7]) for each in found] == [
        ("13", "compare"),
        ("13", ""),
        ("", "x" * 7),
        ("", "x" * 7),
    ]
    assert [each.unfinished for each in found] == [False, False, True, False]
    assert sum(len(each.text) for each in found[2:]) == 5000


def test_a_forwarded_ask_asks_nothing(telegram: TelegramServer, anna: Chat) -> None:
    anna.forward("Bob", "/ask why?")
    assert (said(telegram).text, said(telegram).quotes) == ("", (Quote("forward", "Bob", "/ask why?"),))
