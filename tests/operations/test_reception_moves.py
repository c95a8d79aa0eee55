"""The walk of what comes in: a place that gets another name takes along what is known of it, and what is under way."""

import asyncio

import pytest

from chat.events import Completed
from chat.incoming import Address, Moved
from handlers.access import AccessSettings
from tests.fakes import words
from tests.handlers.scene import EVE, Desk, invoked, play, said

STORY = " ".join(f"word{number}" for number in range(50))
OLD = Address("telegram", "-555", message="3", private=False)
NEW = Address("telegram", "-100777", message="1", private=False)
TOLD = Moved(OLD, "k1", NEW.place), Moved(OLD, "k2", NEW.place)


def asked(desk: Desk) -> list[list[str]]:
    """What each request to the model was made of, but for the system prompt."""
    return [[entry.text.split()[-1] for entry in request.messages] for request in desk.provider.requests]


def test_the_next_question_at_the_new_place_is_let_in_and_knows_what_was_said() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("one", OLD, EVE))
        await desk.settle()
        await desk.hand_in(*TOLD, said("two", NEW, EVE))

    desk = play(Desk(access=AccessSettings(allow=(OLD.budget,))), work)
    assert asked(desk) == [["one"], ["one", "right.", "two"]]
    assert desk.states() == ["done", "done"], "the move itself is nothing to answer"
    assert desk.sent(NEW) == ["All right."]


def test_a_place_that_is_blocked_stays_blocked() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(*TOLD, said("hello", NEW, EVE))

    desk = play(Desk(access=AccessSettings(public=True, block=(OLD.budget,))), work)
    assert desk.provider.requests == []
    assert desk.states() == []


def test_an_answer_under_way_and_what_waits_behind_it_are_the_new_places_history() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("one", OLD, EVE), said("two", OLD, EVE))
        await asyncio.sleep(0.5)
        await desk.hand_in(TOLD[0])
        await desk.settle()
        await desk.hand_in(said("three", NEW, EVE))

    desk = play(Desk(words("first"), words("second"), words("third")), work)
    assert asked(desk)[1:] == [["one", "first", "two"], ["one", "first", "two", "second", "three"]]


def test_an_answer_that_began_before_is_stopped_from_the_new_place() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("story", OLD, EVE))
        await asyncio.sleep(1)
        await desk.hand_in(TOLD[1], invoked("stop", NEW, EVE))
        await asyncio.sleep(0.9)
        assert desk.provider.streams[0].closed_at is not None

    play(Desk([*words(STORY)[:-1], 500.0, Completed()]), work)


def test_what_the_store_couldnt_move_is_not_acknowledged() -> None:
    async def work(desk: Desk) -> None:
        await desk.hand_in(said("one", OLD, EVE))
        await desk.settle()
        desk.store.failing["move"] = 1
        with pytest.raises(OSError, match="full"):
            await desk.hand_in(TOLD[0])
        await desk.hand_in(TOLD[0], said("two", NEW, EVE))

    assert asked(play(Desk(), work))[1] == ["one", "right.", "two"]


def test_when_closed_a_move_is_left_to_the_next_start() -> None:
    async def work(desk: Desk) -> None:
        desk.reception.close()
        with pytest.raises(OSError, match="about to end"):
            await desk.hand_in(TOLD[0])

    assert "move" not in play(Desk(), work).store.calls
