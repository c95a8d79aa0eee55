"""Limited: never more at once than a provider has slots for; others wait in order, know their place, and may leave."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

import pytest

from chat.errors import Overloaded
from chat.events import Completed
from chat.messages import Message
from providers.base import ReplyRequest, Status
from providers.wrappers import Limited, Retrying
from providers.wrappers.limited import GRANTED
from tests.fakes import Step
from tests.providers.test_retrying_pictures import CAT, PICTURE, Painter
from tests.providers.test_wrappers import Flaky
from tests.virtual_time import run_virtual

TEN_SECONDS: Sequence[Step] = ("Hm.", 10.0, Completed())


def request(number: int, attempts: int = 1) -> ReplyRequest:
    return ReplyRequest("gpt", (Message("user", str(number)),), attempts=attempts)


class Line:
    """People who ask one after the other, a hundredth of a second apart; `places`: what each is told."""

    def __init__(self, limited: Limited | Retrying) -> None:
        self.limited = limited
        self.places: dict[int, list[str]] = {}

    async def ask(self, number: int, attempts: int = 1) -> None:
        told = self.places.setdefault(number, [])

        def tell(status: Status) -> None:
            told.append(status.arguments.get("count", status.key))

        async with self.limited.stream_reply(request(number, attempts), tell) as events:
            async for _ in events:
                pass

    async def begin(self, count: int) -> list[asyncio.Task[None]]:
        tasks = []
        for number in range(count):
            tasks.append(asyncio.create_task(self.ask(number)))
            await asyncio.sleep(0.01)
        return tasks


def play(provider: Flaky, most: int, work: Callable[[Line], Coroutine[None, None, None]]) -> Line:
    async def whole() -> Line:
        line = Line(Limited(provider, most))
        await work(line)
        return line

    return run_virtual(whole())


def questions(provider: Flaky) -> list[str]:
    return [each.messages[-1].text for each in provider.requests]


async def all_of(line: Line, count: int = 6) -> None:
    await asyncio.gather(*await line.begin(count))


def test_so_many_are_asked_at_once_the_others_in_their_order_and_all_are_answered() -> None:
    provider = Flaky(script=TEN_SECONDS)
    play(provider, 2, all_of)
    assert questions(provider) == ["0", "1", "2", "3", "4", "5"]
    assert provider.asked_at == pytest.approx([0, 0.01, 10, 10.01, 20, 20.01])


def test_who_waits_is_told_the_place_in_the_line_and_again_with_each_step_forward() -> None:
    line = play(Flaky(script=TEN_SECONDS), 2, all_of)
    places = {0: [], 1: [], 2: ["1"], 3: ["2", "1"], 4: ["3", "2", "1"], 5: ["4", "3", "2", "1"]}
    assert line.places == {who: [*told, GRANTED] if told else [] for who, told in places.items()}


def test_in_a_long_line_only_the_first_few_are_told_each_step() -> None:
    line = play(Flaky(script=TEN_SECONDS), 1, lambda line: all_of(line, 35))
    assert line.places[34] == ["34", "30", "20", "10", "5", "4", "3", "2", "1", GRANTED]


def test_without_a_limit_nobody_waits() -> None:
    provider = Flaky(script=TEN_SECONDS)
    play(provider, 0, all_of)
    assert max(provider.asked_at) < 1


def test_the_slot_is_free_again_after_a_refusal_an_answer_left_early_and_a_fault_of_ours() -> None:
    provider = Flaky(Overloaded(), ValueError("bug"), script=TEN_SECONDS)

    async def work(line: Line) -> None:
        for failure in (Overloaded, ValueError):
            with pytest.raises(failure):
                await line.ask(0)
        async with line.limited.stream_reply(request(1), lambda _: None):
            pass
        await line.ask(2)

    play(provider, 1, work)
    assert provider.open == 0
    assert provider.asked_at == pytest.approx([0, 0, 0, 0])


def test_who_gives_up_waiting_leaves_no_trace_and_those_behind_move_up() -> None:
    provider = Flaky(script=TEN_SECONDS)

    async def work(line: Line) -> None:
        first, second, third = await line.begin(3)
        second.cancel()
        await asyncio.gather(first, third)
        assert second.cancelled()

    line = play(provider, 1, work)
    assert questions(provider) == ["0", "2"]
    assert line.places[2] == ["2", "1", GRANTED]
    assert provider.asked_at == pytest.approx([0, 10])


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_slot_that_is_handed_over_to_somebody_who_gives_up_just_then_is_not_lost(steps: int) -> None:
    """Whatever comes first, within a few turns of the loop: the end of the answer or the cancelling."""
    provider = Flaky(script=("Hm.", 1.0, Completed()))

    async def work(line: Line) -> None:
        holder, waiting, next_one = await line.begin(3)
        holder.add_done_callback(lambda _: waiting.cancel())
        for _ in range(steps):
            await asyncio.sleep(0)
        await asyncio.wait([holder, waiting, next_one])
        await all_of(line, 2)

    play(provider, 1, work)
    assert provider.open == 0
    assert questions(provider)[-3:] == ["2", "0", "1"]


def test_all_giving_up_at_once_free_every_slot_just_once() -> None:
    provider = Flaky(script=TEN_SECONDS)

    async def work(line: Line) -> None:
        tasks = await line.begin(5)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        provider.asked_at.clear()
        await all_of(line, 3)

    play(provider, 2, work)
    assert [round(at - provider.asked_at[0], 1) for at in provider.asked_at] == [0, 0, 10]


def test_no_slot_is_held_while_somebody_waits_to_try_again() -> None:
    provider = Flaky(Overloaded(retry_after=30), script=("Hm.", Completed()))

    async def work() -> Line:
        line = Line(Retrying(Limited(provider, 1)))
        await asyncio.gather(line.ask(0, attempts=2), line.ask(1))
        return line

    line = run_virtual(work())
    assert questions(provider) == ["0", "1", "0"]
    assert provider.asked_at == pytest.approx([0, 0, 30])
    assert line.places == {0: ["status.retrying"], 1: ["1", GRANTED]}


def test_whoever_waited_in_the_line_and_is_refused_then_is_told_that_it_is_tried_again() -> None:
    """The place in the line is no reason of the provider's: left standing, it would be a lie."""
    provider = Flaky(script=("Hm.", Completed()))

    async def work() -> Line:
        line = Line(Retrying(Limited(provider, 1)))
        provider.seconds = 1
        first = asyncio.create_task(line.ask(0))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(line.ask(1, attempts=2))
        await first
        provider.refusals.append(Overloaded())
        await second
        return line

    assert run_virtual(work()).places[1] == ["1", GRANTED, "status.retrying"]


def test_pictures_take_slots_of_the_same_provider() -> None:
    painter = Painter()
    painter.script = TEN_SECONDS

    async def work(line: Line) -> None:
        answering = asyncio.create_task(line.ask(0))
        await asyncio.sleep(0.01)
        assert await line.limited.draw(CAT) is PICTURE
        await answering

    play(painter, 1, work)
    assert painter.drew_at == pytest.approx([10])
