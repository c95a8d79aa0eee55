"""From a generator of events to the contract: when entering returns, what it drops, and that leaving closes."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from chat.errors import CutOff, RateLimited
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, TextDelta
from providers.answers import opened
from providers.base import THINKING, Status


class Source:
    """A provider's generator of events that records how far it was read, and whether it was closed."""

    def __init__(self, *events: ReplyEvent | Exception | None) -> None:
        self.events = events
        self.given = 0
        self.closed = False

    async def __call__(self) -> AsyncGenerator[ReplyEvent, None]:
        try:
            for event in self.events:
                match event:
                    case None:
                        await asyncio.Event().wait()
                    case Exception():
                        raise event
                    case _:
                        self.given += 1
                        yield event
        finally:
            self.closed = True


async def out_of(*events: ReplyEvent) -> list[ReplyEvent]:
    async with opened(Source(*events)()) as answer:
        return [event async for event in answer]


@pytest.mark.parametrize("first", [TextDelta("a"), ReasoningDelta("a"), Replaced("a"), Completed()])
async def test_entering_returns_with_the_first_answer_event_and_reads_no_further(first: ReplyEvent) -> None:
    source = Source(TextDelta(""), ReasoningDelta("\0"), Replaced(""), first, None)
    async with asyncio.timeout(5), opened(source()) as answer:
        assert source.given == 4
        assert await anext(aiter(answer)) == first


async def test_thinking_before_the_answer_is_told_once_and_comes_out_with_it() -> None:
    told: list[Status] = []
    source = Source(ReasoningDelta("hm, "), Replaced(""), ReasoningDelta("yes"), TextDelta("Yes"), None)
    async with asyncio.timeout(5), opened(source(), told.append) as answer:
        assert source.given == 4
        events = aiter(answer)
        assert [await anext(events) for _ in range(3)] == [
            ReasoningDelta("hm, "),
            ReasoningDelta("yes"),
            TextDelta("Yes"),
        ]
    assert told == [Status(THINKING)]


async def test_thinking_that_is_kept_secret_is_told_although_nothing_of_it_comes_out() -> None:
    told: list[Status] = []
    async with opened(Source(ReasoningDelta(""), TextDelta("Yes"), Completed())(), told.append) as answer:
        assert [event async for event in answer] == [TextDelta("Yes"), Completed()]
    assert told == [Status(THINKING)]


@pytest.mark.parametrize("failure", [CutOff(), None], ids=["raised", "ended"])
async def test_a_model_that_breaks_off_while_it_thinks_has_not_begun_and_may_be_asked_again(
    failure: CutOff | None,
) -> None:
    source = Source(ReasoningDelta("hm"), *[failure] * bool(failure))
    with pytest.raises(CutOff):
        await opened(source(), lambda _: None).__aenter__()


async def test_an_answer_of_thinking_alone_ends_as_it_is() -> None:
    async with opened(Source(ReasoningDelta("hm"), Completed("length"))(), lambda _: None) as answer:
        assert [event async for event in answer] == [ReasoningDelta("hm"), Completed("length")]


async def test_a_failure_before_the_first_answer_event_is_raised_by_entering() -> None:
    source = Source(TextDelta(""), RateLimited(retry_after=3))
    with pytest.raises(RateLimited):
        await opened(source()).__aenter__()
    assert source.closed


@pytest.mark.parametrize("events", [(), (TextDelta(""),), (TextDelta("a"),), (Replaced("a"), ReasoningDelta("b"))])
async def test_an_end_without_completed_is_cut_off(events: tuple[ReplyEvent, ...]) -> None:
    source = Source(*events)
    with pytest.raises(CutOff) as raised:
        async with opened(source(), provider="p", model="m") as answer:
            assert [event async for event in answer]
    assert raised.value.arguments == {"provider": "p", "model": "m"}


async def test_nothing_comes_after_completed() -> None:
    assert await out_of(TextDelta("a"), Completed(), TextDelta("b"), Completed()) == [TextDelta("a"), Completed()]


async def test_text_and_reasoning_are_cleaned_apart_and_halves_are_not_lost() -> None:
    events = (TextDelta("a\ud83d"), ReasoningDelta("\0r\ud83d"), TextDelta("\udc4b"), TextDelta("b\ud83d"), Completed())
    assert await out_of(*events) == [
        TextDelta("a"), ReasoningDelta("r"), TextDelta("👋"), TextDelta("b"), TextDelta("\ufffd"), Completed()
    ]  # fmt: skip


async def test_a_rewrite_starts_anew_and_may_be_empty() -> None:
    events = (TextDelta("a\ud83d"), Replaced("b\ud83d"), TextDelta("\udc4b"), Replaced(""), Completed())
    assert await out_of(*events) == [TextDelta("a"), Replaced("b"), TextDelta("👋"), Replaced(""), Completed()]


async def test_leaving_closes_the_generator_early_or_not_and_with_an_exception() -> None:
    early, late, broken = (Source(TextDelta("a"), Completed()) for _ in range(3))
    async with opened(early()):
        assert not early.closed
    async with opened(late()) as answer:
        assert len([event async for event in answer]) == 2
    with pytest.raises(ZeroDivisionError):
        async with opened(broken()):
            raise ZeroDivisionError
    assert early.closed
    assert late.closed
    assert broken.closed


async def test_cancelling_while_entering_closes_the_generator() -> None:
    source = Source(TextDelta(""), None)
    task = asyncio.create_task(opened(source()).__aenter__())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed
