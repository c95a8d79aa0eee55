"""What refusals taught outlives the program: no place is called before its penalty is over, nor too quickly then."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chat.incoming import Address
from chat.replies import Final
from messengers.buckets import Priority, Rate
from messengers.budget import Budgets
from messengers.learning import DAY_SECONDS, Lesson, Limits
from operations import limits
from operations.outbox import Letter, Outbox
from operations.tasks import Tasks
from storage.base import Learned
from tests.fakes import FakeChat
from tests.operations.memory_store import MemoryStore
from tests.storage.turns import said
from tests.virtual_time import run_virtual

HOUR = 3600.0
HERE, THERE = Address("telegram", "1"), Address("telegram", "2")


def now() -> float:
    return asyncio.get_running_loop().time()


def on_the_wall() -> float:
    return 1e9 + now()


@asynccontextmanager
async def started(store: MemoryStore, *, killed: bool = False) -> AsyncIterator[Budgets]:
    """The budgets of a run of the bot, from its start to its end."""
    budgets = Budgets(lambda _: Rate(burst=4, per_second=1))
    await limits.recall(store, {"telegram": budgets}, on_the_wall)
    keeping = asyncio.create_task(limits.keep(store, {"telegram": budgets}, on_the_wall))
    await asyncio.sleep(0)
    try:
        yield budgets
    finally:
        if killed:
            store.failing["learn"] = 1
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def flooded(budgets: Budgets, seconds: float) -> None:
    """A burst whose last call is refused."""
    budget = budgets.of(HERE)
    for _ in range(3):
        await budget.permit(Priority.FINAL)
    budget.slow_down(seconds)


@pytest.mark.parametrize("seconds", [35, 250, 4 * HOUR])
def test_a_place_under_a_penalty_is_not_called_after_a_restart_until_that_is_over_and_others_are(
    seconds: float,
) -> None:
    async def work() -> None:
        store, chats = MemoryStore(), {address.budget: FakeChat() for address in (HERE, THERE)}
        async with started(store) as budgets:
            await flooded(budgets, seconds)
            began = now()
        await asyncio.sleep(10)
        async with started(store) as budgets, Tasks() as tasks:
            for address in (HERE, THERE):
                chats[address.budget].budget = budgets.of(address)
            outbox = Outbox(lambda address: chats[address.budget], store, tasks)
            for address in (HERE, THERE):
                turn = await store.receive(said("?", address.budget, address))
                assert turn
                outbox.put(Letter(turn.id, address, turn.reply, Final("whole")))
            await outbox.delivered(THERE)
            assert now() - began < 11
            await outbox.delivered(HERE)
            assert seconds <= now() - began <= seconds + 2
        assert [chat.text for chat in chats.values()] == ["whole", "whole"]

    run_virtual(work())


def test_what_was_learned_is_kept_to_after_a_restart_until_it_is_over_and_then_forgotten() -> None:
    async def work() -> None:
        store = MemoryStore()
        async with started(store) as budgets:
            await flooded(budgets, 30)
            learned = budgets.lessons[HERE.budget].limits
        async with started(store) as budgets:
            bucket = budgets.of(HERE).bucket
            await bucket.take(Priority.FINAL)
            began = now()
            for _ in range(10):
                await bucket.take(Priority.FINAL)
            assert (now() - began) * learned.per_second == pytest.approx(10)
        assert [each.place for each in await store.learned()] == [HERE.budget]
        await asyncio.sleep(2 * DAY_SECONDS)
        async with started(store) as budgets:
            assert not budgets.lessons
        assert await store.learned() == []

    run_virtual(work())


def test_it_is_stored_within_seconds_so_that_a_kill_loses_nothing_and_again_where_the_disk_is_full() -> None:
    async def work() -> None:
        store = MemoryStore()
        async with started(store, killed=True) as budgets:
            await flooded(budgets, 4 * HOUR)
            store.failing["learn"] = 1
            await asyncio.sleep(2 * limits.LOOK_SECONDS + 1)
        (learned,) = await store.learned()
        assert learned.blocked_until == pytest.approx(on_the_wall() + 4 * HOUR, abs=10)

    run_virtual(work())


def test_nothing_is_written_while_nothing_is_learned() -> None:
    async def work() -> None:
        store = MemoryStore()
        async with started(store) as budgets:
            await flooded(budgets, 30)
            await asyncio.sleep(HOUR)
        assert store.calls.count("learn") == 1

    run_virtual(work())


def test_each_messenger_is_told_of_its_own_places() -> None:
    async def work() -> None:
        store = MemoryStore()
        places = [f"{name}:1" for name in ("telegram", "discord")]
        await store.learn([Learned(place, 2, 0.2, 1, on_the_wall(), on_the_wall()) for place in places])
        async with started(store) as budgets:
            assert set(budgets.lessons) == {"telegram:1"}
        assert len(await store.learned()) == 2, "those of a messenger that is off stay"

    run_virtual(work())


T = 1e9  # Unix seconds, long ago


@pytest.mark.parametrize(
    "row",
    [
        (HERE.budget, "x", 0.5, 1, T, T),
        (HERE.budget, 0, 0.5, 1, T, T),
        (HERE.budget, -2, 0.5, 1, T, T),
        (HERE.budget, 2, 0, 1, T, T),
        (HERE.budget, 2, 0.5, "x", T, T),
        (HERE.budget, 2, 0.5, -1, T, T),
        (HERE.budget, 2, 0.5, 1.5, T, T),
        (HERE.budget, 2, 0.5, 1, "x", T),
        (HERE.budget, 2, 0.5, 1, T, math.inf),
        (HERE.budget, 2, 0.5, 1, -math.inf, T),
        (b"\xff\xfe", 2, 0.5, 1, T, T),
        (None, 2, 0.5, 1, T, T),
    ],
    ids=repr,
)
def test_a_damaged_row_is_forgotten_with_a_warning_and_answers_there_and_elsewhere_go_on(
    row: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        store = MemoryStore()
        sound = Learned(THERE.budget, 2, 0.2, 1, on_the_wall(), on_the_wall())
        await store.learn([Learned(*row), sound])
        async with started(store) as budgets:
            began = now()
            for _ in range(4):
                await budgets.of(HERE).permit(Priority.FINAL)
            assert now() == began
            assert set(budgets.lessons) == {THERE.budget}
        assert await store.learned() == [sound]

    run_virtual(work())
    assert "damaged" in caplog.text


@pytest.mark.parametrize("days", [30, 20_000])
def test_a_clock_that_is_behind_at_the_start_blocks_a_place_for_a_day_at_most(days: float) -> None:
    async def work() -> None:
        store, off = MemoryStore(), days * DAY_SECONDS
        await store.learn([Learned(HERE.budget, 2, 0.5, 1, on_the_wall() + off, on_the_wall() + off + 100)])
        async with started(store) as budgets:
            began = now()
            assert budgets.lessons[HERE.budget].learned_at <= began, "nothing was learned in the future"
            await budgets.of(HERE).permit(Priority.FINAL)
            assert now() - began == pytest.approx(DAY_SECONDS)

    run_virtual(work())


def test_what_is_over_is_deleted_while_the_bot_runs() -> None:
    async def work() -> None:
        store = MemoryStore()
        await store.learn([Learned(HERE.budget, 4, 1, 0, on_the_wall(), on_the_wall() + 30)])
        async with started(store):
            await asyncio.sleep(20)
            assert len(await store.learned()) == 1
            await asyncio.sleep(80)
            assert await store.learned() == []

    run_virtual(work())


def test_looking_for_what_is_new_does_not_go_through_all_that_was_learned() -> None:
    async def work() -> None:
        looks = 0

        class Counted(Lesson):
            def is_over(self, now: float) -> bool:
                nonlocal looks
                looks += 1
                return super().is_over(now)

        store = MemoryStore()
        async with started(store) as budgets:
            budgets.remember({HERE.budget: Counted(Limits(2, 0.5), 1, now(), now())})
            await asyncio.sleep(600)
            assert looks <= 10, "once a minute"

    run_virtual(work())
