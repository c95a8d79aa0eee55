"""Delivers the final form of answers: in order at each place, however long that takes, also after a restart."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from chat.incoming import Address
from chat.replies import Final, ReplyState
from messengers.base import Chat, MessageGone, MessengerError, PlaceGone, Refused, SlowDown
from messengers.budget import Priority
from messengers.fences import open_fence
from messengers.screen import Layout, Screen
from operations.tasks import Tasks
from storage.base import StorageError, Store

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


class Outbox:
    """One line per place. What is in it is in the store as well, in state `answered`."""

    def __init__(self, open_chat: Callable[[Address], Chat], store: Store, tasks: Tasks) -> None:
        self._open_chat = open_chat
        self._store = store
        self._tasks = tasks
        self._lines: dict[str, deque[Letter]] = {}
        self._delivered = asyncio.Condition()

    def put(self, letter: Letter) -> None:
        """Deliver it after what waits for the same place."""
        place = letter.address.budget
        line = self._lines.get(place)
        if line is not None:
            line.append(letter)
        else:
            self._lines[place] = line = deque([letter])
            self._tasks.start(self._walk(place, line), f"outbox {place}")

    async def delivered(self, conversation: str) -> None:
        """Wait until nothing of that conversation is on its way."""
        async with self._delivered:
            await self._delivered.wait_for(lambda: not self._holds(conversation))

    def _holds(self, conversation: str) -> bool:
        return any(letter.address.conversation == conversation for line in self._lines.values() for letter in line)

    async def _walk(self, place: str, line: deque[Letter]) -> None:
        while line:
            letter = line[0]
            screen, dead = await self._deliver(letter)
            await insist(partial(self._store.finish, letter.turn, screen.parts, dead=dead or letter.failed))
            line.popleft()
            if not line:
                del self._lines[place]
            async with self._delivered:
                self._delivered.notify_all()

    async def _deliver(self, letter: Letter) -> tuple[Screen, bool]:
        """Bring the messages to their final form; whether it had to be given up."""
        chat = self._open_chat(letter.address)
        screen = Screen(chat, letter.reply.parts, reply=letter.quote)
        wanted = Layout(chat).pages(source(letter.final), letter.final.buttons, final=True)
        pause = FIRST_RETRY_SECONDS
        while screen.differs(wanted, final=True):
            await chat.budget.permit(Priority.FINAL)
            known = screen.parts
            try:
                await screen.step(wanted, final=True)
                pause = FIRST_RETRY_SECONDS
            except SlowDown as refusal:
                chat.budget.slow_down(refusal.retry_after)
            except MessageGone:
                screen.skip(wanted)
            except PlaceGone as gone:
                log.info("turn %d: nothing can be said there any more: %s", letter.turn, gone)
                return screen, False
            except Refused as refusal:
                log.error("turn %d: the answer can't be delivered: %s", letter.turn, refusal)
                return screen, True
            except MessengerError as failure:
                log.warning("turn %d: delivery failed, again in %g s: %s", letter.turn, pause, failure)
                await asyncio.sleep(pause)
                pause = min(LONGEST_RETRY_SECONDS, pause * 2)
            if screen.parts != known:
                state = ReplyState(screen.parts, letter.final.text)
                await insist(partial(self._store.checkpoint, letter.turn, state))
        return screen, False


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


async def insist(call: Callable[[], Awaitable[None]]) -> None:
    """Make a call to the store until it succeeds: nothing must be lost to a full disk that is cleared later."""
    pause = FIRST_RETRY_SECONDS
    while True:
        try:
            await call()
        except StorageError as error:
            log.error("not stored, again in %g s: %s", pause, error)
        else:
            return
        await asyncio.sleep(pause)
        pause = min(LONGEST_RETRY_SECONDS, pause * 2)
