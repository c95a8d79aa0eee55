"""How long an exchange may take, measured by one timer however many chunks it has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chat.errors import TimedOut

Result = TypeVar("Result")


class SlowAnswer(TimedOut):
    """The server took the question on, and took too long: it is slow, and not dead."""

    key = "error.slow_answer"


class Patience:
    """How long an exchange may take: `idle` seconds for each step, `total` seconds for all of them together.

    Until `begun` the steps may take `first` seconds, if that is more: a model that thinks sends nothing meanwhile.

    `with patience:` around a step, or `wait`; one step at a time. A step that takes too long is cancelled and ends with
    `TimedOut`, as `asyncio.timeout` does it; but all steps share one timer, which is set anew only when it fires, for
    an answer comes in hundreds of chunks.
    """

    def __init__(self, idle: float, total: float, first: float = 0.0) -> None:
        self._idle = idle
        self._first = max(first, idle)
        self._total = total
        self._silence = self._first  # how long a step may take at the moment
        self._late: type[TimedOut] = TimedOut
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + total
        self._due = 0.0  # of the step of the moment
        self._steps_task: asyncio.Task[Any] | None = None  # None: between two steps
        self._cancelling = 0  # requests to cancel that task, from before the step
        self._expired = False
        self._timer: asyncio.TimerHandle | None = None

    def accepted(self) -> None:
        """The server took the question on: what is too late from now on is a `SlowAnswer`."""
        self._late = SlowAnswer

    def begun(self) -> None:
        """The answer comes: from now on silence is `idle` seconds."""
        self._silence = self._idle

    def paused(self) -> None:
        """It is known that nothing comes for a while: silence is `first` seconds until `begun`."""
        self._silence = self._first

    def hurry(self, seconds: float) -> None:
        """From now on at most so long: what is awaited now is nice to have."""
        self._deadline = min(self._deadline, self._loop.time() + seconds)

    async def wait(self, step: Callable[[], Awaitable[Result]]) -> Result:
        """One step. Raises `TimedOut`."""
        with self:
            return await step()

    def close(self) -> None:
        """Leave nothing behind in the event loop; without this the timer ends when it next fires."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> None:
        now = self._loop.time()
        if now >= self._deadline:
            raise self._late(f"not done after {self._total:g} s")
        task = asyncio.current_task(self._loop)
        assert task, "only a task can be cancelled"
        self._due = min(now + self._silence, self._deadline)
        self._cancelling = task.cancelling()
        self._steps_task = task
        if self._timer is None or self._timer.when() > self._due:  # the latter after `hurry` and `begun`
            self._set_timer()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        task, self._steps_task = self._steps_task, None
        if not self._expired:
            return
        self._expired = False
        # Whoever else cancelled the task, before or after us, gets their cancellation.
        if task and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            silent = self._due < self._deadline
            what = f"silent for {self._silence:g} s" if silent else f"not done after {self._total:g} s"
            raise self._late(what) from None

    def _set_timer(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        """The timer fired: for the step of the moment, or for one that is over by now."""
        fired, self._timer = self._timer, None
        if self._steps_task is None:
            return  # the next step sets it again
        if fired and fired.when() < self._due:
            self._set_timer()
            return
        self._expired = True
        self._steps_task.cancel()
