"""The walk of what comes in: access, inbox, lane, handler, outbox; and what a restart finds undone."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from chat.incoming import Incoming, Invoked, Left, Moved, Said, Unreadable
from chat.replies import Final
from handlers import attempt, interrupts, kind_of
from handlers.ask import as_said
from handlers.moving import follow
from handlers.reply import quotes, registered
from handlers.services import Outcome, Services
from handlers.stop import stop_all
from handlers.suggesting import suggest
from messengers.base import Suggestion
from operations.counting import Began, Concluded, Note, Took, uncounted
from operations.joining import WAIT_SECONDS, Gathering, continues, joined, may_continue
from operations.lanes import Lanes
from operations.outbox import Letter, Outbox
from operations.strangers import Strangers
from operations.tasks import Tasks
from storage.base import Turn, insist

log = logging.getLogger(__name__)


MOST_WAITING = 20  # answers on their way to one place, where those of commands are left out


class Reception:
    """What messengers hand incoming things to (`messengers.base.Reception`)."""

    def __init__(self, services: Services, outbox: Outbox, tasks: Tasks, note: Note = uncounted) -> None:
        self._note = note
        self._services = services
        self._taken: dict[int, float | None] = {}  # turns that are to be handled; since when they are (loop's time)
        self._users: Counter[int] = Counter()  # by id(services): turns that use them
        self._unused = asyncio.Condition()
        self._outbox = outbox
        self._tasks = tasks
        self._lanes = Lanes(self._run_in_lane, tasks)
        self._at_once: dict[str, dict[int, asyncio.Event]] = {}  # conversation → turns that run beside its lane
        self._strangers = Strangers()
        self._refusing: set[str] = set()  # conversations that are being told that too much waits
        self._closed = False

    async def __call__(self, incoming: Incoming) -> None:
        """Store it, and see to it that it is handled. Returns when it is stored; raises `OSError` where it can't be."""
        if self._closed:
            raise OSError("the bot is about to end: the next start takes this")
        incoming = as_said(incoming)
        if isinstance(incoming, Moved):  # before anything from the new place is judged by its access
            await follow(incoming, self._services.store, self._services.access)
            return
        if not self.welcomes(incoming):
            blocked = self._services.access.is_blocked(incoming)
            if self._strangers.owes(incoming, blocked=blocked):
                self._tasks.start(self._strangers.tell(incoming, self._services, blocked=blocked), "stranger")
            return
        turn = await self._services.store.receive(incoming)
        self._note(Took(incoming.address.messenger, turn is None))
        if turn is None:
            log.debug("dropped a repeat of %s", incoming.key)
        elif self._is_one_too_many(turn):
            self._taken[turn.id] = None
            self._tasks.start(self._refuse(turn), f"turn {turn.id}")
        else:
            self._route(turn)

    def welcomes(self, incoming: Incoming) -> bool:
        """See `messengers.base.Reception`. What can't be read is nobody's: it is only put aside; a place may move."""
        return isinstance(incoming, Unreadable | Moved) or self._services.access.allows(incoming)

    async def suggest(self, asked: Invoked, option: str) -> Sequence[Suggestion]:
        """See `messengers.base.Reception`."""
        return await suggest(asked, option, self._services)

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        """See `messengers.base.Reception`."""
        return await self._services.store.last_seen(messenger)

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

    async def take_up(self, messengers: Collection[str]) -> None:
        """Handle what another program made new again (`python bot.py dead retry`), and nothing twice."""
        for turn in await self._services.store.unfinished():
            if turn.state == "new" and turn.incoming.address.messenger in messengers and turn.id not in self._taken:
                log.info("turn %d was made new again, and is handled", turn.id)
                self._route(turn)

    def running_for(self) -> Mapping[int, float]:
        """The turns that are being handled, and for how many seconds."""
        now = asyncio.get_running_loop().time()
        return {turn: now - since for turn, since in self._taken.items() if since is not None}

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
        if turn.state == "new" and turn.id in self._taken:
            return
        if turn.state == "answered" and turn.final:
            self._post(turn, Outcome(turn.final, turn.reply, failed=turn.failed))
            return
        self._taken[turn.id] = None
        match kind_of(turn.incoming):
            case "control" if isinstance(turn.incoming, Invoked):
                conversation = turn.incoming.address.conversation
                self._at_once.setdefault(conversation, {})[turn.id] = asyncio.Event()
                self._tasks.start(self._run_at_once(turn), f"turn {turn.id}")
            case "control":
                if isinstance(turn.incoming, Left):
                    self._forsake(turn)
                self._tasks.start(self._run(turn), f"turn {turn.id}")
            case "barrier" | "turn":
                if interrupts(turn, self._services):
                    stop_all(turn.incoming, self._services)
                self._lanes.add(turn)

    def _is_one_too_many(self, turn: Turn) -> bool:
        conversation = turn.incoming.address.conversation
        if isinstance(turn.incoming, Said | Invoked) and turn.incoming.late:
            return False  # nobody was there to say "please wait"
        if (
            kind_of(turn.incoming) != "turn"
            or self._lanes.waiting(conversation) < self._services.limits.waiting_per_chat
        ):
            return False
        last = self._lanes.last(conversation)
        return last is None or not continues(last, turn)  # the rest of an album or a paste is no further message

    async def _refuse(self, turn: Turn) -> None:
        """Say so once: while the sentence is on its way, more of it would only stand in front of real answers."""
        conversation = turn.incoming.address.conversation
        if conversation in self._refusing:
            await self._conclude(turn, Outcome())
            return
        self._refusing.add(conversation)
        waiting = self._lanes.waiting(conversation)
        sentence = self._services.language(turn.incoming).say("reply.waiting", count=waiting)
        await self._conclude(turn, Outcome(Final("", sentence)))
        await self._outbox.delivered(turn.incoming.address)
        self._refusing.discard(conversation)

    def _forsake(self, left: Turn) -> None:
        """The bot was taken away from a place: what waits there is not asked any more."""
        place = left.incoming.address.budget
        for turn in self._lanes.drop(lambda each: each.incoming.address.budget == place and each.id < left.id):
            self._tasks.start(self._conclude(turn, Outcome()), f"turn {turn.id}")

    async def _run_at_once(self, turn: Turn) -> None:
        conversation = turn.incoming.address.conversation
        try:
            await self._run(turn)
        finally:
            self._at_once[conversation].pop(turn.id).set()
            if not self._at_once[conversation]:
                del self._at_once[conversation]

    async def _run_in_lane(self, turn: Turn) -> None:
        """What came before it and runs at once is done first: a model that was chosen counts for the next question."""
        for number, done in list(self._at_once.get(turn.incoming.address.conversation, {}).items()):
            if number < turn.id:
                await done.wait()
        await self._run(turn)

    async def _run(self, turn: Turn) -> None:
        services = self._services
        self._users[id(services)] += 1
        try:
            gathering = Gathering()
            if may_continue(turn):
                with registered(turn, gathering, services):
                    turn = await self._whole(turn)
            self._begun(turn)
            await insist(partial(services.store.begin, turn.id))
            if not self._is_welcome(turn, services):
                outcome = Outcome()
            elif gathering.stopped:
                outcome = Outcome(Final("", services.language(turn.incoming).say("reply.stopped")), turn.reply)
            else:
                outcome = await attempt(turn, services)
            await self._conclude(turn, outcome)
        finally:
            self._users[id(services)] -= 1
            async with self._unused:
                self._unused.notify_all()

    def _begun(self, turn: Turn) -> None:
        self._taken[turn.id] = asyncio.get_running_loop().time()
        lag = max(0.0, time.time() - turn.received_at)  # the clock may have been set back
        if turn.state == "new" and not turn.runs and not turn.reply.parts:  # not one that is asked again
            self._note(Began(turn.incoming.address.messenger, lag))

    def _is_welcome(self, turn: Turn, services: Services) -> bool:
        """Whether it may still be handled: the config may have changed since it came in."""
        return isinstance(turn.incoming, Unreadable | Left) or services.access.allows(turn.incoming)

    async def _whole(self, turn: Turn) -> Turn:
        """The turn with the parts of it that follow, as one."""
        parts = [turn]
        while may_continue(parts[-1]):
            conversation = turn.incoming.address.conversation
            more = self._lanes.take_next(conversation, partial(continues, parts[-1]))
            if more is None:
                age = max(0.0, time.time() - parts[-1].received_at)  # the clock may have been set back
                await asyncio.sleep(max(0.0, WAIT_SECONDS - age))
                more = self._lanes.take_next(conversation, partial(continues, parts[-1]))
            if more is None:
                break
            parts.append(more)
        if len(parts) == 1:
            return turn
        whole = joined(parts)
        await insist(partial(self._services.store.join, turn.id, whole, [part.id for part in parts[1:]]))
        for part in parts[1:]:
            self._taken.pop(part.id, None)
        return replace(turn, incoming=whole)

    async def _conclude(self, turn: Turn, outcome: Outcome) -> None:
        if kind_of(turn.incoming) == "control" and self._outbox.waiting(turn.incoming.address) >= MOST_WAITING:
            outcome = replace(outcome, final=None)  # a heap of /help must not stand in front of real answers
        if outcome.final is None and turn.incoming.address.token and isinstance(turn.incoming, Said | Invoked):
            outcome = replace(outcome, final=Final("✅"))  # whoever filled in a form waits for an answer
        answer = partial(self._services.store.answer, turn.id, outcome.reply, outcome.final, outcome.history)
        await insist(partial(answer, failed=outcome.failed, spent=outcome.spent, reason=outcome.reason))
        self._taken.pop(turn.id, None)
        ending = "failed" if outcome.failed else "answered" if outcome.final else "silent"
        self._note(Concluded(turn.incoming.address.messenger, ending))
        if outcome.final:
            self._post(turn, outcome)
        if outcome.again:
            self._route(outcome.again)

    def _post(self, turn: Turn, outcome: Outcome) -> None:
        assert outcome.final
        incoming = turn.incoming
        quote = isinstance(incoming, Said) and quotes(incoming)
        letter = Letter(
            turn.id, incoming.address, outcome.reply, outcome.final, quote, outcome.failed, outcome.settled, turn.key
        )
        self._outbox.put(letter)
