"""When a call to a messenger may be made: one bucket of permits per place, and one above them per bot token.

Every kind of call takes a permit (edits count like sends), the most important first, and a permit is kept back for
finals. A place that was told to slow down stops nobody else.
"""

import asyncio
import heapq
import itertools
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol
from weakref import WeakValueDictionary

from chat.incoming import Address

REMEMBERED = 4096  # places that nobody uses at the moment: the latest ones


class Priority(IntEnum):
    """Who goes first when permits are short."""

    FINAL = 0
    FIRST = 1
    INTERIM = 2
    TYPING = 3


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` permits at once, `per_second` after that; `reserve` of them are only for first and final texts."""

    burst: float
    per_second: float
    reserve: float = 1.0


UNLIMITED = Rate(burst=1e9, per_second=1e9, reserve=0)


class Bucket:
    """Permits that come back with time. Waiters are served by priority, then in order."""

    # A 429 lowers the rate to this share; each permit after that takes it a little back towards what it was.
    SLOWER = 0.7
    RECOVERY = 1.01
    SLOWEST = 0.1

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._share = 1.0
        self._tokens = rate.burst
        self._held = 0  # permits that were taken here, and whose calls wait for the token's
        self._updated = 0.0
        self._blocked_until = 0.0
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, priority: Priority) -> None:
        """Wait for a permit. Cancelling the wait costs nothing."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), granted))
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.give_back()
            else:
                self._grant()
            raise

    @contextmanager
    def held(self) -> Iterator[None]:
        """While inside, a permit that was taken is not used yet: what comes back meanwhile leaves room for it."""
        self._held += 1
        try:
            yield
        finally:
            self._refill()
            self._held -= 1

    def give_back(self) -> None:
        """Return a permit that wasn't used."""
        self._tokens = min(self._rate.burst, self._tokens + 1)
        self._grant()

    def start_with(self, tokens: float) -> None:
        """What is left at the start, where calls of an earlier run may still count."""
        self._refill()
        self._tokens = min(tokens, self._rate.burst)

    def slow_down(self, seconds: float) -> None:
        """Grant nothing for that long, and less than before after that."""
        self._refill()
        self._blocked_until = max(self._blocked_until, self._updated + seconds)
        self._tokens = min(self._tokens, 1.0)
        self._share = max(self.SLOWEST, self._share * self.SLOWER)
        self._grant()

    @property
    def blocked(self) -> bool:
        """Whether a refusal still lasts."""
        return self._blocked_until > asyncio.get_running_loop().time()

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        since = max(self._updated, self._blocked_until)
        if now > since:
            most = max(0.0, self._rate.burst - self._held)
            back = (now - since) * self._rate.per_second * self._share
            self._tokens = max(self._tokens, min(most, self._tokens + back))
        self._updated = now

    def _seconds_until(self, priority: Priority) -> float:
        self._refill()
        needed = 1 + (self._rate.reserve if priority >= Priority.INTERIM else 0)
        wait = max(0.0, needed - self._tokens) / (self._rate.per_second * self._share)
        return wait + max(0.0, self._blocked_until - self._updated)

    def _grant(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            priority, _, granted = self._waiting[0]
            if not granted.done():
                seconds = self._seconds_until(priority)
                if seconds > 1e-6:
                    self._timer = asyncio.get_running_loop().call_later(seconds, self._grant)
                    return
                self._tokens -= 1
                self._share = min(1.0, self._share * self.RECOVERY)
                granted.set_result(None)
            heapq.heappop(self._waiting)


class Budget(Protocol):
    """The permits of one place."""

    async def permit(self, priority: Priority) -> None:
        """Wait until one call may be made."""
        ...

    def slow_down(self, seconds: float) -> None:
        """The messenger refused a call here for that long."""
        ...


class PlaceBudget:
    """A place's bucket under the one of its bot token."""

    def __init__(self, rate: Rate, overall: Bucket) -> None:
        self.bucket = Bucket(rate)
        self._overall = overall

    async def permit(self, priority: Priority) -> None:
        """Wait until one call may be made."""
        while True:
            await self.bucket.take(priority)
            try:
                with self.bucket.held():
                    await self._overall.take(priority)
            except asyncio.CancelledError:
                self.bucket.give_back()
                raise
            if not self.bucket.blocked:
                return
            # Refused while this one waited for the token's permit: now it would only earn another penalty.
            self.bucket.give_back()
            self._overall.give_back()

    def slow_down(self, seconds: float) -> None:
        """The messenger refused a call here for that long: this place waits, no other."""
        self.bucket.slow_down(seconds)


class Budgets:
    """The budgets of a messenger's places, made when they are first needed."""

    def __init__(
        self,
        rate: Callable[[Address], Rate],
        overall: Rate = UNLIMITED,
        key: Callable[[Address], str] = lambda address: address.budget,
    ) -> None:
        """`rate`: a place's. `overall`: the bot token's. `key`: what tells places apart."""
        self._key = key
        self._rate = rate
        self._overall = Bucket(overall)
        self._places: WeakValueDictionary[str, PlaceBudget] = WeakValueDictionary()  # as long as a reply uses them
        self._latest: OrderedDict[str, PlaceBudget] = OrderedDict()
        self._written_before: frozenset[str] = frozenset()

    def written_before(self, places: Collection[str]) -> None:
        """Places that an earlier run wrote to just now: they start with one permit instead of the full burst."""
        self._written_before = frozenset(places)

    def of(self, address: Address) -> PlaceBudget:
        """The budget that all conversations at this place share."""
        place = self._key(address)
        budget = self._places.get(place)
        if budget is None:
            self._places[place] = budget = PlaceBudget(self._rate(address), self._overall)
            if place in self._written_before:
                budget.bucket.start_with(1)
        self._latest[place] = budget
        self._latest.move_to_end(place)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)
        return budget
