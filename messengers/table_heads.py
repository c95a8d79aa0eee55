"""The heads of tables in a Markdown source: what splitting needs to know, so that each part of a table has its head.

A look at the lines around a place, not a parser; what stands behind the place is not looked at.
"""

import re

_BAR = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_HALF_RULE = re.compile(r"[ \t>]*[|:-][-:| \t]*")
_PREFIX = " \t>"


class TableHeads:
    """The heads of the tables of one source. Remembers those of the lines it came by: a table may have any length."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._above: dict[int, str] = {}  # by where the line begins

    def head_of(self, begin: int, end: int) -> str:
        """The two lines that head the table of which a row goes from `begin` on, up to `end` at most; else empty."""
        start = self._source.rfind("\n", 0, begin) + 1
        row = self._source[begin:end].partition("\n")[0]
        if "|" not in row or self._source[start:begin].strip(_PREFIX):
            return ""
        return self._head_above(start)

    def beheads(self, at: int, known: int) -> bool:
        """Whether a cut at a line's end would leave a table's head alone. What stands behind `known` doesn't count."""
        line = self._source[self._source.rfind("\n", 0, at) + 1 : at]
        if "|" not in line:
            return False
        following = self._source[at:known].lstrip("\r").removeprefix("\n").partition("\n")
        if _RULE.fullmatch(line):
            return bool(self._head_above(at + 1))
        is_rule = _HALF_RULE.fullmatch(following[0]) or (not following[0] and not following[1])
        return bool(is_rule) and not self._head_above(at + 1)

    def _head_above(self, start: int) -> str:
        """The head of the table whose rows stand directly above a line that begins at `start`."""
        passed: list[int] = []
        head = None
        while head is None:
            passed.append(start)
            head = self._above.get(start)
            if head is None:
                begin = self._source.rfind("\n", 0, max(0, start - 1)) + 1
                head = self._head_of_line(begin, start - 1)
                start = begin
        self._above.update(dict.fromkeys(passed, head))
        return head

    def _head_of_line(self, begin: int, end: int) -> str | None:
        """The head of a table whose last line that is. None if the lines above must tell."""
        line = self._source[begin : max(0, end)].rstrip("\r")
        if "|" not in line:
            return ""
        above = self._source[self._source.rfind("\n", 0, max(0, begin - 1)) + 1 : max(0, begin - 1)].rstrip("\r")
        if _RULE.fullmatch(line) and _cells(above) == _cells(line):
            return f"{above}\n{line}"
        return None


def _cells(line: str) -> int:
    bare = line.strip(_PREFIX)
    return len(_BAR.findall(bare.removeprefix("|").removesuffix("|"))) + 1 if "|" in bare else 0
