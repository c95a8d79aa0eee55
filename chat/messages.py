"""What is said in a conversation, as models are given it."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: its bytes and its media type (`image/png`)."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation's history. The system prompt is not one: it travels apart."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()
