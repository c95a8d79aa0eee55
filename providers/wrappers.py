"""What wraps a provider, one concern each."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Self

from chat.errors import ContextTooLong, ProviderError
from chat.events import ReplyEvent
from chat.messages import Message
from providers.base import Capabilities, ModelInfo, Provider, ReplyRequest, Status, StatusSink

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0  # told to wait longer than that, we tell the person instead


class Retrying:
    """Tries again before the first fragment, when the failure may pass: never doubles text.

    Where the conversation is too long for the model, the oldest half of it is left out, once.
    """

    def __init__(self, provider: Provider, attempts: int) -> None:
        self._provider = provider
        self._attempts = attempts

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

    async def _open(
        self, stack: AsyncExitStack, request: ReplyRequest, status: StatusSink
    ) -> AsyncIterable[ReplyEvent]:
        whole = request
        for attempt in itertools.count(1):
            try:
                return await stack.enter_async_context(self._provider.stream_reply(request, status))
            except ContextTooLong:
                if attempt >= self._attempts or request is not whole or len(whole.messages) == 1:
                    raise
                request = replace(whole, messages=newest_half(whole))
                log.info("the conversation is too long for %s: tried again with its newer half", whole.model)
            except ProviderError as error:
                pause = error.retry_after or FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
                if not error.transient or attempt >= self._attempts or pause > LONGEST_PAUSE_SECONDS:
                    raise
                log.warning("attempt %d of %d failed, again in %g s: %s", attempt, self._attempts, pause, error)
                status(Status("status.retrying", {"seconds": f"{pause:g}"}))
                await asyncio.sleep(pause)
        raise AssertionError("itertools.count doesn't end")

    async def __aenter__(self) -> Self:
        await self._provider.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._provider.__aexit__(*exc)


def newest_half(request: ReplyRequest) -> tuple[Message, ...]:
    """The newer half of the messages; an odd number, so that they begin with a question."""
    return request.messages[-(len(request.messages) // 2 | 1) :]
