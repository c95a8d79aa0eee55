"""When to read the config again: a file of it has changed, or somebody asks for it (SIGHUP, /admin reload)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

Reason = Literal["changed", "asked"]
Stamp = tuple[int, ...] | None  # what changes when a file does; None: it isn't there, or can't be reached


class ConfigChanges:
    """Iterate to wait: each `"changed"` or `"asked"` says that the files are to be read now. It never ends.

    A change is told once it has lasted for one interval, because editors write in steps. What happens while the files
    are being read, or before the iteration begins, is told next; reading twice does no harm, reading too early would.
    Cancelling the wait loses nothing either.
    """

    def __init__(self, paths: Sequence[Path], ask: asyncio.Event, every: float = 2.0) -> None:
        """Watch from now on: make it before the files are read for the first time.

        `paths` may name files that don't exist yet. `ask` is cleared when it is told. `every`: seconds.
        """
        self._paths = tuple(paths)
        self._ask = ask
        self._every = every
        self._told = self._last = self._look()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Reason:
        """Wait for the next reason."""
        while not await self._asked():
            before, self._last = self._last, self._look()
            if self._last == before != self._told:
                self._told = before
                return "changed"
        self._ask.clear()
        self._told = self._last = self._look()
        return "asked"

    async def _asked(self) -> bool:
        """Wait for one interval, or until it is asked for."""
        try:
            async with asyncio.timeout(self._every):
                return await self._ask.wait()
        except TimeoutError:
            return False

    def _look(self) -> tuple[Stamp, ...]:
        return tuple(map(_stamp, self._paths))


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    # the inode, as editors replace files; ctime, as a file that couldn't be read may have been made readable
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
