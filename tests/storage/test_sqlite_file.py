"""The database's file: looked through at the start, never replaced when it is damaged, copied while it is written."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.base import DamagedError
from storage.sqlite import SqliteStore
from storage.sqlite_file import backup
from tests.storage.turns import CHAT, answered, asked


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "bot.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(path) as opened:
        yield opened


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def content(path: Path) -> bytes:
    return path.read_bytes()


def put(path: Path, some: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(some)


def spoilt(path: Path) -> bytes:
    """Write noise into the middle of a file; what it is then."""
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + random.Random(1).randbytes(20_000) + whole[middle + 20_000 :])
    return path.read_bytes()


# Damage


async def test_a_damaged_database_is_refused_with_what_to_do_and_left_as_it_is(path: Path) -> None:
    async with SqliteStore(path) as store:
        for number in range(200):
            await answered(store, f"{number} " + "x" * 500)
    damaged = spoilt(path)
    with pytest.raises(DamagedError, match=r"bot\.db is damaged .*: restore a backup"):
        async with SqliteStore(path):
            pass
    assert content(path) == damaged


@pytest.mark.parametrize("some", [b"not a database, but a text of some length" * 50, b"SQLite format 3\0" + b"x" * 90])
async def test_what_is_no_database_is_refused_and_never_made_one(path: Path, some: bytes) -> None:
    put(path, some)
    with pytest.raises(DamagedError, match="restore a backup"):
        async with SqliteStore(path):
            pass
    assert content(path) == some


# Backups


async def test_a_backup_taken_while_it_is_written_is_whole_private_and_one_file(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    done = asyncio.Event()

    async def write() -> int:
        number = 0
        while not done.is_set():
            number += 1
            await answered(store, f"{number} " + "x" * 2000)
        return number

    writing = asyncio.create_task(write())
    copies = [tmp_path / f"{number}.db" for number in range(5)]
    for copy in copies:
        await asyncio.sleep(0.1)
        assert await asyncio.to_thread(backup, path, copy) == copy.stat().st_size
    done.set()
    written = await writing
    counts = [int(str(asked(copy, "SELECT count(*) FROM turns"))) for copy in copies]
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[-1] <= written
    for copy, count in zip(copies, counts, strict=True):
        assert asked(copy, "PRAGMA quick_check") == "ok"
        assert asked(copy, "SELECT count(*) FROM history") in {2 * count, 2 * count - 2}, (
            "the last one may be new still"
        )
        assert copy.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == [*(copy.name for copy in copies), "data"]


async def test_a_backup_takes_the_databases_place_and_all_is_there(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    await answered(store, "kept")
    backup(path, tmp_path / "copy.db")
    (tmp_path / "other").mkdir()
    (tmp_path / "copy.db").rename(tmp_path / "other" / "bot.db")
    async with SqliteStore(tmp_path / "other" / "bot.db") as restored:
        assert [message.text for message in await restored.history(CHAT.conversation, 99)] == ["kept", "to kept"]


async def test_a_backup_replaces_no_file_unless_it_is_told_to_and_makes_no_database(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    await answered(store, "kept")
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    with pytest.raises(FileExistsError):
        backup(path, copy)
    assert copy.read_text() == "precious"
    backup(path, copy, overwrite=True)
    assert asked(copy, "SELECT count(*) FROM turns") == 1
    with pytest.raises(FileNotFoundError):
        backup(tmp_path / "no.db", tmp_path / "x.db")
    assert names(tmp_path) == ["copy.db", "data"]


async def test_a_backup_of_a_damaged_database_fails_and_leaves_nothing(path: Path, tmp_path: Path) -> None:
    put(path, b"not a database" * 100)
    with pytest.raises(DamagedError):
        backup(path, tmp_path / "copy.db")
    assert names(tmp_path) == ["data"]
