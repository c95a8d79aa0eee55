"""A reply that grows while people watch: fragments in, rate-limited edits out; one implementation for every messenger.

Reading the provider never waits for the messenger. One writer shows the newest text, one call in flight, on its own
clock; interim text may be skipped. The final form is not this module's affair: the outbox delivers it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from chat.buttons import Button
from chat.errors import BotError
from chat.events import EndReason, Usage
from chat.replies import ReplyState
from messengers.answer import Answer, Stream
from messengers.base import Chat, MessageGone, MessengerError, PlaceGone, SlowDown
from messengers.buckets import Priority
from messengers.budget import Budget, Permitted
from messengers.indicator import show_typing
from messengers.meanwhile import Meanwhile
from messengers.screen import Layout, Screen

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0
PAUSE_SECONDS = 0.35  # between two edits where the budget would allow more: nobody reads faster
LONGEST_PAUSE_SECONDS = 3.0  # after that it is the budget alone that makes calls wait
PAUSE_AFTER_FAILURE_SECONDS = 2.0
SECONDS_TO_FINISH = 30.0  # before a place closes
LONGEST_CALL_SECONDS = 6.0  # that a cancelled reply waits for a call in flight: the program is about to end

Result = TypeVar("Result")
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
    thoughts: str = ""  # what the model thought, as Markdown to be shown above the text; see `Thinking.heading`
    seconds: float = 0.0  # since people were told by a message that something is said here
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
        may_begin: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`state`: messages of an earlier run, which this reply takes over; of one that `continues` the text stays too,
        and what comes is put behind it. `buttons`: shown while it streams. `reply`: quote the question.

        `key`: see `Screen`. `may_begin`: awaited before the first call, so that an earlier answer comes first.
        """
        self._chat = chat
        self._checkpoint = checkpoint
        self._buttons = tuple(buttons)
        self._may_begin = may_begin
        self._continues = bool(state and state.continues)
        self._answer = Answer(state.text if state else "", goes_on=self._continues, changed=self._news_came)
        self._screen = Screen(chat, state.parts if state else (), reply=reply, key=key)
        self._layout = Layout(chat)
        self._told_at: float | None = None  # when people were told, by the first message
        self._thoughts = ""  # those above the text; they stay as they are once it is shown, so that no part moves
        self._wanted_at = 0.0  # when there may be a next call, by the loop's clock
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

    @property
    def meanwhile(self) -> Meanwhile:
        """What is said while there is no text."""
        return self._answer.meanwhile

    def tell(self, status: str) -> None:
        """Why there is no text yet, as a sentence: shown in its place if it takes a while. The latest wins."""
        self.meanwhile.tell(status)

    def lull(self) -> float:
        """Seconds until new text can be shown, at least; for `providers.base.ReplyRequest.lull`."""
        return self._wanted_at - asyncio.get_running_loop().time()

    async def show(self, stream: Stream) -> Shown:
        """Read the answer to its end while showing it. Raises only `CancelledError`, and what is a fault of ours.

        Returns as soon as the answer is complete: a call to the messenger may still be in flight, see `Shown.settled`.
        """
        if self._stopped:
            return Shown(self._state, "stopped")
        if self._screen.parts:
            self._told_at = asyncio.get_running_loop().time()
        if self._answer.goes_on:
            self._changed.set()  # the sentence that it was cut goes
        self._reader = asyncio.create_task(self._answer.read(stream))
        helpers = (self._write, self._type, self._save, self._end_in_time)
        self._helpers = [asyncio.create_task(work()) for work in helpers]
        try:
            end, failure = await self._outcome(self._reader)
        except BaseException:
            await self._settle(LONGEST_CALL_SECONDS)
            await uninterrupted(self._remember())
            raise
        self._close()
        return Shown(
            self._state,
            end,
            failure,
            self._gone,
            self._answer.usage,
            self._answer.is_fresh,
            self._thoughts or self._quote(),
            0.0 if self._told_at is None else asyncio.get_running_loop().time() - self._told_at,
            self._settle,
        )

    @property
    def _state(self) -> ReplyState:
        return ReplyState(self._screen.parts, self._answer.known, continues=self._continues)

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

    def _news_came(self) -> None:
        if self._changed.is_set():
            self._chat.budget.skip()
        self._changed.set()

    def _quote(self) -> str:
        return self.meanwhile.quote(self._chat.dialect.limit)

    @property
    def _source(self) -> str:
        """What is to be shown now."""
        if not self._showing:
            self._thoughts = self._quote()
        return self._answer.source(self._thoughts)

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
            await self._news()
            budget, sends = self._screen.budget, self._screen.sends()
            async with Permitted(budget, self._priority, new=sends):
                pause = await self._call(budget, sends=sends)
            if not self._closing:
                self._wanted_at = asyncio.get_running_loop().time() + pause
                await asyncio.sleep(pause)

    async def _news(self) -> None:
        """Wait for something to show. A draft is shown again before it fades, also while the model is silent."""
        try:
            async with asyncio.timeout(self._screen.lasts):
                await self._changed.wait()
        except TimeoutError:
            self._screen.fade()

    @property
    def _priority(self) -> Priority:
        """The first text goes first, and so does the first sentence; a sentence in the place of another one waits."""
        later = self._showing or (self._screen.begun and not self._answer.has_begun)
        return Priority.INTERIM if later else Priority.FIRST

    async def _call(self, budget: Budget, *, sends: bool) -> float:
        """Make one call with the newest text, for a permit of `budget`, which also `sends`; the pause after it."""
        self._changed.clear()  # set again by whatever arrives from here on
        self._calling = True
        known = self._screen.parts
        shows_text = self._answer.has_begun
        wanted = self._layout.pages(self._source, self._buttons, final=False)
        try:
            if self._screen.expect(wanted) is not budget or (self._screen.sends() and not sends):
                self._changed.set()  # the permit isn't for that: what was to be a draft is full, say
                return 0
            await self._screen.step(wanted)
        except SlowDown as refusal:
            budget.slow_down(refusal.retry_after)
            self._changed.set()
            return 0
        except MessageGone:
            if self._screen.go_past(wanted):
                self._changed.set()
            else:
                self._end_quietly()
            return 0
        except PlaceGone:
            self._end_quietly()
            return 0
        except MessengerError as failure:
            log.warning("interim text not shown: %s", failure)
            self._changed.set()
            return PAUSE_AFTER_FAILURE_SECONDS
        finally:
            self._calling = False
            if self._screen.parts != known:
                if self._told_at is None:
                    self._told_at = asyncio.get_running_loop().time()
                await self._remember()
        self._showing = shows_text
        if self._screen.differs(wanted):
            self._changed.set()
        return min(LONGEST_PAUSE_SECONDS, max(PAUSE_SECONDS, budget.pace)) if self._screen.budget is budget else 0

    async def _type(self) -> None:
        try:
            # Drafts share their permits with it.
            await show_typing(self._chat, lambda: self._screen.budget, lambda: self._answer.has_begun)
        except PlaceGone:
            self._end_quietly()

    def _end_quietly(self) -> None:
        self._gone = True
        self.stop()

    async def _save(self) -> None:
        """Store the text about once a second while it grows."""
        saved = ""
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            if self._answer.text != saved and self._screen.begun:
                saved = self._answer.text
                await self._remember()

    async def _remember(self) -> None:
        try:
            await self._checkpoint(self._state)
        except OSError as failure:
            log.warning("the state of a reply was not stored: %s", failure)

    def _close(self) -> None:
        """End what runs beside the reader, but for a call in flight: its stale text might land after the final one."""
        self._closing = True
        self.meanwhile.end()
        writer = self._helpers[0]
        for task in self._helpers:
            if not (task is writer and self._calling):
                task.cancel()

    async def _settle(self, at_most: float | None = None) -> tuple[str, ...]:
        """Wait until no call is in flight any more, or for so many seconds; the messages that there are then."""
        self._close()
        _, late = await uninterrupted(asyncio.wait(self._helpers, timeout=at_most))
        for task in late:
            task.cancel()
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
