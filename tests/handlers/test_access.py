"""Access: closed by default, decided from numeric ids; a block goes before all but being an admin."""

import pytest

from chat.incoming import Address, Sender
from handlers.access import Access, AccessSettings
from tests.handlers.scene import ADMIN, ANNA, GROUP, PRIVATE, TOPIC, said

ANNA_ID, ADMIN_ID, GROUP_ID = "telegram:1001", "telegram:9", "telegram:-100555"


def allows(settings: AccessSettings, address: Address = PRIVATE, sender: Sender = ANNA) -> bool:
    return Access(settings).allows(said("hello", address, sender))


def test_without_lists_nobody_gets_an_answer_and_with_admins_only_they_do() -> None:
    assert not allows(AccessSettings())
    assert not allows(AccessSettings(admins=(ADMIN_ID,)))
    assert allows(AccessSettings(admins=(ADMIN_ID,)), sender=ADMIN)


def test_a_person_on_the_list_gets_an_answer_everywhere_and_a_group_lets_in_all_its_people() -> None:
    assert allows(AccessSettings(allow=(ANNA_ID,)), GROUP)
    assert allows(AccessSettings(allow=(GROUP_ID,)), TOPIC)
    assert not allows(AccessSettings(allow=(GROUP_ID,)))


def test_ids_of_another_messenger_and_names_let_nobody_in() -> None:
    assert not allows(AccessSettings(allow=("discord:1001", "1001", "telegram:Anna", "telegram:10010")))
    imposter = Sender("666", name="telegram:1001")
    assert not allows(AccessSettings(allow=(ANNA_ID,)), Address("telegram", "666"), imposter)


@pytest.mark.parametrize("name", ["telegram:9", "9"])
def test_nobody_becomes_an_admin_by_a_name_or_by_the_same_number_on_another_messenger(name: str) -> None:
    access = Access(AccessSettings(public=True, admins=(ADMIN_ID,)))
    assert access.is_admin(said("hello", sender=ADMIN))
    assert not access.is_admin(said("hello", sender=Sender("666", name=name)))
    assert not access.is_admin(said("hello", Address("discord", "1"), ADMIN))


@pytest.mark.parametrize("blocked", [ANNA_ID, GROUP_ID])
def test_a_block_of_a_person_or_a_group_goes_before_every_other_entry(blocked: str) -> None:
    settings = AccessSettings(public=True, allow=(ANNA_ID, GROUP_ID), block=(blocked,), admins=(ADMIN_ID,))
    assert not allows(settings, GROUP)
    assert allows(settings, GROUP, ADMIN)


def test_people_of_a_trusted_messenger_are_admins_and_nobody_else_is_by_that() -> None:
    access = Access(AccessSettings(), trusted=["playground"])
    assert access.is_admin(said("hello", Address("playground", "1"), Sender("1")))
    assert not access.is_admin(said("hello"))
    assert not access.allows(said("hello"))


def test_whether_there_are_admins_is_about_the_config() -> None:
    assert Access(AccessSettings(admins=(ADMIN_ID,))).has_admins
    assert not Access(AccessSettings(), trusted=["playground"]).has_admins


@pytest.mark.parametrize("entry", ["discord:guild:77", "discord:channel:99", "discord:role:88", "discord:42"])
def test_a_server_a_channel_with_its_threads_a_role_and_a_person_each_can_be_let_in_or_blocked(entry: str) -> None:
    place = Address("discord", "5", private=False, within=("guild:77", "channel:99"))
    asked = said("hello", place, Sender("42", roles=("role:88",)))
    other = said("hello", Address("discord", "6", within=("guild:7",)), Sender("43", roles=("role:8",)))
    assert Access(AccessSettings(allow=(entry,))).allows(asked)
    assert not Access(AccessSettings(allow=(entry,))).allows(other)
    assert not Access(AccessSettings(public=True, block=(entry,))).allows(asked)
    assert Access(AccessSettings(public=True, block=(entry,))).allows(other)


def test_people_of_a_messenger_that_has_let_them_in_get_answers_and_are_no_admins() -> None:
    access = Access(AccessSettings(), admitted=["playground"])
    asked = said("hello", Address("playground", "1"), Sender("1"))
    assert access.allows(asked)
    assert not access.is_admin(asked)
    assert not access.allows(said("hello"))
