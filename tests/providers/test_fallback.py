"""Fallback: the next model where one can't answer, before the first fragment only, within one budget of attempts."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from chat.errors import (
    BadKey,
    Blocked,
    ContextTooLong,
    CutOff,
    Garbled,
    HostGone,
    InternalError,
    ModelNotFound,
    NoCredit,
    Overloaded,
    ProviderError,
    RateLimited,
    RequestRefused,
    SpaceDown,
    TimedOut,
    Unreachable,
)
from chat.events import Completed, ReplyEvent, TextDelta
from chat.messages import Message
from providers.base import Capabilities, ModelInfo, ReplyRequest, Status
from providers.wrappers import Candidate, Fallback, Retrying
from tests.providers.test_wrappers import Flaky
from tests.virtual_time import run_virtual

REQUEST = ReplyRequest("gpt-5-mini", (Message("user", "hello"),), attempts=4)
NAMES = ("gpt", "qwen", "demo")


def chain(*providers: Flaky) -> Fallback:
    return Fallback([Candidate(name, Retrying(each)) for name, each in zip(NAMES, providers, strict=False)])


class Asked:
    """What became of a question to a chain."""

    def __init__(self, *providers: Flaky, request: ReplyRequest = REQUEST) -> None:
        self.events: list[ReplyEvent] = []
        self.statuses: list[Status] = []
        self.counts: Sequence[int] = ()
        self.error = run_virtual(self._ask(chain(*providers), request))
        self.counts = [len(each.requests) for each in providers]
        assert [each.open for each in providers] == [0] * len(providers)

    async def _ask(self, fallback: Fallback, request: ReplyRequest) -> ProviderError | None:
        try:
            async with fallback.stream_reply(request, self.statuses.append) as events:
                async for event in events:
                    self.events.append(event)
        except ProviderError as error:
            return error
        return None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


def answering(text: str, *refusals: Exception) -> Flaky:
    return Flaky(*refusals, script=[text, Completed()])


def test_the_first_model_answers_where_it_can_and_nobody_else_is_asked() -> None:
    asked = Asked(answering("one"), answering("two"))
    assert (asked.text, asked.counts, asked.statuses) == ("one", [1, 0], [])


@pytest.mark.parametrize(
    "error",
    [
        BadKey(), NoCredit(), ModelNotFound(), RateLimited(retry_after=99), Overloaded(retry_after=99), Unreachable(),
        HostGone(), SpaceDown(), TimedOut(), Garbled(), CutOff(), RequestRefused(), ContextTooLong(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_keeps_a_model_from_answering_the_next_one_is_asked_and_the_person_sees_a_status_at_most(
    error: ProviderError,
) -> None:
    asked = Asked(answering("one", *[error] * 9), answering("two"))
    assert (asked.text, asked.error) == ("two", None)
    assert asked.statuses[-1] == Status("status.fallback", {"model": "qwen"})


def test_what_a_filter_declined_is_not_carried_on_to_others() -> None:
    asked = Asked(answering("one", Blocked()), answering("two"))
    assert (type(asked.error), asked.counts) == (Blocked, [1, 0])
    asked = Asked(answering("one", BadKey()), answering("two", Blocked()), answering("three"))
    assert (type(asked.error), asked.counts) == (Blocked, [1, 1, 0])


@pytest.mark.parametrize("fault", [InternalError("x"), ValueError("bug")])
def test_a_fault_of_ours_asks_nobody_else(fault: Exception) -> None:
    other = answering("two")
    with pytest.raises(type(fault)):
        Asked(answering("one", fault), other)
    assert other.requests == []


def test_after_the_first_fragment_nobody_else_is_asked_and_the_failure_names_the_model_to_ask_instead() -> None:
    asked = Asked(Flaky(script=["Once upon", CutOff("reset")]), answering("two"), answering("three"))
    assert (asked.text, asked.counts) == ("Once upon", [1, 0, 0])
    assert isinstance(asked.error, CutOff)
    assert asked.error.next_model == "qwen"


def test_the_model_to_ask_instead_is_behind_the_one_that_broke_off_and_there_is_none_behind_the_last() -> None:
    second = Asked(answering("", BadKey()), Flaky(script=["Once", CutOff()]), answering("three")).error
    last = Asked(answering("", BadKey()), answering("", BadKey()), Flaky(script=["Once", CutOff()])).error
    assert second
    assert last
    assert (second.next_model, last.next_model) == ("demo", "")


@pytest.mark.parametrize(
    ("attempts", "counts"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1]), (4, [2, 1, 1]), (7, [5, 1, 1])]
)
def test_one_budget_is_for_all_and_each_that_follows_keeps_one(attempts: int, counts: Sequence[int]) -> None:
    dead = [answering("", *[Overloaded(retry_after=0.1)] * 20) for _ in NAMES]
    asked = Asked(*dead, request=replace(REQUEST, attempts=attempts))
    assert asked.counts == counts
    assert asked.error
    assert asked.error.attempts == attempts


def test_what_one_model_leaves_of_the_budget_is_the_next_ones() -> None:
    dead = [answering("", BadKey()), answering("", *[Overloaded()] * 9), answering("", *[Overloaded()] * 9)]
    assert Asked(*dead, request=replace(REQUEST, attempts=6)).counts == [1, 4, 1]


def test_when_nobody_answers_the_failure_of_the_model_that_was_chosen_is_told() -> None:
    asked = Asked(answering("", RateLimited(retry_after=99)), answering("", BadKey()))
    assert isinstance(asked.error, RateLimited)
    assert (asked.error.attempts, asked.error.next_model) == (2, "")


def test_each_model_gets_the_request_as_it_is_made_for_it() -> None:
    first, second = answering("", BadKey()), answering("two")

    async def work() -> None:
        candidates = [
            Candidate("gpt", first),
            Candidate("qwen", second, lambda request: replace(request, model="72B", parameters={"t": 1})),
        ]
        async with Fallback(candidates).stream_reply(REQUEST, lambda _: None) as events:
            async for _ in events:
                pass

    run_virtual(work())
    assert first.requests == [replace(REQUEST, attempts=3)]
    assert second.requests == [replace(REQUEST, model="72B", parameters={"t": 1}, attempts=3)]


def test_a_model_that_cannot_continue_an_answer_is_not_asked_to() -> None:
    able, unable = answering("three"), answering("two")
    able.capabilities = Capabilities(continuing=True)
    asked = Asked(answering("", BadKey()), unable, able, request=replace(REQUEST, continues=True))
    assert (asked.text, asked.counts) == ("three", [1, 0, 1])


def test_it_can_do_what_the_first_can_and_takes_history_and_prompt_where_any_does() -> None:
    plain, able = Flaky(), Flaky()
    plain.capabilities = Capabilities(history=False, system_prompt=False, vision=True)
    able.capabilities = Capabilities(continuing=True)
    assert chain(plain, able).capabilities == Capabilities(vision=True)


async def test_opening_it_opens_every_provider_and_its_models_are_the_firsts() -> None:
    providers = Flaky(), Flaky()
    async with chain(*providers) as fallback:
        assert [each.entered for each in providers] == [1, 1]
        assert await fallback.models() == [ModelInfo("gpt")]
    assert [each.entered for each in providers] == [0, 0]
