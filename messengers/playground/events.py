"""What the server pushes to a browser, as server-sent events (WHATWG HTML, section 9.2).

`upsert`   a message as it is now: {id, who, text, image: its path or "", buttons: [{label, action}], at, revision}
`delete`   {id}
`typing`   {seconds}
`ready`    {}: all that was known when the browser came has been told
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

from aiohttp import web

from chat.buttons import encode
from messengers.playground.journal import Entry, Journal, Watcher

PING_SECONDS = 15.0  # a comment in silence: it shows us that the browser has gone
STALL_SECONDS = 30.0  # a browser that takes nothing for that long is dropped; it comes back by itself
RECONNECT_MS = 1000

Write = Callable[[bytes], Awaitable[None]]


def as_json(entry: Entry) -> dict[str, Any]:
    """A message as the page's script takes it."""
    buttons = [{"label": button.label, "action": encode(button.action)} for button in entry.buttons]
    return {
        "id": entry.id,
        "who": entry.who,
        "text": entry.text,
        "image": entry.image,
        "buttons": buttons,
        "at": entry.at,
        "revision": entry.revision,
    }


def event(number: int, name: str, data: dict[str, Any]) -> bytes:
    """One event on the wire. Half an emoji from a model becomes a question mark: it has no UTF-8."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {number}\nevent: {name}\ndata: {text}\n\n".encode("utf-8", "replace")


class Telling:
    """One browser being told of the journal, in increasing event numbers."""

    def __init__(self, journal: Journal, watcher: Watcher, write: Write) -> None:
        self._journal = journal
        self._watcher = watcher
        self._write = write

    async def run(self) -> None:
        """Tell all that is known, then what changes, until the watcher is closed. Raises what `write` raises."""
        await self._write(f"retry: {RECONNECT_MS}\n\n".encode())
        await self._tell_changes(at_most=len(self._watcher))
        await self._event("ready", {})
        while not self._watcher.closed:
            await self._watcher.wait(PING_SECONDS)
            await self._tell_news()

    async def _tell_news(self) -> None:
        if seconds := self._watcher.take_typing():
            await self._event("typing", {"seconds": seconds})
        elif len(self._watcher) == 0:
            await self._write(b": still here\n\n")
        await self._tell_changes()

    async def _tell_changes(self, at_most: int | None = None) -> None:
        for message in islice(self._watcher.take_changes(), at_most):
            if entry := self._journal.get(message):
                await self._event("upsert", as_json(entry))
            else:
                await self._event("delete", {"id": message})

    async def _event(self, name: str, data: dict[str, Any]) -> None:
        await self._write(event(self._journal.stamp(), name, data))


async def stream_events(journal: Journal, request: web.Request) -> web.StreamResponse:
    """Keep one browser up to date until it goes, stalls, or the journal is closed."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)

    async def write(data: bytes) -> None:
        async with asyncio.timeout(STALL_SECONDS):
            await response.write(data)

    with journal.watch() as watcher:
        try:
            await Telling(journal, watcher, write).run()
        except (ConnectionError, TimeoutError):
            if request.transport:
                request.transport.abort()
    return response
