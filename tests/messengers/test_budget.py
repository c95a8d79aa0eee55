"""Budgets: permits come back with time, the most important call goes first, and a flood stays where it is."""

import asyncio

import pytest

from chat.incoming import Address
from messengers.budget import Bucket, Budgets, Priority, Rate
from tests.virtual_time import run_virtual

PRIVATE = Rate(burst=4, per_second=1)


def now() -> float:
    return asyncio.get_running_loop().time()


async def times(bucket: Bucket, priority: Priority, count: int) -> list[float]:
    """When each of `count` permits is granted, in seconds from now."""
    began = now()
    granted = []
    for _ in range(count):
        await bucket.take(priority)
        granted.append(round(now() - began, 3))
    return granted


def test_a_burst_goes_at_once_and_then_one_a_second() -> None:
    async def work() -> None:
        assert await times(Bucket(PRIVATE), Priority.FINAL, 6) == [0, 0, 0, 0, 1, 2]

    run_virtual(work())


def test_interim_calls_leave_one_permit_for_the_final() -> None:
    async def work() -> None:
        bucket = Bucket(PRIVATE)
        assert await times(bucket, Priority.INTERIM, 4) == [0, 0, 0, 1]
        assert await times(bucket, Priority.FINAL, 1) == [0]

    run_virtual(work())


def test_the_most_important_waiter_goes_first_whoever_came_first() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=1, per_second=1, reserve=0))
        await bucket.take(Priority.FINAL)
        order: list[Priority] = []

        async def wait(priority: Priority) -> None:
            await bucket.take(priority)
            order.append(priority)

        await asyncio.gather(*(wait(priority) for priority in reversed(Priority)))
        assert order == sorted(Priority)

    run_virtual(work())


@pytest.mark.parametrize("seconds", [1, 35, 250, 14_000])
def test_nothing_is_granted_during_a_flood_and_a_permit_right_after_it(seconds: int) -> None:
    async def work() -> None:
        bucket = Bucket(PRIVATE)
        await times(bucket, Priority.FINAL, 4)
        bucket.slow_down(seconds)
        (waited,) = await times(bucket, Priority.FINAL, 1)
        assert seconds <= waited <= seconds + 2

    run_virtual(work())


def test_a_flood_makes_a_place_slower_for_a_while_and_it_recovers() -> None:
    async def work() -> None:
        bucket = Bucket(PRIVATE)
        bucket.slow_down(1)
        await times(bucket, Priority.FINAL, 3)
        slowed = await times(bucket, Priority.FINAL, 2)
        assert 1.2 < slowed[1] - slowed[0] < 1.6
        await times(bucket, Priority.FINAL, 50)
        recovered = await times(bucket, Priority.FINAL, 2)
        assert recovered[1] - recovered[0] == pytest.approx(1)

    run_virtual(work())


def test_a_cancelled_wait_costs_no_permit() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=1, per_second=1, reserve=0))
        await bucket.take(Priority.FINAL)
        waiters = [asyncio.create_task(bucket.take(Priority.FIRST)) for _ in range(5)]
        await asyncio.sleep(0.5)
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        assert await times(bucket, Priority.FIRST, 1) == [0.5]

    run_virtual(work())


def test_a_flood_in_one_chat_disturbs_no_other_and_topics_share_their_chats_permits() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: PRIVATE)
        flooded = budgets.of(Address("telegram", "-100", thread="1"))
        assert budgets.of(Address("telegram", "-100", thread="2")) is flooded
        flooded.slow_down(250)
        other = budgets.of(Address("telegram", "5"))
        began = now()
        await other.permit(Priority.INTERIM)
        assert now() == began

    run_virtual(work())


def test_the_bot_token_has_a_limit_of_its_own_above_the_places() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: PRIVATE, Rate(burst=30, per_second=30, reserve=0))
        began = now()
        chats = [budgets.of(Address("telegram", str(chat))) for chat in range(90)]
        await asyncio.gather(*(chat.permit(Priority.FIRST) for chat in chats))
        assert now() - began == pytest.approx(2, abs=0.01)

    run_virtual(work())


def test_a_place_written_to_just_before_a_restart_starts_with_one_permit() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: PRIVATE)
        budgets.written_before(["telegram:7"])
        assert await times(budgets.of(Address("telegram", "7")).bucket, Priority.FINAL, 2) == [0, 1]
        assert await times(budgets.of(Address("telegram", "8")).bucket, Priority.FINAL, 2) == [0, 0]

    run_virtual(work())
