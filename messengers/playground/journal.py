"""What the playground's page shows: the last messages, and what each open browser hasn't been told yet."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from chat.buttons import Button
from chat.messages import Image
from messengers.playground.pictures import Pictures, path_of

KEPT_MESSAGES = 500

Who = Literal["you", "bot"]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the page. Entries are shown by `at`; `revision` grows with every change, over restarts too."""

    id: str
    who: Who
    text: str  # Markdown from the bot, plain text from the person
    buttons: tuple[Button, ...]
    at: int
    revision: int
    image: str = ""  # where its picture is; the text stands under it


class Stamps:
    """Microseconds since 1970, each higher than the last: they sort by time and don't collide over restarts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """A stamp that was never given before."""
        self._last = max(self._last + 1, int(self._clock() * 1_000_000))
        return self._last


class Watcher:
    """What one browser hasn't been told: which messages changed, never what was in them. The latest text wins,
    so that a browser that reads slowly costs no memory.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._changed = dict.fromkeys(known)
        self._typing = 0.0
        self._news = asyncio.Event()
        self.closed = False

    def __len__(self) -> int:
        return len(self._changed)

    def mark(self, message: str) -> None:
        """This message changed, or went away."""
        self._changed[message] = None
        self._news.set()

    def forget(self, message: str) -> None:
        """The journal dropped this message: there is nothing left to tell."""
        self._changed.pop(message, None)

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

    def take_changes(self) -> Iterator[str]:
        """The messages to tell of, oldest change first, each only once it is asked for."""
        while self._changed and not self.closed:
            message = next(iter(self._changed))
            del self._changed[message]
            yield message

    def take_typing(self) -> float:
        """The seconds of "typing …" that weren't told yet; 0 for none."""
        seconds, self._typing = self._typing, 0.0
        return seconds


class Journal:
    """The messages of the one conversation, in memory; the ones that changed last are kept, and so are the ids of
    deleted ones, for browsers that were away.
    """

    def __init__(self, clock: Clock = time.time, kept: int = KEPT_MESSAGES) -> None:
        self._stamps = Stamps(clock)
        self._kept = kept
        self._entries: dict[str, Entry | None] = {}
        self._watchers: list[Watcher] = []
        self.pictures = Pictures()
        self.closed = False  # the server has ended: nobody would see a change any more

    def __len__(self) -> int:
        return len(self._entries)

    def stamp(self) -> int:
        """A number higher than every one before it."""
        return self._stamps.next()

    def new_id(self) -> str:
        """The id for a new message of the bot's; it tells when that was."""
        return f"{self.stamp():016d}"

    def get(self, message: str) -> Entry | None:
        """The message, unless it is unknown or deleted."""
        return self._entries.get(message)

    def add(self, message: str, who: Who, text: str) -> bool:
        """Put in a message that never changes; False if it is there already."""
        if self.get(message):
            return False
        self.put(message, who, text)
        return True

    def put(self, message: str, who: Who, text: str, buttons: Iterable[Button] = ()) -> None:
        """Make the message look like this. One that is unknown here (from before a restart) goes to its old place."""
        known, buttons = self.get(message), tuple(buttons)
        if known and (known.text, known.buttons) == (text, buttons):
            return
        revision = self.stamp()
        at = known.at if known else (int(message) if message.isdecimal() else revision)
        self._change(message, Entry(message, who, text, buttons, at, revision, known.image if known else ""))

    def add_picture(self, message: str, picture: Image, caption: str) -> None:
        """Put in a new message of the bot's that is a picture, with plain text under it."""
        self.pictures.keep(message, picture)
        self._change(message, Entry(message, "bot", caption, (), int(message), self.stamp(), path_of(message)))

    def remove(self, message: str) -> None:
        """Take the message away."""
        self._change(message, None)

    def typing(self, seconds: float) -> None:
        """Show "typing …" for that long, in the browsers that are there now."""
        for watcher in self._watchers:
            watcher.mark_typing(seconds)

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Follow the journal; everything that is known counts as changed at first."""
        known = sorted(self._entries, key=lambda message: entry.at if (entry := self.get(message)) else 0)
        watcher = Watcher(known)
        self._watchers.append(watcher)
        try:
            yield watcher
        finally:
            self._watchers.remove(watcher)

    def open(self) -> None:
        """The server runs."""
        self.closed = False

    def close(self) -> None:
        """Send every browser away: the server ends."""
        self.closed = True
        for watcher in self._watchers:
            watcher.close()

    def _change(self, message: str, entry: Entry | None) -> None:
        self._entries.pop(message, None)
        self._entries[message] = entry
        if entry is None:
            self.pictures.drop(message)
        for watcher in self._watchers:
            watcher.mark(message)
        if len(self._entries) > self._kept:
            dropped = next(iter(self._entries))
            del self._entries[dropped]
            self.pictures.drop(dropped)
            for watcher in self._watchers:
                watcher.forget(dropped)
