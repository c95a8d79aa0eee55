"""The "typing …" that people see as long as a reply has no text."""

import asyncio
import logging
from collections.abc import Callable

from messengers.base import Chat, MessengerError, PlaceGone, SlowDown
from messengers.buckets import Priority
from messengers.budget import Budget, Permitted

log = logging.getLogger(__name__)

AFTER_SECONDS = 0.3  # a model that answers at once needs none, and it costs a permit


async def show_typing(chat: Chat, budget: Callable[[], Budget], over: Callable[[], bool]) -> None:
    """Show it until it is `over`, with permits of the `budget` of the moment. Raises `PlaceGone`."""
    await asyncio.sleep(AFTER_SECONDS)
    while not over():
        permits = budget()
        try:
            async with Permitted(permits, Priority.TYPING, new=False):
                if over():
                    return
                await chat.typing()
        except SlowDown as refusal:
            permits.slow_down(refusal.retry_after)
        except PlaceGone:
            raise
        except MessengerError as failure:
            log.debug("typing not shown: %s", failure)
        await asyncio.sleep(chat.typing_lasts)
