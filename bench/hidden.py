"""Places whose limits nobody tells: how often a reply runs into them, and how late it is, in virtual time.

Each place has a burst and a rate of its own, drawn at random, and penalties of 18 to 250 s for calls beyond them. The
live reply, the budget and the outbox are the bot's own; the chat is a fake one, and what passes is only its clock. A
second table counts the refusals of places whose limits are of other kinds: learning must not be made for one of them.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import mean
from typing import cast

from bench.counting import STORY, WORDS, WORDS_PER_SECOND
from bench.optimum import Allowance, Answers, best
from bench.table import NOTHING, Table, percentile
from chat.buttons import Action, Button
from chat.events import Completed, ReplyEvent, TextDelta
from chat.incoming import Address
from chat.replies import Final, ReplyState
from messengers.base import Page, SlowDown
from messengers.budget import Budgets
from messengers.live_reply import LiveReply
from operations.outbox import Letter, Outbox
from operations.tasks import Tasks
from storage.base import Store
from tests.fakes import CallKind, FakeChat
from tests.virtual_time import run_virtual

PLACES = 60
FEWER_PLACES = 30  # of each other kind
REPLIES = 20  # at each place
PENALTIES = (18.0, 250.0)  # seconds
BURSTS = (2, 8)
RATES = (0.2, 2.0)  # calls a second
PAUSES = (5.0, 90.0)  # seconds between an answer and the next question
LATENCY = 0.05
ONE = Answers((0.0,), WORDS, WORDS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Kind:
    """How limits are drawn: `windows` are of so many calls in so many seconds, the others buckets."""

    name: str
    penalties: tuple[float, float] = PENALTIES
    bursts: tuple[int, int] = BURSTS
    rates: tuple[float, float] = RATES
    windows: tuple[tuple[int, float], ...] = ()

    def drawn(self, draw: random.Random) -> "Hidden":
        """The limit of one place."""
        low, high = (math.log(rate) for rate in self.rates)
        allowance = Allowance(draw.randint(*self.bursts), math.exp(draw.uniform(low, high)))
        return Hidden(self, allowance, draw, draw.choice(self.windows) if self.windows else None)


HIDDEN = Kind("hidden")
OTHERS = (
    Kind("penalties of 5 s", penalties=(5, 5)),
    Kind("penalties of 4 h", penalties=(14_400, 14_400)),
    Kind("much lower: burst 1-3, 0.05-0.3/s", bursts=(1, 3), rates=(0.05, 0.3)),
    Kind("20 calls in any minute", windows=((20, 60.0),)),
    Kind("5-30 calls in any 10-60 s", windows=((5, 10.0), (10, 30.0), (15, 60.0), (30, 60.0))),
)


@dataclass(slots=True)
class Hidden:
    """A place's limit, as the messenger keeps it: a bucket, or a window."""

    kind: Kind
    allowance: Allowance
    draw: random.Random
    window: tuple[int, float] | None = None
    tokens: float = 0.0
    updated: float = 0.0
    blocked_until: float = 0.0
    refusals: list[float] = field(default_factory=list)
    admitted: deque[float] = field(default_factory=deque)

    def admit(self, now: float) -> None:
        """Count a call; raises `SlowDown` where it is too many, and from then on until the penalty is over."""
        if now >= self.blocked_until:
            if self._takes(now):
                return
            self.blocked_until = now + self.draw.uniform(*self.kind.penalties)
        self.refusals.append(now)
        raise SlowDown(math.ceil(self.blocked_until - now))

    def _takes(self, now: float) -> bool:
        if self.window:
            calls, seconds = self.window
            while self.admitted and self.admitted[0] <= now - seconds:
                self.admitted.popleft()
            self.admitted.append(now)
            return len(self.admitted) <= calls
        back = (now - self.updated) * self.allowance.per_second
        self.tokens, self.updated = min(self.allowance.burst, self.tokens + back), now
        self.tokens -= 1 if (takes := self.tokens >= 1) else 0
        return takes


class HiddenChat(FakeChat):
    """A chat with such a limit, and the times when words were first seen in the answer of the moment."""

    def __init__(self, hidden: Hidden, budgets: Budgets, address: Address) -> None:
        super().__init__(latency=LATENCY, limit=4096)
        self.budget = budgets.of(address)
        self._hidden = hidden
        self.shown: list[float] = []

    async def _call(
        self, kind: CallKind, message: str = "", page: Page | None = None, buttons: tuple[str, ...] = ()
    ) -> None:
        loop = asyncio.get_running_loop()
        if kind != "typing":
            await asyncio.sleep(LATENCY / 2)
            self._hidden.admit(loop.time())
            await asyncio.sleep(LATENCY / 2)
        if page:
            self.shown += [loop.time()] * (len(page.text.split()) - len(self.shown))


class Forgetting:
    """As much of a store as delivering needs."""

    async def checkpoint(self, turn: int, state: ReplyState) -> None:
        """Nothing is kept."""

    async def finish(self, turn: int, parts: tuple[str, ...], *, dead: bool, reason: str = "") -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One reply: when its first word left, how late each was; whether a refusal came or lasted while it was made."""

    begun: float
    lags: tuple[float, ...]
    refused: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What happened at one place."""

    allowance: Allowance
    refusals: int
    replies: tuple[Answered, ...]


def hidden(seeds: int = PLACES) -> Table:
    """Many places, each with its own limit."""
    return table([run_virtual(_place(seed)) for seed in range(seeds)])


def others(seeds: int = FEWER_PLACES) -> Table:
    """Refusals of places whose limits are of other kinds."""
    rows = []
    for kind in OTHERS:
        places = [run_virtual(_place(seed, kind)) for seed in range(1000, 1000 + seeds)]
        refusals = [place.refusals for place in places]
        late = [1000 * percentile(place, 0.5) for place in _ends(places) if place]
        shares = (f"{mean(refusals):.1f}", *(str(percentile(refusals, share)) for share in (0.5, 0.95, 1.0)))
        rows.append((kind.name, *shares, f"{percentile(late, 0.95):.0f}" if late else NOTHING))
    return Table(
        f"hidden limits of other kinds: {seeds} places each, {REPLIES} answers at each; virtual time",
        ("429s, mean", "median", "p95", "most", "last word late, p95, ms"),
        tuple(rows),
        ("last word late: the median of each place, replies without a refusal; else as above",),
    )


async def _place(seed: int, kind: Kind = HIDDEN) -> Place:
    draw = random.Random(seed)
    limit = kind.drawn(draw)
    from messengers.telegram.messenger import PRIVATE, TOKEN  # aiogram takes seconds to import

    budgets = Budgets(lambda _: PRIVATE, TOKEN)
    address = Address("telegram", "1", private=True)
    replies = []
    async with Tasks() as tasks:
        for number in range(REPLIES):
            chat = HiddenChat(limit, budgets, address)
            replies.append(await _reply(chat, address, tasks, number, limit))
            await asyncio.sleep(draw.uniform(*PAUSES))
    return Place(limit.allowance, len(limit.refusals), tuple(replies))


async def _reply(chat: HiddenChat, address: Address, tasks: Tasks, number: int, limit: Hidden) -> Answered:
    store = cast("Store", Forgetting())
    outbox = Outbox(lambda _: chat, store, tasks)
    left: list[float] = []
    begun, before = asyncio.get_running_loop().time(), len(limit.refusals)
    troubled = limit.blocked_until > begun
    live = LiveReply(chat, _nothing, buttons=(Button("Stop", Action("stop", number)),))
    shown = await live.show(_stream(left))
    outbox.put(Letter(number, address, shown.state, Final(shown.state.text), settled=shown.settled))
    await outbox.delivered(address)
    lags = tuple(at - sent for at, sent in zip(chat.shown, left, strict=True))
    return Answered(left[0], lags, troubled or len(limit.refusals) > before)


async def _nothing(state: ReplyState) -> None:
    del state


@asynccontextmanager
async def _stream(left: list[float]) -> AsyncIterator[AsyncIterator[ReplyEvent]]:
    yield _events(left)


async def _events(left: list[float]) -> AsyncIterator[ReplyEvent]:
    for word in STORY.split():
        await asyncio.sleep(1 / WORDS_PER_SECOND)
        left.append(asyncio.get_running_loop().time())
        yield TextDelta(f"{word} ")
    yield Completed()


def table(places: list[Place]) -> Table:
    """Refusals of each place, and lags beside the optimum of its own hidden limit."""
    quiet = [_ratios(place, only_quiet=True) for place in places]
    later = [_ratios(place, after=REPLIES // 2) for place in places]
    refusals = [place.refusals for place in places]
    known = [percentile([place.refusals for place in places], share) for share in (0.5, 0.95, 1.0)]
    return Table(
        f"hidden limits: {PLACES} places, {REPLIES} answers of {WORDS} words at each; virtual time",
        ("mean", "median", "p95", "most"),
        (
            ("refused with 429, per place", f"{mean(refusals):.1f}", *map(str, known)),
            ("mean lag × the optimum, replies without a refusal", *_row(quiet)),
            (f"mean lag × the optimum, all replies from the {REPLIES // 2 + 1}th on", *_row(later)),
            ("last word late, replies without a refusal, ms", *_row(_ends(places), 1000)),
        ),
        (
            (
                f"limits: burst {BURSTS[0]}-{BURSTS[1]}, {RATES[0]:g}-{RATES[1]:g} calls/s (even in their logarithm), "
                f"penalties {PENALTIES[0]:g}-{PENALTIES[1]:g} s; {PAUSES[0]:g}-{PAUSES[1]:g} s between answers"
            ),
            "optimum: of that place's limit, were it known, for the same answers at the same times",
            (
                f"each call takes {1000 * LATENCY:.0f} ms; places with at most two refusals: "
                f"{mean(number <= 2 for number in refusals):.0%}"
            ),
        ),
    )


def _ratios(place: Place, *, only_quiet: bool = False, after: int = 0) -> list[float]:
    ratios = [mean(reply.lags) / lag for reply, lag in zip(place.replies, _best_lags(place), strict=True)]
    return [
        ratio
        for ratio, reply in list(zip(ratios, place.replies, strict=True))[after:]
        if not (only_quiet and reply.refused)
    ]


def _best_lags(place: Place) -> list[float]:
    """The optimum's mean lag of each answer, with what its earlier answers left of the allowance."""
    lags, stock, used_at = [], float(place.allowance.burst), 0.0
    for reply in place.replies:
        back = (reply.begun - used_at) * place.allowance.per_second
        stock = min(place.allowance.burst, stock + back)
        plan = best(ONE, place.allowance, None, stock)
        lags.append(mean(at - number / WORDS_PER_SECOND for number, at in enumerate(plan.shown[0])))
        stock, used_at = plan.stock, reply.begun + plan.shown[0][-1]
    return lags


def _ends(places: list[Place]) -> list[list[float]]:
    return [[reply.lags[-1] for reply in place.replies if not reply.refused] for place in places]


def _row(values: list[list[float]], scale: float = 1.0) -> tuple[str, ...]:
    """Of the places' means."""
    means = [scale * mean(of_place) for of_place in values if of_place]
    if not means:
        return (NOTHING,) * 4
    return tuple(f"{figure:.2f}" for figure in (mean(means), *(percentile(means, share) for share in (0.5, 0.95, 1.0))))
