"""What everything in the stand-in Discord shares: the clock, ids, users, permissions, files, waiting for changes."""

import mimetypes
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.servers.discord_errors import Json
from tests.servers.discord_sessions import Sessions
from tests.servers.telegram_world import Changes

if TYPE_CHECKING:
    from tests.servers.discord_channels import Channel

EPOCH = 1_420_070_400  # Unix seconds: where snowflakes begin to count

VIEW, SEND, MANAGE_MESSAGES = 1 << 10, 1 << 11, 1 << 13
EMBED, ATTACH, HISTORY, MENTION_EVERYONE = 1 << 14, 1 << 15, 1 << 16, 1 << 17
ADD_REACTIONS, USE_COMMANDS = 1 << 6, 1 << 31
MANAGE_GUILD, ADMINISTRATOR = 1 << 5, 1 << 3
CREATE_THREADS, SEND_IN_THREADS = 1 << 35, 1 << 38
EVERYTHING = (1 << 53) - 1
USUAL = VIEW | SEND | EMBED | ATTACH | HISTORY | ADD_REACTIONS | USE_COMMANDS | CREATE_THREADS | SEND_IN_THREADS


@dataclass(frozen=True, slots=True)
class User:
    """A person or the bot, as Discord shows them. `locale` is the language of their client."""

    id: int
    name: str
    locale: str = "en-US"
    is_bot: bool = False

    @property
    def mention(self) -> str:
        """What a mention of them is in the text of a message."""
        return f"<@{self.id}>"

    def json(self) -> Json:
        """As the API shows users."""
        body: Json = {"id": str(self.id), "username": self.name.lower(), "global_name": self.name, "avatar": None}
        return body | {"discriminator": "0", "bot": self.is_bot, "public_flags": 0}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody sends it."""

    name: str
    data: bytes
    media_type: str = ""
    description: str = ""

    @property
    def kind(self) -> str:
        """Its media type; guessed from the name where none was told."""
        return self.media_type or mimetypes.guess_type(self.name)[0] or "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file under a message. `told_size` is what the API says it has; None: the truth."""

    id: int
    upload: Upload = field(repr=False)
    url: str
    told_size: int | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.upload.name

    @property
    def data(self) -> bytes:
        """All of it."""
        return self.upload.data

    def json(self) -> Json:
        """As the API shows attachments."""
        size = len(self.data) if self.told_size is None else self.told_size
        body: Json = {"id": str(self.id), "filename": self.name, "size": size, "url": self.url, "proxy_url": self.url}
        described = {"description": self.upload.description} if self.upload.description else {}
        return body | {"content_type": self.upload.kind} | described


class World:
    """The clock, the bot, the ids, the files. `content_granted`: the application may read what isn't meant for it."""

    def __init__(self, bot: User, application_id: int, clock: Callable[[], float], *, content_granted: bool) -> None:
        self.bot = bot
        self.application_id = application_id
        self.content_granted = content_granted
        self.changes = Changes()
        self.sessions = Sessions(self.now)
        self.root = ""  # where the server listens
        self.files: dict[int, Attachment] = {}
        self.channels: dict[int, Channel] = {}  # all that are there
        self._clock = clock
        self._ahead = 0.0
        self._latest = 0

    def now(self) -> float:
        """Unix seconds in this world."""
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass at once: tokens expire, buckets fill again."""
        self._ahead += seconds
        self.changes.happened()

    def snowflake(self) -> int:
        """A new id: higher than all before it, and it tells the time."""
        born = int((self.now() - EPOCH) * 1000) << 22
        self._latest = max(self._latest + 1, born)
        return self._latest

    def keep(self, upload: Upload, channel: int, told_size: int | None = None) -> Attachment:
        """Store a file; it can be read at its `url` from now on."""
        number = self.snowflake()
        url = f"{self.root}/attachments/{channel}/{number}/{upload.name}"
        self.files[number] = attachment = Attachment(number, upload, url, told_size)
        return attachment


def shown_time(at: float) -> str:
    """A time as the API shows it."""
    return datetime.fromtimestamp(at, UTC).isoformat()
