"""What the wrappers around a provider cost a reply, one after the other, and what a dead provider costs behind them."""

import gc
import logging
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bench.table import Table
from chat.errors import ProviderError, Unreachable
from chat.events import Completed, ReplyEvent, TextDelta
from chat.messages import Message
from composition import Record
from handlers.adapting import adapted
from handlers.settings import ModelSettings
from providers.base import Capabilities, Provider, ReplyRequest, Status, StatusSink
from providers.wrappers import Candidate, Circuit, Fallback, Limited, Observed, Retrying, Wrapper

ROUNDS = 15  # of each measurement, by turns; the table has the best: all others were disturbed by something else
REPLIES = 200  # in one round
LONG = 200  # fragments of a long reply

REQUEST = ReplyRequest("model", (Message("user", "How are you today?"),), "Be brief.")
SETTINGS = ModelSettings(provider="p", model="model")


class _Source(Wrapper):
    """A provider without a server: says its words at once, or is dead."""

    def __init__(self, fragments: int) -> None:
        """Without any it is dead."""
        self._events: list[ReplyEvent] = [*[TextDelta("word ")] * fragments, Completed()]
        self._dead = not fragments

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        if self._dead:
            raise Unreachable("nobody listens")
        yield _Events(iter(self._events))


@dataclass(frozen=True)
class _Events:
    """As cheap as can be, so that what is measured is the wrappers."""

    events: Iterator[ReplyEvent]

    def __aiter__(self) -> AsyncIterator[ReplyEvent]:
        return self

    async def __anext__(self) -> ReplyEvent:
        for event in self.events:
            return event
        raise StopAsyncIteration


async def wrappers() -> Table:
    """Each row has one wrapper more."""
    logging.getLogger("providers.wrappers").setLevel(logging.ERROR)  # that a dead provider is dead is meant
    layers = _layers(1), _layers(LONG)
    dead = Observed(Circuit(Retrying(Limited(_Source(0), 32))), "p", "main", Record().note)
    best = await _best([*layers[0].values(), *layers[1].values(), dead])
    short, long = best[: len(layers[0])], best[len(layers[0]) : -1]
    rows = [
        (
            name,
            f"{1e6 * one:.1f}",
            f"{1e6 * (one - short[0]):.1f}",
            f"{1e6 * many:.0f}",
            f"{1e6 * (many - long[0]):.0f}",
        )
        for name, one, many in zip(layers[0], short, long, strict=True)
    ]
    rows.append(("a dead provider, its circuit open", f"{1e6 * best[-1]:.1f}", "", "", ""))
    return Table(
        f"wrappers: µs for a reply of 1 and of {LONG} fragments; the best of {ROUNDS} rounds of {REPLIES}",
        ("1", "of it ours", str(LONG), "of it ours"),
        tuple(rows),
        ("no server: the provider says its words at once, and costs as little as an async iterator can",),
    )


def _layers(fragments: int) -> Mapping[str, Provider]:
    """By what each adds to the one before."""
    bare = _Source(fragments)
    limited = Limited(bare, 32)
    retrying = Retrying(limited)
    circuit = Circuit(retrying)
    observed = Observed(circuit, "p", "main", Record().note)
    candidate = Candidate("main", observed, lambda request: adapted(request, SETTINGS, observed.capabilities))
    fallback = Fallback([candidate, candidate])
    return {
        "the provider alone": bare,
        "+ Limited": limited,
        "+ Retrying": retrying,
        "+ Circuit": circuit,
        "+ Observed": observed,
        "+ Fallback": fallback,
    }


async def _best(providers: Sequence[Provider]) -> Sequence[float]:
    """Seconds for one reply of each."""
    rounds = [[await _seconds(provider) for provider in providers] for _ in range(ROUNDS)]
    return [min(each) / REPLIES for each in zip(*rounds, strict=True)]


async def _seconds(provider: Provider) -> float:
    gc.collect()
    begun = time.perf_counter()
    for _ in range(REPLIES):
        with suppress(ProviderError):
            async with provider.stream_reply(REQUEST, _silent) as events:
                async for _ in events:
                    pass
    return time.perf_counter() - begun


def _silent(status: Status) -> None:
    """Nobody is told."""
