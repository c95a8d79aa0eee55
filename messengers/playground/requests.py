"""What the page sends, checked; who sent it, and in which language."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError, model_validator

from chat.incoming import Sender
from messengers.playground.entries import title_of
from messengers.playground.guard import Refusal
from messengers.playground.records import MAIN

LARGEST_BODY = 100_000  # bytes of one request; an upload has a limit of its own
BODY_SECONDS = 30.0  # in which all of it must come
MOST_FILES = 10  # of one message

STAMP = re.compile(r"[0-9]{1,18}", re.ASCII)
PLACE = re.compile(r"[a-z0-9-]{1,36}")
LANGUAGE = re.compile(r"\s*([a-z]{2,8}(?:-[a-z0-9]{1,8})*)", re.IGNORECASE | re.ASCII)

Place = Annotated[str, Field(pattern=rf"^{PLACE.pattern}$")]
FileId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{32}$")]
Body = TypeVar("Body", bound=BaseModel)


class SayRequest(BaseModel, frozen=True, extra="forbid"):
    """`POST /say`. `id` is made by the page and stays the same when it tries again."""

    id: UUID
    conversation: Place = MAIN
    text: str = ""
    files: tuple[FileId, ...] = Field(default=(), max_length=MOST_FILES)

    @model_validator(mode="after")
    def _says_something(self) -> "SayRequest":
        if not self.text.strip() and not self.files:
            raise ValueError("nothing is said")
        return self


class PressRequest(BaseModel, frozen=True, extra="forbid"):
    """`POST /press`: a button, by the action that came with it."""

    id: UUID
    conversation: Place = MAIN
    action: str


class RenameRequest(BaseModel, frozen=True, extra="forbid"):
    """`PATCH /conversations/ID`."""

    title: str = Field(pattern=r"\S")

    @property
    def line(self) -> str:
        """The title as it is shown."""
        return title_of(self.title)


class LoginRequest(BaseModel, frozen=True, extra="forbid"):
    """`POST /login`."""

    password: str


async def read_body(model: type[Body], request: web.Request, seconds: float = BODY_SECONDS) -> Body:
    """The request's body as that. Raises `Refusal`."""
    if request.content_type != "application/json":
        raise Refusal(415, "wrong_type")
    try:
        async with asyncio.timeout(seconds):
            body = await request.read()
        return model.model_validate_json(body)
    except TimeoutError:
        raise Refusal(408, "too_slow") from None
    except ValidationError:
        raise Refusal(400, "bad_request") from None


def asked_place(request: web.Request) -> str:
    """The conversation that a query names. Raises `Refusal` for what can't be one."""
    place = request.query.get("conversation", MAIN)
    if not PLACE.fullmatch(place):
        raise Refusal(400, "bad_request")
    return place


def language_of(request: web.Request) -> str:
    """The language that the browser asks for first: `ru-ru`; "" for none."""
    match = LANGUAGE.match(request.headers.get("Accept-Language", ""))
    return match[1].lower() if match else ""


def sender(request: web.Request) -> Sender:
    """The one person at this page."""
    return Sender(id="1", name="You", language=language_of(request))


def only_known(asked: Sequence[str], found: Sequence[object]) -> None:
    """Raises `Refusal` where some of the files that were asked for aren't there."""
    if len(asked) != len(found):
        raise Refusal(400, "unknown_file")
