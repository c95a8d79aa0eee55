"""CommonMark to Discord's own Markdown: what Discord has none of is written so that it reads as well.

Tables become blocks of code, headings below the third level bold lines, rules lines; lists are indented by two spaces
a level, code and quotes in them begin at the left, as Discord wants it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from messengers.commonmark import Event, read
from messengers.discord.escaping import code_block
from messengers.discord.inline import Inline
from messengers.tables import without_tables

RULE = "─" * 10
_DEEPEST_LIST = 8  # "1. 1. 1. …" of a model that is stuck would be indented beyond all measure
_HEADINGS = {"H1": "#", "H2": "##", "H3": "###"}

Kind = Literal["text", "heading", "list", "quote", "code"]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line; one that is `fixed` is not indented, in whatever list it stands."""

    text: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    kind: Kind
    lines: tuple[_Line, ...]


def written(source: str) -> str:
    """The source as Discord's Markdown. May raise whatever the parser does."""
    data, events = read(source)
    return "\n".join(line.text for line in _joined(_Reader(data, list(without_tables(data, events))).blocks()))


def _block(kind: Kind, text: str, *, fixed: bool = False) -> _Block:
    return _Block(kind, tuple(_Line(line, fixed) for line in text.split("\n")))


def _joined(blocks: Sequence[_Block], *, close: bool = False) -> Iterator[_Line]:
    """The lines of blocks, with an empty one between them unless Discord leaves space there itself."""
    before: _Block | None = None
    for block in blocks:
        if before and not close and _is_apart(before.kind, block.kind):
            yield _Line("", fixed=True)
        yield from block.lines
        before = block


def _is_apart(before: Kind, after: Kind) -> bool:
    if "code" in (before, after) or "heading" in (before, after):
        return False
    return not (before == "text" and after == "list")


class _Reader:
    """Takes the events of one source apart, in order."""

    def __init__(self, data: bytes, events: Sequence[Event]) -> None:
        self._data = data
        self._events = events
        self._at = 0
        self._lists = 0
        self._quotes = 0

    def blocks(self) -> list[_Block]:
        """The blocks up to the end of what they stand in, which is taken too."""
        found: list[_Block] = []
        while self._at < len(self._events):
            event, _ = self._events[self._at]
            if isinstance(event, dict) and "End" in event:
                self._at += 1
                break
            found += self._blocks_of(event)
        return [block for block in found if any(line.text.strip() for line in block.lines)]

    def _blocks_of(self, event: Any) -> Sequence[_Block]:
        match event:
            case "Rule":
                self._at += 1
                return (_block("text", RULE),)
            case {"Start": "Paragraph" | "HtmlBlock"}:
                self._at += 1
                return (_block("text", self._inline().text()),)
            case {"Start": {"Heading": {"level": level}}}:
                self._at += 1
                return (self._heading(level),)
            case {"Start": "BlockQuote" | {"BlockQuote": _}}:
                self._at += 1
                return self._quote()
            case {"Start": {"CodeBlock": kind}}:
                self._at += 1
                return (self._code(kind),)
            case {"Start": {"List": first}}:
                self._at += 1
                return (self._list(first),)
            case _:
                return (_block("text", self._inline(loose=True).text()),)

    def _inline(self, *, bold: bool = False, loose: bool = False) -> Inline:
        """What stands in a block, to its end; `loose`: in an item without a paragraph, up to the next block."""
        inline, depth = Inline(self._data, bold=bold), 0
        while self._at < len(self._events):
            event, span = self._events[self._at]
            starts, ends = (isinstance(event, dict) and name in event for name in ("Start", "End"))
            if depth == 0 and (ends or (loose and starts and _is_block(event["Start"]))):
                self._at += not loose
                break
            self._at += 1
            depth += starts - ends
            inline.take(event, span["start"], span["end"])
        return inline

    def _heading(self, level: str) -> _Block:
        mark = "" if self._lists else _HEADINGS.get(level, "")
        text = self._inline(bold=not mark).text().replace("\n", " ")
        if not text:
            return _Block("heading", ())
        return _block("heading", f"{mark} {text}") if mark else _block("text", f"**{text}**")

    def _quote(self) -> Sequence[_Block]:
        self._quotes += 1
        inside = self.blocks()
        self._quotes -= 1
        if self._quotes:  # Discord has no quotes in quotes
            return inside
        return (_Block("quote", tuple(_Line(f"> {line.text}", fixed=True) for line in _joined(inside))),)

    def _code(self, kind: Any) -> _Block:
        language = kind.get("Fenced", "") if isinstance(kind, dict) else ""
        code = ""
        while not self._ended():
            code += self._next().get("Text", "")
        return _block("code", code_block(code, language), fixed=True)

    def _list(self, first: int | None) -> _Block:
        self._lists += 1
        indentation = "  " if 1 < self._lists <= _DEEPEST_LIST else ""
        lines: list[_Line] = []
        number = first
        while not self._ended():
            self._at += 1
            lines += self._item("-" if number is None else f"{number}.")
            number = None if number is None else number + 1
        self._lists -= 1
        return _Block("list", tuple(line if line.fixed else _Line(indentation + line.text) for line in lines))

    def _item(self, marker: str) -> Iterator[_Line]:
        blocks = self.blocks()
        lines = list(_joined(blocks, close=True))
        if not lines or lines[0].fixed:
            yield _Line(marker)
        else:
            yield _Line(f"{marker} {lines.pop(0).text.lstrip()}")
        is_text = [block.kind != "list" for block in blocks for _ in block.lines][-len(lines) :] if lines else []
        for line, indented in zip(lines, is_text, strict=True):
            yield line if line.fixed or not indented else _Line("  " + line.text)

    def _next(self) -> Any:
        event, _ = self._events[self._at]
        self._at += 1
        return event

    def _ended(self) -> bool:
        """Whether what is being read ends here; its end is taken then."""
        event, _ = self._events[self._at]
        ends = isinstance(event, dict) and "End" in event
        self._at += ends
        return ends


def _is_block(kind: Any) -> bool:
    name = kind if isinstance(kind, str) else next(iter(kind))
    return name in {"Paragraph", "HtmlBlock", "Heading", "BlockQuote", "CodeBlock", "List"}
