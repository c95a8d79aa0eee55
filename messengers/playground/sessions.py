"""Who is logged in, where there is a password; and how often a wrong one may be tried."""

import hashlib
import hmac
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from messengers.playground.archive import Archive

SESSION_SECONDS = 30 * 24 * 3600
MOST_SESSIONS = 1000
ATTEMPT_SECONDS = 60.0
ATTEMPTS_PER_ADDRESS = 5  # wrong ones in that time
ATTEMPTS_OVERALL = 30

Clock = Callable[[], float]


class Attempts:
    """The wrong attempts of the last minute: never more than are allowed overall, so they cost no memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: deque[tuple[float, str]] = deque()

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0: now."""
        now = self._clock()
        while self._wrong and not 0 <= now - self._wrong[0][0] < ATTEMPT_SECONDS:
            self._wrong.popleft()
        own = [at for at, each in self._wrong if each == address]
        if len(own) >= ATTEMPTS_PER_ADDRESS:
            return own[-ATTEMPTS_PER_ADDRESS] + ATTEMPT_SECONDS - now
        if len(self._wrong) >= ATTEMPTS_OVERALL:
            return self._wrong[0][0] + ATTEMPT_SECONDS - now
        return 0.0

    def failed(self, address: str) -> None:
        """This address tried a wrong password."""
        self._wrong.append((self._clock(), address))


class Sessions:
    """Random tokens; the archive has only their digests, made with the password: another password ends them all."""

    def __init__(self, password: str, archive: Archive, clock: Clock = time.time) -> None:
        """An empty `password`: nobody needs a session."""
        self._password = password.encode()
        self._archive = archive
        self._clock = clock
        self._expires: dict[str, int] = {}
        self.attempts = Attempts(clock)

    @property
    def needed(self) -> bool:
        """Whether there is a password."""
        return bool(self._password)

    async def open(self) -> None:
        """Read the sessions that an earlier run began."""
        found: Mapping[str, int] = await self._archive.call(partial(_valid, now=int(self._clock())))
        self._expires = dict(found)

    def knows(self, token: str) -> bool:
        """Whether somebody with this token may come in."""
        if not self.needed:
            return True
        return bool(token) and self._expires.get(self._digest(token), 0) > self._clock()

    def is_password(self, given: str) -> bool:
        """Whether that is the password; takes as long for a wrong one, however much of it is right."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._password)

    async def begin(self) -> str:
        """Let somebody in; their token. Raises `ArchiveError`."""
        token, expires = secrets.token_urlsafe(32), int(self._clock()) + SESSION_SECONDS
        digest = self._digest(token)
        await self._archive.call(partial(_add, digest=digest, expires=expires, most=MOST_SESSIONS))
        self._expires[digest] = expires
        while len(self._expires) > MOST_SESSIONS:
            del self._expires[next(iter(self._expires))]
        return token

    async def end(self, token: str) -> None:
        """This token lets nobody in any more. Raises `ArchiveError`."""
        digest = self._digest(token)
        self._expires.pop(digest, None)
        await self._archive.call(partial(_end, digest=digest))

    def _digest(self, token: str) -> str:
        return hmac.new(self._password, token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _valid(connection: sqlite3.Connection, now: int) -> Mapping[str, int]:
    """The sessions that haven't expired: digest → when they do."""
    connection.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
    return dict(connection.execute("SELECT digest, expires FROM sessions ORDER BY expires").fetchall())


def _add(connection: sqlite3.Connection, digest: str, expires: int, most: int) -> None:
    """Begin a session; beyond `most` the oldest end."""
    connection.execute("INSERT INTO sessions VALUES (?, ?)", (digest, expires))
    connection.execute(
        "DELETE FROM sessions WHERE digest NOT IN (SELECT digest FROM sessions ORDER BY expires DESC LIMIT ?)", (most,)
    )


def _end(connection: sqlite3.Connection, digest: str) -> None:
    """End a session."""
    connection.execute("DELETE FROM sessions WHERE digest = ?", (digest,))
