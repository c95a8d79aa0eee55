"""What a messenger hands in: neutral, serialisable, stored as it is before it is acknowledged."""

from dataclasses import dataclass, field
from typing import Literal

from chat.buttons import Action


@dataclass(frozen=True, slots=True)
class Address:
    """Where an answer goes: enough to answer after a restart.

    `place` is what a messenger's rate limits count (a Telegram chat, a Discord channel); `thread` parts it into
    conversations (a topic); `message` is what the answer may reply to. `token` is for messengers that hand out one
    for an answer (Discord's interactions), good until `token_expires_at` (Unix seconds); `answered`: the first answer
    that it is for is another one. `within`: what the place is part of, as `access` in the config names it
    (`guild:77`, `channel:99`). `branch`: a chain of replies, which has a history and a lane of its own, while model
    and instructions are the room's. `spot`: where in the place it is, if the messenger has to speak there in another
    way (a Telegram forum's General topic, a thread that only replies belong to).
    """

    messenger: str
    place: str
    thread: str = ""
    message: str = ""
    private: bool = True
    token: str = ""
    token_expires_at: float = 0.0
    within: tuple[str, ...] = ()
    branch: str = ""
    answered: bool = False
    spot: Literal["", "general", "replies"] = ""

    @property
    def conversation(self) -> str:
        """The key of history and lane."""
        return self.room + (f":{self.branch}" if self.branch else "")

    @property
    def room(self) -> str:
        """The key of what is chosen, and of who may command: all chains of replies in it share that."""
        return f"{self.messenger}:{self.place}" + (f"/{self.thread}" if self.thread else "")

    @property
    def budget(self) -> str:
        """The key of the rate budget: every topic of a chat shares it."""
        return f"{self.messenger}:{self.place}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who it is from. `id` is the messenger's numeric id, never a name: names can be taken over."""

    id: str
    name: str = ""
    language: str = ""  # as the messenger gives it: "ru", "pt-br"; empty = unknown
    roles: tuple[str, ...] = ()  # as `access` in the config names them: `role:88`


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file by the messenger's own reference; it is fetched when it is needed (`Chat.fetch`)."""

    id: str
    name: str = ""
    media_type: str = ""
    size: int = 0  # bytes, as the messenger tells; 0 = unknown


@dataclass(frozen=True, slots=True)
class Quote:
    """Text that comes along with what is said: replied to, quoted out of it, or forwarded."""

    kind: Literal["reply", "quote", "forward"]
    author: str  # a name to show; empty = unknown
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wants answered."""

    address: Address
    sender: Sender
    key: str  # messenger, bot and update id: a repeat is dropped by it
    text: str
    quotes: tuple[Quote, ...] = ()
    images: tuple[Attachment, ...] = ()
    documents: tuple[Attachment, ...] = ()
    other: str = ""  # what else it is, if the bot can't use it: "voice", "sticker", …
    album: str = ""  # what belongs together has the same
    unfinished: bool = False  # so long that the client may have cut it: what follows at once belongs to it
    late: bool = False  # it waited at the messenger while the bot was away: never too much of it
    kind: Literal["said"] = "said"


@dataclass(frozen=True, slots=True)
class Invoked:
    """A command, by a slash or a form: its name and the text behind it."""

    address: Address
    sender: Sender
    key: str
    command: str
    text: str = ""
    late: bool = False  # as in `Said`
    kind: Literal["invoked"] = "invoked"


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button of ours was pressed."""

    address: Address
    sender: Sender
    key: str
    action: Action
    kind: Literal["pressed"] = "pressed"


@dataclass(frozen=True, slots=True)
class Left:
    """The bot was blocked, or removed from the place: nothing is sent there any more."""

    address: Address
    sender: Sender
    key: str
    kind: Literal["left"] = "left"


@dataclass(frozen=True, slots=True)
class Moved:
    """The place at `address` has another id from now on, `to`: all that is known of it is that one's."""

    address: Address
    key: str
    to: str
    sender: Sender = field(default_factory=lambda: Sender(""))
    kind: Literal["moved"] = "moved"

    @property
    def place(self) -> str:
        """What it was called, as `Address.budget`, and as `access` in the config names it."""
        return self.address.budget

    @property
    def to_place(self) -> str:
        """What it is called now."""
        return f"{self.address.messenger}:{self.to}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An update that couldn't be understood: put aside with its payload, so that it stops nobody else."""

    address: Address
    key: str
    reason: str
    payload: str
    sender: Sender = field(default_factory=lambda: Sender(""))
    kind: Literal["unreadable"] = "unreadable"


Incoming = Said | Invoked | Pressed | Left | Moved | Unreadable
