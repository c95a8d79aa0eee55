"""What every messenger offers. These docstrings are the contract; tests/messengers holds each messenger to it.

MessengerError               a call to a messenger failed
├─ SlowDown                  too many calls: nothing at this place before `retry_after` seconds are over
├─ MessageGone               the message to change was deleted: stop quietly
├─ PlaceGone                 blocked, removed, chat or topic gone: nothing can be said here
├─ PlaceMoved                it has another id now: what was sent before is out of reach, the next send goes there
├─ Unchangeable              this message can't be changed any more, but removed: new ones take its place
├─ Refused                   this page won't be taken; the same as plain text may be
├─ Fatal                     the whole messenger can't run (a wrong token, a port in use): end with this sentence
└─ Unsure                    network or server failure: it may have been applied or not; try again
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chat.buttons import Button
from chat.incoming import Address, Attachment, Incoming, Invoked
from chat.messages import Image, Message
from messengers.budget import Budget, Budgets


class MessengerError(Exception):
    """A call to a messenger failed; `str()` is for the log."""


class SlowDown(MessengerError):
    """Too many calls for this place: none before `retry_after` seconds are over."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"slow down for {retry_after:g} s")
        self.retry_after = retry_after


class MessageGone(MessengerError):
    """The message to edit doesn't exist any more, or can't be edited any more."""


class PlaceGone(MessengerError):
    """Nothing can be said at this place: blocked, removed, or the chat or topic is gone."""


class PlaceMoved(MessengerError):
    """The place has another id now. Messages sent before are out of reach: neither changed nor removed any more; new
    ones go to the new id.
    """


class Unchangeable(MessengerError):
    """This one message can't be changed any more. It can be removed, and so can those below it: new ones follow."""


class Refused(MessengerError):
    """The messenger won't take this page, whoever sends it again; the same as plain text it may."""


class Fatal(MessengerError):
    """The messenger can't run at all, and trying again won't help; `str()` says to the operator what to do."""


class Unsure(MessengerError):
    """The call failed on its way (network, 5xx, time-out): it may have been applied."""


@dataclass(frozen=True, slots=True)
class Page:
    """One message, rendered: `text` as people see it, `size` in the messenger's own count, `markup` its own affair."""

    text: str
    size: int
    markup: Any = None


class Dialect(Protocol):
    """How a messenger shows Markdown."""

    @property
    def limit(self) -> int:
        """The largest `Page.size` that one message takes."""
        ...

    def render(self, source: str, *, final: bool) -> Page:
        """Markdown to a page; never raises, whatever the model wrote. Unless `final`, open constructs may be closed."""
        ...

    def plain(self, source: str) -> Page:
        """The same text without any markup: what is sent when markup was refused."""
        ...

    def measure(self, text: str) -> int:
        """The size of bare text in this messenger's count."""
        ...


class Drafts(Protocol):
    """Shows text in the making without a message: a draft fades by itself, and goes when a message is sent."""

    @property
    def budget(self) -> Budget:
        """When drafts may be shown: they have permits of their own, which "typing …" shares."""
        ...

    @property
    def lasts(self) -> float:
        """Seconds after which a draft must be shown again, so that it doesn't fade."""
        ...

    async def show(self, page: Page, buttons: Sequence[Button] = ()) -> None:
        """Show `page` as the draft of the answer that the Stop button among `buttons` ends; it has one of its own.

        Raises what `Chat.send` raises: `Refused` also where there will be no drafts any more, see `Chat.drafts`.
        """
        ...


class Chat(Protocol):
    """One place where an answer goes. Every call has a time-out and raises only `MessengerError`s."""

    @property
    def dialect(self) -> Dialect:
        """How pages are made for this place."""
        ...

    @property
    def sends_are_idempotent(self) -> bool:
        """Whether a send that is repeated after `Unsure` never shows twice."""
        ...

    @property
    def budget(self) -> Budget:
        """When calls may be made here: callers take a permit from it before each call."""
        ...

    @property
    def drafts(self) -> Drafts | None:
        """What shows growing text before it becomes a message; None where that is done by edits, from now on too."""
        ...

    @property
    def most_messages(self) -> int:
        """How many messages an answer may have here; 0 = any number. The rest of a longer one goes as a file."""
        ...

    @property
    def new_messages_notify(self) -> bool:
        """Whether a new message here tells people that there is something to read; a changed one never does."""
        ...

    @property
    def closes_at(self) -> float:
        """When it becomes impossible to say anything here, in Unix seconds; 0 = never."""
        ...

    async def send(
        self,
        page: Page,
        buttons: Sequence[Button] = (),
        *,
        reply: bool = False,
        nonce: str = "",
        previous: str = "",
    ) -> str:
        """Send a new message; its id. With `reply` it answers the message that the address names.

        `nonce`: at most 25 characters that name this message of this answer, the same when it is tried again.
        `previous`: the message of the same answer that this one follows.
        """
        ...

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        """Make `message` show `page` and just these buttons. "Not modified" is success."""
        ...

    async def delete(self, message: str) -> None:
        """Remove a message of ours; one that is gone already is success. `Refused`: this one can't be removed."""
        ...

    async def send_image(self, image: Image, caption: str = "", *, reply: bool = False, nonce: str = "") -> str:
        """Send a picture with a line of plain text under it (cut to what the messenger takes); the message's id."""
        ...

    async def send_rest(self, text: str, *, nonce: str = "") -> str:
        """Send the rest of an answer as a text file; the message's id. Only where there are `most_messages`."""
        ...

    async def earlier(self) -> Sequence[Message] | None:
        """What was said in this conversation before, as the messenger has it, oldest first, without the question.

        None: it is what the store remembers.
        """
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """A file that came in. Its size is checked by the caller before, and by this while it is read.

        Raises `Refused` for one that is larger than the messenger hands out, or that is gone.
        """
        ...

    async def typing(self) -> None:
        """Show "typing …" once; it fades by itself after `typing_lasts` seconds."""
        ...

    @property
    def typing_lasts(self) -> float:
        """Seconds that one `typing` call is shown."""
        ...


class Receive(Protocol):
    """Where messengers hand in what people do."""

    async def __call__(self, incoming: Incoming) -> None:
        """Return once `incoming` is stored: only then may the messenger acknowledge it. Raises `OSError` where it
        can't be stored; it must then be handed in again."""
        ...


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value for an option: how it is shown, whether it is in use now, and what is wrong with it ("" = nothing)."""

    value: str
    label: str
    current: bool = False
    trouble: str = ""


class Reception(Receive, Protocol):
    """The bot's side: takes in what people do, and tells messengers what they need to know for that."""

    def welcomes(self, incoming: Incoming) -> bool:
        """Whether the sender gets an answer at that place: decided in memory, nothing is stored."""
        ...

    async def suggest(self, asked: Invoked, option: str) -> Sequence[Suggestion]:
        """Values for an option of a command whose text is `asked.text` so far; the best first, 25 at most.

        None for people who aren't let in.
        """
        ...

    async def last_seen(self, messenger: str) -> Mapping[str, str]:
        """Place → the newest message of it that was taken in; for messengers that can ask for what they missed."""
        ...


class Messenger(Protocol):
    """A messenger: takes in what people do, and opens places to answer at."""

    @property
    def name(self) -> str:
        """The first part of every address: `telegram`."""
        ...

    async def run(self, reception: Reception) -> None:
        """Take in what people do, until cancelled. A server out of reach is tried again, for as long as it takes."""
        ...

    @property
    def budgets(self) -> Budgets:
        """The permits of all its places."""
        ...

    @property
    def seconds_since_poll(self) -> float:
        """How long ago its server was last heard; 0 where it is its own server."""
        ...

    def open(self, address: Address) -> Chat:
        """The place of `address`, also after a restart. Does no I/O."""
        ...
