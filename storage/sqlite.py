"""The store in SQLite: one thread, and one commit for all calls that wait at the same time."""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from chat.incoming import Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState
from storage import sql
from storage.base import Activity, Amount, Choices, Spent, StorageError, Turn

log = logging.getLogger(__name__)

T = TypeVar("T")
MIGRATIONS = Path(__file__).with_name("migrations")


@dataclass(frozen=True, slots=True)
class _Call:
    """A transaction that somebody waits for."""

    work: Callable[[sqlite3.Connection], Any]
    result: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop

    def resolve(self, value: object) -> None:
        """Hand the result, or the error, to whoever waits; they may have gone."""

        def settle() -> None:
            if self.result.done():
                return
            if isinstance(value, BaseException):
                self.result.set_exception(value)
            else:
                self.result.set_result(value)

        self.loop.call_soon_threadsafe(settle)


class SqliteStore:
    """`storage.base.Store` in one file. Write-ahead log and full sync: what was committed survives a power cut."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        try:
            await self._call(lambda connection: migrate(connection, MIGRATIONS))
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join)

    async def receive(self, incoming: Incoming) -> Turn | None:
        """See `Store.receive`."""
        return await self._call(lambda connection: sql.receive(connection, incoming))

    async def turn(self, turn: int) -> Turn | None:
        """See `Store.turn`."""
        return await self._call(lambda connection: sql.turn(connection, turn))

    async def unfinished(self) -> Sequence[Turn]:
        """See `Store.unfinished`."""
        return await self._call(sql.unfinished)

    async def begin(self, turn: int) -> None:
        """See `Store.begin`."""
        await self._call(lambda connection: sql.begin(connection, turn))

    async def checkpoint(self, turn: int, reply: ReplyState) -> None:
        """See `Store.checkpoint`."""
        await self._call(lambda connection: sql.checkpoint(connection, turn, reply))

    async def drew(self, turn: int) -> None:
        """See `Store.drew`."""
        await self._call(lambda connection: sql.drew(connection, turn))

    async def answer(
        self,
        turn: int,
        reply: ReplyState,
        final: Final | None,
        history: Sequence[Message],
        *,
        failed: bool,
        spent: Spent | None = None,
    ) -> None:
        """See `Store.answer`."""
        work = partial(sql.answer, reply=reply, final=final, history=history, failed=failed, spent=spent)
        await self._call(lambda connection: work(connection, turn))

    async def finish(self, turn: int, parts: Sequence[str], *, dead: bool = False) -> None:
        """See `Store.finish`."""
        await self._call(lambda connection: sql.finish(connection, turn, parts, dead=dead))

    async def reopen(self, turn: int, *, fresh: bool = False, model: str = "") -> Turn | None:
        """See `Store.reopen`."""
        return await self._call(lambda connection: sql.reopen(connection, turn, fresh=fresh, model=model))

    async def latest(self, conversation: str, before: int) -> Turn | None:
        """See `Store.latest`."""
        return await self._call(lambda connection: sql.latest(connection, conversation, before))

    async def join(self, turn: int, joined: Incoming, others: Sequence[int]) -> None:
        """See `Store.join`."""
        await self._call(lambda connection: sql.join(connection, turn, joined, others))

    async def history(self, conversation: str, before: int) -> Sequence[Message]:
        """See `Store.history`."""
        return await self._call(lambda connection: sql.history(connection, conversation, before))

    async def begin_anew(self, conversation: str, after: int) -> None:
        """See `Store.begin_anew`."""
        await self._call(lambda connection: sql.begin_anew(connection, conversation, after))

    async def choices(self, conversation: str) -> Choices:
        """See `Store.choices`."""
        return await self._call(lambda connection: sql.choices(connection, conversation))

    async def choose(self, conversation: str, *, model: str | None = None, system_prompt: str | None = None) -> None:
        """See `Store.choose`."""
        chosen = partial(sql.choose, model=model, system_prompt=system_prompt)
        await self._call(lambda connection: chosen(connection, conversation))

    async def used(self, day: str, who: str = "") -> Amount:
        """See `Store.used`."""
        return await self._call(lambda connection: sql.used(connection, day, who))

    async def forget(self, conversation: str, before: int) -> None:
        """See `Store.forget`."""
        await self._call(lambda connection: sql.forget(connection, conversation, before))

    async def forget_usage(self, who: str, before: str) -> None:
        """See `Store.forget_usage`."""
        await self._call(lambda connection: sql.forget_usage(connection, who, before))

    async def activity(self, most: int) -> Sequence[Activity]:
        """See `Store.activity`."""
        return await self._call(lambda connection: sql.activity(connection, most))

    async def dead(self) -> int:
        """See `Store.dead`."""
        return await self._call(sql.dead)

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        """See `Store.last_seen`."""
        return await self._call(lambda connection: sql.last_seen(connection, messenger))

    async def recent_places(self, seconds: float) -> frozenset[str]:
        """See `Store.recent_places`."""
        return await self._call(lambda connection: sql.recent_places(connection, seconds))

    async def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        call = _Call(work, loop.create_future(), loop)
        self._calls.put(call)
        result: T = await call.result
        return result

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        while (call := self._calls.get()) is not None:
            calls = [call]
            while not self._calls.empty():
                more = self._calls.get()
                if more is None:  # the end: commit what came before it, then stop
                    self._calls.put(None)
                    break
                calls.append(more)
            try:
                connection = connection or open_database(self._path)
                results = commit(connection, [waiting.work for waiting in calls])
            except (sqlite3.Error, OSError) as error:
                log.error("the database failed: %s", error)
                results = [StorageError(f"the database {self._path.name} failed: {error}")] * len(calls)
            for waiting, result in zip(calls, results, strict=True):
                waiting.resolve(result)
        if connection:
            connection.close()


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create the file. Raises `sqlite3.Error` or `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def commit(connection: sqlite3.Connection, works: Sequence[Callable[[sqlite3.Connection], object]]) -> list[object]:
    """Run all in one transaction, one fsync; the results in order.

    A work that raises leaves its exception in its place and undoes only itself. Where the database fails (a full
    disk), nothing at all is stored and `sqlite3.Error` is raised.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [_run(connection, work) for work in works]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _run(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> object:
    connection.execute("SAVEPOINT work")
    try:
        result = work(connection)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to the caller, and must not end the thread
        connection.execute("ROLLBACK TO work")
        result = error
    connection.execute("RELEASE work")
    return result


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Bring the database to the newest version. Raises `StorageError` for one that is newer than this program."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = sorted(folder.glob("*.sql"))
    if version > len(scripts):
        raise StorageError(
            f"the database is of version {version}, this program knows versions up to {len(scripts)}: "
            "start the newer program again, or restore an older backup"
        )
    for number, script in enumerate(scripts[version:], version + 1):
        for statement in sql.statements(script.read_text("utf-8")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={number}")
