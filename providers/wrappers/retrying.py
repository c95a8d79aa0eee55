"""Retrying: another attempt before the first fragment, where the failure may pass."""

import asyncio
import itertools
import logging
import math
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

from chat.errors import BodyTooLarge, ContextTooLong, PicturesTooLarge, ProviderError, TimedOut
from chat.events import ReplyEvent
from chat.messages import Image, Message
from providers.base import THINKING, ImageRequest, ReplyRequest, Status, StatusSink
from providers.wrappers.base import Wrapper
from providers.wrappers.limited import GRANTED, SLOT

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
NO_REASONS = (SLOT, GRANTED, THINKING)  # what is told of a request that goes well
LONGEST_PAUSE_SECONDS = 60.0  # told to wait longer than that, we tell the person instead


class Retrying(Wrapper):
    """Tries again before the first fragment, when the failure may pass: never doubles text. The same for pictures.

    At most `attempts` of the request are made; the last failure is raised, and has in `attempts` how many they were.
    After a time-out there is no other attempt: somebody has waited for a minute already, so the next model is to be
    asked; and a picture may be drawn, and paid for, although nobody waits for it any more.
    Where the conversation is too long for the model, its oldest half is left out, and again, as long as attempts last.
    """

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`. Raises the last failure when the attempts are used up."""
        async with AsyncExitStack() as stack:
            yield await self._open(stack, request, status)

    async def draw(self, request: ImageRequest) -> Image:
        """See `ImageProvider.draw`; only where `can_draw`. Raises the last failure when the attempts are used up."""
        for attempt in itertools.count(1):
            try:
                return await self._painter.draw(request)
            except ProviderError as error:
                error.attempts = attempt
                pause = _pause_after(error, request.attempts)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
                request.again()
        raise AssertionError("itertools.count doesn't end")

    async def _open(
        self, stack: AsyncExitStack, request: ReplyRequest, status: StatusSink
    ) -> AsyncIterable[ReplyEvent]:
        for attempt in itertools.count(1):
            told: list[Status] = []
            try:
                answer = self._wrapped.stream_reply(request, partial(_tell, status, told))
                return await stack.enter_async_context(answer)
            except ContextTooLong as error:
                error.attempts = attempt
                if isinstance(error, BodyTooLarge) and request.messages[-1].images:
                    raise _of_pictures(error) from error
                if attempt >= request.attempts or len(request.messages) == 1:
                    raise
                request = replace(request, messages=newest_half(request))
                log.info("the conversation is too long for %s: tried again with its newer half", request.model)
            except ProviderError as error:
                error.attempts = attempt
                pause = _pause_after(error, request.attempts)
                if pause is None:
                    raise
                if not told:  # the provider's own reason ("the model is loading") says more
                    status(Status("status.retrying", {"seconds": str(math.ceil(pause))}))
                await asyncio.sleep(pause)
        raise AssertionError("itertools.count doesn't end")


def _pause_after(error: ProviderError, attempts: int) -> float | None:
    """Seconds until the next attempt; None if there is none."""
    pause = error.retry_after or FIRST_PAUSE_SECONDS * 2 ** (error.attempts - 1)
    hopeless = not error.transient or isinstance(error, TimedOut)
    if hopeless or error.attempts >= attempts or pause > LONGEST_PAUSE_SECONDS:
        return None
    log.warning("attempt %d of %d failed, again in %g s: %s", error.attempts, attempts, pause, error)
    return pause


def _of_pictures(error: BodyTooLarge) -> PicturesTooLarge:
    """Pictures are in the question alone: with less of the conversation it would be as large."""
    meant = PicturesTooLarge(error.details, retry_after=None, **error.arguments)
    meant.attempts = error.attempts
    return meant


def _tell(status: StatusSink, told: list[Status], news: Status) -> None:
    if news.key not in NO_REASONS:
        told.append(news)
    status(news)


def newest_half(request: ReplyRequest) -> tuple[Message, ...]:
    """The newer half of the messages; an odd number, so that they begin with a question."""
    return request.messages[-(len(request.messages) // 2 | 1) :]
