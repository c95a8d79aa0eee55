"""What refusals taught of places' limits, over restarts: read at the start, stored while it changes."""

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping

from messengers.budget import Budgets
from messengers.learning import LONGEST_PENALTY_SECONDS, Lesson, Limits
from storage.base import Learned, StorageError, Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
LOOKS_UNTIL_OVER = 30  # after so many looks for what is new, all of it is looked at: is it over?

Clock = Callable[[], float]  # Unix seconds
Changes = dict[str, Lesson | None]  # by place; times are the event loop's. None: to be forgotten


async def recall(store: Store, budgets: Mapping[str, Budgets], clock: Clock = time.time) -> None:
    """Tell each messenger's budgets, by its name, what an earlier run learned. Raises `StorageError`.

    What can't have been learned is forgotten: a damaged row must neither stop the bot nor its answers at that place.
    """
    now, behind = asyncio.get_running_loop().time(), _behind(clock)
    rows = await store.learned()
    stored = {one.place: _lesson(one, now, behind) for one in rows if _is_sound(one)}
    damaged = [one.place for one in rows if not _is_sound(one)]
    if damaged:
        log.warning("what was learned of %d places' limits is damaged, and forgotten", len(damaged))
    for name, each in budgets.items():
        each.remember({place: lesson for place, lesson in stored.items() if place.startswith(f"{name}:")})
    if over := [*damaged, *(place for place, lesson in stored.items() if lesson.is_over(now))]:
        await store.learn((), over)


async def keep(store: Store, budgets: Mapping[str, Budgets], clock: Clock = time.time) -> None:
    """Store what is learned every few seconds, and a last time when this is cancelled. It never ends."""
    unsaved: Changes = {}
    try:
        for look in itertools.count(1):
            await asyncio.sleep(LOOK_SECONDS)
            unsaved |= _changes(budgets.values(), over=look % LOOKS_UNTIL_OVER == 0)
            await _save(store, unsaved, _behind(clock))
    finally:
        unsaved |= _changes(budgets.values(), over=True)
        await _save(store, unsaved, _behind(clock))


def _changes(budgets: Iterable[Budgets], *, over: bool) -> Changes:
    found: Changes = {}
    for each in budgets:
        if over:
            each.forget_over()
        found |= each.changes()
    return found


async def _save(store: Store, unsaved: Changes, behind: float) -> None:
    """Store these, and take them off the list."""
    if not unsaved:
        return
    new = [_learned(place, lesson, behind) for place, lesson in unsaved.items() if lesson]
    over = [place for place, lesson in unsaved.items() if not lesson]
    try:
        await store.learn(new, over)
    except StorageError as error:
        log.warning("what was learned of limits isn't stored yet: %s", error)
    else:
        unsaved.clear()


def _behind(clock: Clock) -> float:
    """What is to be added to the event loop's time to get Unix seconds."""
    return clock() - asyncio.get_running_loop().time()


def _is_sound(one: Learned) -> bool:
    """Whether it can have been learned: SQLite keeps anything in any column, and a file may be damaged or edited."""
    numbers: tuple[object, ...] = (one.burst, one.per_second, one.learned_at, one.blocked_until)
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in numbers):
        return False
    if not (isinstance(one.place, str) and isinstance(one.refusals, int)):
        return False
    return one.burst >= 1 and one.per_second > 0 and one.refusals >= 0


def _lesson(one: Learned, now: float, behind: float) -> Lesson:
    """The clock may be wrong now, or may have been: nothing was learned in the future, and no penalty is longer."""
    learned_at = min(one.learned_at - behind, now)
    blocked_until = min(one.blocked_until - behind, now + LONGEST_PENALTY_SECONDS)
    return Lesson(Limits(one.burst, one.per_second), one.refusals, learned_at, blocked_until)


def _learned(place: str, lesson: Lesson, behind: float) -> Learned:
    limits, learned_at, until = lesson.limits, lesson.learned_at + behind, lesson.blocked_until + behind
    return Learned(place, limits.burst, limits.per_second, lesson.refusals, learned_at, until)
