"""Sessions of the stand-in Discord's gateway: what was dispatched in each, so that it can be resumed."""

import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.servers.discord_errors import Json

GUILDS, GUILD_MEMBERS, GUILD_PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 9, 1 << 12, 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT

KEPT = 10_000  # events that a session remembers for a resume
RESUMABLE_SECONDS = 120.0  # how long it does that after its client left; Discord publishes no figure


class Line(Protocol):
    """What a session is delivered over while a client is there."""

    def deliver(self, payload: str) -> None:
        """Send it in its turn; at once, without waiting."""


@dataclass(slots=True, eq=False)
class Session:
    """One session: its intents, its sequence, and its events as they were sent."""

    id: str
    intents: int
    begun: float
    sequence: int = 0
    line: Line | None = None
    left_at: float = 0.0  # since when nobody is there
    resumes: int = 0
    events: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def dispatch(self, event: str, body: Json) -> None:
        """Number an event, remember it, and send it if somebody is there."""
        self.dispatch_text(event, _text(body))

    def dispatch_text(self, event: str, body: str) -> None:
        """The same with a body that is JSON already: many sessions share one text."""
        self.sequence += 1
        self.events.append((self.sequence, event, body))
        if self.line:
            self.line.deliver(_payload(self.sequence, event, body))

    def missed(self, sequence: int) -> list[str]:
        """What was sent after this number."""
        return [_payload(*event) for event in self.events if event[0] > sequence]


def _text(body: Json) -> str:
    return json.dumps(body, separators=(",", ":"))


def _payload(sequence: int, event: str, body: str) -> str:
    return f'{{"op":0,"t":"{event}","s":{sequence},"d":{body}}}'


class Sessions:
    """All sessions that can be spoken to or resumed."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.alive: dict[str, Session] = {}
        self.dispatched = 0  # events, whoever got them
        self.unheard: Counter[str] = Counter()  # events that no session asked for, or there was none
        self._now = now
        self._begun = 0

    def begin(self, intents: int) -> Session:
        """A new session."""
        self._begun += 1
        session = Session(f"session{self._begun:04d}", intents, self._now())
        self.alive[session.id] = session
        return session

    def end(self, session: Session) -> None:
        """It can't be resumed any more."""
        self.alive.pop(session.id, None)

    def resumable(self, number: str) -> Session | None:
        """The session with this id, if it can be resumed still."""
        self._forget_old()
        return self.alive.get(number)

    def dispatch(self, event: str, body: Json, *, intent: int = 0, bare: Json | None = None) -> None:
        """Tell every session that asked for `intent`. `bare` is the body for those that may not read the content."""
        self._forget_old()
        self.dispatched += 1
        heard = [session for session in self.alive.values() if session.intents & intent == intent]
        if not heard:
            self.unheard[event] += 1
        texts: dict[bool, str] = {}
        for session in heard:
            hidden = bare is not None and not session.intents & MESSAGE_CONTENT
            if hidden not in texts:
                texts[hidden] = _text(bare if hidden and bare is not None else body)
            session.dispatch_text(event, texts[hidden])

    def _forget_old(self) -> None:
        for session in list(self.alive.values()):
            if not session.line and session.left_at + RESUMABLE_SECONDS < self._now():
                del self.alive[session.id]
