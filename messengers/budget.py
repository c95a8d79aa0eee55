"""When a call to a messenger may be made: one bucket of permits per place, and one above them per bot token.

A place that was told to slow down stops nobody else.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakValueDictionary

from chat.incoming import Address
from messengers.buckets import UNLIMITED, Bucket, Priority, Rate

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


class Relayed:
    """A budget that is another one, which may change: what wraps budgets overrides what it is there for."""

    @property
    def _now(self) -> Budget:
        """The budget of the moment."""
        raise NotImplementedError

    async def permit(self, priority: Priority, *, new: bool = True) -> None:
        """See `Budget.permit`."""
        await self._now.permit(priority, new=new)

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

    def __init__(self, rate: Rate, overall: Bucket, tally: Tally | None = None, *, edits_count: bool = True) -> None:
        """`edits_count`: for the token too, not only here."""
        self._tally = tally or Tally()
        self._edits_count = edits_count
        self.bucket = Bucket(rate)
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
                self.bucket.give_back()
                raise
            if not self.bucket.blocked:
                self._tally.calls[priority] += 1
                return
            # Refused while this one waited for the token's permit: now it would only earn another penalty.
            self.bucket.give_back()
            self._overall.give_back()

    @property
    def pace(self) -> float:
        """See `Budget.pace`."""
        return self.bucket.pace

    def slow_down(self, seconds: float) -> None:
        """The messenger refused a call here for that long: this place waits, no other."""
        self._tally.slow_downs += 1
        self._tally.slowed_seconds += seconds
        self.bucket.slow_down(seconds)

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
        self._overall = Bucket(overall)
        self._places: WeakValueDictionary[str, PlaceBudget] = WeakValueDictionary()  # as long as a reply uses them
        self._latest: OrderedDict[str, PlaceBudget] = OrderedDict()
        self._written_before: frozenset[str] = frozenset()

    def written_before(self, places: Collection[str]) -> None:
        """Places that an earlier run wrote to just now: they start with one permit instead of the full burst."""
        self._written_before = frozenset(places)

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
                self._rate(address), self._overall, self.tally, edits_count=self._edits_count
            )
            if place in self._written_before:
                budget.bucket.start_with(1)
        self._latest[place] = budget
        self._latest.move_to_end(place)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)
        return budget
