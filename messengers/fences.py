"""Where the fenced code blocks of a Markdown source are: what splitting and unfinished answers need to know of it.

A scan of the lines, not a parser: what it says of an offset depends only on what stands before it, so an answer that
grows is read the same every time; and it takes a fence in a list as models write it (the code need not be indented).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(
    # Possessive: a line of thousands of spaces must not be tried in every way that it can be taken apart.
    r"(?P<prefix>[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+)(?P<marker>`{3,}|~{3,})(?P<info>[^\r\n]*)",
)
_OUTSIDE_QUOTE = re.compile(r"\n(?=[ \t]*(?:[^\s>]|\n))")
_LANGUAGE = re.compile(r"[\w+#.-]{1,32}")
# A fence is written again with no more than this: its closing line may be longer than the opening one.
_LONGEST_MARKER = 10


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block by offsets: its first line from `start` to `opened`, its last one from `closing` to `end`.

    Where it is never closed, `closing` and `end` lie behind the source.
    """

    start: int
    opened: int
    closing: int
    end: int
    prefix: str  # what each line of it begins with: the indentation, the marks of a quote
    marker: str
    language: str

    def holds(self, offset: int) -> bool:
        """Whether a cut at `offset` would cut its code."""
        return self.opened <= offset < self.end

    def unindented(self, code: str) -> str:
        """Whole lines of it without the prefix that its list or quote gives them."""
        if not self.prefix:
            return code
        marks = "[ \t>]" if ">" in self.prefix else "[ \t]"
        return re.sub(rf"(?m)^{marks}{{1,{len(self.prefix)}}}", "", code)


def fences(source: str) -> list[Fence]:
    """All fenced blocks, in order; the last may be open."""
    found: list[Fence] = []
    opening: re.Match[str] | None = None
    left = behind = len(source) + 1
    for line in _fence_lines(source):
        if opening and line.start() >= left:
            found.append(_fence(opening, left, left))
            opening = None
        if opening is None:
            if not ("`" in line["info"] and line["marker"][0] == "`"):  # that is inline code, beginning a line
                opening, left = line, _end_of_quote(source, line)
        elif _closes(line, opening):
            found.append(_fence(opening, line.start(), line.end()))
            opening, left = None, behind
    if opening:
        found.append(_fence(opening, left, left))
    return found


def open_fence(source: str) -> Fence | None:
    """The block that the source ends in, if any."""
    last = fences(source)[-1:]
    return last[0] if last and last[0].end > len(source) else None


def _fence(opening: re.Match[str], closing: int, end: int) -> Fence:
    language = _LANGUAGE.match(opening["info"].strip())
    return Fence(
        start=opening.start(),
        opened=opening.end(),
        closing=closing,
        end=end,
        prefix=re.sub(r"[^ \t>]", " ", opening["prefix"]),
        marker=opening["marker"][:_LONGEST_MARKER],
        language=language[0] if language else "",
    )


def _end_of_quote(source: str, opening: re.Match[str]) -> int:
    """Where a block in a quote ends without a closing line: at the first line that is not quoted."""
    outside = _OUTSIDE_QUOTE.search(source, opening.end()) if ">" in opening["prefix"] else None
    return outside.end() if outside else len(source) + 1


def _closes(line: re.Match[str], opening: re.Match[str]) -> bool:
    """CommonMark: the same character, at least as often, nothing behind it, indented by at most three more."""
    prefix = line["prefix"].expandtabs(4)
    return (
        line["marker"].startswith(opening["marker"])
        and not line["info"].strip()
        and not prefix.strip(" >")
        and len(prefix) <= len(opening["prefix"].expandtabs(4)) + 3
    )


def _fence_lines(source: str) -> Iterator[re.Match[str]]:
    """Lines that may open or close a block; looked for with `str.find`, which is much faster than a pattern."""
    backtick, tilde = source.find("```"), source.find("~~~")
    while backtick >= 0 or tilde >= 0:
        at = min(position for position in (backtick, tilde) if position >= 0)
        line = _LINE.match(source, source.rfind("\n", 0, at) + 1)
        if line and line.start("marker") == at:
            yield line
        following = source.find("\n", at)
        if following < 0:
            return
        if 0 <= backtick < following:
            backtick = source.find("```", following)
        if 0 <= tilde < following:
            tilde = source.find("~~~", following)
