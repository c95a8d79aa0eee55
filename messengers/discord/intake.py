"""Hands in what came by the gateway: in order at each place, again where it couldn't be stored.

The gateway doesn't wait for anything to be stored. What is lost with the process is found again by
`messengers.discord.catching_up`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from chat.incoming import Incoming
from messengers.base import Receive

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[None]]  # raises nothing

MOST_WAITING = 10_000  # of all places
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0


class Intake:
    """A queue for each place where something waits."""

    def __init__(self, receive: Receive, tasks: asyncio.TaskGroup) -> None:
        self._receive = receive
        self._tasks = tasks
        self._queues: dict[str, deque[Job]] = {}
        self._waiting = 0

    def put(self, place: str, job: Job) -> None:
        """Do that when all that came before it at this place is done."""
        if self._waiting >= MOST_WAITING:
            log.error("too much waits to be stored: something that came from Discord is lost")
            return
        self._waiting += 1
        if place in self._queues:
            self._queues[place].append(job)
            return
        self._queues[place] = deque([job])
        self._tasks.create_task(self._work(place), name=f"discord {place}")

    async def hand_in(self, incoming: Incoming) -> None:
        """Hand it in until it is stored."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._receive(incoming)
            except OSError as failure:
                log.warning("what came from Discord can't be stored, again in %g s: %s", pause, failure)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    async def _work(self, place: str) -> None:
        queue = self._queues[place]
        while queue:
            await queue.popleft()()
            self._waiting -= 1
        del self._queues[place]
