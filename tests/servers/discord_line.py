"""One connection to the stand-in Discord's gateway: compression, order, heartbeats, the client's pace."""

import asyncio
import importlib
import json
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from tests.servers.discord_errors import Json
from tests.servers.discord_sessions import Session
from tests.servers.telegram_wire import reset

SENDS, SEND_SECONDS = 120, 60.0  # what a connection may send; above it is closed with 4008
_GRACE = 2.5  # heartbeat intervals without a heartbeat, until the connection is given up


class _Packer(Protocol):
    def __call__(self, payload: str) -> bytes: ...


def _zlib_stream() -> _Packer:
    packer = zlib.compressobj()
    return lambda payload: packer.compress(payload.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)


def _zstd_stream() -> _Packer:
    # Only where the library is there: discord.py asks for this only where it is.
    zstandard: Any = importlib.import_module("zstandard")
    packer = zstandard.ZstdCompressor().compressobj()
    return lambda payload: packer.compress(payload.encode()) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


_PACKERS: dict[str, Callable[[], _Packer]] = {"zlib-stream": _zlib_stream, "zstd-stream": _zstd_stream}


class Line:
    """A connected client. `heartbeats` are their times; `sent_by_client` all its other payloads with theirs."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, now: Callable[[], float]) -> None:
        self.session: Session | None = None
        self.heartbeats: list[float] = []
        self.sent_by_client: list[tuple[float, Json]] = []
        self.close_code: int | None = None  # what the server closed it with
        self.silent = False  # nothing is sent any more, not even acknowledgements: a dead connection that looks alive
        self._request = request
        self._socket = socket
        self._now = now
        self._packer = _PACKERS[name]() if (name := request.query.get("compress", "")) else None
        self._waiting: deque[str] = deque()
        self._came = asyncio.Event()
        self._recent: deque[float] = deque()

    def deliver(self, payload: str) -> None:
        """Send it after what waits already."""
        if not self.silent:
            self._waiting.append(payload)
            self._came.set()

    def tell(self, op: int, body: object = None) -> None:
        """Send a payload that is no event."""
        self.deliver(json.dumps({"op": op, "d": body, "s": None, "t": None}))

    async def write(self) -> None:
        """Send what is delivered, in order; until cancelled, or the client is gone."""
        while not self._socket.closed:
            await self._came.wait()
            self._came.clear()
            while self._waiting:
                await self._send(self._waiting.popleft())

    async def _send(self, payload: str) -> None:
        try:
            if self._packer:
                await self._socket.send_bytes(self._packer(payload))
            else:
                await self._socket.send_str(payload)
        except ConnectionError:
            self._waiting.clear()  # the session remembers it

    async def receive(self, interval: float) -> Json | None:
        """The next payload of the client; None once it is gone.

        Raises TimeoutError where heartbeats stay away, ValueError for what isn't a JSON object.
        """
        last = self.heartbeats[-1] if self.heartbeats else asyncio.get_running_loop().time()
        async with asyncio.timeout_at(last + interval * _GRACE):
            message = await self._socket.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None
        payload = json.loads(message.data)
        if not isinstance(payload, dict):
            raise ValueError(f"no object: {payload!r}")  # noqa: TRY004 - as json says of what isn't JSON at all
        if payload.get("op") == 1:
            self.heartbeats.append(asyncio.get_running_loop().time())
        else:
            self.sent_by_client.append((self._now(), payload))
        return payload

    @property
    def too_fast(self) -> bool:
        """Counts one send of the client; whether it is one too many."""
        now = asyncio.get_running_loop().time()
        self._recent.append(now)
        while self._recent[0] <= now - SEND_SECONDS:
            self._recent.popleft()
        return len(self._recent) > SENDS

    async def close(self, code: int) -> None:
        """Send what waits, then close with this code."""
        self.close_code = code
        while self._waiting and not self._socket.closed:
            await self._send(self._waiting.popleft())
        await self._socket.close(code=code, drain=False)

    def abort(self) -> None:
        """A TCP reset, without a word."""
        self.silent = True
        reset(self._request)

    @property
    def closed_by_client_with(self) -> int | None:
        """The code that it ended with, whoever closed it."""
        return self._socket.close_code
