"""The contract: what a store says is stored survives a restart, repeats are dropped, a turn goes through its states."""

import asyncio
from dataclasses import replace

import pytest

from chat.buttons import Action, Button
from chat.incoming import Address, Incoming, Invoked, Left, Pressed, Unreadable
from chat.messages import Message
from chat.replies import Anew, Final, ReplyState
from storage.base import Store, Turn
from storage.codec import load_final, load_reply
from tests.storage.conftest import OpenStore
from tests.storage.turns import ANNA, CHAT, received, said


@pytest.mark.parametrize(
    "incoming",
    [
        said("привет 👋 \ud83d \0 end"),
        Invoked(CHAT, ANNA, "k", "help", "me"),
        Pressed(CHAT, ANNA, "k", Action("retry", 12)),
        Left(CHAT, ANNA, "k"),
        Unreadable(Address("telegram", "unreadable"), "k", "ValidationError", '{"update_id": 3}'),
        said(address=Address("discord", "5", "6", "7", private=False, token="t", token_expires_at=1.5)),
    ],
)
async def test_what_comes_in_is_given_back_as_it_was_after_a_restart(open_store: OpenStore, incoming: Incoming) -> None:
    async with open_store() as first:
        await received(first, incoming)
    async with open_store() as second:
        (turn,) = await second.unfinished()
    assert turn.incoming == incoming


async def test_a_repeat_is_dropped_by_its_key(store: Store) -> None:
    await received(store, said())
    assert await store.receive(said("again")) is None
    assert len(await store.unfinished()) == 1


async def test_unfinished_turns_come_oldest_first_and_count_their_interruptions(store: Store) -> None:
    turns = [await received(store, said(key=f"k{number}")) for number in range(5)]
    for number in (1, 3, 3):  # the last one again, as after a crash
        await store.begin(turns[number].id)
    await store.finish(turns[2].id, ["m1"])
    await store.finish(turns[4].id, [], dead=True)
    left = await store.unfinished()
    assert [(turn.id, turn.state, turn.interruptions) for turn in left] == [
        (turns[0].id, "new", 0),
        (turns[1].id, "running", 0),
        (turns[3].id, "running", 1),
    ]


async def test_an_answer_its_history_and_its_end_are_stored_together(store: Store) -> None:
    turn = await received(store, said())
    final = Final("**hi**", "note", (Button("Retry", Action("retry", turn.id)),))
    reply = ReplyState(("m1", "m2"), "**hi**")
    await store.answer(turn.id, reply, final, [Message("user", "hello"), Message("assistant", "**hi**")], failed=True)
    (stored,) = await store.unfinished()
    assert (stored.state, stored.reply, stored.final, stored.failed) == ("answered", reply, final, True)
    history = await store.history(CHAT.conversation, turn.id + 1)
    assert [(entry.role, entry.text) for entry in history] == [("user", "hello"), ("assistant", "**hi**")]


async def test_history_is_of_one_conversation_and_ends_before_the_turn_that_asks(store: Store) -> None:
    topic = Address("telegram", "1001", thread="3")
    for number, address in enumerate([CHAT, topic, CHAT]):
        turn = await received(store, said(key=f"k{number}", address=address))
        await store.answer(turn.id, ReplyState(), Final("a"), [Message("user", str(number))], failed=False)
    assert [entry.text for entry in await store.history(CHAT.conversation, turn.id)] == ["0"]
    assert [entry.text for entry in await store.history(CHAT.conversation, turn.id + 1)] == ["0", "2"]


async def test_a_reopened_turn_can_be_answered_at_another_address(store: Store) -> None:
    turn = await received(store, said())
    await store.answer(turn.id, ReplyState(("m1",)), None, (), failed=True)
    address = replace(CHAT, token="newer", token_expires_at=9.5, answered=True)
    again = await store.reopen(turn.id, address=address)
    assert again
    assert again.incoming == replace(turn.incoming, address=address)
    assert (again.state, again.reply.parts) == ("new", ("m1",))
    assert await store.turn(turn.id) == again


async def test_a_reopened_turn_keeps_its_messages_and_loses_its_history(store: Store) -> None:
    turn = await received(store, said())
    await store.answer(turn.id, ReplyState(("m1",)), Final("a"), [Message("user", "hello")], failed=True)
    assert await store.reopen(turn.id) is None, "it is on its way"
    await store.finish(turn.id, ["m1", "m2"], dead=True)
    again = await store.reopen(turn.id)
    assert again
    assert (again.state, again.reply.parts, again.failed) == ("new", ("m1", "m2"), False)
    assert await store.history(CHAT.conversation, turn.id + 1) == []
    assert await store.reopen(turn.id) is None, "it is new already"


async def test_a_reopened_turn_that_continues_keeps_its_text_and_its_history_until_there_is_more(store: Store) -> None:
    turn = await received(store, said())
    told = [Message("user", "hello"), Message("assistant", "Once upon a")]
    await store.answer(turn.id, ReplyState(("m1",), "Once upon a"), Final("Once upon a"), told, failed=False)
    await store.finish(turn.id, ["m1"])
    again = await store.reopen(turn.id, model="smart", continues=True)
    assert again
    assert (again.reply, again.model) == (ReplyState(("m1",), "Once upon a", continues=True), "smart")
    assert await store.turn(turn.id) == again
    assert await store.history(CHAT.conversation, turn.id + 1) == told


async def test_what_replaces_its_messages_and_what_is_replaced_are_stored(store: Store) -> None:
    turn = await received(store, said())
    final = Final("**hi**", thoughts="> hm", anew=Anew(12.5, "further down"))
    await store.answer(turn.id, ReplyState(("m1",), "**hi**"), final, (), failed=False)
    await store.checkpoint(turn.id, ReplyState(("m2",), "**hi**", ("m1",)))
    (stored,) = await store.unfinished()
    assert (stored.reply, stored.final) == (ReplyState(("m2",), "**hi**", ("m1",)), final)


def test_what_an_earlier_version_stored_of_a_reply_can_still_be_read() -> None:
    assert load_reply('{"parts": ["m1"], "text": "hi"}') == ReplyState(("m1",), "hi")
    assert load_final('{"text": "hi", "note": "", "buttons": []}') == Final("hi")


async def test_recent_places_are_those_written_to_lately(store: Store) -> None:
    await received(store, said())
    assert await store.recent_places(60) == {"telegram:1001"}
    assert await store.recent_places(-1) == frozenset()


async def test_a_call_that_fails_undoes_only_itself(store: Store) -> None:
    bad = said(key=None)  # type: ignore[arg-type]
    results = await asyncio.gather(
        store.receive(said(key="a")), store.receive(bad), store.receive(said(key="b")), return_exceptions=True
    )
    assert [type(result) for result in results] == [Turn, AttributeError, Turn]
    assert len(await store.unfinished()) == 2
