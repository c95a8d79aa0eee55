"""The command line's verbs: lists and answers go to the output, all that is said beside them to the other one."""

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from chat.errors import BadKey, BotError, CutOff, ProviderError
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, Usage
from operations.asking import Tell, ask, list_models
from providers.base import ModelInfo, Status
from tests.fakes import FakeStream, Step
from tests.virtual_time import run_virtual
from texts import Texts

EN = Texts.load("en").of("")


@dataclass
class Listing:
    """A provider with so many models, or one that can't tell."""

    names: Sequence[str] = ()
    error: ProviderError | None = None

    async def models(self) -> Sequence[ModelInfo]:
        if self.error:
            raise self.error
        return [ModelInfo(name) for name in self.names]


def listed(**providers: Listing) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run_virtual(list_models(providers, EN, out, err))
    return code, out.getvalue(), err.getvalue()


def asked(*script: Step, statuses: Sequence[Status] = (), refusal: BotError | None = None) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()

    def question(tell: Tell) -> AbstractAsyncContextManager[AsyncIterator[ReplyEvent]]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[AsyncIterator[ReplyEvent]]:
            for status in statuses:
                tell(status)
            if refusal:
                raise refusal
            async with FakeStream(script).open() as events:
                yield events

        return opened()

    code = run_virtual(ask(question, EN, out, err))
    return code, out.getvalue(), err.getvalue()


def test_the_models_of_each_provider_are_listed_one_a_line() -> None:
    code, out, err = listed(openai=Listing(["gpt-5", "gpt-5-mini"]), demo=Listing(["demo"]))
    assert (code, err) == (0, "")
    assert out == "openai: gpt-5\nopenai: gpt-5-mini\ndemo: demo\n"


def test_a_provider_that_cannot_tell_is_one_line_and_the_others_are_listed() -> None:
    code, out, err = listed(openai=Listing(error=BadKey("401:\n  wrong key\n")), none=Listing(), demo=Listing(["demo"]))
    assert (code, out) == (0, "demo: demo\n")
    assert err == f"openai: {EN.say('trouble.bad_key')} — 401: wrong key\nnone: {EN.say('cli.none')}\n"


def test_where_no_provider_can_tell_it_failed() -> None:
    code, out, err = listed(one=Listing(error=BadKey()), two=Listing(error=CutOff()))
    assert (code, out, len(err.splitlines())) == (1, "", 2)


def test_an_answer_is_written_with_its_times_and_tokens_beside_it() -> None:
    code, out, err = asked(1.5, "Hello", 2.0, " there.", Completed("done", Usage(3, 4)))
    assert (code, out) == (0, "Hello there.\n")
    times = EN.say("cli.times", first="1.5", seconds="3.5")
    assert err == f"{EN.say('cli.done')} {times} {EN.say('cli.tokens', asked=3, answered=4)}\n"


def test_why_there_is_no_answer_yet_is_said_meanwhile_and_thinking_is_not_shown() -> None:
    code, out, err = asked(
        ReasoningDelta("Hm."), "Yes.\n", Completed(), statuses=[Status("status.slot", {"count": "3"})]
    )
    assert (code, out) == (0, "Yes.\n")
    assert err.splitlines()[0] == EN.say("status.slot", count="3")


def test_text_that_is_replaced_is_only_added_to_where_it_can_be_and_written_anew_where_not() -> None:
    assert asked("One", Replaced("One two"), " three", Completed())[1] == "One two three\n"
    assert asked("One", Replaced("Two"), " three", Completed())[1] == "One\n\nTwo three\n"


@pytest.mark.parametrize("reason", ["length", "filtered"])
def test_an_early_end_is_said(reason: str) -> None:
    code, _, err = asked("One", Completed("length" if reason == "length" else "filtered"))
    assert code == 0
    assert EN.say(f"reply.{reason}") in err


def test_a_failure_keeps_what_was_written_says_why_and_what_the_server_said_and_fails() -> None:
    code, out, err = asked("Once upon", CutOff("reset by\n peer"))
    assert (code, out) == (1, "Once upon\n")
    assert err == f"⚠️ {EN.say('trouble.cut_off')} — reset by peer\n"
    assert asked(refusal=BadKey("401"))[:2] == (1, "")
    assert asked(refusal=BotError("a fault"))[2] == f"⚠️ {EN.say('trouble.provider')} — a fault\n"
