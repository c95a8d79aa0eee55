"""Fallback: another model answers where the first one can't, as long as no fragment of an answer is there."""

import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Self

from chat.errors import Blocked, ProviderError
from chat.events import ReplyEvent
from providers.base import Capabilities, ModelInfo, Provider, ReplyRequest, Status, StatusSink

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody to ask: the model's name in the config, its provider, and the request as this model is to get it."""

    model: str
    provider: Provider
    adapt: Callable[[ReplyRequest], ReplyRequest] = lambda request: request


class Fallback:
    """Asks one candidate after the other until one answers. It answers only: `image_models` have no fallback.

    Every `ProviderError` is worth asking the next one, also those about the question (another model may have more
    room, or take parameters that this one refuses), but for `Blocked`: what one provider's filter declined isn't
    carried on to others. Each candidate gets the attempts that are left but one for each that follows; without any
    left, it isn't asked. When nobody answers, the first candidate's failure is raised, for that is the model that was
    chosen; its `attempts` are those of all. A failure after the first fragment has in `next_model` the model that is
    to be asked instead, if the person wants that; "" after the last one.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        """At least one, the best first."""
        self._candidates = tuple(candidates)

    @property
    def capabilities(self) -> Capabilities:
        """Those of the first; history and system prompt also where another has them, for `adapt` leaves them out."""
        all_of_them = [each.provider.capabilities for each in self._candidates]
        return replace(
            all_of_them[0],
            history=any(each.history for each in all_of_them),
            system_prompt=any(each.system_prompt for each in all_of_them),
        )

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`; `status.fallback` tells when the next model is asked."""
        candidates = self._able(request)
        async with AsyncExitStack() as stack:
            number, events = await _open(stack, candidates, request, status)
            try:
                yield events
            except ProviderError as error:  # met by whoever reads
                error.next_model = "".join(each.model for each in candidates[number + 1 : number + 2])
                raise

    async def models(self) -> Sequence[ModelInfo]:
        """Those of the first candidate's provider."""
        return await self._candidates[0].provider.models()

    def _able(self, request: ReplyRequest) -> Sequence[Candidate]:
        """The first, which the request was made for, and those others that can do what it asks for."""
        first, *others = self._candidates
        return [first, *(each for each in others if each.provider.capabilities.continuing or not request.continues)]

    async def __aenter__(self) -> Self:
        """Opens every candidate's provider: for those who don't share them. bot.py opens them below the wrappers."""
        async with AsyncExitStack() as stack:
            for candidate in self._candidates:
                await stack.enter_async_context(candidate.provider)
            self._opened = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._opened.aclose()


async def _open(
    stack: AsyncExitStack, candidates: Sequence[Candidate], request: ReplyRequest, status: StatusSink
) -> tuple[int, AsyncIterable[ReplyEvent]]:
    """The number of the candidate that answers, and its events."""
    errors: list[ProviderError] = []
    left = request.attempts
    for number, candidate in enumerate(candidates):
        following = len(candidates) - number - 1
        asked = candidate.adapt(replace(request, attempts=max(1, left - following)))
        try:
            return number, await stack.enter_async_context(candidate.provider.stream_reply(asked, status))
        except ProviderError as error:
            errors.append(error)
            left -= error.attempts
            if isinstance(error, Blocked) or left <= 0 or not following:
                break
            follower = candidates[number + 1].model
            log.warning("%s didn't answer (%s), %s is asked", candidate.model, type(error).__name__, follower)
            status(Status("status.fallback", {"model": follower}))
    raised = errors[-1] if isinstance(errors[-1], Blocked) else errors[0]
    raised.attempts = request.attempts - left
    raise raised
