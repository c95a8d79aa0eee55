"""One stream reader for every provider: bytes to server-sent events or JSON lines, and text made fit to be shown.

aiohttp's own line iteration fails on lines above 512 KiB, and a Gradio value with history passes that; so lines are
cut here, out of whatever `iter_any()` gives, in time linear to their length. The readers are plain iterators, not
async generators: nothing is left to be closed when a reply is stopped early.
"""

import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Generic, Protocol, TypeVar

from chat.errors import CutOff, Garbled
from providers.base import JsonValue

MAX_EVENT_BYTES = 16 * 2**20
MAX_DEPTH = 200  # of JSON; what servers send has a dozen levels

_LINE_END = re.compile(rb"\r\n|\r|\n")
_USUAL_EVENT = re.compile(rb"(?:event: ?(.*)\n)?data: ?(.*)\n\n")  # nearly all that servers send
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SURROGATE = re.compile("[\ud800-\udfff]")

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event. `whole` is False where the body ended before the blank line that ends an event."""

    data: str
    name: str = ""
    whole: bool = True

    def json(self) -> JsonValue:
        """Its data as JSON. Raises `Garbled`; `CutOff` where the body ended inside it."""
        return read_json(self.data, whole=self.whole)


def server_events(chunks: AsyncIterable[bytes], limit: int = MAX_EVENT_BYTES) -> AsyncIterator[ServerEvent]:
    """The events of a `text/event-stream` body. Raises `Garbled` for an event of more than `limit` bytes.

    As the HTML standard has it, but the last event may lack its blank line (many servers' `[DONE]` does), and
    llama.cpp's `error:` field is read as the data of an event named "error".
    """
    return _Reader(chunks, _EventParser(limit))


def json_lines(chunks: AsyncIterable[bytes], limit: int = MAX_EVENT_BYTES) -> AsyncIterator[JsonValue]:
    """The values of a body with one JSON value in each line; empty lines are skipped.

    Raises `Garbled` for what is not JSON, and for a line of more than `limit` bytes; `CutOff` for half a last line.
    """
    return _Reader(chunks, _JsonParser(limit))


def read_json(text: str | bytes, *, whole: bool = True) -> JsonValue:
    """JSON from outside. Raises `Garbled`, or `CutOff` where `text` is known to be a beginning only."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: "[[[[…" is a way to end a program
        reason = f"not JSON ({type(error).__name__}): {text[:200]!r}"
        raise Garbled(reason) if whole else CutOff(reason) from None
    if _is_deep(text, value):
        raise Garbled(f"JSON that is nested too deeply: {text[:200]!r}")
    return value


def _is_deep(text: str | bytes, value: JsonValue) -> bool:
    """Whether whoever walks through it might come to Python's limit, though the parser didn't."""
    brackets = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    if brackets <= MAX_DEPTH:  # nearly always: an answer comes in hundreds of such texts
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level for inner in _inside(each)]
    return bool(level)


def _inside(value: JsonValue) -> Iterable[JsonValue]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


class TextCleaner:
    """Text as messengers accept it, whole or in pieces.

    A JavaScript server cuts an emoji into two lone surrogates in two events: they are joined again. Other lone
    surrogates become U+FFFD; NUL is dropped.
    """

    def __init__(self) -> None:
        self._held = ""

    def clean(self, text: str) -> str:
        """The next piece; a half of a character at its end is kept until the other half comes."""
        if not self._held and text.isascii() and "\0" not in text:
            return text
        text = self._held + text.replace("\0", "")
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        if not _SURROGATE.search(text):
            return text
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def rest(self) -> str:
        """What is left at the end: U+FFFD for a half whose other half never came."""
        held, self._held = self._held, ""
        return "\ufffd" if held else ""


class LineSplitter:
    """Bytes in, lines without their ends out: LF, CR or CRLF, wherever the chunks are cut.

    No byte of a longer UTF-8 character can be a line end, so lines are cut first and decoded when they are whole.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()  # grows in place: a line of megabytes may come byte by byte
        self._after_cr = False

    @property
    def between_lines(self) -> bool:
        """Whether what comes next begins a line, whatever it is."""
        return not self._rest and not self._after_cr

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that are whole with `chunk`. Raises `Garbled` for one above the limit."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return
        self._after_cr = chunk.endswith(b"\r")
        *ended, rest = _LINE_END.split(chunk)
        for line in ended:
            self._grow(line)
            yield self.rest()
        self._grow(rest)

    def rest(self) -> bytes:
        """What came since the last line end."""
        line = bytes(self._rest)
        self._rest.clear()
        return line

    def _grow(self, piece: bytes) -> None:
        if len(self._rest) + len(piece) > self._limit:
            raise Garbled(f"a line of more than {self._limit} bytes: {bytes(self._rest[:100])!r}…")
        self._rest += piece


class _Parser(Protocol[Item_co]):
    """What is made of the chunks of a body."""

    def feed(self, chunk: bytes) -> Iterable[Item_co]: ...

    def end(self) -> Iterable[Item_co]: ...


class _Reader(Generic[Item]):
    """A parser laid over the chunks of a body."""

    def __init__(self, chunks: AsyncIterable[bytes], parser: _Parser[Item]) -> None:
        self._next = aiter(chunks).__anext__
        self._parser = parser
        self._ready: Iterator[Item] = iter(())
        self._ended = False

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        while True:
            for item in self._ready:
                return item
            if self._ended:
                raise StopAsyncIteration
            try:
                self._ready = iter(self._parser.feed(await self._next()))
            except StopAsyncIteration:
                self._ended = True
                self._ready = iter(self._parser.end())


class _EventParser:
    """Server-sent events out of chunks."""

    def __init__(self, limit: int) -> None:
        self._lines = LineSplitter(limit)
        self._limit = limit
        self._at_start = True
        self._start_anew()

    def feed(self, chunk: bytes) -> Iterable[ServerEvent]:
        """Whole events of the usual form are taken as they are, which is cheap; what is left, line by line."""
        if not self._between_events or b"\r" in chunk or len(chunk) > self._limit:
            return self._by_line(chunk)
        events, taken = [], 0
        while found := _USUAL_EVENT.match(chunk, taken):
            name, data = found.groups(b"")
            events.append(ServerEvent(data.decode("utf-8", "replace"), name.decode("utf-8", "replace")))
            taken = found.end()
        return events if taken == len(chunk) else chain(events, self._by_line(chunk[taken:]))

    @property
    def _between_events(self) -> bool:
        return not (self._at_start or self._data or self._name) and self._lines.between_lines

    def _by_line(self, chunk: bytes) -> Iterator[ServerEvent]:
        for line in self._lines.feed(chunk):
            if line:
                self._take(line)
            else:
                yield from self._event(whole=True)

    def end(self) -> Iterator[ServerEvent]:
        if line := self._lines.rest():
            self._take(line)
        yield from self._event(whole=False)

    def _start_anew(self) -> None:
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""

    def _take(self, line: bytes) -> None:
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"data":
                self._add(value)
            case b"event":
                self._name = value.decode("utf-8", "replace")
            case b"error":
                self._name = "error"
                self._add(value)

    def _add(self, value: bytes) -> None:
        self._size += len(value) + 1
        if self._size > self._limit + 1:
            raise Garbled(f"an event of more than {self._limit} bytes: {self._data[0][:100]!r}…")
        self._data.append(value)

    def _event(self, *, whole: bool) -> Iterator[ServerEvent]:
        data, name = self._data, self._name
        self._start_anew()
        if data:
            yield ServerEvent(b"\n".join(data).decode("utf-8", "replace"), name, whole)


class _JsonParser:
    """JSON values out of chunks, one a line."""

    def __init__(self, limit: int) -> None:
        self._lines = LineSplitter(limit)

    def feed(self, chunk: bytes) -> Iterator[JsonValue]:
        for line in self._lines.feed(chunk):
            yield from self._value(line, whole=True)

    def end(self) -> Iterator[JsonValue]:
        yield from self._value(self._lines.rest(), whole=False)

    def _value(self, line: bytes, *, whole: bool) -> Iterator[JsonValue]:
        if line.strip():
            yield read_json(line.decode("utf-8", "replace"), whole=whole)
