"""The walk of what comes in: access, inbox, lane, handler, outbox; and what a restart finds undone."""

import logging
from collections.abc import Collection
from functools import partial

from chat.incoming import Incoming, Said, Unreadable
from chat.replies import Final
from handlers import attempt
from handlers.reply import quotes
from handlers.services import Outcome, Services
from operations.lanes import Lanes
from operations.outbox import Letter, Outbox, insist
from operations.strangers import Strangers
from operations.tasks import Tasks
from storage.base import Turn

log = logging.getLogger(__name__)


class Reception:
    """What messengers hand incoming things to (`messengers.base.Receive`)."""

    def __init__(self, services: Services, outbox: Outbox, tasks: Tasks) -> None:
        self._services = services
        self._outbox = outbox
        self._tasks = tasks
        self._lanes = Lanes(self._run, tasks)
        self._strangers = Strangers(services)
        self._closed = False

    async def __call__(self, incoming: Incoming) -> None:
        """Store it, and see to it that it is handled. Returns when it is stored; raises `OSError` where it can't be."""
        if self._closed:
            raise OSError("the bot is about to end: the next start takes this")
        if not isinstance(incoming, Unreadable) and not self._services.access.allows(incoming):
            if self._strangers.owes(incoming):
                self._tasks.start(self._strangers.tell(incoming), "stranger")
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

    def close(self) -> None:
        """Take nothing in and begin no further turn; those that run go on."""
        self._closed = True
        self._lanes.close()

    def _route(self, turn: Turn) -> None:
        if turn.state == "answered" and turn.final:
            self._post(turn, Outcome(turn.final, turn.reply, failed=turn.failed))
        elif isinstance(turn.incoming, Said):
            self._lanes.add(turn)
        else:
            self._tasks.start(self._run(turn), f"turn {turn.id}")

    def _is_one_too_many(self, turn: Turn) -> bool:
        waiting = self._lanes.waiting(turn.incoming.address.conversation)
        return isinstance(turn.incoming, Said) and waiting >= self._services.limits.waiting_per_chat

    async def _refuse(self, turn: Turn) -> None:
        waiting = self._lanes.waiting(turn.incoming.address.conversation)
        sentence = self._services.language(turn.incoming).say("reply.waiting", count=str(waiting))
        await self._conclude(turn, Outcome(Final("", sentence)))

    async def _run(self, turn: Turn) -> None:
        await insist(partial(self._services.store.begin, turn.id))
        await self._conclude(turn, await attempt(turn, self._services))

    async def _conclude(self, turn: Turn, outcome: Outcome) -> None:
        answer = partial(self._services.store.answer, turn.id, outcome.reply, outcome.final, outcome.history)
        await insist(partial(answer, failed=outcome.failed))
        if outcome.final:
            self._post(turn, outcome)
        if outcome.again:
            self._route(outcome.again)

    def _post(self, turn: Turn, outcome: Outcome) -> None:
        assert outcome.final
        quote = isinstance(turn.incoming, Said) and quotes(turn.incoming)
        address = turn.incoming.address
        self._outbox.put(Letter(turn.id, address, outcome.reply, outcome.final, quote=quote, failed=outcome.failed))
