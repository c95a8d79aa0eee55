"""Tasks that somebody owns: they are waited for, cancelled at the end, and a crash in one is never silent."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Self

log = logging.getLogger(__name__)


class Tasks:
    """A context manager for tasks that come and go. On leaving, what still runs is cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._told = False
        self._crash: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._crash.done() and not self._told and (error := self._crash.exception()):
            log.error("a task failed", exc_info=error)  # nobody waited for it any more
        self._crash.cancel()

    def start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run `work` beside everything else."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def idle(self, seconds: float) -> bool:
        """Wait until nothing runs, at most that long; whether it was reached."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._running and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._running, timeout=left)
        return not self._running

    async def crash(self) -> None:
        """Wait until a task fails, and raise what it raised."""
        await asyncio.wait({self._crash})
        self._told = True
        self._crash.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not self._crash.done():
            self._crash.set_exception(error)
        else:
            log.error("%s failed as well", task.get_name(), exc_info=error)


async def first_to_end(*works: Coroutine[object, object, object]) -> None:
    """Run all side by side until one ends; the others are cancelled. Raises what that one raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
