"""Tables, which Discord has none of: text with columns of equal width, for a block of code."""

import unicodedata
from collections.abc import Sequence
from itertools import zip_longest

WIDEST = 32  # columns are no wider: a single long cell would push all others out of the window


def table(rows: Sequence[Sequence[str]], alignments: Sequence[str]) -> str:
    """Lines of a table; the first row is its head. Long cells stick out, no line ends in spaces."""
    sizes = [min(WIDEST, max(map(width, column))) for column in zip_longest(*rows, fillvalue="")]
    head, *body = (_line(row, sizes, alignments) for row in rows)
    return "\n".join([head, "-+-".join("-" * size for size in sizes), *body])


def width(text: str) -> int:
    """How many columns of a monospaced font it takes: two for wide letters, none for accents."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in {"Mn", "Me", "Cf"} else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def _line(row: Sequence[str], sizes: Sequence[int], alignments: Sequence[str]) -> str:
    cells = zip_longest(row, sizes, alignments[: len(sizes)], fillvalue="")
    return " | ".join(_cell(text, int(size or 0), alignment) for text, size, alignment in cells).rstrip()


def _cell(text: str, size: int, alignment: str) -> str:
    spaces = max(0, size - width(text))
    match alignment:
        case "Right":
            return " " * spaces + text
        case "Center":
            return " " * (spaces // 2) + text + " " * (spaces - spaces // 2)
        case _:
            return text + " " * spaces
