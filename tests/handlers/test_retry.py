"""The Retry button: a failed turn of the conversation begins anew, for its asker or an admin; nothing else does."""

import pytest

from chat.buttons import Action
from chat.incoming import Address, Incoming, Left, Pressed, Sender
from chat.messages import Message
from chat.replies import Final, ReplyState
from handlers import attempt
from handlers.services import Outcome
from storage.base import TurnState
from tests.handlers.scene import ADMIN, ANNA, EVE, GROUP, PRIVATE, TOPIC, Scene, invoked, pressed, said


async def retried(press: Pressed, asked: Incoming | None = None, state: TurnState = "dead") -> tuple[Outcome, Scene]:
    """What pressing does to turn 1, which is in `state`."""
    scene = Scene()
    turn = await scene.receive(asked or said("Hello?", GROUP))
    history = [Message("user", "Hello?"), Message("assistant", "half")]
    if state == "running":
        await scene.store.begin(turn.id)
    if state in {"answered", "done", "dead"}:
        await scene.store.answer(turn.id, ReplyState(("m1",)), Final("half"), history, failed=True)
    if state in {"done", "dead"}:
        await scene.store.finish(turn.id, ["m1", "m2"], dead=state == "dead")
    before = scene.store.turns[turn.id]
    outcome = await attempt(await scene.receive(press), scene.services)
    if outcome.again is None:
        assert scene.store.turns[turn.id] == before, "nothing happened to it"
    return outcome, scene


@pytest.mark.parametrize("sender", [ANNA, ADMIN])
async def test_a_failed_turn_begins_anew_in_its_messages_and_without_its_history(sender: Sender) -> None:
    outcome, scene = await retried(pressed(Action("retry", 1), GROUP, sender))
    assert outcome.final is None
    assert outcome.again
    assert (outcome.again.id, outcome.again.state, outcome.again.reply.parts) == (1, "new", ("m1", "m2"))
    assert await scene.store.history(GROUP.conversation, 99) == []


@pytest.mark.parametrize("state", ["new", "running", "answered", "done"])
async def test_a_turn_that_has_not_failed_or_is_not_delivered_is_left_alone(state: TurnState) -> None:
    outcome, _ = await retried(pressed(Action("retry", 1), GROUP), state=state)
    assert outcome == Outcome()


async def test_a_foreign_button_does_nothing() -> None:
    outcome, _ = await retried(pressed(Action("retry", 1), GROUP, EVE))
    assert outcome == Outcome()


@pytest.mark.parametrize("address", [PRIVATE, TOPIC, Address("discord", GROUP.place)])
async def test_a_turn_of_another_conversation_is_left_alone(address: Address) -> None:
    outcome, _ = await retried(pressed(Action("retry", 1), address))
    assert outcome == Outcome()


@pytest.mark.parametrize("turn", [0, 2, 3, 4711, 10**18 - 1])
async def test_a_forged_number_does_nothing(turn: int) -> None:
    outcome, _ = await retried(pressed(Action("retry", turn), GROUP))
    assert outcome == Outcome()


async def test_what_was_no_question_is_not_repeated() -> None:
    for other in (Left(GROUP, ANNA, "k"), pressed(Action("retry", 1), GROUP)):
        outcome, _ = await retried(pressed(Action("retry", 1), GROUP), asked=other)
        assert outcome == Outcome()


async def test_a_second_press_finds_the_turn_begun() -> None:
    _, scene = await retried(pressed(Action("retry", 1), GROUP))
    again = await scene.receive(pressed(Action("retry", 1), GROUP))
    assert await attempt(again, scene.services) == Outcome()


async def test_the_retry_button_under_a_failed_command_works() -> None:
    outcome, _ = await retried(pressed(Action("retry", 1), GROUP), asked=invoked("help", GROUP))
    assert outcome.again
