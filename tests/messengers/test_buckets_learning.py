"""Limits that nobody tells: found with one or two refusals, kept to for long, and not forgotten with their places."""

import asyncio
import copy
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from chat.incoming import Address
from messengers.buckets import Bucket, Priority, Rate
from messengers.budget import REMEMBERED, Budgets
from messengers.learning import DAY_SECONDS, Lesson, Limits
from tests.virtual_time import run_virtual

KNOWN = Rate(burst=4, per_second=1)
HOUR = 3600.0


class Limit(Protocol):
    """How a messenger counts."""

    def admits(self, now: float) -> bool: ...


@dataclass
class TokenBucket:
    burst: int
    per_second: float
    left: float = math.inf
    updated: float = 0.0

    def admits(self, now: float) -> bool:
        self.left = min(self.burst, self.left + (now - self.updated) * self.per_second)
        self.updated = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass
class AnyWindow:
    calls: int
    seconds: float
    times: list[float] = field(default_factory=list)

    def admits(self, now: float) -> bool:
        self.times = [at for at in self.times if at > now - self.seconds]
        if len(self.times) >= self.calls:
            return False
        self.times.append(now)
        return True


@dataclass
class FixedWindow:
    """Counts anew from each full minute on."""

    calls: int
    seconds: float
    window: float = 0.0
    count: int = 0

    def admits(self, now: float) -> bool:
        if now // self.seconds != self.window:
            self.window, self.count = now // self.seconds, 0
        self.count += 1
        return self.count <= self.calls


LIMITS = [
    TokenBucket(2, 0.2),
    TokenBucket(2, 1.5),
    TokenBucket(3, 0.4),
    TokenBucket(6, 0.25),
    AnyWindow(20, 60),
    AnyWindow(3, 10),
    FixedWindow(20, 60),
    FixedWindow(10, 30),
]


async def refusals(bucket: Bucket, limit: Limit, hours: float, penalty: float) -> int:
    """How many there are in answers of a few seconds with pauses of a minute at most, for so long."""
    loop, draw, found = asyncio.get_running_loop(), random.Random(1), 0
    ends = loop.time() + hours * HOUR
    while loop.time() < ends:
        over = loop.time() + draw.uniform(1, 30)
        priority = Priority.FIRST
        while loop.time() < over:
            await bucket.take(priority)
            priority = Priority.INTERIM
            if limit.admits(loop.time()):
                await asyncio.sleep(max(0.35, min(3, bucket.pace)))
            else:
                found += 1
                bucket.slow_down(penalty)
        await asyncio.sleep(draw.uniform(1, 60))
    return found


@pytest.mark.parametrize(("penalty", "most"), [(5, 5), (60, 3), (4 * HOUR, 3)])
@pytest.mark.parametrize("limit", LIMITS, ids=repr)
def test_whatever_is_counted_a_few_refusals_teach_enough_for_half_a_day(
    limit: Limit, penalty: float, most: int
) -> None:
    """A penalty that is shorter than what it is for costs more of them: the call after it is refused again."""
    assert run_virtual(refusals(Bucket(KNOWN), copy.deepcopy(limit), 12, penalty)) <= most


def test_a_limit_far_below_all_that_is_looked_at_is_found_by_halving() -> None:
    assert run_virtual(refusals(Bucket(KNOWN), TokenBucket(2, 0.1), 12, 60)) <= 5


def test_however_often_calls_are_refused_without_reason_answers_still_arrive() -> None:
    async def work() -> None:
        bucket, clock = Bucket(KNOWN), asyncio.get_running_loop().time
        for _ in range(30):
            for _ in range(2):  # one of them is taken, else nothing would be learned
                await bucket.take(Priority.FINAL)
            bucket.slow_down(1)
        begun = clock()
        for _ in range(3):
            await bucket.take(Priority.FINAL)
        assert clock() - begun < 3 * 10 / KNOWN.per_second + 2

    run_virtual(work())


@pytest.mark.parametrize(("penalty", "gap"), [(1, 2), (3, 4), (60, 10)])
def test_a_place_is_never_slower_than_if_it_was_refused_before_each_call_nor_than_a_tenth(
    penalty: float, gap: float
) -> None:
    """What is over in a second teaches little: to be careful must not cost more than to be refused."""

    async def work() -> None:
        bucket = Bucket(KNOWN)
        for _ in range(30):
            for _ in range(2):
                await bucket.take(Priority.FINAL)
            bucket.slow_down(penalty)
        assert bucket.lesson
        assert bucket.lesson.limits.per_second == pytest.approx(1 / gap)

    run_virtual(work())


@pytest.mark.parametrize("seconds", [5, 8, 10])
def test_a_penalty_that_is_the_rest_of_a_wait_is_not_taken_for_all_of_it(seconds: float) -> None:
    """Once it waits nearly long enough, it is told to wait for a second more; that isn't how long it takes."""

    async def work() -> None:
        bucket, clock = Bucket(KNOWN), asyncio.get_running_loop().time
        allowed, refused = 0.0, 0
        for _ in range(100):
            await bucket.take(Priority.FINAL)
            if clock() < allowed:
                refused += 1
                bucket.slow_down(math.ceil(allowed - clock()))
            else:
                allowed = clock() + seconds
        assert refused <= 5

    run_virtual(work())


@pytest.mark.parametrize("seconds", [1, 5, 60])
def test_a_time_in_which_nothing_passes_makes_a_place_slower_for_two_days_and_not_for_weeks(seconds: float) -> None:
    async def work() -> None:
        bucket, clock = Bucket(KNOWN), asyncio.get_running_loop().time
        for _ in range(20):
            await bucket.take(Priority.FINAL)
            bucket.slow_down(seconds)
        lesson = bucket.lesson
        assert lesson
        assert lesson.refusals == 1
        assert lesson.limits.per_second > 0.15 * KNOWN.per_second, "two of them teach, not all"
        assert lesson.is_over(clock() + 2 * DAY_SECONDS)

    run_virtual(work())


@pytest.mark.parametrize(("burst", "per_second", "expected"), [(1, 0.2, [0, 5, 10]), (2, 0.5, [0, 0, 2])])
def test_a_place_with_a_lesson_keeps_to_its_burst_from_the_first_call_after_a_restart_on(
    burst: float, per_second: float, expected: list[float]
) -> None:
    async def work() -> None:
        began = asyncio.get_running_loop().time()
        assert began > 100, "the machine has been up for longer than the bot"
        bucket = Bucket(KNOWN, Lesson(Limits(burst, per_second), 1, began - 90, began - 50))
        granted = []
        for _ in expected:
            await bucket.take(Priority.FINAL)
            granted.append(round(asyncio.get_running_loop().time() - began, 3))
        assert granted == expected

    run_virtual(work())


@pytest.mark.parametrize("told", [30 * DAY_SECONDS, math.inf, math.nan])
def test_no_refusal_is_longer_than_a_day_whatever_is_told(told: float) -> None:
    async def work() -> None:
        bucket, began = Bucket(KNOWN), asyncio.get_running_loop().time()
        bucket.slow_down(told)
        await bucket.take(Priority.FINAL)
        assert asyncio.get_running_loop().time() - began == pytest.approx(DAY_SECONDS, abs=1)

    run_virtual(work())


def test_no_lesson_is_slower_than_a_tenth_or_longer_than_a_month_whatever_was_stored() -> None:
    lesson = Lesson(Limits(2, 1e-300), 10**15, 0.0, 0.0)
    assert lesson.applied(Limits(4, 1), 1.0).per_second == pytest.approx(0.1)
    assert lesson.is_over(32 * DAY_SECONDS)


def test_typing_that_was_not_shown_takes_no_call_out_of_what_is_known() -> None:
    async def work() -> None:
        bucket = Bucket(KNOWN)
        await bucket.take(Priority.FINAL)
        await bucket.take(Priority.TYPING)
        bucket.give_back(Priority.TYPING)
        bucket.slow_down(30)
        assert bucket.lesson
        assert bucket.lesson.refusals == 1, "the final call was refused"

    run_virtual(work())


def test_refusals_of_calls_that_were_under_way_together_teach_once_and_the_longest_is_waited_for() -> None:
    async def work() -> None:
        bucket = Bucket(KNOWN)
        for _ in range(4):
            await bucket.take(Priority.FINAL)
        bucket.slow_down(30)
        lesson = bucket.lesson
        bucket.slow_down(250)
        bucket.slow_down(10)
        assert lesson
        assert bucket.lesson
        assert (bucket.lesson.limits, bucket.lesson.refusals) == (lesson.limits, 1)
        began = asyncio.get_running_loop().time()
        await bucket.take(Priority.FINAL)
        assert 250 <= asyncio.get_running_loop().time() - began <= 251

    run_virtual(work())


def test_what_was_good_for_days_is_good_again_when_more_is_refused_and_holds_for_longer() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        lesson = Lesson(Limits(2, 0.2), 1, loop.time() - 1.9 * DAY_SECONDS, 0)
        bucket = Bucket(KNOWN, lesson)
        await bucket.take(Priority.FINAL)
        bucket.slow_down(1)
        assert bucket.lesson
        assert (bucket.lesson.limits, bucket.lesson.refusals) == (lesson.limits, 2)
        assert bucket.lesson.holds(loop.time() + 1.9 * DAY_SECONDS)

    run_virtual(work())


def test_where_the_messenger_tells_its_limits_a_refusal_only_means_to_wait() -> None:
    async def work() -> None:
        bucket = Bucket(KNOWN)
        bucket.learn("edit", limit=5, left=4, seconds=5)
        await bucket.take(Priority.FINAL)
        bucket.slow_down(30)
        assert bucket.lesson
        assert bucket.lesson.refusals == 0
        assert bucket.lesson.is_over(asyncio.get_running_loop().time() + 31)

    run_virtual(work())


def test_a_place_that_was_refused_is_not_forgotten_among_thousands_and_its_penalty_lasts() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: KNOWN)
        began = asyncio.get_running_loop().time()
        budget = budgets.of(Address("telegram", "1"))
        await budget.permit(Priority.FINAL)
        budget.slow_down(4 * HOUR)
        del budget
        for place in range(2, REMEMBERED + 3):
            budgets.of(Address("telegram", str(place)))
        assert budgets.at("telegram:1") is None
        again = budgets.of(Address("telegram", "1"))
        await again.permit(Priority.FINAL)
        assert asyncio.get_running_loop().time() - began >= 4 * HOUR
        assert again.bucket.lesson
        assert again.bucket.lesson.refusals == 1

    run_virtual(work())


def test_what_is_learned_with_a_token_is_not_kept_it_is_a_secret_and_soon_over() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: KNOWN, key=lambda address: address.token or address.budget)
        for address in (Address("discord", "1", token="secret"), Address("discord", "2")):
            await budgets.of(address).permit(Priority.FINAL)
            budgets.of(address).slow_down(30)
        assert set(budgets.lessons) == {"discord:2"}
        await asyncio.sleep(2 * DAY_SECONDS)
        assert not budgets.lessons, "what is over is forgotten"

    run_virtual(work())


def test_what_has_a_budget_of_its_own_at_a_place_and_no_token_is_kept_too() -> None:
    async def work() -> None:
        budgets = Budgets(lambda _: KNOWN, key=lambda address: address.budget + address.branch)
        budgets.of(Address("telegram", "1", branch="#drafts")).slow_down(4 * HOUR)
        assert set(budgets.lessons) == {"telegram:1#drafts"}

    run_virtual(work())


@pytest.mark.parametrize("burst", [1, 2])
def test_however_little_is_left_interim_texts_are_shown_too_and_conversations_take_turns(burst: int) -> None:
    """Each conversation has one call that waits, so that first come, first served is in turn."""

    async def work() -> None:
        bucket = Bucket(KNOWN, Lesson(Limits(burst, 0.25), 1, asyncio.get_running_loop().time(), 0.0))
        made: Counter[int] = Counter()

        async def write(conversation: int) -> None:
            await bucket.take(Priority.FIRST)
            while True:
                await bucket.take(Priority.INTERIM)
                made[conversation] += 1
                await asyncio.sleep(0.35 if conversation else 3)  # some are quicker than others

        writers = [asyncio.create_task(write(conversation)) for conversation in range(5)]
        await asyncio.sleep(600)
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        assert min(made.values()) >= max(made.values()) - 2
        assert 600 * 0.25 - 12 <= sum(made.values()) <= 600 * 0.25

    run_virtual(work())
