"""The heads of tables in a Markdown source: what splitting needs to know, so that each part of a table has its head.

A look at the lines around a place, not a parser; what stands behind the place is not looked at.
"""

import re

_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_HALF_RULE = re.compile(r"[ \t>]*[|:-][-:| \t]*")
_PREFIX = " \t>"


def head_of(source: str, begin: int, end: int) -> str:
    """The two lines that head the table of which a row goes from `begin` on, up to `end` at most; else empty."""
    start = source.rfind("\n", 0, begin) + 1
    row = source[begin:end].partition("\n")[0]
    if "|" not in row or source[start:begin].strip(_PREFIX):
        return ""
    return _head_above(source, start)


def beheads(source: str, at: int, known: int) -> bool:
    """Whether a cut at a line's end would leave a table's head alone. What stands behind `known` doesn't count."""
    line = source[source.rfind("\n", 0, at) + 1 : at]
    if "|" not in line:
        return False
    following = source[at:known].lstrip("\r").removeprefix("\n").partition("\n")
    if _RULE.fullmatch(line):
        return bool(_head_above(source, at + 1))
    is_rule = _HALF_RULE.fullmatch(following[0]) or (not following[0] and not following[1])
    return bool(is_rule) and not _head_above(source, at + 1)


def _head_above(source: str, start: int) -> str:
    """The head of the table whose rows stand directly above a line that begins at `start`."""
    end = start - 1
    while end > 0:
        begin = source.rfind("\n", 0, end) + 1
        line = source[begin:end].rstrip("\r")
        if "|" not in line:
            return ""
        above = source[source.rfind("\n", 0, max(0, begin - 1)) + 1 : max(0, begin - 1)].rstrip("\r")
        if _RULE.fullmatch(line) and _cells(above) == _cells(line):
            return f"{above}\n{line}"
        end = begin - 1
    return ""


def _cells(line: str) -> int:
    bare = line.strip(_PREFIX)
    return len(_BAR.findall(bare.removeprefix("|").removesuffix("|"))) + 1 if "|" in bare else 0
