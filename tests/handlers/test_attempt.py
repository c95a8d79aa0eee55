"""Dispatch: every kind of incoming goes to its handler, and a failure of any kind is told, never raised."""

import asyncio
import logging

import pytest

from chat.errors import BotError
from chat.events import Completed
from chat.incoming import Address, Incoming, Left, Unreadable
from chat.replies import ReplyState
from handlers import MAX_INTERRUPTIONS, attempt
from handlers.services import Outcome, Running
from messengers.base import Page
from tests.handlers.scene import ANNA, GROUP, PRIVATE, TOPIC, Scene, idle_reply, invoked, said
from tests.virtual_time import run_virtual


def attempted(scene: Scene, incoming: Incoming, interruptions: int = 0) -> Outcome:
    async def work() -> Outcome:
        turn = await scene.receive(incoming)
        scene.store.change(turn.id, "running", interruptions=interruptions)
        return await attempt(scene.store.turns[turn.id], scene.services)

    return run_virtual(work())


@pytest.mark.parametrize("bug", [ValueError("bug"), KeyError("x"), RuntimeError(""), RecursionError(), OSError("disk")])
@pytest.mark.parametrize("text", ["", "Once upon"])
def test_a_fault_of_ours_is_one_sentence_with_its_number_and_retry(
    bug: Exception, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene([text, bug] if text else [bug])
    outcome = attempted(scene, said("Hello?"))
    assert outcome.final
    assert outcome.final.note == scene.say("error.internal", turn="1")
    assert [(button.action.verb, button.action.target) for button in outcome.final.buttons] == [("retry", 1)]
    assert outcome.failed
    assert any(record.exc_info and record.exc_info[1] is bug for record in caplog.records)


def test_a_failure_takes_over_the_messages_that_the_reply_had_by_then() -> None:
    scene = Scene(["Once upon", 5.0, ValueError("bug")])
    outcome = attempted(scene, said("Hello?"))
    assert scene.chat().made("send")
    assert outcome.reply.parts == ("m1",)


@pytest.mark.parametrize("call", ["turn", "history"])
def test_a_store_that_fails_for_a_while_delays_the_answer_and_is_no_failure_of_it(call: str) -> None:
    scene = Scene()
    scene.store.failing[call] = 3
    outcome = attempted(scene, said("Hello?"))
    assert outcome.final
    assert (outcome.final.text, outcome.failed) == ("All right.", False)
    assert scene.provider.questions == ["Hello?"]


def test_a_store_that_fails_after_a_fault_of_ours_delays_the_sentence() -> None:
    scene = Scene([1.0, ValueError("bug")])

    async def work() -> Outcome:
        turn = await scene.receive(said("Hello?"))
        answering = asyncio.create_task(attempt(turn, scene.services))
        async with asyncio.timeout(60):
            while not scene.provider.requests:
                await asyncio.sleep(0.01)
        scene.store.failing["turn"] = 3
        return await answering

    outcome = run_virtual(work())
    assert outcome.final
    assert outcome.final.note == scene.say("error.internal", turn="1")


def test_a_turn_that_our_death_interrupted_is_tried_again_up_to_a_limit_and_then_given_up_visibly() -> None:
    tried, given_up = Scene(), Scene()
    outcome = attempted(tried, said("Hello?"), interruptions=MAX_INTERRUPTIONS - 1)
    assert tried.provider.questions == ["Hello?"]
    assert not outcome.failed
    outcome = attempted(given_up, said("Hello?"), interruptions=MAX_INTERRUPTIONS)
    assert outcome.final
    assert outcome.final.note == given_up.say("error.internal", turn="1")
    assert [button.action.verb for button in outcome.final.buttons] == ["retry"]
    assert (outcome.failed, given_up.provider.requests) == (True, [])


def test_a_command_that_this_version_does_not_know_is_a_failure_and_no_crash() -> None:
    outcome = attempted(Scene(), invoked("from_a_newer_version"))
    assert outcome.failed
    assert outcome.final


def test_an_unreadable_update_is_put_aside_as_dead_and_nobody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        outcome = attempted(Scene(), Unreadable(Address("telegram", "unreadable"), "k", "ValidationError", "{}"))
    assert outcome == Outcome(failed=True, reason="unreadable: ValidationError")
    assert "ValidationError" in caplog.text


def test_leaving_a_place_stops_the_replies_of_all_its_topics_and_no_other() -> None:
    scene = Scene()
    lives = [idle_reply() for _ in range(3)]
    for number, address in enumerate([GROUP, TOPIC, PRIVATE]):
        scene.services.bot.running[number] = Running(said("x", address), lives[number])
    assert attempted(scene, Left(Address("telegram", "-100555"), ANNA, "k")) == Outcome()
    assert [live._stopped for live in lives] == [True, True, False]


def test_a_failure_with_a_sentence_of_its_own_is_not_logged_as_a_fault_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempted(Scene([BotError("details for the log")]), said("Hello?"))
    assert "details for the log" in caplog.text
    assert [record for record in caplog.records if record.exc_info] == []


def test_an_interrupted_reply_goes_on_in_the_message_it_had() -> None:
    scene = Scene(["All new", 1.0, Completed()])

    async def work() -> None:
        turn = await scene.receive(said("Hello?"))
        message = await scene.chat().send(Page("half of i", 9))
        scene.store.change(turn.id, "running", reply=ReplyState((message,), "half of i"))
        outcome = await attempt(scene.store.turns[turn.id], scene.services)
        assert outcome.reply.parts == (message,)

    run_virtual(work())
    assert scene.chat().text == "All new"
