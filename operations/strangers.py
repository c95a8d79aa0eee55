"""People who aren't let in get one polite sentence an hour, in private; nothing of theirs is stored."""

import logging
import time
from collections import OrderedDict

from chat.incoming import Incoming, Invoked, Said
from handlers.services import Services, who
from messengers.base import MessengerError, SlowDown
from messengers.buckets import Priority
from messengers.budget import Permitted

log = logging.getLogger(__name__)

AGAIN_AFTER_SECONDS = 3600.0
MOST_AT_ONCE = 20  # a crowd of strangers must not use up the permits of the people who are let in
NO_WORD = "🚫"
REMEMBERED = 10_000  # strangers; beyond that the oldest are forgotten


class Strangers:
    """Remembers, in memory, who was told."""

    def __init__(self) -> None:
        self._telling = 0
        self._told: OrderedDict[str, float] = OrderedDict()

    def owes(self, incoming: Incoming, *, blocked: bool = False) -> bool:
        """Whether a sentence is due, to be told at once; asking makes it so that none is due for the next hour."""
        if not isinstance(incoming, Said | Invoked):
            return False
        if blocked and (not incoming.address.token or self._telling >= MOST_AT_ONCE):
            return False
        if incoming.address.token:  # a form waits for its answer, which the asker alone sees
            self._telling += 1
            return True
        if not incoming.address.private:
            return False
        now, stranger = time.monotonic(), who(incoming)
        if self._telling >= MOST_AT_ONCE:
            return False
        if now - self._told.get(stranger, now - AGAIN_AFTER_SECONDS) < AGAIN_AFTER_SECONDS:
            return False
        self._telling += 1
        self._told[stranger] = now
        self._told.move_to_end(stranger)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return True

    async def tell(self, incoming: Incoming, services: Services, *, blocked: bool = False) -> None:
        """Say that the bot is private, and which line lets this person in. Tried once: it isn't worth more.

        Those who are blocked get no word of it, only an end to "thinking …".
        """
        try:
            key = "access.stranger" if services.access.has_admins else "access.first"
            told = services.language(incoming).say(key, id=incoming.sender.id, entry=who(incoming))
            sentence = NO_WORD if blocked else told
            chat = services.bot.open_chat(incoming.address)
            async with Permitted(chat.budget, Priority.TYPING):
                await chat.send(chat.dialect.render(sentence, final=True))
        except SlowDown as refusal:
            chat.budget.slow_down(refusal.retry_after)
        except MessengerError as failure:
            log.info("a stranger was not told: %s", failure)
        finally:
            self._telling -= 1
