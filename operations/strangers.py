"""People who aren't let in get one polite sentence an hour, in private; nothing of theirs is stored."""

import logging
import time
from collections import OrderedDict

from chat.incoming import Incoming, Invoked, Said
from handlers.services import Services
from messengers.base import MessengerError
from messengers.budget import Priority

log = logging.getLogger(__name__)

AGAIN_AFTER_SECONDS = 3600.0
REMEMBERED = 10_000  # strangers; beyond that the oldest are forgotten


class Strangers:
    """Remembers, in memory, who was told."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._told: OrderedDict[str, float] = OrderedDict()

    def owes(self, incoming: Incoming) -> bool:
        """Whether a sentence is due; asking makes it so that none is due for the next hour."""
        if not (isinstance(incoming, Said | Invoked) and incoming.address.private):
            return False
        now, who = time.monotonic(), f"{incoming.address.messenger}:{incoming.sender.id}"
        if now - self._told.get(who, -AGAIN_AFTER_SECONDS) < AGAIN_AFTER_SECONDS:
            return False
        self._told[who] = now
        self._told.move_to_end(who)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return True

    async def tell(self, incoming: Incoming) -> None:
        """Say that the bot is private, and which line lets this person in. Tried once: it isn't worth more."""
        entry = f"{incoming.address.messenger}:{incoming.sender.id}"
        key = "access.stranger" if self._services.access.has_admins else "access.first"
        sentence = self._services.language(incoming).say(key, id=incoming.sender.id, entry=entry)
        chat = self._services.open_chat(incoming.address)
        await chat.budget.permit(Priority.INTERIM)
        try:
            await chat.send(chat.dialect.render(sentence, final=True))
        except MessengerError as failure:
            log.info("a stranger was not told: %s", failure)
