"""Slash commands: made from the declarations, in two languages, and told to Discord only when they changed."""

import asyncio
import copy
import re
from dataclasses import replace
from typing import Any

import pytest

from chat.commands import Command, MenuEntry, Option
from messengers.discord.commands import Tree, normal
from tests.messengers.discord.incoming import MENU, SYNCED, TEXTS, FakeReception, discord_running
from tests.servers.discord_server import Channel, DiscordServer, Fault, Person

TREE = Tree(MENU, TEXTS.section("discord"))
OVERWRITE = "PUT /applications/{application}/commands"
NAME = re.compile(r"[-_\w]{1,32}")  # letters of any script; Discord wants them small


def payload() -> dict[str, dict[str, Any]]:
    return {command["name"]: command for command in TREE.payload()}


def test_every_command_is_there_and_a_message_can_be_asked_about() -> None:
    assert set(payload()) == {entry.command.name for entry in MENU} | {"Ask about this"}
    assert {"ask", "model", "image", "new", "system", "stop", "retry", "usage", "forget", "help", "admin"} <= set(
        payload()
    )
    assert payload()["Ask about this"]["type"] == 3
    assert payload()["Ask about this"]["name_localizations"] == {"ru": "Спросить об этом"}


def test_names_and_descriptions_are_such_as_discord_takes_in_both_languages() -> None:
    for command in TREE.payload()[:-1]:
        for part in (command, *command["options"]):
            names = [part["name"], *part["name_localizations"].values()]
            assert all(NAME.fullmatch(name) and name == name.lower() for name in names), names
            texts = [part["description"], *part["description_localizations"].values()]
            assert all(1 <= len(text) <= 100 for text in texts)
            assert "ru" in part["description_localizations"]
        names = [option["name_localizations"].get("ru", option["name"]) for option in command["options"]]
        assert len(names) == len(set(names))
    russian = [command["name_localizations"].get("ru", command["name"]) for command in TREE.payload()[:-1]]
    assert len(russian) == len(set(russian))


def test_they_can_be_installed_in_servers_and_by_people_and_used_everywhere() -> None:
    for command in TREE.payload():
        assert (command["integration_types"], command["contexts"]) == ([0, 1], [0, 1, 2])


def test_the_admins_command_is_not_shown_to_everybody() -> None:
    assert payload()["admin"]["default_member_permissions"] == "0"
    assert "default_member_permissions" not in payload()["model"]


def test_options_have_fields_of_their_kind() -> None:
    image = {option["name"]: option for option in payload()["image"]["options"]}
    assert image["prompt"]["required"]
    assert [choice["value"] for choice in image["ratio"]["choices"]] == ["1:1", "16:9", "9:16"]
    assert (image["count"]["type"], image["count"]["min_value"]) == (4, 0)
    assert image["model"]["autocomplete"]
    ask = {option["name"]: option for option in payload()["ask"]["options"]}
    assert ask["image"]["type"] == 11
    (model,) = payload()["model"]["options"]
    assert (model["name"], model["autocomplete"], model["required"]) == ("name", True, False)


def test_what_is_required_comes_first() -> None:
    command = Command("draw", options=(Option("size"), Option(required=True)))
    said = {"": "x", "en": "x", "ru": "ы"}
    tree = Tree([MenuEntry(command, said, {"size": said, "": said})], TEXTS.section("discord"))
    assert [option["required"] for option in tree.payload()[0]["options"]] == [True, False]
    assert tree.payload()[0]["options"][0]["name"] == "text"


async def test_they_are_told_once_and_not_again_at_the_next_start(server: DiscordServer) -> None:
    for _ in range(2):
        async with discord_running(server, FakeReception()):
            pass
    assert len(server.made(SYNCED)) == 2
    assert len(server.made(OVERWRITE)) == 1


async def test_they_are_told_again_when_they_changed(server: DiscordServer, reception: FakeReception) -> None:
    async with discord_running(server, FakeReception()):
        pass
    server.commands.registered(None)
    server.commands.overwrite(None, TREE.payload()[:3])
    async with discord_running(server, reception):
        assert len(server.made(OVERWRITE)) == 2


async def test_the_command_that_starts_an_activity_stays(server: DiscordServer) -> None:
    launch = server.commands.enable_activities()
    for _ in range(2):
        async with discord_running(server, FakeReception()):
            pass
    known = server.commands.registered(None)
    assert next(command for command in known if command["type"] == 4)["id"] == launch["id"]
    assert len(known) == len(TREE.payload()) + 1
    assert [call.status for call in server.made(OVERWRITE)] == [200]


@pytest.mark.parametrize("change", ["description", "name_localizations", "options", "contexts"])
def test_any_difference_that_people_would_see_counts(change: str) -> None:
    known = copy.deepcopy(TREE.payload())
    image = next(command for command in known if command["name"] == "image")
    image[change] = {"description": "other", "name_localizations": {}, "options": [], "contexts": [0]}[change]
    assert normal(known) != normal(TREE.payload())


def test_what_discord_adds_of_its_own_does_not_count() -> None:
    known = copy.deepcopy(TREE.payload())
    for number, command in enumerate(known):
        command |= {"id": str(number), "version": "7", "application_id": "1", "nsfw": False, "dm_permission": True}
        command["integration_types"] = [1, 0]
        command.setdefault("default_member_permissions", None)
    assert normal(list(reversed(known))) == normal(TREE.payload())


@pytest.mark.parametrize(
    "fault", [Fault.html(502), Fault.html(200), Fault.flood(0.3), Fault.reset()], ids=lambda fault: str(fault.kind)
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_they_are_told_again_until_discord_knows_them(
    server: DiscordServer, reception: FakeReception, method: str, fault: Fault
) -> None:
    server.faults.next(f"{method} /applications/*/commands", fault)
    async with discord_running(server, reception, wait=False):
        await server.wait_for(lambda each: each.commands.registered(None))
    assert normal(server.commands.registered(None)) == normal(TREE.payload())


async def test_what_discord_refuses_is_not_told_for_ever(server: DiscordServer, reception: FakeReception) -> None:
    server.faults.next("PUT /applications/*/commands", Fault.refusal(400, 50035), Fault.refusal(400, 50035))
    async with discord_running(server, reception):
        await asyncio.sleep(1.3)
    assert server.faults.planned == 1


async def test_a_failure_to_set_them_stops_nothing(
    server: DiscordServer, reception: FakeReception, anna: Person, general: Channel
) -> None:
    server.faults.next("PUT /applications/*/commands", Fault.html(502))
    async with discord_running(server, reception):
        anna.say(general, "hello", mention_bot=True)
        await reception.hears()


def test_a_language_that_is_the_default_is_what_all_others_are_told() -> None:
    russian = type(TEXTS)(TEXTS.languages, "ru")
    from handlers import menu

    tree = Tree(menu(russian), russian.section("discord"))
    ask = next(command for command in tree.payload() if command["name"] == "ask")
    assert ask["description"] == TEXTS.of("ru").say("command.ask")
    assert ask["description_localizations"]["en-US"] == TEXTS.of("en").say("command.ask")
    assert ask["options"][0]["name"] == "question", "what is sent to the bot is the same in every language"
    assert replace(tree, menu=()).entry("ask") is None
