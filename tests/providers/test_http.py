"""What a request may take, and the rest of providers/http.py that no server is needed for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.errors import TimedOut
from providers.http import HttpClient, HttpSettings
from providers.patience import Patience
from tests.virtual_time import run_virtual

# Timers this much apart fire in one round of the event loop (its clock's resolution is 1e-9), in this order.
BEFORE, WITH, AFTER = -5e-10, 0.0, 5e-10


async def at_once() -> str:
    return "done"


async def test_a_server_that_always_has_more_at_once_does_not_outrun_the_total_time_out() -> None:
    """Such a step never waits, so no timer of the event loop could end it."""
    patience = Patience(idle=5, total=0.01)
    assert await patience.wait(at_once) == "done"
    await asyncio.sleep(0.02)
    with pytest.raises(TimedOut, match=r"not done after 0\.01 s"):
        await patience.wait(at_once)


async def test_hurry_shortens_what_is_left_and_never_lengthens_it() -> None:
    patience = Patience(idle=5, total=5)
    patience.hurry(0.01)
    patience.hurry(5)
    async with asyncio.timeout(5):
        with pytest.raises(TimedOut):
            await patience.wait(asyncio.Event().wait)


async def test_a_time_out_of_the_caller_is_the_callers() -> None:
    patience = Patience(idle=5, total=5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await patience.wait(asyncio.Event().wait)


async def test_a_client_is_used_between_enter_and_exit() -> None:
    client = HttpClient("p", HttpSettings())
    with pytest.raises(RuntimeError):
        await client.exchange("GET", "http://127.0.0.1:1/").__aenter__()


def outcome(work: Callable[[], Awaitable[object]]) -> tuple[str, float]:
    """How it ended, and after how long, where time passes only by waiting. Nobody's cancellation is left over."""

    async def watched() -> tuple[str, float]:
        clock = asyncio.get_running_loop().time
        begun = clock()
        task = asyncio.ensure_future(work())
        await asyncio.wait({task})
        ended = round(clock() - begun, 6)
        if task.cancelled():
            return "cancelled", ended
        return repr(task.exception() or task.result()), ended

    return run_virtual(watched())


def after(seconds: float, action: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + seconds, action)


async def unharmed(result: object) -> object:
    """The result, unless a request to cancel this task is left over."""
    task = asyncio.current_task()
    assert task
    assert not task.cancelling()
    await asyncio.sleep(1)
    return result


def test_silence_is_counted_from_the_last_step_and_not_from_when_the_timer_was_set() -> None:
    async def work() -> None:
        patience = Patience(idle=10, total=1000)
        for seconds in (9, 1, 9.5, 3):
            await patience.wait(lambda: asyncio.sleep(seconds))  # noqa: B023  # awaited at once
        await patience.wait(asyncio.Event().wait)

    assert outcome(work) == ("TimedOut('silent for 10 s')", 32.5)


def test_what_the_caller_does_between_two_steps_is_no_silence() -> None:
    async def work() -> None:
        patience = Patience(idle=10, total=1000)
        await patience.wait(lambda: asyncio.sleep(1))
        await asyncio.sleep(50)
        await patience.wait(lambda: asyncio.sleep(9))
        await patience.wait(asyncio.Event().wait)

    assert outcome(work) == ("TimedOut('silent for 10 s')", 70)


def test_hurry_is_heeded_although_the_timer_was_set_for_later() -> None:
    async def work() -> None:
        patience = Patience(idle=10, total=1000)
        await patience.wait(lambda: asyncio.sleep(1))
        patience.hurry(2)
        await patience.wait(asyncio.Event().wait)

    assert outcome(work) == ("TimedOut('not done after 1000 s')", 3)


@pytest.mark.parametrize("moment", [BEFORE, WITH, AFTER])
@pytest.mark.parametrize("earlier_steps", [0, 1])
def test_who_is_cancelled_at_the_very_moment_of_a_time_out_is_cancelled(moment: float, earlier_steps: int) -> None:
    async def work() -> None:
        task = asyncio.current_task()
        assert task
        patience = Patience(idle=10, total=1000)
        after(earlier_steps + 10 + moment, task.cancel)
        for _ in range(earlier_steps):
            await patience.wait(lambda: asyncio.sleep(1))
        await patience.wait(asyncio.Event().wait)

    assert outcome(work) == ("cancelled", earlier_steps + 10)


@pytest.mark.parametrize("moment", [BEFORE, WITH, AFTER])
def test_what_comes_at_the_very_moment_of_a_time_out_is_taken_or_timed_out_but_cancels_nobody(moment: float) -> None:
    async def work() -> object:
        patience, comes = Patience(idle=10, total=1000), asyncio.Event()
        after(10 + moment, comes.set)
        try:
            return await unharmed(await patience.wait(comes.wait))
        except TimedOut as error:
            return await unharmed(error)

    assert outcome(work) in {("True", 11), ("TimedOut('silent for 10 s')", 11)}


@pytest.mark.parametrize("moment", [BEFORE, WITH, AFTER])
def test_a_time_out_of_the_caller_at_the_very_moment_of_ours_is_one_of_the_two(moment: float) -> None:
    async def work() -> object:
        patience = Patience(idle=10, total=1000)
        try:
            async with asyncio.timeout(10 + moment):
                await patience.wait(asyncio.Event().wait)
        except (TimedOut, TimeoutError) as error:
            return await unharmed(type(error))
        return None

    assert outcome(work) in {(repr(TimeoutError), 11), (repr(TimedOut), 11)}


def test_a_time_out_while_the_task_is_cleaning_up_after_its_cancellation_is_a_time_out() -> None:
    """A farewell to the server has its own patience: it must not look like being cancelled once more."""

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await Patience(idle=10, total=1000).wait(asyncio.Event().wait)

    async def cancelled() -> None:
        task = asyncio.create_task(work())
        after(1, task.cancel)
        await task

    assert outcome(cancelled) == ("TimedOut('silent for 10 s')", 11)


async def stubborn() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "done"
    raise AssertionError


def test_a_step_that_ends_well_in_spite_of_the_time_out_leaves_no_cancellation_behind() -> None:
    async def work(cancelled_at: float) -> None:
        task = asyncio.current_task()
        assert task
        after(cancelled_at, task.cancel)
        patience = Patience(idle=10, total=1000)
        assert await unharmed(await patience.wait(stubborn)) == "done"
        await patience.wait(asyncio.Event().wait)  # and the next step is like any other

    assert outcome(lambda: work(cancelled_at=99)) == ("TimedOut('silent for 10 s')", 21)
    assert outcome(lambda: work(cancelled_at=15)) == ("cancelled", 15)


def test_a_failure_of_the_step_at_the_very_moment_of_a_time_out_is_told_as_one_of_the_two() -> None:
    async def work() -> object:
        patience = Patience(idle=10, total=1000)
        failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        after(10 + BEFORE, lambda: failing.set_exception(ConnectionError()))
        try:
            await patience.wait(lambda: failing)
        except (ConnectionError, TimedOut):
            return await unharmed("told")
        return None

    assert outcome(work) == ("'told'", 11)


class Waits(Protocol):
    """What `Patience` is, and the plain one below."""

    def hurry(self, seconds: float) -> None: ...

    async def wait(self, step: Callable[[], Awaitable[object]]) -> object: ...


class Plain:
    """The same in its plainest form, with a time-out for each step: what `Patience` must not differ from."""

    def __init__(self, idle: float, total: float) -> None:
        self._idle, self._total = idle, total
        self._deadline = asyncio.get_running_loop().time() + total

    def hurry(self, seconds: float) -> None:
        self._deadline = min(self._deadline, asyncio.get_running_loop().time() + seconds)

    async def wait(self, step: Callable[[], Awaitable[object]]) -> object:
        now = asyncio.get_running_loop().time()
        due = min(now + self._idle, self._deadline)
        silent = due < self._deadline
        try:
            async with asyncio.timeout_at(due) as limit:
                if now < self._deadline:
                    return await step()
                await asyncio.Event().wait()
        except TimeoutError:
            assert limit.expired()
        raise TimedOut(f"silent for {self._idle:g} s" if silent else f"not done after {self._total:g} s")


@settings(deadline=None, max_examples=300)
@given(
    steps=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.none() | st.integers(0, 9)), max_size=8),
    idle=st.integers(1, 8).map(lambda seconds: seconds + 0.5),  # apart from all the others: of two things at one
    total=st.integers(5, 40).map(lambda seconds: seconds + 0.25),  # moment, either may come first
    cancelled_at=st.none() | st.integers(0, 40).map(lambda seconds: seconds + 0.125),
)
def test_it_ends_steps_just_as_a_time_out_for_each_step_would(
    steps: Sequence[tuple[int, int, int | None]], idle: float, total: float, cancelled_at: float | None
) -> None:
    async def work(make: Callable[[float, float], Waits]) -> None:
        task = asyncio.current_task()
        assert task
        if cancelled_at is not None:
            after(cancelled_at, task.cancel)
        patience = make(idle, total)
        for seconds, pause, hurry in steps:
            await patience.wait(lambda: asyncio.sleep(seconds))  # noqa: B023  # awaited at once
            if hurry is not None:
                patience.hurry(hurry + 0.0625)
            await asyncio.sleep(pause)

    assert outcome(lambda: work(Patience)) == outcome(lambda: work(Plain))
