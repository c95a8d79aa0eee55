"""What a message of Discord's holds: words as people see them, pictures, files, and what the bot can't use."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from chat.incoming import Attachment

Json = Mapping[str, Any]

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
VOICE_MESSAGE = 1 << 13  # a flag

_MENTION = re.compile(r"<@!?(\d+)>")
_EMOJI = re.compile(r"<a?(:\w+:)\d+>")


@dataclass(frozen=True, slots=True)
class Contents:
    """`other` is the word for what is none of the rest."""

    text: str
    images: tuple[Attachment, ...] = ()
    documents: tuple[Attachment, ...] = ()
    other: str = ""


def contents_of(message: Json, where: str = "") -> Contents:
    """What is in a message. `where`: "channel/message" where its files can be asked for again; else by address."""
    files = list(message.get("attachments") or ())
    if int(message.get("flags") or 0) & VOICE_MESSAGE:
        return Contents(words_of(message), other="voice")
    images = tuple(file for file in _files(files, where) if file.media_type in IMAGE_TYPES)
    rest = [file for file in _files(files, where) if file.media_type not in IMAGE_TYPES]
    documents = tuple(file for file in rest if not _kind(file))
    return Contents(words_of(message), images, documents, _other(message, rest))


def words_of(message: Json) -> str:
    """The text, with people's names in place of their numbers."""
    names = {str(user["id"]): name_of(user, user.get("member")) for user in message.get("mentions") or ()}
    text = _MENTION.sub(lambda found: f"@{names.get(found[1], 'somebody')}", str(message.get("content") or ""))
    return _EMOJI.sub(r"\1", text)


def name_of(user: Json, member: Json | None = None) -> str:
    """What people call somebody: their name in the guild, their own, or the account's."""
    return str((member or {}).get("nick") or user.get("global_name") or user.get("username") or "")


def attachment(file: Json, where: str = "") -> Attachment:
    """A file as `Chat.fetch` takes it: addresses of files expire within a day, so by its ids where it has some."""
    media_type = str(file.get("content_type") or "").partition(";")[0].strip().lower()
    name = f"{where}/{file['id']}" if where else str(file["url"])
    return Attachment(name, str(file.get("filename") or ""), media_type, int(file.get("size") or 0))


def _files(files: list[Json], where: str) -> Iterator[Attachment]:
    for file in files:
        yield attachment(file, where)


def _kind(file: Attachment) -> str:
    """The word for a file that can't be read; "" for one that may be text."""
    kind = file.media_type.partition("/")[0]
    if PurePath(file.name).suffix.lower() in {".ts", ".mts"}:  # TypeScript; to Discord a kind of video
        return ""
    return kind if kind in {"audio", "video"} else ""


def _other(message: Json, files: list[Attachment]) -> str:
    if message.get("sticker_items"):
        return "sticker"
    if message.get("poll"):
        return "poll"
    return next((kind for file in files if (kind := _kind(file))), "")
