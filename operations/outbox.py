"""Delivers the final form of answers: in order at each place, however long that takes, also after a restart."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from chat.incoming import Address
from messengers.base import Chat
from operations.counting import Delivered, Note, uncounted
from operations.delivery import Clock, Delivery, Letter, source
from operations.tasks import Tasks
from storage.base import Store, insist

log = logging.getLogger(__name__)

__all__ = ["Letter", "Outbox", "source"]


@dataclass(frozen=True, slots=True)
class _Place:
    """What waits for one place, by the token that it is written with ("" = none), and whoever waits for that."""

    lines: dict[str, deque[Letter]] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def holds(self, address: Address) -> bool:
        """Whether an answer of that conversation, or by that token, is on its way."""
        letters = (letter.address for line in self.lines.values() for letter in line)
        return any(
            each.conversation == address.conversation or (each.token and each.token == address.token)
            for each in letters
        )


class Outbox:
    """One line per place, and one for each token, which has permits of its own.

    What is in it is in the store as well, in state `answered`.
    """

    def __init__(
        self,
        open_chat: Callable[[Address], Chat],
        store: Store,
        tasks: Tasks,
        note: Note = uncounted,
        now: Clock = time.time,
    ) -> None:
        """`now`: Unix seconds; what a final form that comes anew (`chat.replies.Anew`) waits for."""
        self._note = note
        self._now = now
        self._open_chat = open_chat
        self._store = store
        self._tasks = tasks
        self._places: dict[str, _Place] = {}

    def put(self, letter: Letter) -> None:
        """Deliver it after what waits for the same place."""
        place, token = letter.address.budget, _token(letter.address)
        lines = self._places.setdefault(place, _Place()).lines
        if token not in lines:
            lines[token] = deque()
            self._tasks.start(self._walk(place, token), f"outbox {place}")
        lines[token].append(letter)

    def waiting(self, address: Address) -> int:
        """How many answers an answer to that address would come behind."""
        place = self._places.get(address.budget)
        return len(place.lines.get(_token(address), ())) if place else 0

    @property
    def size(self) -> int:
        """How many answers are on their way."""
        return sum(len(line) for place in self._places.values() for line in place.lines.values())

    async def delivered(self, address: Address) -> None:
        """Wait until nothing of that conversation is on its way."""
        place = self._places.get(address.budget)
        if place:
            async with place.changed:
                await place.changed.wait_for(lambda: not place.holds(address))

    async def _walk(self, name: str, token: str) -> None:
        place = self._places[name]
        line = place.lines[token]
        while line:
            await self._conclude(line[0])
            line.popleft()
            if not line:
                del place.lines[token]
            if not place.lines:
                del self._places[name]
            async with place.changed:
                place.changed.notify_all()

    async def _conclude(self, letter: Letter) -> None:
        try:
            checkpoint = partial(self._store.checkpoint, letter.turn)
            delivery = Delivery(letter, self._open_chat(letter.address), checkpoint, self._now)
            refused = await delivery.run()
            parts = delivery.parts
        except Exception:  # a border: one answer that can't be delivered must not hold up all others
            log.exception("turn %d can't be delivered, by a fault of ours", letter.turn)
            parts, refused = letter.reply.parts, "internal: it can't be delivered"
        dead = bool(refused) or letter.failed
        await insist(partial(self._store.finish, letter.turn, parts, dead=dead, reason=refused))
        self._note(Delivered(letter.address.messenger, time.monotonic() - letter.written_at, bool(refused)))


def _token(address: Address) -> str:
    """What an answer is written with, where it has a token that is good."""
    return address.token if time.time() < address.token_expires_at else ""
