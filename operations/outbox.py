"""Delivers the final form of answers: in order at each place, however long that takes, also after a restart."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from chat.incoming import Address
from chat.replies import Final, ReplyState
from messengers.base import Chat, MessageGone, MessengerError, PlaceGone, Refused, SlowDown
from messengers.buckets import Priority
from messengers.fences import open_fence
from messengers.live_reply import Settled, uninterrupted
from messengers.screen import Layout, Screen, Wanted
from operations.counting import Delivered, Note, uncounted
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
    written_at: float = field(default_factory=time.monotonic)


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
        self, open_chat: Callable[[Address], Chat], store: Store, tasks: Tasks, note: Note = uncounted
    ) -> None:
        self._note = note
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
            parts, refused = await self._deliver(letter)
        except Exception:  # a border: one answer that can't be delivered must not hold up all others
            log.exception("turn %d can't be delivered, by a fault of ours", letter.turn)
            parts, refused = letter.reply.parts, "internal: it can't be delivered"
        dead = bool(refused) or letter.failed
        await insist(partial(self._store.finish, letter.turn, parts, dead=dead, reason=refused))
        self._note(Delivered(letter.address.messenger, time.monotonic() - letter.written_at, bool(refused)))

    async def _deliver(self, letter: Letter) -> tuple[tuple[str, ...], str]:
        """Bring the messages to their final form; the messages then, and why it had to be given up, if it had."""
        chat = self._open_chat(letter.address)
        screen = Screen(chat, await self._parts(letter), reply=letter.quote, key=letter.key)
        wanted = Layout(chat).pages(source(letter.final), letter.final.buttons, final=True)
        pause = FIRST_RETRY_SECONDS
        try:
            while screen.differs(wanted, final=True):
                await chat.budget.permit(Priority.FINAL, new=not screen.parts)
                if await self._step(letter, chat, screen, wanted):
                    pause = FIRST_RETRY_SECONDS
                else:
                    await asyncio.sleep(pause)
                    pause = min(LONGEST_RETRY_SECONDS, pause * 2)
        except PlaceGone as gone:
            log.info("turn %d: nothing can be said there any more: %s", letter.turn, gone)
        except Refused as refusal:
            log.error("turn %d: the answer can't be delivered: %s", letter.turn, refusal)
            return screen.parts, f"not_sent: {refusal}"
        return screen.parts, ""

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
        except MessageGone as gone:
            if not screen.skip(wanted):  # a send: what it was to take the place of, or had made before, was deleted
                raise PlaceGone(f"its message was deleted: {gone}") from gone
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


def _token(address: Address) -> str:
    """What an answer is written with, where it has a token that is good."""
    return address.token if time.time() < address.token_expires_at else ""


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
