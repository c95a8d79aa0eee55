"""What is done beside the answering: old turns deleted, other programs' changes noticed, a standstill told."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from storage.base import StorageError, Store

log = logging.getLogger(__name__)

DAY_SECONDS = 24 * 3600.0
BATCH = 100  # turns that are deleted in one transaction: others wait a few milliseconds for it
BREATH_SECONDS = 0.05  # between two of them
SHORTEST_USAGE_DAYS = 2  # today's daily limits are counted from what was used, wherever midnight is
LOOK_SECONDS = 1.5  # how often it is looked at whether another program changed the database
PULSE_SECONDS = 1.0
STANDSTILL_SECONDS = 5.0


async def prune_daily(store: Store, days: int, now: Callable[[], datetime]) -> None:
    """Delete, now and once a day, what is over for longer than that; 0 days: only the traces of /forget. Never ends."""
    while True:
        try:
            if days:
                await prune(store, days, now())
            await store.compact()
        except StorageError as error:
            log.error("old turns were not deleted, again tomorrow: %s", error)
        await asyncio.sleep(DAY_SECONDS)


async def prune(store: Store, days: int, now: datetime) -> int:
    """Delete turns that are over for longer than that, with their history, and usage of days before; how many turns."""
    day = f"{now - timedelta(days=max(days, SHORTEST_USAGE_DAYS)):%Y-%m-%d}"
    before = now.timestamp() - days * DAY_SECONDS
    deleted = batch = await store.prune(before, day, BATCH)
    while batch == BATCH:
        await asyncio.sleep(BREATH_SECONDS)
        batch = await store.prune(before, day, BATCH)
        deleted += batch
    if deleted:
        log.info("deleted %d turns that were over for more than %d days", deleted, days)
    return deleted


async def follow_changes(store: Store, take_up: Callable[[], Awaitable[None]]) -> None:
    """Call `take_up` after another program (`python bot.py dead retry`) changed the database. It never ends."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            if await store.changed_elsewhere():
                await take_up()
        except StorageError as error:
            log.warning("what other programs changed isn't known: %s", error)


async def watch(
    running_for: Callable[[], Mapping[int, float]],
    patience: float,
    pulse: float = PULSE_SECONDS,
    standstill: float = STANDSTILL_SECONDS,
) -> None:
    """Log once of each turn that runs for longer than `patience` seconds, and of each time that all stood still.

    A standstill that doesn't end can only be seen from outside: /healthz doesn't answer then. It never ends.
    """
    told: set[int] = set()
    while True:
        before = time.monotonic()
        await asyncio.sleep(pulse)
        late = time.monotonic() - before - pulse
        if late > standstill:
            log.error("everything stood still for %.0f s: this computer, or a fault of ours", late)
        stuck = {turn for turn, seconds in running_for().items() if seconds > patience}
        for turn in sorted(stuck - told):
            log.error("turn %d runs for more than %.0f s: /stop ends it", turn, patience)
        told = stuck
