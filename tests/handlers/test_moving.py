"""A place that gets another name: whoever had access there has it still, and the operator is told what to change."""

import logging

import pytest

from chat.incoming import Address, Moved
from handlers.access import Access, AccessSettings, Moves
from handlers.moving import follow
from storage.base import Choices, StorageError
from tests.handlers.scene import ADMIN, EVE, Scene, invoked, said

OLD = Address("telegram", "-555", message="3", private=False)
NEW = Address("telegram", "-100777", message="1", private=False)
BEFORE, NOW = OLD.budget, NEW.budget
MOVED = Moved(OLD, "k", NEW.place)


def access(known: dict[str, str] | None = None, **settings: tuple[str, ...] | bool) -> Access:
    return Access(AccessSettings.model_validate(settings), moves=Moves(known))


@pytest.mark.parametrize("entry", [BEFORE, NOW])
def test_an_entry_lets_in_or_blocks_the_place_by_either_name(entry: str) -> None:
    known = {BEFORE: NOW}
    for address in (OLD, NEW):
        assert access(known, allow=(entry,)).allows(said("hello", address, EVE))
        assert not access(known, public=True, block=(entry,)).allows(said("hello", address, EVE))
    elsewhere = said("hello", Address("telegram", "-5550", private=False), EVE)
    assert not access(known, allow=(entry,)).allows(elsewhere)


def test_without_a_move_the_new_place_is_a_strange_one() -> None:
    assert not access(allow=(BEFORE,)).allows(said("hello", NEW, EVE))


def test_entries_for_places_that_moved_are_told_and_no_others() -> None:
    told = access({BEFORE: NOW, "telegram:-7": "telegram:-8"}, allow=(BEFORE, "telegram:1001"), block=("telegram:-8",))
    assert told.outdated == {BEFORE: NOW}


async def test_history_choices_and_access_go_along_and_the_operator_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(access=AccessSettings(allow=(BEFORE,)))
    await scene.handled(said("hello", OLD, EVE))
    await scene.store.choose(BEFORE, model="smart")
    for _ in range(2):  # Telegram tells it in both groups
        await follow(MOVED, scene.store, scene.services.access)
    assert scene.services.access.allows(said("hello", NEW, EVE))
    assert next(message.text for message in await scene.store.history(NOW, 99)).endswith("hello")
    assert await scene.store.choices(NOW) == Choices("smart")
    warnings = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert BEFORE in warnings[0]
    assert NOW in warnings[0]


async def test_what_the_store_couldnt_move_is_moved_when_it_is_told_again() -> None:
    scene = Scene(access=AccessSettings(allow=(BEFORE,)))
    scene.store.failing["move"] = 1
    with pytest.raises(StorageError):
        await follow(MOVED, scene.store, scene.services.access)
    assert not scene.services.access.allows(said("hello", NEW, EVE))
    await follow(MOVED, scene.store, scene.services.access)
    assert scene.services.access.allows(said("hello", NEW, EVE))


async def test_status_says_which_entry_to_change() -> None:
    scene = Scene(access=AccessSettings(admins=("telegram:9",), allow=(BEFORE,)))
    sentence = scene.say("admin.moved", entry=BEFORE, name=NOW)
    assert sentence not in await scene.told(invoked("admin", sender=ADMIN))
    await follow(MOVED, scene.store, scene.services.access)
    assert f"- ⚠️ {sentence}" in (await scene.told(invoked("admin", sender=ADMIN))).splitlines()


async def test_the_last_question_of_before_can_be_asked_again_by_its_asker_alone() -> None:
    scene = Scene()
    await scene.handled(said("hello", OLD, EVE))
    await follow(MOVED, scene.store, scene.services.access)
    assert (await scene.handled(invoked("retry", NEW))).again is None
    again = (await scene.handled(invoked("retry", NEW, EVE))).again
    assert again
    assert (again.incoming.address, again.reply.parts) == (OLD, ()), "sent there, it follows the move"
