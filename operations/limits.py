"""What refusals taught of places' limits, over restarts: read at the start, stored while it changes."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from messengers.budget import Budgets
from messengers.learning import Lesson, Limits
from storage.base import Learned, StorageError, Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0

Clock = Callable[[], float]  # Unix seconds
Lessons = Mapping[str, Lesson]  # by place; times are the event loop's


async def recall(store: Store, budgets: Mapping[str, Budgets], clock: Clock = time.time) -> None:
    """Tell each messenger's budgets, by its name, what an earlier run learned. Raises `StorageError`."""
    behind = _behind(clock)
    stored = {one.place: _lesson(one, behind) for one in await store.learned()}
    for name, each in budgets.items():
        each.remember({place: lesson for place, lesson in stored.items() if place.startswith(f"{name}:")})
    now = asyncio.get_running_loop().time()
    if over := [place for place, lesson in stored.items() if lesson.is_over(now)]:
        await store.learn((), over)


async def keep(store: Store, budgets: Mapping[str, Budgets], clock: Clock = time.time) -> None:
    """Store what is learned every few seconds, and a last time when this is cancelled. It never ends."""
    kept = _of(budgets)
    try:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            kept = await _save(store, _of(budgets), kept, _behind(clock))
    finally:
        await _save(store, _of(budgets), kept, _behind(clock))


def _of(budgets: Mapping[str, Budgets]) -> Lessons:
    return {place: lesson for each in budgets.values() for place, lesson in each.lessons.items()}


async def _save(store: Store, lessons: Lessons, kept: Lessons, behind: float) -> Lessons:
    """Store what is new since `kept`; what is stored then."""
    new = [_learned(place, lesson, behind) for place, lesson in lessons.items() if kept.get(place) != lesson]
    over = [place for place in kept if place not in lessons]
    if not new and not over:
        return kept
    try:
        await store.learn(new, over)
    except StorageError as error:
        log.warning("what was learned of limits isn't stored yet: %s", error)
        return kept
    return lessons


def _behind(clock: Clock) -> float:
    """What is to be added to the event loop's time to get Unix seconds."""
    return clock() - asyncio.get_running_loop().time()


def _lesson(one: Learned, behind: float) -> Lesson:
    limits = Limits(one.burst, one.per_second)
    return Lesson(limits, one.refusals, one.learned_at - behind, one.blocked_until - behind)


def _learned(place: str, lesson: Lesson, behind: float) -> Learned:
    limits, learned_at, until = lesson.limits, lesson.learned_at + behind, lesson.blocked_until + behind
    return Learned(place, limits.burst, limits.per_second, lesson.refusals, learned_at, until)
