"""LaTeX as plain text that can be read: Unicode as far as that goes, matrices in rows.

The symbols are telegramify-markdown's; what it leaves unreadable is put right here before and behind it. What is too
long, too deep or would grow too large (anyone may ask a model for it) stays as it was written.
"""

import re
from collections.abc import Sequence
from typing import Any

from telegramify_markdown.latex_escape.helper import LatexToUnicodeHelper

_library: Any = LatexToUnicodeHelper  # it has no types

_LONGEST = 5000  # characters; no message holds more
_DEEPEST = 40  # calls inside of each other, one or two for each brace
_MOST_GROWTH = 4  # times the formula's length
_ALWAYS_ALLOWED = 200  # characters: a small matrix is mostly brackets

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
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_SIZES = re.compile(r"\\(?:[bB]igg?[lrm]?|middle|displaylimits|hline|hfill|scriptstyle|textstyle)(?![A-Za-z])\s*")
_TAG = re.compile(r"\\tag\*?\{([^{}]*)\}|\\label\{([^{}]*)\}")
_DEGREE = re.compile(r"\^\{?\\(?:circ|degree)\}?(?![A-Za-z])|\\degree(?![A-Za-z])")
_ARGUMENT = re.compile(
    r"(\\(?:bar|hat|vec|tilde|dot|ddot|overline|underline|sqrt|frac|math[a-z]+|text[a-z]*|boxed)) +(?:(\w)|(?=[\\{]))"
)
_DENOMINATOR = re.compile(r"(?<=/)\d+[^\W\d_]\w*")  # 1/2a is read as half of a
_ONE_SYMBOL = re.compile(r"\w[\u0300-\u036f⁰-₟²³¹]*|\d+")
_MARKUP = re.compile(r"[\\^_{\n]")
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


def readable(formula: str) -> str:
    """One formula without its dollars, as lines of text; as it is where it can't be shown in about as many characters.

    Takes milliseconds, whatever it is.
    """
    try:
        text = _readable(formula) if len(formula) <= _LONGEST else formula
    except (RuntimeError, ValueError, LookupError, TypeError):  # the library stumbled, or `_Latex` went too deep
        return formula.strip()
    return text if _is_allowed(len(text), formula) else formula.strip()


def _is_allowed(size: int, formula: str) -> bool:
    return size <= _MOST_GROWTH * len(formula) + _ALWAYS_ALLOWED


def _readable(formula: str) -> str:
    pieces: list[list[str]] = []
    end = 0
    for matrix in _MATRIX.finditer(formula):
        pieces += [_converted(formula[end : matrix.start()]).split("\n"), _rows(matrix["kind"], matrix["rows"])]
        end = matrix.end()
    rest = _converted(formula[end:])
    if not pieces:
        return rest
    pieces.append(rest.split("\n"))
    if not _is_allowed(max(map(len, pieces)) * sum(max(map(len, piece)) for piece in pieces), formula):
        return formula.strip()
    return "\n".join(_side_by_side(pieces))


def _converted(latex: str) -> str:
    """LaTeX without matrices."""
    if not _MARKUP.search(latex):
        return " ".join(latex.split())
    latex = _SIZES.sub("", _TAG.sub(lambda tag: f" ({tag[1] or tag[2]})", latex))
    latex = _COMMAND.sub(lambda command: "\\" + _SAME_AS.get(command[1], command[1]), _DEGREE.sub("°", latex))
    text = str(_Latex().parse(_ARGUMENT.sub(lambda a: a[1] + (f"{{{a[2]}}}" if a[2] else ""), latex)))
    if "frac" in latex:
        text = _DENOMINATOR.sub(r"(\g<0>)", text)
    return re.sub(r"\n\s*\n", "\n", text).strip()


class _Latex(LatexToUnicodeHelper):
    """The library's converter, without marks on marks (their number doubled with each root) and without an abyss."""

    def __init__(self) -> None:
        self._depth = 0

    def parse(self, latex: str) -> str:
        self._descend()
        text = str(_library.parse(self, latex))
        self._depth -= 1
        return text

    def handle_command(self, command: str, latex: str, index: int) -> Any:
        self._descend()
        handled = _library.handle_command(self, command, latex, index)
        self._depth -= 1
        return handled

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise RecursionError("a formula is nested too deeply")

    @staticmethod
    def translate_sqrt(command: str, option: str, param: str) -> str:
        """Brackets: few fonts have the line over a root that the library writes."""
        sign, inside = str(_library.translate_sqrt(command, option, "")), param.strip()
        return sign + (inside if not inside or _ONE_SYMBOL.fullmatch(inside) else f"({inside})")

    @staticmethod
    def translate_combining(command: str, text: str) -> str:
        """A line over or under each character that has none yet; everything else goes over one character only."""
        line = {"\\overline": "\u0305", "\\underline": "\u0332", "\\underbar": "\u0332"}.get(command)
        if line is None:
            return str(_library.translate_combining(command, text))
        bare = text.replace(line, "")
        return "".join(c if _library.is_combining_char(c) else c + line for c in bare)


def _rows(kind: str, source: str) -> list[str]:
    """The rows of a matrix, in columns, between its brackets."""
    cells = [[_converted(cell) for cell in _CELL_END.split(row)] for row in _ROW_END.split(source) if row.strip()]
    if not cells:
        return [""]
    longest = max(map(len, cells))
    if not _is_allowed(len(cells) * longest, source):
        raise ValueError("a matrix is mostly empty")
    cells = _even(cells, longest)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if not _is_allowed(len(cells) * sum(widths), source):
        raise ValueError("a matrix is mostly spaces")
    rows = ["  ".join(map(str.rjust, row, widths)) for row in cells]
    left, right = _BRACKETS.get(kind, ("    ", "    "))
    last = len(rows) - 1
    return [f"{_at(left, number, last)}{row}{_at(right, number, last)}".rstrip() for number, row in enumerate(rows)]


def _even(rows: Sequence[Sequence[str]], longest: int) -> list[list[str]]:
    """All rows as long as the longest."""
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
