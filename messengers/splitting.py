"""Long answers in parts: where a source text is cut, so that every part fits into one message.

A cut never moves once it is made, and the text before it is not examined again. Fenced blocks are closed at a cut and
opened again behind it, tables get their head again. A call costs a scan for fences over the whole source (2 µs per KB,
25 where it is full of them) and one or two renderings of the part behind the last cut.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from messengers.base import Dialect, Page
from messengers.fences import Fence, fences
from messengers.table_heads import TableHeads

# Where to cut, the best first: at "at"; the white space behind it is dropped. In mid-line, never before what would turn
# into a list, a heading or a fence at the beginning of a line.
_HARMLESS = r"(?=[^\s\d`~*_+=|:#>-]|[*_]{1,2}[^\s*_]|`[^`]|\d+[^\s\d.)])"
_BREAKS = (
    re.compile(r"(?P<at>)\r?\n[ \t\r]*\n"),
    re.compile(r"(?P<at>)\r?\n"),
    re.compile(rf"(?:[^\s\d][.!?…][\"'”’»)\]]*(?P<at>)\s+|[。！？](?P<wide>)){_HARMLESS}"),
    re.compile(rf"(?P<at>)[ \t\u3000]+{_HARMLESS}"),
)
_BLANK_LINES = re.compile(r"(?:[ \t\r]*\n)*")
_WHITE_SPACE = re.compile(r"\s*")
_REST_OF_LINE = re.compile(r"[^\n]*\n?")
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]*")


@dataclass(frozen=True, slots=True)
class Part:
    """The offsets of a part in the source, and the Markdown to render for it. Full parts end before the source does.

    `page`: how it looks, where that had to be found out.
    """

    start: int
    end: int
    source: str
    page: Page | None = field(default=None, compare=False, repr=False)


def split(source: str, dialect: Dialect, cuts: Sequence[int] = (), *, final: bool = True) -> list[Part]:
    """The parts of `source`, each of which `dialect` can render, or send plain, within its limit.

    While not `final`, the last part is rendered as one that grows.

    `cuts` are the ends of earlier full parts (see `settled`): they stay where they are, which needs the text before
    them to be the same as it was; those behind the source are ignored. Only white space and the lines of fences get
    lost between parts; text that shows nothing makes no part.
    """
    cutter = _Cutter(source, dialect, final=final)
    parts: list[Part] = []
    start = 0
    for cut in cuts:
        if (begin := cutter.text_from(start)) < cut <= len(source):
            parts.append(cutter.part(begin, cut))
            start = cut
    while (begin := cutter.text_from(start)) < len(source):
        part = cutter.next_part(begin)
        if (part.page and part.page.text) or part.end < len(source):
            parts.append(part)
        start = part.end
    return parts


def settled(parts: Sequence[Part], source: str) -> tuple[int, ...]:
    """The cuts of the full parts, to be given to `split` when more text has come."""
    return tuple(part.end for part in parts if part.end < len(source))


class _Cutter:
    """Finds the parts of one source."""

    def __init__(self, source: str, dialect: Dialect, *, final: bool) -> None:
        self._source = source
        self._final = final
        self._dialect = dialect
        self._fences = fences(source)
        self._heads = TableHeads(source)

    def text_from(self, start: int) -> int:
        """Where text goes on behind `start`: without blank lines, nor a fence that would only be closed."""
        source = self._source
        fence = self._fence_at(start) if start else None
        begin = _end(_BLANK_LINES if fence or not start else _WHITE_SPACE, source, start)
        if fence and begin >= fence.closing:
            return self.text_from(max(begin, fence.end))
        if _end(_WHITE_SPACE, source, begin) == len(source) or (fence and self._nearly_closed(fence, begin)):
            return len(source)
        return begin

    def next_part(self, begin: int) -> Part:
        """The part that begins there, as long as it may be, with its page."""
        limit = self._dialect.limit
        high = max(begin + 1, self._window(begin))
        cut = high if high == len(self._source) else self._cut(begin, high)
        while True:
            part = self.part(begin, cut)
            page = self._dialect.render(part.source, final=self._final or cut < len(self._source))
            size = max(page.size, self._dialect.measure(part.source))
            if size <= limit or cut <= begin + 1:
                return replace(part, page=page)
            cut = self._cut(begin, max(begin + 1, min(cut - 1, begin + (cut - begin) * limit // size)))

    def part(self, begin: int, end: int) -> Part:
        """The part between two offsets, fences closed at its end and opened again at its beginning, tables headed."""
        text = self._source[begin:end]
        before, behind = self._fence_at(begin), self._fence_at(end) if end < len(self._source) else None
        indentation = self._indentation(begin)
        if before:
            text = self._opened_again(before, begin, end)
        else:
            text = self._headed(_unindented(text, indentation) if indentation else text, begin, end)
        if behind:
            prefix = "" if behind is before else behind.prefix.removeprefix(indentation)
            text = f"{text.rstrip()}\n{prefix}{behind.marker}"
        return Part(begin, end, text)

    def _opened_again(self, fence: Fence, begin: int, end: int) -> str:
        # Rest of a line first: only whole lines have the prefix of the block.
        first = begin if self._source[begin - 1] == "\n" else _end(_REST_OF_LINE, self._source, begin, end)
        last = max(first, min(end, fence.end))
        code = self._source[begin:first] + fence.unindented(self._source[first:last])
        return f"{fence.marker}{fence.language}\n{code}{self._source[last:end]}"

    def _headed(self, text: str, begin: int, end: int) -> str:
        """The text, below the head of the table that it goes on with, unless that leaves little room for rows."""
        head = self._heads.head_of(begin, end) if begin else ""
        if not head or self._dialect.measure(head) > self._dialect.limit // 4:
            return text
        lines = (line.strip(" \t") for line in head.split("\n"))
        return "\n".join([*lines, text])

    def _indentation(self, begin: int) -> str:
        """What stood before `begin` on its line, if that is white space."""
        before = self._source[self._source.rfind("\n", 0, begin) + 1 : begin]
        return before if before.isspace() else ""

    def _fence_at(self, offset: int) -> Fence | None:
        return next((fence for fence in self._fences if fence.holds(offset)), None)

    def _nearly_closed(self, fence: Fence, begin: int) -> bool:
        """Whether all that is left is the first characters of a closing line."""
        rest = self._source[begin : begin + len(fence.prefix) + len(fence.marker) + 1]
        at_line_start = self._source[begin - 1] == "\n"
        return at_line_start and begin + len(rest) == len(self._source) and not rest.strip(fence.marker[0] + " >\n")

    def _window(self, begin: int) -> int:
        """The end of the longest piece that is within the limit before it is rendered."""
        limit, measure = self._dialect.limit, self._dialect.measure
        low, high = begin, min(begin + limit, len(self._source))
        if measure(self._source[begin:high]) <= limit:
            return high
        while high - low > 1:
            middle = (low + high) // 2
            fits = measure(self._source[begin:middle]) <= limit
            low, high = (middle, high) if fits else (low, middle)
        return low

    def _cut(self, begin: int, high: int) -> int:
        """The best place to cut between the middle of a piece and its end."""
        low = begin + (high - begin) // 2
        cut = next(self._breaks(max(low, begin + 1), high), None) or self._between_characters(begin, high)
        for fence in self._fences:
            if fence.start < cut < fence.opened or (fence.holds(cut) and fence.start > low):
                return fence.start if fence.start > begin else cut
        return cut

    def _breaks(self, low: int, high: int) -> Iterator[int]:
        """Places to cut, the best first; each kind from behind. Looks at one character behind `high`, no more."""
        torn: list[int] = []
        for pattern in _BREAKS:
            for found in reversed(list(pattern.finditer(self._source, max(0, low - 2), high + 1))):
                at = max(found.start(name) for name in pattern.groupindex)
                if not low <= at <= high:
                    continue
                if self._damages(at, high):
                    torn.append(at)
                else:
                    yield at
        yield from torn

    def _damages(self, at: int, high: int) -> bool:
        """Whether a cut there would tear marks, or a table's head off its rows."""
        if self._source[at] in "\r\n":
            return self._heads.beheads(at, high + 1)
        return _tears(self._source[self._source.rfind("\n", 0, at) + 1 : at])

    def _between_characters(self, begin: int, high: int) -> int:
        cuts = (cut for cut in range(high, begin, -1) if not _joined(self._source, cut))
        return next(cuts, high)


def _end(pattern: re.Pattern[str], text: str, start: int, end: int | None = None) -> int:
    found = pattern.match(text, start, len(text) if end is None else end)
    return found.end() if found else start


def _unindented(text: str, indentation: str) -> str:
    """The first line has lost its indentation; those that follow it with the same lose theirs."""
    first, *lines = text.splitlines(keepends=True)
    depth = next((n for n, line in enumerate(lines) if not line.startswith(indentation) and line.strip()), len(lines))
    return first + "".join(line.removeprefix(indentation) for line in lines[:depth]) + "".join(lines[depth:])


def _tears(line: str) -> bool:
    """Whether code, bold text or a link is open at the end of the beginning of a line."""
    return (
        line.count("`") % 2 == 1
        or line.count("**") % 2 == 1
        or line.rfind("[") > line.rfind("]")
        or line.rfind("](") > line.rfind(")")
    )


def _joined(text: str, cut: int) -> bool:
    """Whether a cut there would tear apart what is read as one: an emoji, an accent, a pair of marks, a line's end."""
    before, after = text[cut - 1], text[cut]
    if before == "\u200d" or _continues(after):
        return True
    if _FLAG_LETTERS.fullmatch(before + after):
        return _end(_FLAG_LETTERS, text[max(0, cut - 64) : cut][::-1], 0) % 2 == 1
    return (
        before == "\\"
        or after in "`~"  # three of them would begin a fence
        or (before == after and before in "*_$")
        or (before == "\r" and after == "\n")
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
    )


def _continues(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return (
        unicodedata.category(character).startswith("M")
        or character == "\u200d"
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags of flags
        or "\u1160" <= character <= "\u11ff"  # Hangul vowels and finals
    )
