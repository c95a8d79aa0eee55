"""Buttons under a message. They carry ids, never names: Telegram has 64 bytes, and they must work after a restart."""

from dataclasses import dataclass
from typing import Literal

Verb = Literal["stop", "retry"]


@dataclass(frozen=True, slots=True)
class Action:
    """What a button does, and to which turn (`target`: the turn's number)."""

    verb: Verb
    target: int


@dataclass(frozen=True, slots=True)
class Button:
    """A label in the person's language, and what pressing it does."""

    label: str
    action: Action


def encode(action: Action) -> str:
    """An action as a messenger carries it: `stop:4711`."""
    return f"{action.verb}:{action.target}"


def decode(data: str) -> Action | None:
    """The reverse of `encode`; None for anything that `encode` didn't write (data from outside may be forged)."""
    verb, _, target = data.partition(":")
    if not (target.isascii() and target.isdigit() and len(target) < 19):
        return None
    match verb:
        case "stop" | "retry":
            return Action(verb, int(target))
        case _:
            return None
