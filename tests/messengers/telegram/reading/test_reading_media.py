"""Telegram's updates: pictures, files and what can't be used are understood, and in groups only if they are for us."""

from typing import Any

import pytest
from aiogram.types import Update

from chat.incoming import Attachment, Incoming, Invoked, Said
from messengers.telegram.contents import LARGEST_PHOTO
from messengers.telegram.reading import Reader
from tests.servers.telegram import Chat, Message, TelegramServer
from tests.servers.telegram_files import File, png
from tests.servers.telegram_media import CAPTIONED, SAMPLES

Json = dict[str, Any]

BOT = "parley_test_bot"
UNUSABLE = sorted(SAMPLES)
WORDLESS = sorted(SAMPLES.keys() - CAPTIONED - {"video_note"})


@pytest.fixture
def friends(telegram: TelegramServer) -> Chat:
    return telegram.group(-100555)


def reader_of(telegram: TelegramServer) -> Reader:
    return Reader(telegram.bot.id, BOT, {"help", "image"})


def read(telegram: TelegramServer) -> Incoming | None:
    """What a reader makes of the newest update."""
    return reader_of(telegram).read(Update.model_validate(telegram.updates.unconfirmed[-1]))


def read_all(telegram: TelegramServer) -> list[Said]:
    """What one reader makes of all updates in order, but what it leaves alone."""
    reader = reader_of(telegram)
    found = [reader.read(Update.model_validate(update)) for update in telegram.updates.unconfirmed]
    return [incoming for incoming in found if isinstance(incoming, Said)]


def said(telegram: TelegramServer) -> Said:
    incoming = read(telegram)
    assert isinstance(incoming, Said)
    return incoming


def stored(message: Message) -> File:
    assert message.file
    return message.file


def from_bot(telegram: TelegramServer, chat: Chat) -> Message:
    return chat.post({"from": telegram.bot.json(), "text": "My answer"}, user=telegram.bot)


# Pictures


def test_a_photo_is_a_picture_in_its_largest_size_and_its_caption_is_the_text(
    telegram: TelegramServer, anna: Chat
) -> None:
    file = stored(anna.photo(png(size=1234), "What is this?"))
    assert said(telegram).text == "What is this?"
    assert said(telegram).images == (Attachment(file.id, "", "image/jpeg", 1234),)
    assert not said(telegram).documents
    assert not said(telegram).other


def test_a_photo_without_a_word_is_something_said(telegram: TelegramServer, anna: Chat) -> None:
    anna.photo(png())
    assert said(telegram).text == ""
    assert len(said(telegram).images) == 1


def test_of_a_photo_too_large_the_largest_size_that_fits_is_taken(telegram: TelegramServer, anna: Chat) -> None:
    def size(number: int, sides: int, file_size: int | None) -> Json:
        told = {} if file_size is None else {"file_size": file_size}
        return {"file_id": f"f{number}", "file_unique_id": "u", "width": sides, "height": sides, **told}

    anna.post({"photo": [size(1, 90, 900), size(2, 800, LARGEST_PHOTO), size(3, 2000, LARGEST_PHOTO + 1)]})
    assert said(telegram).images[0].id == "f2"
    anna.post({"photo": [size(1, 90, None), size(2, 800, None)]})
    assert said(telegram).images == (Attachment("f2", "", "image/jpeg", 0),)
    anna.post({"photo": [size(1, 90, LARGEST_PHOTO + 1), size(2, 800, LARGEST_PHOTO + 2)]})
    assert said(telegram).images[0].id == "f1"


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp", "image/gif", "IMAGE/PNG"])
def test_a_picture_that_was_sent_as_a_file_is_a_picture(telegram: TelegramServer, anna: Chat, mime: str) -> None:
    file = stored(anna.document(b"x" * 77, "cat.png", mime, caption="Who?"))
    assert said(telegram).images == (Attachment(file.id, "cat.png", mime.lower(), 77),)
    assert said(telegram).documents == ()
    assert said(telegram).text == "Who?"


def test_a_live_photo_is_its_still_picture(telegram: TelegramServer, anna: Chat) -> None:
    still = {"file_id": "still", "file_unique_id": "u", "width": 9, "height": 9, "file_size": 5}
    frame = {"file_id": "film", "file_unique_id": "v", "width": 9, "height": 9, "duration": 1}
    anna.post({"live_photo": frame | {"photo": [still]}, "caption": "look"})
    assert said(telegram).images == (Attachment("still", "", "image/jpeg", 5),)
    anna.post({"live_photo": frame})
    assert said(telegram).other == "live_photo"


# Files


@pytest.mark.parametrize("mime", ["text/plain", "application/pdf", "image/svg+xml", "image/tiff", "video/mp4"])
def test_a_file_has_its_name_its_type_and_its_size(telegram: TelegramServer, anna: Chat, mime: str) -> None:
    file = stored(anna.document(b"x" * 99, "Заметки.txt", mime, caption="Sum it up"))
    assert said(telegram).documents == (Attachment(file.id, "Заметки.txt", mime, 99),)
    assert said(telegram).images == ()
    assert said(telegram).text == "Sum it up"


def test_a_file_of_which_nothing_is_known_is_still_one(telegram: TelegramServer, anna: Chat) -> None:
    anna.post({"document": {"file_id": "f", "file_unique_id": "u"}})
    assert said(telegram).documents == (Attachment("f"),)


# What belongs together


def test_the_pictures_of_an_album_have_the_same_mark(telegram: TelegramServer, anna: Chat) -> None:
    anna.photo(png(), "Compare", album="13")
    anna.photo(png(), album="13")
    anna.document(b"a", album="14")
    anna.photo(png())
    assert [(each.album, each.text) for each in read_all(telegram)] == [
        ("13", "Compare"),
        ("13", ""),
        ("14", ""),
        ("", ""),
    ]


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [("x" * 3899, False), ("x" * 3900, True), ("😀" * 1949, False), ("😀" * 1950, True), ("x" * 4096, True)],
    ids=lambda value: str(len(value)) if isinstance(value, str) else str(value),
)
def test_a_text_so_long_that_the_client_may_have_split_it_is_unfinished(
    telegram: TelegramServer, anna: Chat, text: str, unfinished: bool
) -> None:
    anna.say(text)
    assert said(telegram).unfinished is unfinished


def test_of_a_paste_all_pieces_but_the_last_are_unfinished(telegram: TelegramServer, anna: Chat) -> None:
    anna.paste("word " * 2000)
    assert [each.unfinished for each in read_all(telegram)] == [True, True, False]


def test_in_a_group_the_rest_of_an_album_comes_along_with_the_picture_that_has_the_mention(
    telegram: TelegramServer, friends: Chat
) -> None:
    friends.photo(png(), f"@{BOT} compare", album="13")
    friends.photo(png(), album="13")
    friends.photo(png(), album="14")
    friends.photo(png())
    assert [(each.album, each.text) for each in read_all(telegram)] == [("13", "compare"), ("13", "")]


def test_in_a_group_the_rest_of_a_paste_comes_along_and_nothing_else_does(
    telegram: TelegramServer, friends: Chat
) -> None:
    bob, eve = telegram.person(5, "Bob"), telegram.person(6, "Eve")
    friends.paste(f"@{BOT} {'x' * 9000}", user=bob)
    friends.say("among ourselves", user=eve)
    telegram.advance(5)
    friends.say("later", user=bob)
    found = read_all(telegram)
    assert [len(each.text) for each in found] == [4096 - len(BOT) - 2, 4096, 9000 + len(BOT) + 2 - 2 * 4096]
    assert [each.unfinished for each in found] == [True, True, False]


def test_in_a_group_a_short_question_brings_nothing_along(telegram: TelegramServer, friends: Chat) -> None:
    friends.say(f"@{BOT} hello")
    friends.say("among ourselves")
    friends.photo(png())
    assert [each.text for each in read_all(telegram)] == ["hello"]


# What can't be used


@pytest.mark.parametrize("kind", UNUSABLE)
def test_in_private_what_cannot_be_used_is_named_with_its_caption(
    telegram: TelegramServer, anna: Chat, kind: str
) -> None:
    caption = "listen" if kind in CAPTIONED else ""
    anna.share(kind, caption)
    assert (said(telegram).other, said(telegram).text) == (kind, caption)
    assert not said(telegram).images
    assert not said(telegram).documents


@pytest.mark.parametrize("kind", UNUSABLE)
def test_in_a_group_it_is_silence_where_it_is_for_nobody(telegram: TelegramServer, friends: Chat, kind: str) -> None:
    friends.share(kind)
    assert read(telegram) is None
    friends.share(kind, reply_to=friends.say("among ourselves"))
    assert read(telegram) is None


@pytest.mark.parametrize("kind", sorted(CAPTIONED & SAMPLES.keys()))
def test_in_a_group_a_mention_in_its_caption_makes_it_ours_and_without_words_it_is_silence(
    telegram: TelegramServer, friends: Chat, kind: str
) -> None:
    friends.share(kind, f"@{BOT} listen")
    assert (said(telegram).other, said(telegram).text) == (kind, "listen")
    friends.share(kind, reply_to=from_bot(telegram, friends))
    assert read(telegram) is None


@pytest.mark.parametrize("kind", WORDLESS)
def test_in_a_group_a_sticker_or_a_place_is_silence_also_as_a_reply_to_the_bot(
    telegram: TelegramServer, friends: Chat, kind: str
) -> None:
    friends.share(kind, reply_to=from_bot(telegram, friends))
    assert read(telegram) is None


@pytest.mark.parametrize(
    "content",
    [
        {"new_chat_members": [{"id": 5, "is_bot": False, "first_name": "Bob"}]},
        {"left_chat_member": {"id": 5, "is_bot": False, "first_name": "Bob"}},
        {"new_chat_title": "Enemies"},
        {"new_chat_photo": [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}]},
        {"delete_chat_photo": True},
        {"group_chat_created": True},
        {"forum_topic_created": {"name": "Talk", "icon_color": 1}},
        {"forum_topic_closed": {}},
        {"pinned_message": {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "a"}},
        {"message_auto_delete_timer_changed": {"message_auto_delete_time": 5}},
        {"video_chat_started": {}},
        {"boost_added": {"boost_count": 1}},
        {"something_of_next_year": {"a": 1}},
    ],
    ids=lambda content: next(iter(content)),
)
def test_what_happened_and_was_not_said_is_left_alone(
    telegram: TelegramServer, anna: Chat, friends: Chat, content: Json
) -> None:
    for chat in (anna, friends):
        chat.post(content)
        assert read(telegram) is None
        chat.post(content, reply_to=from_bot(telegram, chat))
        assert read(telegram) is None


# Captions as texts


def test_in_a_group_a_mention_in_a_caption_counts_and_is_taken_off(telegram: TelegramServer, friends: Chat) -> None:
    friends.photo(png(), f"@{BOT} what is this?")
    assert (said(telegram).text, len(said(telegram).images)) == ("what is this?", 1)
    friends.document(b"text", caption=f"sum it up @{BOT}")
    assert (said(telegram).text, len(said(telegram).documents)) == ("sum it up", 1)
    friends.photo(png(), f"@{BOT}")
    assert (said(telegram).text, len(said(telegram).images)) == ("", 1)


def test_in_a_group_a_photo_for_nobody_is_left_alone_and_a_reply_to_the_bot_is_not(
    telegram: TelegramServer, friends: Chat
) -> None:
    friends.photo(png(), "@other_bot look")
    assert read(telegram) is None
    friends.photo(png())
    assert read(telegram) is None
    friends.photo(png(), reply_to=from_bot(telegram, friends))
    assert len(said(telegram).images) == 1


def test_a_command_in_a_caption_is_a_command(telegram: TelegramServer, anna: Chat, friends: Chat) -> None:
    for chat in (anna, friends):
        chat.photo(png(), "/image a cat")
        incoming = read(telegram)
        assert isinstance(incoming, Invoked)
        assert (incoming.command, incoming.text) == ("image", "a cat")


@pytest.mark.parametrize("text", ["/help@other_bot", "/Help@OTHERBOT please", "/unknown@other_bot"])
def test_a_command_for_another_bot_is_ignored_everywhere(
    telegram: TelegramServer, anna: Chat, friends: Chat, text: str
) -> None:
    for chat in (anna, friends):
        chat.say(text)
        assert read(telegram) is None
        chat.photo(png(), text)
        assert read(telegram) is None
    friends.say(text, reply_to=from_bot(telegram, friends))
    assert read(telegram) is None


def test_what_only_looks_like_a_command_for_another_bot_is_a_question(telegram: TelegramServer, anna: Chat) -> None:
    for text in ("/etc@home what is it?", f"/unknown@{BOT}", "/home/me@my_robot.org"):
        anna.say(text)
        assert said(telegram).text == text
