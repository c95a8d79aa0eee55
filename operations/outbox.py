"""Delivers the final form of answers: in order at each place, however long that takes, also after a restart."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from chat.incoming import Address
from chat.replies import Final, ReplyState
from messengers.base import Chat, MessageGone, MessengerError, PlaceGone, Refused, SlowDown
from messengers.budget import Priority
from messengers.fences import open_fence
from messengers.live_reply import Settled, uninterrupted
from messengers.screen import Layout, Screen, Wanted
from operations.tasks import Tasks
from storage.base import Store, insist

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored answer on its way: the turn's number, where it goes, what is there already, what it is to become."""

    turn: int
    address: Address
    reply: ReplyState
    final: Final
    quote: bool = False  # its first message quotes the question
    failed: bool = False  # it tells of a failure: the turn is dead when it is delivered
    settled: Settled | None = None  # the messages that are there, once no call of the live reply is in flight
    key: str = ""  # see `messengers.screen.Screen`


@dataclass(frozen=True, slots=True)
class _Line:
    """What waits for one place, and whoever waits for that."""

    letters: deque[Letter] = field(default_factory=deque)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def holds(self, conversation: str) -> bool:
        """Whether an answer of that conversation is on its way."""
        return any(letter.address.conversation == conversation for letter in self.letters)


class Outbox:
    """One line per place. What is in it is in the store as well, in state `answered`."""

    def __init__(self, open_chat: Callable[[Address], Chat], store: Store, tasks: Tasks) -> None:
        self._open_chat = open_chat
        self._store = store
        self._tasks = tasks
        self._lines: dict[str, _Line] = {}

    def put(self, letter: Letter) -> None:
        """Deliver it after what waits for the same place."""
        place = letter.address.budget
        line = self._lines.get(place)
        if line is None:
            self._lines[place] = line = _Line()
            self._tasks.start(self._walk(place, line), f"outbox {place}")
        line.letters.append(letter)

    def waiting(self, address: Address) -> int:
        """How many answers are on their way to that place."""
        line = self._lines.get(address.budget)
        return len(line.letters) if line else 0

    async def delivered(self, address: Address) -> None:
        """Wait until nothing of that conversation is on its way."""
        line = self._lines.get(address.budget)
        if line:
            async with line.changed:
                await line.changed.wait_for(lambda: not line.holds(address.conversation))

    async def _walk(self, place: str, line: _Line) -> None:
        while line.letters:
            letter = line.letters[0]
            try:
                parts, dead = await self._deliver(letter)
            except Exception:  # a border: one answer that can't be delivered must not hold up all others
                log.exception("turn %d can't be delivered, by a fault of ours", letter.turn)
                parts, dead = letter.reply.parts, True
            await insist(partial(self._store.finish, letter.turn, parts, dead=dead or letter.failed))
            line.letters.popleft()
            if not line.letters:
                del self._lines[place]
            async with line.changed:
                line.changed.notify_all()

    async def _deliver(self, letter: Letter) -> tuple[tuple[str, ...], bool]:
        """Bring the messages to their final form; the messages then, and whether it had to be given up."""
        chat = self._open_chat(letter.address)
        screen = Screen(chat, await self._parts(letter), reply=letter.quote, key=letter.key)
        wanted = Layout(chat).pages(source(letter.final), letter.final.buttons, final=True)
        pause = FIRST_RETRY_SECONDS
        try:
            while screen.differs(wanted, final=True):
                await chat.budget.permit(Priority.FINAL)
                if await self._step(letter, chat, screen, wanted):
                    pause = FIRST_RETRY_SECONDS
                else:
                    await asyncio.sleep(pause)
                    pause = min(LONGEST_RETRY_SECONDS, pause * 2)
        except PlaceGone as gone:
            log.info("turn %d: nothing can be said there any more: %s", letter.turn, gone)
        except Refused as refusal:
            log.error("turn %d: the answer can't be delivered: %s", letter.turn, refusal)
            return screen.parts, True
        return screen.parts, False

    async def _parts(self, letter: Letter) -> tuple[str, ...]:
        """The messages that are there, once no call is in flight; those that came since the answer are noted."""
        if letter.settled is None:
            return letter.reply.parts
        parts = await letter.settled()
        if parts != letter.reply.parts:
            await insist(partial(self._store.checkpoint, letter.turn, ReplyState(parts, letter.final.text)))
        return parts

    async def _step(self, letter: Letter, chat: Chat, screen: Screen, wanted: Sequence[Wanted]) -> bool:
        """Make one call, never interrupted, and note its messages; whether to go on without a pause."""
        known = screen.parts
        try:
            await uninterrupted(screen.step(wanted, final=True))
        except SlowDown as refusal:
            chat.budget.slow_down(refusal.retry_after)
        except MessageGone:
            return screen.skip(wanted)
        except (PlaceGone, Refused):
            raise
        except MessengerError as failure:
            log.warning("turn %d: delivery failed and is tried again: %s", letter.turn, failure)
            return False
        finally:
            if screen.parts != known:
                state = ReplyState(screen.parts, letter.final.text)
                await uninterrupted(insist(partial(self._store.checkpoint, letter.turn, state)))
        return True


def source(final: Final) -> str:
    """The Markdown of the final form: the text with its open fence closed, and the note below it."""
    text = final.text
    if not final.note:
        return text
    if not text.strip():
        return final.note
    fence = open_fence(text)
    closing = f"\n{fence.prefix}{fence.marker}" if fence else ""
    return f"{text}{closing}\n\n{final.note}"
