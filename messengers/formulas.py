"""LaTeX as plain text that can be read: Unicode as far as that goes, matrices in rows.

The symbols are telegramify-markdown's; what it leaves unreadable is put right here before and behind it.
"""

import re
from collections.abc import Sequence
from typing import Any

from telegramify_markdown.latex_escape.helper import LatexToUnicodeHelper

_latex: Any = LatexToUnicodeHelper()  # has no state; the library has no types

_SAME_AS = {
    "dfrac": "frac",
    "tfrac": "frac",
    "cfrac": "frac",
    "ne": "neq",
    "bm": "mathbf",
    "boldsymbol": "mathbf",
    "pmb": "mathbf",
    "widehat": "hat",
    "widetilde": "tilde",
    "overrightarrow": "vec",
    "operatorname": "text",
    "textnormal": "text",
    "textsf": "text",
    "texttt": "text",
    "emph": "text",
}
_FORMULA = re.compile(r"\\[A-Za-z]|[\^_=]|^\s*[A-Za-z]\s*$")
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_SIZES = re.compile(r"\\(?:[bB]igg?[lrm]?|middle|displaylimits|hline|hfill|scriptstyle|textstyle)(?![A-Za-z])\s*")
_TAG = re.compile(r"\\tag\*?\{([^{}]*)\}|\\label\{([^{}]*)\}")
_DEGREE = re.compile(r"\^\{?\\(?:circ|degree)\}?(?![A-Za-z])|\\degree(?![A-Za-z])")
_ARGUMENT = re.compile(
    r"(\\(?:bar|hat|vec|tilde|dot|ddot|overline|underline|sqrt|frac|math[a-z]+|text[a-z]*|boxed)) +(?:(\w)|(?=[\\{]))"
)
_DENOMINATOR = re.compile(r"(?<=/)\d+[^\W\d_]\w*")  # 1/2a is read as half of a
_ROOT = re.compile("(?<=√)((?:[^\u0305]\u0305)+)|(?<=[∛∜])((?:[^\u0305]\u0305)+)")
_MATRIX = re.compile(
    r"\\begin\{(?P<kind>[pbBvV]?matrix|smallmatrix)\}(?P<rows>.*?)(?:\\end\{(?P=kind)\}|\Z)", re.DOTALL
)
_ROW_END = re.compile(r"\\\\(?:\[[^\]]*\])?")
_CELL_END = re.compile(r"(?<!\\)&")

# First, middle and last row; a single one.
_BRACKETS = {
    "pmatrix": ("⎛⎜⎝(", "⎞⎟⎠)"),
    "bmatrix": ("⎡⎢⎣[", "⎤⎥⎦]"),
    "Bmatrix": ("⎧⎨⎩{", "⎫⎬⎭}"),
    "vmatrix": ("││││", "││││"),
    "Vmatrix": ("‖‖‖‖", "‖‖‖‖"),
}


def is_formula(text: str) -> bool:
    """Whether what stands between dollars is LaTeX, and not the space between two prices."""
    return _FORMULA.search(text) is not None


def readable(formula: str) -> str:
    """One formula without its dollars, as lines of text."""
    pieces: list[list[str]] = []
    end = 0
    for matrix in _MATRIX.finditer(formula):
        pieces += [_converted(formula[end : matrix.start()]).split("\n"), _rows(matrix["kind"], matrix["rows"])]
        end = matrix.end()
    rest = _converted(formula[end:])
    if not pieces:
        return rest
    return "\n".join(_side_by_side([*pieces, rest.split("\n")]))


def _converted(latex: str) -> str:
    """LaTeX without matrices."""
    latex = _SIZES.sub("", _TAG.sub(lambda tag: f" ({tag[1] or tag[2]})", latex))
    latex = _COMMAND.sub(lambda command: "\\" + _SAME_AS.get(command[1], command[1]), _DEGREE.sub("°", latex))
    text = str(_latex.convert(_ARGUMENT.sub(lambda a: a[1] + (f"{{{a[2]}}}" if a[2] else ""), latex)))
    if "frac" in latex:
        text = _DENOMINATOR.sub(r"(\g<0>)", text)
    return re.sub(r"\n\s*\n", "\n", _ROOT.sub(_root, text)).strip()


def _root(found: re.Match[str]) -> str:
    """What stands under a root: few fonts have the line over it that the library writes."""
    inside = found[0].replace("\u0305", "").strip()
    return inside if re.fullmatch(r"\w[⁰-₟²³¹]*|\d+", inside) else f"({inside})"


def _rows(kind: str, source: str) -> list[str]:
    """The rows of a matrix, in columns, between its brackets."""
    cells = [[_converted(cell) for cell in _CELL_END.split(row)] for row in _ROW_END.split(source) if row.strip()]
    if not cells:
        return [""]
    cells = _even(cells)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = ["  ".join(map(str.rjust, row, widths)) for row in cells]
    left, right = _BRACKETS.get(kind, ("    ", "    "))
    last = len(rows) - 1
    return [f"{_at(left, number, last)}{row}{_at(right, number, last)}".rstrip() for number, row in enumerate(rows)]


def _even(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """All rows as long as the longest."""
    longest = max(map(len, rows))
    return [[*row, *[""] * (longest - len(row))] for row in rows]


def _at(bracket: str, number: int, last: int) -> str:
    return bracket[3] if not last else bracket[0] if number == 0 else bracket[2] if number == last else bracket[1]


def _side_by_side(pieces: Sequence[Sequence[str]]) -> list[str]:
    """Blocks of lines next to each other, each at the middle of the highest."""
    shown = [piece for piece in pieces if any(line.strip() for line in piece)]
    height = max(map(len, shown), default=0)
    lines = [""] * height
    for piece in shown:
        above = (height - len(piece)) // 2
        width = max(map(len, piece))
        gap = " " if any(lines) else ""
        for number in range(height):
            line = piece[number - above] if above <= number < above + len(piece) else ""
            lines[number] += gap + line.ljust(width)
    return [line.rstrip() for line in lines]
