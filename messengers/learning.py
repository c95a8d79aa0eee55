"""Limits that a messenger tells nobody: found from the calls that it took, and from those that it refused.

Whatever the limit could be (so many calls at once that come back at some rate; so many in any so many seconds) is held
against what happened: it becomes unlikely with every call that it doesn't explain. After a refusal a place is paced by
the figures that promise the most calls for the risk of another refusal: with some daring after the first one, which
leaves many explanations, and with little after the second, which leaves few. A messenger that keeps to no such rule,
or to a lower one than those that are looked at, is answered by half of what was used, each time, down to a tenth.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

DAY_SECONDS = 24 * 3600.0
MOST_DAYS = 16  # that a lesson holds
LONGEST_PENALTY_SECONDS = DAY_SECONDS  # Telegram's longest known ones are some hours; after that a call is tried
REMEMBERED = 60  # calls
REFUSALS_REMEMBERED = 8

BURSTS = (1, 2, 3, 4, 5, 6, 8, 12, 20)
RATES = 20  # that are looked at: from the known one, twice that for what is possible …
LOWEST = 0.15  # … down to this part of it
SLOWEST = 0.1  # part of the known rate that is always left: refusals may come from elsewhere, and answers must arrive
TOP_PER_SECOND = 30.0  # where none is known
WINDOWS = tuple((calls, seconds) for seconds in (5.0, 10.0, 30.0, 60.0) for calls in (2, 3, 5, 8, 10, 15, 20, 30, 40))
WINDOWS_SHARE = 0.1  # of the belief before anything happened: that it is a window, and no bucket
ODD = 0.02  # how likely a call is that an explanation doesn't explain: delays on the way, a limit that changed
JITTER_SECONDS = 0.1  # calls reach the messenger so much earlier or later than they were allowed here
BUSY_SECONDS = 60.0  # without a pause, for which the figures must do
TYPICAL_SECONDS = 10.0  # of an answer: what weighs a call at once against a quicker rate
ONE_AT_ONCE = 0.6  # what a burst of one is worth: the final form may have to wait
CAUTION = (0.4, 1.5, 4.0)  # after the first, second, third refusal: the power in which the probability counts
LOWER = (0.9, 0.7, 0.5)  # what is learned then promises at most this part of what was used


@dataclass(frozen=True, slots=True)
class Limits:
    """`burst` calls at once, `per_second` after that."""

    burst: float
    per_second: float

    @property
    def worth(self) -> float:
        """Calls for a typical answer, about."""
        return (self.burst - 1 + self.per_second * TYPICAL_SECONDS) * (1 if self.burst >= 2 else ONE_AT_ONCE)

    @property
    def slowest(self) -> float:
        """Calls a second that are always left where these are the known limits."""
        return SLOWEST * min(self.per_second, TOP_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a place's refusals taught, as `limits`; times are the event loop's. No `refusals`: nothing but to wait."""

    limits: Limits
    refusals: int
    learned_at: float
    blocked_until: float

    @property
    def _seconds(self) -> float:
        """How long it holds: twice as long with each refusal, as each time that a limit is tried costs one."""
        return DAY_SECONDS * min(MOST_DAYS, 2 ** min(self.refusals - 1, MOST_DAYS)) if self.refusals else 0.0

    def holds(self, now: float) -> bool:
        """Whether nothing of it is taken back yet."""
        return now < self.learned_at + self._seconds

    def is_over(self, now: float) -> bool:
        """Whether nothing of it counts any more."""
        return now >= max(self.blocked_until, self.learned_at + 2 * self._seconds)

    def applied(self, known: Limits, now: float) -> Limits:
        """What is to be kept to: the lesson, then for as long again slowly back to what is known."""
        if self.is_over(now) or not self.refusals:
            return known
        back = max(0.0, (now - self.learned_at) / self._seconds - 1)
        learned = self.limits.per_second
        return Limits(
            min(known.burst, self.limits.burst * (known.burst / self.limits.burst) ** back),
            min(known.per_second, max(known.slowest, learned * (known.per_second / learned) ** back)),
        )


class History:
    """A place's latest calls and refusals."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque(maxlen=REMEMBERED)
        self._refused: deque[float] = deque(maxlen=REFUSALS_REMEMBERED)
        self._in_vain = 0  # tries after a penalty that were refused, since a call was taken
        self._waits = (0.0, math.inf)  # before the last refused call, and after it
        self._longest_wait = math.inf  # that was needed between two calls, by all that was told

    def call(self, at: float) -> None:
        """One is made."""
        self._calls.append(at)

    def uncall(self) -> None:
        """The last one isn't made."""
        if self._calls:
            self._calls.pop()

    def refuse(self, seconds: float) -> bool:
        """The last one was refused, and all others are for so long. False: that tells nothing new.

        It was under way when another one was refused; or it is one more try after a penalty, none of which was taken:
        the first of them shows that more is counted than the penalty told, the others that nothing passes at all.
        """
        if not self._called_since():
            return False
        refused = self._calls.pop()
        self._waits = (refused - self._calls[-1] if self._calls else 0.0, seconds)
        self._in_vain = 0 if not self._refused or self._called_since() else self._in_vain + 1
        self._refused.append(refused)
        return self._in_vain <= 1

    def _called_since(self) -> bool:
        """Whether there is a call since the last refusal that told something."""
        return bool(self._calls) and (not self._refused or self._calls[-1] > self._refused[-1])

    def learn(self, known: Limits, used: Limits, now: float, before: Lesson | None) -> tuple[Limits, int]:
        """What to keep to after a refusal, and the how manyth it is: a try in vain is none of its own."""
        count = 1 + (before.refusals if before else 0)
        if before and before.refusals and not before.holds(now):
            return before.limits, count  # it was good for days
        lasting = count - 1 if self._in_vain and before else count
        begun = self._calls[0] if self._calls else self._refused[-1]
        refused = [(at, True) for at in self._refused if at >= begun]  # those that nothing is known around tell nothing
        events = sorted([(at, False) for at in self._calls] + refused)
        found = best(known, used, events, count)
        return Limits(found.burst, max(self._slowest(known, used), found.per_second)), lasting

    def _slowest(self, known: Limits, used: Limits) -> float:
        """Calls a second below which nobody is helped: so long after a call, the messenger said, it takes another."""
        before, after = self._waits
        self._longest_wait = min(self._longest_wait, max(before, 1 / known.per_second) + after)
        return max(known.slowest, min(used.per_second, 1 / self._longest_wait))


Event = tuple[float, bool]  # a call's time, and whether it was refused


class Explanation(Protocol):
    """What a limit could be."""

    def oddities(self, events: Sequence[Event]) -> int:
        """How many of these calls it doesn't explain."""
        ...

    def takes(self, limits: Limits) -> bool:
        """Whether it refuses nothing where those are kept to."""
        ...


@dataclass(frozen=True, slots=True)
class AsBucket:
    """So many calls at once, which come back at a rate."""

    burst: int
    per_second: float

    def oddities(self, events: Sequence[Event]) -> int:
        """See `Explanation`."""
        odd, left, before = 0, float(self.burst), events[0][0]
        slack = 0.05 + JITTER_SECONDS * self.per_second
        for at, refused in events:
            left = min(self.burst, left + (at - before) * self.per_second)
            before = at
            if refused:
                odd += left >= min(1 + slack, self.burst)
            else:
                odd += left < 1 - slack
                left = max(0.0, left - 1)
        return odd

    def takes(self, limits: Limits) -> bool:
        """See `Explanation`. Both ends of a busy time are enough: what is between them is on straight lines."""
        more = limits.burst - self.burst
        return more <= 0 and more + (limits.per_second - self.per_second) * BUSY_SECONDS <= 1e-9


@dataclass(frozen=True, slots=True)
class AsWindow:
    """So many calls in any so many seconds."""

    calls: int
    seconds: float

    def oddities(self, events: Sequence[Event]) -> int:
        """See `Explanation`."""
        odd, counted = 0, deque[float]()
        for at, refused in events:
            while counted and counted[0] <= at - self.seconds:
                counted.popleft()
            odd += refused == (len(counted) < self.calls)
            if not refused:
                counted.append(at)
        return odd

    def takes(self, limits: Limits) -> bool:
        """See `Explanation`."""
        return limits.burst + limits.per_second * self.seconds <= self.calls + 1e-9


def best(known: Limits, used: Limits, events: Sequence[Event], refusals: int) -> Limits:
    """The figures that promise the most for their risk, and less than those that were used until now."""
    believed = _weighed(known, events)
    caution, lower = (each[min(refusals, len(each)) - 1] for each in (CAUTION, LOWER))
    slower = max(known.slowest, used.per_second / 2)
    found, most = Limits(max(1.0, used.burst / 2), slower), 0.0
    for limits in _candidates(known):
        if limits.worth <= most:
            break  # nor do those that follow promise more
        if limits.worth <= lower * used.worth:
            safe = sum(weight for explanation, weight in believed if explanation.takes(limits))
            if limits.worth * safe**caution > most:
                found, most = limits, limits.worth * safe**caution
    return found


def _weighed(known: Limits, events: Sequence[Event]) -> list[tuple[Explanation, float]]:
    """How likely each explanation is by now; those that are next to impossible are left out."""
    weighed = [(each, belief * ODD ** each.oddities(events)) for each, belief in _explanations(known)]
    least = max(weight for _, weight in weighed) / 1000
    weighed = [(each, weight) for each, weight in weighed if weight > least]
    total = sum(weight for _, weight in weighed)
    return [(each, weight / total) for each, weight in weighed]


@lru_cache(maxsize=16)
def _explanations(known: Limits) -> tuple[tuple[Explanation, float], ...]:
    """What the limit could be, and how likely that is before anything happened."""
    top = 2 * min(known.per_second, TOP_PER_SECOND)
    rates = list(_steps(top, LOWEST / 2))
    windows = [AsWindow(*each) for each in WINDOWS if rates[-1] <= each[0] / each[1] <= top]
    share = 1 / (len(rates) * len(BURSTS))
    buckets = [(AsBucket(burst, rate), share) for burst in BURSTS for rate in rates]
    return (*buckets, *((each, WINDOWS_SHARE / len(windows)) for each in windows))


@lru_cache(maxsize=16)
def _candidates(known: Limits) -> tuple[Limits, ...]:
    """What may be kept to, the most promising first."""
    rates = list(_steps(min(known.per_second, TOP_PER_SECOND), LOWEST))
    found = (Limits(burst, rate) for burst in BURSTS if burst <= known.burst for rate in rates)
    return tuple(sorted(found, key=lambda limits: limits.worth, reverse=True))


def _steps(top: float, lowest: float) -> Iterator[float]:
    """Rates in equal proportions."""
    for step in range(RATES):
        yield top * lowest ** (step / (RATES - 1))
