"""Observed: one value for each time that a model was asked, however that ended, with true times and counts."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from chat.errors import BadKey, CutOff, Overloaded, Unreachable
from chat.events import Completed, TextDelta, Usage
from chat.messages import Message
from providers.base import ReplyRequest
from providers.wrappers import Circuit, Observation, Observed, Retrying
from providers.wrappers.circuit import FAILURES_TO_OPEN
from tests.fakes import Step
from tests.providers.test_retrying_pictures import CAT, Painter
from tests.providers.test_wrappers import Flaky
from tests.virtual_time import run_virtual

REQUEST = ReplyRequest("gpt-5-mini", (Message("user", "hello"),), attempts=2)


def observed(provider: Flaky, seen: list[Observation]) -> Observed:
    return Observed(Circuit(Retrying(provider)), "openai", "gpt", seen.append)


async def ask(provider: Observed, most: int = 100) -> list[str]:
    """Up to so many pieces of the answer; then it is left."""
    said = []
    async with provider.stream_reply(REQUEST, lambda _: None) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                said.append(event.text)
            if len(said) == most:
                break
    return said


def observe(*refusals: Exception, script: Sequence[Step] = ("Hi.", Completed()), most: int = 100) -> Observation:
    """What is told of one answer; whatever it failed with is let pass."""
    seen: list[Observation] = []
    provider = Flaky(*refusals, script=script)

    async def work() -> None:
        with suppress(CutOff, Overloaded, BadKey, ValueError):
            await ask(observed(provider, seen), most)

    run_virtual(work())
    assert provider.open == 0
    (only,) = seen
    return only


def test_an_answer_is_told_with_its_first_fragment_its_duration_and_its_tokens() -> None:
    told = observe(script=["One", 3.0, " two", Completed("done", Usage(12, 34))])
    assert told == Observation("openai", "gpt", "reply", "done", "", 0, 3, 12, 34)


def test_the_time_to_the_first_fragment_holds_the_pauses_before_it() -> None:
    told = observe(Overloaded(retry_after=7), script=["One", 3.0, Completed()])
    assert (told.outcome, told.seconds_to_first, told.seconds, told.attempts) == ("done", 7, 10, None)


@pytest.mark.parametrize("reason", ["length", "filtered"])
def test_an_early_end_is_told_by_its_reason(reason: str) -> None:
    told = observe(script=["One", Completed("length" if reason == "length" else "filtered")])
    assert (told.outcome, told.error) == (reason, "")


def test_a_refusal_is_told_with_its_kind_and_the_attempts_that_it_took() -> None:
    told = observe(Overloaded(), Overloaded())
    assert told == Observation("openai", "gpt", "reply", "failed", "overloaded", None, 1, attempts=2)
    assert observe(BadKey()).attempts == 1


def test_a_cut_answer_is_a_failure_with_a_first_fragment() -> None:
    told = observe(script=["One", 2.0, CutOff()])
    assert told == Observation("openai", "gpt", "reply", "failed", "cut_off", 0, 2)


def test_an_answer_that_is_left_was_stopped() -> None:
    assert observe(script=["One", 2.0, " two", Completed()], most=1) == Observation(
        "openai", "gpt", "reply", "stopped", "", 0, 0
    )


@pytest.mark.parametrize("entering", [True, False])
def test_one_that_is_cancelled_was_stopped_too_and_the_cancelling_goes_on(entering: bool) -> None:
    seen: list[Observation] = []
    provider = Flaky(script=["One", 60.0, Completed()])
    provider.seconds = 60.0 if entering else 0.0

    async def work() -> None:
        asking = asyncio.create_task(ask(observed(provider, seen)))
        await asyncio.sleep(5)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()

    run_virtual(work())
    first = None if entering else 0
    assert seen == [Observation("openai", "gpt", "reply", "stopped", "", first, 5)]


def test_a_fault_of_ours_is_told_as_one() -> None:
    told = observe(ValueError("bug"))
    assert (told.outcome, told.error, told.attempts) == ("failed", "internal", None)


def test_a_model_that_is_not_even_asked_is_told_with_no_attempts() -> None:
    seen: list[Observation] = []

    async def work() -> None:
        provider = observed(Flaky(*[Unreachable()] * 2 * FAILURES_TO_OPEN), seen)
        for _ in range(FAILURES_TO_OPEN + 1):
            with pytest.raises(Unreachable):
                await ask(provider)

    run_virtual(work())
    assert [each.attempts for each in seen] == [*[2] * FAILURES_TO_OPEN, 0]
    assert seen[-1].seconds == 0


def test_a_picture_is_told_as_one_and_its_failure_too() -> None:
    seen: list[Observation] = []

    async def work() -> None:
        painter = observed(Painter(BadKey()), seen)
        with pytest.raises(BadKey):
            await painter.draw(CAT)
        await painter.draw(CAT)

    run_virtual(work())
    assert [(each.kind, each.outcome, each.error) for each in seen] == [
        ("image", "failed", "bad_key"),
        ("image", "done", ""),
    ]
