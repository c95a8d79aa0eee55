"""Circuit: a server that is down isn't asked each time anew; finding that out again costs milliseconds."""

import asyncio
import copy
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial

from chat.errors import BadKey, Overloaded, ProviderError, RegionRefused, SpaceDown, TimedOut, Unreachable
from chat.events import ReplyEvent
from chat.messages import Image
from providers.base import SUPPOSED, THINKING, ImageRequest, Provider, ReplyRequest, Status, StatusSink
from providers.patience import SlowAnswer
from providers.wrappers.base import Wrapper

log = logging.getLogger(__name__)

FAILURES_TO_OPEN = 3  # in a row
FIRST_REST_SECONDS = 5.0
LONGEST_REST_SECONDS = 120.0
LONGEST_REST_OF_WHO_ANSWERS = 10.0  # a server that refuses does so in no time, and perhaps only this question

# After other failures the server is there, and said something about this one question.
OF_ALL_MODELS = (Unreachable, SpaceDown)
# Behind one address there may be many models, each with its own machines. These may be about the question as well (a
# picture that crashes the model), so they count once for each question: nobody takes a model away from all by Retry.
OF_ONE_MODEL = (TimedOut, Overloaded, BadKey, RegionRefused)
WHO_ANSWERS = (Overloaded, BadKey, RegionRefused)
ALL_MODELS = ""

Changed = Callable[[str, ProviderError | None], None]


class Circuit(Wrapper):
    """Opens after some failures in a row that say that a model or all of the server is down, and rests.

    Open, it raises the last failure at once, with `attempts` 0 and in `retry_after` the seconds that are left. After
    the rest one request is let through, with one attempt: it closes the circuit, or makes the rest twice as long. A
    question that the model failed at before may be asked then as well: an answer closes the circuit, a failure says
    nothing new, and keeps nobody from finding out. Thinking is an answer too.
    `changed` is told when it opens, with the failure, and when it closes (None); for which model, or `ALL_MODELS`.
    """

    def __init__(self, provider: Provider, changed: Changed | None = None) -> None:
        super().__init__(provider)
        self._changed = changed
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def stream_reply(self, request: ReplyRequest, status: StatusSink) -> AsyncIterator[AsyncIterable[ReplyEvent]]:
        """See `Provider.stream_reply`."""
        async with AsyncExitStack() as stack:
            with self._watched(request.model, hash(request.messages[-1])) as probing:
                asked = replace(request, attempts=1) if probing else request
                heard = partial(self._heard, request.model, status)
                events = await stack.enter_async_context(self._wrapped.stream_reply(asked, heard))
            yield events

    async def draw(self, request: ImageRequest) -> Image:
        """See `ImageProvider.draw`; only where `can_draw`."""
        with self._watched(request.model, hash(request.prompt)) as probing:
            return await self._painter.draw(replace(request, attempts=1) if probing else request)

    def _heard(self, model: str, status: StatusSink, news: Status) -> None:
        if news.key == THINKING and news != SUPPOSED:
            self._close(ALL_MODELS)
            self._close(model)
        status(news)

    @contextmanager
    def _watched(self, model: str, question: int) -> Iterator[bool]:
        """One request: refused where a gate rests, else it tells how the server is. Whether it is to find that out."""
        gates = {name: self._gates.setdefault(name, _Gate()) for name in (ALL_MODELS, model)}
        for gate in gates.values():
            gate.check()
        probing = any(gate.open for gate in gates.values())
        probed = [gate for gate in gates.values() if gate.begin_probe(question)]
        try:
            yield probing
        except ProviderError as error:
            concerned = _concerned(error, model)
            if concerned != ALL_MODELS:
                self._close(ALL_MODELS)
            if concerned is None:
                self._close(model)
            else:
                self._failed(concerned, error, question, probe=gates[concerned] in probed)
            raise
        else:
            for name in gates:
                self._close(name)
        finally:  # also where it was stopped: then the next one is let through
            for gate in probed:
                gate.probing = False

    def _failed(self, name: str, error: ProviderError, question: int, *, probe: bool) -> None:
        gate = self._gates[name]
        if gate.open and not probe:
            return  # it was under way before the others failed, or is asked for the second time
        gate.fail(error, question if name != ALL_MODELS else None)
        if gate.open:
            log.warning("%s is not asked for %g s: %s", name or "the provider", gate.rest, error)
            if self._changed:
                self._changed(name, error)

    def _close(self, name: str) -> None:
        was_open = self._gates[name].open
        self._gates[name] = _Gate()
        if was_open:
            log.info("%s answers again", name or "the provider")
            if self._changed:
                self._changed(name, None)


def _concerned(error: ProviderError, model: str) -> str | None:
    """Which gate a failure counts against."""
    if isinstance(error, OF_ALL_MODELS):
        return ALL_MODELS
    slow = isinstance(error, SlowAnswer)  # it took the question: a hard one says nothing about the next
    return model if isinstance(error, OF_ONE_MODEL) and not slow else None


class _Gate:
    """How a model, or a whole server, did lately. `rest`: seconds, of the pause that it is in."""

    def __init__(self) -> None:
        self.rest = 0.0
        self.probing = False
        self._failures = 0
        self._questions: set[int] = set()  # that it failed at
        self._error: ProviderError | None = None
        self._until = 0.0

    @property
    def open(self) -> bool:
        """Whether it is thought to be down."""
        return self._failures >= FAILURES_TO_OPEN

    def check(self) -> None:
        """Raise the last failure where nobody is to ask now."""
        left = self._until - asyncio.get_running_loop().time()
        if self.open and self._error and (left > 0 or self.probing):
            again = copy.copy(self._error)  # an exception that is raised twice would gather tracebacks
            again.attempts = 0
            again.retry_after = max(left, 0)
            raise again

    def begin_probe(self, question: int) -> bool:
        """Whether the request that begins now is the one that finds out."""
        self.probing = self.open and question not in self._questions
        return self.probing

    def fail(self, error: ProviderError, question: int | None) -> None:
        """Count a failure, and rest if it was one too many: twice as long as the last time.

        `question`: what it may be about; a second failure of the same one doesn't count.
        """
        if question in self._questions:
            return
        if question is not None:
            self._questions.add(question)
        self._failures += 1
        self._error = copy.copy(error)
        if self.open:
            longest = LONGEST_REST_OF_WHO_ANSWERS if isinstance(error, WHO_ANSWERS) else LONGEST_REST_SECONDS
            self.rest = min(max(2 * self.rest, FIRST_REST_SECONDS), longest)
            self.rest = min(max(self.rest, error.retry_after or 0), LONGEST_REST_SECONDS)
            self._until = asyncio.get_running_loop().time() + self.rest
