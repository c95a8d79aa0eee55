"""Slash commands, made from the same declarations as all other menus; told to Discord only when they changed.

Source: discord-api-docs, "Application commands" (naming, localizations, contexts, bulk overwrite).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.commands import MenuEntry, Option
from messengers.base import Fatal, MessengerError, Refused, SlowDown
from messengers.discord.calls import Rest
from messengers.discord.client import MALFORMED

log = logging.getLogger(__name__)

Json = dict[str, Any]
Sentences = Mapping[str, Mapping[str, str]]  # language ("" = any other) → key → sentence

SLASH, ON_MESSAGE, ENTRY_POINT = 1, 3, 4  # types of commands
TEXT, NUMBER, FILE = 3, 4, 11  # types of options
LARGEST_NUMBER = 999_999_999  # as `chat.commands.takes`
LONGEST_DESCRIPTION, LONGEST_TEXT = 100, 6000
LOCALES = {"en": ("en-US", "en-GB")}  # Discord's names for a language, where it isn't the language's own
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 300.0
EVERYWHERE: Json = {
    "integration_types": [0, 1],  # installed in a server, installed by a person
    "contexts": [0, 1, 2],  # a server, the bot's DM, other private channels
}
# What a command says of itself; the rest of what Discord tells of one (ids, versions) is Discord's.
SHARED = ("name", "description", "type", "required", "autocomplete", "min_value", "max_value", "max_length", "value")
KEYS = (*SHARED, "default_member_permissions", "integration_types", "contexts")
LOCALIZED = ("name_localizations", "description_localizations")
LISTS = ("options", "choices")


@dataclass(frozen=True, slots=True)
class Tree:
    """The commands as Discord knows them. `texts`: language → key → sentence, of the section `discord`."""

    menu: Sequence[MenuEntry]
    texts: Sentences

    def entry(self, name: str) -> MenuEntry | None:
        """The command with this name."""
        return next((each for each in self.menu if each.command.name == name), None)

    def option(self, entry: MenuEntry, name: str) -> Option | None:
        """The option that is called so in Discord's form."""
        return next((each for each in entry.command.options if self.called(entry, each) == name), None)

    def called(self, entry: MenuEntry, option: Option) -> str:
        """What an option is called in the form: the one without a name must have one there."""
        return option.name or self.texts["en"].get(f"text.{entry.command.name}", "text")

    def payload(self) -> list[Json]:
        """All commands, as a bulk overwrite takes them."""
        about = self._said("ask_about")
        return [
            *(self._command(entry) for entry in self.menu),
            {"type": ON_MESSAGE, "name": about[""], "name_localizations": localized(about), **EVERYWHERE},
        ]

    def _command(self, entry: MenuEntry) -> Json:
        command = entry.command
        # A form wants what is required first.
        options = sorted(command.options, key=lambda option: not option.required)
        shown: Json = {"type": SLASH, "name": command.name, "description": _described(entry.description)}
        shown["name_localizations"] = self._names(f"command.{command.name}", command.name)
        shown["description_localizations"] = _cut(localized(entry.description))
        shown["options"] = [self._option(entry, option) for option in options]
        if command.access == "admin":
            shown["default_member_permissions"] = "0"  # who may use it is decided by `access`; others needn't see it
        return shown | EVERYWHERE

    def _option(self, entry: MenuEntry, option: Option) -> Json:
        name, said = self.called(entry, option), entry.options[option.name]
        key = f"option.{option.name}" if option.name else f"text.{entry.command.name}"
        shown: Json = {"name": name, "description": _described(said), "required": option.required}
        shown["name_localizations"] = self._names(key, name)
        shown["description_localizations"] = _cut(localized(said))
        match option.kind:
            case "number":
                shown |= {"type": NUMBER, "min_value": 0, "max_value": LARGEST_NUMBER}
            case "file":
                shown |= {"type": FILE}
            case "choice":
                shown |= {"type": TEXT, "choices": [{"name": each, "value": each} for each in option.choices]}
            case _:
                shown |= {"type": TEXT, "autocomplete": option.suggests, "max_length": LONGEST_TEXT}
        return shown

    def _names(self, key: str, name: str) -> Json:
        """A name's translations, where the texts have any."""
        return {locale: text for locale, text in localized(self._said(key)).items() if text != name}

    def _said(self, key: str) -> Mapping[str, str]:
        return {code: sentences[key] for code, sentences in self.texts.items() if key in sentences}


async def keep_told(rest: Rest, application: int, tree: Tree) -> None:
    """Tell Discord the commands, until it knows them. What it refuses is logged: the old ones stay."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            await sync(rest, application, tree)
        except (Refused, Fatal) as refusal:
            log.error("Discord refuses the slash commands: %s", refusal)
            return
        except (MessengerError, *MALFORMED) as failure:
            wait = max(pause, failure.retry_after) if isinstance(failure, SlowDown) else pause
            log.warning("Discord's slash commands were not set, again in %g s: %s", wait, failure)
            await asyncio.sleep(wait)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
        else:
            return


async def sync(rest: Rest, application: int, tree: Tree) -> None:
    """Tell Discord the commands, if it knows others. Raises `MessengerError`s."""
    path = f"/applications/{application}/commands"
    # Without this the translations aren't told, and every start would find a difference.
    known = await rest.listed(f"{path}?with_localizations=true")
    # Where Activities are enabled there is one that Discord made; it refuses an overwrite without that (50240).
    wanted = tree.payload() + [each for each in known if each.get("type") == ENTRY_POINT]
    if normal(known) != normal(wanted):
        await rest.call("PUT", path, wanted)
        log.info("Discord's slash commands were set")


def normal(commands: Sequence[Json]) -> list[Json]:
    """Commands so that they can be compared: in order, without ids, versions, and what says nothing."""
    return sorted(map(_normal, commands), key=lambda command: (command.get("type", SLASH), command["name"]))


def _normal(part: Json) -> Json:
    kept = {key: part.get(key) for key in (*KEYS, *LOCALIZED)}
    kept |= {key: [_normal(each) for each in part.get(key) or ()] for key in LISTS}
    kept |= {key: sorted(part.get(key) or ()) for key in ("integration_types", "contexts")}
    return {key: value for key, value in kept.items() if value not in (None, False, "", [], {})}


def localized(said: Mapping[str, str]) -> dict[str, str]:
    """A text by Discord's locales, without those that say what any other language is told."""
    locales = ((locale, text) for code, text in said.items() if code for locale in LOCALES.get(code, (code,)))
    return {locale: text for locale, text in locales if text != said.get("")}


def _described(said: Mapping[str, str]) -> str:
    return said[""][:LONGEST_DESCRIPTION]


def _cut(said: dict[str, str]) -> dict[str, str]:
    return {locale: text[:LONGEST_DESCRIPTION] for locale, text in said.items()}
