"""What a provider says while it answers. The last event is always `Completed`; a stream without it was cut off."""

from dataclasses import dataclass
from typing import Literal

EndReason = Literal["done", "length", "filtered", "stopped"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that the provider counted."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text, to be put behind what is there."""

    text: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """The whole answer anew: the provider changed text that it had already sent."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the model's thinking: shown as a status, or quoted above the answer, and never a part of it."""

    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The provider's own end mark. `length`: cut by a limit of tokens; `filtered`: withheld by the provider."""

    reason: EndReason = "done"
    usage: Usage | None = None


ReplyEvent = TextDelta | Replaced | ReasoningDelta | Completed
