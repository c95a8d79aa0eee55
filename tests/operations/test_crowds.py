"""The reception under pressure: refusals, floods, a changed config and a bot that was taken away cost nobody else."""

import asyncio
from dataclasses import replace

from chat.buttons import Action
from chat.incoming import Left
from handlers.access import Access, AccessSettings
from handlers.settings import LimitsSettings
from messengers.base import SlowDown
from tests.fakes import words
from tests.handlers.scene import ANNA, PRIVATE, Desk, invoked, play, pressed, said

STORY = " ".join(f"word{number}" for number in range(100))


def test_of_many_messages_that_are_too_many_one_is_told_so_at_a_time() -> None:
    async def work(desk: Desk) -> None:
        for number in range(50):
            await desk.hand_in(said(f"question {number}"))
        await asyncio.sleep(0.5)
        assert desk.outbox.waiting(PRIVATE) <= 1

    desk = play(Desk(words(STORY), limits=LimitsSettings(waiting_per_chat=2)), work)
    refusals = [text for text in desk.sent() if text == desk.say("reply.waiting", count=2)]
    assert 1 <= len(refusals) < 8
    assert len(desk.provider.questions) == 3
    assert set(desk.states()) == {"done"}


def test_a_heap_of_commands_does_not_stand_in_front_of_real_answers() -> None:
    async def work(desk: Desk) -> None:
        desk.chat().failures.append(SlowDown(60))
        for number in range(200):
            await desk.hand_in(replace(invoked("help"), key=f"help {number}"))
        await asyncio.sleep(1)
        assert desk.outbox.waiting(PRIVATE) <= 25

    desk = play(Desk(), work)
    assert 15 < len(desk.sent()) < 30
    assert set(desk.states()) == {"done"}


def test_a_button_that_waits_for_a_flood_does_not_keep_the_next_question_from_the_model() -> None:
    async def work(desk: Desk) -> None:
        desk.chat().failures.extend([None, SlowDown(5000)])
        await desk.hand_in(said("one"))
        await asyncio.sleep(5)
        await desk.hand_in(pressed(Action("retry", 1)), replace(said("two"), key="two"))
        await asyncio.sleep(20)
        assert desk.provider.questions == ["one", "two"]

    play(Desk(words(STORY), words(STORY)), work)


def test_what_waits_of_somebody_who_was_blocked_meanwhile_is_not_asked() -> None:
    async def work(desk: Desk) -> None:
        for number in range(4):
            await desk.hand_in(said(f"question {number}"))
        await asyncio.sleep(0.5)
        blocked = AccessSettings(public=True, block=(f"telegram:{ANNA.id}",))
        await desk.reception.use(replace(desk.reception._services, access=Access(blocked)))

    desk = play(Desk(words(STORY)), work)
    assert desk.provider.questions == ["question 0"]
    assert desk.states() == ["done"] * 4


def test_what_waits_at_a_place_that_the_bot_was_taken_away_from_is_not_asked() -> None:
    async def work(desk: Desk) -> None:
        for number in range(4):
            await desk.hand_in(said(f"question {number}"))
        await asyncio.sleep(0.5)
        await desk.hand_in(Left(PRIVATE, ANNA, "left"))

    desk = play(Desk(words(STORY)), work)
    assert desk.provider.questions == ["question 0"]
    assert set(desk.states()) == {"done"}
