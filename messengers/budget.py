"""When a call to a messenger may be made: one bucket of permits per place, and one above them per bot token.

A place that was told to slow down stops nobody else.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from weakref import WeakValueDictionary

from chat.incoming import Address
from messengers.buckets import UNLIMITED, Bucket, Priority, Rate
from messengers.learning import Lesson

REMEMBERED = 4096  # places that nobody uses at the moment: the latest ones


@dataclass(slots=True)
class Tally:
    """What was counted since the start: calls by their priority, refusals and how long they were for.

    `skipped`: texts that were never shown, because newer ones came before there was a permit.
    """

    calls: Counter[Priority] = field(default_factory=Counter)
    skipped: int = 0
    slow_downs: int = 0
    slowed_seconds: float = 0.0


class Budget(Protocol):
    """The permits of one place."""

    async def permit(self, priority: Priority, *, new: bool = True) -> None:
        """Wait until one call may be made. `new`: it sends a message, and doesn't only change one."""
        ...

    def answered(self, *, new: bool = True) -> None:
        """The call was made, and whatever became of it is known. See `Permitted`."""
        ...

    def slow_down(self, seconds: float) -> None:
        """The messenger refused a call here for that long."""
        ...

    def skip(self) -> None:
        """A text is not shown, because there is a newer one already."""
        ...

    @property
    def pace(self) -> float:
        """Seconds to leave between two calls that show text in the making."""
        ...


class Permitted:
    """Entered once one call may be made, which is made inside."""

    def __init__(self, budget: Budget, priority: Priority, *, new: bool = True) -> None:
        """See `Budget.permit`."""
        self._budget = budget
        self._priority = priority
        self._new = new

    async def __aenter__(self) -> None:
        await self._budget.permit(self._priority, new=self._new)

    async def __aexit__(self, *exc: object) -> None:
        self._budget.answered(new=self._new)


class Relayed:
    """A budget that is another one, which may change: what wraps budgets overrides what it is there for."""

    @property
    def _now(self) -> Budget:
        """The budget of the moment."""
        raise NotImplementedError

    async def permit(self, priority: Priority, *, new: bool = True) -> None:
        """See `Budget.permit`."""
        await self._now.permit(priority, new=new)

    def answered(self, *, new: bool = True) -> None:
        """See `Budget.answered`."""
        self._now.answered(new=new)

    def slow_down(self, seconds: float) -> None:
        """See `Budget.slow_down`."""
        self._now.slow_down(seconds)

    def skip(self) -> None:
        """See `Budget.skip`."""
        self._now.skip()

    @property
    def pace(self) -> float:
        """See `Budget.pace`."""
        return self._now.pace


class PlaceBudget:
    """A place's bucket under the one of its bot token."""

    def __init__(
        self,
        rate: Rate,
        overall: Bucket,
        tally: Tally | None = None,
        *,
        edits_count: bool = True,
        lesson: Lesson | None = None,
        learned: Callable[[Lesson], None] | None = None,
    ) -> None:
        """`edits_count`: for the token too, not only here. `lesson`: what was learned here earlier; `learned` is told
        what refusals teach.
        """
        self._tally = tally or Tally()
        self._edits_count = edits_count
        self._learned = learned
        self.bucket = Bucket(rate, lesson)
        self._overall = overall

    async def permit(self, priority: Priority, *, new: bool = True) -> None:
        """See `Budget.permit`."""
        while True:
            await self.bucket.take(priority)
            if not new and not self._edits_count:
                self._tally.calls[priority] += 1
                return
            try:
                with self.bucket.held():
                    await self._overall.take(priority)
            except asyncio.CancelledError:
                self.bucket.give_back(priority)
                raise
            if not self.bucket.blocked:
                self._tally.calls[priority] += 1
                return
            # Refused while this one waited for the token's permit: now it would only earn another penalty.
            self.bucket.give_back(priority)
            self._overall.give_back(priority)

    def answered(self, *, new: bool = True) -> None:
        """See `Budget.answered`."""
        self.bucket.answered()
        if new or self._edits_count:
            self._overall.answered()

    @property
    def pace(self) -> float:
        """See `Budget.pace`."""
        return self.bucket.pace

    def slow_down(self, seconds: float) -> None:
        """The messenger refused a call here for that long: this place waits, no other."""
        self._tally.slow_downs += 1
        self._tally.slowed_seconds += seconds
        self.bucket.slow_down(seconds)
        if self._learned and self.bucket.lesson:
            self._learned(self.bucket.lesson)

    def skip(self) -> None:
        """A text is not shown, because there is a newer one already."""
        self._tally.skipped += 1


class Budgets:
    """The budgets of a messenger's places, made when they are first needed."""

    def __init__(
        self,
        rate: Callable[[Address], Rate],
        overall: Rate = UNLIMITED,
        key: Callable[[Address], str] = lambda address: address.budget,
        *,
        edits_count: bool = True,
    ) -> None:
        """`rate`: a place's. `overall`: the bot token's; unless `edits_count`, only of new messages. `key`: what tells
        places apart.
        """
        self._edits_count = edits_count
        self.tally = Tally()
        self._key = key
        self._rate = rate
        self._overall = Bucket(overall, learns=False)
        self._places: WeakValueDictionary[str, PlaceBudget] = WeakValueDictionary()  # as long as a reply uses them
        self._latest: OrderedDict[str, PlaceBudget] = OrderedDict()
        self._written_before: frozenset[str] = frozenset()
        self._lessons: dict[str, Lesson] = {}  # also of places that nobody uses
        self._changed: set[str] = set()  # places whose lesson is another one since somebody asked

    def written_before(self, places: Collection[str]) -> None:
        """Places that an earlier run wrote to just now: they start with one permit instead of the full burst."""
        self._written_before = frozenset(places)
        if places:
            self._overall.start_with(1)

    @property
    def lessons(self) -> Mapping[str, Lesson]:
        """What refusals taught and still counts, by place, also while nobody uses it; of those without a token, which
        are there again after a restart.
        """
        now = asyncio.get_running_loop().time()
        return {place: lesson for place, lesson in self._lessons.items() if not lesson.is_over(now)}

    def changes(self) -> Mapping[str, Lesson | None]:
        """What refusals taught since this was last asked, by place; None where a lesson was forgotten."""
        changed, self._changed = self._changed, set()
        return {place: self._lessons.get(place) for place in changed}

    def forget_over(self) -> None:
        """Forget what counts no more. It looks at each lesson: not to be called every moment."""
        over = self._lessons.keys() - self.lessons.keys()
        for place in over:
            del self._lessons[place]
        self._changed |= over

    def remember(self, lessons: Mapping[str, Lesson]) -> None:
        """What an earlier run learned. To be told before anything is sent."""
        self._lessons |= lessons

    def at(self, place: str) -> PlaceBudget | None:
        """The budget of a place by its key, if there is one."""
        return self._places.get(place)

    def slow_down(self, seconds: float) -> None:
        """The messenger refused a call of the bot token for that long: all places wait."""
        self.tally.slow_downs += 1
        self.tally.slowed_seconds += seconds
        self._overall.slow_down(seconds)

    def of(self, address: Address) -> PlaceBudget:
        """The budget that all conversations at this place share."""
        place = self._key(address)
        budget = self._places.get(place)
        if budget is None:
            self._places[place] = budget = PlaceBudget(
                self._rate(address),
                self._overall,
                self.tally,
                edits_count=self._edits_count,
                lesson=self._lessons.get(place),
                learned=partial(self._keep, place) if place == address.budget or not address.token else None,
            )
            if place in self._written_before:
                budget.bucket.start_with(1)
        self._latest[place] = budget
        self._latest.move_to_end(place)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)
        return budget

    def _keep(self, place: str, lesson: Lesson) -> None:
        self._lessons[place] = lesson
        self._changed.add(place)
