"""The walk of what comes in: stored before it is acknowledged, answered once and in order, and always told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat.buttons import Action
from chat.errors import BadKey
from chat.events import Completed
from chat.incoming import Address, Incoming, Left, Sender, Unreadable
from chat.messages import Message
from chat.replies import Final, ReplyState
from handlers.access import AccessSettings
from handlers.settings import LimitsSettings
from messengers.base import Page, PlaceGone, Unsure
from operations.outbox import Outbox
from operations.reception import Reception
from operations.tasks import Tasks
from storage.base import TurnState
from storage.sqlite import SqliteStore
from tests.fakes import Step, words
from tests.handlers.scene import ANNA, EVE, GROUP, PRIVATE, TOPIC, Scene, invoked, pressed, said
from tests.virtual_time import run_virtual

STORY = " ".join(f"word{number}" for number in range(100))
ADMINS_ONLY = AccessSettings(admins=("telegram:9",))


class Desk(Scene):
    """A scene with a reception and its outbox."""

    def open(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.outbox = Outbox(self.chat, self.store, tasks)
        services = replace(self.services, bot=replace(self.services.bot, delivered=self.outbox.delivered))
        self.reception = Reception(services, self.outbox, tasks)

    async def hand_in(self, *incoming: Incoming) -> None:
        for each in incoming:
            await self.reception(each)

    async def settle(self) -> None:
        """Wait until nothing runs; a crash is raised."""
        assert await self.tasks.idle(100_000)
        if self.tasks._crash.done():
            await self.tasks.crash()

    async def keep(self, incoming: Incoming, state: TurnState = "new", **values: Any) -> int:
        """A turn that an earlier run left."""
        turn = await self.receive(incoming)
        self.store.change(turn.id, state, **values)
        return turn.id

    def states(self) -> list[str]:
        return [turn.state for turn in self.store.turns.values()]

    def sent(self, address: Address = PRIVATE) -> list[str]:
        """The messages of a chat as they are now."""
        return [message.text for message in self.chat(address).messages.values()]


def play(desk: Desk, work: Callable[[Desk], Awaitable[None]]) -> Desk:
    async def whole() -> None:
        async with Tasks() as tasks:
            desk.open(tasks)
            await work(desk)
            await desk.settle()

    run_virtual(whole())
    return desk


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
