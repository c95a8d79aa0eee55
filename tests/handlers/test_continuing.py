"""Continue: under an answer cut by length, once, for whoever may command it; and /ask, a question as any other.

A model that can goes on in mid-sentence; any other is asked for the rest.
"""

import asyncio
import time
from dataclasses import replace

from chat.buttons import Action
from chat.errors import CutOff
from chat.events import Completed, Replaced
from chat.incoming import Said
from chat.messages import Message
from chat.replies import ReplyState
from handlers.settings import LimitsSettings
from providers.base import Capabilities
from tests.fakes import FakeMessage, Step
from tests.handlers.scene import ANNA, EVE, GROUP, PRIVATE, Desk, invoked, play, pressed, said
from tests.virtual_time import run_virtual

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


GOES_ON = Capabilities(continuing=True)


def history_of(desk: Desk) -> list[tuple[str, str]]:
    told = run_virtual(desk.store.history(PRIVATE.conversation, 1000))
    return [(message.role, message.text) for message in told]


def test_a_model_that_can_goes_on_in_the_same_message_in_mid_sentence_and_as_one_answer() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1)))

    desk = play(Desk(CUT, [" time.", Completed()], capabilities=GOES_ON), work)
    first, second = desk.provider.requests
    assert second.continues
    assert not first.continues
    told = [(message.role, message.text) for message in second.messages]
    assert told == [("user", "Tell me a story"), ("assistant", "Once upon a")]
    assert [(shown.text, shown.buttons) for shown in desk.chat().messages.values()] == [("Once upon a time.", ())]
    assert history_of(desk) == [("user", "Tell me a story"), ("assistant", "Once upon a time.")]


def test_at_once_people_see_that_it_goes_on() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1)))
        await asyncio.sleep(1)
        shown = desk.chat().messages["m1"]
        assert (shown.text, shown.buttons) == ("Once upon a", ("⏹ Stop",))
        assert desk.chat().made("typing")

    play(Desk(CUT, [5.0, " time.", Completed()], capabilities=GOES_ON), work)


def test_it_goes_on_as_often_as_it_is_cut_and_with_what_was_said_before() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Hello"), said("Tell me a story"))
        await desk.settle()
        for _ in range(2):
            await desk.hand_in(pressed(Action("continue", 2)))
            await desk.settle()

    more: list[Step] = [" time there", Completed("length")]
    desk = play(Desk(["Hi!", Completed()], CUT, more, [" was.", Completed()], capabilities=GOES_ON), work)
    assert [message.text for message in desk.provider.requests[-1].messages] == [
        "Hello", "Hi!", "Tell me a story", "Once upon a time there",
    ]  # fmt: skip
    assert desk.sent() == ["Hi!", "Once upon a time there was."]
    assert history_of(desk)[2:] == [("user", "Tell me a story"), ("assistant", "Once upon a time there was.")]


def test_a_provider_that_sends_its_text_anew_sends_only_what_is_new() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1)))

    desk = play(Desk(CUT, [" tame", Replaced(" time."), Completed()], capabilities=GOES_ON), work)
    assert desk.sent() == ["Once upon a time."]


def test_pressed_again_while_it_goes_on_or_when_it_is_whole_it_does_nothing() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1), key="a"), pressed(Action("continue", 1), key="b"))
        await asyncio.sleep(1)
        await desk.hand_in(pressed(Action("continue", 1), key="c"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1), key="d"))

    desk = play(Desk(CUT, [" time", 5.0, ".", Completed()], capabilities=GOES_ON), work)
    assert len(desk.provider.requests) == 2
    assert desk.sent() == ["Once upon a time."]


def test_where_going_on_fails_all_the_text_stays_and_retry_goes_on_with_it() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1)))
        await desk.settle()
        assert desk.sent()[0].startswith("Once upon a time\n\n⚠️")
        assert desk.chat().messages["m1"].buttons == ("🔁 Retry",)
        assert history_of_now(desk) == "Once upon a time"
        await desk.hand_in(pressed(Action("continue", 1)))

    def history_of_now(desk: Desk) -> str:
        row = desk.store._connection.execute("SELECT text FROM history WHERE role = 'assistant'").fetchone()
        return str(row[0])

    desk = play(Desk(CUT, [" time", CutOff("reset")], [" there.", Completed()], capabilities=GOES_ON), work)
    assert desk.provider.questions[-1] == "Once upon a time"
    assert desk.sent() == ["Once upon a time there."]


def test_after_a_kill_it_goes_on_with_all_that_had_come() -> None:
    async def work(desk: Desk) -> None:
        desk.chat().messages["m1"] = FakeMessage("Once upon a time")
        desk.chat().sent = 1
        turn = await desk.keep(said("Tell me a story"), "answered")
        history = (Message("user", "Tell me a story"), Message("assistant", "Once upon a"))
        await desk.store.answer(turn, ReplyState(("m1",)), None, history, failed=False)
        desk.store.change(turn, "running", reply=ReplyState(("m1",), "Once upon a time", continues=True))
        await desk.reception.resume(["telegram"])

    desk = play(Desk([" there.", Completed()], capabilities=GOES_ON), work)
    assert [message.text for message in desk.provider.requests[0].messages] == ["Tell me a story", "Once upon a time"]
    assert desk.sent() == ["Once upon a time there."]
    assert history_of(desk) == [("user", "Tell me a story"), ("assistant", "Once upon a time there.")]


def test_where_the_day_is_used_up_the_answer_stays_and_can_be_gone_on_with_later() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1)))

    desk = play(Desk(CUT, capabilities=GOES_ON, limits=LimitsSettings(messages_per_day=1)), work)
    assert desk.sent()[0].startswith("Once upon a\n\n⏳ Your 1 messages")
    assert desk.chat().messages["m1"].buttons == ("▶ Continue",)
    assert history_of(desk)[-1] == ("assistant", "Once upon a")


def test_an_answer_of_an_earlier_version_is_asked_for_its_rest_as_a_question() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        desk.store._connection.execute("UPDATE turns SET reason = ''")
        await desk.hand_in(pressed(Action("continue", 1)))

    desk = play(Desk(CUT, ["time.", Completed()], capabilities=GOES_ON), work)
    assert desk.provider.questions[-1] == desk.say("continue")


ONE_A_DAY = LimitsSettings(messages_per_day=1)


def test_what_cant_be_gone_on_with_after_new_stays_with_its_button_and_can_be_later() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(invoked("new"))
        await desk.settle()
        for _ in range(2):
            await desk.hand_in(pressed(Action("continue", 1)))
            await desk.settle()
            shown = desk.chat().messages["m1"]
            assert shown.text.startswith("Once upon a\n\n⏳ Your 1 messages")
            assert shown.buttons == ("▶ Continue",)

    desk = play(Desk(CUT, capabilities=GOES_ON, limits=ONE_A_DAY), work)
    assert desk.store.turns[1].reason == "length"


def test_where_the_question_cant_be_asked_any_more_the_answer_stays_with_its_button() -> None:
    """Its conversation began anew since, and the config has a lower limit."""

    async def work(desk: Desk) -> None:
        desk.chat().messages["m1"] = FakeMessage("Once upon a")
        turn = await desk.keep(said("Tell me a story"), "answered")
        history = (Message("user", "Tell me a story"), Message("assistant", "Once upon a"))
        await desk.store.answer(turn, ReplyState(("m1",)), None, history, failed=False, reason="length")
        await desk.store.begin_anew(PRIVATE.conversation, turn)
        await desk.hand_in(pressed(Action("continue", turn)))

    desk = play(Desk(capabilities=GOES_ON, limits=LimitsSettings(input_characters=10)), work)
    assert desk.sent()[0].startswith("Once upon a\n\n⚠️ This message has 15 characters")
    assert desk.chat().messages["m1"].buttons == ("▶ Continue",)


def test_where_going_on_fails_retry_is_not_said_to_bring_a_new_answer() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1)))

    desk = play(Desk(CUT, [" time", CutOff("reset")], capabilities=GOES_ON), work)
    assert desk.sent() == [f"Once upon a time\n\n{desk.say('error.cut_off_going_on', provider='?')}"]


def test_stopped_before_there_is_more_of_it_the_answer_can_still_be_gone_on_with() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        await desk.hand_in(pressed(Action("continue", 1)))
        await asyncio.sleep(1)
        await desk.hand_in(pressed(Action("stop", 1)))
        await desk.settle()
        assert desk.chat().messages["m1"].buttons == ("▶ Continue",)
        await desk.hand_in(pressed(Action("continue", 1)))

    desk = play(Desk(CUT, [5.0, " not this"], [" time.", Completed()], capabilities=GOES_ON), work)
    assert desk.sent() == ["Once upon a time."]


def test_it_goes_on_below_an_earlier_message_that_somebody_deleted() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("Tell me a story"))
        await desk.settle()
        assert len(desk.chat().messages) == 3
        del desk.chat().messages["m2"]
        await desk.hand_in(pressed(Action("continue", 1)))

    long = " ".join(f"word{number}" for number in range(1200))
    more: list[Step] = [3.0, " the", 3.0, " end", Completed()]
    desk = play(Desk([long, Completed("length")], more, capabilities=GOES_ON), work)
    assert len(desk.sent()) == 2
    assert desk.sent()[0].startswith("word0 ")
    assert desk.sent()[1].endswith("word1199 the end")
    assert desk.states()[0] == "done"
