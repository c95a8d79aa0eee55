"""The Retry button: a failed turn of the conversation begins anew, for its asker or an admin; nothing else does."""

import time
from dataclasses import replace

import pytest

from chat.buttons import Action
from chat.errors import CutOff
from chat.events import Completed
from chat.incoming import Address, Incoming, Left, Pressed, Sender
from chat.messages import Message
from chat.replies import Final, ReplyState
from handlers import attempt
from handlers.model import model_id
from handlers.services import Outcome
from handlers.settings import LimitsSettings
from storage.base import TurnState
from tests.handlers.scene import ADMIN, ANNA, EVE, GROUP, PRIVATE, TOPIC, Desk, Scene, invoked, play, pressed, said
from tests.virtual_time import run_virtual


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


@pytest.mark.parametrize(("model", "wanted"), [("smart", "smart"), ("removed since", "")])
async def test_a_button_that_names_another_model_has_that_one_answer_if_it_is_there_still(
    model: str, wanted: str
) -> None:
    outcome, scene = await retried(pressed(Action("retry", 1, model_id(model)), GROUP))
    assert outcome.again
    assert outcome.again.model == scene.store.turns[1].model == wanted


async def test_the_retry_button_under_a_failed_command_works() -> None:
    outcome, _ = await retried(pressed(Action("retry", 1), GROUP), asked=invoked("help", GROUP))
    assert outcome.again


BY_TOKEN = replace(GROUP, message="500", token="old", token_expires_at=1.0, branch="500", within=("guild:7",))
PRESS = replace(GROUP, message="m2", token="new", token_expires_at=time.time() + 900, answered=True)


async def test_another_answer_to_a_command_is_a_message_of_its_own_below_the_one_that_is_there() -> None:
    """The command's token is for its first answer; what is in the same conversation stays so."""
    scene = Scene()
    await scene.handled(said("Hello?", BY_TOKEN))
    await scene.store.finish(1, ["m1", "m2"])
    again = (await scene.handled(invoked("retry", replace(PRESS, branch="500")))).again
    assert again
    assert again.incoming.address == replace(BY_TOKEN, message="m2", token="", token_expires_at=0.0)


async def test_where_only_a_token_leads_another_answer_goes_by_the_one_of_what_asks_for_it() -> None:
    scene = Scene()
    scene.chat(GROUP).closes_at = time.time() + 3600
    await scene.handled(said("Hello?", BY_TOKEN))
    await scene.store.finish(1, ["m1"])
    again = (await scene.handled(invoked("retry", replace(PRESS, message="501", branch="500")))).again
    assert again
    newer = replace(BY_TOKEN, token="new", token_expires_at=PRESS.token_expires_at, answered=True)
    assert again.incoming.address == replace(newer, message="501")


@pytest.mark.parametrize(("parts", "kept"), [(["m2"], ("m2",)), (["m1", "m2"], ())])
async def test_the_retry_button_has_a_token_of_its_own_where_nothing_else_leads_there(
    parts: list[str], kept: tuple[str, ...]
) -> None:
    """It reaches the message with the button, and no other one."""
    scene = Scene()
    scene.chat(GROUP).closes_at = time.time() + 3600
    await scene.receive(said("Hello?", BY_TOKEN))
    await scene.store.finish(1, parts, dead=True)
    again = (await scene.handled(pressed(Action("retry", 1), PRESS))).again
    assert again
    newer = replace(BY_TOKEN, token="new", token_expires_at=PRESS.token_expires_at, answered=True)
    assert again.incoming.address == replace(newer, message="m2")
    assert again.reply.parts == kept


async def test_the_retry_button_of_any_other_place_changes_no_address() -> None:
    for asked, press in ((said("Hello?", BY_TOKEN), PRESS), (said("Hello?", GROUP), GROUP)):
        outcome, _ = await retried(pressed(Action("retry", 1), press), asked)
        assert outcome.again
        assert outcome.again.incoming == asked


def test_where_the_day_is_used_up_what_had_arrived_stays_and_can_be_tried_again_later() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        for _ in range(2):
            await desk.hand_in(pressed(Action("retry", 1)))
            await desk.settle()
            shown = desk.chat().messages["m1"]
            assert shown.text.startswith("Once upon a\n\n⏳ Your 1 messages")
            assert (shown.buttons, desk.states()[0]) == (("🔁 Retry",), "dead")

    desk = play(Desk(["Once upon a", CutOff("reset")], limits=LimitsSettings(messages_per_day=1)), work)
    told = run_virtual(desk.store.history(PRIVATE.conversation, 1000))
    assert told == [Message("user", "Tell me a story"), Message("assistant", "Once upon a")]


def test_the_command_forgets_no_answer_where_the_day_is_used_up() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(invoked("retry"))

    desk = play(Desk(["The end.", Completed()], limits=LimitsSettings(messages_per_day=1)), work)
    assert desk.sent()[0] == "The end."
    assert desk.sent()[1].startswith("⏳ Your 1 messages")
    told = run_virtual(desk.store.history(PRIVATE.conversation, 1000))
    assert told == [Message("user", "Tell me a story"), Message("assistant", "The end.")]
