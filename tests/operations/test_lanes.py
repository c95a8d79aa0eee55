"""Lanes: one turn at a time in a conversation, in order; different conversations side by side."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.incoming import Address
from operations.lanes import Lanes
from operations.tasks import Tasks
from storage.base import Turn
from tests.handlers.scene import GROUP, PRIVATE, TOPIC, said
from tests.virtual_time import run_virtual


@dataclass
class Log:
    """Runs turns, each for a while, and notes when."""

    seconds: float = 1.0
    begun: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)

    async def run(self, turn: Turn) -> None:
        conversation = turn.incoming.address.conversation
        assert conversation not in self.running, "two at once"
        self.running[conversation] = turn.id
        self.begun.append(turn.id)
        await asyncio.sleep(self.seconds)
        del self.running[conversation]
        self.ended.append(turn.id)


def turn(number: int, address: Address = PRIVATE) -> Turn:
    return Turn(number, said(str(number), address))


def play(work: Callable[[Lanes, Tasks, Log], Awaitable[None]]) -> Log:
    async def whole() -> Log:
        log = Log()
        async with Tasks() as tasks:
            await work(Lanes(log.run, tasks), tasks, log)
        return log

    return run_virtual(whole())


def seconds() -> float:
    return asyncio.get_running_loop().time() - 1000


def test_turns_of_a_conversation_run_one_after_the_other_in_order() -> None:
    async def work(lanes: Lanes, tasks: Tasks, log: Log) -> None:
        for number in range(5):
            lanes.add(turn(number))
        await asyncio.sleep(0.5)
        assert log.begun == [0]
        assert await tasks.idle(100)
        assert seconds() == pytest.approx(5)

    assert play(work).ended == [0, 1, 2, 3, 4]


def test_different_conversations_run_side_by_side_topics_of_a_group_too() -> None:
    async def work(lanes: Lanes, tasks: Tasks, log: Log) -> None:
        for number, address in enumerate([PRIVATE, GROUP, TOPIC, PRIVATE]):
            lanes.add(turn(number, address))
        await asyncio.sleep(0.5)
        assert sorted(log.begun) == [0, 1, 2]
        assert await tasks.idle(100)
        assert seconds() == pytest.approx(2)

    assert play(work).ended[-1] == 3


def test_those_that_wait_are_counted_without_the_one_that_runs() -> None:
    async def work(lanes: Lanes, tasks: Tasks, log: Log) -> None:
        assert lanes.waiting(PRIVATE.conversation) == 0
        counts = []
        for number in range(3):
            lanes.add(turn(number))
            counts.append(lanes.waiting(PRIVATE.conversation))
        assert counts == [0, 1, 2]
        await asyncio.sleep(1.5)
        assert lanes.waiting(PRIVATE.conversation) == 1
        assert lanes.waiting(GROUP.conversation) == 0
        await tasks.idle(100)
        assert lanes.waiting(PRIVATE.conversation) == 0

    play(work)


def test_closed_lanes_begin_nothing_and_let_what_runs_end() -> None:
    async def work(lanes: Lanes, tasks: Tasks, log: Log) -> None:
        lanes.add(turn(1))
        lanes.add(turn(2))
        await asyncio.sleep(0.5)
        lanes.close()
        lanes.add(turn(3))
        lanes.add(turn(4, GROUP))
        assert await tasks.idle(100)
        assert seconds() == pytest.approx(1)

    log = play(work)
    assert (log.begun, log.ended) == ([1], [1])


def test_a_lane_goes_on_after_it_was_empty() -> None:
    async def work(lanes: Lanes, tasks: Tasks, log: Log) -> None:
        for number in range(3):
            lanes.add(turn(number))
            await tasks.idle(100)
            assert lanes._lanes == {}, "nothing is kept of a conversation that is over"

    assert play(work).ended == [0, 1, 2]


@given(st.lists(st.tuples(st.sampled_from([PRIVATE, GROUP, TOPIC]), st.floats(0, 3)), max_size=20))
def test_whenever_turns_come_each_conversation_keeps_its_order(arrivals: list[tuple[Address, float]]) -> None:
    async def work(lanes: Lanes, tasks: Tasks, log: Log) -> None:
        for number, (address, pause) in enumerate(arrivals):
            lanes.add(turn(number, address))
            await asyncio.sleep(pause)
        assert await tasks.idle(1000)

    log = play(work)
    for address in (PRIVATE, GROUP, TOPIC):
        came = [number for number, (place, _) in enumerate(arrivals) if place is address]
        assert [number for number in log.ended if number in came] == came


def test_only_the_turn_behind_the_running_one_can_be_taken_out_and_only_if_it_is_wanted() -> None:
    taken: list[int | None] = []

    async def work(lanes: Lanes, tasks: Tasks, log: Log) -> None:
        def take(wanted: bool, address: Address = PRIVATE) -> None:
            found = lanes.take_next(address.conversation, lambda _: wanted)
            taken.append(found.id if found else None)

        take(True)
        lanes.add(turn(1))
        take(True)  # it runs: it is nobody's next
        for number in (2, 3, 4):
            lanes.add(turn(number))
        take(False)
        take(True, GROUP)
        take(True)
        assert lanes.waiting(PRIVATE.conversation) == 2
        await asyncio.sleep(1.5)
        take(True)  # now 3 runs
        await tasks.idle(100)

    assert play(work).ended == [1, 3]
    assert taken == [None, None, None, None, 2, 4]
