"""From a plain generator of events to what `Provider.stream_reply` promises, in one place for every provider.

A provider then is two pure translators and one request: an async generator that asks, and yields events.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from chat.errors import CutOff, ProviderError, RequestRefused, Unverified
from chat.events import Completed, ReasoningDelta, Replaced, ReplyEvent, TextDelta
from providers.base import THINKING, Status, StatusSink
from providers.stream import TextCleaner

Form = TypeVar("Form")


@asynccontextmanager
async def opened(
    events: AsyncGenerator[ReplyEvent, None], status: StatusSink | None = None, **arguments: str
) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
    """Enter once the first answer event is in hand; close the generator, and with it its request, on leaving.

    The first answer event is text or `Completed`; empty text is none. Reasoning before it is told to `status`, and
    comes out with the rest: a model that breaks off while it thinks hasn't begun, and may be asked again. (Without a
    `status` to tell, reasoning is an answer event too.) Empty reasoning says that there is some, and doesn't come out.
    What the generator raises before the first one is raised by entering. Text comes out fit to be shown
    (`TextCleaner`), nothing comes after `Completed`, and a generator that ends without it raises `CutOff` with
    `arguments` (`provider`, `model`).
    """
    async with aclosing(events):
        answer = _Answer(events, arguments)
        await answer.begin(status)
        yield answer


async def asked_until_taken(
    form: Form,
    ask: Callable[[Form], AsyncGenerator[ReplyEvent, None]],
    instead: Callable[[Form, ProviderError], Form],
    taken: Callable[[Form], None],
) -> AsyncGenerator[ReplyEvent, None]:
    """The events of a question that is asked in another form as long as one is refused before its first event.

    That costs nothing, so it counts as no attempt. `instead`: the form to try next; it raises where none would help.
    `taken` is told the form that was answered.
    """
    while True:
        events = ask(form)
        try:
            first = await anext(events)
        except (RequestRefused, Unverified) as refused:
            form = instead(form, refused)
        else:
            break
    taken(form)
    async with aclosing(events):
        yield first
        async for event in events:
            yield event


class _Answer:
    """The events of one answer, cleaned and checked, the first of them read ahead."""

    def __init__(self, events: AsyncGenerator[ReplyEvent, None], arguments: Mapping[str, str]) -> None:
        self._events = events
        self._arguments = arguments
        self._text = TextCleaner()
        self._reasoning = TextCleaner()
        self._ready: list[ReplyEvent] = []
        self._completed = False
        self._reasons = False

    async def begin(self, status: StatusSink | None) -> None:
        """Read up to the first answer event."""
        told = False
        while not self._ready or (status and isinstance(self._ready[-1], ReasoningDelta)):
            await self._read()
            if self._ready[-1:] == [Replaced("")]:
                self._ready.pop()
            if status and self._reasons and not told:
                told = True
                status(Status(THINKING))

    def __aiter__(self) -> AsyncIterator[ReplyEvent]:
        return self

    async def __anext__(self) -> ReplyEvent:
        while not self._ready:
            if self._completed:
                raise StopAsyncIteration
            await self._read()
        return self._ready.pop(0)

    async def _read(self) -> None:
        try:
            event = await anext(self._events)
        except StopAsyncIteration:
            raise CutOff("the answer ended without its end mark", retry_after=None, **self._arguments) from None
        self._completed = isinstance(event, Completed)
        self._reasons |= isinstance(event, ReasoningDelta)
        self._ready += self._cleaned(event)

    def _cleaned(self, event: ReplyEvent) -> list[ReplyEvent]:
        match event:
            case TextDelta(text):
                cleaned = self._text.clean(text)
                return [TextDelta(cleaned)] if cleaned else []
            case ReasoningDelta(text):
                cleaned = self._reasoning.clean(text)
                return [ReasoningDelta(cleaned)] if cleaned else []
            case Replaced(text):
                self._text = TextCleaner()
                return [Replaced(self._text.clean(text))]
            case Completed():
                rest = self._text.rest()
                return [TextDelta(rest), event] if rest else [event]
