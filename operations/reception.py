"""The walk of what comes in: access, inbox, lane, handler, outbox; and what a restart finds undone."""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from chat.incoming import Incoming, Said, Unreadable
from chat.replies import Final
from handlers import attempt, kind_of
from handlers.reply import quotes
from handlers.services import Outcome, Services
from handlers.stop import stop_all
from operations.joining import WAIT_SECONDS, continues, joined, may_continue
from operations.lanes import Lanes
from operations.outbox import Letter, Outbox
from operations.strangers import Strangers
from operations.tasks import Tasks
from storage.base import Turn, insist

log = logging.getLogger(__name__)


class Reception:
    """What messengers hand incoming things to (`messengers.base.Receive`)."""

    def __init__(self, services: Services, outbox: Outbox, tasks: Tasks) -> None:
        self._services = services
        self._users: Counter[int] = Counter()  # by id(services): turns that use them
        self._unused = asyncio.Condition()
        self._outbox = outbox
        self._tasks = tasks
        self._lanes = Lanes(self._run, tasks)
        self._strangers = Strangers()
        self._closed = False

    async def __call__(self, incoming: Incoming) -> None:
        """Store it, and see to it that it is handled. Returns when it is stored; raises `OSError` where it can't be."""
        if self._closed:
            raise OSError("the bot is about to end: the next start takes this")
        if not isinstance(incoming, Unreadable) and not self._services.access.allows(incoming):
            if not self._services.access.is_blocked(incoming) and self._strangers.owes(incoming):
                self._tasks.start(self._strangers.tell(incoming, self._services), "stranger")
            return
        turn = await self._services.store.receive(incoming)
        if turn is None:
            log.debug("dropped a repeat of %s", incoming.key)
        elif self._is_one_too_many(turn):
            self._tasks.start(self._refuse(turn), f"turn {turn.id}")
        else:
            self._route(turn)

    async def resume(self, messengers: Collection[str]) -> None:
        """Go on with what an earlier run left undone, in order. A backlog is never refused.

        What belongs to a messenger that is off now stays as it is.
        """
        turns = await self._services.store.unfinished()
        if turns:
            log.info("going on with %d turns that an earlier run left", len(turns))
        for turn in turns:
            if turn.incoming.address.messenger in messengers:
                self._route(turn)

    async def use(self, services: Services) -> None:
        """From now on turns begin with these services; returns when no turn uses the earlier ones any more."""
        earlier, self._services = self._services, services
        async with self._unused:
            await self._unused.wait_for(lambda: not self._users[id(earlier)])

    def close(self) -> None:
        """Take nothing in and begin no further turn; those that run go on."""
        self._closed = True
        self._lanes.close()

    def _route(self, turn: Turn) -> None:
        if turn.state == "answered" and turn.final:
            self._post(turn, Outcome(turn.final, turn.reply, failed=turn.failed))
            return
        match kind_of(turn.incoming):
            case "control":
                self._tasks.start(self._run(turn), f"turn {turn.id}")
            case "barrier":
                stop_all(turn.incoming, self._services)
                self._lanes.add(turn)
            case "turn":
                self._lanes.add(turn)

    def _is_one_too_many(self, turn: Turn) -> bool:
        waiting = self._lanes.waiting(turn.incoming.address.conversation)
        return kind_of(turn.incoming) == "turn" and waiting >= self._services.limits.waiting_per_chat

    async def _refuse(self, turn: Turn) -> None:
        waiting = self._lanes.waiting(turn.incoming.address.conversation)
        sentence = self._services.language(turn.incoming).say("reply.waiting", count=waiting)
        await self._conclude(turn, Outcome(Final("", sentence)))

    async def _run(self, turn: Turn) -> None:
        services = self._services
        self._users[id(services)] += 1
        try:
            turn = await self._whole(turn)
            await insist(partial(services.store.begin, turn.id))
            await self._conclude(turn, await attempt(turn, services))
        finally:
            self._users[id(services)] -= 1
            async with self._unused:
                self._unused.notify_all()

    async def _whole(self, turn: Turn) -> Turn:
        """The turn with the parts of it that follow, as one."""
        parts = [turn]
        while may_continue(parts[-1]):
            conversation = turn.incoming.address.conversation
            more = self._lanes.take_next(conversation, partial(continues, parts[-1]))
            if more is None:
                await asyncio.sleep(WAIT_SECONDS)
                more = self._lanes.take_next(conversation, partial(continues, parts[-1]))
            if more is None:
                break
            parts.append(more)
        if len(parts) == 1:
            return turn
        whole = joined(parts)
        await insist(partial(self._services.store.join, turn.id, whole, [part.id for part in parts[1:]]))
        return replace(turn, incoming=whole)

    async def _conclude(self, turn: Turn, outcome: Outcome) -> None:
        answer = partial(self._services.store.answer, turn.id, outcome.reply, outcome.final, outcome.history)
        await insist(partial(answer, failed=outcome.failed, spent=outcome.spent))
        if outcome.final:
            self._post(turn, outcome)
        if outcome.again:
            self._route(outcome.again)

    def _post(self, turn: Turn, outcome: Outcome) -> None:
        assert outcome.final
        incoming = turn.incoming
        quote = isinstance(incoming, Said) and quotes(incoming)
        letter = Letter(turn.id, incoming.address, outcome.reply, outcome.final, quote, outcome.failed, outcome.settled)
        self._outbox.put(letter)
