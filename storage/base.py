"""What is remembered, and when it is safe. These docstrings are the contract; tests/storage holds each store to it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self, TypeVar

from pydantic import BaseModel

from chat.incoming import Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState

log = logging.getLogger(__name__)

Result = TypeVar("Result")
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

# new      - stored, not begun
# running  - being answered; `reply` holds the messages that show it
# answered - the answer is complete and stored, its delivery may be under way
# done     - delivered
# dead     - given up, kept with its payload: it can be retried
TurnState = Literal["new", "running", "answered", "done", "dead"]


class StorageSettings(BaseModel, frozen=True, extra="forbid"):
    """`storage:` in the config. A relative path is relative to the config file."""

    url: str = "sqlite:data/bot.db"


class StorageError(OSError):
    """The store couldn't do it: nothing of that call is stored."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that came in, and what became of it."""

    id: int
    incoming: Incoming
    state: TurnState = "new"
    reply: ReplyState = field(default_factory=ReplyState)
    final: Final | None = None
    failed: bool = False  # the final tells of a failure: dead when delivered
    interruptions: int = 0  # how often our own death interrupted it
    drawn: int = 0  # pictures of it that were sent already
    received_at: float = 0.0  # Unix seconds
    runs: int = 0  # how often it was begun afresh, with new messages
    model: str = ""  # who is to answer it, where that isn't the conversation's model

    @property
    def key(self) -> str:
        """Names its answer: the same after a restart, another one when it is begun afresh."""
        return f"{self.id}.{self.runs}"


@dataclass(frozen=True, slots=True)
class Choices:
    """What is chosen for a conversation; empty = the config's."""

    model: str = ""
    system_prompt: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """What somebody used on a day."""

    messages: int = 0
    images: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """An amount that a turn adds: to which day (`2026-11-21`), and whom (`telegram:1001`)."""

    day: str
    who: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Activity:
    """A conversation as an admin sees it."""

    conversation: str
    turns: int
    last_at: float  # Unix seconds


class Store(Protocol):
    """Every call is one transaction: on disk when it returns, or not at all (`StorageError`)."""

    async def receive(self, incoming: Incoming) -> Turn | None:
        """Store what came in. None: it was here before (by its `key`)."""
        ...

    async def turn(self, turn: int) -> Turn | None:
        """The turn of that number."""
        ...

    async def unfinished(self) -> Sequence[Turn]:
        """At start: all that isn't done or dead, oldest first."""
        ...

    async def begin(self, turn: int) -> None:
        """It is being answered; where it was already, that counts as an interruption."""
        ...

    async def checkpoint(self, turn: int, reply: ReplyState) -> None:
        """Remember where the reply is shown, and how far it came."""
        ...

    async def drew(self, turn: int) -> None:
        """One more picture of it was sent."""
        ...

    async def answer(
        self,
        turn: int,
        reply: ReplyState,
        final: Final | None,
        history: Sequence[Message],
        *,
        failed: bool,
        spent: Spent | None = None,
    ) -> None:
        """The answer is complete: `final` is to be delivered, the turn's entries of history are now `history`.

        `spent` is added to what its asker used. Without a `final` there is nothing to deliver: the turn is over.
        """
        ...

    async def finish(self, turn: int, parts: Sequence[str], *, dead: bool = False) -> None:
        """It is delivered (in `parts`), or given up."""
        ...

    async def reopen(self, turn: int, *, fresh: bool = False, model: str = "") -> Turn | None:
        """Make a finished turn new again: its history is removed, its reply is kept unless it starts `fresh`.

        `model` is to answer it. None: it isn't finished.
        """
        ...

    async def latest(self, conversation: str, before: int) -> Turn | None:
        """The newest turn before that one in which something was said or drawn, since the conversation began anew.

        Of a room: the newest in any of its branches.
        """
        ...

    async def join(self, turn: int, joined: Incoming, others: Sequence[int]) -> None:
        """The turn and the `others` are one thing, `joined`: the others are over."""
        ...

    async def history(self, conversation: str, before: int) -> Sequence[Message]:
        """What was said in a conversation before that turn and since it last began anew, oldest first."""
        ...

    async def begin_anew(self, conversation: str, after: int) -> None:
        """From now on the history is what comes after that turn."""
        ...

    async def choices(self, conversation: str) -> Choices:
        """What is chosen for a conversation."""
        ...

    async def choose(self, conversation: str, *, model: str | None = None, system_prompt: str | None = None) -> None:
        """Remember what is chosen; None leaves it as it is, an empty text means the config's."""
        ...

    async def used(self, day: str, who: str = "") -> Amount:
        """What somebody used on a day; without `who`, all together."""
        ...

    async def forget(self, conversation: str, before: int) -> None:
        """Delete all that is stored of a conversation, and of its branches, up to the turn that asks for it."""
        ...

    async def forget_usage(self, who: str, before: str) -> None:
        """Delete what somebody used on days before that one."""
        ...

    async def activity(self, most: int) -> Sequence[Activity]:
        """The conversations, the latest first."""
        ...

    async def dead(self) -> int:
        """How many turns were given up."""
        ...

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        """Place → the highest number of a message (`Address.message`) that was stored of it."""
        ...

    async def recent_places(self, seconds: float) -> frozenset[str]:
        """The places (`Address.budget`) that were written to within the last `seconds`."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


async def insist(call: Callable[[], Awaitable[Result]]) -> Result:
    """Make a call to the store until it succeeds: nothing must be lost to a full disk that is cleared later."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await call()
        except StorageError as error:
            log.error("the store failed, again in %g s: %s", pause, error)
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
