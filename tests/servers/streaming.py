"""How the stand-in models stream: what they are told to answer, its pace and its faults, whatever the protocol.

class Lines(Wire): ...                                  # the bytes of one protocol
async for chunk in streamed(http, Lines(request, answer, text)): await response.write(chunk)
"""

import asyncio
import re
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from aiohttp import web

# linger: everything is said, but the body does not end; silent: not even headers come;
# cut: the connection closes in mid-body; cut_cleanly: the body ends without an end mark; garbage: not HTTP at all;
# json: one JSON answer although a stream was asked for; error: an error object in the stream (`body`, if given).
Fault = Literal[
    "", "error", "cut", "cut_cleanly", "reset", "stall", "endless", "huge_line", "json", "html", "garbage", "silent",
    "linger",
]  # fmt: skip

PIECE_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Answer:
    """How to answer one request. A `status` other than 200 answers with `body` (or an error object) and `headers`."""

    text: str | None = None  # None: derived from the question
    pieces: tuple[str, ...] = ()  # exact deltas instead of the words of `text`; may hold half emoji and NULs
    reasoning: str = ""
    pictures: tuple[str, ...] = ()  # addresses, as chat models that draw answer with
    words_per_second: float = 0.0  # 0: as fast as they are taken
    fault: Fault = ""
    after_words: int = 3  # how many deltas come before the fault
    fragment_bytes: int = 0  # 1: byte by byte
    split_emoji: bool = False  # as JavaScript servers do
    huge_bytes: int = 20 * 2**20
    finish_reason: str = "stop"
    end_mark: bool = True
    keep_alives: bool = False
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Request:
    """A request as it came, and how it went on. Times are the event loop's clock."""

    path: str
    headers: dict[str, str]
    body: Any
    arrived: float
    words: int = 0  # deltas sent
    bytes_sent: int = 0
    left_early: bool = False
    left_at: float | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def question(self) -> str:
        """The text of the last message."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)

    async def over(self, seconds: float = 5.0) -> None:
        """Wait until the answer was sent to its end, or the client left."""
        async with asyncio.timeout(seconds):
            await self._over.wait()


class BrokeOff(Exception):
    """The server itself broke the connection: not a client that left."""


@dataclass(frozen=True, eq=False)
class Wire(ABC):
    """One answer in the bytes of one protocol. `request.words` is the number of the piece that is being said."""

    request: Request
    answer: Answer
    text: str
    keep_alive: ClassVar[bytes] = b": keep-alive\n\n"

    @abstractmethod
    def begin(self) -> Iterator[bytes]:
        """What comes before the first piece."""

    @abstractmethod
    def piece(self, text: str) -> bytes: ...

    @abstractmethod
    def failure(self) -> bytes:
        """The fault `error`."""

    @abstractmethod
    def torn(self) -> bytes:
        """How far a piece comes that is cut."""

    @abstractmethod
    def line_begins(self) -> bytes:
        """What comes before the text of a huge line."""

    @abstractmethod
    def line_ends(self) -> bytes:
        """What comes after it."""

    def last_words(self, said: str) -> Iterator[bytes]:
        """What follows the last piece, even if it is cut then. `said`: all pieces."""
        yield from ()

    def end(self, said: str) -> Iterator[bytes]:
        """What follows that."""
        yield from ()


async def streamed(http: web.Request, wire: Wire) -> AsyncIterator[bytes]:
    """The bytes of a streamed answer, at its pace and with its fault."""
    request, answer, said = wire.request, wire.answer, list[str]()
    for chunk in wire.begin():
        yield chunk
    for piece in pieces_of(answer, wire.text):
        if answer.fault not in ("", "linger") and request.words == answer.after_words:
            async for chunk in _faulty(http, wire):
                yield chunk
            return
        if answer.words_per_second:
            await asyncio.sleep(1 / answer.words_per_second)
        if answer.keep_alives:
            yield wire.keep_alive
        request.words += 1
        said.append(piece)
        yield wire.piece(piece)
    async for chunk in _ended(http, wire, "".join(said)):
        yield chunk


async def _ended(http: web.Request, wire: Wire, said: str) -> AsyncIterator[bytes]:
    for chunk in wire.last_words(said):
        yield chunk
    if wire.answer.fault == "cut":  # the text had fewer words than were to come before it
        break_off(http)
    for chunk in wire.end(said):
        yield chunk
    if wire.answer.fault == "linger":
        await asyncio.Event().wait()


async def _faulty(http: web.Request, wire: Wire) -> AsyncIterator[bytes]:
    match wire.answer.fault:
        case "error":
            yield wire.failure()
        case "cut":
            yield wire.torn()
            break_off(http)
        case "reset":
            break_off(http, reset=True)
        case "stall":
            await asyncio.Event().wait()
        case "endless":
            while True:
                wire.request.words += 1
                yield wire.piece("and on " * 100)
        case "huge_line":
            yield wire.line_begins()
            for _ in range(wire.answer.huge_bytes // PIECE_BYTES):
                yield b"x" * PIECE_BYTES
            yield wire.line_ends()
        case _:
            return  # cut_cleanly


def pieces_of(answer: Answer, text: str) -> Iterator[str]:
    for piece in answer.pieces or re.findall(r"\s*\S+\s*", text):
        if answer.split_emoji:
            yield from re.findall(".[^\ud800-\udfff]*", _as_javascript(piece), re.DOTALL)
        else:
            yield piece


def _as_javascript(text: str) -> str:
    units = struct.iter_unpack("<H", text.encode("utf-16-le", "surrogatepass"))
    return "".join(chr(unit) for (unit,) in units)


def break_off(http: web.Request, last: bytes = b"", *, reset: bool = False) -> None:
    """Close the connection under an answer, with a FIN or with a RST. Raises `BrokeOff`."""
    assert isinstance(http.transport, asyncio.Transport)
    http.transport.write(last)
    if reset:
        linger = struct.pack("ii", 1, 0)  # close sends RST, not FIN
        http.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    http.transport.close()
    raise BrokeOff
