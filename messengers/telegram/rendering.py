"""How Telegram shows Markdown: bare text and entities beside it, so that there is nothing to parse and to refuse.

Facts from TDLib's MessageEntity.cpp, which the Bot API server runs: offsets and sizes are counted in UTF-16 units;
spaces and line ends are trimmed from both ends; control characters become spaces; text of invisible characters only is
refused as empty; code holds no other entity and no link; quotes hold no quotes; 100 entities are kept.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from telegramify_markdown.config import RenderConfig
from telegramify_markdown.converter import EventWalker

from messengers.base import Page
from messengers.commonmark import cleaned
from messengers.telegram.markdown import is_link, read
from messengers.unfinished import closed

LIMIT = 4096
MOST_ENTITIES = 100

_CODE = frozenset({"pre", "code"})
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_STYLES = ("bold", "italic", "underline", "strikethrough")
# Which entities to keep where there are too many; the rest comes last.
_WORTH = {"pre": 0, "code": 1, "text_link": 1, "blockquote": 2, "expandable_blockquote": 2}
_THOUGHT = "💭".encode("utf-16-le")  # a quote that begins with it is what a model thought: long, and rarely read

_TRIMMED = " \n"
_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_ALSO_INVISIBLE = frozenset("\u2800\ufffc\uffa0\u3164\u115f\u1160\u0333\u033f\u030a")


@dataclass(frozen=True, slots=True)
class Entity:
    """A Bot API MessageEntity: `offset` and `length` in UTF-16 units, `url` of a text_link, `language` of a pre."""

    type: str
    offset: int
    length: int
    url: str = ""
    language: str = ""

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + self.length

    def over(self, start: int, end: int) -> "Entity":
        """The same from `start` to `end`."""
        return Entity(self.type, start, end - start, self.url, self.language)


Convert = Callable[[str], tuple[str, Sequence[Entity]]]


class TelegramDialect:
    """The `Dialect` of Telegram; a page's markup is a tuple of `Entity`. `convert` is for tests."""

    limit = LIMIT

    def __init__(self, convert: Convert | None = None) -> None:
        self._convert = convert or Converter()

    def render(self, source: str, *, final: bool) -> Page:
        """Markdown to text and entities. While not `final`, what is half written at the end is closed or held back."""
        source = cleaned(source)
        page = self._page(source if final else closed(source))
        return page if final or page.size <= self.limit else self._page(source)

    def plain(self, source: str) -> Page:
        """The source as it is, Markdown and all."""
        return _page_of(cleaned(source), ())

    def measure(self, text: str) -> int:
        """UTF-16 units."""
        return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2

    def _page(self, source: str) -> Page:
        try:
            text, entities = self._convert(source)
        except BaseException as failure:
            # The contract: never raises, whatever the model wrote. The parser is written in Rust, and a panic in it is
            # a BaseException of no importable class; those that stop a program go on.
            if not isinstance(failure, Exception) and type(failure).__name__ != "PanicException":
                raise
            return self.plain(source)
        return _page_of(text, entities)


class Converter:
    """telegramify-markdown with settings of our own: no pictures before headings, quotes not folded."""

    def __init__(self) -> None:
        self._config = RenderConfig.isolated()
        self._config.cite_expandable = False
        symbols = self._config.markdown_symbol
        symbols.heading_level_1 = symbols.heading_level_2 = symbols.heading_level_3 = symbols.heading_level_4 = ""
        symbols.unordered_list_item = "•"
        symbols.task_uncompleted = "☐"

    def __call__(self, source: str) -> tuple[str, list[Entity]]:
        """Text and entities as the library has them, not yet fit for Telegram."""
        parsed, events = read(source)
        text, found, _ = EventWalker(self._config, parsed).walk(tuple(events))
        return text, [Entity(e.type, e.offset, e.length, e.url or "", e.language or "") for e in found]


def _page_of(text: str, entities: Iterable[Entity]) -> Page:
    text = text.replace("\t", " ")
    trimmed = text.strip(_TRIMMED)
    if all(unicodedata.category(c) in _INVISIBLE or c in _ALSO_INVISIBLE for c in trimmed):
        return Page("", 0, ())
    units = trimmed.encode("utf-16-le")
    shift = len(text) - len(text.lstrip(_TRIMMED))
    shifted = (entity.over(entity.offset - shift, entity.end - shift) for entity in entities)
    return Page(trimmed, len(units) // 2, _accepted(list(_within(units, shifted)), units))


def _within(units: bytes, entities: Iterable[Entity]) -> Iterator[Entity]:
    """Entities as far as they lie in the text, without white space at their ends."""
    for entity in entities:
        start, end = max(0, entity.offset), min(entity.end, len(units) // 2)
        while start < end and _blank(units, start):
            start += 1
        while start < end and _blank(units, end - 1):
            end -= 1
        if start < end:
            yield entity.over(start, end)


def _blank(units: bytes, at: int) -> bool:
    return units[2 * at : 2 * at + 2] in (b" \0", b"\n\0")


def _accepted(found: Sequence[Entity], units: bytes) -> tuple[Entity, ...]:
    """Entities that Telegram takes just as they are, in order; the most valuable where there are too many."""
    links = [entity for entity in found if entity.type == "text_link" and is_link(entity.url)]
    solid = _outermost([*links, *(entity for entity in found if entity.type in _CODE)])
    quotes = [_folded(quote, units) for quote in _outermost(entity for entity in found if entity.type in _QUOTES)]
    code = [entity for entity in solid if entity.type in _CODE]
    styles = (
        piece
        for style in _STYLES
        for entity in _outermost(entity for entity in found if entity.type == style)
        for piece in _around(code, entity)
    )
    worthy = sorted([*solid, *quotes, *_within(units, styles)], key=lambda entity: _WORTH.get(entity.type, 9))
    return tuple(sorted(worthy[:MOST_ENTITIES], key=lambda entity: (entity.offset, -entity.length, entity.type)))


def _folded(quote: Entity, units: bytes) -> Entity:
    """A quote of thoughts shows its first lines, until somebody opens it."""
    return replace(quote, type="expandable_blockquote") if units.startswith(_THOUGHT, 2 * quote.offset) else quote


def _outermost(entities: Iterable[Entity]) -> list[Entity]:
    """Those that lie in no other, in order. A link goes before code of the same extent: its address would be lost."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda entity: (entity.offset, -entity.length, entity.type != "text_link")):
        if not kept or entity.offset >= kept[-1].end:
            kept.append(entity)
    return kept


def _around(code: Sequence[Entity], entity: Entity) -> Iterator[Entity]:
    """What is left of a style where the code inside it is left out."""
    start = entity.offset
    for block in code[bisect_right(code, start, key=lambda block: block.end) :]:
        if block.offset >= entity.end:
            break
        yield entity.over(start, block.offset)
        start = block.end
    yield entity.over(start, entity.end)
