"""What counts calls beside a bucket: the calls of the last seconds, and what a messenger tells of its own count."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

# For so long a call that isn't answered leaves no room for others. Calls to Telegram end after 15 s at the latest, but
# what takes more than 5 s was counted long ago, or hangs for other reasons: some calls that hang must not keep
# everybody else's waiting until then.
LONGEST_CALL_SECONDS = 5.0


class Window(Protocol):
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

    def answered(self, now: float) -> None:
        """A call that was counted has been answered."""
        ...

    def seconds_until(self, needed: float, now: float) -> float:
        """Seconds until so many are left, or all that there can be."""
        ...


@dataclass(slots=True)
class Told:
    """A messenger's own count, as it tells it: `limit` calls, `left` of them until `ends`, then for `seconds` anew."""

    limit: float
    left: float
    ends: float
    seconds: float
    reserve: float

    @property
    def gap(self) -> float:
        """See `Window`."""
        return self.seconds / self.limit if self.limit else 0.0

    def pass_to(self, now: float) -> None:
        """Begin anew if it is over: full, and counted from the next call on."""
        if now >= self.ends:
            self.left, self.ends = self.limit, math.inf

    def count(self, now: float) -> None:
        """See `Window`."""
        self.left -= 1
        if self.ends == math.inf:
            self.ends = now + self.seconds

    def uncount(self) -> None:
        """Left as it is: what the messenger tells next sets it right."""

    def answered(self, now: float) -> None:
        """Left as it is: the answer tells of itself."""

    def seconds_until(self, needed: float, now: float) -> float:
        """See `Window`."""
        return self.ends - now if self.left < min(needed, self.limit) else 0.0


class Sliding:
    """The calls of the last `seconds`, by their times: at most `calls`, `reserve` of them for first and final texts."""

    def __init__(self, calls: int, seconds: float, reserve: float) -> None:
        self._calls, self._seconds = calls, seconds
        self._times: deque[float] = deque()
        self.reserve = reserve
        self.gap = seconds / calls

    @property
    def left(self) -> float:
        """See `Window`."""
        return self._calls - len(self._times)

    def pass_to(self, now: float) -> None:
        """See `Window`."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()

    def count(self, now: float) -> None:
        """See `Window`."""
        self._times.append(now)

    def uncount(self) -> None:
        """See `Window`."""
        if self._times:
            self._times.pop()

    def answered(self, now: float) -> None:
        """Nothing changes: it counts from its permit on."""

    def seconds_until(self, needed: float, now: float) -> float:
        """See `Window`."""
        missing = math.ceil(min(needed, self._calls) - self.left)
        return self._times[missing - 1] + self._seconds - now if missing > 0 else 0.0


class Strict:
    """As `Sliding`, but a call counts until `seconds` after it was answered.

    The messenger counts it somewhere between its permit and its answer. Calls that the network or a busy machine push
    together are never too many for it, however long they were under way.
    """

    def __init__(self, calls: int, seconds: float, reserve: float) -> None:
        self._calls = calls
        self._answered = Sliding(calls, seconds, reserve)
        self._under_way: deque[float] = deque()
        self.reserve = reserve
        self.gap = self._answered.gap

    @property
    def left(self) -> float:
        """See `Window`."""
        return self._answered.left - len(self._under_way)

    def pass_to(self, now: float) -> None:
        """See `Window`."""
        self._answered.pass_to(now)
        while self._under_way and self._under_way[0] <= now - LONGEST_CALL_SECONDS:
            self._under_way.popleft()

    def count(self, now: float) -> None:
        """See `Window`."""
        self._under_way.append(now)

    def uncount(self) -> None:
        """See `Window`."""
        if self._under_way:
            self._under_way.pop()

    def answered(self, now: float) -> None:
        """See `Window`. Which of those under way it was makes no difference."""
        if self._under_way:
            self._under_way.popleft()
        self._answered.count(now)

    def seconds_until(self, needed: float, now: float) -> float:
        """See `Window`. Where an answer has to come first: until that is no longer waited for."""
        needed = min(needed, self._calls) + len(self._under_way)
        if needed > self._calls:
            return self._under_way[0] + LONGEST_CALL_SECONDS - now
        return self._answered.seconds_until(needed, now)
