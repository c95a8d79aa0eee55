"""Permits for calls to a messenger, which come back with time: a bucket, and windows that count besides.

Every kind of call takes a permit (edits count like sends), the most important first, and some are kept back for finals.
"""

import asyncio
import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

SLOWEST_PER_SECOND = 0.02  # whatever a messenger tells


class Priority(IntEnum):
    """Who goes first when permits are short."""

    FINAL = 0
    FIRST = 1
    INTERIM = 2
    TYPING = 3


@dataclass(frozen=True, slots=True)
class AtMost:
    """`calls` in any `seconds`; `reserve` of them are only for first and final texts."""

    calls: int
    seconds: float
    reserve: float = 1.0


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` permits at once, `per_second` after that; `reserve` of them are only for first and final texts.

    Besides, never more than `at_most`.
    """

    burst: float
    per_second: float
    reserve: float = 1.0
    at_most: AtMost | None = None


class _Window(Protocol):
    """Something else that counts the calls."""

    @property
    def left(self) -> float:
        """Calls that may be made now."""
        ...

    @property
    def gap(self) -> float:
        """Seconds between calls that use all of it evenly."""
        ...

    @property
    def reserve(self) -> float:
        """Calls that are only for first and final texts."""
        ...

    def pass_to(self, now: float) -> None:
        """Time went by."""
        ...

    def count(self, now: float) -> None:
        """A call is about to be made."""
        ...

    def uncount(self) -> None:
        """The last call that was counted isn't made."""
        ...

    def seconds_until(self, needed: float, now: float) -> float:
        """Seconds until so many are left, or all that there can be."""
        ...


@dataclass(slots=True)
class _Told:
    """A messenger's own count, as it tells it: `limit` calls, `left` of them until `ends`, then for `seconds` anew."""

    limit: float
    left: float
    ends: float
    seconds: float
    reserve: float

    @property
    def gap(self) -> float:
        """See `_Window`."""
        return self.seconds / self.limit if self.limit else 0.0

    def pass_to(self, now: float) -> None:
        """Begin anew if it is over: full, and counted from the next call on."""
        if now >= self.ends:
            self.left, self.ends = self.limit, math.inf

    def count(self, now: float) -> None:
        """See `_Window`."""
        self.left -= 1
        if self.ends == math.inf:
            self.ends = now + self.seconds

    def uncount(self) -> None:
        """Left as it is: what the messenger tells next sets it right."""

    def seconds_until(self, needed: float, now: float) -> float:
        """See `_Window`."""
        return self.ends - now if self.left < min(needed, self.limit) else 0.0


class _Sliding:
    """The calls of the last seconds, by their times."""

    def __init__(self, most: AtMost) -> None:
        self._most = most
        self._times: deque[float] = deque()
        self.reserve = most.reserve
        self.gap = most.seconds / most.calls

    @property
    def left(self) -> float:
        """See `_Window`."""
        return self._most.calls - len(self._times)

    def pass_to(self, now: float) -> None:
        """See `_Window`."""
        while self._times and self._times[0] <= now - self._most.seconds:
            self._times.popleft()

    def count(self, now: float) -> None:
        """See `_Window`."""
        self._times.append(now)

    def uncount(self) -> None:
        """See `_Window`."""
        if self._times:
            self._times.pop()

    def seconds_until(self, needed: float, now: float) -> float:
        """See `_Window`."""
        missing = math.ceil(min(needed, self._most.calls) - self.left)
        return self._times[missing - 1] + self._most.seconds - now if missing > 0 else 0.0


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
        self._windows: dict[str, _Window] = {"": _Sliding(rate.at_most)} if rate.at_most else {}
        self._per_second = rate.per_second

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
        for window in self._windows.values():
            window.uncount()
        self._grant()

    def start_with(self, tokens: float) -> None:
        """What is left at the start, where calls of an earlier run may still count: of windows only the reserve."""
        self._refill()
        self._tokens = min(tokens, self._rate.burst)
        for window in self._windows.values():
            while window.left > window.reserve:
                window.count(self._updated)

    def slow_down(self, seconds: float) -> None:
        """Grant nothing for that long, and less than before after that."""
        self._refill()
        self._blocked_until = max(self._blocked_until, self._updated + seconds)
        self._tokens = min(self._tokens, 1.0)
        self._share = max(self.SLOWEST, self._share * self.SLOWER)
        self._grant()

    def learn(self, name: str, limit: float, left: float, seconds: float) -> None:
        """What the messenger tells: `limit` calls at a time count as `name`, `left` of them for the next `seconds`.

        Permits are for calls of any name, so each counts in all of them; what is told next sets that right.
        """
        self._refill()
        known = self._windows.get(name)
        whole = max(seconds, known.seconds if isinstance(known, _Told) else 0.0)
        self._windows[name] = _Told(limit, left, self._updated + seconds, whole, self._rate.reserve)
        if whole:
            slowest = max(window.gap for window in self._windows.values())
            self._per_second = max(1 / slowest if slowest else 0.0, SLOWEST_PER_SECOND)
        self._grant()

    @property
    def pace(self) -> float:
        """Seconds between interim calls that make the permits last: closer while there are many.

        Half of what is left is spent ahead of time: near the optimum for an answer of unknown length
        (bench/optimum.py).
        """
        self._refill()
        gaps = [(1 / self._per_second, self._tokens - self._rate.reserve)]
        gaps += [(window.gap, window.left - window.reserve) for window in self._windows.values()]
        return max(gap / (1 + max(0.0, spare) / 2) for gap, spare in gaps) / self._share

    @property
    def blocked(self) -> bool:
        """Whether a refusal still lasts."""
        return self._blocked_until > asyncio.get_running_loop().time()

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        since = max(self._updated, self._blocked_until)
        if now > since:
            most = max(0.0, self._rate.burst - self._held)
            back = (now - since) * self._per_second * self._share
            self._tokens = max(self._tokens, min(most, self._tokens + back))
        self._updated = now

    def _seconds_until(self, priority: Priority) -> float:
        self._refill()
        needed = 1 + (self._rate.reserve if priority >= Priority.INTERIM else 0)
        wait = max(0.0, needed - self._tokens) / (self._per_second * self._share)
        return max(wait + max(0.0, self._blocked_until - self._updated), self._seconds_until_windows(priority))

    def _seconds_until_windows(self, priority: Priority) -> float:
        longest = 0.0
        for window in self._windows.values():
            window.pass_to(self._updated)
            needed = 1 + (window.reserve if priority >= Priority.INTERIM else 0)
            longest = max(longest, window.seconds_until(needed, self._updated))
        return longest

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
                for window in self._windows.values():
                    window.count(self._updated)
                self._share = min(1.0, self._share * self.RECOVERY)
                granted.set_result(None)
            heapq.heappop(self._waiting)
