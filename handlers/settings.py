"""`limits:` and `models:` in the config."""

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, JsonValue, field_validator


def _not_a_bool(value: object) -> object:
    """Pydantic would take `yes` for the number 1."""
    if isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 — pydantic reports a ValueError, not a TypeError
    return value


Count = Annotated[int, BeforeValidator(_not_a_bool)]


class LimitsSettings(BaseModel, frozen=True, extra="forbid"):
    """What one chat, one question and one turn may take."""

    waiting_per_chat: Annotated[Count, Field(ge=1, le=1000)] = 30  # messages, besides the one being answered
    input_characters: Annotated[Count, Field(ge=1, le=1_000_000)] = 20_000  # of one question
    attempts_per_turn: Annotated[Count, Field(ge=1, le=20)] = 4  # requests to providers: it is somebody's bill


class ModelSettings(BaseModel, frozen=True, extra="forbid"):
    """One entry of `models:`. `parameters` go to the provider as they are."""

    provider: str  # its name under `providers:`
    model: str = ""  # as the provider calls it; empty where it has only one
    parameters: Mapping[str, JsonValue] = {}
    system_prompt: str | None = None  # None: the one for all models

    @field_validator("parameters")
    @classmethod
    def _sendable(cls, parameters: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        """Pydantic's JsonValue lets `.inf` and `.nan` through; JSON has neither."""
        try:
            json.dumps(dict(parameters), allow_nan=False)
        except ValueError:
            raise ValueError("has a number that JSON can't hold") from None
        return parameters
