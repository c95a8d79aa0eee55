"""Waits for the guilds that READY only names: they are told one by one after it, each with its roles and threads."""

import asyncio
from collections.abc import Iterable

LONGEST_SECONDS = 10.0


class Arrivals:
    """Which guilds are still to be told."""

    def __init__(self) -> None:
        self._awaited: set[str] = set()
        self._all_came = asyncio.Event()
        self._until = 0.0  # by the loop's clock

    def expect(self, guilds: Iterable[str]) -> None:
        """A session began, of the only shard or of one of several: these are to come."""
        self._awaited.update(guilds)
        self._until = asyncio.get_running_loop().time() + LONGEST_SECONDS
        self._look()

    def came(self, guild: str) -> None:
        """This one was told, or that it can't be."""
        self._awaited.discard(guild)
        self._look()

    async def complete(self) -> None:
        """Return once all are there, and not later than `LONGEST_SECONDS` after the last session began."""
        try:
            async with asyncio.timeout_at(self._until):
                await self._all_came.wait()
        except TimeoutError:
            if asyncio.get_running_loop().time() >= self._until:  # and no session has begun since
                self._awaited.clear()  # perhaps the bot was removed from them while it was away
                self._look()

    def _look(self) -> None:
        if self._awaited:
            self._all_came.clear()
        else:
            self._all_came.set()
