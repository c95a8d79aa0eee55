"""What a trial of the bot found: figures beside their targets, and the table that is printed and stored."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setting:
    """How a trial is run: `seed` draws what is left to chance, `short` is CI's size, `folder` is empty and its own."""

    seed: int
    short: bool
    folder: Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was counted, beside its target; without a target it is only told."""

    name: str
    value: str
    target: str = ""
    met: bool = True

    @property
    def verdict(self) -> str:
        """In a word, for the table."""
        return ("met" if self.met else "NOT MET") if self.target else ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one trial found, with which seed, and how long it took."""

    title: str
    seed: int
    seconds: float
    figures: tuple[Figure, ...]

    @property
    def met(self) -> bool:
        """Whether every target was."""
        return all(figure.met for figure in self.figures)

    def markdown(self) -> str:
        """The trial as a section with a table."""
        rows = [f"| {one.name} | {one.value} | {one.target} | {one.verdict} |" for one in self.figures]
        head = f"## {self.title}\n\nSeed {self.seed}; took {self.seconds:.0f} s.\n"
        return "\n".join([head, "| | found | target | |", "|---|---:|---:|---|", *rows, ""])


Trial = Callable[[Setting], Awaitable[Sequence[Figure]]]


def exactly(name: str, found: int, wanted: int = 0) -> Figure:
    """A count that must be just that."""
    return Figure(name, f"{found:,}", f"{wanted:,}", found == wanted)


def at_most(name: str, found: float, limit: float, unit: str = "") -> Figure:
    """A figure that must not be larger."""
    return Figure(name, f"{found:,g}{unit}", f"≤ {limit:,g}{unit}", found <= limit)


def at_least(name: str, found: float, limit: float, unit: str = "") -> Figure:
    """A figure that must not be smaller, so that the trial was one."""
    return Figure(name, f"{found:,g}{unit}", f"≥ {limit:,g}{unit}", found >= limit)
