"""One turn at a time in a conversation, in order; different conversations side by side."""

from collections import deque
from collections.abc import Awaitable, Callable

from operations.tasks import Tasks
from storage.base import Turn

Run = Callable[[Turn], Awaitable[None]]


class Lanes:
    """A lane exists while its conversation has turns to run."""

    def __init__(self, run: Run, tasks: Tasks) -> None:
        self._run = run
        self._tasks = tasks
        self._lanes: dict[str, deque[Turn]] = {}
        self._closed = False

    def add(self, turn: Turn) -> None:
        """Run it when the turns before it in its conversation are over."""
        conversation = turn.incoming.address.conversation
        lane = self._lanes.get(conversation)
        if lane is not None:
            lane.append(turn)
        else:
            self._lanes[conversation] = lane = deque([turn])
            self._tasks.start(self._walk(conversation, lane), f"lane {conversation}")

    def waiting(self, conversation: str) -> int:
        """Turns that wait behind the running one."""
        return max(0, len(self._lanes.get(conversation, ())) - 1)

    def last(self, conversation: str) -> Turn | None:
        """The turn at the end of the lane."""
        lane = self._lanes.get(conversation)
        return lane[-1] if lane else None

    def take_next(self, conversation: str, wanted: Callable[[Turn], bool]) -> Turn | None:
        """Take the turn behind the running one out of the lane, if it is wanted."""
        lane = self._lanes.get(conversation, deque())
        if len(lane) < 2 or not wanted(lane[1]):
            return None
        turn = lane[1]
        del lane[1]
        return turn

    def drop(self, unwanted: Callable[[Turn], bool]) -> list[Turn]:
        """Take all unwanted turns out that wait behind a running one."""
        dropped = []
        for lane in self._lanes.values():
            first, *others = lane
            dropped += [turn for turn in others if unwanted(turn)]
            lane.clear()
            lane.extend([first, *(turn for turn in others if not unwanted(turn))])
        return dropped

    def close(self) -> None:
        """Begin no further turn; those that run go on."""
        self._closed = True

    async def _walk(self, conversation: str, lane: deque[Turn]) -> None:
        while lane and not self._closed:
            await self._run(lane[0])
            lane.popleft()
        del self._lanes[conversation]
