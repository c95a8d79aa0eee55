"""/stop and the Stop button: only the asker, in the same conversation, or an admin ends a reply."""

from dataclasses import replace

import pytest

from chat.buttons import Action
from chat.incoming import Address, Incoming, Sender
from handlers import attempt
from handlers.services import Outcome, Running
from tests.handlers.scene import ADMIN, ANNA, EVE, GROUP, PRIVATE, TOPIC, Scene, idle_reply, invoked, pressed, said

ELSEWHERE = Address("telegram", "-100999", private=False)


async def stopped(who: Incoming, asked_at: Address = GROUP, asker: Sender = ANNA) -> bool:
    """Whether `who` stops turn 41, asked by `asker`."""
    scene = Scene()
    live = idle_reply()
    scene.services.bot.running[41] = Running(said("x", asked_at, asker), live)
    assert await attempt(await scene.receive(who), scene.services) == Outcome(), "nothing is said"
    return live._stopped


@pytest.mark.parametrize("sender", [ANNA, ADMIN])
async def test_the_asker_and_an_admin_may_stop(sender: Sender) -> None:
    assert await stopped(pressed(Action("stop", 41), GROUP, sender))
    assert await stopped(invoked("stop", GROUP, sender))


async def test_somebody_else_may_not() -> None:
    assert not await stopped(pressed(Action("stop", 41), GROUP, EVE))
    assert not await stopped(invoked("stop", GROUP, EVE))


@pytest.mark.parametrize("elsewhere", [ELSEWHERE, TOPIC, PRIVATE])
async def test_the_asker_may_not_from_another_conversation(elsewhere: Address) -> None:
    assert not await stopped(pressed(Action("stop", 41), elsewhere))
    assert not await stopped(invoked("stop", elsewhere))


async def test_the_same_number_on_another_messenger_is_another_person() -> None:
    there = Address("discord", GROUP.place, private=False)
    assert not await stopped(pressed(Action("stop", 41), there, Sender(ANNA.id)))
    assert not await stopped(pressed(Action("stop", 41), there, Sender(ADMIN.id)))


async def test_the_stop_command_of_an_admin_is_for_the_conversation_it_is_said_in() -> None:
    assert not await stopped(invoked("stop", ELSEWHERE, ADMIN))


@pytest.mark.parametrize("turn", [0, 1, 40, 42, 10**17])
async def test_a_forged_or_old_number_stops_nothing(turn: int) -> None:
    assert not await stopped(pressed(Action("stop", turn), GROUP))


async def test_where_nothing_runs_nothing_happens() -> None:
    scene = Scene()
    assert await attempt(await scene.receive(invoked("stop")), scene.services) == Outcome()
    assert await attempt(await scene.receive(pressed(Action("stop", 1))), scene.services) == Outcome()


async def test_in_a_room_with_chains_of_replies_the_stop_command_is_for_all_of_them() -> None:
    channel = Address("discord", "5", private=False)
    scene, live = Scene(), idle_reply()
    scene.services.bot.running[41] = Running(said("x", replace(channel, branch="77")), live)
    await attempt(await scene.receive(invoked("stop", channel)), scene.services)
    assert live._stopped
