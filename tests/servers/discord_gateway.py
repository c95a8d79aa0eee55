"""The gateway of the stand-in Discord: HELLO, IDENTIFY, READY, RESUME, heartbeats; and what may go wrong with it.

Source: discord-api-docs, "Gateway" and "Gateway close event codes".
"""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from tests.servers.discord_errors import Json
from tests.servers.discord_line import Line
from tests.servers.discord_places import Guild, Places
from tests.servers.discord_sessions import GUILD_MEMBERS, GUILDS, PRIVILEGED, Session
from tests.servers.discord_world import World
from tests.servers.telegram_wire import reset

HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT, MEMBERS, INVALID, HELLO, ACK = 1, 2, 3, 4, 6, 7, 8, 9, 10, 11
UNKNOWN_OP, NOT_JSON, NOT_IDENTIFIED, WRONG_TOKEN, IDENTIFIED_TWICE = 4001, 4002, 4003, 4004, 4005
WRONG_SEQUENCE, TOO_FAST, TIMED_OUT, DISALLOWED_INTENTS = 4007, 4008, 4009, 4014
IDENTIFIES_A_DAY = 1000


@dataclass(frozen=True, slots=True)
class Identify:
    """One IDENTIFY: when, and what it asked for."""

    at: float
    intents: int
    accepted: bool


class Gateway:
    """Serves the socket. `privileged`: those of the privileged intents that the application was granted.

    `interval`: seconds between heartbeats; `guild_seconds`: after READY, between guilds. `identifies`, `resumes`,
    `missed_heartbeats`, `lines` are the record.
    """

    def __init__(self, token: str, world: World, places: Places, *, interval: float, privileged: int) -> None:
        self.interval = interval
        self.privileged = privileged
        self.guild_seconds = 0.01
        self.identifies: list[Identify] = []
        self.resumes: list[tuple[float, bool]] = []  # when, and whether it succeeded
        self.missed_heartbeats: list[float] = []
        self.too_fast: list[float] = []  # when a client sent more than 120 payloads in 60 s
        self.refused: list[float] = []
        self.lines: list[Line] = []  # every connection there ever was
        self._token = token
        self._world = world
        self._places = places
        self._refusals: Iterable[Literal["503", "reset"]] = iter(())
        self._connected: set[Line] = set()

    # What may go wrong

    def refuse(self, times: int | None = None, how: Literal["503", "reset"] = "503") -> None:
        """Let the next connections fail, so many times, or (None) until `accept`."""
        self._refusals = itertools.repeat(how) if times is None else itertools.repeat(how, times)

    def accept(self) -> None:
        """Let connections in again."""
        self._refusals = iter(())

    async def close(self, code: int = 4000) -> None:
        """Close every connection with this code. Sessions can be resumed."""
        for line in list(self._connected):
            await line.close(code)

    def drop(self) -> None:
        """Reset every connection without a word. Sessions can be resumed."""
        for line in list(self._connected):
            line.abort()

    def reconnect(self) -> None:
        """Ask every client to connect again (op 7)."""
        for line in self._connected:
            line.tell(RECONNECT)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Tell every client that its session is invalid (op 9); where it isn't `resumable`, it is forgotten."""
        for line in self._connected:
            line.tell(INVALID, resumable)
            if not resumable and line.session:
                self._world.sessions.end(line.session)

    def forget_sessions(self) -> None:
        """No session can be resumed: the next RESUME is answered with op 9."""
        self._world.sessions.alive.clear()

    def fall_silent(self) -> None:
        """Connections stay open, but nothing comes any more, not even acknowledgements."""
        for line in self._connected:
            line.silent = True

    @property
    def connected(self) -> int:
        """Connections that are open now."""
        return len(self._connected)

    @property
    def heard(self) -> bool:
        """Whether a client has its session, on a connection over which something comes."""
        return any(line.session and not line.silent for line in self._connected)

    # Serving

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One connection, from its beginning to its end."""
        if how := next(iter(self._refusals), None):
            self.refused.append(self._world.now())
            return reset(request) if how == "reset" else web.Response(status=503, text="upstream connect error")
        socket = web.WebSocketResponse(compress=False, timeout=1.0)
        await socket.prepare(request)
        line = Line(request, socket, self._world.now)
        self.lines.append(line)
        self._connected.add(line)
        writer = asyncio.create_task(line.write())
        try:
            await self._serve(line)
        finally:
            self._leave(line)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket

    def _leave(self, line: Line) -> None:
        self._connected.discard(line)
        session = line.session
        if session and session.line is line:
            session.line, session.left_at = None, self._world.now()
            if line.closed_by_client_with in (1000, 1001) and line.close_code is None:
                self._world.sessions.end(session)  # a client that says good-bye ends its session
        self._world.changes.happened()

    async def _serve(self, line: Line) -> None:
        line.tell(HELLO, {"heartbeat_interval": int(self.interval * 1000), "_trace": []})
        code: int | None = None
        while code is None:
            payload = await self._received(line)
            if payload is None:
                return
            code = payload if isinstance(payload, int) else self._take(line, payload)
            self._world.changes.happened()
        await line.close(code)

    async def _received(self, line: Line) -> Json | int | None:
        """The next payload; the close code where none came as it must; None once the client is gone."""
        try:
            return await line.receive(self.interval)
        except TimeoutError:
            # How long Discord waits, and the code, are not documented; 4009 is its "session timed out".
            self.missed_heartbeats.append(self._world.now())
            return TIMED_OUT
        except ValueError:
            return NOT_JSON

    def _take(self, line: Line, payload: Json) -> int | None:
        """Acts on a payload; the close code where it must not be."""
        body = payload.get("d")
        if line.too_fast:
            self.too_fast.append(self._world.now())
            return TOO_FAST
        match payload.get("op"):
            case 1:
                line.tell(ACK)
            case 2 if isinstance(body, dict):
                return IDENTIFIED_TWICE if line.session else self._identify(line, body)
            case 6 if isinstance(body, dict):
                return self._resume(line, body)
            case 3 | 4 | 8 if not line.session:
                return NOT_IDENTIFIED
            case 8 if isinstance(body, dict) and line.session:
                self._tell_members(line.session, body)
            case 3 | 4:
                pass
            case _:
                return UNKNOWN_OP
        return None

    def _identify(self, line: Line, body: Json) -> int | None:
        intents, right = int(body.get("intents", 0)), body.get("token") == self._token
        granted = not intents & PRIVILEGED & ~self.privileged
        self.identifies.append(Identify(self._world.now(), intents, right and granted))
        if not right:
            return WRONG_TOKEN
        if not granted:
            return DISALLOWED_INTENTS
        session = line.session = self._world.sessions.begin(intents)
        session.line = line
        session.dispatch("READY", self._ready(session, body))
        if intents & GUILDS:
            self._tell_later(session, list(self._places.bots_guilds()))
        return None

    def _tell_later(self, session: Session, guilds: list[Guild]) -> None:
        if guilds:
            asyncio.get_running_loop().call_later(self.guild_seconds, self._tell_guild, session, guilds)

    def _tell_guild(self, session: Session, guilds: list[Guild]) -> None:
        """Guilds come one by one, some time after READY; one that the bot was removed from doesn't."""
        guild, *rest = guilds
        if guild.has_bot:
            session.dispatch("GUILD_CREATE", guild.json(everybody=bool(session.intents & GUILD_MEMBERS)))
        self._tell_later(session, rest)

    def _ready(self, session: Session, body: Json) -> Json:
        guilds = [{"id": str(guild.id), "unavailable": True} for guild in self._places.bots_guilds()]
        application = {"id": str(self._world.application_id), "flags": self._places.application_flags}
        ready: Json = {"v": 10, "user": self._world.bot.json() | {"verified": True, "mfa_enabled": True}}
        ready |= {"guilds": guilds, "session_id": session.id, "application": application, "private_channels": []}
        return ready | {"resume_gateway_url": self._places.gateway_url, "shard": body.get("shard", [0, 1])}

    def _resume(self, line: Line, body: Json) -> int | None:
        if body.get("token") != self._token:
            return WRONG_TOKEN
        session, sequence = self._world.sessions.resumable(str(body.get("session_id"))), body.get("seq")
        self.resumes.append((self._world.now(), bool(session)))
        if not session:
            line.tell(INVALID, False)
            return None
        if not isinstance(sequence, int) or sequence > session.sequence:
            return WRONG_SEQUENCE
        line.session, session.line = session, line
        session.resumes += 1
        for payload in session.missed(sequence):
            line.deliver(payload)
        session.dispatch("RESUMED", {"_trace": []})
        return None

    def _tell_members(self, session: Session, body: Json) -> None:
        guild = self._places.guilds.get(int(body.get("guild_id", 0)))
        wanted = {int(number) for number in body.get("user_ids") or []}
        if not guild:
            return
        members = [member for user, member in guild.members_json().items() if not wanted or user in wanted]
        chunk: Json = {"guild_id": str(guild.id), "members": members, "chunk_index": 0, "chunk_count": 1}
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk | ({"nonce": body["nonce"]} if body.get("nonce") else {}))

    @property
    def start_limit(self) -> Json:
        """What GET /gateway/bot says of the identifies that are left today."""
        left = max(0, IDENTIFIES_A_DAY - len(self.identifies))
        return {"total": IDENTIFIES_A_DAY, "remaining": left, "reset_after": 86_400_000, "max_concurrency": 1}
