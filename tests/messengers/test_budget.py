"""Budgets: permits come back with time, the most important call goes first, and a flood stays where it is."""

import asyncio

import pytest

from chat.incoming import Address
from messengers.buckets import AtMost, Bucket, Priority, Rate
from messengers.budget import Budgets
from messengers.learning import DAY_SECONDS
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


async def gap(bucket: Bucket) -> float:
    """The seconds between two permits once nothing of the burst is left."""
    granted = await times(bucket, Priority.FINAL, 9)
    return granted[-1] - granted[-2]


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


def test_a_flood_makes_a_place_slower_for_a_day_and_it_recovers_within_another() -> None:
    async def work() -> None:
        bucket = Bucket(PRIVATE)
        await times(bucket, Priority.FINAL, 12)
        bucket.slow_down(30)
        await times(bucket, Priority.FINAL, 10)
        slowed = await gap(bucket)
        assert slowed > 1.2
        await asyncio.sleep(DAY_SECONDS - 200)
        assert await gap(bucket) == pytest.approx(slowed)
        await asyncio.sleep(DAY_SECONDS / 2)
        assert 1.05 < await gap(bucket) < 0.95 * slowed
        await asyncio.sleep(DAY_SECONDS / 2 + 600)
        assert await times(bucket, Priority.FINAL, 6) == [0, 0, 0, 0, 1, 2]

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


def test_what_the_messenger_counts_holds_until_its_time_is_over_and_again_after_that() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=10, per_second=100, reserve=0))
        bucket.learn("edit", limit=5, left=3, seconds=4)
        assert await times(bucket, Priority.FINAL, 9) == [0, 0, 0, 4, 4, 4, 4, 4, 8]

    run_virtual(work())


def test_what_is_told_sets_right_what_was_counted_here() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=10, per_second=100, reserve=0))
        bucket.learn("edit", limit=5, left=1, seconds=4)
        assert await times(bucket, Priority.FINAL, 1) == [0]
        bucket.learn("edit", limit=5, left=2, seconds=3)
        assert await times(bucket, Priority.FINAL, 3) == [0, 0, 3]

    run_virtual(work())


def test_each_bucket_of_the_messengers_is_kept_to_and_one_permit_of_it_is_for_finals() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=10, per_second=100, reserve=1))
        bucket.learn("edit", limit=5, left=4, seconds=5)
        bucket.learn("create", limit=5, left=2, seconds=3)
        assert await times(bucket, Priority.INTERIM, 2) == [0, 3]
        assert await times(bucket, Priority.FINAL, 1) == [0]

    run_virtual(work())


def test_the_pace_follows_what_the_messenger_tells() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=1, per_second=1, reserve=0))
        bucket.learn("edit", limit=100, left=99, seconds=50)
        assert await times(bucket, Priority.FINAL, 4) == [0, 0.5, 1, 1.5]

    run_virtual(work())


def test_somebody_who_waits_is_let_through_as_soon_as_more_is_allowed() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=4, per_second=1, reserve=0))
        bucket.learn("edit", limit=5, left=0, seconds=100)
        waiting = asyncio.create_task(times(bucket, Priority.FINAL, 1))
        await asyncio.sleep(2)
        bucket.learn("edit", limit=5, left=5, seconds=100)
        assert await waiting == [2]

    run_virtual(work())


def test_a_flood_of_the_bot_token_stops_all_places() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: PRIVATE, Rate(burst=30, per_second=30, reserve=0))
        places = [budgets.of(Address("discord", place)) for place in "12"]
        assert budgets.at("discord:1") is places[0]
        assert budgets.at("discord:3") is None
        budgets.slow_down(5)
        began = now()
        await asyncio.gather(*(place.permit(Priority.FINAL) for place in places))
        assert now() - began >= 5

    run_virtual(work())


GROUP = Rate(burst=4, per_second=1, at_most=AtMost(10, 60, reserve=3))


def test_never_more_than_so_many_in_any_minute_and_some_of_them_only_for_first_and_final_texts() -> None:
    async def work() -> None:
        bucket = Bucket(GROUP)
        interim = await times(bucket, Priority.INTERIM, 8)
        assert interim == [0, 0, 0, 1, 2, 3, 4, 60], "seven in the first minute"
        assert await times(bucket, Priority.FINAL, 3) == [0, 0, 0]

    run_virtual(work())


def test_a_window_is_any_minute_and_not_one_that_begins_when_the_last_has_ended() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=100, per_second=100, at_most=AtMost(3, 60)))
        await bucket.take(Priority.FINAL)
        await asyncio.sleep(50)
        assert await times(bucket, Priority.FINAL, 4) == [0, 0, 10, 60]

    run_virtual(work())


def test_a_permit_that_is_given_back_counts_in_no_window() -> None:
    async def work() -> None:
        bucket = Bucket(Rate(burst=100, per_second=100, at_most=AtMost(2, 60)))
        for _ in range(5):
            await bucket.take(Priority.FINAL)
            bucket.give_back(Priority.FINAL)
        assert await times(bucket, Priority.FINAL, 3) == [0, 0, 60]

    run_virtual(work())


def test_the_pace_is_quick_while_there_are_many_permits_and_that_of_the_rate_in_the_end() -> None:
    async def work() -> None:
        bucket, paces = Bucket(PRIVATE), []
        for _ in range(4):
            await bucket.take(Priority.FIRST)
            paces.append(bucket.pace)
        assert paces == sorted(paces)
        assert paces[0] == pytest.approx(0.5)
        assert paces[-1] == 1

    run_virtual(work())


def test_where_several_limits_count_the_slowest_sets_the_pace() -> None:
    async def work() -> None:
        assert Bucket(GROUP).pace == pytest.approx(6 / (1 + 7 / 2))

    run_virtual(work())


@pytest.mark.parametrize(("edits_count", "seconds"), [(True, 4), (False, 0)])
def test_edits_count_for_the_token_only_where_that_is_so(edits_count: bool, seconds: float) -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: Rate(9, 9, 0), Rate(burst=1, per_second=1, reserve=0), edits_count=edits_count)
        budget = budgets.of(Address("telegram", "1"))
        began = now()
        await budget.permit(Priority.FIRST, new=True)
        for _ in range(4):
            await budget.permit(Priority.INTERIM, new=False)
        assert now() - began == pytest.approx(seconds, abs=0.01)
        assert sum(budgets.tally.calls.values()) == 5

    run_virtual(work())


def test_after_a_restart_only_the_reserve_of_a_window_is_left_where_somebody_wrote_just_now() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: Rate(burst=20, per_second=20, at_most=AtMost(10, 60, reserve=3)))
        budgets.written_before(["telegram:1"])
        bucket = budgets.of(Address("telegram", "1")).bucket
        await asyncio.sleep(1)
        assert await times(bucket, Priority.FINAL, 4) == [0, 0, 0, 59]

    run_virtual(work())


@pytest.mark.parametrize("unusual", [60, 600])
def test_one_long_time_that_is_told_slows_a_place_only_until_the_next_one_is(unusual: float) -> None:
    async def work() -> None:
        bucket = Bucket(PRIVATE)
        bucket.learn("edit", limit=5, left=4, seconds=unusual)
        await asyncio.sleep(unusual + 1)
        await bucket.take(Priority.FINAL)
        bucket.learn("edit", limit=5, left=4, seconds=5)
        await asyncio.sleep(3)
        bucket.learn("edit", limit=5, left=3, seconds=2)
        await asyncio.sleep(3)
        assert await times(bucket, Priority.FINAL, 6) == [0, 0, 0, 0, 1, 5]

    run_virtual(work())


def test_calls_that_are_under_way_dont_hide_how_long_a_time_is() -> None:
    async def work() -> None:
        bucket = Bucket(PRIVATE)
        bucket.learn("edit", limit=5, left=4, seconds=60)
        await asyncio.sleep(61)
        await bucket.take(Priority.FINAL)
        bucket.learn("edit", limit=5, left=4, seconds=5, under_way=3)
        assert await times(bucket, Priority.FINAL, 2) == [0, 5], "those under way take from what is left"

    run_virtual(work())


def test_permits_that_wait_for_the_tokens_are_taken_from_what_is_told() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: Rate(burst=20, per_second=20, reserve=0), Rate(burst=1, per_second=1, reserve=0))
        budget, granted = budgets.of(Address("discord", "1")), list[float]()
        began = now()

        async def call() -> None:
            await budget.permit(Priority.FINAL)
            granted.append(round(now() - began, 3))

        calls = [asyncio.create_task(call()) for _ in range(5)]
        await asyncio.sleep(0.5)
        assert granted == [0]
        budget.bucket.learn("edit", limit=5, left=4, seconds=10)
        await budget.bucket.take(Priority.FINAL)
        assert now() - began == pytest.approx(10.5)
        await asyncio.gather(*calls)

    run_virtual(work())
