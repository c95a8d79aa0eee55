"""What the server pushes to a browser, as server-sent events (WHATWG HTML, section 9.2).

`conversation`       {id, title, at, busy}: one of the list, as it is now
`conversation-gone`  {id}
`upsert`             a message of the conversation that is open: {id, who, text, image: its path or "",
                     files: [{id, name, media_type, size}], buttons: [{label, action}], at, revision}
`delete`             {id}
`typing`             {seconds}
`ready`              {earlier}: all that was known when the browser came has been told, but for the messages before
                     `earlier` (as `at`; 0: there are none), which `GET /earlier` has
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from itertools import islice
from typing import Any

from aiohttp import web

from messengers.playground.entries import Entry
from messengers.playground.journal import Journal
from messengers.playground.watching import Watcher

PING_SECONDS = 15.0  # a comment in silence: it shows us that the browser has gone
STALL_SECONDS = 30.0  # a browser that takes nothing for that long is dropped; it comes back by itself
RECONNECT_MS = 1000

Write = Callable[[bytes], Awaitable[None]]
Allowed = Callable[[], bool]


def as_json(entry: Entry) -> dict[str, Any]:
    """A message as the page's script takes it."""
    return {
        "id": entry.id,
        "who": entry.who,
        "text": entry.text,
        "image": f"/image/{entry.image}" if entry.image else "",
        "files": [asdict(file) for file in entry.files],
        "buttons": [asdict(button) for button in entry.buttons],
        "at": entry.at,
        "revision": entry.revision,
    }


def event(number: int, name: str, data: dict[str, Any]) -> bytes:
    """One event on the wire."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {number}\nevent: {name}\ndata: {text}\n\n".encode("utf-8", "replace")


class Telling:
    """One browser being told of the journal, in increasing event numbers, for as long as it is `allowed` to know."""

    def __init__(self, journal: Journal, place: str, watcher: Watcher, write: Write, allowed: Allowed) -> None:
        self._journal = journal
        self._place = place
        self._watcher = watcher
        self._write = write
        self._allowed = allowed

    async def run(self) -> None:
        """Tell all that is known, then what changes, until the watcher is closed. Raises what `write` raises."""
        await self._write(f"retry: {RECONNECT_MS}\n\n".encode())
        await self._tell_conversations(at_most=len(self._watcher.conversations))
        await self._tell_messages(at_most=len(self._watcher.messages))
        await self._event("ready", {"earlier": self._journal.since(self._place)})
        while self._goes_on:
            await self._watcher.wait(PING_SECONDS)
            await self._tell_news()

    @property
    def _goes_on(self) -> bool:
        return not self._watcher.closed and self._allowed()

    async def _tell_news(self) -> None:
        if not self._goes_on:
            return
        if seconds := self._watcher.take_typing():
            await self._event("typing", {"seconds": seconds})
        elif not len(self._watcher.messages) + len(self._watcher.conversations):
            await self._write(b": still here\n\n")
        await self._tell_conversations()
        await self._tell_messages()

    async def _tell_conversations(self, at_most: int | None = None) -> None:
        for place in islice(self._watcher.conversations.take(), at_most):
            if conversation := self._journal.conversation(place):
                await self._event("conversation", asdict(conversation))
            else:
                await self._event("conversation-gone", {"id": place})

    async def _tell_messages(self, at_most: int | None = None) -> None:
        for message in islice(self._watcher.messages.take(), at_most):
            if entry := self._journal.message(self._place, message):
                await self._event("upsert", as_json(entry))
            else:
                await self._event("delete", {"id": message})

    async def _event(self, name: str, data: dict[str, Any]) -> None:
        if self._goes_on:
            await self._write(event(self._journal.stamp(), name, data))


async def stream_events(journal: Journal, place: str, request: web.Request, allowed: Allowed) -> web.StreamResponse:
    """Keep one browser up to date until it goes, stalls, logs out, or the server ends."""
    async with journal.watch(place) as watcher:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)

        async def write(data: bytes) -> None:
            async with asyncio.timeout(STALL_SECONDS):
                await response.write(data)

        try:
            await Telling(journal, place, watcher, write, allowed).run()
        except (ConnectionError, TimeoutError):
            if request.transport:
                request.transport.abort()
    return response
