"""Answers that need more than Telegram's entities can show, tables and formulas, as rich messages in their final form.

Facts: Bot API 10.3 (sendRichMessage, editMessageText with `rich_message`): 32,768 characters and 500 blocks, Markdown
as GitHub's with more in it: HTML, `$formulas$`, `==marked==`, `||spoilers||`, footnotes, media by `![](address)`. What
a model doesn't mean, or must not be able to do (have Telegram fetch an address), gets a backslash.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from messengers import commonmark
from messengers.base import MessengerError, Page
from messengers.commonmark import LINE_BREAK, Event, cleaned
from messengers.formulas import stands_as_formula
from messengers.telegram.markdown import is_link
from messengers.telegram.rendering import Entity, TelegramDialect

log = logging.getLogger(__name__)

MOST_CHARACTERS = 32_768
MOST_BLOCKS = 500
MOST_COLUMNS = 20  # of a table; as others found it, the documentation tells nothing

_MAY_NEED_IT = re.compile(r"\||\$|\\[(\[]")
_MEANT_AS_TEXT = re.compile(rb"[$=|^~<]")
_INLINE = frozenset({"Emphasis", "Strong", "Strikethrough", "Link", "Image", "TableCell"})
# What a server that knows no rich messages says: it finds no text in the call.
_UNKNOWN = re.compile(r"text is empty|method not found|not supported|unsupported")


@dataclass(frozen=True, slots=True)
class Rich:
    """The markup of a page that is to be a rich message: its Markdown, and the entities for where it can't be one."""

    markdown: str
    entities: tuple[Entity, ...]


class RichDialect(TelegramDialect):
    """Telegram's dialect, whose final pages are `Rich` where that is needed, and as long as the server takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.takes_rich = True

    def render(self, source: str, *, final: bool) -> Page:
        """See `Dialect.render`."""
        page = super().render(source, final=final)
        if not (final and self.takes_rich and _MAY_NEED_IT.search(source)):
            return page
        if page == self.plain(source):  # nothing in it is markup, or the parser failed at it
            return page
        markdown = rich_markdown(cleaned(source))
        return replace(page, markup=Rich(markdown, page.markup)) if markdown else page

    def refused(self, reason: MessengerError) -> None:
        """A rich message was refused: none are made any more where the server doesn't know them."""
        log.warning("Telegram takes an answer only as plain text: %s", reason)
        self.takes_rich = self.takes_rich and not _UNKNOWN.search(str(reason)) and "404" not in str(reason)


def rich_markdown(source: str) -> str:
    """The Markdown of a rich message; empty where it needs none, or would be too large for one."""
    data, events = commonmark.read(source)
    if not any(_needs_it(event, data, span) for event, span in events):
        return ""
    blocks = sum(isinstance(event, dict) and "Start" in event and not _is_inline(event["Start"]) for event, _ in events)
    columns = max((len(event["Start"]["Table"]) for event, _ in events if _starts(event, "Table")), default=0)
    markdown = _with_backslashes(data, _harmful(data, events))
    fits = len(markdown) <= MOST_CHARACTERS and blocks <= MOST_BLOCKS and columns <= MOST_COLUMNS
    return markdown if fits else ""


def _needs_it(event: Any, data: bytes, span: Any) -> bool:
    match event:
        case {"InlineMath": formula} | {"DisplayMath": formula}:
            return stands_as_formula(data, span["start"], span["end"], formula)
    return _starts(event, "Table")


def _starts(event: Any, kind: str) -> bool:
    return isinstance(event, dict) and isinstance(event.get("Start"), dict) and kind in event["Start"]


def _is_inline(kind: Any) -> bool:
    return not _INLINE.isdisjoint({kind} if isinstance(kind, str) else kind)


def _harmful(data: bytes, events: Iterable[Event]) -> Iterator[int]:
    """Where a backslash is needed."""
    in_code = False
    for event, span in events:
        if _starts(event, "CodeBlock"):
            in_code = True
        elif event == {"End": "CodeBlock"}:
            in_code = False
        elif not in_code:
            yield from _harmful_in(event, data, span["start"], span["end"])


def _harmful_in(event: Any, data: bytes, start: int, end: int) -> Iterator[int]:
    match event:
        case {"Text": _}:
            marks = (start + mark.start() for mark in _MEANT_AS_TEXT.finditer(data[start:end]))
            yield from (mark for mark in marks if data[mark - 1 : mark] != b"\\")
        case {"Html": text} | {"InlineHtml": text} if not LINE_BREAK.fullmatch(text):
            yield start + max(0, data[start:end].find(b"<"))
        case {"InlineMath": formula} if not stands_as_formula(data, start, end, formula):
            yield from (start, end - 1)
        case {"DisplayMath": formula} if not stands_as_formula(data, start, end, formula):
            yield from (start, start + 1, end - 2, end - 1)
        case {"Start": {"Image": image}}:
            yield start
            if not is_link(image["dest_url"]):
                yield start + 1
        case {"Start": {"Link": link}} if not is_link(link["dest_url"]):
            yield start


def _with_backslashes(data: bytes, offsets: Iterable[int]) -> str:
    pieces, start = [], 0
    for offset in sorted(set(offsets)):
        pieces.append(data[start:offset])
        start = offset
    return b"\\".join([*pieces, data[start:]]).decode()
