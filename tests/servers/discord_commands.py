"""Application commands of the stand-in Discord: what is registered, and what Discord takes.

Source: discord-api-docs, "Application Commands". A name in "all" languages is lower case where the language has it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.servers.discord_errors import Json, checked_length, invalid, refusal, too_long
from tests.servers.discord_world import World

CHAT, USER, MESSAGE, ENTRY_POINT = 1, 2, 3, 4
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN = 1, 2, 3, 4, 5
PERSON, CHANNEL, ROLE, MENTIONABLE, NUMBER, FILE = 6, 7, 8, 9, 10, 11
MOST = {CHAT: 100, USER: 15, MESSAGE: 15, ENTRY_POINT: 1}
MOST_CHARACTERS = 8000
LOCALES = frozenset({
    "id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl", "no", "pl", "pt-BR",
    "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW", "ko",
})  # fmt: skip
_NAME = re.compile(r"[-_'\w\u0900-\u097f\u0e00-\u0e7f]{1,32}")


@dataclass(frozen=True, slots=True)
class Change:
    """A call that changed what is registered: "PUT", "POST" or "DELETE"; `guild` None: everywhere."""

    at: float
    method: str
    guild: int | None
    commands: tuple[str, ...]


class Commands:
    """What is registered, by guild (None: everywhere). `changes` is every call that changed it."""

    def __init__(self, world: World) -> None:
        self.changes: list[Change] = []
        self._world = world
        self._scopes: dict[int | None, list[Json]] = {}

    def enable_activities(self) -> Json:
        """Discord makes a command of its own, which every overwrite must keep."""
        return self.add(None, {"type": ENTRY_POINT, "name": "launch", "handler": 2})

    def registered(self, guild: int | None = None) -> list[Json]:
        """The commands of a guild alone, or those everywhere."""
        return list(self._scopes.get(guild, []))

    def find(self, name: str, kind: int, guild: int | None) -> Json | None:
        """The command that people in this guild see under this name; a guild's own goes first."""
        for scope in (guild, None):
            for command in self._scopes.get(scope, []):
                if (command["name"], command["type"]) == (name, kind):
                    return command
        return None

    def overwrite(self, guild: int | None, wanted: list[Json]) -> list[Json]:
        """Exactly these from now on. One that was there under its name keeps its id."""
        for index, command in enumerate(wanted):
            check_command(command, str(index))
        self._check_all(wanted)
        if any(known["type"] == ENTRY_POINT for known in self.registered(guild)) and not any(
            one.get("type") == ENTRY_POINT for one in wanted
        ):
            raise refusal(50240)
        self._scopes[guild] = [self._made(guild, command) for command in wanted]
        self._changed("PUT", guild, wanted)
        return self.registered(guild)

    def add(self, guild: int | None, wanted: Json) -> Json:
        """One more, or instead of one with its name."""
        check_command(wanted, "")
        made = self._made(guild, wanted)
        rest = [known for known in self._scopes.get(guild, []) if known["id"] != made["id"]]
        self._check_all([*rest, wanted])
        self._scopes[guild] = [*rest, made]
        self._changed("POST", guild, [wanted])
        return made

    def remove(self, guild: int | None, command: int) -> None:
        """One less; raises where there is none with this id."""
        known = self._scopes.get(guild, [])
        left = [one for one in known if one["id"] != str(command)]
        if len(left) == len(known):
            raise refusal(10063)
        self._scopes[guild] = left
        self._changed("DELETE", guild, [])

    def _made(self, guild: int | None, wanted: Json) -> Json:
        kind = int(wanted.get("type") or CHAT)
        known = [one for one in self._scopes.get(guild, []) if (one["name"], one["type"]) == (wanted["name"], kind)]
        made: Json = {"description": "", "options": [], "default_member_permissions": None, "nsfw": False, **wanted}
        made |= {"id": known[0]["id"] if known else str(self._world.snowflake()), "type": kind, "version": "1"}
        made["application_id"] = str(self._world.application_id)
        return made | ({"guild_id": str(guild)} if guild else {})

    def _check_all(self, wanted: list[Json]) -> None:
        named = [(int(one.get("type") or CHAT), one["name"]) for one in wanted]
        for kind, most in MOST.items():
            if sum(one == kind for one, _ in named) > most:
                word = f"Maximum number of application commands reached ({most})."
                raise invalid("commands", "APPLICATION_COMMAND_TOO_MANY", word)
        if len(named) != len(set(named)):
            word = "Application command names must be unique"
            raise invalid("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", word)

    def _changed(self, method: str, guild: int | None, wanted: list[Json]) -> None:
        names = tuple(one["name"] for one in wanted)
        self.changes.append(Change(self._world.now(), method, guild, names))
        self._world.changes.happened()


def check_command(command: Json, path: str) -> None:
    """Raises unless Discord takes this command. `path` is where it is in the body."""
    at = f"{path}." if path else ""
    kind = command.get("type") or CHAT
    if kind not in MOST:
        raise invalid(at + "type", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4}.")
    if kind == CHAT:
        _check_named(command, at, 100)
        _check_options(command.get("options") or [], at + "options")
    else:
        checked_length(at + "name", command.get("name"), 1, 32)
        if command.get("description"):
            word = "Context menu commands cannot have description"
            raise invalid(at + "description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION_CANNOT_BE_PRESENT", word)
    for name, allowed in (("contexts", {0, 1, 2}), ("integration_types", {0, 1})):
        if not set(command.get(name) or []) <= allowed:
            raise invalid(at + name, "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")
    if sum(map(len, _texts(command))) > MOST_CHARACTERS:
        word = f"The command exceeds the maximum size of {MOST_CHARACTERS}"
        raise invalid(at + "name", "APPLICATION_COMMAND_TOO_LARGE", word)


def _check_named(body: Json, at: str, longest: int) -> None:
    names = {"name": body.get("name"), **_localized(body, "name", at)}
    for field, name in names.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name != name.lower():
            raise invalid(at + field, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    for field, text in {"description": body.get("description"), **_localized(body, "description", at)}.items():
        checked_length(at + field, text, 1, longest)


def _localized(body: Json, name: str, at: str) -> Json:
    texts: Json = body.get(f"{name}_localizations") or {}
    for locale in texts:
        if locale not in LOCALES:
            raise invalid(f"{at}{name}_localizations", "ENUM_TYPE_COERCE", f'Value "{locale}" is not a valid locale.')
    return {f"{name}_localizations.{locale}": text for locale, text in texts.items()}


def _check_options(options: list[Json], path: str) -> None:
    if len(options) > 25:
        raise too_long(path, 25)
    names = [option.get("name") for option in options]
    if len(names) != len(set(names)):
        raise invalid(path, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")
    optional = False
    for index, option in enumerate(options):
        _check_option(option, f"{path}.{index}.")
        if option.get("required") and optional:
            word = "Required options must be placed before non-required options"
            raise invalid(f"{path}.{index}", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", word)
        optional = optional or not option.get("required")


def _check_option(option: Json, at: str) -> None:
    if option.get("type") not in range(SUBCOMMAND, FILE + 1):
        raise invalid(at + "type", "BASE_TYPE_CHOICES", "Value must be an option's type.")
    _check_named(option, at, 100)
    choices: list[Json] = option.get("choices") or []
    if choices and option.get("autocomplete"):
        word = "Autocomplete cannot be used with choices"
        raise invalid(at + "autocomplete", "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE", word)
    if len(choices) > 25:
        raise too_long(at + "choices", 25)
    for index, choice in enumerate(choices):
        check_choice(choice, f"{at}choices.{index}")
    _check_options(option.get("options") or [], at + "options")


def check_choice(choice: Json, path: str) -> None:
    """Raises unless Discord takes this choice, or this proposal for a value."""
    checked_length(f"{path}.name", choice.get("name"), 1, 100)
    for locale, name in (choice.get("name_localizations") or {}).items():
        checked_length(f"{path}.name_localizations.{locale}", name, 1, 100)
    if isinstance(choice.get("value"), str):
        checked_length(f"{path}.value", choice["value"], 1, 100)


def _texts(body: Json) -> Iterator[str]:
    for name in ("name", "description", "value"):
        # Of the languages only the longest counts.
        said = (body.get(name), *(body.get(f"{name}_localizations") or {}).values())
        yield max((text for text in said if isinstance(text, str)), key=len, default="")
    for part in (*(body.get("options") or []), *(body.get("choices") or [])):
        yield from _texts(part)
