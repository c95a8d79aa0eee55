"""What is remembered, and when it is safe. These docstrings are the contract; tests/storage holds each store to it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, Self, TypeVar

from pydantic import BaseModel, Field

from chat.incoming import Address, Incoming
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
    retention_days: int = Field(default=0, ge=0, le=36500)  # what is over for longer than that is deleted; 0: never

    @property
    def path(self) -> Path:
        """The database's file; what the playground keeps is beside it."""
        return Path(self.url.removeprefix("sqlite:"))


class StorageError(OSError):
    """The store couldn't do it: nothing of that call is stored."""


class DamagedError(StorageError):
    """The database is damaged; `str()` says to the operator what to do."""


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
    reason: str = ""  # why it failed, as the log says it: `overloaded: 503`

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


@dataclass(frozen=True, slots=True)
class Standing:
    """How many turns are in which state, and since when the oldest one waits that isn't begun (Unix seconds)."""

    new: int = 0
    running: int = 0
    answered: int = 0
    dead: int = 0
    waiting_since: float | None = None


@dataclass(frozen=True, slots=True)
class Learned:
    """What refusals taught of a place (`Address.budget`): calls at once, calls a second, and no call until a time.

    Times are Unix seconds. Without `refusals` only the last one counts.
    """

    place: str
    burst: float
    per_second: float
    refusals: int
    learned_at: float
    blocked_until: float


class Store(Protocol):
    """Every call is one transaction: on disk when it returns, or not at all (`StorageError`).

    A context manager. Entering brings an older database up to date; it raises `StorageError` for one that is newer than
    this program, `DamagedError` for one that is damaged, and leaves both alone.
    """

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
        reason: str = "",
    ) -> None:
        """The answer is complete: `final` is to be delivered, the turn's entries of history are now `history`.

        `spent` is added to what its asker used. `reason`: why it `failed`. Without a `final` there is nothing to
        deliver: the turn is over.
        """
        ...

    async def finish(self, turn: int, parts: Sequence[str], *, dead: bool = False, reason: str = "") -> None:
        """It is delivered (in `parts`), or given up, for that reason if it has none yet."""
        ...

    async def reopen(
        self,
        turn: int,
        *,
        fresh: bool = False,
        model: str = "",
        address: Address | None = None,
        continues: bool = False,
    ) -> Turn | None:
        """Make a finished turn new again: its history is removed, its reply is kept unless it starts `fresh`.

        `model` is to answer it, at that `address` (of the same conversation) if it isn't the question's own. None: it
        isn't finished. One that `continues` its answer (see `ReplyState`) keeps its history until there is more of it.
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

    async def forget(self, conversation: str, before: int | None = None) -> int:
        """Delete all that is stored of a conversation, and of its branches, up to the turn that asks for it.

        Returns how many turns that were.
        """
        ...

    async def turns_of(self, conversation: str) -> int:
        """How many turns are stored of a conversation and its branches."""
        ...

    async def prune(self, before: float, day: str, most: int) -> int:
        """Delete turns that are over since before that time (Unix seconds), and what was used before that day.

        At most so many turns at a time; how many it were.
        """
        ...

    async def compact(self) -> None:
        """See to it that no file holds any piece of what was deleted since this was last called.

        Everybody waits for that, some seconds for a gigabyte; where nothing was deleted it does nothing.
        """
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

    async def given_up(self, most: int) -> Sequence[Turn]:
        """The turns that were given up, the latest ones, oldest first."""
        ...

    async def drop(self, turn: int) -> bool:
        """A turn that was given up is done. False: it isn't given up."""
        ...

    async def standing(self) -> Standing:
        """How the work stands."""
        ...

    async def changed_elsewhere(self) -> bool:
        """Whether another program may have changed what is stored since this was last asked."""
        ...

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        """Place → the highest number of a message (`Address.message`) that was stored of it."""
        ...

    async def recent_places(self, seconds: float) -> frozenset[str]:
        """The places (`Address.budget`) that were written to within the last `seconds`."""
        ...

    async def move(self, place: str, to: str) -> None:
        """A place (`Address.budget`) has another name: what was said there and is chosen for it is that one's.

        What is known by that name already stays, and what was said there comes after. From now on every
        conversation of the old name is the one of the new name. Nothing happens where that is known.
        """
        ...

    async def moved(self) -> Mapping[str, str]:
        """Places that have another name now → that name."""
        ...

    async def learned(self) -> Sequence[Learned]:
        """What is known of places' limits, by their names."""
        ...

    async def learn(self, lessons: Sequence[Learned], over: Collection[str] = ()) -> None:
        """Remember these, each in the place of what was known there; forget the places whose lesson is `over`."""
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
