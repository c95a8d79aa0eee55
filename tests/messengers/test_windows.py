"""A limit over all chats holds however long calls are under way: a messenger counts them when they reach it."""

import asyncio
import random
from bisect import bisect_left

import pytest

from messengers.buckets import AtMost, Bucket, Priority, Rate
from messengers.budget import Permitted, PlaceBudget
from tests.virtual_time import run_virtual

CALLS, SECONDS = 28, 1.0


async def reached(strict: bool, seed: int, calls: int = 200) -> list[float]:
    """When so many calls, all wanted at once, each under way for up to three seconds, reached the messenger."""
    draw, clock = random.Random(seed), asyncio.get_running_loop().time
    overall = Bucket(Rate(CALLS, CALLS, at_most=AtMost(CALLS, SECONDS, strict=strict)))
    times: list[float] = []

    async def call() -> None:
        async with Permitted(PlaceBudget(Rate(4, 1), overall), Priority.FIRST):
            there, back = draw.choice((0.01, 0.1, draw.uniform(0, 1.5))), draw.uniform(0, 1.5)
            await asyncio.sleep(there)
            times.append(clock())
            await asyncio.sleep(back)

    await asyncio.gather(*(call() for _ in range(calls)))
    return sorted(times)


def most_in_any_window(times: list[float]) -> int:
    return max(index + 1 - bisect_left(times, at - SECONDS + 1e-6) for index, at in enumerate(times))


@pytest.mark.parametrize("seed", range(5))
def test_calls_that_the_network_pushes_together_are_never_too_many(seed: int) -> None:
    assert most_in_any_window(run_virtual(reached(True, seed))) <= CALLS
    assert most_in_any_window(run_virtual(reached(False, seed))) > CALLS, "else there is nothing to be seen"


def test_quick_answers_take_nearly_nothing_from_the_limit() -> None:
    async def seconds_for(count: int) -> float:
        clock, overall = (
            asyncio.get_running_loop().time,
            Bucket(Rate(CALLS, CALLS, at_most=AtMost(CALLS, 1.0, strict=True))),
        )

        async def call() -> None:
            async with Permitted(PlaceBudget(Rate(4, 1), overall), Priority.FIRST):
                await asyncio.sleep(0.05)

        begun = clock()
        await asyncio.gather(*(call() for _ in range(count)))
        return clock() - begun

    assert run_virtual(seconds_for(CALLS)) == pytest.approx(0.05)
    assert run_virtual(seconds_for(4 * CALLS)) < 3 * 1.05 + 0.1


def test_a_call_whose_answer_nobody_tells_of_is_not_waited_for_forever() -> None:
    async def taken() -> float:
        bucket = Bucket(Rate(2, 2, at_most=AtMost(2, 1.0, reserve=0, strict=True)))
        begun = asyncio.get_running_loop().time()
        for _ in range(3):
            await bucket.take(Priority.FINAL)
        return asyncio.get_running_loop().time() - begun

    assert 4 < run_virtual(taken()) < 6


def test_calls_that_hang_keep_nobody_else_waiting_for_long() -> None:
    async def waited() -> float:
        overall = Bucket(Rate(CALLS, CALLS, at_most=AtMost(CALLS, SECONDS, strict=True)))

        async def hang() -> None:
            async with Permitted(PlaceBudget(Rate(4, 1), overall), Priority.FIRST):
                await asyncio.sleep(15)

        hanging = [asyncio.create_task(hang()) for _ in range(CALLS)]
        await asyncio.sleep(1)
        clock = asyncio.get_running_loop().time
        begun = clock()
        await PlaceBudget(Rate(4, 1), overall).permit(Priority.FINAL)
        seconds = clock() - begun
        await asyncio.gather(*hanging)
        return seconds

    assert run_virtual(waited()) < 5
