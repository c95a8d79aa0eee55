"""One answer on its way to its final form: into the messages that are there, or into new ones that take their place.

Edits notify nobody, so after a while the final form comes as new messages. Those of before are stored as stale along
with the first new one, and go once all new ones stand. So a kill at any point leaves one whole answer.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from zlib import crc32

from chat.incoming import Address
from chat.replies import Final, ReplyState
from messengers.base import Chat, MessageGone, MessengerError, PlaceGone, Refused, SlowDown, Unchangeable
from messengers.buckets import Priority
from messengers.budget import Permitted
from messengers.commonmark import cleaned
from messengers.fences import open_fence
from messengers.live_reply import Settled, uninterrupted
from messengers.meanwhile import above
from messengers.screen import Layout, Screen
from messengers.unfinished import closed
from storage.base import insist

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 180.0
_WORD_CHARACTER = re.compile(r"\w")
REPLACED = "…"  # what a message says that can't be taken away, where nothing better is known

Checkpoint = Callable[[ReplyState], Awaitable[None]]
Clock = Callable[[], float]


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


class Delivery:
    """One letter's. `parts`: its messages; those that came or went are told to `checkpoint` at once."""

    def __init__(self, letter: Letter, chat: Chat, checkpoint: Checkpoint, now: Clock = time.time) -> None:
        self._letter = letter
        self._chat = chat
        self._checkpoint = checkpoint
        self._now = now
        self._wanted = Layout(chat).pages(source(letter.final), letter.final.buttons, final=True)
        self._stale = letter.reply.stale
        # Whether what is stale is a whole answer, and not only messages too many.
        self._came_anew = bool(self._stale) and letter.final.anew is not None
        self._may_replace = not self._stale and letter.final.anew is not None
        self._pause = FIRST_RETRY_SECONDS

    async def run(self) -> str:
        """Deliver it, however long that takes; why it had to be given up, if it had."""
        refused = ""
        self._screen = self._screen_with(await self._parts_there())
        try:
            await self._show()
        except PlaceGone as gone:
            log.info("turn %d: nothing can be said there any more: %s", self._letter.turn, gone)
            return ""
        except Refused as refusal:
            log.error("turn %d: the answer can't be delivered: %s", self._letter.turn, refusal)
            refused = f"not_sent: {refusal}"
        if self._screen.parts:
            await self._clear()
        return refused

    @property
    def parts(self) -> tuple[str, ...]:
        """The messages that show it."""
        return self._screen.parts

    async def _parts_there(self) -> tuple[str, ...]:
        """The messages that are there, once no call is in flight; those that came since the answer are noted."""
        letter = self._letter
        if letter.settled is None:
            return letter.reply.parts
        parts = await letter.settled()
        if parts != letter.reply.parts:
            await insist(partial(self._checkpoint, ReplyState(parts, letter.final.text)))
        return parts

    def _screen_with(self, parts: tuple[str, ...]) -> Screen:
        """Those messages, as far as so many are needed; what is left over is stale.

        What takes the place of others is called after them: by the same name as theirs it would be taken for them.
        """
        kept = parts[: len(self._wanted)]
        key = self._letter.key
        if self._stale and key:
            key = f"{key}.{crc32(self._stale[0].encode()):x}"
        self._stale += parts[len(kept) :]
        return Screen(self._chat, kept, reply=self._letter.quote, key=key)

    async def _show(self) -> None:
        while self._screen.differs(self._wanted, final=True):
            if self._is_to_be_replaced:
                self._begin_anew()
            sends = self._screen.sends(self._wanted)
            try:
                await self._calling(partial(self._step, sends=sends), new=sends)
            except (PlaceGone, Refused) as refusal:
                if not self._came_anew or (self._screen.parts and isinstance(refusal, PlaceGone)):
                    raise
                log.warning(
                    "turn %d: no new message is taken, so the earlier ones change: %s", self._letter.turn, refusal
                )
                await self._go_back()

    @property
    def _is_to_be_replaced(self) -> bool:
        """Whether all of it comes anew. Not where some of the final form is there: that is to be read already."""
        anew, chat = self._letter.final.anew, self._chat
        if not (anew and self._may_replace and self._screen.parts and chat.new_messages_notify) or chat.closes_at:
            return False
        return self._now() >= anew.at

    def _begin_anew(self) -> None:
        """It is noted along with the first new message: until there is one, a restart finds all as it was."""
        self._may_replace, self._came_anew = False, True
        self._stale = (*self._screen.parts, *self._stale)
        self._screen = self._screen_with(())

    async def _go_back(self) -> None:
        """To the earlier messages. What is there of the new ones goes first: a restart until then begins with those."""
        new = list(self._screen.parts)
        while new:
            await self._calling(partial(self._take_back, new), new=False)
        earlier, self._stale, self._came_anew = self._stale, (), False
        self._screen = self._screen_with(earlier)
        await self._note()

    async def _take_back(self, messages: list[str]) -> None:
        await self._delete(messages[-1])
        messages.pop()

    async def _note(self) -> None:
        state = ReplyState(self._screen.parts, self._letter.final.text, self._stale)
        await uninterrupted(insist(partial(self._checkpoint, state)))

    async def _step(self, *, sends: bool) -> None:
        """Make one call, and note its messages; none where all is to come anew by now, and the permit `sends` not."""
        if self._is_to_be_replaced and not sends:
            return
        known = self._screen.parts
        try:
            await uninterrupted(self._screen.step(self._wanted, final=True))
            self._may_replace = False
        except MessageGone as gone:
            # A send: what it was to take the place of, or had made before, was deleted.
            if not self._screen.skip(self._wanted):
                raise PlaceGone(f"its message was deleted: {gone}") from gone
        finally:
            if self._screen.parts != known:
                await self._note()

    async def _clear(self) -> None:
        """Take away what is stale, from the last message on."""
        while self._stale:
            try:
                await self._calling(self._remove, new=False)
            except PlaceGone as gone:
                log.info("turn %d: what it replaced can't be taken away: %s", self._letter.turn, gone)
                return

    async def _remove(self) -> None:
        """Take one message away, and note that."""
        await self._delete(self._stale[-1])
        self._stale = self._stale[:-1]
        if self._stale:  # the last one stays noted until the turn is over: it tells that all of it came anew already
            await self._note()

    async def _delete(self, message: str) -> None:
        """Take a message away; where that can't be, it must not look as if it were still written."""
        try:
            await uninterrupted(self._chat.delete(message))
        except Refused as refusal:
            log.info("turn %d: a message can't be deleted, so it is changed: %s", self._letter.turn, refusal)
            await self._point_on(message)

    async def _point_on(self, message: str) -> None:
        anew = self._letter.final.anew if self._came_anew else None  # else the answer is above it
        page = self._chat.dialect.render(anew.pointer if anew else REPLACED, final=True)
        try:
            await uninterrupted(self._chat.edit(message, page))
        except (MessageGone, Refused, Unchangeable) as failure:
            log.warning("turn %d: a message stays that is out of date: %s", self._letter.turn, failure)

    async def _calling(self, call: Callable[[], Coroutine[object, object, None]], *, new: bool) -> None:
        """Make a call; where it failed on its way, wait a while. Raises what trying again doesn't help."""
        try:
            async with Permitted(self._chat.budget, Priority.FINAL, new=new):
                await call()
        except SlowDown as refusal:
            self._chat.budget.slow_down(refusal.retry_after)
        except (PlaceGone, Refused):
            raise
        except MessengerError as failure:
            log.warning("turn %d: delivery failed and is tried again: %s", self._letter.turn, failure)
            await asyncio.sleep(self._pause)
            self._pause = min(LONGEST_RETRY_SECONDS, self._pause * 2)
            return
        self._pause = FIRST_RETRY_SECONDS


def source(final: Final) -> str:
    """The Markdown of the final form: the thoughts above the text, the note below it.

    A note stands where an answer was stopped or cut. So what is half written above it looks as it did while it grew;
    but for words that were held back because more might have followed: nothing does any more.
    """
    text = above(final.thoughts, final.text)
    if not final.note:
        return text
    if not text.strip():
        return final.note
    neat = closed(cleaned(text))
    if len(_WORD_CHARACTER.findall(neat)) >= len(_WORD_CHARACTER.findall(text)):
        text = neat
    fence = open_fence(text)
    closing = f"\n{fence.prefix}{fence.marker}" if fence else ""
    return f"{text}{closing}\n\n{final.note}"
