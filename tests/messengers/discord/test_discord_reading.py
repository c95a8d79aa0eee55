"""What a message becomes, as the API shows it: words, quotes, files; and what is nobody's question."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.incoming import Quote, Said
from messengers.discord.client import MALFORMED
from messengers.discord.contents import words_of
from messengers.discord.places import REMEMBERED, Places
from messengers.discord.reading import BARE, HIDDEN, UNREADABLE, Reader

BOT, ANNA, BOB = "99", "7", "8"
PLACES = Places({})
READER = Reader(BOT, PLACES)
BLIND = Reader(BOT, PLACES, reads_all=lambda: False)  # without the Message Content Intent


def user(number: str, name: str = "Anna", **more: Any) -> dict[str, Any]:
    return {"id": number, "username": name.lower(), "global_name": name} | more


def message(text: str = "", **more: Any) -> dict[str, Any]:
    """A direct message of Anna's, changed by what is given."""
    return {"id": "500", "channel_id": "5", "content": text, "type": 0, "author": user(ANNA)} | more


def in_guild(text: str, **more: Any) -> dict[str, Any]:
    return message(text, guild_id="77", mentions=[user(BOT, "Parley", bot=True)], **more)


def read(raw: dict[str, Any]) -> Said:
    said = READER.read(raw)
    assert said
    return said


@pytest.mark.parametrize(
    "raw",
    [
        message("hello", author=user(ANNA, bot=True)),
        message("hello", author=user(BOT, bot=True)),
        message("hello", webhook_id="3"),
        message("Anna pinned a message", type=6),
        message("thread", type=18),
        message("", type=21),
        message("", type=7),
        message("   "),
        message("hello", guild_id="77"),
        message("@everyone hello", guild_id="77", mention_everyone=True),
        in_guild(f"<@{BOT}>", sticker_items=[{"id": "1"}]),
    ],
    ids=lambda raw: f"{raw['content']}-{raw['type']}",
)
def test_what_is_not_the_bots_business(raw: dict[str, Any]) -> None:
    assert READER.read(raw) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (f"<@{BOT}> why?", "why?"),
        (f"<@!{BOT}>, why?", "why?"),
        (f"why, <@{BOT}>", "why,"),
        (f"tell <@{BOT}> and <@{BOB}> why", "tell @Parley and @Bobby why"),
        (f"<@{BOT}> <:smile:123> <a:dance:4> hi", ":smile: :dance: hi"),
        (f"<@{BOT}> /model gpt", "/model gpt"),
        (f"<@{BOT}> two\nlines", "two\nlines"),
        (f"<@{BOT}> hi <@404>", "hi @somebody"),
    ],
)
def test_a_question_is_shown_with_names_and_without_the_mention_around_it(written: str, meant: str) -> None:
    mentions = [user(BOT, "Parley", bot=True), user(BOB, "Bob", member={"nick": "Bobby"})]
    assert read(message(written, guild_id="77", mentions=mentions)).text == meant


def test_somebody_is_called_as_the_guild_calls_them() -> None:
    assert read(in_guild("hi", member={"nick": "Annie", "roles": ["1", "2"]})).sender.name == "Annie"
    assert read(in_guild("hi", member={"nick": None, "roles": ["1", "2"]})).sender.roles == ("role:1", "role:2")
    assert read(message("hi", author={"id": ANNA, "username": "anna", "global_name": None})).sender.name == "anna"


def test_a_forwarded_message_is_a_quote_with_its_files() -> None:
    file = {
        "id": "3",
        "filename": "a.png",
        "size": 5,
        "url": "https://cdn.discordapp.com/a.png",
        "content_type": "image/png",
    }
    snapshot = {"message": {"content": "the news", "attachments": [file], "mentions": [user(BOB, "Bob")]}}
    reference = {"type": 1, "message_id": "400", "channel_id": "6"}
    said = read(message("", message_reference=reference, message_snapshots=[snapshot]))
    assert said.quotes == (Quote("forward", "", "the news"),)
    assert [image.id for image in said.images] == ["https://cdn.discordapp.com/a.png"]
    assert said.text == ""


def replied(text: str, author: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": 19,
        "referenced_message": {"id": "400", "channel_id": "5", "content": text, "author": author} | more,
    }


def test_a_reply_to_the_bot_is_meant_for_it_without_a_mention_and_needs_no_quote() -> None:
    said = read(message("and?", guild_id="77", **replied("my words", user(BOT, "Parley", bot=True))))
    assert (said.text, said.quotes) == ("and?", ())


def test_a_reply_to_somebody_brings_their_words_and_pictures() -> None:
    file = {"id": "3", "filename": "a.png", "size": 5, "url": "x", "content_type": "image/png"}
    said = read(in_guild(f"<@{BOT}> what is it?", **replied("look", user(BOB, "Bob"), attachments=[file])))
    assert said.quotes == (Quote("reply", "Bob", "look"),)
    assert [image.id for image in said.images] == ["5/400/3"]


@pytest.mark.parametrize("reader", [READER, BLIND])
@pytest.mark.parametrize("raw", [in_guild(f"<@{BOT}>"), in_guild(f" <@!{BOT}>, "), message(f"<@{BOT}>")])
def test_a_mention_alone_is_told_from_silence(reader: Reader, raw: dict[str, Any]) -> None:
    said = reader.read(raw)
    assert said
    assert (said.text, said.other) == ("", BARE)


SILENT_REPLY = message("", guild_id="77", **replied("my words", user(BOT, "Parley", bot=True)))


def test_what_is_meant_for_the_bot_and_hidden_from_it_is_told_from_silence() -> None:
    said = BLIND.read(SILENT_REPLY)
    assert said
    assert (said.text, said.quotes, said.other) == ("", (), HIDDEN)
    assert READER.read(SILENT_REPLY) is None, "with the intent it is empty"


@pytest.mark.parametrize(
    "more",
    [
        {"sticker_items": [{"id": "1", "name": "x"}]},
        {"type": 7},
        {"author": user(BOB, "Bob", bot=True)},
        {"referenced_message": {"id": "400", "channel_id": "5", "content": "", "author": user(BOB, "Bob")}},
    ],
)
def test_what_has_contents_or_is_not_meant_for_the_bot_is_not_hidden(more: dict[str, Any]) -> None:
    assert BLIND.read(SILENT_REPLY | more) is None


def test_in_a_thread_where_the_bot_was_asked_hidden_words_between_people_get_no_answer() -> None:
    places = Places({"6": "400"})
    places.channel({"id": "6", "type": 11, "parent_id": "5", "guild_id": "77"})
    reader = Reader(BOT, places, reads_all=lambda: False)
    assert reader.read(message("", guild_id="77", channel_id="6")) is None
    assert reader.read(SILENT_REPLY | {"channel_id": "6"})


def test_a_question_about_a_hidden_message_says_that_there_is_one() -> None:
    hidden = replied("", user(BOB, "Bob"))
    said = BLIND.read(in_guild(f"<@{BOT}> explain", **hidden))
    assert said
    assert (said.text, said.quotes) == ("explain", (Quote("reply", "Bob", UNREADABLE),))
    said = BLIND.read(in_guild(f"<@{BOT}>", **hidden))
    assert said
    assert (said.other, said.quotes) == (HIDDEN, ())
    assert read(in_guild(f"<@{BOT}> explain", **hidden)).quotes == ()


def test_a_reply_to_a_message_that_is_gone_is_an_ordinary_one() -> None:
    assert read(in_guild(f"<@{BOT}> hi", type=19, referenced_message=None)).quotes == ()


@pytest.mark.parametrize(
    ("more", "other"),
    [
        ({"sticker_items": [{"id": "1", "name": "x"}]}, "sticker"),
        ({"poll": {"question": {"text": "?"}}}, "poll"),
        ({"flags": 1 << 13, "attachments": [{"id": "1", "filename": "v.ogg", "url": "x", "content_type": "audio/ogg"}]},
         "voice"),
        ({"attachments": [{"id": "1", "filename": "v.mp4", "url": "x", "content_type": "video/mp4"}]}, "video"),
    ],
)  # fmt: skip
def test_what_cant_be_used_has_a_word_and_is_told_in_private(more: dict[str, Any], other: str) -> None:
    said = read(message("", **more))
    assert said.other == other
    assert not said.documents
    assert read(message("what is it?", **more)).text == "what is it?"


def test_a_file_has_a_plain_media_type_and_may_have_none() -> None:
    files = [
        {"id": "1", "filename": "a.txt", "size": 3, "url": "x", "content_type": "text/plain; charset=utf-8"},
        {"id": "2", "filename": "LICENSE", "size": 3, "url": "x"},
    ]
    assert [(file.name, file.media_type) for file in read(message("", attachments=files)).documents] == [
        ("a.txt", "text/plain"), ("LICENSE", ""),
    ]  # fmt: skip


def test_a_message_without_content_says_nothing() -> None:
    assert words_of({}) == ""
    assert words_of({"content": None, "mentions": None}) == ""


def test_places_forget_the_ones_longest_ago() -> None:
    places = Places({str(number): str(number) for number in range(REMEMBERED + 10)})
    assert len(places.seen) == REMEMBERED
    assert not places.knows("0")
    assert places.knows(str(REMEMBERED + 9))
    places.passed("0", "5")
    assert not places.knows("0"), "a place where nobody spoke to the bot is not remembered"


def test_an_archived_thread_is_forgotten_until_it_is_opened_again() -> None:
    places, thread = Places({}), {"id": "6", "type": 11, "parent_id": "5", "guild_id": "77"}
    places.channel(thread)
    assert places.parent("6") == "5"
    places.channel({**thread, "thread_metadata": {"archived": True}})
    assert places.parent("6") == ""
    places.channel({**thread, "thread_metadata": {"archived": False}})
    places.forget_guild("77")
    assert places.parent("6") == ""
    places.channel({"id": "5", "type": 0, "parent_id": "1"})
    assert places.parent("5") == "", "a channel's category is no channel"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "message"]), inner),
    max_leaves=4,
)
KEYS = ("id", "channel_id", "guild_id", "author", "member", "content", "type", "flags", "mentions", "attachments",
        "referenced_message", "message_reference", "message_snapshots", "sticker_items", "poll")  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_whatever_comes_is_read_or_known_to_make_no_sense(strange: dict[str, Any]) -> None:
    with suppress(*MALFORMED):
        READER.read(message("hello") | strange)


def test_a_mention_of_the_bots_own_role_is_one_of_the_bot() -> None:
    places = Places({})
    roles = [{"id": "31"}, {"id": "32", "tags": {"bot_id": BOT}}, {"id": "33", "tags": {"bot_id": "98"}}]
    places.guild({"id": "77", "roles": roles}, BOT)
    reader = Reader(BOT, places)
    said = reader.read(message("<@&32> why?", guild_id="77", mention_roles=["32"]))
    assert said
    assert said.text == "why?"
    assert reader.read(message("<@&31> why?", guild_id="77", mention_roles=["31", "33"])) is None
    places.forget_guild("77")
    assert reader.read(message("<@&32> why?", guild_id="77", mention_roles=["32"])) is None
