"""What is remembered, and when it is safe. These docstrings are the contract; tests/storage holds each store to it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

from pydantic import BaseModel

from chat.incoming import Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState

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


class Store(Protocol):
    """Every call is one transaction: on disk when it returns, or not at all (`StorageError`)."""

    async def receive(self, incoming: Incoming) -> Turn | None:
        """Store what came in. None: it was here before (by its `key`)."""
        ...

    async def turn(self, turn: int) -> Turn | None:
        """The turn of that number."""
        ...

    async def unfinished(self) -> Sequence[Turn]:
        """At start: all that isn't done or dead, oldest first; what was running counts an interruption more."""
        ...

    async def begin(self, turn: int) -> None:
        """It is being answered."""
        ...

    async def checkpoint(self, turn: int, reply: ReplyState) -> None:
        """Remember where the reply is shown, and how far it came."""
        ...

    async def answer(
        self, turn: int, reply: ReplyState, final: Final | None, history: Sequence[Message], *, failed: bool
    ) -> None:
        """The answer is complete: `final` is to be delivered, and the turn's entries of history are now `history`.

        Without a `final` there is nothing to deliver: the turn is over.
        """
        ...

    async def finish(self, turn: int, parts: Sequence[str], *, dead: bool = False) -> None:
        """It is delivered (in `parts`), or given up."""
        ...

    async def reopen(self, turn: int) -> Turn | None:
        """Make a finished turn new again: its messages are kept, its history is removed. None: it isn't finished."""
        ...

    async def history(self, conversation: str, before: int) -> Sequence[Message]:
        """What was said in a conversation before that turn, oldest first."""
        ...

    async def recent_places(self, seconds: float) -> frozenset[str]:
        """The places (`Address.budget`) that were written to within the last `seconds`."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
