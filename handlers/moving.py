"""A place that gets another name (a Telegram group that becomes a supergroup): what is known of it goes along."""

import logging

from chat.incoming import Moved
from handlers.access import Access
from storage.base import Store

log = logging.getLogger(__name__)


async def follow(moved: Moved, store: Store, access: Access) -> None:
    """Move what is stored of the place. Done when it returns, and once: a messenger may tell it twice.

    Raises `StorageError`: then nothing was moved, and the messenger is to tell it again.
    """
    place, to = moved.place, moved.to_place
    if place == to or access.moves.current(place) == to:
        return
    await store.move(place, to)
    access.moves.use(await store.moved())
    log.info("%s became %s: its history and what was chosen for it went along", place, to)
    warn_of_outdated(access)


def warn_of_outdated(access: Access) -> None:
    """Tell the operator which entries of the config are for places that have another name now."""
    for entry, now in access.outdated.items():
        log.warning("%s in the config's access became %s, and is taken for that: change it there", entry, now)
