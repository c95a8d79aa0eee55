"""A change of the config's files is told once it has lasted, and never missed; asking is told at once."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from operations.watching import ConfigChanges, Reason
from tests.virtual_time import run_virtual

EVERY = 2.0  # seconds, in virtual time unless a test says otherwise


class Watched:
    """A config and the `.env` beside it (which isn't there at first), and somebody who watches them."""

    def __init__(self, folder: Path, every: float = EVERY) -> None:
        self.config, self.dotenv = folder / "config.yaml", folder / ".env"
        self.config.write_text("language: en", encoding="utf-8")
        self.ask = asyncio.Event()
        self.changes = ConfigChanges([self.config, self.dotenv], self.ask, every)

    def edit(self) -> None:
        """Make the file longer: two writes may fall into one tick of the file system's clock."""
        with self.config.open("a", encoding="utf-8") as file:
            file.write("#")

    async def next(self, within: float) -> Reason | None:
        try:
            async with asyncio.timeout(within):
                return await anext(self.changes)
        except TimeoutError:
            return None


def _by_renaming(watched: Watched) -> None:
    """As most editors save; here with the old size and time."""
    times = watched.config.stat()
    new = watched.config.with_suffix(".new")
    new.write_text("language: ru", encoding="utf-8")
    os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
    new.replace(watched.config)


CHANGES: dict[str, Callable[[Watched], object]] = {
    "written to": Watched.edit,
    "replaced": _by_renaming,
    "touched": lambda watched: os.utime(watched.config, ns=(1, 1)),
    "removed": lambda watched: watched.config.unlink(),
    "variables appear": lambda watched: watched.dotenv.write_text("KEY=1", encoding="utf-8"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_any_kind_is_told_once(tmp_path: Path, change: str) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        assert await watched.next(within=60) is None
        CHANGES[change](watched)
        assert await watched.next(within=2 * EVERY + 0.1) == "changed"
        assert await watched.next(within=60) is None

    run_virtual(work())


def test_a_file_that_comes_back_is_told_again(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        watched.config.unlink()
        assert await watched.next(within=60) == "changed"
        watched.config.write_text("language: ru", encoding="utf-8")
        assert await watched.next(within=60) == "changed"

    run_virtual(work())


def test_a_file_that_is_still_being_written_is_not_told(tmp_path: Path) -> None:
    async def write(watched: Watched, steps: int) -> None:
        for _ in range(steps):
            watched.edit()
            await asyncio.sleep(EVERY / 2)

    async def work() -> None:
        watched = Watched(tmp_path)
        writing = asyncio.create_task(write(watched, 40))
        assert await watched.next(within=39 * EVERY / 2) is None
        await writing
        assert await watched.next(within=2 * EVERY + 0.1) == "changed"

    run_virtual(work())


def test_a_change_before_the_waiting_begins_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        watched.edit()
        await asyncio.sleep(100)
        assert await watched.next(within=60) == "changed"

    run_virtual(work())


@pytest.mark.parametrize("first", ["changed", "asked"])
def test_a_change_while_the_last_one_is_worked_on_is_told_next(tmp_path: Path, first: Reason) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        watched.edit()
        if first == "asked":
            watched.ask.set()
        assert await watched.next(within=60) == first
        watched.edit()
        await asyncio.sleep(100)  # the work
        assert await watched.next(within=60) == "changed"
        assert await watched.next(within=60) is None

    run_virtual(work())


def test_asking_is_told_at_once_and_includes_a_change_that_is_there(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        asyncio.get_running_loop().call_later(0.5, watched.ask.set)
        watched.edit()
        assert await watched.next(within=0.6) == "asked"
        assert not watched.ask.is_set()
        assert await watched.next(within=60) is None

    run_virtual(work())


def test_asking_while_the_last_one_is_worked_on_is_told_next(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        watched.ask.set()
        assert await watched.next(within=0.1) == "asked"
        watched.ask.set()
        watched.ask.set()
        assert await watched.next(within=0.1) == "asked"
        assert await watched.next(within=60) is None

    run_virtual(work())


def test_a_wait_that_is_cancelled_loses_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        watched = Watched(tmp_path)
        watched.edit()
        for _ in range(20):  # each ends before an interval does
            assert await watched.next(within=EVERY / 2) is None
        assert await watched.next(within=2 * EVERY + 0.1) == "changed"

    run_virtual(work())


async def test_it_goes_on_for_as_long_as_it_is_iterated(tmp_path: Path) -> None:
    """In real time."""
    watched = Watched(tmp_path, every=0.01)
    told: list[Reason] = []
    watched.edit()
    async for reason in watched.changes:
        told.append(reason)
        match len(told):
            case 1:
                watched.ask.set()
            case 2:
                watched.edit()
            case _:
                break
    assert told == ["changed", "asked", "changed"]
