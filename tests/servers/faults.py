"""What can go wrong on the way to any stand-in, and drawing one of several faults by chance."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """One way for a call to fail. `applied`: whether the call takes effect although its answer fails to arrive.

    `seconds` is the wait that a flood asks for, or the silence of a stall.
    """

    kind: str
    seconds: float = 0.0
    applied: bool = False

    @classmethod
    def applied_then_reset(cls) -> Self:
        """The call takes effect, then the connection is reset without an answer."""
        return cls("reset", applied=True)

    @classmethod
    def reset(cls) -> Self:
        """The connection is reset before anything happened."""
        return cls("reset")

    @classmethod
    def stall(cls, seconds: float, *, applied: bool = True) -> Self:
        """No answer for that long, then the right one; not `applied`: it takes effect only then, if anyone waits."""
        return cls("stall", seconds, applied)

    @classmethod
    def cut_body(cls) -> Self:
        """The call takes effect; the headers promise more than is sent."""
        return cls("cut_body", applied=True)


Fault = TypeVar("Fault", bound=NetworkFault)
Plan = TypeVar("Plan")


def drawn(rates: Sequence[tuple[Fault, float]], chance: random.Random) -> Fault | None:
    """One of the faults, each with its probability; None for what is left of 1."""
    left = chance.random()
    for fault, rate in rates:
        left -= rate
        if left < 0:
            return fault
    return None


class Script(Generic[Fault, Plan]):
    """What is to go wrong at a stand-in: by plans, which say in its own way which calls are meant, and by chance."""

    def __init__(self) -> None:
        self._planned: list[Plan] = []
        self._rates: list[tuple[Fault, float]] = []
        self._random = random.Random(0)

    def _by_chance(self, rates: Iterable[tuple[Fault, float]], seed: int) -> None:
        self._rates = list(rates)
        self._random = random.Random(seed)

    def stop(self) -> None:
        """Nothing goes wrong any more."""
        self._rates.clear()
        self._planned.clear()

    @property
    def planned(self) -> int:
        """Scripted faults that have not happened yet."""
        return len(self._planned)
