"""An answer: what the model is asked, what the person is told, and what is remembered, however it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from chat.buttons import Action
from chat.errors import BadKey, CutOff, ModelNotFound, Overloaded
from chat.events import Completed, ReasoningDelta
from chat.incoming import Sender
from chat.messages import Message
from chat.replies import ReplyState
from handlers import attempt
from handlers.model import model_id
from handlers.reply import quotes
from handlers.services import Outcome
from handlers.settings import LimitsSettings, ModelSettings
from messengers.base import MessageGone, MessengerError, Page, PlaceGone
from providers.base import Capabilities
from tests.fakes import FakeDialect, Step, words
from tests.handlers.scene import GROUP, PRIVATE, Scene, said
from tests.virtual_time import run_virtual

STORY = " ".join(f"word{number}" for number in range(100))


def answered(
    scene: Scene, text: str = "Hello?", then: Callable[[], Awaitable[object]] | None = None, language: str = "en"
) -> Outcome:
    """Ask, in virtual time, with `then` beside it."""

    async def work() -> Outcome:
        turn = await scene.receive(said(text, sender=Sender("1001", "Anna", language)))
        outcome, _ = await asyncio.gather(attempt(turn, scene.services), then() if then else asyncio.sleep(0))
        return outcome

    return run_virtual(work())


def exchange(outcome: Outcome) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in outcome.history]


def test_the_model_gets_its_parameters_the_prompt_the_history_and_the_question() -> None:
    settings = ModelSettings(provider="fake", model="fake-1", parameters={"temperature": 0.5})
    scene = Scene(model=settings, system_prompt="For {user}.")

    async def work() -> None:
        for question in ("first", "second"):
            turn = await scene.receive(said(question))
            outcome = await attempt(turn, scene.services)
            await scene.store.answer(turn.id, outcome.reply, outcome.final, outcome.history, failed=False)

    run_virtual(work())
    request = scene.provider.requests[1]
    assert (request.model, request.parameters, request.system) == ("fake-1", {"temperature": 0.5}, "For Anna.")
    texts = [(message.role, message.text) for message in request.messages]
    assert texts == [("user", "first"), ("assistant", "All right."), ("user", "second")]


def test_what_a_provider_cannot_take_is_left_out() -> None:
    scene = Scene(capabilities=Capabilities(history=False, system_prompt=False))

    async def work() -> None:
        earlier = await scene.receive(said("earlier"))
        await scene.store.answer(earlier.id, ReplyState(), None, [Message("user", "earlier")], failed=False)
        await attempt(await scene.receive(said("now")), scene.services)

    run_virtual(work())
    assert scene.provider.requests[0].system == ""
    assert scene.provider.requests[0].messages == (Message("user", "now"),)


def test_the_whole_answer_is_the_history_and_the_final_text_without_note_or_buttons() -> None:
    scene = Scene(words(STORY))
    outcome = answered(scene)
    assert outcome.final
    assert (outcome.final.text.split(), outcome.final.note, outcome.final.buttons) == (STORY.split(), "", ())
    assert exchange(outcome) == [("user", "Hello?"), ("assistant", outcome.final.text)]
    assert not outcome.failed
    assert outcome.reply.parts == ("m1",)


def test_while_it_grows_there_is_a_stop_button_for_this_turn_and_afterwards_nothing_runs() -> None:
    scene = Scene(words(STORY))
    answered(scene)
    assert next(call.buttons for call in scene.chat().made("send")) == (scene.say("button.stop"),)
    assert scene.services.bot.running == {}


def test_a_stopped_answer_keeps_what_was_shown_and_says_so() -> None:
    scene = Scene(words(STORY))

    async def stop() -> None:
        await asyncio.sleep(1)
        next(iter(scene.services.bot.running.values())).live.stop()

    outcome = answered(scene, then=stop)
    assert outcome.final
    assert outcome.final.note == scene.say("reply.stopped")
    assert 10 < len(outcome.final.text.split()) < 90
    assert exchange(outcome) == [("user", "Hello?"), ("assistant", outcome.final.text)]
    assert not outcome.failed


def test_an_answer_stopped_before_its_first_word_says_so_and_leaves_no_history() -> None:
    scene = Scene([60.0, "late", Completed()])

    async def stop() -> None:
        await asyncio.sleep(1)
        next(iter(scene.services.bot.running.values())).live.stop()

    outcome = answered(scene, then=stop)
    assert outcome.final
    assert (outcome.final.text, outcome.final.note) == ("", scene.say("reply.stopped"))
    assert exchange(outcome) == []


@pytest.mark.parametrize("reason", ["length", "filtered"])
def test_an_answer_that_the_provider_ended_early_says_why_and_is_remembered_unless_it_was_withheld(reason: str) -> None:
    scene = Scene(["Once upon", Completed("length" if reason == "length" else "filtered")])
    outcome = answered(scene)
    assert outcome.final
    assert (outcome.final.text, outcome.final.note) == ("Once upon", scene.say(f"reply.{reason}"))
    remembered = [("user", "Hello?"), ("assistant", "Once upon")]
    assert exchange(outcome) == (remembered if reason == "length" else [])


async def test_what_was_withheld_is_not_told_to_the_model_again_for_it_would_withhold_the_next_answer_too() -> None:
    scene = Scene(["Sure, first you take", Completed("filtered")])
    await scene.handled(said("something bad"))
    await scene.handled(said("something else"))
    assert [message.text for message in scene.provider.requests[1].messages] == ["something else"]


def test_an_answer_whose_limit_went_into_thinking_is_told_and_can_be_asked_for_again() -> None:
    scene = Scene([ReasoningDelta("hm"), Completed("length")])
    outcome = answered(scene)
    assert outcome.final
    assert (outcome.final.text, outcome.final.note) == ("", scene.say("reply.only_thought"))
    assert [button.action.verb for button in outcome.final.buttons] == ["retry"], "there is nothing to continue"
    assert outcome.failed
    assert exchange(outcome) == []


def test_a_cut_off_answer_keeps_what_was_shown_with_a_sentence_and_retry_below_it() -> None:
    scene = Scene(["Once upon", CutOff("reset by peer", provider="openai")])
    outcome = answered(scene)
    assert outcome.final
    assert outcome.final.text == "Once upon"
    assert outcome.final.note == scene.say("error.cut_off", provider="openai")
    assert [(button.action.verb, button.action.target) for button in outcome.final.buttons] == [("retry", 1)]
    assert outcome.failed
    assert exchange(outcome) == [("user", "Hello?"), ("assistant", "Once upon")]


def test_where_another_model_is_to_be_asked_instead_the_retry_button_names_it() -> None:
    cut = CutOff("reset by peer", provider="openai")
    cut.next_model = "qwen"
    outcome = answered(Scene(["Once upon", cut]))
    assert outcome.final
    assert outcome.final.text == "Once upon"
    assert [button.action for button in outcome.final.buttons] == [Action("retry", 1, model_id("qwen"))]
    assert "qwen" in outcome.final.buttons[0].label


async def test_a_turn_that_names_a_model_is_answered_by_it_and_by_the_conversations_where_it_is_gone() -> None:
    models = {name: ModelSettings(provider="fake", model=name) for name in ("smart", "quick")}
    for name, asked in (("quick", "quick"), ("removed since", "smart"), ("", "smart")):
        scene = Scene(models=models)
        turn = await scene.receive(said("Hello?"))
        outcome = await attempt(replace(turn, model=name), scene.services)
        assert outcome.settled
        await outcome.settled()
        assert [request.model for request in scene.provider.requests] == [asked]


def test_the_provider_is_told_how_many_requests_may_be_made_for_the_answer() -> None:
    scene = Scene(limits=LimitsSettings(attempts_per_turn=7))
    answered(scene)
    assert scene.provider.requests[0].attempts == 7


@pytest.mark.parametrize(
    "error",
    [
        BadKey("401", provider="openai"),
        Overloaded("503", provider="openai"),
        ModelNotFound("", provider="p", model="m"),
    ],
)
def test_a_refusal_is_one_sentence_with_retry_and_leaves_no_history(error: BadKey | Overloaded | ModelNotFound) -> None:
    scene = Scene([error])
    outcome = answered(scene)
    assert outcome.final
    assert (outcome.final.text, outcome.final.note) == ("", scene.say(error.key, **error.arguments))
    assert [button.action.verb for button in outcome.final.buttons] == ["retry"]
    assert outcome.failed
    assert exchange(outcome) == []


def test_an_empty_answer_is_told_and_can_be_asked_for_again() -> None:
    empty: list[list[Step]] = [[Completed()], ["", " \n", Completed()]]
    for script in empty:
        scene = Scene(script)
        outcome = answered(scene)
        assert outcome.final
        assert (outcome.final.text, outcome.final.note) == ("", scene.say("reply.empty"))
        assert [button.action.verb for button in outcome.final.buttons] == ["retry"]
        assert outcome.failed
        assert exchange(outcome) == []


class _HidesZeroWidth(FakeDialect):
    """Like Telegram's: text of invisible characters only makes an empty page."""

    def render(self, source: str, *, final: bool) -> Page:
        page = super().render(source, final=final)
        return page if page.text.strip("\u200b") else Page("", 0)


def test_an_answer_that_shows_nothing_is_told_like_an_empty_one() -> None:
    scene = Scene(["\u200b", Completed()])
    scene.chat().dialect = _HidesZeroWidth(4000)
    outcome = answered(scene)
    assert outcome.final
    assert outcome.final.note == scene.say("reply.empty")


@pytest.mark.parametrize("gone", [MessageGone("deleted"), PlaceGone("blocked")])
def test_a_reply_whose_message_or_place_is_gone_says_nothing_more_and_is_remembered(gone: MessengerError) -> None:
    scene = Scene(words(STORY))
    scene.chat().failures.extend([None, gone])
    outcome = answered(scene)
    assert outcome.final is None
    assert not outcome.failed
    assert [role for role, _ in exchange(outcome)] == ["user", "assistant"]


def test_a_question_that_is_too_long_is_told_with_both_numbers_and_asks_nobody() -> None:
    scene = Scene(limits=LimitsSettings(input_characters=50))
    outcome = answered(scene, "x" * 51, language="ru")
    assert outcome.final
    sentence = outcome.final.note
    assert sentence == scene.texts.of("ru").say("reply.too_long", length="51", limit="50")
    assert "51" in sentence
    assert "50" in sentence
    assert (scene.provider.requests, exchange(outcome)) == ([], [])


def test_a_question_of_just_the_limit_is_asked() -> None:
    scene = Scene(limits=LimitsSettings(input_characters=50))
    answered(scene, "x" * 50)
    assert scene.provider.questions == ["x" * 50]


def test_answers_quote_the_question_in_groups_only() -> None:
    assert quotes(said("x", GROUP))
    assert not quotes(said("x", PRIVATE))
