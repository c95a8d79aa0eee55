"""Telegram's updates: what is meant for the bot is understood, what isn't is left alone, from whomever it comes."""

from typing import Any

import pytest
from aiogram.types import ChatMemberRestricted, Update

from chat.buttons import Action
from chat.incoming import Address, Incoming, Invoked, Left, Pressed, Said, Sender
from messengers.telegram.reading import ANONYMOUS_ADMIN, Reader
from tests.servers.telegram import Chat, TelegramServer

Json = dict[str, Any]

BOT = "parley_test_bot"
TOPIC = 42
CHANNEL: Json = {"id": -100777, "type": "channel", "title": "News"}


@pytest.fixture
def friends(telegram: TelegramServer) -> Chat:
    return telegram.group(-100555, topics={TOPIC: "Talk"})


def read(telegram: TelegramServer, update: Json | None = None) -> Incoming | None:
    """What the reader makes of the newest update, or of that one."""
    reader = Reader(telegram.bot.id, BOT, {"help", "stop"})
    return reader.read(Update.model_validate(update or telegram.updates.unconfirmed[-1]))


def text_of(incoming: Incoming | None) -> str | None:
    return incoming.text if isinstance(incoming, Said) else None


def bot_message(telegram: TelegramServer, chat: Chat, text: str = "My answer") -> Json:
    """A message of the bot, as updates show it."""
    return {"message_id": 77, "date": 1, "chat": chat.body, "from": telegram.bot.json(), "text": text}


# Private chats


def test_a_private_message_is_a_question_with_where_who_and_a_key_of_its_own(
    telegram: TelegramServer, anna: Chat
) -> None:
    message = anna.say("Hello @parley_test_bot, what's up?")
    incoming = read(telegram)
    number = telegram.updates.unconfirmed[-1]["update_id"]
    assert incoming == Said(
        Address("telegram", "1001", "", str(message.id), private=True),
        Sender("1001", "Anna", "ru"),
        f"telegram:{telegram.bot.id}:{number}",
        "Hello @parley_test_bot, what's up?",
    )


@pytest.mark.parametrize(
    ("text", "read_as"),
    [("/help", ("help", "")), ("/stop@parley_test_bot now", ("stop", "now")), ("/HELP me", ("help", "me"))],
)
def test_a_command_of_ours_is_a_command(
    telegram: TelegramServer, anna: Chat, friends: Chat, text: str, read_as: tuple[str, str]
) -> None:
    for chat in (anna, friends):
        chat.say(text)
        incoming = read(telegram)
        assert isinstance(incoming, Invoked)
        assert (incoming.command, incoming.text) == read_as


def test_a_stray_slash_word_is_a_question(telegram: TelegramServer, anna: Chat) -> None:
    for text in ("/etc/hosts is what?", "/shrug", "/help_me", "/"):
        anna.say(text)
        assert text_of(read(telegram)) == text


FILE: Json = {"file_id": "a", "file_unique_id": "b"}
STICKER = FILE | {"type": "regular", "width": 1, "height": 1, "is_animated": False, "is_video": False}


@pytest.mark.parametrize(
    "content",
    [{"sticker": STICKER}, {"voice": FILE | {"duration": 1}}, {"location": {"latitude": 1.5, "longitude": 2.5}}],
    ids=lambda content: next(iter(content)),
)
def test_what_the_bot_cannot_use_is_told_apart_in_private_and_left_alone_in_groups(
    telegram: TelegramServer, anna: Chat, friends: Chat, content: Json
) -> None:
    anna.post(content)
    incoming = read(telegram)
    assert isinstance(incoming, Said)
    assert (incoming.text, incoming.other) == ("", next(iter(content)))
    friends.post(content)
    assert read(telegram) is None


def test_a_sticker_in_reply_to_the_bot_is_a_reaction_and_no_question(telegram: TelegramServer, friends: Chat) -> None:
    friends.post({"sticker": STICKER, "reply_to_message": bot_message(telegram, friends)})
    assert read(telegram) is None


def test_a_picture_comes_along_with_its_caption_and_in_groups_only_where_that_is_for_the_bot(
    telegram: TelegramServer, anna: Chat, friends: Chat
) -> None:
    photo = {"photo": [FILE | {"width": 1, "height": 1}], "caption": "what is this?"}
    anna.post(photo)
    incoming = read(telegram)
    assert isinstance(incoming, Said)
    assert (incoming.text, [image.id for image in incoming.images]) == ("what is this?", ["a"])
    friends.post(photo)
    assert read(telegram) is None


@pytest.mark.parametrize(
    "content",
    [
        {"new_chat_members": [{"id": 5, "is_bot": False, "first_name": "Bob"}]},
        {"pinned_message": {"message_id": 1, "date": 0, "chat": {"id": 1001, "type": "private"}}},
        {"migrate_to_chat_id": -100888},
    ],
    ids=lambda content: next(iter(content)),
)
def test_what_telegram_tells_of_a_chat_is_left_alone(
    telegram: TelegramServer, anna: Chat, friends: Chat, content: Json
) -> None:
    for chat in (anna, friends):
        chat.post(content)
        assert read(telegram) is None


def test_an_edited_message_is_ignored(telegram: TelegramServer, anna: Chat) -> None:
    message = anna.say("What is one and one?")
    anna.edit(message, "What is two and two?")
    assert "edited_message" in telegram.updates.unconfirmed[-1]
    assert read(telegram) is None


# Groups: what is addressed to the bot


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("@parley_test_bot what is rain?", "what is rain?"),
        ("@parley_test_bot, what is rain?", "what is rain?"),
        ("@parley_test_bot: what is rain?", "what is rain?"),
        ("@Parley_Test_BOT what is rain?", "what is rain?"),
        ("what is rain, @parley_test_bot", "what is rain,"),
        ("what is rain? @parley_test_bot ", "what is rain?"),
        ("hey @parley_test_bot what is rain?", "hey @parley_test_bot what is rain?"),
        ("@parley_test_bot\nwhat is\nrain?", "what is\nrain?"),
        ("👋🏽 @parley_test_bot what is rain?", "👋🏽 @parley_test_bot what is rain?"),
    ],
)
def test_a_mention_anywhere_makes_it_a_question_and_is_taken_off_at_the_ends(
    telegram: TelegramServer, friends: Chat, text: str, question: str
) -> None:
    message = friends.say(text, user=telegram.person(5, "Bob"))
    incoming = read(telegram)
    assert text_of(incoming) == question
    assert incoming
    assert incoming.address == Address("telegram", "-100555", "", str(message.id), private=False, spot="general")
    assert incoming.sender == Sender("5", "Bob", "en")


@pytest.mark.parametrize(
    "text",
    [
        "just talking among ourselves",
        "@other_bot what is rain?",
        "@parley_test_bot_2 what is rain?",
        "me@parley_test_bot wrote",
        "@parley_test_bot",
        "/help@other_bot",
        "/shrug",
        "/etc/hosts",
    ],
)
def test_what_is_not_for_the_bot_is_left_alone(telegram: TelegramServer, friends: Chat, text: str) -> None:
    friends.say(text)
    assert read(telegram) is None


def test_a_mention_by_name_of_a_bot_counts_and_one_of_somebody_else_does_not(
    telegram: TelegramServer, friends: Chat
) -> None:
    for user, expected in ((telegram.bot, "Parley what is rain?"), (telegram.person(5), None)):
        entity = {"type": "text_mention", "offset": 0, "length": 6, "user": user.json()}
        friends.post({"text": "Parley what is rain?", "entities": [entity]})
        assert text_of(read(telegram)) == expected


def test_a_reply_to_the_bot_is_for_it_and_a_reply_to_somebody_else_is_not(
    telegram: TelegramServer, friends: Chat
) -> None:
    friends.post({"text": "and why?", "reply_to_message": bot_message(telegram, friends)})
    assert text_of(read(telegram)) == "and why?"
    friends.say("no idea", reply_to=friends.say("and why?"))
    assert read(telegram) is None


def test_the_message_that_opened_a_topic_of_the_bots_is_no_reply_to_it(telegram: TelegramServer, friends: Chat) -> None:
    opening = bot_message(telegram, friends) | {"forum_topic_created": {"name": "Talk", "icon_color": 1}}
    del opening["text"]
    friends.post({"text": "among ourselves", "reply_to_message": opening}, thread=TOPIC)
    assert read(telegram) is None
    friends.post(
        {"text": f"@{BOT} hello", "reply_to_message": opening}
        | {"entities": [{"type": "mention", "offset": 0, "length": 16}]},
        thread=TOPIC,
    )
    assert text_of(read(telegram)) == "hello"


def test_topics_are_conversations_and_replies_in_a_group_without_topics_are_none(
    telegram: TelegramServer, friends: Chat
) -> None:
    friends.say(f"@{BOT} hello", thread=TOPIC)
    incoming = read(telegram)
    assert incoming
    assert incoming.address.thread == str(TOPIC)
    friends.post({"text": "why?", "reply_to_message": bot_message(telegram, friends), "message_thread_id": 70})
    incoming = read(telegram)
    assert incoming
    assert incoming.address.thread == ""


def test_the_general_topic_and_a_thread_of_replies_are_told_apart_from_the_rest_of_the_group(
    telegram: TelegramServer, friends: Chat, anna: Chat
) -> None:
    open_group = telegram.group(-100556)
    post = open_group.post({"text": "News!", "is_automatic_forward": True})
    spots = []
    for chat, thread in ((friends, None), (friends, TOPIC), (open_group, None), (open_group, post.id), (anna, None)):
        chat.say("/help", thread=thread)
        incoming = read(telegram)
        assert incoming
        spots.append((incoming.address.spot, incoming.address.thread))
    assert spots == [("general", ""), ("", str(TOPIC)), ("", ""), ("replies", ""), ("", "")]


def test_a_command_in_a_topic_stays_in_its_topic(telegram: TelegramServer, friends: Chat) -> None:
    friends.say("/stop", thread=TOPIC)
    incoming = read(telegram)
    assert isinstance(incoming, Invoked)
    assert incoming.address.conversation == f"telegram:-100555/{TOPIC}"


# Odd senders


def spoken(telegram: TelegramServer, chat: Chat, sender: Json) -> Incoming | None:
    """A question that surely is for the bot, from whoever `sender` says."""
    chat.post({"text": f"@{BOT} hi", "entities": [{"type": "mention", "offset": 0, "length": 16}], **sender})
    return read(telegram)


def test_an_anonymous_admin_is_the_group_itself(telegram: TelegramServer, friends: Chat) -> None:
    group_bot = {"id": ANONYMOUS_ADMIN, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    incoming = spoken(telegram, friends, {"from": group_bot, "sender_chat": friends.body})
    assert text_of(incoming) == "hi"
    assert incoming
    assert incoming.sender == Sender("-100555", "Friends")


@pytest.mark.parametrize(
    "sender",
    [
        {"from": {"id": 136817688, "is_bot": True, "first_name": "Channel"}, "sender_chat": CHANNEL},
        {"from": {"id": ANONYMOUS_ADMIN, "is_bot": True, "first_name": "Group"}, "sender_chat": CHANNEL},
        {"from": {"id": 777000, "is_bot": False, "first_name": "Telegram"}, "sender_chat": CHANNEL}
        | {"is_automatic_forward": True},
        {"from": {"id": 777000, "is_bot": False, "first_name": "Telegram"}, "is_automatic_forward": True},
        {"from": {"id": 6, "is_bot": True, "first_name": "Other bot"}},
        {"from": None},
    ],
    ids=["channel", "anonymous elsewhere", "automatic forward", "forward without chat", "bot", "nobody"],
)
def test_channels_other_bots_and_nobody_are_not_answered(telegram: TelegramServer, friends: Chat, sender: Json) -> None:
    assert spoken(telegram, friends, sender) is None


def test_other_kinds_of_updates_are_left_alone(telegram: TelegramServer) -> None:
    post = {"message_id": 1, "date": 1, "chat": CHANNEL, "text": f"@{BOT} hello"}
    for kind in ("channel_post", "edited_channel_post", "edited_message"):
        assert read(telegram, {"update_id": 1, kind: post}) is None
    assert read(telegram, {"update_id": 1}) is None
    assert read(telegram, {"update_id": 1, "something_new": {"a": 1}}) is None


# Buttons


def query(message: Json | None, data: str | None = "stop:41") -> Json:
    body: Json = {"id": "1", "from": {"id": 5, "is_bot": False, "first_name": "Bob", "language_code": "en"}}
    body |= {"chat_instance": "1", "data": data}
    return {"update_id": 9, "callback_query": body | ({"message": message} if message else {})}


def test_a_press_is_an_action_by_whoever_pressed_where_the_button_is(telegram: TelegramServer, friends: Chat) -> None:
    message = bot_message(telegram, friends) | {"message_thread_id": TOPIC, "is_topic_message": True}
    assert read(telegram, query(message)) == Pressed(
        Address("telegram", "-100555", str(TOPIC), "77", private=False),
        Sender("5", "Bob", "en"),
        f"telegram:{telegram.bot.id}:9",
        Action("stop", 41),
    )


@pytest.mark.parametrize("data", ["", "stop", "stop:-1", "stop:1:2:3", "sudo:1", "retry:9999999999999999999999", None])
def test_forged_data_is_no_press(telegram: TelegramServer, friends: Chat, data: str | None) -> None:
    assert read(telegram, query(bot_message(telegram, friends), data)) is None


def test_a_press_on_a_message_too_old_to_be_shown_is_understood(telegram: TelegramServer, anna: Chat) -> None:
    incoming = read(telegram, query({"chat": anna.body, "message_id": 3, "date": 0}, "retry:7"))
    assert isinstance(incoming, Pressed)
    assert incoming.action == Action("retry", 7)
    assert incoming.address.conversation == "telegram:1001"
    assert incoming.address.private


def test_a_press_under_an_inline_message_is_left_alone(telegram: TelegramServer) -> None:
    assert read(telegram, query(None)) is None


# Coming and going


def test_being_blocked_or_removed_is_leaving_and_being_let_in_is_not(
    telegram: TelegramServer, anna: Chat, friends: Chat
) -> None:
    for chat, private in ((anna, True), (friends, False)):
        chat.block()
        incoming = read(telegram)
        assert isinstance(incoming, Left)
        assert incoming.address == Address("telegram", str(chat.id), private=private)
        chat.unblock()
        assert read(telegram) is None


@pytest.mark.parametrize("inside", [True, False])
def test_being_restricted_is_leaving_only_where_the_bot_is_outside(
    telegram: TelegramServer, friends: Chat, inside: bool
) -> None:
    rights = {name: False for name in ChatMemberRestricted.model_fields if name.startswith("can_")}
    restricted = {"user": telegram.bot.json(), "status": "restricted", "is_member": inside, "until_date": 0, **rights}
    friends.block()
    change = telegram.updates.unconfirmed[-1]["my_chat_member"] | {"new_chat_member": restricted}
    incoming = read(telegram, {"update_id": 5, "my_chat_member": change})
    assert (incoming is None) if inside else isinstance(incoming, Left)


def test_leaving_by_the_bots_own_account_is_leaving_too(telegram: TelegramServer, friends: Chat) -> None:
    friends._membership(None, "member", "left")
    assert isinstance(read(telegram), Left)
