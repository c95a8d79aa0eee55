"""What Telegram's servers learnt of late, for its stand-in: drafts that fade, and rich messages.

Facts: Bot API 10.3. A draft lives 30 s and goes when the bot sends a message there; rich messages take 32,768
characters and 500 blocks. Guessed: the words of the refusals, which nobody has listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyromark

from tests.servers.telegram_text import TEXT_LIMIT, Json, bad_request, utf16_length

DRAFT_SECONDS = 30.0
RICH_CHARACTERS = 32_768
RICH_BLOCKS = 500
DRAFT_METHODS = frozenset({"sendmessagedraft"})
RICH_METHODS = frozenset({"sendrichmessage"})
INLINE = frozenset({"Emphasis", "Strong", "Strikethrough", "Link", "Image", "TableCell", "TableHead", "TableRow"})


@dataclass(slots=True)
class Draft:
    """What a draft showed from `at` on (Unix seconds), until it was shown again, sent, or faded."""

    id: int
    at: float
    text: str
    entities: Sequence[Json] = ()
    thread: int | None = None
    can_stop: bool = False
    keep_on_stop: bool = False
    over: float | None = None  # when it went before its time

    def visible(self, now: float) -> bool:
        """Whether people see it."""
        return (self.over is None or now < self.over) and now < self.at + DRAFT_SECONDS


def check_draft(number: int | None, text: str) -> int:
    """The id of a draft that may be shown; raises ApiError for others."""
    if not number:
        raise bad_request("DRAFT_ID_INVALID")
    if utf16_length(text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return number


def rich_markdown(message: Json) -> str:
    """The Markdown of an InputRichMessage; raises ApiError for what is too much."""
    markdown = str(message.get("markdown") or "")
    if not markdown.strip():
        raise bad_request("RICH_MESSAGE_CONTENT_REQUIRED")
    events = pyromark.events(markdown, options=pyromark.Options.ENABLE_TABLES)
    kinds = [event["Start"] for event in events if isinstance(event, dict) and "Start" in event]
    blocks = sum(INLINE.isdisjoint({kind} if isinstance(kind, str) else kind) for kind in kinds)
    if len(markdown) > RICH_CHARACTERS or blocks > RICH_BLOCKS:
        raise bad_request("RICH_MESSAGE_TOO_LONG")
    return markdown
