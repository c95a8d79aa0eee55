"""Commands are declared once, in handlers/; messengers make their menus and completions from these values."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

# control: runs at once, never waits behind a reply (stop, help)
# turn:    waits its turn in the conversation's lane
# barrier: stops the running reply, then runs
CommandKind = Literal["control", "turn", "barrier"]


@dataclass(frozen=True, slots=True)
class Option:
    """An argument of a command, for messengers that have forms for them."""

    name: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its `name` without the slash; its description is the text `command.<name>`."""

    name: str
    kind: CommandKind = "control"
    options: tuple[Option, ...] = ()
    hidden: bool = False  # works, but is not in the menu (Telegram's /start)


def read_command(text: str, known: Collection[str], bot_name: str = "") -> tuple[str, str] | None:
    """Take `/name@bot the rest` apart into (name, rest).

    None where it is not a command of ours: a stray "/word" is a question, and `/name@otherbot` is someone else's.
    """
    if not text.startswith("/"):
        return None
    word, *rest = text[1:].split(maxsplit=1)[:2] if text[1:].strip() else ("",)
    name, _, addressee = word.partition("@")
    if addressee and addressee.lower() != bot_name.lower():
        return None
    return (name.lower(), rest[0] if rest else "") if name.lower() in known else None
