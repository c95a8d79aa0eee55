"""A model's Markdown, read so that nothing of it gets lost: the parser's events as telegramify-markdown takes them.

Its own `convert()` drops HTML (`vector<int>`, `<details>`), hides what stands between `||` as a spoiler, rewrites LaTeX
inside code blocks, moves formulas out of tables, counts no wide letters in them, and makes text of links that Telegram
refuses. So the source is parsed here, and the events that it would lose are replaced by text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from messengers import commonmark
from messengers.commonmark import LINE_BREAK, Event
from messengers.formulas import stands_as_formula
from messengers.latex import readable
from messengers.tables import without_tables

_TAB = "    "  # Telegram makes one space of a tab
_DEEPEST_LIST = 8  # "1. 1. 1. …" of a model that is stuck would be indented beyond all measure
# What TDLib's check_link takes; a message with any other link is refused as a whole. A host needs a dot in it.
_HOST = r"(?:\[[0-9a-f:.]+\]|[\w!$,~*'();&+=-]+(?:\.[\w!$,~*'();&+=-]+)+\.?)"
_LINK = re.compile(rf"https?://{_HOST}(?::0*[1-9]\d{{0,3}})?(?:[/?#]\S*)?|mailto:[\w.+-]+@{_HOST}", re.IGNORECASE)
_LONGEST_LINK = 2048


def read(source: str) -> tuple[str, list[Event]]:
    """The text that was parsed (the source, with escapes in it) and its events."""
    data, events = commonmark.read(source)
    return data.decode(), list(_mended(data, events))


def _mended(data: bytes, events: Sequence[Event]) -> Iterator[Event]:
    mender = _Mender(data)
    for event, span in without_tables(data, events):
        for mended in mender.mended(event, span["start"], span["end"]):
            yield mended, span


class _Mender:
    """Replaces the events of one source, in order, that would lose text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._in_code = False
        self._lists = 0
        self._behind_links: list[str] = []

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
                return ("SoftBreak",) if LINE_BREAK.fullmatch(value) else _text(value)
            case "InlineMath" | "DisplayMath":
                return self._formula(value, start, end)
        return (event,)

    def _formula(self, formula: str, start: int, end: int) -> Sequence[Any]:
        """Readable, as code; one of several lines as a block of its own."""
        if not stands_as_formula(self._data, start, end, formula):
            return _text(self._data[start:end].decode())  # `$HOME/$USER`, or two prices
        text = readable(formula)
        if "\n" not in text:
            return ({"Code": text},) if text else ()
        before, behind = self._data[:start].rstrip(b" \t>")[-1:], self._data[end:].lstrip(b" \t")[:1]
        block = ({"Start": {"CodeBlock": "Indented"}}, {"Text": text}, {"End": "CodeBlock"})
        return (*_line_end(before), *block, *_line_end(behind))

    def _start(self, event: Any, start: int) -> Sequence[Any]:
        match event["Start"]:
            case "HtmlBlock":
                return ({"Start": "Paragraph"},)
            case "Strikethrough" if self._data[start : start + 2] != b"~~":
                return _text("~")  # "approximately"
            case {"CodeBlock": _}:
                self._in_code = True
            case {"List": _}:
                self._lists += 1
                return (event,) if self._lists <= _DEEPEST_LIST else ()
            case {"Link": link}:
                return self._start_link(event, link, start)
            case {"Image": link}:
                self._behind_links.append("" if is_link(link["dest_url"]) else _in_brackets(link["dest_url"]))
        return (event,)

    def _end(self, event: Any, end: int) -> Sequence[Any]:
        match event["End"]:
            case "HtmlBlock":
                return ({"End": "Paragraph"},)
            case "Strikethrough" if self._data[end - 2 : end] != b"~~":
                return _text("~")
            case "CodeBlock":
                self._in_code = False
            case {"List": _}:
                self._lists -= 1
                return (event,) if self._lists < _DEEPEST_LIST else ()
            case "Link" | "Image":
                return (event, *_text(self._behind_links.pop()))
        return (event,)

    def _start_link(self, event: Any, link: dict[str, str], start: int) -> Sequence[Any]:
        """The link; Telegram's renderer leaves one away that is refused, so all that is needed is its address."""
        address = link["dest_url"]
        if link["link_type"] in {"Autolink", "Email"} and not is_link(address):  # `vector<std::string>`
            self._behind_links.append(">")
            return (*_text("<"), event)
        if is_link(address) or self._data.startswith(f"[{address}]".encode(), start):
            self._behind_links.append("")
        elif link["link_type"] == "Inline" and self._data[start - 1 : start].isalnum():  # `handlers[name](event)`
            self._behind_links.append(f"]({address})")
            return (*_text("["), event)
        else:
            self._behind_links.append(_in_brackets(address))
        return (event,)


def is_link(address: str) -> bool:
    """Whether Telegram takes a link to there; `tg:` it would, but a model has no business with it."""
    return len(address) <= _LONGEST_LINK and _LINK.fullmatch(address) is not None


def _in_brackets(address: str) -> str:
    return f" ({address})" if address else ""


def _text(text: str) -> Sequence[Any]:
    return ({"Text": text},) if text else ()


def _line_end(beside: bytes) -> Sequence[Any]:
    """What keeps a block of lines apart from text beside it in the source."""
    return () if beside in (b"", b"\n") else ("SoftBreak",)
