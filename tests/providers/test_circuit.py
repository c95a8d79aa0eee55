"""Circuit: a server that is down costs nothing to be told of, is tried again now and then, and back at once."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from chat.errors import (
    BadKey,
    Blocked,
    ContextTooLong,
    CutOff,
    HostGone,
    Overloaded,
    ProviderError,
    RateLimited,
    RegionRefused,
    RequestRefused,
    SpaceDown,
    TimedOut,
    Unreachable,
)
from chat.events import ReplyEvent
from chat.messages import Message
from providers.base import SUPPOSED, THINKING, ReplyRequest, Status, StatusSink
from providers.patience import SlowAnswer
from providers.wrappers import Circuit
from providers.wrappers.circuit import (
    ALL_MODELS,
    FAILURES_TO_OPEN,
    FIRST_REST_SECONDS,
    LONGEST_REST_OF_WHO_ANSWERS,
    LONGEST_REST_SECONDS,
)
from tests.providers.test_retrying_pictures import CAT, Painter
from tests.providers.test_wrappers import Flaky
from tests.virtual_time import run_virtual

DOWN = [Unreachable(), HostGone(), SpaceDown(), TimedOut(), Overloaded(), BadKey(), RegionRefused()]


class Asking:
    """A circuit around a provider, and what it told. Each question is another one, unless it is named."""

    def __init__(self, provider: Flaky) -> None:
        self.provider = provider
        self.told: list[tuple[str, str]] = []
        self.circuit = Circuit(provider, self._changed)
        self._numbers = itertools.count()

    def _changed(self, model: str, error: ProviderError | None) -> None:
        self.told.append((model, type(error).__name__ if error else "closed"))

    async def ask(self, model: str = "gpt", question: str = "") -> ProviderError | None:
        asked = Message("user", question or str(next(self._numbers)))
        try:
            async with self.circuit.stream_reply(ReplyRequest(model, (asked,), attempts=4), lambda _: None) as events:
                async for _ in events:
                    pass
        except ProviderError as error:
            return error
        return None

    async def fail(self, *errors: Exception, model: str = "gpt") -> None:
        """Ask so often, each time with that failure."""
        self.provider.refusals.extend(errors)
        for _ in errors:
            assert await self.ask(model)

    @property
    def asked(self) -> int:
        return len(self.provider.requests)


def play(work: Callable[[Asking], Awaitable[None]], provider: Flaky | None = None) -> Asking:
    asking = Asking(provider or Flaky())

    async def whole() -> None:
        await work(asking)

    run_virtual(whole())
    assert asking.provider.open == 0
    return asking


@pytest.mark.parametrize("error", DOWN, ids=lambda error: type(error).__name__)
def test_after_some_failures_in_a_row_the_last_one_is_told_at_once_without_a_request(error: ProviderError) -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[error] * FAILURES_TO_OPEN)
        before = asyncio.get_running_loop().time()
        told = await asking.ask()
        assert asyncio.get_running_loop().time() == before
        assert type(told) is type(error)
        assert told is not error, "raised over and over, one exception would gather tracebacks"
        assert (told.attempts, told.retry_after) == (0, FIRST_REST_SECONDS)

    assert play(work).asked == FAILURES_TO_OPEN


def test_what_is_told_meanwhile_has_the_words_and_the_names_of_the_failure() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Unreachable("no route", provider="openai", model="gpt")] * FAILURES_TO_OPEN)
        told = await asking.ask()
        assert told
        assert (str(told), told.details, told.arguments) == (
            "no route",
            "no route",
            {"provider": "openai", "model": "gpt"},
        )

    play(work)


@pytest.mark.parametrize(
    "error",
    [RateLimited(), RequestRefused(), ContextTooLong(), Blocked(), CutOff()],
    ids=lambda error: type(error).__name__,
)
def test_a_server_that_has_something_to_say_about_the_question_is_not_down(error: ProviderError) -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[error] * 20)
        await asking.fail(*[Unreachable()] * (FAILURES_TO_OPEN - 1), error, *[Unreachable()] * (FAILURES_TO_OPEN - 1))

    assert play(work).told == []


def test_an_answer_in_between_begins_the_count_anew() -> None:
    async def work(asking: Asking) -> None:
        for _ in range(5):
            await asking.fail(*[Overloaded()] * (FAILURES_TO_OPEN - 1))
            assert await asking.ask() is None

    assert play(work).told == []


def test_a_failure_after_the_first_fragment_is_none_of_the_server_being_down() -> None:
    async def work(asking: Asking) -> None:
        for _ in range(10):
            assert isinstance(await asking.ask(), TimedOut)

    assert play(work, Flaky(script=["Once", TimedOut()])).asked == 10


def test_after_the_rest_one_request_finds_out_and_the_others_are_told_at_once_meanwhile() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Unreachable()] * FAILURES_TO_OPEN)
        await asyncio.sleep(FIRST_REST_SECONDS)
        asking.provider.seconds = 3
        results = await asyncio.gather(*(asking.ask() for _ in range(5)))
        assert [type(result).__name__ for result in results] == ["NoneType", *["Unreachable"] * 4]
        assert asking.asked == FAILURES_TO_OPEN + 1
        assert await asking.ask() is None

    assert play(work).told == [(ALL_MODELS, "Unreachable"), (ALL_MODELS, "closed")]


def test_finding_out_takes_one_attempt_so_that_nobody_waits_for_pauses_in_between() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Unreachable()] * FAILURES_TO_OPEN)
        await asyncio.sleep(FIRST_REST_SECONDS)
        await asking.fail(Unreachable())
        await asyncio.sleep(2 * FIRST_REST_SECONDS)
        assert await asking.ask() is None
        assert await asking.ask() is None
        assert [each.attempts for each in asking.provider.requests] == [4] * FAILURES_TO_OPEN + [1, 1, 4]

    play(work)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unreachable(), [5, 10, 20, 40, 80, 120, 120]),
        (TimedOut(), [5, 10, 20, 40, 80, 120, 120]),
        (Overloaded(), [5, *[int(LONGEST_REST_OF_WHO_ANSWERS)] * 6]),
    ],
    ids=["gone", "silent", "answers at least"],
)
def test_each_rest_is_twice_as_long_up_to_minutes_and_the_first_one_again_after_an_answer(
    error: ProviderError, expected: list[int]
) -> None:
    async def work(asking: Asking) -> None:
        clock, rests = asyncio.get_running_loop().time, []
        for _ in range(2):
            await asking.fail(*[error] * FAILURES_TO_OPEN)
            for _ in range(7):
                since, count = clock(), asking.asked
                asking.provider.refusals.append(error)
                while asking.asked == count:
                    assert await asking.ask()
                    await asyncio.sleep(0.5)
                rests.append(round(clock() - since - 0.5))
            asking.provider.refusals.clear()
            await asyncio.sleep(LONGEST_REST_SECONDS)
            assert await asking.ask() is None
        assert rests == expected * 2

    play(work)


class Poisoned(Painter):
    """A provider with a model that fails at one question, and answers all others."""

    @asynccontextmanager
    async def _opened(self, request: ReplyRequest) -> AsyncIterator[AsyncIterator[ReplyEvent]]:
        if request.messages[-1].text == "poison":
            self.requests.append(request)
            raise Overloaded("500 failed to process the image")
        async with super()._opened(request) as events:
            yield events


def test_nobody_takes_a_model_away_from_all_by_asking_what_it_fails_at_again_and_again() -> None:
    async def work(asking: Asking) -> None:
        for _ in range(5 * FAILURES_TO_OPEN):
            assert isinstance(await asking.ask(question="poison"), Overloaded)
        assert await asking.ask() is None

    assert play(work, Poisoned()).told == []


def test_a_question_that_failed_before_neither_keeps_others_from_finding_out_nor_lengthens_the_rest() -> None:
    async def work(asking: Asking) -> None:
        assert await asking.ask(question="poison")
        await asking.fail(*[Overloaded()] * (FAILURES_TO_OPEN - 1))
        await asyncio.sleep(FIRST_REST_SECONDS)
        for _ in range(3):
            assert await asking.ask(question="poison")
        assert asking.provider.requests[-1].attempts == 1
        assert asking.told == [("gpt", "Overloaded")]
        assert await asking.ask() is None

    assert play(work, Poisoned()).told[-1] == ("gpt", "closed")


def test_a_question_that_failed_before_closes_the_circuit_where_it_is_answered_now() -> None:
    async def work(asking: Asking) -> None:
        asking.provider.refusals.append(Overloaded())
        assert await asking.ask(question="again")
        await asking.fail(*[Overloaded()] * (FAILURES_TO_OPEN - 1))
        await asyncio.sleep(FIRST_REST_SECONDS)
        assert await asking.ask(question="again") is None

    assert play(work).told[-1] == ("gpt", "closed")


class Thinking(Flaky):
    """A provider whose model thinks for a minute before it answers, and says so."""

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyEvent]]:
        if not self.refusals:
            asyncio.get_running_loop().call_later(1, status, Status(THINKING))
        return super().stream_reply(request, status)


def test_a_model_that_thinks_is_back_and_others_need_not_wait_for_its_first_word() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Unreachable()] * FAILURES_TO_OPEN)
        await asyncio.sleep(FIRST_REST_SECONDS)
        asking.provider.seconds = 60
        first = asyncio.create_task(asking.ask())
        await asyncio.sleep(2)
        assert await asking.ask() is None
        assert await first is None

    assert play(work, Thinking()).told[-1] == (ALL_MODELS, "closed")


def test_a_model_that_is_only_supposed_to_think_is_not_back() -> None:
    class Silent(Flaky):
        def stream_reply(
            self, request: ReplyRequest, status: StatusSink
        ) -> AbstractAsyncContextManager[AsyncIterator[ReplyEvent]]:
            status(SUPPOSED)
            return super().stream_reply(request, status)

    async def work(asking: Asking) -> None:
        await asking.fail(*[TimedOut()] * FAILURES_TO_OPEN)
        assert isinstance(await asking.ask(), TimedOut)

    asked = play(work, Silent())
    assert (asked.asked, asked.told) == (FAILURES_TO_OPEN, [("gpt", "TimedOut")])


def test_slow_answers_of_a_server_that_took_the_questions_take_the_model_away_from_nobody() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[SlowAnswer()] * 2 * FAILURES_TO_OPEN)
        assert await asking.ask() is None

    assert play(work).told == []


def test_a_server_that_says_how_long_is_left_alone_for_so_long() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Overloaded(retry_after=33)] * FAILURES_TO_OPEN)
        told = await asking.ask()
        assert told
        assert told.retry_after == 33

    play(work)


def test_finding_out_that_is_stopped_lets_the_next_one_find_out() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Unreachable()] * FAILURES_TO_OPEN)
        await asyncio.sleep(FIRST_REST_SECONDS)
        asking.provider.seconds = 3
        stopped = asyncio.create_task(asking.ask())
        await asyncio.sleep(1)
        stopped.cancel()
        await asyncio.wait([stopped])
        assert stopped.cancelled()
        assert await asking.ask() is None

    play(work)


def test_those_who_asked_before_it_opened_do_not_lengthen_the_rest_and_an_answer_to_them_closes_it() -> None:
    async def work(asking: Asking) -> None:
        asking.provider.seconds = 2
        answered = asyncio.create_task(asking.ask())
        await asyncio.sleep(1)
        asking.provider.seconds = 0.5
        asking.provider.refusals.extend([Overloaded()] * 20)
        assert all(await asyncio.gather(*(asking.ask() for _ in range(20))))
        told = await asking.ask()
        assert told
        assert told.retry_after == FIRST_REST_SECONDS
        assert await answered is None
        assert await asking.ask() is None

    assert play(work).told == [("gpt", "Overloaded"), ("gpt", "closed")]


def test_one_model_being_overloaded_closes_no_other_model_but_a_dead_server_closes_all() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Overloaded()] * FAILURES_TO_OPEN, model="big")
        assert await asking.ask("small") is None
        assert isinstance(await asking.ask("big"), Overloaded)
        for model in ("small", "middle", "small"):
            await asking.fail(Unreachable(), model=model)
        assert isinstance(await asking.ask("another"), Unreachable)
        await asyncio.sleep(FIRST_REST_SECONDS)
        assert await asking.ask("another") is None
        assert await asking.ask("small") is None

    told = play(work).told
    assert told == [("big", "Overloaded"), (ALL_MODELS, "Unreachable"), (ALL_MODELS, "closed")]


def test_a_server_that_answers_again_with_an_error_of_a_model_is_reached_again() -> None:
    async def work(asking: Asking) -> None:
        await asking.fail(*[Unreachable()] * FAILURES_TO_OPEN)
        await asyncio.sleep(FIRST_REST_SECONDS)
        await asking.fail(Overloaded())
        assert await asking.ask() is None

    assert play(work).told == [(ALL_MODELS, "Unreachable"), (ALL_MODELS, "closed")]


def test_pictures_are_kept_from_a_server_that_is_down_as_well() -> None:
    painter = Painter(*[Unreachable()] * FAILURES_TO_OPEN)

    async def work(asking: Asking) -> None:
        for _ in range(FAILURES_TO_OPEN + 5):
            with pytest.raises(Unreachable):
                await asking.circuit.draw(CAT)
        assert isinstance(await asking.ask(), Unreachable)

    play(work, painter)
    assert len(painter.drew_at) == FAILURES_TO_OPEN


def test_a_fault_of_ours_says_nothing_about_the_server() -> None:
    async def work(asking: Asking) -> None:
        for _ in range(FAILURES_TO_OPEN + 1):
            asking.provider.refusals.append(ValueError("bug"))
            with pytest.raises(ValueError, match="bug"):
                await asking.ask()

    assert play(work).told == []
