"""Limited: so many requests to a provider at once, and no more; the others wait in a line and are told their place."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from chat.events import ReplyEvent
from chat.messages import Image
from providers.base import ImageRequest, Provider, ReplyRequest, Status, StatusSink
from providers.wrappers.base import Wrapper

SLOT, GRANTED = "status.slot", "status.granted"
NEAR, STEP = 5, 10  # who is so near is told each step forward, others each tenth: a long line moves all the time


class Limited(Wrapper):
    """Holds a slot from the request until the stream is left, or the picture is there. `most` 0: any number.

    First come, first served. Waiting is neither an attempt nor silence of the server: no time-out runs meanwhile.
    """

    def __init__(self, provider: Provider, most: int) -> None:
        super().__init__(provider)
        self._slots = _Slots(most) if most else None

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`; `status.slot` tells how many are before it, `status.granted` the end of it."""
        async with self._slot(status), self._wrapped.stream_reply(request, status) as events:
            yield events

    async def draw(self, request: ImageRequest) -> Image:
        """See `ImageProvider.draw`; only where `can_draw`."""
        async with self._slot(_silent):
            return await self._painter.draw(request)

    @asynccontextmanager
    async def _slot(self, status: StatusSink) -> AsyncIterator[None]:
        if self._slots is None:
            yield
            return
        waited = await self._slots.take(status)
        try:
            if waited:
                status(Status(GRANTED))
            yield
        finally:
            self._slots.give_back()


def _silent(status: Status) -> None:
    """Whoever waits for a picture is told nothing: drawing has no status."""


class _Slots:
    """A semaphore that is fair, and tells those who wait how many are before them."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._line: deque[tuple[asyncio.Future[None], StatusSink]] = deque()

    async def take(self, status: StatusSink) -> bool:
        """Wait for a slot; whether there was anything to wait for.

        Cancelled meanwhile, it leaves the line, and passes on a slot that it got just then.
        """
        if self._free:
            self._free -= 1
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((turn, status))
        _tell(status, len(self._line))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back()
            elif (turn, status) in self._line:
                self._line.remove((turn, status))
                self._tell_places()
            raise
        return True

    def give_back(self) -> None:
        """Hand a slot to the first who waits."""
        while self._line:
            turn, _ = self._line.popleft()
            if not turn.done():  # done: cancelled, and not yet gone from the line
                turn.set_result(None)
                self._tell_places()
                return
        self._free += 1

    def _tell_places(self) -> None:
        for position, (_, status) in enumerate(self._line, 1):
            if position <= NEAR or position % STEP == 0:
                _tell(status, position)


def _tell(status: StatusSink, position: int) -> None:
    status(Status(SLOT, {"count": str(position)}))
