"""What the playground's page shows: kept on disk first, then told to the browsers that are there."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from messengers.playground import records
from messengers.playground.archive import Archive
from messengers.playground.entries import Changed, Conversation, Entry, File, Label, Stretch, storable
from messengers.playground.watching import Watcher

SHOWN_MESSAGES = 500  # of a conversation, the latest; older ones stay on disk
SHOWN_CHARACTERS = 8_000_000  # of them
LISTED_CONVERSATIONS = 1000

Clock = Callable[[], float]


class Stamps:
    """Microseconds since 1970, each higher than the last: they sort by time and don't collide over restarts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def after(self, last: int) -> None:
        """This one was given by an earlier run."""
        self._last = max(self._last, last)

    def next(self) -> int:
        """A stamp that was never given before."""
        self._last = max(self._last + 1, int(self._clock() * 1_000_000))
        return self._last


class Room:
    """A conversation that browsers have open: its latest messages, and those browsers."""

    def __init__(self, kept: int = SHOWN_MESSAGES) -> None:
        self._kept = kept
        self.entries: dict[str, Entry | None] = {}
        self.since = 0  # there are messages before then, which aren't here
        self.loaded = False
        self.watchers: list[Watcher] = []

    def load(self, stretch: Stretch) -> None:
        """These are its messages as they are on disk now."""
        self.entries = dict(stretch.entries)
        self.since = stretch.since
        self.loaded = True

    def change(self, messages: Mapping[str, Entry | None]) -> None:
        """These are different now. The ones that changed last are kept."""
        for message, entry in messages.items():
            self.entries.pop(message, None)
            self.entries[message] = entry
        while len(self.entries) > self._kept:
            dropped = next(iter(self.entries))
            if entry := self.entries.pop(dropped):
                self.since = max(self.since, entry.at + 1)
            for watcher in self.watchers:
                watcher.messages.forget(dropped)


class Journal:
    """Every change is committed before it is shown, so what a browser saw is still there after `kill -9`.

    All that changes or reads the disk raises `ArchiveError` where it fails.
    """

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive = archive
        self._stamps = Stamps(clock)
        self._conversations: dict[str, Conversation | None] = {}
        self._rooms: dict[str, Room] = {}

    async def open(self) -> None:
        """Read what an earlier run left."""
        self._stamps.after(await self._archive.call(records.latest_stamp))
        known = await self._archive.call(partial(records.conversations, most=LISTED_CONVERSATIONS))
        self._conversations = dict(reversed(list(known.items())))

    def stamp(self) -> int:
        """A number higher than every one before it."""
        return self._stamps.next()

    def conversation(self, place: str) -> Conversation | None:
        """The conversation, unless it is unknown or deleted."""
        return self._conversations.get(place)

    def message(self, place: str, message: str) -> Entry | None:
        """A message of a conversation that is being watched, unless it is unknown or deleted."""
        room = self._rooms.get(place)
        return room.entries.get(message) if room else None

    def since(self, place: str) -> int:
        """From when on the messages of a conversation that is being watched are told; 0: all of them are."""
        room = self._rooms.get(place)
        return room.since if room else 0

    async def earlier(self, place: str, before: int) -> Stretch:
        """The messages before those that were told."""
        return await self._archive.call(partial(_latest, place=place, before=before))

    async def add(self, place: str, message: str, text: str, files: Sequence[File] = (), title: str = "") -> bool:
        """Put in what a person says; False if it is there already. `title`: the conversation's, if it has none."""
        at = self.stamp()
        entry = Entry(message, place, "you", text, at, at, files=tuple(files))
        work = partial(records.add, entry=entry, title=title)
        return await self._archive.call(work, self._publish) is not None

    async def withdraw(self, message: str) -> None:
        """Take back what a person said: it wasn't handed in."""
        await self._archive.call(partial(records.withdraw, message=message), self._publish)

    async def send(
        self, place: str, text: str, buttons: tuple[Label, ...] = (), *, nonce: str = "", image: str = ""
    ) -> str:
        """Put in a new message of the bot's, or change the one with that nonce; its id. Raises `PlaceGone`."""
        at = self.stamp()
        entry = Entry(f"{at:016d}", place, "bot", storable(text), at, at, buttons, image=image)
        message, _ = await self._archive.call(
            partial(records.send, entry=entry, nonce=nonce), lambda done: self._publish(done[1])
        )
        return message

    async def edit(self, place: str, message: str, text: str, buttons: tuple[Label, ...]) -> None:
        """Make the bot's message look like this. Raises `MessageGone` and `PlaceGone`."""
        revision = self.stamp()
        at = int(message) if message.isdecimal() else revision
        entry = Entry(message, place, "bot", storable(text), at, revision, buttons)
        await self._archive.call(partial(records.edit, entry=entry), self._publish)

    async def delete(self, message: str) -> Sequence[str]:
        """Take a message away; the files that can go now."""
        work = partial(records.delete, message=message)
        _, files = await self._archive.call(work, lambda done: self._publish(done[0]))
        return files

    async def rename(self, place: str, title: str) -> bool:
        """Give a conversation a title; False if there is none."""
        return await self._archive.call(partial(records.rename, place=place, title=title), self._publish) is not None

    async def delete_conversation(self, place: str) -> Sequence[str]:
        """Delete a conversation with all that is in it; the files that can go now."""
        work = partial(records.delete_conversation, place=place, at=self.stamp())
        _, files = await self._archive.call(work, lambda done: self._clear(done[0]))
        await self._archive.empty_log()
        return files

    def typing(self, place: str, seconds: float) -> None:
        """Show "typing …" for that long, in the browsers that are there now."""
        room = self._rooms.get(place)
        for watcher in room.watchers if room else ():
            watcher.mark_typing(seconds)

    @asynccontextmanager
    async def watch(self, place: str) -> AsyncIterator[Watcher]:
        """Follow a conversation, and the list of all; everything that is known counts as changed at first."""
        room, watcher = self._rooms.setdefault(place, Room()), Watcher()
        room.watchers.append(watcher)
        try:
            if not room.loaded:
                await self._archive.call(partial(_latest, place=place), room.load)
            watcher.mark(self._conversations, _by_time(room.entries))
            yield watcher
        finally:
            room.watchers.remove(watcher)
            if not room.watchers:
                del self._rooms[place]

    def send_away(self) -> None:
        """End the following of every browser: the server ends."""
        for room in self._rooms.values():
            for watcher in room.watchers:
                watcher.close()

    def _publish(self, changed: Changed | None) -> None:
        """Tell of what was committed just now."""
        if changed is None:
            return
        if room := self._rooms.get(changed.place):
            room.change(changed.messages)
            for watcher in room.watchers:
                watcher.mark(messages=changed.messages)
        if self._conversations.get(changed.place) != changed.conversation:
            self._list(changed.place, changed.conversation)

    def _clear(self, changed: Changed) -> None:
        """All messages of a conversation went away."""
        room = self._rooms.get(changed.place)
        gone = dict.fromkeys(room.entries) if room else {}
        self._publish(Changed(changed.place, changed.conversation, gone))

    def _list(self, place: str, conversation: Conversation | None) -> None:
        self._conversations.pop(place, None)
        self._conversations[place] = conversation
        dropped = next(iter(self._conversations)) if len(self._conversations) > LISTED_CONVERSATIONS else ""
        self._conversations.pop(dropped, None)
        for room in self._rooms.values():
            for watcher in room.watchers:
                watcher.mark([place])
                watcher.conversations.forget(dropped)


_latest = partial(records.messages, most=SHOWN_MESSAGES, most_characters=SHOWN_CHARACTERS)


def _by_time(entries: Mapping[str, Entry | None]) -> Sequence[str]:
    return sorted(entries, key=lambda message: entry.at if (entry := entries[message]) else 0)
