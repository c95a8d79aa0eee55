"""Buttons under a message. They carry ids, never names: Telegram has 64 bytes, and they must work after a restart."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

Verb = Literal["stop", "retry", "continue", "model", "models"]


@dataclass(frozen=True, slots=True)
class Action:
    """What a button does, to which turn (`target`: its number), and with what (`argument`: a model's id, a page)."""

    verb: Verb
    target: int
    argument: int = 0


@dataclass(frozen=True, slots=True)
class Button:
    """A label in the person's language, and what pressing it does."""

    label: str
    action: Action


def encode(action: Action) -> str:
    """An action as a messenger carries it: `stop:4711`, `model:4711:99`."""
    return f"{action.verb}:{action.target}" + (f":{action.argument}" if action.argument else "")


def decode(data: str) -> Action | None:
    """The reverse of `encode`; None for anything that `encode` didn't write (data from outside may be forged)."""
    verb, *numbers = data.split(":")
    if verb not in get_args(Verb) or not 1 <= len(numbers) <= 2:
        return None
    if not all(number.isascii() and number.isdigit() and len(number) < 19 for number in numbers):
        return None
    return Action(cast("Verb", verb), *map(int, numbers))
