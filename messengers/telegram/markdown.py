"""A model's Markdown, read so that nothing of it gets lost: the parser's events as telegramify-markdown takes them.

Its own `convert()` drops HTML (`vector<int>`, `<details>`), hides what stands between `||` as a spoiler, rewrites LaTeX
inside code blocks, moves formulas out of tables and makes text of links that Telegram refuses. So the source is parsed
here, and the events that it would lose are replaced by text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyromark
from telegramify_markdown.converter import STANDARD_OPTIONS

Event = tuple[Any, Any]  # what it is; its range in bytes of the source in UTF-8: {"start": 0, "end": 5}

# Each pass lets one more level of HTML blocks be read as Markdown; what is left after that is shown as bare text.
_MOST_PASSES = 8
_TAB = "    "  # Telegram makes one space of a tab
_DEEPEST_LIST = 8  # "1. 1. 1. …" of a model that is stuck would be indented beyond all measure
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_MIGHT_BE_CODE = re.compile(rb"`|~~~|^\s*$")
_CODE_SPAN = re.compile(rb"(?<![`\\])(`+)(?!`).+?(?<!`)\1(?!`)")
_BAR = re.compile(rb"(?<!\\)\|")
# `\(x\)` and `\[x\]` are how models write LaTeX; what looks like words in escaped brackets is left alone.
_LATEX = re.compile(
    rb"(?<!\\)\\(?:\((?P<inline>(?:(?!\n\s*\n)[^$]){1,500}?)\\\)|\[(?P<display>(?:(?!\n\s*\n)[^$]){1,1000}?)\\\])"
)
_FORMULA = re.compile(rb"\\[A-Za-z]|[\^_=]|^\s*[A-Za-z]\s*$")
# What TDLib's check_link takes; a message with any other link is refused as a whole. A host needs a dot in it.
_HOST = r"(?:\[[0-9a-f:.]+\]|[\w!$,~*'();&+=-]+(?:\.[\w!$,~*'();&+=-]+)+\.?)"
_LINK = re.compile(rf"https?://{_HOST}(?::0*[1-9]\d{{0,3}})?(?:[/?#]\S*)?|mailto:[\w.+-]+@{_HOST}", re.IGNORECASE)
_LONGEST_LINK = 2048


def read(source: str) -> tuple[str, list[Event]]:
    """The text that was parsed (the source, with escapes in it) and its events."""
    text = _with_dollars(source)
    events = _parse(text)
    for _ in range(_MOST_PASSES):
        data = text.encode()
        offsets = [*_html_blocks(data, events), *_unused_definitions(text, data, events), *_surplus(data, events)]
        if not offsets:
            break
        text = _escaped(data, offsets)
        events = _parse(text)
    return text, list(_mended(text.encode(), events))


def _parse(text: str) -> list[Event]:
    return list(pyromark.events_with_range(text, options=STANDARD_OPTIONS))


def _escaped(data: bytes, offsets: Iterable[int]) -> str:
    pieces, start = [], 0
    for offset in sorted(offsets):
        pieces.append(data[start:offset])
        start = offset
    return b"\\".join([*pieces, data[start:]]).decode()


def _with_dollars(source: str) -> str:
    """LaTeX's brackets as dollars, which the parser knows; not in code."""
    if "\\(" not in source and "\\[" not in source:
        return source
    data, start, pieces = source.encode(), 0, []
    for event, span in _parse(source):
        if isinstance(event, dict) and ("Code" in event or "CodeBlock" in event.get("Start", ())):
            pieces += [_LATEX.sub(_dollars, data[start : span["start"]]), data[span["start"] : span["end"]]]
            start = span["end"]
    return b"".join([*pieces, _LATEX.sub(_dollars, data[start:])]).decode()


def _dollars(found: re.Match[bytes]) -> bytes:
    formula = found["inline"] or found["display"]
    if not _FORMULA.search(formula):
        return found[0]
    mark = b"$" if found["inline"] else b"$$"
    return mark + formula.strip() + mark


def _html_blocks(data: bytes, events: Sequence[Event]) -> Iterator[int]:
    """Where lines open HTML blocks. Only up to what may be code: a backslash would be shown there."""
    reading = False
    for event, span in events:
        if event == {"Start": "HtmlBlock"}:
            reading = True
        elif reading and "Html" in event:
            line = data[span["start"] : span["end"]]
            if line.lstrip().startswith(b"<"):
                yield span["start"] + line.index(b"<")
            reading = not _MIGHT_BE_CODE.search(line)


def _unused_definitions(text: str, data: bytes, events: Sequence[Event]) -> Iterator[int]:
    """Where `[label]: address` stands without being used: often the list of sources at the end of an answer."""
    if "]:" not in text:
        return
    used = {_label(link["id"]) for link in _links(events)}
    for label, definition in pyromark.reference_definitions(text, options=STANDARD_OPTIONS).items():
        if _label(label) not in used:
            yield data.index(b"[", definition["span"]["start"])


def _surplus(data: bytes, events: Sequence[Event]) -> Iterator[int]:
    """The bars of table rows that have more cells than the table: those in code (`a || b`) at first, then the others.

    The parser drops the surplus cells.
    """
    row = cell_end = 0
    for event, span in events:
        if event == {"Start": "TableRow"}:
            row = cell_end = span["start"]
        elif event == {"End": "TableCell"}:
            cell_end = span["end"]
        elif event == {"End": "TableRow"} and data[cell_end : span["end"]].strip(b" \t\r\n|"):
            line = data[row : span["end"]].rstrip(b" \t\r\n|")
            in_code = [row + code.start() + bar for code in _CODE_SPAN.finditer(line) for bar in _bars(code[0])]
            yield from in_code or (cell_end + bar for bar in _bars(line[cell_end - row :]))


def _bars(text: bytes) -> list[int]:
    return [bar.start() for bar in _BAR.finditer(text)]


def _links(events: Sequence[Event]) -> Iterator[dict[str, str]]:
    for event, _ in events:
        match event:
            case {"Start": {"Link": link}} | {"Start": {"Image": link}}:
                yield link


def _label(label: str) -> str:
    return " ".join(label.split()).casefold()


def _mended(data: bytes, events: Sequence[Event]) -> Iterator[Event]:
    mender = _Mender(data)
    for event, span in events:
        for mended in mender.mended(event, span["start"], span["end"]):
            yield mended, span


class _Mender:
    """Replaces the events of one source, in order, that would lose text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._in_code = False
        self._in_table = False
        self._lists = 0
        self._behind_links: list[str | None] = []

    def mended(self, event: Any, start: int, end: int) -> Sequence[Any]:
        """What to show instead of an event; mostly itself."""
        if isinstance(event, str):
            return (event,)
        ((kind, value),) = event.items()
        match kind:
            case "Start":
                return self._start(event, start)
            case "End":
                return self._end(event, end)
            case "Text" if self._in_code:
                return _text(value.replace("\t", _TAB))
            case "Html":
                return _text(value)
            case "InlineHtml":
                return ("SoftBreak",) if _LINE_BREAK.fullmatch(value) else _text(value)
            case "InlineMath" | "DisplayMath" if self._in_table or self._data[end : end + 1].isalnum():
                return _text(self._data[start:end].decode())  # `$HOME/$USER`, and the walker takes it out of a table
        return (event,)

    def _start(self, event: Any, start: int) -> Sequence[Any]:
        match event["Start"]:
            case "HtmlBlock":
                return ({"Start": "Paragraph"},)
            case "Strikethrough" if self._data[start : start + 2] != b"~~":
                return _text("~")  # "approximately"
            case {"CodeBlock": _}:
                self._in_code = True
            case {"Table": _}:
                self._in_table = True
            case {"List": _}:
                self._lists += 1
                return (event,) if self._lists <= _DEEPEST_LIST else ()
            case {"Link": link}:
                return self._start_link(event, link)
        return (event,)

    def _end(self, event: Any, end: int) -> Sequence[Any]:
        match event["End"]:
            case "HtmlBlock":
                return ({"End": "Paragraph"},)
            case "Strikethrough" if self._data[end - 2 : end] != b"~~":
                return _text("~")
            case "CodeBlock":
                self._in_code = False
            case "Table":
                self._in_table = False
            case {"List": _}:
                self._lists -= 1
                return (event,) if self._lists < _DEEPEST_LIST else ()
            case "Link":
                behind = self._behind_links.pop()
                return (event,) if behind is None else _text(behind)
        return (event,)

    def _start_link(self, event: Any, link: dict[str, str]) -> Sequence[Any]:
        address = link["dest_url"]
        if is_link(address):
            self._behind_links.append(None)
            return (event,)
        if link["link_type"] in {"Autolink", "Email"}:  # `vector<std::string>`
            self._behind_links.append(">")
            return _text("<")
        shown = address.lower().startswith(("http:", "https:"))
        self._behind_links.append(f" ({address})" if shown else "")
        return ()


def is_link(address: str) -> bool:
    """Whether Telegram takes a link to there; `tg:` it would, but a model has no business with it."""
    return len(address) <= _LONGEST_LINK and _LINK.fullmatch(address) is not None


def _text(text: str) -> Sequence[Any]:
    return ({"Text": text},) if text else ()
