"""Providers' streams through their translators: cut anywhere they say the same; bent, they say what may be told."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import strategies as st

from chat.errors import BotError, Garbled
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, TextDelta
from providers.answers import opened
from providers.stream import json_lines, server_events
from tests.fuzz.bodies import GARBAGE, bent_body, chunk_sizes
from tests.fuzz.target import Target, pure
from tests.fuzz.wire import Wire, cut, recorded_wires

T = TypeVar("T")
LIMIT = 200  # bytes of an event
WIRES = recorded_wires()

Said = tuple[list[ReplyEvent], BotError | None]


def driven(work: Coroutine[Any, Any, T]) -> T:
    """Run what waits for nothing."""
    try:
        work.send(None)
    except StopIteration as over:
        return over.value  # type: ignore[no-any-return]  # what the coroutine returned
    raise AssertionError("it waits for something")


async def answer(wire: Wire, body: bytes, sizes: list[int]) -> Said:
    """What a reader of the whole answer is told, and how it fails."""
    events: list[ReplyEvent] = []
    try:
        async with opened(wire.read(cut(body, sizes))) as answer:
            async for event in answer:
                events.append(event)
    except BotError as error:
        return events, error
    return events, None


def assert_sound(said: Said, body: bytes) -> None:
    """Once completed, and then over; nothing larger than what came; fit to be shown."""
    events, failure = said
    ends = [number for number, event in enumerate(events) if isinstance(event, Completed)]
    assert ends == ([] if failure else [len(events) - 1]), "an answer that didn't fail is completed, once, at its end"
    for event in events:
        if isinstance(event, TextDelta | Replaced | ReasoningDelta):
            event.text.encode()  # no half of a character
            assert "\0" not in event.text
            assert len(event.text) <= len(body) + 100


def _same_however_cut(example: tuple[Wire, bytes, list[int], list[int]]) -> None:
    """Cut into any chunks, an answer is the same, event by event; and so is its failure."""
    wire, body, sizes, others = example
    events, failure = driven(answer(wire, body, sizes))
    again, other = driven(answer(wire, body, others))
    assert events == again
    assert type(failure) is type(other)


def _told(example: tuple[Wire, bytes, list[int]]) -> None:
    """Bent in any way, an answer is events or a failure that can be told of; nothing comes after its end."""
    wire, body, sizes = example
    assert_sound(driven(answer(wire, body, sizes)), body)


async def _items(body: bytes, sizes: list[int]) -> tuple[list[Any], list[Any]]:
    events: list[Any] = []
    lines: list[Any] = []
    for found, reader in ((events, server_events), (lines, json_lines)):
        try:
            async for item in reader(cut(body, sizes), LIMIT):
                found.append(item)
        except BotError as error:
            found.append(type(error))
    return events, lines


def _framed(example: tuple[bytes, list[int], list[int]]) -> None:
    """Any bytes are framed alike however they are cut, and no event is larger than the limit."""
    body, sizes, others = example
    events, lines = driven(_items(body, sizes))
    assert (events, lines) == driven(_items(body, others))
    assert all(each is Garbled or len(each.data) <= LIMIT for each in events)


def _cut_bodies(wire: Wire) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(wire), st.just(wire.body) | bent_body(wire.body), chunk_sizes, chunk_sizes)


def _bent_bodies(wire: Wire) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(wire), bent_body(wire.body), chunk_sizes)


PIECES = st.sampled_from(
    [*GARBAGE[:18], b"data: ", b"event: a\n", b"data: {}\r\n", b"\n", b"\r\n", b"id: 1\n", b"[1]\n"]
)
BODIES = st.lists(PIECES | st.binary(max_size=6), max_size=12).map(b"".join)

TARGETS: tuple[Target, ...] = (
    pure("stream-framing", _framed, st.tuples(BODIES, chunk_sizes, chunk_sizes), 100),
    pure("stream-chunks", _same_however_cut, st.sampled_from(WIRES).flatmap(_cut_bodies), 120),
    *(
        pure(f"stream-{wire.name.replace(' ', '-')}", _told, _bent_bodies(wire), 40)
        for wire in WIRES
    ),
)  # fmt: skip
