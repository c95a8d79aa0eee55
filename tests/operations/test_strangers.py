"""Strangers: one polite sentence an hour, in private; a flood of them costs no memory."""

import asyncio
import re
from dataclasses import replace

import pytest
import yaml

from chat.buttons import Action
from chat.incoming import Address, Incoming, Left, Sender
from handlers.access import AccessSettings
from messengers.base import PlaceGone, SlowDown, Unsure
from operations.strangers import AGAIN_AFTER_SECONDS, MOST_AT_ONCE, REMEMBERED, Strangers
from tests.handlers.scene import ANNA, GROUP, PRIVATE, Desk, Scene, invoked, play, pressed, said
from tests.virtual_time import run_virtual


def test_a_sentence_is_due_once_an_hour_for_each_of_them() -> None:
    doormen = Strangers()
    assert doormen.owes(said("hello"))
    assert not doormen.owes(said("hello"))
    assert not doormen.owes(invoked("start"))
    assert doormen.owes(said("hello", Address("telegram", "6"), Sender("6")))
    doormen._told["telegram:1001"] -= AGAIN_AFTER_SECONDS - 5
    assert not doormen.owes(said("hello"))
    doormen._told["telegram:1001"] -= 10
    assert doormen.owes(said("hello"))


@pytest.mark.parametrize(
    "incoming", [said("hello", GROUP), invoked("help", GROUP), pressed(Action("stop", 1)), Left(PRIVATE, ANNA, "k")]
)
def test_nothing_is_due_in_groups_nor_for_what_is_no_message(incoming: Incoming) -> None:
    doormen = Strangers()
    assert not doormen.owes(incoming)
    assert doormen.owes(said("hello")), "nor does that use up the one that is due in private"


def test_a_crowd_is_told_a_few_at_a_time_and_the_oldest_are_forgotten_where_there_are_too_many() -> None:
    scene = Scene(access=AccessSettings(admins=("telegram:9",)))

    async def work() -> None:
        doormen = Strangers()
        crowd = [said("x", Address("telegram", str(number)), Sender(str(number))) for number in range(REMEMBERED + 10)]
        told = [each for each in crowd if doormen.owes(each)]
        assert len(told) == MOST_AT_ONCE
        await asyncio.gather(*(doormen.tell(each, scene.services) for each in told))
        for each in crowd[MOST_AT_ONCE:]:
            assert doormen.owes(each), "the others are told when they write again"
            doormen._telling -= 1
        assert len(doormen._told) == REMEMBERED
        assert not doormen.owes(crowd[-1])
        assert doormen.owes(crowd[0])

    run_virtual(work())
    assert len(scene.chats) == MOST_AT_ONCE


@pytest.mark.parametrize(("admins", "key"), [(("telegram:9",), "access.stranger"), ((), "access.first")])
def test_they_are_told_which_line_lets_them_in(admins: tuple[str, ...], key: str) -> None:
    scene = Scene(access=AccessSettings(admins=admins))
    run_virtual(Strangers().tell(said("hello"), scene.services))
    assert scene.chat().text == scene.say(key, id="1001", entry="telegram:1001")


def test_they_are_told_in_their_language() -> None:
    scene = Scene(access=AccessSettings(admins=("telegram:9",)))
    run_virtual(Strangers().tell(said("hello", sender=Sender("1001", "Anna", "ru")), scene.services))
    assert scene.chat().text == scene.texts.of("ru").say("access.stranger", id="1001", entry="telegram:1001")


@pytest.mark.parametrize("failure", [PlaceGone("blocked"), Unsure("502"), SlowDown(3600)])
def test_a_failure_to_tell_them_is_no_crash_and_is_not_repeated(failure: PlaceGone | Unsure | SlowDown) -> None:
    scene = Scene(access=AccessSettings())
    scene.chat().failures.append(failure)
    run_virtual(Strangers().tell(said("hello"), scene.services))
    assert len(scene.chat().calls) == 1


def test_whoever_is_let_in_or_blocked_by_the_place_is_no_stranger() -> None:
    settings = AccessSettings(admins=("telegram:9",), allow=("telegram:-100555",), block=("telegram:66",))
    allowed, blocked = said("hello", GROUP), said("hello", Address("telegram", "66"), Sender("66"))

    async def work(desk: Desk) -> None:
        await desk.hand_in(allowed, blocked)

    desk = play(Desk(access=settings), work)
    assert desk.sent(GROUP) == ["All right."]
    assert desk.sent(blocked.address) == []


def test_first_contact_goes_from_the_sentence_to_an_answer_by_the_line_it_names() -> None:
    async def knock(desk: Desk) -> None:
        await desk.hand_in(invoked("start"))

    async def come_in(desk: Desk) -> None:
        await desk.hand_in(said("hello"))

    outside = play(Desk(access=AccessSettings()), knock)
    assert outside.store.turns == {}, "nothing of a stranger is stored"
    block = re.search(r"```yaml\n(.*)\n```", outside.sent()[0], re.DOTALL)
    assert block
    line = yaml.safe_load(block[1])
    assert line == {"access": {"admins": ["telegram:1001"]}}
    inside = play(Desk(access=AccessSettings(**line["access"])), come_in)
    assert inside.sent() == ["All right."]


def test_an_hour_later_a_stranger_is_told_once_more_and_presses_are_never_answered() -> None:
    doormen = Strangers()
    assert [doormen.owes(pressed(Action("retry", 1))) for _ in range(3)] == [False] * 3
    assert doormen.owes(said("one"))
    doormen._telling -= 1
    doormen._told["telegram:1001"] -= AGAIN_AFTER_SECONDS
    assert [doormen.owes(said("two")), doormen.owes(said("three"))] == [True, False]


def test_whoever_filled_in_a_form_is_always_told_for_it_waits_for_an_answer() -> None:
    doormen = Strangers()
    form = replace(GROUP, token="t", token_expires_at=1.0)
    assert [doormen.owes(invoked("model", form)) for _ in range(3)] == [True] * 3


def test_somebody_who_is_blocked_and_used_a_command_gets_an_end_to_the_waiting_and_no_word_of_why() -> None:
    access = AccessSettings(admins=("telegram:9",), block=(f"telegram:{ANNA.id}",))
    form = replace(GROUP, token="t", token_expires_at=1.0)

    async def work(desk: Desk) -> None:
        await desk.hand_in(invoked("help", form), said("hello", GROUP), said("hello"), pressed(Action("stop", 1), form))

    desk = play(Desk(access=access), work)
    assert desk.sent(GROUP) == ["🚫"]
    assert desk.sent(PRIVATE) == []


def test_a_crowd_of_blocked_ones_uses_up_nothing() -> None:
    doormen = Strangers()
    form = invoked("help", replace(GROUP, token="t", token_expires_at=1.0))
    assert [doormen.owes(form, blocked=True) for _ in range(MOST_AT_ONCE + 5)].count(True) == MOST_AT_ONCE
    assert doormen.owes(form), "who isn't blocked is told all the same"
