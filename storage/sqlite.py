"""The store in SQLite: one thread, and one commit for all calls that wait at the same time."""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from chat.incoming import Address, Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState
from storage import sql, sql_learned, sql_moves, sql_people
from storage.base import Activity, Amount, Choices, Learned, Spent, Standing, Turn
from storage.sqlite_file import MIGRATIONS, check, compact, empty_log, explained, migrate, open_database

log = logging.getLogger(__name__)

T = TypeVar("T")
TRACES_SECONDS = 1.0  # between two attempts to empty the log of what was deleted
LAST_TRACES_SECONDS = 5.0  # that the end of the program waits for that


@dataclass(frozen=True, slots=True)
class _Call:
    """A transaction that somebody waits for."""

    work: Callable[[sqlite3.Connection], Any]
    result: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    alone: bool = False  # it can't be part of a transaction

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

    def __init__(self, path: Path, *, check: bool = True) -> None:
        """Without `check` the file isn't looked through when it is opened: a running bot did that."""
        self._path = path
        self._check = check
        self._version: int | None = None  # of the data, as `changed_elsewhere` saw it last
        self._opened: sqlite3.Connection | None = None  # the thread's
        self._traces = False  # whether the log may still hold what was deleted
        self._pieces = False  # whether pages of the database may
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        try:
            if self._check:
                await self._call(check)
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
        reason: str = "",
    ) -> None:
        """See `Store.answer`."""
        work = partial(sql.answer, reply=reply, final=final, history=history, failed=failed, spent=spent, reason=reason)
        await self._call(lambda connection: work(connection, turn))

    async def finish(self, turn: int, parts: Sequence[str], *, dead: bool = False, reason: str = "") -> None:
        """See `Store.finish`."""
        await self._call(lambda connection: sql.finish(connection, turn, parts, dead=dead, reason=reason))

    async def reopen(
        self,
        turn: int,
        *,
        fresh: bool = False,
        model: str = "",
        address: Address | None = None,
        continues: bool = False,
    ) -> Turn | None:
        """See `Store.reopen`."""
        work = partial(sql.reopen, fresh=fresh, model=model, address=address, continues=continues)
        return await self._call(lambda connection: work(connection, turn))

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
        return await self._call(lambda connection: sql_people.choices(connection, conversation))

    async def choose(self, conversation: str, *, model: str | None = None, system_prompt: str | None = None) -> None:
        """See `Store.choose`."""
        chosen = partial(sql_people.choose, model=model, system_prompt=system_prompt)
        await self._call(lambda connection: chosen(connection, conversation))

    async def used(self, day: str, who: str = "") -> Amount:
        """See `Store.used`."""
        return await self._call(lambda connection: sql_people.used(connection, day, who))

    async def forget(self, conversation: str, before: int | None = None) -> int:
        """See `Store.forget`."""

        def work(connection: sqlite3.Connection) -> int:
            self._traces = self._pieces = True
            return sql.forget(connection, conversation, before)

        return await self._call(work)

    async def turns_of(self, conversation: str) -> int:
        """See `Store.turns_of`."""
        return await self._call(lambda connection: sql.turns_of(connection, conversation))

    async def prune(self, before: float, day: str, most: int) -> int:
        """See `Store.prune`."""

        def work(connection: sqlite3.Connection) -> int:
            deleted = sql.prune(connection, before, day, most)
            if deleted:
                self._traces = self._pieces = True
            return deleted

        return await self._call(work)

    async def forget_usage(self, who: str, before: str) -> None:
        """See `Store.forget_usage`."""
        await self._call(lambda connection: sql_people.forget_usage(connection, who, before))

    async def compact(self) -> None:
        """See `Store.compact`."""

        def work(connection: sqlite3.Connection) -> None:
            if self._pieces:
                compact(connection)
                self._traces, self._pieces = True, False

        await self._call(work, alone=True)

    async def activity(self, most: int) -> Sequence[Activity]:
        """See `Store.activity`."""
        return await self._call(lambda connection: sql.activity(connection, most))

    async def dead(self) -> int:
        """See `Store.dead`."""
        return await self._call(sql.dead)

    async def given_up(self, most: int) -> Sequence[Turn]:
        """See `Store.given_up`."""
        return await self._call(lambda connection: sql.given_up(connection, most))

    async def drop(self, turn: int) -> bool:
        """See `Store.drop`."""
        return await self._call(lambda connection: sql.drop(connection, turn))

    async def standing(self) -> Standing:
        """See `Store.standing`."""
        return await self._call(sql.standing)

    async def changed_elsewhere(self) -> bool:
        """See `Store.changed_elsewhere`."""
        earlier, self._version = self._version, await self._call(sql.data_version)
        return self._version != earlier

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        """See `Store.last_seen`."""
        return await self._call(lambda connection: sql.last_seen(connection, messenger))

    async def recent_places(self, seconds: float) -> frozenset[str]:
        """See `Store.recent_places`."""
        return await self._call(lambda connection: sql.recent_places(connection, seconds))

    async def move(self, place: str, to: str) -> None:
        """See `Store.move`."""
        await self._call(lambda connection: sql_moves.move(connection, place, to))

    async def moved(self) -> Mapping[str, str]:
        """See `Store.moved`."""
        return await self._call(sql_moves.moved)

    async def learned(self) -> Sequence[Learned]:
        """See `Store.learned`."""
        return await self._call(sql_learned.learned)

    async def learn(self, lessons: Sequence[Learned], over: Collection[str] = ()) -> None:
        """See `Store.learn`."""
        await self._call(lambda connection: sql_learned.learn(connection, lessons, over))

    async def _call(self, work: Callable[[sqlite3.Connection], T], *, alone: bool = False) -> T:
        loop = asyncio.get_running_loop()
        call = _Call(work, loop.create_future(), loop, alone)
        self._calls.put(call)
        result: T = await call.result
        return result

    def _work(self) -> None:
        while (calls := self._next()) is not None:
            for group in ([call for call in calls if not call.alone], *([call] for call in calls if call.alone)):
                if group:
                    self._perform(group)
            if self._opened and self._traces and self._calls.empty():
                self._traces = not empty_log(self._opened, 0)
        if self._opened:
            if self._traces:
                empty_log(self._opened, LAST_TRACES_SECONDS)
            self._opened.close()

    def _perform(self, calls: Sequence[_Call]) -> None:
        """Run calls as one transaction, or one call outside of any."""
        works = [call.work for call in calls]
        results: Sequence[object]
        try:
            self._opened = self._opened or open_database(self._path)
            results = [works[0](self._opened)] if calls[0].alone else commit(self._opened, works)
        except (sqlite3.Error, OSError) as error:
            log.error("the database failed: %s", error)
            results = [explained(error, self._path)] * len(calls)
        for waiting, result in zip(calls, results, strict=True):
            waiting.resolve(result)

    def _next(self) -> list[_Call] | None:
        """All calls that wait; none where it is time to empty the log, None at the end."""
        try:
            call = self._calls.get(timeout=TRACES_SECONDS if self._traces else None)
        except queue.Empty:
            return []
        if call is None:
            return None
        calls = [call]
        while not self._calls.empty():
            more = self._calls.get()
            if more is None:  # the end: commit what came before it, then stop
                self._calls.put(None)
                break
            calls.append(more)
        return calls


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
