"""What somebody's message holds: words, pictures, files, and what the bot can't use."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiogram.enums import ContentType
from aiogram.types import Document, Message, MessageEntity, PhotoSize

from chat.incoming import Attachment

LARGEST_PHOTO = 10 * 2**20  # bytes; what models take at most

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
# Said by a person, but nothing that can be read. The rest is service messages ("Bob joined"), and said by nobody.
CAPTIONED = frozenset({"voice", "audio", "video", "video_note", "animation", "paid_media"})
UNUSABLE = CAPTIONED | frozenset(
    {"sticker", "location", "venue", "contact", "poll", "dice", "story", "game", "checklist", "invoice", "giveaway"}
    | {"rich_message"}
)


@dataclass(frozen=True, slots=True)
class Contents:
    """`entities` are the text's; `other` is Telegram's word for what is none of the rest."""

    text: str
    entities: Sequence[MessageEntity] = ()
    images: tuple[Attachment, ...] = ()
    documents: tuple[Attachment, ...] = ()
    other: str = ""

    @property
    def wordless(self) -> bool:
        """Whether it can't be addressed to anybody: in a group it is among the others, as a reply too."""
        return bool(self.other) and self.other not in CAPTIONED


def contents_of(message: Message) -> Contents | None:
    """What is in a message, its caption as text; None for what nobody said, and for kinds that are not known yet."""
    kind = ContentType(message.content_type).value
    text, entities = words_of(message), message.entities or message.caption_entities or ()
    if kind == "text":
        return Contents(text, entities)
    if kind == "document" and message.document:
        file = _file(message.document)
        is_image = file.media_type in IMAGE_TYPES
        return Contents(text, entities, (file,), ()) if is_image else Contents(text, entities, (), (file,))
    if photos := message.photo or (message.live_photo and message.live_photo.photo):
        return Contents(text, entities, (_largest(photos),))
    if kind in UNUSABLE or message.live_photo:
        return Contents(text, entities, other=kind)
    return None


def words_of(message: Message) -> str:
    """A message's text, or what stands under its picture."""
    return message.text or message.caption or ""


def _file(document: Document) -> Attachment:
    media_type = (document.mime_type or "").lower()
    return Attachment(document.file_id, document.file_name or "", media_type, document.file_size or 0)


def _largest(sizes: Sequence[PhotoSize]) -> Attachment:
    """The largest that isn't too large; where all are, the smallest. Telegram makes photos JPEG."""
    by_area = sorted(sizes, key=lambda size: size.width * size.height, reverse=True)
    fitting = next((size for size in by_area if (size.file_size or 0) <= LARGEST_PHOTO), by_area[-1])
    return Attachment(fitting.file_id, "", "image/jpeg", fitting.file_size or 0)
