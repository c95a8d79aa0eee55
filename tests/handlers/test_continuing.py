"""Continue: under an answer cut by length, once, for whoever may command it; and /ask, a question as any other."""

import time
from dataclasses import replace

from chat.buttons import Action
from chat.events import Completed
from chat.incoming import Said
from tests.fakes import Step
from tests.handlers.scene import ANNA, EVE, GROUP, Desk, invoked, play, pressed, said

CUT: list[Step] = ["Once upon a", Completed("length")]


def test_an_answer_cut_by_length_has_a_button_that_asks_for_the_rest() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        assert list(desk.chat().messages.values())[-1].buttons == ("▶ Continue",)
        await desk.hand_in(pressed(Action("continue", 1)))

    desk = play(Desk(CUT, [" time.", Completed()]), work)
    assert desk.provider.questions == ["Tell me a story", desk.say("continue")]
    assert [message.role for message in desk.provider.requests[1].messages] == ["user", "assistant", "user"]
    assert desk.sent()[-1] == "time."


def test_the_rest_of_a_commands_answer_goes_below_that_answer_and_never_into_its_place() -> None:
    async def work(desk: Desk) -> None:
        asked = replace(GROUP, message="500", token="t", token_expires_at=time.time() + 900)
        await desk.hand_in(said("Tell me a story", asked))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1), replace(asked, message="m1", token="u", answered=True)))

    desk = play(Desk(CUT, [" time.", Completed()]), work)
    assert desk.store.turns[3].incoming.address == replace(GROUP, message="m1")
    assert desk.sent(GROUP)[-1] == "time."


def test_pressed_twice_it_asks_once() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1), key="a"), pressed(Action("continue", 1), key="b"))

    assert len(play(Desk(CUT), work).provider.questions) == 2


def test_only_the_asker_may_press_it_and_only_where_there_is_such_a_turn() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story", GROUP))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1), GROUP, EVE, key="a"))
        await desk.hand_in(pressed(Action("continue", 99), GROUP, ANNA, key="b"))

    assert len(play(Desk(CUT), work).provider.questions) == 1


def test_a_question_behind_ask_is_answered_and_kept_as_if_it_were_said() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("ask", text="Why is the sky blue?"))

    desk = play(Desk(), work)
    assert desk.provider.questions == ["Why is the sky blue?"]
    assert isinstance(desk.store.turns[1].incoming, Said)


def test_ask_without_a_question_says_how_to() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("ask", text="  "))

    desk = play(Desk(), work)
    assert desk.sent() == [desk.say("ask.nothing")]
    assert desk.provider.requests == []
