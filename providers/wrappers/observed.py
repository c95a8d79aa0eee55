"""Observed: tells of each time that a model was asked, in one frozen value."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Literal

from chat.errors import BotError, ProviderError
from chat.events import Completed, EndReason, ReplyEvent
from chat.messages import Image
from providers.base import ImageRequest, Provider, ReplyRequest, StatusSink
from providers.wrappers.base import Wrapper

Kind = Literal["reply", "image"]


@dataclass(frozen=True, slots=True)
class Observation:
    """How a model did, once. `provider` and `model` are their names in the config, times are seconds.

    `outcome`: the reason of `Completed`; "stopped" where it was left before; "failed". `error`: the failure's key
    without its "error.". `seconds_to_first`: None where no fragment came; it includes pauses and waiting for a slot.
    `attempts`: requests made, where it failed before the first fragment; 0 = its circuit was open.
    """

    provider: str
    model: str
    kind: Kind
    outcome: EndReason | Literal["failed"]
    error: str
    seconds_to_first: float | None
    seconds: float
    input_tokens: int = 0
    output_tokens: int = 0
    attempts: int | None = None


Note = Callable[[Observation], None]


class Observed(Wrapper):
    """A candidate that is watched. `name` and `model` as the config calls provider and model."""

    def __init__(self, provider: Provider, name: str, model: str, note: Note) -> None:
        super().__init__(provider)
        self._name = name
        self._model = model
        self._note = note

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`."""
        with self._watching("reply") as watch:
            async with self._wrapped.stream_reply(request, status) as events:
                watch.first()
                yield _Watched(events, watch)

    async def draw(self, request: ImageRequest) -> Image:
        """See `ImageProvider.draw`; only where `can_draw`."""
        with self._watching("image") as watch:
            image = await self._painter.draw(request)
            watch.first()
            watch.completed = Completed()
            return image

    @contextmanager
    def _watching(self, kind: Kind) -> Iterator["_Watch"]:
        watch = _Watch()
        failure: BaseException | None = None
        try:
            yield watch
        except BaseException as error:
            failure = error
            raise
        finally:
            self._note(self._observation(kind, watch, failure))

    def _observation(self, kind: Kind, watch: "_Watch", failure: BaseException | None) -> Observation:
        completed = watch.completed or Completed("stopped")
        # Cancelled, or closed as a generator that was left: somebody stopped it.
        failed = isinstance(failure, Exception)
        usage = completed.usage
        return Observation(
            provider=self._name,
            model=self._model,
            kind=kind,
            outcome="failed" if failed else completed.reason,
            error=_key(failure) if failed else "",
            seconds_to_first=watch.seconds_to_first,
            seconds=watch.seconds,
            input_tokens=usage.input_tokens if usage else 0,
            output_tokens=usage.output_tokens if usage else 0,
            attempts=failure.attempts if isinstance(failure, ProviderError) and not watch.begun else None,
        )


def _key(failure: BaseException | None) -> str:
    return failure.key.removeprefix("error.") if isinstance(failure, BotError) else "internal"


class _Watch:
    """What is known of one request by now."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._begun = self._clock()
        self.seconds_to_first: float | None = None
        self.completed: Completed | None = None

    @property
    def seconds(self) -> float:
        """Since the request."""
        return self._clock() - self._begun

    @property
    def begun(self) -> bool:
        """Whether the answer has."""
        return self.seconds_to_first is not None

    def first(self) -> None:
        """The first fragment is there."""
        self.seconds_to_first = self.seconds


class _Watched:
    """The events, of which the last one is noted. A class, for an async generator would have to be closed."""

    def __init__(self, events: AsyncIterable[ReplyEvent], watch: _Watch) -> None:
        self._next = aiter(events).__anext__
        self._watch = watch

    def __aiter__(self) -> AsyncIterator[ReplyEvent]:
        return self

    async def __anext__(self) -> ReplyEvent:
        event = await self._next()
        if isinstance(event, Completed):
            self._watch.completed = event
        return event
