"""The store: what it says is stored survives a kill, repeats are dropped, and a failed write stores nothing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.buttons import Action, Button
from chat.incoming import Address, Incoming, Invoked, Left, Pressed, Said, Sender, Unreadable
from chat.messages import Message
from chat.replies import Final, ReplyState
from storage.base import StorageError, Turn
from storage.sqlite import SqliteStore, open_database

ANNA = Sender("1001", "Anna", "ru")
CHAT = Address("telegram", "1001", message="7")


def said(text: str = "hello", key: str = "telegram:1:1", address: Address = CHAT) -> Said:
    return Said(address, ANNA, key, text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "bot.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(path) as opened:
        yield opened


def asked(path: Path, statement: str) -> object:
    """What another program sees in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchone()[0]


async def received(store: SqliteStore, incoming: Incoming) -> Turn:
    turn = await store.receive(incoming)
    assert turn
    return turn


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
async def test_what_comes_in_is_given_back_as_it_was_after_a_restart(path: Path, incoming: Incoming) -> None:
    async with SqliteStore(path) as first:
        await received(first, incoming)
    async with SqliteStore(path) as second:
        (turn,) = await second.unfinished()
    assert turn.incoming == incoming


async def test_a_repeat_is_dropped_by_its_key(store: SqliteStore) -> None:
    await received(store, said())
    assert await store.receive(said("again")) is None
    assert len(await store.unfinished()) == 1


async def test_unfinished_turns_come_oldest_first_and_count_their_interruptions(store: SqliteStore) -> None:
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


async def test_an_answer_its_history_and_its_end_are_stored_together(store: SqliteStore) -> None:
    turn = await received(store, said())
    final = Final("**hi**", "note", (Button("Retry", Action("retry", turn.id)),))
    reply = ReplyState(("m1", "m2"), "**hi**")
    await store.answer(turn.id, reply, final, [Message("user", "hello"), Message("assistant", "**hi**")], failed=True)
    (stored,) = await store.unfinished()
    assert (stored.state, stored.reply, stored.final, stored.failed) == ("answered", reply, final, True)
    history = await store.history(CHAT.conversation, turn.id + 1)
    assert [(entry.role, entry.text) for entry in history] == [("user", "hello"), ("assistant", "**hi**")]


async def test_history_is_of_one_conversation_and_ends_before_the_turn_that_asks(store: SqliteStore) -> None:
    topic = Address("telegram", "1001", thread="3")
    for number, address in enumerate([CHAT, topic, CHAT]):
        turn = await received(store, said(key=f"k{number}", address=address))
        await store.answer(turn.id, ReplyState(), Final("a"), [Message("user", str(number))], failed=False)
    assert [entry.text for entry in await store.history(CHAT.conversation, turn.id)] == ["0"]
    assert [entry.text for entry in await store.history(CHAT.conversation, turn.id + 1)] == ["0", "2"]


async def test_a_reopened_turn_keeps_its_messages_and_loses_its_history(store: SqliteStore) -> None:
    turn = await received(store, said())
    await store.answer(turn.id, ReplyState(("m1",)), Final("a"), [Message("user", "hello")], failed=True)
    assert await store.reopen(turn.id) is None, "it is on its way"
    await store.finish(turn.id, ["m1", "m2"], dead=True)
    again = await store.reopen(turn.id)
    assert again
    assert (again.state, again.reply.parts, again.failed) == ("new", ("m1", "m2"), False)
    assert await store.history(CHAT.conversation, turn.id + 1) == []
    assert await store.reopen(turn.id) is None, "it is new already"


async def test_recent_places_are_those_written_to_lately(store: SqliteStore) -> None:
    await received(store, said())
    assert await store.recent_places(60) == {"telegram:1001"}
    assert await store.recent_places(-1) == frozenset()


async def test_many_calls_at_once_share_commits_and_all_are_stored(store: SqliteStore, path: Path) -> None:
    turns = await asyncio.gather(*(store.receive(said(key=f"k{number}")) for number in range(500)))
    assert len({turn.id for turn in turns if turn}) == 500
    assert asked(path, "SELECT count(*) FROM turns") == 500


async def test_a_call_that_fails_undoes_only_itself(store: SqliteStore) -> None:
    bad = said(key=None)  # type: ignore[arg-type]
    results = await asyncio.gather(
        store.receive(said(key="a")), store.receive(bad), store.receive(said(key="b")), return_exceptions=True
    )
    assert [type(result) for result in results] == [Turn, AttributeError, Turn]
    assert len(await store.unfinished()) == 2


async def test_a_database_that_cant_write_says_so_and_stores_nothing(store: SqliteStore, path: Path) -> None:
    await received(store, said(key="before"))
    pages = asked(path, "PRAGMA page_count")
    await store._call(lambda connection: connection.execute(f"PRAGMA max_page_count={pages}").fetchall())
    with pytest.raises(StorageError, match="the database"):
        await store.receive(said("x" * 100_000, key="too much"))
    await store._call(lambda connection: connection.execute("PRAGMA max_page_count=1000000").fetchall())
    await received(store, said(key="after"))
    assert [turn.incoming.key for turn in await store.unfinished()] == ["before", "after"]


async def test_a_folder_that_cant_be_made_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        async with SqliteStore(tmp_path / "file" / "bot.db"):
            pass


async def test_a_database_of_a_newer_program_is_refused_and_left_alone(path: Path) -> None:
    connection = open_database(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StorageError, match="newer program"):
        async with SqliteStore(path):
            pass
    assert asked(path, "PRAGMA user_version") == 99
