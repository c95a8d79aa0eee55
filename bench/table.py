"""A table of figures as it is printed, and figures that stand for many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a label and one cell for each column; the notes say how it was measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [("", *self.columns), *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            [self.title, *(_line(cells, widths) for cells in lines), *(f"  {note}" for note in self.notes)]
        )

    def markdown(self) -> str:
        """The same as a section of a page."""
        head = ["| | " + " | ".join(self.columns) + " |", "|---|" + "---:|" * len(self.columns)]
        rows = [f"| {' | '.join(cell.strip() for cell in row)} |" for row in self.rows]
        notes = ["", *(f"{note}.  " for note in self.notes)] if self.notes else []
        return "\n".join([f"## {self.title[:1].upper()}{self.title[1:]}", "", *head, *rows, *notes, ""])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    label, *figures = (
        f"{cell:{'>' if n else '<'}{width}}" for n, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(["", label, *figures]).rstrip()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them (0 to 1) don't exceed; of one value, that one. Raises `IndexError` for none."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]
