"""The door of the playground's server: how many connections there may be, and how long one may say nothing.

Each costs a file descriptor, and all that the bot does has to do with about a thousand of them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from messengers.playground.guard import Handler, token_of
from messengers.playground.sessions import Sessions

MOST_CONNECTIONS = 256
SILENT_SECONDS = 30.0  # until the head of the first request must be there


@dataclass(slots=True)
class Visit:
    """One connection: the end of its patience, and whether a request on it has shown a session."""

    transport: asyncio.Transport
    ending: asyncio.TimerHandle
    known: bool = False


class Door:
    """Counts connections. Where there are too many the oldest without a session ends: strangers, however many, keep
    out neither those who are logged in nor, for long, each other.
    """

    def __init__(
        self, sessions: Sessions, most: int = MOST_CONNECTIONS, silent_seconds: float = SILENT_SECONDS
    ) -> None:
        self._sessions = sessions
        self._most = most
        self._silent_seconds = silent_seconds
        self._visits: dict[asyncio.BaseTransport, Visit] = {}  # in the order in which they came

    def before(self, server: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """The server's protocols, each with this door before it."""
        return lambda: _Guarded(server(), self)

    @web.middleware
    async def notice(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A request has come, so its connection may stay; with a session, also where it becomes crowded."""
        if request.transport and (visit := self._visits.get(request.transport)):
            visit.ending.cancel()
            visit.known = visit.known or self._sessions.knows(token_of(request))
        return await handler(request)

    def enter(self, transport: asyncio.Transport) -> None:
        """A connection was made."""
        ending = asyncio.get_running_loop().call_later(self._silent_seconds, transport.abort)
        self._visits[transport] = Visit(transport, ending)
        if len(self._visits) > self._most:
            self._make_room()

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """It has ended."""
        if visit := self._visits.pop(transport, None):
            visit.ending.cancel()

    def _make_room(self) -> None:
        stranger = next(visit for visit in self._visits.values() if not visit.known)  # the newest one is, at least
        self.leave(stranger.transport)
        stranger.transport.abort()


class _Guarded(asyncio.Protocol):
    """A protocol that tells the door when its connection comes and goes."""

    def __init__(self, inner: asyncio.Protocol, door: Door) -> None:
        self._inner = inner
        self._door = door
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)
        self._door.enter(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport:
            self._door.leave(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
