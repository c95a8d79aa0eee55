"""The best that a budget allows for an answer of unknown length: computed, to be held beside what is measured.

Assumptions. Text arrives at a constant pace, and what has come says nothing about how much is still to come: an answer
ends within the next moment with a constant probability (its length is geometric, its mean that of the measured ones).
A call takes no time and shows all that has arrived. Calls are paid from a place's allowance (`Allowance`), of which one
call is always kept, so that the end is shown as it comes. What is made as small as can be is the expected sum, over all
text, of the time from its arrival to its being shown. It is no lower bound of a single run: whoever knew beforehand how
long this very answer is could spread its calls better.

One place. Right after a call the future depends on the calls that are left only, so there is a best gap to the next
call for each such stock: `best_gaps` finds them by value iteration. Many places share a window of calls (`Window`):
there each place keeps its own best gaps, no call of the window is left unused while a place wants one, and the place
with the most text that isn't shown goes first. The window may be used as early as may be, or evenly (a window of one
call): `bench.live` takes the better one. Tests hold both against all other ways, on cases small enough for that.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

PER_CALL = 20  # parts of a call in which a stock is counted; a part comes back in one step of time
STEPS = 40  # of the mean length, where no calls come back
CLOSE_ENOUGH = 1e-6
LONGEST_GAP = 3  # times the time in which one call comes back
MOMENTS = 300  # in a second, at which calls are made


@dataclass(frozen=True, slots=True)
class Allowance:
    """The calls of one place: `burst` at once, `per_second` after that; it never has more than `burst`."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Window:
    """The calls of all places together: so many in any so many seconds, at most; `edits`: whether they count, too."""

    calls: int
    seconds: float = 1.0
    edits: bool = True


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers, each at a place of its own: when their first words arrive (seconds), and words per second after that."""

    begins: tuple[float, ...]
    words: int
    pace: float

    def arrived(self, begun: float, now: float) -> int:
        """Words so far of one."""
        return max(0, min(self.words, int((now - begun) * self.pace + 1e-6) + 1)) if now >= begun else 0


@dataclass(frozen=True, slots=True)
class Steps:
    """An allowance in whole numbers: a call costs `parts`, of which `back` come back in a step, up to `most`."""

    most: int
    parts: int
    back: int
    longest: int  # gap that is looked at, in steps

    def gaps(self, stock: int) -> range:
        """All that leave one call, after a call that left `stock`."""
        missing = 2 * self.parts - stock
        if missing > 0 and not self.back:
            return range(0)
        return range(max(1, -(-missing // self.back) if self.back else 1), self.longest + 1)

    def left(self, stock: int, gap: int) -> int:
        """What a call leaves that comes `gap` steps after one that left `stock`."""
        return min(self.most, stock + gap * self.back) - self.parts


@dataclass(frozen=True, slots=True)
class Gaps:
    """When to call next: `gaps[stock]` steps after a call that leaves `stock`; None: not before the end.

    `costs[stock]` is what is to be expected after such a call: steps of delay times steps' worth of text.
    """

    gaps: tuple[int | None, ...]
    costs: tuple[float, ...]


@lru_cache
def best_gaps(steps: Steps, goes_on: float) -> Gaps:
    """Value iteration. `goes_on`: the probability that the text outlives a step."""
    ended = _costs_of_an_end(goes_on, steps.longest)
    values = [0.0] * (steps.most + 1)
    gaps: list[int | None] = [None] * (steps.most + 1)
    change = 1.0
    while change > CLOSE_ENOUGH * (1 + max(values)):
        change = 0.0
        for stock in range(steps.most + 1):
            best, gap = _waiting(steps.longest, goes_on, ended[-1]), None
            for each in steps.gaps(stock):
                cost = ended[each] + goes_on**each * (each * each / 2 + values[steps.left(stock, each)])
                if cost < best:
                    best, gap = cost, each
            change = max(change, abs(best - values[stock]))
            values[stock], gaps[stock] = best, gap
    return Gaps(tuple(gaps), tuple(values))


def _costs_of_an_end(goes_on: float, longest: int) -> Sequence[float]:
    """For each gap: what is to be expected of an end within it, with the final call as the text ends."""
    costs = [0.0]
    for steps in range(1, longest + 1):
        costs.append(costs[-1] + goes_on ** (steps - 1) * (1 - goes_on) * steps * steps / 2)
    return costs


def _waiting(longest: int, goes_on: float, ended: float) -> float:
    """What no call until the end costs: `ended` within the longest gap, and what is expected of an end beyond it."""
    ends = 1 - goes_on
    beyond = longest * longest / 2 + longest / ends + (1 + goes_on) / (2 * ends * ends)
    return ended + goes_on**longest * beyond


@dataclass(slots=True)
class _Place:
    begun: float
    stock: float
    due: float = 0.0
    shown: list[float] = field(default_factory=list)  # when each word was
    updated: float = 0.0
    arrived: int = 0


class _Calls:
    """Makes the calls of all places, moment by moment."""

    def __init__(self, answers: Answers, allowance: Allowance, window: Window | None, stock: float) -> None:
        self.places = [_Place(begun, stock) for begun in answers.begins]
        self.made = 0
        self._answers, self._allowance, self._window = answers, allowance, window
        self._spent: deque[float] = deque()
        self._seconds, self._parts, self._gaps = _in_steps(allowance, answers.words / answers.pace)

    def at(self, now: float) -> None:
        """The calls of this moment, the place with the most unshown text first."""
        for place in sorted(filter(partial(self._wants, now), self.places), key=_hidden, reverse=True):
            if self._admits(place, now):
                self.made += 1
                place.stock -= 1
                place.due = now + self._gap(place.stock)
                place.shown += [now] * _hidden(place)

    def _wants(self, now: float, place: _Place) -> bool:
        if place.arrived < self._answers.words:
            place.arrived = self._answers.arrived(place.begun, now)
        if not _hidden(place):
            return False
        back = (now - place.updated) * self._allowance.per_second
        place.stock, place.updated = min(self._allowance.burst, place.stock + back), now
        urgent = place.arrived == self._answers.words or not place.shown  # the end, and the beginning
        return place.stock >= (1 if urgent else 2) - 1e-9 and (urgent or now >= place.due - 1e-9)

    def _admits(self, place: _Place, now: float) -> bool:
        window, spent = self._window, self._spent
        if window is None or (place.shown and not window.edits):
            return True
        while spent and spent[0] <= now - window.seconds + 1e-9:
            spent.popleft()
        if len(spent) < window.calls:
            spent.append(now)
            return True
        return False

    def _gap(self, stock: float) -> float:
        gaps = self._gaps.gaps
        gap = gaps[max(0, min(len(gaps) - 1, int(stock * self._parts + 1e-6)))]
        return float("inf") if gap is None else gap * self._seconds


def _hidden(place: _Place) -> int:
    """Words that arrived and aren't shown."""
    return place.arrived - len(place.shown)


@lru_cache
def _in_steps(allowance: Allowance, mean_seconds: float) -> tuple[float, int, Gaps]:
    """The seconds of a step, the parts of a call, and the best gaps for answers that take so long, on average."""
    if allowance.per_second:
        seconds, parts, longest = 1 / (allowance.per_second * PER_CALL), PER_CALL, LONGEST_GAP * PER_CALL
    else:
        seconds, parts, longest = mean_seconds / STEPS, 1, 4 * STEPS
    steps = Steps(allowance.burst * parts, parts, 1 if allowance.per_second else 0, longest)
    return seconds, parts, best_gaps(steps, 1 - 1 / (1 + mean_seconds / seconds))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is best: when each word of each answer is shown, on the clock of their beginnings.

    `stock`: the calls that the first place has left then.
    """

    begins: tuple[float, ...]
    shown: tuple[tuple[float, ...], ...]
    calls: int
    stock: float


@lru_cache
def best(answers: Answers, allowance: Allowance, window: Window | None, stock: float | None = None) -> Plan:
    """When to show these answers. `stock`: the calls that each place has left at the beginning; None: all it can."""
    calls = _Calls(answers, allowance, window, allowance.burst if stock is None else stock)
    moment = 0
    while any(len(place.shown) < answers.words for place in calls.places):
        calls.at(moment / MOMENTS)
        moment += 1
    shown = tuple(tuple(place.shown) for place in calls.places)
    return Plan(answers.begins, shown, calls.made, calls.places[0].stock)
