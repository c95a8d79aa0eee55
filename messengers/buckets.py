"""Permits for calls to a messenger, which come back with time: a bucket, and windows that count besides.

Every kind of call takes a permit (edits count like sends), the most important first, and some are kept back for finals.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

from messengers.learning import LONGEST_PENALTY_SECONDS, History, Lesson, Limits
from messengers.windows import Sliding, Strict, Told, Window

SLOWEST_PER_SECOND = 0.02  # whatever a messenger tells
SPENT_SECONDS = (
    4.0  # within which the calls that can be spared are spent, where more come slowly: many answers end soon
)
MARGIN_SECONDS = 0.5  # that is waited beyond a refusal: messengers tell whole seconds, and clocks differ
EXACT_SECONDS = 1e-6  # times that are no further apart are the same
ADAPTS_SECONDS = 600.0  # how often a lesson that is slowly taken back is looked at


class Priority(IntEnum):
    """Who goes first when permits are short."""

    FINAL = 0
    FIRST = 1
    INTERIM = 2
    TYPING = 3


@dataclass(frozen=True, slots=True)
class AtMost:
    """`calls` in any `seconds`; `reserve` of them are only for first and final texts.

    `strict`: also if calls are under way for different times; whoever takes permits then tells of each answer.
    """

    calls: int
    seconds: float
    reserve: float = 1.0
    strict: bool = False

    def window(self) -> Window:
        """What counts that."""
        return (Strict if self.strict else Sliding)(self.calls, self.seconds, self.reserve)


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` permits at once, `per_second` after that; `reserve` of them are only for first and final texts.

    Besides, never more than `at_most`.
    """

    burst: float
    per_second: float
    reserve: float = 1.0
    at_most: AtMost | None = None


UNLIMITED = Rate(burst=1e9, per_second=1e9, reserve=0)


class Bucket:
    """Permits that come back with time. Waiters are served by priority, then in order.

    What a refusal teaches (`lesson`) lowers burst and rate; where the messenger tells its limits, nothing needs to be
    learned.
    """

    def __init__(self, rate: Rate, lesson: Lesson | None = None, *, learns: bool = True) -> None:
        """`lesson`: what was learned of this place earlier. Unless it `learns`, a refusal means only to wait."""
        self._rate = rate
        self._told = rate.per_second
        self._burst, self._per_second, self._reserve = rate.burst, rate.per_second, rate.reserve
        self.lesson = lesson
        self._learns = learns
        self._history = History()
        self._tokens = min(rate.burst, 1.0) if lesson else rate.burst
        self._held = 0  # permits that were taken here, and whose calls wait for the token's
        self._updated = 0.0
        self._blocked_until = lesson.blocked_until if lesson else 0.0
        self._adapts_at = 0.0 if lesson else math.inf
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._windows: dict[str, Window] = {"": rate.at_most.window()} if rate.at_most else {}

    async def take(self, priority: Priority) -> None:
        """Wait for a permit. Cancelling the wait costs nothing."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), granted))
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.give_back(priority)
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

    def give_back(self, priority: Priority) -> None:
        """Return a permit that wasn't used."""
        self._tokens = min(self._burst, self._tokens + 1)
        if priority < Priority.TYPING:
            self._history.uncall()
        for window in self._windows.values():
            window.uncount()
        self._grant()

    def start_with(self, tokens: float) -> None:
        """What is left at the start, where calls of an earlier run may still count: of windows only the reserve."""
        self._refill()
        self._tokens = min(tokens, self._burst, self._tokens)
        for window in self._windows.values():
            while window.left > window.reserve:
                window.count(self._updated)
                window.answered(self._updated)

    def answered(self) -> None:
        """A call for which a permit was taken has been answered."""
        if self._rate.at_most and self._rate.at_most.strict:
            self._refill()
            for window in self._windows.values():
                window.answered(self._updated)
            self._grant()

    def slow_down(self, seconds: float) -> None:
        """Grant nothing for that long, a day at most, and after that less; refusals of one flood teach once."""
        self._refill()
        seconds = max(0.0, min(LONGEST_PENALTY_SECONDS, seconds))
        now, until = self._updated, self._updated + seconds + min(MARGIN_SECONDS, seconds / 4)
        self._blocked_until = max(self._blocked_until, until)
        self._tokens = 1.0  # for a single try: whatever was there before isn't the messenger's count
        lesson = self.lesson or Lesson(self._known, 0, now, 0.0)
        is_told = any(isinstance(window, Told) for window in self._windows.values())
        if self._history.refuse(seconds) and self._learns and not is_told:
            used = Limits(self._burst, self._per_second)
            lesson = Lesson(*self._history.learn(self._known, used, now, self.lesson), now, 0.0)
        self.lesson = Lesson(lesson.limits, lesson.refusals, lesson.learned_at, self._blocked_until)
        self._adapt()
        self._grant()

    def learn(self, name: str, limit: float, left: float, seconds: float, under_way: int = 0) -> None:
        """What the messenger tells: `limit` calls at a time count as `name`, `left` of them for the next `seconds`.

        So many calls `under_way` aren't counted in that yet. Permits are for calls of any name, so each counts in all
        of them; what is told next sets that right.
        """
        self._refill()
        known, whole = self._windows.get(name), seconds
        # Only the first call of a time tells how long all of it is. Where one is all there is, refusals look like that.
        if isinstance(known, Told) and left < max(1.0, limit - 1):
            whole = max(seconds, known.seconds)
        left -= under_way + self._held
        self._windows[name] = Told(limit, left, self._updated + seconds, whole, self._rate.reserve)
        if whole:
            slowest = max(window.gap for window in self._windows.values())
            self._told = max(1 / slowest if slowest else 0.0, SLOWEST_PER_SECOND)
            self._adapt()
        self._grant()

    @property
    def pace(self) -> float:
        """Seconds between interim calls that make the permits last: closer while there are many.

        Half of what is left is spent ahead of time: near the optimum for an answer of unknown length
        (bench/optimum.py).
        """
        self._refill()
        spare = max(0.0, self._tokens - self._reserve)
        pace = min(1 / (self._per_second * (1 + spare / 2)), SPENT_SECONDS / (1 + spare))
        for window in self._windows.values():
            pace = max(pace, window.gap / (1 + max(0.0, window.left - window.reserve) / 2))
        return pace

    @property
    def blocked(self) -> bool:
        """Whether a refusal still lasts."""
        return self._blocked_until > asyncio.get_running_loop().time() + EXACT_SECONDS

    @property
    def _known(self) -> Limits:
        return Limits(self._rate.burst, self._told)

    def _adapt(self) -> None:
        """Keep to what is known, told and learned by now."""
        limits = self._known
        if self.lesson:
            limits = self.lesson.applied(limits, self._updated)
            self._adapts_at = self._updated + ADAPTS_SECONDS
        self._burst, self._per_second = limits.burst, limits.per_second
        self._tokens = min(self._tokens, self._burst)
        self._reserve = min(self._rate.reserve, max(0.0, self._burst - 1))  # else an interim call could never be made

    def _refill(self) -> None:
        now = asyncio.get_running_loop().time()
        since = max(self._updated, self._blocked_until)
        if now > since:
            most = max(0.0, self._burst - self._held)
            back = (now - since) * self._per_second
            self._tokens = max(self._tokens, min(most, self._tokens + back))
        self._updated = now
        if now >= self._adapts_at:
            self._adapt()

    def _seconds_until(self, priority: Priority) -> float:
        self._refill()
        needed = 1 + (self._reserve if priority >= Priority.INTERIM else 0)
        wait = max(0.0, needed - self._tokens) / self._per_second
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
                if seconds > EXACT_SECONDS:
                    self._timer = asyncio.get_running_loop().call_later(seconds, self._grant)
                    return
                self._tokens -= 1
                for window in self._windows.values():
                    window.count(self._updated)
                if priority < Priority.TYPING:  # nobody knows whether those count: so limits aren't thought too high
                    self._history.call(self._updated)
                granted.set_result(None)
            heapq.heappop(self._waiting)
