"""A reply that grows while people watch: fragments in, rate-limited edits out; one implementation for every messenger.

Reading the provider never waits for the messenger. One writer shows the newest text, one call in flight, on its own
clock; interim text may be skipped. The final form is not this module's affair: the outbox delivers it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, TypeVar

from chat.buttons import Button
from chat.errors import BotError
from chat.events import Completed, EndReason, ReasoningDelta, Replaced, ReplyEvent, TextDelta, Usage
from chat.replies import ReplyState
from messengers.base import Chat, MessageGone, MessengerError, PlaceGone, SlowDown
from messengers.buckets import Priority
from messengers.screen import Layout, Screen

log = logging.getLogger(__name__)

MAX_CHARACTERS = 200_000  # an endless answer ends here, as if the model's limit of tokens had cut it
CHECKPOINT_SECONDS = 1.0
STATUS_AFTER_SECONDS = 2.0  # what is over sooner needs no words
TYPING_AFTER_SECONDS = 0.3  # a model that answers at once needs no "typing …", which costs a permit
PAUSE_SECONDS = 0.35  # between two edits where the budget would allow more: nobody reads faster
LONGEST_PAUSE_SECONDS = 3.0  # after that it is the budget alone that makes calls wait
PAUSE_AFTER_FAILURE_SECONDS = 2.0
SECONDS_TO_FINISH = 30.0  # before a place closes
LONGEST_CALL_SECONDS = 6.0  # that a cancelled reply waits for a call in flight: the program is about to end

Result = TypeVar("Result")
Stream = AbstractAsyncContextManager[AsyncIterable[ReplyEvent]]
Checkpoint = Callable[[ReplyState], Awaitable[None]]
Settled = Callable[[], Awaitable[tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Shown:
    """What became of a reply: what arrived is here whatever happened, never lost to an exception."""

    state: ReplyState
    end: EndReason | Literal["failed", "closed"]  # closed: nothing can be said at this place any more
    failure: BotError | None = None
    gone: bool = False  # the message or the place was taken away: there is nothing left to show
    usage: Usage | None = None
    fresh: bool = False  # there is text of this run, and not only of an earlier one
    settled: Settled | None = None  # waits for the last call; its messages. To be awaited before they are changed


class LiveReply:
    """One reply while it is made."""

    def __init__(
        self,
        chat: Chat,
        checkpoint: Checkpoint,
        *,
        state: ReplyState | None = None,
        buttons: Sequence[Button] = (),
        reply: bool = False,
        key: str = "",
        thinking: str = "",
        may_begin: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`state`: messages of an earlier run, which this reply takes over. `buttons`: shown while it streams.

        `reply`: quote the question. `key`: see `Screen`. `thinking`: shown while the model reasons, in place of text.
        `may_begin`: awaited before the first call, so that an earlier answer comes first.
        """
        self._chat = chat
        self._checkpoint = checkpoint
        self._buttons = tuple(buttons)
        self._may_begin = may_begin
        self._thinking = thinking
        self._screen = Screen(chat, state.parts if state else (), reply=reply, key=key)
        self._layout = Layout(chat)
        self._earlier = state.text if state else ""  # shown by an earlier run, until there is something new
        self._text = ""
        self._status = ""
        self._usage: Usage | None = None
        self._changed = asyncio.Event()
        self._reader: asyncio.Task[EndReason] | None = None
        self._helpers: list[asyncio.Task[None]] = []
        self._stopped = False
        self._closed = False
        self._gone = False
        self._showing = False  # text, and not only a status
        self._calling = False
        self._closing = False

    def stop(self) -> None:
        """End the reply here: the provider's connection is closed, what has arrived stays. Twice is as good as once."""
        self._stopped = True
        if self._reader:
            self._reader.cancel()

    def tell(self, status: str) -> None:
        """Why there is no text yet, as a sentence: shown in its place if it takes a while. The latest wins."""
        self._status = status
        asyncio.get_running_loop().call_later(STATUS_AFTER_SECONDS, self._changed.set)

    async def show(self, stream: Stream) -> Shown:
        """Read the answer to its end while showing it. Raises only `CancelledError`, and what is a fault of ours.

        Returns as soon as the answer is complete: a call to the messenger may still be in flight, see `Shown.settled`.
        """
        if self._stopped:
            return Shown(self._state, "stopped")
        self._reader = asyncio.create_task(self._read(stream))
        helpers = (self._write, self._type, self._save, self._end_in_time)
        self._helpers = [asyncio.create_task(work()) for work in helpers]
        try:
            end, failure = await self._outcome(self._reader)
        except BaseException:
            await self._settle()
            await uninterrupted(self._remember())
            raise
        self._close()
        return Shown(self._state, end, failure, self._gone, self._usage, bool(self._text.strip()), self._settle)

    @property
    def _state(self) -> ReplyState:
        return ReplyState(self._screen.parts, self._text or self._earlier)

    async def _outcome(
        self, reader: asyncio.Task[EndReason]
    ) -> tuple[EndReason | Literal["failed", "closed"], BotError | None]:
        try:
            return await reader, None
        except BotError as failure:
            return "failed", failure
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._stopped and not (current and current.cancelling()):
                return "closed" if self._closed else "stopped", None
            raise

    async def _read(self, stream: Stream) -> EndReason:
        async with stream as events:
            async for event in events:
                match event:
                    case TextDelta(text):
                        self._text += text
                    case Replaced(text):
                        self._text = text
                    case ReasoningDelta():
                        self._think()
                        continue
                    case Completed(reason, usage):
                        self._usage = usage
                        return reason
                if self._text.strip():
                    if self._changed.is_set():
                        self._chat.budget.skip()
                    self._changed.set()
                if len(self._text) > MAX_CHARACTERS:
                    self._text = self._text[:MAX_CHARACTERS]
                    return "length"
        return "done"

    def _think(self) -> None:
        if self._thinking and self._status != self._thinking:
            self.tell(self._thinking)

    async def _end_in_time(self) -> None:
        """Where a place closes, end while the answer can still be brought to its final form there."""
        if self._chat.closes_at:
            await asyncio.sleep(max(0.0, self._chat.closes_at - SECONDS_TO_FINISH - time.time()))
            self._closed = True
            self.stop()

    async def _write(self) -> None:
        if self._may_begin:
            await self._may_begin()
        while not self._closing:
            await self._changed.wait()
            await self._chat.budget.permit(self._priority, new=not self._screen.parts)
            pause = await self._call()
            if not self._closing:
                await asyncio.sleep(pause)

    @property
    def _priority(self) -> Priority:
        """The first text goes first, and so does the first sentence; a sentence in the place of another one waits."""
        later = self._showing or (self._screen.parts and not self._text)
        return Priority.INTERIM if later else Priority.FIRST

    async def _call(self) -> float:
        """Make one call with the newest text; how long to pause after it."""
        self._changed.clear()  # set again by whatever arrives from here on
        self._calling = True
        known = self._screen.parts
        wanted = self._layout.pages(self._text or self._earlier or self._status, self._buttons, final=False)
        try:
            await self._screen.step(wanted)
        except SlowDown as refusal:
            self._chat.budget.slow_down(refusal.retry_after)
            self._changed.set()
            return 0
        except (MessageGone, PlaceGone):
            self._gone = True
            self.stop()
            return 0
        except MessengerError as failure:
            log.warning("interim text not shown: %s", failure)
            self._changed.set()
            return PAUSE_AFTER_FAILURE_SECONDS
        finally:
            self._calling = False
            if self._screen.parts != known:
                await self._remember()
        self._showing = bool(self._text)
        if self._screen.differs(wanted):
            self._changed.set()
        return min(LONGEST_PAUSE_SECONDS, max(PAUSE_SECONDS, self._chat.budget.pace))

    async def _type(self) -> None:
        """Show "typing …" until there is text."""
        await asyncio.sleep(TYPING_AFTER_SECONDS)
        while not self._text:
            await self._chat.budget.permit(Priority.TYPING, new=False)
            if self._text:
                return
            try:
                await self._chat.typing()
            except SlowDown as refusal:
                self._chat.budget.slow_down(refusal.retry_after)
            except PlaceGone:
                self._gone = True
                self.stop()
            except MessengerError as failure:
                log.debug("typing not shown: %s", failure)
            await asyncio.sleep(self._chat.typing_lasts)

    async def _save(self) -> None:
        """Store the text about once a second while it grows."""
        saved = ""
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            if self._text != saved and self._screen.parts:
                saved = self._text
                await self._remember()

    async def _remember(self) -> None:
        try:
            await self._checkpoint(self._state)
        except OSError as failure:
            log.warning("the state of a reply was not stored: %s", failure)

    def _close(self) -> None:
        """End what runs beside the reader, but for a call in flight: its stale text might land after the final one."""
        self._closing = True
        writer = self._helpers[0]
        for task in self._helpers:
            if not (task is writer and self._calling):
                task.cancel()

    async def _settle(self) -> tuple[str, ...]:
        """Wait until no call is in flight any more; the messages that there are then."""
        self._close()
        await uninterrupted(asyncio.wait(self._helpers))
        for task in self._helpers:
            if not task.cancelled() and (fault := task.exception()):
                log.error("showing a reply failed by a fault of ours", exc_info=fault)
        return self._screen.parts


async def uninterrupted(work: Coroutine[object, object, Result]) -> Result:
    """Await `work` to its end even when cancelled meanwhile; the cancellation is raised after that."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task}, timeout=LONGEST_CALL_SECONDS)
        raise
