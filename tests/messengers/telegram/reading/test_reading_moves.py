"""Telegram's updates: a group that becomes a supergroup, told in both of them, and by Telegram alone."""

from typing import Any

import pytest
from aiogram.types import Update

from chat.incoming import Address, Incoming, Moved
from messengers.telegram.reading import Reader
from tests.servers.telegram import TelegramServer

Json = dict[str, Any]

OLD, NEW = -555, -100777
GROUP: Json = {"id": OLD, "type": "group", "title": "Friends"}
SUPERGROUP: Json = {"id": NEW, "type": "supergroup", "title": "Friends"}
PRIVATE: Json = {"id": 1001, "type": "private", "first_name": "Anna"}
ANNA: Json = {"id": 1001, "is_bot": False, "first_name": "Anna"}


def read(chat: Json, content: Json) -> Incoming | None:
    message = {"message_id": 5, "date": 1, "from": ANNA, "chat": chat, **content}
    return Reader(42, "parley_test_bot", {"help"}).read(Update.model_validate({"update_id": 1, "message": message}))


def test_both_service_messages_say_the_same_of_the_old_group() -> None:
    telegram = TelegramServer()
    telegram.group(OLD).migrate(telegram.group(NEW))
    reader = Reader(telegram.bot.id, "parley_test_bot", {"help"})
    found = [reader.read(Update.model_validate(update)) for update in telegram.updates.unconfirmed]
    moves = [each for each in found if isinstance(each, Moved)]
    assert len(moves) == len(found) == 2
    assert {(move.address, move.to) for move in moves} == {(Address("telegram", str(OLD), private=False), str(NEW))}
    assert {(move.place, move.to_place) for move in moves} == {(f"telegram:{OLD}", f"telegram:{NEW}")}
    assert len({move.key for move in moves}) == 2


@pytest.mark.parametrize("field", ["migrate_to_chat_id", "migrate_from_chat_id"])
def test_it_counts_whoever_made_it_one_also_an_admin_who_writes_as_the_group(field: str) -> None:
    chat = GROUP if "to" in field else SUPERGROUP
    for sender in ({"sender_chat": chat}, {"from": {"id": 9, "is_bot": True, "first_name": "B"}}):
        assert isinstance(read(chat, {**sender, field: NEW if "to" in field else OLD}), Moved)


@pytest.mark.parametrize("chat", [GROUP, SUPERGROUP, PRIVATE], ids=lambda chat: str(chat["type"]))
@pytest.mark.parametrize(
    "content",
    [
        {"text": '{"migrate_to_chat_id": -100777, "migrate_from_chat_id": -555}'},
        {"text": "migrate_to_chat_id: -100777"},
        {"reply_to_message": {"message_id": 3, "date": 1, "chat": GROUP, "migrate_to_chat_id": NEW}, "text": "x"},
        {"pinned_message": {"message_id": 3, "date": 1, "chat": GROUP, "migrate_to_chat_id": NEW}},
    ],
)
def test_nothing_that_people_write_pin_or_answer_moves_a_group(chat: Json, content: Json) -> None:
    assert not isinstance(read(chat, content), Moved)


@pytest.mark.parametrize(
    ("chat", "content"),
    [
        (PRIVATE, {"migrate_to_chat_id": NEW}),
        (SUPERGROUP, {"migrate_to_chat_id": -100888}),
        (GROUP, {"migrate_from_chat_id": -556}),
    ],
)
def test_only_a_group_becomes_a_supergroup(chat: Json, content: Json) -> None:
    assert read(chat, content) is None
