"""What wraps a provider, one concern each."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Self, TypeGuard

from chat.errors import ContextTooLong, InternalError, ProviderError, TimedOut
from chat.events import ReplyEvent
from chat.messages import Image, Message
from providers.base import (
    Capabilities,
    ImageProvider,
    ImageRequest,
    ModelInfo,
    Provider,
    ReplyRequest,
    Status,
    StatusSink,
)

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0  # told to wait longer than that, we tell the person instead


def can_draw(provider: Provider) -> TypeGuard[ImageProvider]:
    """Whether it draws; a wrapper has `draw` in any case, and can if the one inside can. For composition to check."""
    return can_draw(provider.wrapped) if isinstance(provider, Retrying) else isinstance(provider, ImageProvider)


class Retrying:
    """Tries again before the first fragment, when the failure may pass: never doubles text. The same for pictures.

    Where the conversation is too long for the model, its oldest half is left out, and again, as long as attempts last.
    """

    def __init__(self, provider: Provider, attempts: int) -> None:
        self._provider = provider
        self._attempts = attempts

    @property
    def wrapped(self) -> Provider:
        """The provider inside."""
        return self._provider

    @property
    def capabilities(self) -> Capabilities:
        """Those of the wrapped provider."""
        return self._provider.capabilities

    async def models(self) -> Sequence[ModelInfo]:
        """Those of the wrapped provider."""
        return await self._provider.models()

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`. Raises the last failure when the attempts are used up."""
        async with AsyncExitStack() as stack:
            yield await self._open(stack, request, status)

    async def draw(self, request: ImageRequest) -> Image:
        """See `ImageProvider.draw`; only where `can_draw`. Raises the last failure when the attempts are used up."""
        if not can_draw(self._provider):
            raise InternalError(f"{type(self._provider).__name__} can't draw, but is set up to")
        for attempt in itertools.count(1):
            try:
                return await self._provider.draw(request)
            except ProviderError as error:
                # After a time-out the provider may draw on, and be paid for it: a second one isn't asked for unasked.
                pause = None if isinstance(error, TimedOut) else self._pause_after(error, attempt)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("itertools.count doesn't end")

    async def _open(
        self, stack: AsyncExitStack, request: ReplyRequest, status: StatusSink
    ) -> AsyncIterable[ReplyEvent]:
        for attempt in itertools.count(1):
            told: list[Status] = []
            try:
                answer = self._provider.stream_reply(request, partial(_tell, status, told))
                return await stack.enter_async_context(answer)
            except ContextTooLong:
                if attempt >= self._attempts or len(request.messages) == 1:
                    raise
                request = replace(request, messages=newest_half(request))
                log.info("the conversation is too long for %s: tried again with its newer half", request.model)
            except ProviderError as error:
                pause = self._pause_after(error, attempt)
                if pause is None:
                    raise
                if not told:  # the provider's own reason ("the model is loading") says more
                    status(Status("status.retrying", {"seconds": f"{pause:g}"}))
                await asyncio.sleep(pause)
        raise AssertionError("itertools.count doesn't end")

    def _pause_after(self, error: ProviderError, attempt: int) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        pause = error.retry_after or FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
        if not error.transient or attempt >= self._attempts or pause > LONGEST_PAUSE_SECONDS:
            return None
        log.warning("attempt %d of %d failed, again in %g s: %s", attempt, self._attempts, pause, error)
        return pause

    async def __aenter__(self) -> Self:
        await self._provider.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._provider.__aexit__(*exc)


def _tell(status: StatusSink, told: list[Status], news: Status) -> None:
    told.append(news)
    status(news)


def newest_half(request: ReplyRequest) -> tuple[Message, ...]:
    """The newer half of the messages; an odd number, so that they begin with a question."""
    return request.messages[-(len(request.messages) // 2 | 1) :]
