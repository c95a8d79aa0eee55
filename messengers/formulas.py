"""What stands between dollars: a formula, or the space between two prices."""

import re

_FORMULA = re.compile(r"\\[A-Za-z]|[\^_=]|^\s*[A-Za-z]\s*$")
# `f(x)`, `2n`, `a + b`: letters that make no words, operators that stand between them; no price at the beginning.
_LONGEST_SHORT = 40
_NAME = r"(?:[A-Za-zΑ-Ωα-ω]{1,2}|[A-Z]{3}|sin|cos|tan|log|exp|max|min|lim|gcd|det|mod)(?![A-Za-z])"
_SHORT = re.compile(
    r"(?!\d[\d.,]*(?! ?[<>≤≥+*-] ?[A-Za-z\d(]|[A-Za-z(!\d.,])(?!(?<=1)/[a-z]\b))(?=.*[A-Za-zΑ-Ωα-ω])"
    rf"[+-]?(?:{_NAME}|\d|[()\[\]|!'.]|(?<=[\w)\]|!']) ?[,:] ?(?!\Z)|(?<=[\w)\]|!'(]) ?[+\-*/<>≤≥] ?(?!\Z))+"
)
# What a formula's dollar may stand beside: "the 5$-$10" and `$HOME/$USER` are none, `$n$th` is.
_BESIDE = re.compile(rb"(?!(?:st|nd|rd|th)\b)[0-9A-Za-z{]")
_OPERATORS = "|/^=*+)"


def is_formula(text: str) -> bool:
    """Whether what stands between dollars is LaTeX, and not the space between two prices."""
    return _FORMULA.search(text) is not None or _is_short_formula(text)


def _is_short_formula(text: str) -> bool:
    if len(text) > _LONGEST_SHORT or not _SHORT.fullmatch(text):
        return False
    return text.count("(") == text.count(")") and text.count("[") == text.count("]")


def stands_as_formula(data: bytes, start: int, end: int, formula: str) -> bool:
    """Whether `formula`, with its dollars from `start` to `end` of a source in UTF-8, is one where it stands there."""
    if not is_formula(formula) or _BESIDE.match(data, end):
        return False
    if formula[0] in _OPERATORS and data[start - 1 : start].isalnum():
        return False  # `^one$|^other$`
    return not (formula[0] == "(" and data[end : end + 1] == b"(")  # two commands of a shell
