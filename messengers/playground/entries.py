"""What the playground's page shows, as values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chat.buttons import Button, encode

Who = Literal["you", "bot"]

STOP = "stop:"  # how the action of a Stop button begins: what has one is being written
LONGEST_TITLE = 60
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides and isolates (Unicode UAX #9)

# Nothing that a browser could run: an SVG may hold scripts.
PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})


@dataclass(frozen=True, slots=True)
class File:
    """A file that was uploaded, or a picture that was drawn. Nobody can guess its `id`."""

    id: str
    name: str
    media_type: str
    size: int  # bytes

    @property
    def is_picture(self) -> bool:
        """Whether browsers show it; everything else is text."""
        return self.media_type in PICTURE_TYPES


@dataclass(frozen=True, slots=True)
class Label:
    """A button as the page has it: what it says, and the action that comes back when it is pressed."""

    label: str
    action: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One message. Entries are shown by `at`; `revision` grows with every change, over restarts too."""

    id: str
    conversation: str
    who: Who
    text: str  # Markdown from the bot, plain text from the person
    at: int  # microseconds since 1970, like `revision`
    revision: int
    buttons: tuple[Label, ...] = ()
    files: tuple[File, ...] = ()
    image: str = ""  # the file that is its picture; the text stands under it

    @property
    def is_being_written(self) -> bool:
        """Whether it still grows."""
        return any(button.action.startswith(STOP) for button in self.buttons)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation in the list."""

    id: str
    title: str
    at: int  # when something was said in it
    busy: bool = False  # an answer is being written


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages of a conversation in a row, oldest first; None: deleted."""

    entries: Mapping[str, Entry | None]
    since: int  # there are messages before then, and none of them is here; 0: these are the first ones


@dataclass(frozen=True, slots=True)
class Changed:
    """What one commit did: the conversation as it is now, and messages of it; None: there is none any more."""

    place: str
    conversation: Conversation | None
    messages: Mapping[str, Entry | None]


def labels(buttons: Sequence[Button]) -> tuple[Label, ...]:
    """Buttons as they are kept."""
    return tuple(Label(storable(button.label), encode(button.action)) for button in buttons)


def storable(text: str) -> str:
    """Half an emoji, which a model may write, has no UTF-8: it becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def title_of(text: str, files: Sequence[File] = ()) -> str:
    """A conversation's title, from what was said in it first: one line, in which nothing turns the direction."""
    text = TURNING.sub("", text)
    line = " ".join(next((line for line in text.splitlines() if line.strip()), "").split())
    line = line or next((file.name for file in files), "")
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1].rstrip() + "…"
