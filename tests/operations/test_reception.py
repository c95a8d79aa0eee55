"""The walk of what comes in: stored before it is acknowledged, answered once and in order, and always told."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from chat.buttons import Action
from chat.errors import BadKey
from chat.events import Completed
from chat.incoming import Address, Incoming, Left, Sender, Unreadable
from chat.messages import Message
from chat.replies import Final, ReplyState
from handlers.access import AccessSettings
from handlers.settings import LimitsSettings, ModelSettings
from messengers.base import Page, PlaceGone, Unsure
from operations.counting import Began, Concluded, Delivered, Event, Took
from storage.base import Choices
from storage.sqlite import SqliteStore
from tests.fakes import Step, words
from tests.handlers.scene import ANNA, EVE, GROUP, PRIVATE, TOPIC, Desk, invoked, play, pressed, said

STORY = " ".join(f"word{number}" for number in range(100))
ADMINS_ONLY = AccessSettings(admins=("telegram:9",))


# What comes in


def test_a_message_is_stored_when_it_is_acknowledged_and_answered_afterwards() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))
        assert desk.states() == ["new"]

    desk = play(Desk(words("Good morning")), work)
    assert desk.states() == ["done"]
    assert desk.sent() == ["Good morning"]


def test_a_repeat_is_dropped() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello", key="telegram:1:5"), said("hello", key="telegram:1:5"))
        await desk.settle()
        await desk.hand_in(said("hello", key="telegram:1:5"))

    desk = play(Desk(), work)
    assert (desk.provider.questions, len(desk.sent())) == (["hello"], 1)


def test_what_cannot_be_stored_is_an_oserror_and_not_answered_until_it_comes_again() -> None:
    async def work(desk: Desk) -> None:
        desk.store.failing["receive"] = 1
        with pytest.raises(OSError, match="full"):
            await desk.hand_in(said("hello"))
        await desk.settle()
        assert desk.provider.requests == []
        await desk.hand_in(said("hello"))

    assert play(Desk(), work).provider.questions == ["hello"]


def test_when_closed_nothing_is_taken_in_and_nothing_begins_while_what_runs_goes_on() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("first"), said("second"))
        await asyncio.sleep(0.5)
        desk.reception.close()
        for late in (said("late"), invoked("help"), said("late", sender=EVE)):
            with pytest.raises(OSError, match="about to end"):
                await desk.hand_in(late)

    desk = play(Desk(words(STORY)), work)
    assert desk.provider.questions == ["first"]
    assert desk.states() == ["done", "new"]
    assert desk.sent()[0].split() == STORY.split()


def test_strangers_are_not_stored_and_told_once_in_private_and_never_in_groups() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("1"), said("2"), invoked("help"), pressed(Action("stop", 1)), said("3", GROUP))

    desk = play(Desk(access=ADMINS_ONLY), work)
    assert desk.store.turns == {}
    assert desk.sent() == [desk.say("access.stranger", id="1001", entry="telegram:1001")]
    assert desk.sent(GROUP) == []
    assert desk.provider.requests == []


def test_people_who_are_blocked_get_no_answer_at_all() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"), invoked("start"))

    desk = play(Desk(access=AccessSettings(public=True, block=("telegram:1001",))), work)
    assert desk.sent() == []


def test_a_stranger_cannot_stop_or_retry_what_others_asked() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello", GROUP, Sender("9", "Ada")))
        await asyncio.sleep(0.5)
        await desk.hand_in(pressed(Action("stop", 1), GROUP, EVE), pressed(Action("retry", 1), GROUP, EVE))

    desk = play(Desk(words(STORY), access=ADMINS_ONLY), work)
    assert desk.sent(GROUP)[0].split() == STORY.split()
    assert len(desk.store.turns) == 1


def test_an_unreadable_update_is_kept_as_dead_and_harms_nobody_else() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(Unreadable(Address("telegram", "unreadable"), "k", "bad", "{}"), said("hello"))

    desk = play(Desk(), work)
    assert desk.states() == ["dead", "done"]
    assert list(desk.chats) == [PRIVATE.budget]


# Order


def test_a_conversation_is_answered_in_order_and_others_at_the_same_time() -> None:
    bob = Address("telegram", "5")

    async def work(desk: Desk) -> None:
        await desk.hand_in(said("one"), said("two"), said("other", bob, Sender("5")), said("topic", TOPIC))
        await asyncio.sleep(0.5)
        assert sorted(text.split()[-1] for text in desk.provider.questions) == ["one", "other", "topic"]

    desk = play(Desk(*[words(STORY)] * 4), work)
    assert desk.provider.questions[-1] == "two"
    assert [entry.text for entry in desk.provider.requests[-1].messages[:1]] == ["one"]
    assert len(desk.provider.requests[-1].messages) == 3, "the first answer was history by then"


def test_the_first_message_beyond_the_limit_gets_the_sentence_and_the_others_their_answers() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(*(said(str(number)) for number in range(4)))
        await desk.hand_in(said("elsewhere", GROUP), invoked("help"))

    desk = play(Desk(words(STORY), limits=LimitsSettings(waiting_per_chat=2)), work)
    assert [each for each in desk.provider.questions if "elsewhere" not in each] == ["0", "1", "2"]
    assert desk.sent().count(desk.say("reply.waiting", count=2)) == 1
    assert any(text.startswith("I pass what you write") for text in desk.sent())
    assert desk.states() == ["done"] * 6
    assert all(len(request.messages) != 9 for request in desk.provider.requests), "the refused one is no history"


def test_a_refused_message_may_be_sent_again_when_others_are_answered() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(*(said(str(number)) for number in range(3)))
        await desk.settle()
        await desk.hand_in(said("2 again"))

    desk = play(Desk(limits=LimitsSettings(waiting_per_chat=1)), work)
    assert desk.provider.questions == ["0", "1", "2 again"]


def test_what_waited_at_the_messenger_while_the_bot_was_away_is_never_too_much() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(*(replace(said(str(number)), late=True) for number in range(5)), said("one too many"))

    desk = play(Desk(limits=LimitsSettings(waiting_per_chat=1)), work)
    assert desk.provider.questions == ["0", "1", "2", "3", "4"]


def test_stop_runs_at_once_and_the_next_message_is_answered_then() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story"), said("next"))
        await asyncio.sleep(1)
        await desk.hand_in(invoked("stop"))
        await asyncio.sleep(0.1)
        assert desk.provider.streams[0].closed_at is not None

    desk = play(Desk([*words(STORY), 500.0, Completed()]), work)
    assert desk.provider.questions == ["story", "next"]
    assert desk.sent()[0].endswith(desk.say("reply.stopped"))
    assert desk.sent()[1] == "All right."


def test_the_answer_waits_for_the_delivery_of_the_one_before_it() -> None:
    async def work(desk: Desk) -> None:
        desk.chat().failures.extend([None, *[Unsure("502")] * 5])
        await desk.hand_in(said("first"), said("second"))

    desk = play(Desk(words("One answer"), words(STORY)), work)
    assert [text.split()[0] for text in desk.sent()] == ["One", "word0"]
    last_of_first = max(call.at for call in desk.chat().calls if "One" in call.text)
    assert last_of_first > 1020, "it took a while"
    assert all(call.at > last_of_first for call in desk.chat().calls if "word0" in call.text)


def test_retry_answers_anew_in_the_same_message_and_replaces_its_history() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))
        await desk.settle()
        assert desk.states() == ["dead"]
        assert desk.chat().messages["m1"].buttons == (desk.say("button.retry"),)
        await desk.hand_in(pressed(Action("retry", 1)), pressed(Action("retry", 1)))
        await desk.settle()
        await desk.hand_in(said("next"))

    desk = play(Desk([BadKey("401", provider="fake")], words("Now it works")), work)
    assert desk.provider.questions == ["hello", "hello", "next"]
    assert desk.sent() == ["Now it works", "All right."]
    assert desk.chat().messages["m1"].buttons == ()
    assert [entry.text.strip() for entry in desk.provider.requests[2].messages] == ["hello", "Now it works", "next"]
    assert desk.states() == ["done"] * 4


def test_leaving_ends_the_reply_and_nothing_is_tried_again() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story", GROUP))
        await asyncio.sleep(1)
        desk.chat(GROUP).failures.extend([PlaceGone("kicked")] * 9)
        await desk.hand_in(Left(Address("telegram", "-100555", private=False), ANNA, "k"))
        await asyncio.sleep(0.2)
        assert desk.provider.streams[0].closed_at is not None

    desk = play(Desk([*words(STORY), 500.0, Completed()]), work)
    assert desk.states() == ["done", "done"]
    assert sum(bool(call.error) for call in desk.chat(GROUP).calls) <= 2


# While a reply streams: the table in docs/architecture.md, as far as it is not about one messenger


SLOW: list[Step] = [*words(STORY)[:-1], 500.0, Completed()]


def meanwhile(desk: Desk, then: Callable[[Desk], Awaitable[None]], seconds: float = 1.0) -> Desk:
    """Somebody asks, and `then` happens while the answer streams."""

    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story"))
        await asyncio.sleep(seconds)
        await then(desk)

    return play(desk, work)


@pytest.mark.parametrize("stop", [invoked("stop"), pressed(Action("stop", 1))])
def test_a_stop_closes_the_models_request_within_a_second_and_what_is_shown_stays_and_is_stored(
    stop: Incoming,
) -> None:
    async def then(desk: Desk) -> None:
        await desk.hand_in(stop)
        await asyncio.sleep(0.9)
        assert desk.provider.streams[0].closed_at is not None

    desk = meanwhile(Desk(SLOW), then)
    shown = desk.sent()[0].removesuffix(desk.say("reply.stopped")).strip()
    history = [text for (text,) in desk.store._connection.execute("SELECT text FROM history ORDER BY position")]
    assert 10 < len(shown.split()) < 90
    assert [text.strip() for text in history] == ["story", shown]
    assert desk.states()[0] == "done"


def test_a_stop_before_the_first_word_leaves_stopped_instead_of_an_answer() -> None:
    async def then(desk: Desk) -> None:
        await desk.hand_in(invoked("stop"))

    desk = meanwhile(Desk([60.0, "late", Completed()]), then)
    assert desk.sent() == [desk.say("reply.stopped")]
    assert desk.store._connection.execute("SELECT count(*) FROM history").fetchone() == (0,)


def test_a_stop_after_the_end_or_a_second_time_does_nothing() -> None:
    async def then(desk: Desk) -> None:
        await desk.hand_in(pressed(Action("stop", 1)), invoked("stop"), invoked("stop"))
        await desk.settle()
        before = desk.sent()
        await desk.hand_in(pressed(Action("stop", 1)), invoked("stop"))
        await desk.settle()
        assert desk.sent() == before

    desk = meanwhile(Desk(SLOW), then)
    assert desk.sent()[0].count(desk.say("reply.stopped")) == 1
    assert len(desk.sent()) == 1


@pytest.mark.parametrize("stop", [invoked("stop", GROUP, EVE), pressed(Action("stop", 1), GROUP, EVE)])
def test_somebody_else_cannot_stop_it(stop: Incoming) -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story", GROUP))
        await asyncio.sleep(1)
        await desk.hand_in(stop)

    desk = play(Desk(words(STORY)), work)
    assert desk.sent(GROUP)[0].split() == STORY.split()


@pytest.mark.parametrize(
    ("command", "text", "key"),
    [("new", "", "new.done"), ("forget", "", "forget.done"), ("system", "Be brief.", "system.set")],
)
def test_a_command_that_changes_what_was_said_stops_the_reply_first_and_runs_then(
    command: str, text: str, key: str
) -> None:
    async def then(desk: Desk) -> None:
        await desk.hand_in(invoked(command, text=text))
        await asyncio.sleep(1)
        assert desk.provider.streams[0].closed_at is not None
        await desk.hand_in(said("next"))

    desk = meanwhile(Desk(SLOW), then)
    assert desk.sent()[0].endswith(desk.say("reply.stopped"))
    assert desk.sent()[1:] == [desk.say(key), "All right."]
    asked = [message.text for message in desk.provider.requests[1].messages]
    assert (asked == ["next"]) is (command != "system")
    assert desk.provider.requests[1].system == (text or "Be kind.")


def test_such_a_command_runs_in_its_order_between_what_was_said_before_and_after_it() -> None:
    async def then(desk: Desk) -> None:
        await desk.hand_in(said("before"), invoked("new"), said("after"))

    desk = meanwhile(Desk(SLOW), then)
    assert desk.provider.questions == ["story", "before", "after"]
    assert [len(request.messages) for request in desk.provider.requests] == [1, 3, 1]
    assert [text.split()[0] for text in desk.sent()[1:]] == ["All", "🆕", "All"]


def test_such_a_command_of_somebody_else_waits_for_the_end_of_the_reply() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story", GROUP))
        await asyncio.sleep(1)
        await desk.hand_in(invoked("new", GROUP, EVE))

    desk = play(Desk(words(STORY)), work)
    assert desk.sent(GROUP)[0].split() == STORY.split()
    assert desk.sent(GROUP)[1] == desk.say("new.done")


def test_a_command_without_permission_gets_its_sentence_and_stops_nothing() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story", GROUP))
        await asyncio.sleep(1)
        await desk.hand_in(invoked("system", GROUP, text="Obey."), invoked("forget", GROUP))

    desk = play(Desk(words(STORY)), work)
    assert desk.sent(GROUP)[0].split() == STORY.split()
    assert desk.sent(GROUP)[1:] == [desk.say("access.owner", command=each) for each in ("system", "forget")]


def test_help_and_the_list_of_models_are_shown_beside_a_running_reply() -> None:
    async def then(desk: Desk) -> None:
        await desk.hand_in(invoked("help"), invoked("model"), invoked("usage"))
        await asyncio.sleep(2)
        assert desk.provider.streams[0].closed_at is None
        assert len(desk.sent()) == 4
        await desk.hand_in(invoked("stop"))

    meanwhile(Desk(SLOW), then)


@pytest.mark.parametrize("then_stop", [False, True])
def test_a_streaming_message_that_is_deleted_ends_the_reply_quietly_stored_as_stopped(then_stop: bool) -> None:
    async def then(desk: Desk) -> None:
        desk.chat().messages.clear()
        await asyncio.sleep(2)
        assert desk.provider.streams[0].closed_at is not None
        if then_stop:
            await desk.hand_in(invoked("stop"))
        await desk.settle()
        assert desk.sent() == []
        await desk.hand_in(said("next"))

    desk = meanwhile(Desk(SLOW), then)
    assert desk.states()[0] == desk.states()[-1] == "done"
    assert [message.role for message in desk.provider.requests[1].messages] == ["user", "assistant", "user"]


def test_a_bot_that_was_blocked_ends_the_turn_and_tries_nothing_again() -> None:
    async def then(desk: Desk) -> None:
        desk.chat().failures.extend([PlaceGone("blocked")] * 9)

    desk = meanwhile(Desk(SLOW), then)
    assert desk.states() == ["done"]
    assert sum(bool(call.error) for call in desk.chat().calls) == 1
    assert len(desk.provider.requests) == 1


def test_retry_while_a_reply_streams_waits_for_it_and_asks_that_one_again() -> None:
    async def then(desk: Desk) -> None:
        await desk.hand_in(invoked("retry"))
        await asyncio.sleep(1)
        assert len(desk.provider.requests) == 2, "the running answer is not disturbed"

    async def work(desk: Desk) -> None:
        await desk.hand_in(said("older"))
        await desk.settle()
        await desk.hand_in(said("story"))
        await asyncio.sleep(1)
        await then(desk)

    desk = play(Desk(["Yes.", Completed()], words(STORY), ["Anew.", Completed()]), work)
    assert desk.provider.questions == ["older", "story", "story"]
    assert [message.text for message in desk.provider.requests[2].messages] == ["older", "Yes.", "story"]
    assert desk.sent()[0] == "Yes."
    assert desk.sent()[1].split() == STORY.split()
    assert desk.sent()[2] == "Anew.", "in a message of its own"


def test_retry_replaces_the_answer_in_the_history() -> None:
    async def work(desk: Desk) -> None:
        for incoming in (said("hello"), invoked("retry"), said("next")):
            await desk.hand_in(incoming)
            await desk.settle()

    desk = play(Desk(["First.", Completed()], ["Second.", Completed()]), work)
    assert [message.text for message in desk.provider.requests[2].messages] == ["hello", "Second.", "next"]
    assert desk.sent() == ["First.", "Second.", "All right."]


def test_retry_of_an_answer_that_is_still_being_delivered_asks_that_one_again() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("older"))
        await desk.settle()
        desk.chat().failures.extend([None, *[Unsure("502")] * 5])
        await desk.hand_in(said("newer"))
        await asyncio.sleep(3)
        await desk.hand_in(invoked("retry"))

    desk = play(Desk(["One.", Completed()], ["Two.", 0.5, Completed()]), work)
    assert desk.provider.questions == ["older", "newer", "newer"]


@pytest.mark.parametrize(
    "asked", [[], [said("theirs", GROUP, EVE)], [said("elsewhere", TOPIC)], [invoked("help", GROUP)]]
)
def test_where_there_is_no_question_of_ones_own_retry_says_so(asked: list[Incoming]) -> None:
    async def work(desk: Desk) -> None:
        for incoming in [*asked, invoked("retry", GROUP)]:
            await desk.hand_in(incoming)
            await desk.settle()

    desk = play(Desk(), work)
    assert desk.sent(GROUP)[-1] == desk.say("retry.nothing")
    assert len(desk.provider.requests) <= 1


def test_retry_twice_at_once_asks_the_same_question_and_never_an_older_one() -> None:
    async def work(desk: Desk) -> None:
        for incoming in (said("older"), said("newer")):
            await desk.hand_in(incoming)
            await desk.settle()
        await desk.hand_in(invoked("retry"), invoked("retry"))

    desk = play(Desk(), work)
    assert "older" not in desk.provider.questions[2:]


def test_retry_after_new_has_nothing_to_retry() -> None:
    async def work(desk: Desk) -> None:
        for incoming in (said("older"), invoked("new"), invoked("retry")):
            await desk.hand_in(incoming)
            await desk.settle()

    desk = play(Desk(), work)
    assert desk.sent()[-1] == desk.say("retry.nothing")


def test_a_model_chosen_before_a_question_answers_it_also_in_a_backlog() -> None:
    async def work(desk: Desk) -> None:
        await desk.keep(invoked("model", text="second"))
        await desk.keep(said("hello"))
        await desk.reception.resume(["telegram"])

    models = {name: ModelSettings(provider="fake", model=name) for name in ("first", "second")}
    assert play(Desk(models=models), work).provider.requests[0].model == "second"


def test_two_choices_at_once_are_both_remembered() -> None:
    async def work(desk: Desk) -> None:
        await desk.keep(invoked("model", text="second"))
        await desk.keep(invoked("system", text="Be brief."))
        await desk.reception.resume(["telegram"])
        await desk.settle()
        assert await desk.store.choices(PRIVATE.conversation) == Choices("second", "Be brief.")

    models = {name: ModelSettings(provider="fake", model=name) for name in ("first", "second")}
    play(Desk(models=models), work)


# Failures


@pytest.mark.parametrize("failure", [BadKey("401", provider="fake"), ValueError("bug"), OSError("disk")])
@pytest.mark.parametrize("text", ["", "Once upon "])
def test_a_failure_of_any_kind_is_told_with_retry_and_the_next_message_is_answered(
    failure: Exception, text: str
) -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"), said("next"))

    script: list[Step] = [text, failure] if text else [failure]
    desk = play(Desk(script), work)
    first, second = desk.chat().messages.values()
    assert "⚠️" in first.text
    assert first.buttons == (desk.say("button.retry"),)
    assert (second.text, desk.states()) == ("All right.", ["dead", "done"])


@pytest.mark.parametrize("call", ["begin", "answer", "finish", "checkpoint"])
def test_a_store_that_fails_for_a_while_delays_the_answer_and_loses_nothing(call: str) -> None:
    async def work(desk: Desk) -> None:
        desk.store.failing[call] = 4
        await desk.hand_in(said("hello"))

    desk = play(Desk(words(STORY)), work)
    assert desk.states() == ["done"]
    assert desk.sent()[0].split() == STORY.split()
    assert len(desk.provider.requests) == 1


# After a restart


def test_a_backlog_is_answered_in_order_and_never_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def work(desk: Desk) -> None:
        for number in range(6):
            await desk.keep(said(str(number)), "running" if number == 0 else "new")
        await desk.reception.resume(["telegram"])

    with caplog.at_level(logging.INFO):
        desk = play(Desk(limits=LimitsSettings(waiting_per_chat=1)), work)
    assert desk.provider.questions == ["0", "1", "2", "3", "4", "5"]
    assert desk.states() == ["done"] * 6
    assert "6 turns" in caplog.text


def test_an_interrupted_reply_is_made_again_in_the_message_it_had() -> None:
    async def work(desk: Desk) -> None:
        message = await desk.chat().send(Page("Once up", 7))
        await desk.keep(said("story"), "running", reply=ReplyState((message,), "Once up"))
        await desk.reception.resume(["telegram"])

    desk = play(Desk(words("Once upon a time")), work)
    assert desk.sent() == ["Once upon a time"]


def test_an_answer_that_was_complete_is_only_delivered() -> None:
    async def work(desk: Desk) -> None:
        final = Final("The answer.", "A note.")
        await desk.keep(said("hello"), "answered", final=final, failed=True, reply=ReplyState((), "The answer."))
        await desk.reception.resume(["telegram"])

    desk = play(Desk(), work)
    assert (desk.provider.requests, desk.sent(), desk.states()) == ([], ["The answer.\n\nA note."], ["dead"])


def test_a_turn_that_interrupted_us_too_often_is_given_up_visibly_and_can_be_retried() -> None:
    async def work(desk: Desk) -> None:
        await desk.keep(said("poison"), "running", interruptions=21)
        await desk.keep(said("next"))
        await desk.reception.resume(["telegram"])
        await desk.settle()
        assert desk.provider.questions == ["next"]
        assert desk.sent()[0] == desk.say("error.internal", turn="1")
        await desk.hand_in(pressed(Action("retry", 1)))

    desk = play(Desk(), work)
    assert desk.provider.questions == ["next", "poison"]


def test_turns_of_a_messenger_that_is_off_now_stay_as_they_are() -> None:
    there = Address("discord", "5")

    async def work(desk: Desk) -> None:
        await desk.keep(said("new", there))
        await desk.keep(said("answered", there), "answered", final=Final("x"))
        await desk.keep(said("here"))
        await desk.reception.resume(["telegram"])

    desk = play(Desk(), work)
    assert desk.states() == ["new", "answered", "done"]
    assert list(desk.chats) == [PRIVATE.budget]


async def test_starts_while_its_messenger_is_off_are_no_interruptions_of_a_turn(tmp_path: Path) -> None:
    for start in range(4):
        async with SqliteStore(tmp_path / "bot.db") as store:
            if start == 0:
                turn = await store.receive(said("hello", Address("discord", "5")))
                assert turn
                await store.begin(turn.id)
            (left,) = await store.unfinished()
    assert left.interruptions <= 1, "it was interrupted once"


def test_what_was_pressed_before_a_restart_is_done_once() -> None:
    async def work(desk: Desk) -> None:
        asked = await desk.keep(said("hello"), "dead", reply=ReplyState(("m1",)))
        await desk.chat().send(Page("No.", 3))
        await desk.keep(pressed(Action("retry", asked)), "running")
        await desk.reception.resume(["telegram"])

    desk = play(Desk(), work)
    assert (desk.provider.questions, desk.sent()) == (["hello"], ["All right."])


def test_history_survives_a_restart_with_the_order_of_what_was_said() -> None:
    async def work(desk: Desk) -> None:
        first = await desk.keep(said("one"))
        exchange = [Message("user", "one"), Message("assistant", "1")]
        await desk.store.answer(first, ReplyState(), None, exchange, failed=False)
        await desk.keep(said("two"))
        await desk.reception.resume(["telegram"])

    desk = play(Desk(), work)
    assert [entry.text for entry in desk.provider.requests[0].messages] == ["one", "1", "two"]


def test_a_form_gets_an_answer_also_where_there_is_nothing_to_say() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("stop"), invoked("stop", replace(PRIVATE, place="7", token="t")))

    desk = play(Desk(), work)
    assert desk.sent() == []
    assert desk.sent(Address("telegram", "7")) == ["✅"]


def test_each_message_of_an_answer_has_a_name_that_a_restart_keeps_and_another_answer_does_not_have() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))
        await desk.settle()
        await desk.hand_in(invoked("retry"))

    desk = play(Desk(words(STORY * 10), words(STORY * 10)), work)
    messages = desk.chat().messages
    names = [message.nonce for message in messages.values()]
    assert len(names) == len(set(names)) >= 4
    assert {name.rpartition(".")[0] for name in names} == {"1.0", "1.1"}
    follows = [message.previous for message in messages.values()]
    half = len(messages) // 2
    assert follows[:half] == ["", *list(messages)[: half - 1]]


def test_what_the_messenger_tells_of_before_goes_before_what_is_stored() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("stored"))
        await desk.settle()
        desk.chat().said_before = [Message("user", "in the chain"), Message("assistant", "indeed")]
        await desk.hand_in(said("now"))

    asked = play(Desk(), work).provider.requests[1].messages
    assert [message.text for message in asked] == ["in the chain", "indeed", "now"]


# What other programs make new again


def test_what_is_made_new_again_elsewhere_is_answered_into_the_same_messages() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))
        await desk.settle()
        assert desk.states() == ["dead"]
        assert desk.store.turns[1].reason == "bad_key: 401"
        await desk.store.reopen(1)
        await desk.reception.take_up({"telegram"})

    desk = play(Desk([BadKey("401")], words("Good morning")), work)
    assert (desk.states(), desk.sent()) == (["done"], ["Good morning"])


def test_what_is_being_handled_or_waits_is_not_taken_up_a_second_time() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("one"), said("two"), said("three"), invoked("help"))
        for _ in range(200):
            await desk.reception.take_up({"telegram"})
            await asyncio.sleep(0.01)

    desk = play(Desk(words("a b c", 0.1), words("d e f", 0.1)), work)
    assert desk.provider.questions == ["one", "two", "three"]
    assert len(desk.sent()) == 4


def test_a_retry_and_another_programs_change_at_the_same_time_answer_once() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("hello"))
        await desk.settle()
        await desk.hand_in(pressed(Action("retry", 1)))
        for _ in range(50):
            await desk.reception.take_up({"telegram"})

    desk = play(Desk([BadKey("401")]), work)
    assert desk.provider.questions == ["hello", "hello"]


def test_what_belongs_to_a_messenger_that_is_off_is_not_taken_up() -> None:
    async def work(desk: Desk) -> None:
        await desk.keep(said("hello", Address("discord", "5")))
        await desk.reception.take_up({"telegram"})

    assert play(Desk(), work).states() == ["new"]


def test_what_is_handled_is_known_with_its_age_and_nothing_else_is() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("one"), said("two"))
        await asyncio.sleep(1)
        (turn,) = desk.reception.running_for()
        assert turn == 1
        assert 0.9 < desk.reception.running_for()[1] < 1.1
        await desk.settle()
        assert desk.reception.running_for() == {}

    play(Desk(words(STORY, 0.1)), work)


def test_what_happens_is_told_to_whoever_counts() -> None:
    events: list[Event] = []

    async def work(desk: Desk) -> None:
        desk.reception._note = desk.outbox._note = events.append
        await desk.hand_in(said("one"), said("one"))
        await desk.settle()
        await desk.hand_in(said("two"))

    play(Desk(words("fine"), [BadKey("401")]), work)
    kinds = [replace(event, seconds=0.0) if isinstance(event, Began | Delivered) else event for event in events]
    once = [Began("telegram", 0.0), Concluded("telegram", "answered"), Delivered("telegram", 0.0, False)]
    failing = [Began("telegram", 0.0), Concluded("telegram", "failed"), Delivered("telegram", 0.0, False)]
    taken = [Took("telegram", repeat=False), Took("telegram", repeat=True), Took("telegram", repeat=False)]
    assert Counter(kinds) == Counter([*taken, *once, *failing])
