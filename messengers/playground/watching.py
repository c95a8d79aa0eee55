"""What each open browser hasn't been told yet."""

import asyncio
from collections.abc import Iterable, Iterator


class Pending:
    """Names of what changed, never what it is now: the latest wins, so a browser that reads slowly costs no memory."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._names)

    def mark(self, name: str) -> None:
        """This changed, or went away."""
        self._names[name] = None

    def forget(self, name: str) -> None:
        """There is nothing left to tell of this."""
        self._names.pop(name, None)

    def take(self) -> Iterator[str]:
        """What to tell of, the oldest change first, each only once it is asked for."""
        while self._names:
            name = next(iter(self._names))
            del self._names[name]
            yield name


class Watcher:
    """One browser that has one conversation open, and shows the list of all."""

    def __init__(self) -> None:
        self.conversations = Pending()
        self.messages = Pending()
        self._typing = 0.0
        self._news = asyncio.Event()
        self.closed = False

    def mark(self, conversations: Iterable[str] = (), messages: Iterable[str] = ()) -> None:
        """These changed."""
        for name in conversations:
            self.conversations.mark(name)
        for name in messages:
            self.messages.mark(name)
        self._news.set()

    def mark_typing(self, seconds: float) -> None:
        """The bot shows "typing …" for that long."""
        self._typing = seconds
        self._news.set()

    def close(self) -> None:
        """Nothing follows."""
        self.closed = True
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is something to tell, or after that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    def take_typing(self) -> float:
        """The seconds of "typing …" that weren't told yet; 0 for none."""
        seconds, self._typing = self._typing, 0.0
        return seconds
