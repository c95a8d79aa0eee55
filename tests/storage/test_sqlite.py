"""The store in SQLite: one commit for many calls, a failed write stores nothing, what is deleted leaves the files."""

import asyncio
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from chat.incoming import Address, Said
from chat.messages import Message
from chat.replies import Final, ReplyState
from storage import codec
from storage.base import Choices, StorageError
from storage.sqlite import SqliteStore
from storage.sqlite_file import MIGRATIONS, migrate, open_database
from tests.program import ROOT
from tests.storage.turns import ANNA, CHAT, answered, asked, received, said


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "bot.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(path) as opened:
        yield opened


def found(folder: Path, word: str) -> list[str]:
    """The files that have the word in them."""
    return sorted(file.name for file in folder.iterdir() if word.encode() in file.read_bytes())


async def test_many_calls_at_once_share_commits_and_all_are_stored(store: SqliteStore, path: Path) -> None:
    turns = await asyncio.gather(*(store.receive(said(key=f"k{number}")) for number in range(500)))
    assert len({turn.id for turn in turns if turn}) == 500
    assert asked(path, "SELECT count(*) FROM turns") == 500


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


async def test_a_database_of_the_first_version_is_brought_up_to_date_and_keeps_what_it_has(path: Path) -> None:
    first = sorted(MIGRATIONS.glob("*.sql"))[0]
    folder = path.parent / "migrations"
    folder.mkdir(parents=True)
    (folder / first.name).write_text(first.read_text("utf-8"), "utf-8")
    with closing(open_database(path)) as connection:
        migrate(connection, folder)
        connection.execute(
            "INSERT INTO turns (key, conversation, place, incoming, received_at, updated_at) VALUES (?, ?, ?, ?, 1, 1)",
            ("k", CHAT.conversation, CHAT.budget, codec.dump_incoming(said(key="k"))),
        )
    async with SqliteStore(path) as store:
        (turn,) = await store.unfinished()
        assert (turn.incoming, turn.drawn, turn.reason) == (said(key="k"), 0, "")
        assert await store.choices(CHAT.conversation) == Choices()


# What is deleted is gone


async def crowded(store: SqliteStore, seed: int) -> None:
    """Turns of three chats whose words tell whose they are, stored as they come about, so that pages are rearranged."""
    chance = random.Random(seed)
    for number in range(150):
        address = Address("telegram", str(number % 3))
        text = f"secret{address.place} " * chance.choice((1, 5, 50, 800))
        turn = await received(store, Said(address, ANNA, f"k{number}", text))
        await store.checkpoint(turn.id, ReplyState(("m",), text[: len(text) // 2]))
        exchange = [Message("user", text), Message("assistant", text * chance.choice((1, 3)))]
        await store.answer(turn.id, ReplyState(("m",), text), Final(text), exchange, failed=False)
        await store.finish(turn.id, ["m"])


async def until_gone(folder: Path, word: str) -> None:
    async with asyncio.timeout(10):
        while found(folder, word):
            await asyncio.sleep(0.05)


async def test_what_is_forgotten_is_in_no_file_any_more_while_the_bot_runs(store: SqliteStore, path: Path) -> None:
    await crowded(store, 5)
    assert "bot.db-wal" in found(path.parent, "secret1")
    await store.forget("telegram:1")
    await store.compact()
    await until_gone(path.parent, "secret1")
    assert found(path.parent, "secret0") != []


async def test_what_is_pruned_is_in_no_file_either_once_a_reader_that_saw_it_has_ended(
    store: SqliteStore, path: Path
) -> None:
    await crowded(store, 6)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM turns").fetchone()
        assert await store.prune(9e9, "2000-01-01", 1000) == 150
        await store.compact()
        await asyncio.sleep(0.1)
        assert found(path.parent, "secret"), "the reader sees the state of before"
        await received(store, "the store works all the while")
    await until_gone(path.parent, "secret")


# kill -9

PRUNING = """
import asyncio, sys
from pathlib import Path
from storage.sqlite import SqliteStore
async def main():
    async with SqliteStore(Path(sys.argv[1])) as store:
        print("begins", flush=True)
        while await store.prune(9e9, "2000-01-01", 3):
            pass
        await store.compact()
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_kill_while_old_turns_are_deleted_leaves_turns_with_their_history_or_neither(path: Path) -> None:
    async with SqliteStore(path) as store:
        for number in range(120):
            await answered(store, f"{number} " + "x" * 3000)
    left = []
    for milliseconds in (0, 5, 15, 40):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PRUNING, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        await process.stdout.readline()
        await asyncio.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        async with SqliteStore(path):  # looked through as at each start
            left.append((asked(path, "SELECT count(*) FROM turns"), asked(path, "SELECT count(*) FROM history")))
    assert all(2 * int(str(turns)) == rows for turns, rows in left)
    assert left[0][0] != left[-1][0], "something was deleted"
