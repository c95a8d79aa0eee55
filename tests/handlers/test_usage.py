"""/usage: what the asker used today and what there is, in two forms: with limits, and for admins."""

import pytest

from chat.incoming import Address, Sender
from handlers.quotas import reset
from handlers.settings import LimitsSettings
from storage.base import Amount
from tests.handlers.scene import ADMIN, ANNA, BOB, GROUP, PRIVATE, Scene, invoked, said

LIMITS = LimitsSettings(messages_per_day=50, images_per_day=5)


async def used(scene: Scene, sender: Sender, amount: Amount) -> None:
    turn = await scene.receive(said("x", sender=sender, key=f"{sender} {amount}"))
    spent = scene.services.spent(turn.incoming, amount)
    await scene.store.answer(turn.id, turn.reply, None, (), failed=False, spent=spent)


def figures(scene: Scene, key: str, language: str, **values: int) -> str:
    """The sentence with those figures, at this minute."""
    return scene.texts.of(language).say(key, **values, **reset(scene.services, scene.services.now()))


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("address", [PRIVATE, GROUP])
async def test_a_person_sees_their_own_figures_their_limits_and_when_it_begins_again(
    language: str, address: Address
) -> None:
    scene = Scene(limits=LIMITS)
    await used(scene, ANNA, Amount(3, 2, 1000, 500))
    await used(scene, BOB, Amount(9, 9, 9, 9))
    values = {"messages": 3, "most_messages": 50, "images": 2, "most_images": 5, "tokens": 1500}
    before = figures(scene, "usage.limited", language, **values)
    told = await scene.told(invoked("usage", address, Sender(ANNA.id, "Anna", language)))
    assert told in {before, figures(scene, "usage.limited", language, **values)}


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_an_admin_sees_figures_without_limits(language: str) -> None:
    scene = Scene(limits=LIMITS)
    await used(scene, ADMIN, Amount(300, 20, 7, 3))
    values = {"messages": 300, "images": 20, "tokens": 10}
    before = figures(scene, "usage.admin", language, **values)
    told = await scene.told(invoked("usage", sender=Sender(ADMIN.id, "Ada", language)))
    assert told in {before, figures(scene, "usage.admin", language, **values)}


async def test_the_playgrounds_user_is_shown_as_an_admin() -> None:
    scene = Scene(trusted=["playground"])
    told = await scene.told(invoked("usage", Address("playground", "1"), Sender("1")))
    assert "Admins have no limit" in told


async def test_who_used_nothing_sees_nothing_used() -> None:
    assert "0 of 200 messages and 0 of 20 pictures (0 tokens)" in await Scene().told(invoked("usage"))


async def test_an_answer_shows_in_the_figures() -> None:
    scene = Scene()
    await scene.handled(said("hello"))
    assert "1 of 200 messages" in await scene.told(invoked("usage"))
