"""Tasks: somebody owns each; a crash is never silent, the end waits for or cancels what still runs."""

import asyncio
import gc
import logging
from collections.abc import Callable

import pytest

from operations.tasks import Tasks, first_to_end
from tests.virtual_time import run_virtual


async def failing(after: float, error: Exception) -> None:
    await asyncio.sleep(after)
    raise error


def test_a_crash_reaches_whoever_waits_for_one_also_where_it_came_before() -> None:
    async def work() -> None:
        async with Tasks() as tasks:
            tasks.start(asyncio.sleep(100), "quiet")
            tasks.start(failing(5, ValueError("bug")), "bad")
            for _ in range(2):
                with pytest.raises(ValueError, match="bug"):
                    await tasks.crash()
            assert asyncio.get_running_loop().time() == pytest.approx(1005)

    run_virtual(work())


def test_a_second_crash_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with Tasks() as tasks:
            tasks.start(failing(1, ValueError("first")), "one")
            tasks.start(failing(2, KeyError("second")), "another")
            await tasks.idle(10)
            with pytest.raises(ValueError, match="first"):
                await tasks.crash()

    run_virtual(work())
    assert [record.getMessage() for record in caplog.records] == ["another failed as well"]
    assert "second" in caplog.text


def test_a_crash_that_nobody_waits_for_any_more_is_in_the_log_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with Tasks() as tasks:
            await first_to_end(asyncio.sleep(1), tasks.crash())
            tasks.start(failing(1, ValueError("while draining")), "late")
            await tasks.idle(10)

    with caplog.at_level(logging.ERROR):
        run_virtual(work())
        gc.collect()
    assert "while draining" in caplog.text


def test_idle_waits_for_all_that_runs_and_for_what_that_starts() -> None:
    async def work() -> None:
        async with Tasks() as tasks:

            async def parent() -> None:
                await asyncio.sleep(3)
                tasks.start(asyncio.sleep(4), "child")

            tasks.start(parent(), "parent")
            assert await tasks.idle(10)
            assert asyncio.get_running_loop().time() == pytest.approx(1007)

    run_virtual(work())


def test_idle_gives_up_after_its_seconds_and_says_so() -> None:
    async def work() -> None:
        async with Tasks() as tasks:
            tasks.start(asyncio.sleep(100), "slow")
            assert not await tasks.idle(8)
            assert asyncio.get_running_loop().time() == pytest.approx(1008)
            assert not await tasks.idle(0)

    run_virtual(work())


def test_idle_where_nothing_runs_is_at_once() -> None:
    async def work() -> bool:
        async with Tasks() as tasks:
            return await tasks.idle(0)

    assert run_virtual(work())


def test_leaving_cancels_what_runs_and_waits_until_it_has_ended() -> None:
    ended: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(2)
            ended.append("cleaned up")

    async def work() -> None:
        async with Tasks() as tasks:
            task = tasks.start(stubborn(), "stubborn")
            await asyncio.sleep(1)
        assert task.cancelled()
        assert ended == ["cleaned up"]
        assert asyncio.get_running_loop().time() == pytest.approx(1003)

    run_virtual(work())


def test_a_cancelled_task_is_no_crash() -> None:
    async def work() -> None:
        async with Tasks() as tasks:
            tasks.start(asyncio.sleep(100), "one").cancel()
            assert await tasks.idle(1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5):
                    await tasks.crash()

    run_virtual(work())


def test_tasks_have_the_names_they_were_given() -> None:
    async def work() -> str:
        async with Tasks() as tasks:
            return tasks.start(asyncio.sleep(0), "lane telegram:1").get_name()

    assert run_virtual(work()) == "lane telegram:1"


def test_the_first_to_end_ends_all_and_what_it_raised_is_raised() -> None:
    ended: list[str] = []

    async def other() -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def work() -> None:
        await first_to_end(other(), asyncio.sleep(1))
        with pytest.raises(ValueError, match="bug"):
            await first_to_end(other(), failing(1, ValueError("bug")))
        assert asyncio.get_running_loop().time() == pytest.approx(1002)

    run_virtual(work())
    assert ended == ["cancelled", "cancelled"]


def test_cancelling_the_wait_for_the_first_to_end_cancels_them_all() -> None:
    ended: list[str] = []

    def worker(name: str) -> Callable[[], object]:
        return lambda: ended.append(name)

    async def one(end: Callable[[], object]) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            end()

    async def work() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await first_to_end(one(worker("a")), one(worker("b")))

    run_virtual(work())
    assert sorted(ended) == ["a", "b"]
