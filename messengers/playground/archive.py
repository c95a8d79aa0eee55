"""What the playground keeps on disk: a folder with a database, which has a thread of its own so that nothing waits."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from messengers.playground.records import prepare

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class ArchiveError(OSError):
    """The disk failed, or the archive is closed: nothing of this call was kept."""


class Archive:
    """Write-ahead log and `synchronous=NORMAL`: what is committed survives `kill -9`, and a commit rarely waits for
    the disk (sqlite.org/pragma.html#pragma_synchronous). What is deleted is overwritten with zeros.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is made where it isn't there, for this user alone."""
        self.folder = folder
        self._path = folder / "playground.db"
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Open or create the database. Raises `ArchiveError`."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="playground")
        try:
            await self.call(prepare)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End after all that waits; every later call raises `ArchiveError`."""
        thread, self._thread = self._thread, None
        if thread:
            await asyncio.get_running_loop().run_in_executor(thread, self._disconnect)
            thread.shutdown(wait=False)

    async def call(self, work: Work[T], then: Callable[[T], object] | None = None) -> T:
        """Run `work` as one transaction; its result once it is committed. Raises what `work` raises.

        `then` is called with it in the event loop, in the order of the commits, though the caller may have gone.
        Raises `ArchiveError` where the disk fails; nothing is kept then.
        """
        if self._thread is None:
            raise ArchiveError("the playground's archive is closed")
        loop = asyncio.get_running_loop()

        def run() -> T:
            result = self._commit(work)
            if then:
                loop.call_soon_threadsafe(then, result)
            return result

        try:
            return await loop.run_in_executor(self._thread, run)
        except (sqlite3.Error, OSError) as error:
            raise ArchiveError(f"the playground's archive {self._path.name} failed: {error}") from error

    async def empty_log(self) -> None:
        """Take what was deleted out of the write-ahead log, too; one that is being read keeps it until it grows."""
        if self._thread:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._checkpoint)

    def _checkpoint(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _commit(self, work: Work[T]) -> T:
        connection = self._connection = self._connection or _connect(self._path)
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection
