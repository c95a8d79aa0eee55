"""What messages of the stand-in Telegram hold besides text, in the Bot API's shapes."""

from typing import Any

from tests.servers.telegram_files import THUMBNAIL, File, Files, sides
from tests.servers.telegram_text import Json, utf16_length
from tests.servers.telegram_world import Person

CAPTION_LIMIT = 1024  # UTF-16 units

# Kinds of messages whose words are a caption.
CAPTIONED = frozenset({"photo", "document", "voice", "audio", "video", "animation", "paid_media"})
# Kinds that say something; the rest of what isn't text are service messages.
MEDIA = CAPTIONED | {"video_note", "sticker", "location", "venue", "contact", "poll", "dice", "story", "game"}

_FILE: Json = {"file_id": "F0000", "file_unique_id": "uF0000"}
_FRAME: Json = _FILE | {"width": 64, "height": 64}
_ANNA: Json = {"phone_number": "+100", "first_name": "Anna"}
_POLL: Json = {"id": "1", "question": "Tea?", "options": [], "total_voter_count": 0, "is_closed": False}
_POLL |= {"is_anonymous": True, "type": "regular", "allows_multiple_answers": False, "allows_revoting": False}
_POLL |= {"members_only": False}

SAMPLES: dict[str, Any] = {
    "voice": _FILE | {"duration": 3, "mime_type": "audio/ogg"},
    "audio": _FILE | {"duration": 180, "mime_type": "audio/mpeg", "file_name": "song.mp3"},
    "video": _FRAME | {"duration": 9, "mime_type": "video/mp4"},
    "video_note": _FILE | {"length": 240, "duration": 9},
    "animation": _FRAME | {"duration": 2, "mime_type": "video/mp4"},
    "sticker": _FRAME | {"type": "regular", "is_animated": False, "is_video": False, "emoji": "👍"},
    "location": {"latitude": 1.5, "longitude": 2.5},
    "venue": {"location": {"latitude": 1.5, "longitude": 2.5}, "title": "Café", "address": "Here 1"},
    "contact": _ANNA,
    "poll": _POLL,
    "dice": {"emoji": "🎲", "value": 4},
    "story": {"chat": {"id": 1, "type": "private", "first_name": "Anna"}, "id": 1},
    "paid_media": {"star_count": 1, "paid_media": [{"type": "preview"}]},
}
"""One of each kind that a bot like ours can't use."""


def sample(kind: str) -> Json:
    """A message's content of that kind. Old clients see a file in an animation and a place in a venue: so do bots."""
    content: Json = {kind: SAMPLES[kind]}
    if kind == "animation":
        content["document"] = _FILE | {"mime_type": "video/mp4"}
    if kind == "venue":
        content["location"] = SAMPLES["location"]
    return content


def photo(files: Files, data: bytes) -> tuple[Json, File]:
    """A photo's content, in sizes from small to large, and its largest."""
    width, height = sides(data)
    large = files.add(data, "photos", media_type="image/jpeg")
    small = files.add(THUMBNAIL, "photos", media_type="image/jpeg")
    sizes = [
        small.json() | {"width": width // 4, "height": height // 4},
        large.json() | {"width": width, "height": height},
    ]
    return {"photo": sizes}, large


def document(files: Files, data: bytes, name: str, media_type: str) -> tuple[Json, File]:
    """A document's content, and its file."""
    file = files.add(data, "documents", name, media_type)
    told = {"file_name": name, "mime_type": media_type}
    return {"document": file.json() | {field: value for field, value in told.items() if value}}, file


def forwarded(author: Person | Json | str, at: float) -> Json:
    """A forward's origin: somebody, a chat or channel, or the name of somebody who hides their account."""
    date = int(at)
    match author:
        case Person():
            return {"forward_origin": {"type": "user", "date": date, "sender_user": author.json()}}
        case str():
            return {"forward_origin": {"type": "hidden_user", "date": date, "sender_user_name": author}}
        case {"type": "channel"}:
            return {"forward_origin": {"type": "channel", "date": date, "chat": author, "message_id": 7}}
        case _:
            return {"forward_origin": {"type": "chat", "date": date, "sender_chat": author}}


def quoted(whole: str, part: str, *, manual: bool = True) -> Json:
    """The part of the answered message that somebody marked; what isn't `manual` Telegram puts in by itself."""
    quote: Json = {"text": part, "position": utf16_length(whole[: max(0, whole.find(part))])}
    return {"quote": quote | ({"is_manual": True} if manual else {})}
