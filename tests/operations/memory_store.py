"""The real store without its thread and its file, for virtual time: the thread would know only the real clock."""

import asyncio
import sqlite3
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from chat.replies import Final, ReplyState
from storage import codec, sql
from storage.base import StorageError, Turn, TurnState
from storage.sqlite import SqliteStore, commit
from storage.sqlite_file import MIGRATIONS, migrate

T = TypeVar("T")


class MemoryStore(SqliteStore):
    """`failing[call]`: how many of the next calls of that name fail. `calls`: all of them, in order."""

    def __init__(self) -> None:
        super().__init__(Path(":memory:"))
        self.failing: Counter[str] = Counter()
        self.calls: list[str] = []
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        migrate(self._connection, MIGRATIONS)
        # Not __del__: in a cycle the connection might be finalised before the store, and Python 3.13 warns of that.
        weakref.finalize(self, self._connection.close)

    @property
    def turns(self) -> dict[int, Turn]:
        """All turns, by their numbers."""
        numbers = [number for (number,) in self._connection.execute("SELECT id FROM turns ORDER BY id").fetchall()]
        return {number: turn for number in numbers if (turn := sql.turn(self._connection, number))}

    def change(
        self,
        turn: int,
        state: TurnState,
        *,
        reply: ReplyState | None = None,
        final: Final | None = None,
        failed: bool = False,
        interruptions: int = 0,
    ) -> None:
        """Make a turn what an earlier run might have left."""
        self._connection.execute(
            "UPDATE turns SET state = ?, reply = ?, final = ?, failed = ?, interruptions = ? WHERE id = ?",
            (
                state,
                codec.dump_reply(reply or ReplyState()),
                codec.dump_final(final) if final else None,
                failed,
                interruptions,
                turn,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...

    async def compact(self) -> None:
        self.calls.append("compact")

    async def _call(self, work: Callable[[sqlite3.Connection], T], *, alone: bool = False) -> T:
        assert not alone
        await asyncio.sleep(0.001)
        call = _method_of(work)
        self.calls.append(call)
        if self.failing[call] > 0:
            self.failing[call] -= 1
            raise StorageError("the disk is full")
        (result,) = commit(self._connection, [work])
        if isinstance(result, BaseException):
            raise result
        return result  # type: ignore[return-value]  # commit can't say which of its works gives what


def _method_of(work: Callable[..., Any]) -> str:
    """The method of the store that a transaction is of: a lambda in it, or a function of its name."""
    names = work.__qualname__.split(".")
    return names[1] if len(names) > 1 else names[0]
