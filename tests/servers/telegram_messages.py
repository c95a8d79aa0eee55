"""Messages of the stand-in Telegram: every version that people saw, with its time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.servers.telegram_files import File
from tests.servers.telegram_media import CAPTIONED
from tests.servers.telegram_text import Json
from tests.servers.telegram_world import Person


@dataclass(frozen=True, slots=True)
class Version:
    """What a message showed from `at` on (Unix seconds)."""

    at: float
    text: str
    entities: Sequence[Json] = ()
    markup: Json | None = None
    rich: bool = False  # the text is the Markdown of a rich message

    def shows_the_same(self, other: "Version") -> bool:
        """Whether Telegram would call an edit to `other` "not modified"."""
        mine, others = (self.text, list(self.entities), self.rich), (other.text, list(other.entities), other.rich)
        return (mine, self.markup) == (others, other.markup)


@dataclass(slots=True, eq=False)
class Message:
    """A message and all that it ever showed; `deleted_at` once it is gone. A caption is its text."""

    id: int
    sender: Person
    sent_at: float
    thread: int | None = None
    reply_to: int | None = None
    versions: list[Version] = field(default_factory=list)
    content: Json = field(default_factory=dict)  # what isn't text: a sticker, a photo, a service message
    file: File | None = None  # the largest photo, or the document
    deleted_at: float | None = None

    @property
    def photo(self) -> bytes:
        """The picture that is shown; empty where there is none."""
        return self.file.data if self.file and "photo" in self.content else b""

    @property
    def document(self) -> bytes:
        """The file that was sent; empty where there is none."""
        return self.file.data if self.file and "document" in self.content else b""

    @property
    def text(self) -> str:
        """The text shown now."""
        return self.versions[-1].text if self.versions else ""

    @property
    def rich(self) -> bool:
        """Whether it is a rich message now."""
        return bool(self.versions) and self.versions[-1].rich

    @property
    def texts(self) -> list[str]:
        """Every text it showed, in order."""
        return [version.text for version in self.versions]

    @property
    def entities(self) -> list[Json]:
        """The entities shown now."""
        return list(self.versions[-1].entities) if self.versions else []

    @property
    def markup(self) -> Json | None:
        """The keyboard shown now."""
        return self.versions[-1].markup if self.versions else None

    @property
    def buttons(self) -> list[Json]:
        """The buttons shown now, row by row."""
        rows = (self.markup or {}).get("inline_keyboard", [])
        return [button for row in rows for button in row]

    @property
    def labels(self) -> list[str]:
        """What is written on the buttons."""
        return [button["text"] for button in self.buttons]

    @property
    def visible(self) -> bool:
        """Whether it is still there."""
        return self.deleted_at is None

    def styled(self, kind: str) -> list[str]:
        """The pieces of the text that have this style, as people see them."""
        units = self.text.encode("utf-16-le")
        marked = [entity for entity in self.entities if entity["type"] == kind]
        spans = [(2 * entity["offset"], 2 * (entity["offset"] + entity["length"])) for entity in marked]
        return [units[start:end].decode("utf-16-le") for start, end in spans]

    def json(self, chat: Json, replied: "Message | None" = None) -> Json:
        """As the Bot API shows messages."""
        body: Json = {"message_id": self.id, "from": self.sender.json(), "chat": chat, "date": int(self.sent_at)}
        if self.thread is not None:
            body |= {"message_thread_id": self.thread}
            body |= {"is_topic_message": True} if chat.get("is_forum") or chat["type"] == "private" else {}
        if replied:
            body["reply_to_message"] = replied.json(chat)
        return body | self._shown() | self.content

    def _shown(self) -> Json:
        names = ("caption", "caption_entities") if CAPTIONED & self.content.keys() else ("text", "entities")
        optional: Json = {names[0]: self.text, names[1]: self.entities, "reply_markup": self.markup}
        if self.rich:
            blocks = [{"type": "paragraph", "text": self.text}]
            optional = {"rich_message": {"blocks": blocks}, "reply_markup": self.markup}
        if len(self.versions) > 1:
            optional["edit_date"] = int(self.versions[-1].at)
        return {name: value for name, value in optional.items() if value}
