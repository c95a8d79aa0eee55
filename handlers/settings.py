"""`limits:`, `replies:`, `models:` and `image_models:` in the config."""

import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue


def _not_a_bool(value: object) -> object:
    """Pydantic would take `yes` for the number 1."""
    if isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 — pydantic reports a ValueError, not a TypeError
    return value


def _sendable(parameters: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Pydantic's JsonValue lets `.inf` and `.nan` through; JSON has neither."""
    try:
        json.dumps(dict(parameters), allow_nan=False)
    except ValueError:
        raise ValueError("has a number that JSON can't hold") from None
    return parameters


Count = Annotated[int, BeforeValidator(_not_a_bool)]
PerDay = Annotated[Count, Field(ge=0, le=1_000_000_000)]  # 0: none at all, except for admins
Parameters = Annotated[Mapping[str, JsonValue], AfterValidator(_sendable)]


class LimitsSettings(BaseModel, frozen=True, extra="forbid"):
    """What one day, one chat, one question and one turn may take. What is counted by the day is free for admins."""

    messages_per_day: PerDay = 200  # of one person
    images_per_day: PerDay = 20  # for one person
    all_messages_per_day: PerDay = 5000  # of all people together
    waiting_per_chat: Annotated[Count, Field(ge=1, le=1000)] = 30  # messages, besides the one being answered
    input_characters: Annotated[Count, Field(ge=1, le=1_000_000)] = 20_000  # of one question
    attempts_per_turn: Annotated[Count, Field(ge=1, le=20)] = 4  # requests to providers: it is somebody's bill


# What people see of a model's thinking: nothing but "typing …"; that it goes on, and for how long; or, besides, what it
# thought, in a quote above the answer. That is never a part of the answer, nor told to the model again.
Reasoning = Literal["hidden", "status", "quote"]


class RepliesSettings(BaseModel, frozen=True, extra="forbid"):
    """How answers are shown."""

    reasoning: Reasoning = "status"
    # An answer that took longer comes as a new message in the end, for edits notify nobody; 0: never.
    fresh_after_seconds: Annotated[Count, Field(ge=0, le=86400)] = 60


ALL_LISTED = "*"  # as `model`: the entry stands for all models that its provider lists


class ModelSettings(BaseModel, frozen=True, extra="forbid"):
    """One entry of `models:`. `parameters` go to the provider as they are."""

    provider: str  # its name under `providers:`
    model: str = ""  # as the provider calls it; empty where it has only one; or `ALL_LISTED`
    vision: bool = False  # whether it may be sent images
    context_tokens: Annotated[Count, Field(ge=256, le=100_000_000)] = 16_000  # what history is fitted to
    parameters: Parameters = {}
    system_prompt: str | None = None  # None: the one for all models
    reasoning: Reasoning | None = None  # None: as it is for all models
    fallback: tuple[str, ...] = ()  # names under `models:`, asked in this order where this one can't answer


class ImageModelSettings(BaseModel, frozen=True, extra="forbid"):
    """One entry of `image_models:`. `parameters` go to the provider as they are."""

    provider: str  # its name under `providers:`; one whose class can `draw`
    model: str = ""  # as the provider calls it; empty where it has only one
    parameters: Parameters = {}
