"""Supposing: a silent model is said to think, once, unless somebody knows better."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chat.errors import TimedOut
from chat.events import ReplyEvent
from chat.messages import Message
from providers.base import SUPPOSED, THINKING, ReplyRequest, Status, StatusSink
from providers.wrappers import Limited, Supposing
from providers.wrappers.supposing import SILENT_SECONDS
from tests.providers.test_wrappers import Flaky
from tests.virtual_time import run_virtual

REQUEST = ReplyRequest("gpt", (Message("user", "hello"),))
QUEUED = Status("status.queued", {"position": "3"})


class Telling(Flaky):
    """A provider that tells something of its own at first."""

    def __init__(self, *told: Status) -> None:
        super().__init__()
        self._told = told

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterator[ReplyEvent]]:
        for news in self._told:
            status(news)
        async with super().stream_reply(request, status) as events:
            yield events


def heard(provider: Flaky, seconds: float, most: int = 0, asking: int = 1) -> list[tuple[Status, float]]:
    """What is told while `asking` answers begin after so many seconds each, and when."""
    told: list[tuple[Status, float]] = []
    provider.seconds = seconds

    async def one(limited: Limited) -> None:
        clock = asyncio.get_running_loop().time
        async with limited.stream_reply(REQUEST, lambda news: told.append((news, clock() - 1000))) as events:
            assert [event async for event in events]
            await asyncio.sleep(2 * SILENT_SECONDS)

    async def all_of_them() -> None:
        limited = Limited(Supposing(provider), most)
        await asyncio.gather(*[one(limited) for _ in range(asking)])

    run_virtual(all_of_them())
    assert provider.open == 0
    return told


def test_a_model_that_is_silent_for_a_while_is_said_to_think_once() -> None:
    assert heard(Flaky(), 5 * SILENT_SECONDS) == [(SUPPOSED, SILENT_SECONDS)]
    assert SUPPOSED.key == THINKING


def test_of_a_model_that_answers_soon_nothing_is_said() -> None:
    assert heard(Flaky(), SILENT_SECONDS - 1) == []


@pytest.mark.parametrize("news", [QUEUED, Status("status.waking"), Status(THINKING)])
def test_what_the_provider_itself_tells_is_left_as_it_is(news: Status) -> None:
    assert heard(Telling(news), 5 * SILENT_SECONDS) == [(news, 0)]


def test_who_waits_for_a_slot_is_not_told_of_thinking_before_the_model_is_asked() -> None:
    told = heard(Flaky(), 2 * SILENT_SECONDS, most=1, asking=2)
    begins = 4 * SILENT_SECONDS  # the first one's answer is over
    assert [(news.key, at) for news, at in told] == [
        ("status.slot", 0),
        (THINKING, SILENT_SECONDS),
        ("status.granted", begins),
        (THINKING, begins + SILENT_SECONDS),
    ]


def test_nothing_is_said_of_an_answer_that_failed() -> None:
    told: list[Status] = []

    async def work() -> None:
        with pytest.raises(TimedOut):
            await Supposing(Flaky(TimedOut())).stream_reply(REQUEST, told.append).__aenter__()
        await asyncio.sleep(2 * SILENT_SECONDS)

    run_virtual(work())
    assert told == []
