"""Commands are declared once, in handlers/; messengers make their menus and completions from these values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

# control: runs at once, never waits behind a reply (stop, help)
# turn:    waits its turn in the conversation's lane
# barrier: stops the running reply, then runs in the lane
CommandKind = Literal["control", "turn", "barrier"]
# owner: admins everywhere, and in a private chat whoever it is with
CommandAccess = Literal["anyone", "owner", "admin"]


@dataclass(frozen=True, slots=True)
class Option:
    """An argument of a command: `--name value` in text, a field where a messenger has forms.

    The one option without a name takes the text that is left. Its description is the text `option.<command>.<name>`.
    """

    name: str = ""
    kind: Literal["text", "number", "choice", "file"] = "text"  # a file: only where a messenger has forms
    required: bool = False
    choices: tuple[str, ...] = ()
    suggests: bool = False  # values are proposed while it is typed (`messengers.base.Reception.suggest`)


_OPTION = re.compile(r"(?<!\S)(?:--|—)([A-Za-z]\w*)(?:=(\S*)|\s+(\S+)|(?!\S))[ \t]?")


class BadOptionError(ValueError):
    """An option that a command doesn't have, or a value that it doesn't take."""

    def __init__(self, name: str, option: Option | None) -> None:
        super().__init__(name)
        self.name = name
        self.option = option


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its `name` without the slash; its description is the text `command.<name>`."""

    name: str
    kind: CommandKind = "control"
    access: CommandAccess = "anyone"
    options: tuple[Option, ...] = ()
    hidden: bool = False  # works, but is not in the menu (Telegram's /start)
    discreet: bool = False  # its answer is for the asker alone, where a messenger can do that


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A command as menus, forms and completion show it. Texts by language code; "" = any other language."""

    command: Command
    description: Mapping[str, str]
    options: Mapping[str, Mapping[str, str]]  # option's name ("" = the one without) → its description


def read_command(text: str, known: Collection[str], bot_name: str = "") -> tuple[str, str] | None:
    """Take `/name@bot the rest` apart into (name, rest).

    None where it is not a command of ours: a stray "/word" is a question, and `/name@otherbot` is someone else's.
    """
    if not re.match(r"/\w", text):
        return None
    word, *rest = text[1:].split(maxsplit=1)
    name, _, addressee = word.partition("@")
    if addressee and addressee.lower() != bot_name.lower():
        return None
    return (name.lower(), rest[0] if rest else "") if name.lower() in known else None


def read_options(text: str, options: Collection[Option]) -> tuple[dict[str, str], str]:
    """Take `a cat --ratio 16:9 on a mat` apart into ({"ratio": "16:9"}, "a cat on a mat").

    A long dash counts as two hyphens: phones write it for them. Raises `BadOptionError`.
    """
    known = {option.name: option for option in options if option.name}
    values: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        name, value = match[1].lower(), match[2] or match[3] or ""
        option = known.get(name)
        if option is None or not takes(option, value):
            raise BadOptionError(name, option)
        values[name] = value
        return ""

    return values, _OPTION.sub(take, text).strip()


def takes(option: Option, value: str) -> bool:
    """Whether that is a value for the option."""
    match option.kind:
        case "number":
            return value.isascii() and value.isdigit() and len(value) < 10
        case "choice":
            return value in option.choices
        case _:
            return bool(value)
