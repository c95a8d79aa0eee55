"""The gateway's connections: one loop a shard, which resumes, identifies anew, or ends with a clear sentence.

The protocol (HELLO, heartbeats, op 7, op 9, compression) is discord.py's; when to connect is decided here: its own
loop ends at a first connect that fails, and waits after a reset that Linux reports.
"""

import asyncio
import logging
import math
import random
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from messengers.base import Fatal, Unsure
from messengers.discord.client import CONNECTION_FAILURES, MALFORMED, UNKNOWN_BOT, Client, told

log = logging.getLogger(__name__)

CONNECT_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 60.0
STABLE_SECONDS = 30.0  # a connection that lasted this long ends the back-off
IDENTIFY_SECONDS = 5.0  # between two IDENTIFYs (max_concurrency is 1 for all but the largest bots)
RESUMES = 3  # that fail, before a session is given up

RESUMABLE, GOOD_BYE = 4000, 1000  # close codes of ours: after the second one the bot is shown as offline
DISALLOWED_INTENTS = 4014
FATAL = {
    4004: UNKNOWN_BOT,
    4010: "Discord refuses the shard (close code 4010): a fault of this version of Parley.",
    4011: "Discord wants this bot in more shards (close code 4011): start it again.",
    4012: "Discord doesn't speak this version of its API any more (close code 4012): update discord.py.",
    4013: "Discord refuses the intents (close code 4013): a fault of this version of Parley.",
    DISALLOWED_INTENTS: "Discord refuses the intents (close code 4014): allow them in the developer portal, under Bot.",
}


class NoContentError(Exception):
    """The application may not see the content of all messages, though its flags say so."""


class Connection(DiscordWebSocket):
    """One connection. A frame that makes no sense is left out: it must not end what others say."""

    pulse: ClassVar["Pulse"]

    async def received_message(self, msg: Any, /) -> None:
        """See discord.py."""
        self.pulse.beat()
        try:
            await super().received_message(msg)
        except MALFORMED as error:
            if self.session_id is None:  # without a READY nothing would ever come
                raise
            log.warning("a frame of the gateway was left out: %s", type(error).__name__)


@dataclass
class Pulse:
    """When the gateway was last heard: its heartbeats come at least every minute."""

    last: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """It was heard just now."""
        self.last = time.monotonic()


@dataclass
class Turnstile:
    """Lets one IDENTIFY through at a time, and none when the day's are used up."""

    client: Client
    seconds: float
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: float = float("-inf")

    async def shards(self) -> int:
        """How many shards Discord wants. Raises `Unsure`."""
        try:
            shards, _, _ = await self.client.http.get_bot_gateway()
        except (*CONNECTION_FAILURES, *MALFORMED) as failure:
            reason = told(failure)
        else:
            return shards
        raise Unsure(reason)  # not in there: the error would hang on, and a proxy's password in it

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Inside is time for one IDENTIFY."""
        async with self._lock:
            await asyncio.sleep(max(0.0, self._last + self.seconds - time.monotonic()))
            _, _, left = await self.client.http.get_bot_gateway()
            if left["remaining"] <= 0:
                seconds = left["reset_after"] / 1000
                log.warning("Discord lets this bot connect again in %.0f s: today's sessions are used up", seconds)
                await asyncio.sleep(seconds)
            try:
                yield
            finally:
                self._last = time.monotonic()


class Shard:
    """Keeps one connection up, for as long as it takes."""

    def __init__(self, client: Client, number: int, *, pulse: Pulse, turnstile: Turnstile, gateway: str) -> None:
        self._client = client
        self._number = number
        self._turnstile = turnstile
        self._resume: dict[str, Any] = {}  # what a session is resumed with; empty = a new one is begun
        self._failures = 0  # in a row
        self._connection = _connection(yarl.URL(gateway), pulse)

    async def run(self) -> None:
        """Connect, listen, and again. Raises `Fatal` and `NoContentError`; returns never."""
        while True:
            await asyncio.sleep(self._pause())
            begun, socket, code = math.inf, None, RESUMABLE  # a connect that fails counts, however long it took
            try:
                socket = await self._connected()
                begun = asyncio.get_running_loop().time()
                while True:
                    await socket.poll_event()
            except ReconnectWebSocket as wish:
                log.info("Discord's gateway: shard %d connects again (%s)", self._number, wish.op)
                self._keep(socket, resume=wish.resume)
            except discord.ConnectionClosed as closed:
                self._check(closed)
                self._keep(socket, resume=True)
            except (*CONNECTION_FAILURES, *MALFORMED, zlib.error) as failure:
                log.warning("Discord's gateway, shard %d: %s", self._number, told(failure))
                self._keep(socket, resume=True)
            except asyncio.CancelledError:
                code = GOOD_BYE
                raise
            finally:
                if socket:
                    await socket.close(code)
            lasted = asyncio.get_running_loop().time() - begun
            self._failures = 0 if lasted > STABLE_SECONDS else self._failures + 1

    def _pause(self) -> float:
        """Seconds before the next attempt: none before the first one and after a connection that lasted."""
        if not self._failures:
            return 0.0
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 — a delay, not a secret
        return min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._failures - 1)) * jitter

    async def _connected(self) -> DiscordWebSocket:
        if self._resume and self._failures <= RESUMES:
            return await self._opened(**self._resume, resume=True)
        self._resume = {}
        async with self._turnstile.passed():
            return await self._opened(initial=True)

    async def _opened(self, **how: Any) -> DiscordWebSocket:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await self._connection.from_client(self._client, shard_id=self._number, **how)

    def _keep(self, socket: DiscordWebSocket | None, *, resume: bool) -> None:
        """Remember how the session goes on. One that never began, or that Discord forgot, doesn't."""
        if socket is None:
            if not resume:
                self._resume = {}
        elif resume and socket.session_id:
            self._resume = {"session": socket.session_id, "sequence": socket.sequence, "gateway": socket.gateway}
        else:
            self._resume = {}

    def _check(self, closed: discord.ConnectionClosed) -> None:
        log.warning("Discord's gateway closed shard %d with code %s", self._number, closed.code)
        if closed.code == DISALLOWED_INTENTS and self._client.events.intents.message_content:
            raise NoContentError
        if sentence := FATAL.get(closed.code):
            raise Fatal(sentence)


def _connection(gateway: yarl.URL, pulse: Pulse) -> type[Connection]:
    """discord.py has the gateway's address as an attribute of the class."""

    class Here(Connection):
        DEFAULT_GATEWAY = gateway

    Here.pulse = pulse
    return Here
