"""Commands as a whole: what each is, who is shown it, and that the declared and the shown never differ."""

import re

import pytest

from chat.buttons import Action, Button, Verb, decode, encode
from chat.commands import Command
from chat.incoming import Address, Left, Sender, Unreadable
from handlers import BY_NAME, COMMANDS, PRESSES, kind_of, menu
from handlers.access import AccessSettings
from tests.handlers.scene import ADMIN, ANNA, GROUP, PRIVATE, Scene, invoked, pressed, said
from texts import Texts

TEXTS = Texts.load("en")
TELEGRAMS_NAME = re.compile(r"[a-z0-9_]{1,32}")


def commands_in(text: str) -> list[str]:
    """The commands that a help text lists."""
    return re.findall(r"^/(\w+) — ", text, re.MULTILINE)


def usable(*access: str) -> list[str]:
    return [command.name for command in COMMANDS if command.access in access and not command.hidden]


# What is declared


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("control", {"start", "help", "model", "stop", "usage", "admin"}),
        ("turn", {"ask", "image", "retry"}),
        ("barrier", {"new", "forget", "system"}),
    ],
)
def test_which_run_at_once_which_wait_their_turn_and_which_stop_the_reply_first(kind: str, names: set[str]) -> None:
    assert {command.name for command in COMMANDS if kind_of(invoked(command.name)) == kind} == names


def test_what_is_said_waits_its_turn_and_presses_and_the_rest_are_done_at_once() -> None:
    assert kind_of(said("x")) == "turn"
    others = (pressed(Action("stop", 1)), Left(PRIVATE, ANNA, "k"), Unreadable(PRIVATE, "k", "r", "p"))
    assert {kind_of(each) for each in others} == {"control"}


def test_names_are_fit_for_a_menu_and_none_comes_twice() -> None:
    assert all(TELEGRAMS_NAME.fullmatch(name) for name in BY_NAME)
    assert len(BY_NAME) == len(COMMANDS)
    for command in COMMANDS:
        names = [option.name for option in command.options]
        assert len(set(names)) == len(names)
        assert all(option.choices for option in command.options if option.kind == "choice")


def test_every_button_does_something_and_fits_into_64_bytes() -> None:
    verbs: tuple[Verb, ...] = ("stop", "retry", "continue", "model", "models")
    assert set(PRESSES) == set(verbs)
    for verb in verbs:
        action = Action(verb, 2**53, 2**32 - 1)
        assert len(encode(action).encode()) <= 64
        assert decode(encode(action)) == action
        assert Button("x", action).action == action


# Who is shown what


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    ("sender", "address", "access"),
    [
        (ANNA, PRIVATE, ("anyone", "owner")),
        (ANNA, GROUP, ("anyone",)),
        (ADMIN, PRIVATE, ("anyone", "owner", "admin")),
        (ADMIN, GROUP, ("anyone", "owner", "admin")),
    ],
)
async def test_help_lists_just_what_this_person_may_use_at_this_place(
    sender: Sender, address: Address, access: tuple[str, ...], language: str
) -> None:
    told = await Scene().told(invoked("help", address, Sender(sender.id, sender.name, language)))
    assert commands_in(told) == usable(*access)


async def test_the_playgrounds_user_is_shown_all_and_without_admins_nobody_else_is() -> None:
    scene = Scene(access=AccessSettings(public=True), trusted=["playground"])
    told = await scene.told(invoked("help", Address("playground", "1"), Sender("1")))
    assert commands_in(told) == usable("anyone", "owner", "admin")
    assert commands_in(await scene.told(invoked("help", sender=ADMIN))) == usable("anyone", "owner")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@pytest.mark.parametrize("sender", [ANNA, ADMIN])
@pytest.mark.parametrize("address", [PRIVATE, GROUP])
async def test_what_help_lists_may_be_used_and_what_it_doesnt_is_refused_with_a_sentence(
    command: Command, sender: Sender, address: Address
) -> None:
    scene = Scene()
    listed = commands_in(await scene.told(invoked("help", address, sender)))
    outcome = await scene.handled(invoked(command.name, address, sender))
    refused = outcome.final is not None and outcome.final.note.startswith("🔒")
    assert refused is (command.name not in listed and not command.hidden)
    assert not outcome.failed


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("command", "address"), [("system", GROUP), ("forget", GROUP), ("admin", PRIVATE)])
async def test_a_command_without_permission_gets_a_sentence_in_the_persons_language_and_changes_nothing(
    command: str, address: Address, language: str
) -> None:
    scene = Scene()
    await scene.handled(said("hello", address))
    before = list(scene.store._connection.iterdump())
    told = await scene.told(invoked(command, address, Sender(ANNA.id, "Anna", language), "reset"))
    key = f"access.{BY_NAME[command].access}"
    assert told == scene.texts.of(language).say(key, command=command, entry="telegram:1001")
    changed = set(scene.store._connection.iterdump()) ^ set(before)
    assert all("turns" in line or "sqlite_sequence" in line for line in changed)


@pytest.mark.parametrize("code", ["", "en", "ru"])
def test_a_menu_has_each_language_its_descriptions_and_nothing_hidden(code: str) -> None:
    entries = menu(TEXTS)
    assert [entry.command.name for entry in entries] == usable("anyone", "owner", "admin")
    for entry in entries:
        name, say = entry.command.name, TEXTS.of(code).say
        assert entry.description[code] == say(f"command.{name}")
        for option in entry.command.options:
            assert entry.options[option.name][code] == say(f"option.{name}.{option.name}")


def test_where_the_language_is_unknown_the_menu_speaks_the_configs() -> None:
    for entry in menu(Texts.load("ru")):
        assert set(entry.description) == {"", "en", "ru"}
        assert entry.description[""] == entry.description["ru"] != entry.description["en"]
