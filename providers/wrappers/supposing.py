"""Supposing: where a model is silent for a while, people are told that it thinks."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from chat.events import ReplyEvent
from providers.base import SUPPOSED, ReplyRequest, Status, StatusSink
from providers.wrappers.base import Wrapper

SILENT_SECONDS = 8.0


class Supposing(Wrapper):
    """Tells `SUPPOSED` once, where nothing came of an answer for `SILENT_SECONDS`, no status either.

    Most clouds send nothing of what a model thinks, and nothing else meanwhile. A provider that tells something
    itself (queued, the Space is waking, it thinks) knows better: then nothing is supposed.
    """

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`."""
        async with AsyncExitStack() as stack:
            with _supposing(status) as heard:
                events = await stack.enter_async_context(self._wrapped.stream_reply(request, heard))
            yield events


@contextmanager
def _supposing(status: StatusSink) -> Iterator[StatusSink]:
    """A sink to be used in the place of `status`; after that nothing is supposed any more."""
    timer = asyncio.get_running_loop().call_later(SILENT_SECONDS, status, SUPPOSED)

    def heard(news: Status) -> None:
        timer.cancel()
        status(news)

    try:
        yield heard
    finally:
        timer.cancel()
