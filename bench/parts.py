"""What the parts cost that every fragment, every edit and every message go through, each measured alone."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.machine import filesystem
from bench.table import Table
from chat.incoming import Address, Said, Sender
from messengers.splitting import split
from messengers.telegram.rendering import TelegramDialect
from providers.stream import server_events
from storage.sqlite import SqliteStore
from tests.program import ROOT

ROUNDS = 5  # of each measurement; the table has their median
READER_REPEATS = 300  # of all recordings in one round
SPLIT_REPEATS = 10  # of the sample, to make a long answer of it
SEQUENTIAL = 100
AT_ONCE = 100

EVENT = re.compile(rb"(?:(?:event|data): .*\n)+\n")


async def parts() -> Table:
    """The stream reader, Telegram's Markdown, and the store."""
    reader, markdown, (store, kind) = await _reader(), _markdown(), await _store()
    return Table(
        f"parts: each alone; the median of {ROUNDS} rounds",
        ("figure",),
        (*reader, *markdown, *store),
        (
            "reader: the events of tests/recordings, one a chunk, cut out but not read as JSON",
            f"markdown: tests/samples; split: the same {SPLIT_REPEATS} times in a row, with the rendering it needs",
            f"store: `receive` with full sync in a temporary folder ({kind}); at once: time for all / {AT_ONCE}",
        ),
    )


async def _reader() -> Sequence[tuple[str, str]]:
    bodies = [path.read_bytes() for path in sorted((ROOT / "tests/recordings").glob("*.txt"))]
    events = [event for body in bodies for event in EVENT.findall(body)] * READER_REPEATS
    seconds = median([await _seconds_to_read(events) for _ in range(ROUNDS)])
    return (
        ("stream reader, µs per event", f"{1e6 * seconds / len(events):.1f}"),
        ("stream reader, MB/s", f"{sum(map(len, events)) / seconds / 1e6:.0f}"),
    )


async def _seconds_to_read(events: Sequence[bytes]) -> float:
    async def chunks() -> AsyncIterator[bytes]:
        for event in events:
            yield event

    begun = time.perf_counter()
    async for _ in server_events(chunks()):
        pass
    return time.perf_counter() - begun


def _markdown() -> Sequence[tuple[str, str]]:
    dialect = TelegramDialect()
    samples = [path.read_text("utf-8") for path in sorted((ROOT / "tests/samples").glob("*.md"))]
    answer = "\n\n".join(samples * SPLIT_REPEATS)
    kilobytes = len("".join(samples).encode()) / 1000
    return (
        ("render for Telegram, ms per KB", f"{_milliseconds(lambda: _render(dialect, samples)) / kilobytes:.3f}"),
        (
            f"split for Telegram, ms per KB of {len(answer.encode()) / 1000:.0f}",
            f"{_milliseconds(lambda: split(answer, dialect)) / (len(answer.encode()) / 1000):.3f}",
        ),
    )


def _render(dialect: TelegramDialect, samples: Sequence[str]) -> None:
    for sample in samples:
        dialect.render(sample, final=True)


def _milliseconds(work: Callable[[], object], calls: int = 10) -> float:
    """What one call takes, after one that isn't counted."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(calls):
            work()
        rounds.append(1000 * (time.perf_counter() - begun) / calls)
    return median(rounds)


async def _store() -> tuple[Sequence[tuple[str, str]], str]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with SqliteStore(folder / "bot.db") as store:
            single = median([await _seconds_in_sequence(store, number) for number in range(ROUNDS)])
            shared = median([await _seconds_at_once(store, number) for number in range(ROUNDS)])
        kind = filesystem(folder)
    rows = (
        (f"store, µs per commit, {SEQUENTIAL} in sequence", f"{1e6 * single / SEQUENTIAL:.0f}"),
        (f"store, µs per call, {AT_ONCE} at once", f"{1e6 * shared / AT_ONCE:.0f}"),
    )
    return rows, kind


async def _seconds_in_sequence(store: SqliteStore, round_: int) -> float:
    begun = time.perf_counter()
    for number in range(SEQUENTIAL):
        await store.receive(_said(f"sequence {round_} {number}"))
    return time.perf_counter() - begun


async def _seconds_at_once(store: SqliteStore, round_: int) -> float:
    begun = time.perf_counter()
    await asyncio.gather(*(store.receive(_said(f"at once {round_} {number}")) for number in range(AT_ONCE)))
    return time.perf_counter() - begun


def _said(key: str) -> Said:
    return Said(Address("telegram", "1001", message="7"), Sender("1001", "Anna", "en"), key, "How are you today?")
