"""Beside the answering: old turns go in small batches, changes of others are followed, a standstill is told once."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from operations.housekeeping import BATCH, DAY_SECONDS, LOOK_SECONDS, follow_changes, prune, prune_daily, watch
from storage.base import Amount, Spent
from tests.handlers.scene import said
from tests.operations.memory_store import MemoryStore
from tests.virtual_time import run_virtual


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def over(store: MemoryStore, count: int, day: str = "2026-01-01") -> None:
    for number in range(count):
        turn = await store.receive(said("x", key=f"{day} {number}"))
        assert turn
        spent = Spent(day, "telegram:1", Amount(1))
        await store.answer(turn.id, turn.reply, None, (), failed=False, spent=spent)


async def run_for(seconds: float, work: Coroutine[object, object, None]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


def test_what_is_over_for_longer_than_the_days_is_deleted_in_batches_and_the_rest_is_kept() -> None:
    async def work() -> None:
        store = MemoryStore()
        await over(store, BATCH * 2 + 5)
        assert await prune(store, 30, later(29.9)) == 0
        store.calls.clear()
        assert await prune(store, 30, later(30.1)) == BATCH * 2 + 5
        assert store.calls == ["prune"] * 3
        assert store.turns == {}

    run_virtual(work())


def test_the_days_whose_usage_the_limits_may_need_are_kept() -> None:
    async def work() -> None:
        store = MemoryStore()
        now = datetime(2026, 11, 21, 12, tzinfo=UTC)
        for day in ("2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21"):
            await over(store, 1, day)
        await prune(store, 1, now)
        days = ("2026-11-18", "2026-11-19", "2026-11-20", "2026-11-21")
        assert [(await store.used(day)).messages for day in days] == [0, 1, 1, 1]

    run_virtual(work())


def test_it_is_done_at_the_start_and_once_a_day_and_a_failing_store_ends_nothing() -> None:
    async def work() -> None:
        store = MemoryStore()
        store.failing["prune"] = 1
        await run_for(DAY_SECONDS * 2.5, prune_daily(store, 30, lambda: later(0)))
        assert store.calls == ["prune", "prune", "compact", "prune", "compact"]

    run_virtual(work())


def test_without_days_everything_is_kept_and_what_people_forgot_leaves_the_files_all_the_same() -> None:
    async def work() -> None:
        store = MemoryStore()
        await over(store, 3)
        await run_for(DAY_SECONDS * 1.5, prune_daily(store, 0, lambda: later(9999)))
        assert len(store.turns) == 3
        assert store.calls[-2:] == ["compact", "compact"]

    run_virtual(work())


def test_what_another_program_changed_is_taken_up_within_seconds_and_nothing_happens_without() -> None:
    async def work() -> None:
        store, taken = MemoryStore(), []

        async def take_up() -> None:
            taken.append(asyncio.get_running_loop().time())

        store.failing["changed_elsewhere"] = 1
        following = asyncio.create_task(follow_changes(store, take_up))
        await asyncio.sleep(LOOK_SECONDS * 2.5)
        assert len(taken) == 1, "at first it isn't known what was changed before"
        await asyncio.sleep(LOOK_SECONDS * 10)
        assert len(taken) == 1
        following.cancel()

    run_virtual(work())


def test_a_turn_that_runs_too_long_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        began = asyncio.get_running_loop().time()
        await run_for(300, watch(lambda: {7: asyncio.get_running_loop().time() - began, 8: 1.0}, 60))

    run_virtual(work())
    told = [record.message for record in caplog.records if "turn" in record.message]
    assert told == ["turn 7 runs for more than 60 s: /stop ends it"]


async def test_a_standstill_of_the_whole_program_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        watching = asyncio.create_task(watch(dict, 60, pulse=0.01, standstill=0.15))
        await asyncio.sleep(0.05)
        assert caplog.text == ""
        time.sleep(0.3)  # noqa: ASYNC251 - that is what it is about
        await asyncio.sleep(0.05)
        watching.cancel()
    assert "stood still" in caplog.text
