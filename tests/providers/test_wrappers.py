"""Retrying: another attempt before the first fragment, where the failure may pass; never after it, never too many."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Self

import pytest

from chat.errors import (
    BadKey,
    BodyTooLarge,
    ContextTooLong,
    CutOff,
    Garbled,
    Overloaded,
    PicturesTooLarge,
    ProviderError,
    RateLimited,
    RequestRefused,
    TimedOut,
    Unreachable,
)
from chat.events import Completed, ReplyEvent, TextDelta
from chat.messages import Image, Message, Role
from providers.base import Capabilities, ModelInfo, ReplyRequest, Status, StatusSink
from providers.wrappers import Retrying, newest_half
from tests.fakes import FakeStream, Step
from tests.virtual_time import run_virtual

REQUEST = ReplyRequest("gpt", (Message("user", "hello"),))


class Flaky:
    """A provider that refuses with `refusals` first, one each, and then answers with `script`.

    `seconds`: how long it takes to say the one or the other.
    """

    capabilities = Capabilities(vision=True)

    def __init__(self, *refusals: Exception, script: Sequence[Step] = ("All right.", Completed())) -> None:
        self.refusals = deque(refusals)
        self.script = script
        self.asked_at: list[float] = []
        self.requests: list[ReplyRequest] = []
        self.open = 0
        self.entered = 0
        self.seconds = 0.0

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyEvent]]:
        del status
        return self._opened(request)

    @asynccontextmanager
    async def _opened(self, request: ReplyRequest) -> AsyncIterator[AsyncIterator[ReplyEvent]]:
        self.asked_at.append(asyncio.get_running_loop().time() - 1000)
        self.requests.append(request)
        await asyncio.sleep(self.seconds)
        if self.refusals:
            raise self.refusals.popleft()
        self.open += 1
        try:
            async with FakeStream(self.script).open() as events:
                yield events
        finally:
            self.open -= 1

    async def models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("gpt")]

    async def __aenter__(self) -> Self:
        self.entered += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.entered -= 1


def ask(
    provider: Flaky, attempts: int = 4, request: ReplyRequest = REQUEST
) -> tuple[list[ReplyEvent], ProviderError | None, list[Status]]:
    """The events, how it failed, and what was said meanwhile."""
    events: list[ReplyEvent] = []
    said: list[Status] = []

    async def work() -> ProviderError | None:
        try:
            budgeted = replace(request, attempts=attempts)
            async with Retrying(provider).stream_reply(budgeted, said.append) as stream:
                async for event in stream:
                    events.append(event)
        except ProviderError as error:
            return error
        return None

    error = run_virtual(work())
    assert provider.open == 0, "whatever happened, the stream is closed"
    return events, error, said


def conversation(exchanges: int) -> tuple[Message, ...]:
    roles: list[Role] = ["user", "assistant"]
    return tuple(Message(roles[number % 2], str(number)) for number in range(2 * exchanges + 1))


@pytest.mark.parametrize(
    "error", [RateLimited(), Overloaded(), Unreachable(), CutOff()], ids=lambda error: type(error).__name__
)
def test_a_failure_that_may_pass_is_tried_again_after_one_two_and_four_seconds(error: ProviderError) -> None:
    provider = Flaky(error, error, error)
    events, failure, said = ask(provider)
    assert (events, failure) == ([TextDelta("All right."), Completed()], None)
    assert provider.asked_at == pytest.approx([0, 1, 3, 7])
    assert [(status.key, status.arguments["seconds"]) for status in said] == [
        ("status.retrying", "1"),
        ("status.retrying", "2"),
        ("status.retrying", "4"),
    ]


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    errors = [Overloaded(str(number)) for number in range(5)]
    provider = Flaky(*errors)
    assert ask(provider, attempts=3)[1] is errors[2]
    assert errors[2].attempts == 3
    assert len(provider.requests) == 3


def test_with_one_attempt_nothing_is_tried_again() -> None:
    for error in (Overloaded(), ContextTooLong()):
        provider = Flaky(error)
        assert ask(provider, attempts=1, request=ReplyRequest("gpt", conversation(4)))[1] is error
        assert len(provider.requests) == 1


# A silent server costs a minute each time: the next model is asked instead.
@pytest.mark.parametrize(
    "error", [BadKey(), RequestRefused(), Garbled(), TimedOut()], ids=lambda error: type(error).__name__
)
def test_a_failure_that_will_not_pass_is_raised_at_once(error: ProviderError) -> None:
    provider = Flaky(error)
    assert ask(provider)[1] is error
    assert (len(provider.requests), error.attempts) == (1, 1)


def test_a_server_that_says_how_long_is_asked_again_just_then() -> None:
    provider = Flaky(RateLimited(retry_after=17), Overloaded(retry_after=0.25))
    assert ask(provider)[1] is None
    assert provider.asked_at == pytest.approx([0, 17, 17.25])


def test_a_pause_is_told_in_whole_seconds() -> None:
    said = ask(Flaky(RateLimited(retry_after=17.000321), Overloaded(retry_after=0.25)))[2]
    assert [status.arguments["seconds"] for status in said] == ["18", "1"]


def test_a_person_does_not_wait_longer_than_a_minute_for_another_attempt() -> None:
    patient, impatient = Flaky(RateLimited(retry_after=60)), Flaky(RateLimited(retry_after=61))
    assert ask(patient)[1] is None
    assert isinstance(ask(impatient)[1], RateLimited)
    assert impatient.asked_at == [0]


def test_after_the_first_fragment_nothing_is_tried_again_so_that_no_text_is_doubled() -> None:
    provider = Flaky(script=["Once upon", CutOff("reset")])
    events, failure, _ = ask(provider)
    assert (events, type(failure), len(provider.requests)) == ([TextDelta("Once upon")], CutOff, 1)


def test_a_conversation_that_is_too_long_is_asked_once_more_with_its_newer_half() -> None:
    provider = Flaky(ContextTooLong())
    assert ask(provider, request=ReplyRequest("gpt", conversation(5), "prompt"))[1] is None
    again = provider.requests[1]
    assert [message.text for message in again.messages] == ["6", "7", "8", "9", "10"]
    assert (again.messages[0].role, again.system) == ("user", "prompt")
    assert provider.asked_at == [0, 0], "there is nothing to wait for"


def test_too_long_is_halved_again_until_one_message_is_left_or_the_attempts_are() -> None:
    few, alone = Flaky(*[ContextTooLong()] * 9), Flaky(ContextTooLong())
    assert isinstance(ask(few, attempts=20, request=ReplyRequest("gpt", conversation(5)))[1], ContextTooLong)
    assert [len(request.messages) for request in few.requests] == [11, 5, 3, 1]
    assert isinstance(ask(alone)[1], ContextTooLong)
    assert len(alone.requests) == 1
    many = Flaky(*[ContextTooLong()] * 9)
    assert isinstance(ask(many, attempts=2, request=ReplyRequest("gpt", conversation(50)))[1], ContextTooLong)
    assert len(many.requests) == 2


@pytest.mark.parametrize(
    ("error", "pictures", "told", "requests"),
    [
        (BodyTooLarge, 1, PicturesTooLarge, 1),
        (BodyTooLarge, 0, BodyTooLarge, 4),
        (ContextTooLong, 1, ContextTooLong, 4),
    ],
)
def test_where_the_pictures_make_a_request_too_large_the_conversation_is_not_cut_for_them(
    error: type[ProviderError], pictures: int, told: type[ProviderError], requests: int
) -> None:
    *earlier, question = conversation(5)
    seen = replace(question, images=(Image(b"GIF89a", "image/gif"),) * pictures)
    provider = Flaky(*[error("413", provider="claude")] * 4)
    failure = ask(provider, request=ReplyRequest("gpt", (*earlier, seen)))[1]
    assert type(failure) is told
    assert (failure.arguments, failure.attempts) == ({"provider": "claude"}, requests)
    assert len(provider.requests) == requests


def test_the_newer_half_stays_the_question_when_a_transient_failure_follows_and_counts_as_an_attempt() -> None:
    provider = Flaky(ContextTooLong(), Overloaded(), Overloaded())
    assert isinstance(ask(provider, attempts=3, request=ReplyRequest("gpt", conversation(5)))[1], Overloaded)
    assert [len(request.messages) for request in provider.requests] == [11, 5, 5]


@pytest.mark.parametrize("exchanges", range(1, 20))
def test_the_newer_half_begins_and_ends_with_a_question_and_is_shorter(exchanges: int) -> None:
    whole = conversation(exchanges)
    half = newest_half(ReplyRequest("gpt", whole))
    assert whole[-len(half) :] == half
    assert half[0].role == half[-1].role == "user"
    assert len(half) < len(whole)


def test_stopping_during_a_pause_asks_nobody_again() -> None:
    provider = Flaky(Overloaded(), Overloaded(), Overloaded())

    async def answer() -> None:
        async with Retrying(provider).stream_reply(replace(REQUEST, attempts=4), lambda _: None):
            pytest.fail("it was refused")

    async def work() -> None:
        answering = asyncio.create_task(answer())
        await asyncio.sleep(2)
        answering.cancel()
        await asyncio.sleep(100)

    run_virtual(work())
    assert len(provider.requests) == 2


def test_a_fault_of_ours_is_not_tried_again() -> None:
    provider = Flaky(ValueError("bug"))
    with pytest.raises(ValueError, match="bug"):
        ask(provider)
    assert len(provider.requests) == 1


async def test_all_else_is_that_of_the_wrapped_provider() -> None:
    provider = Flaky()
    async with Retrying(provider) as wrapped:
        assert provider.entered == 1
        assert wrapped.capabilities is provider.capabilities
        assert await wrapped.models() == [ModelInfo("gpt")]
    assert provider.entered == 0
