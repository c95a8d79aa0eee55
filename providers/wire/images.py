"""Pictures as OpenAI's `POST /images/generations` and its many speakers write them: pure translators, no I/O."""

import base64
import binascii
import re
from collections.abc import Mapping

from chat.errors import Garbled
from chat.messages import Image
from providers import failures
from providers.base import ImageRequest, JsonValue

FORMAT = "response_format"

_ANSWERS_IN_BASE64 = re.compile(r"(^|/)(chatgpt|gpt)-image", re.IGNORECASE)
_BEGINNINGS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
)


def request_body(request: ImageRequest) -> dict[str, JsonValue]:
    """The JSON body of `POST /images/generations`: one picture, inside the answer rather than behind an address.

    `parameters` go in as they are and may replace size and format; `size: null` leaves it out, as xAI wants it.
    `response_format` is not sent to OpenAI's gpt-image models: they always answer in base64, and refuse the field with
    a 400. dall-e and most compatible servers know it, and answer with an address unless they are asked. For a server
    that neither rule fits, see `without_format`.
    """
    body: dict[str, JsonValue] = {"size": f"{request.width}x{request.height}"}
    if not _ANSWERS_IN_BASE64.search(request.model):
        body[FORMAT] = "b64_json"
    body |= request.parameters
    body |= {"model": request.model, "prompt": request.prompt, "n": 1}
    if request.seed is not None:
        body["seed"] = request.seed
    return {name: value for name, value in body.items() if value is not None}


def without_format(body: Mapping[str, JsonValue], complaint: str) -> dict[str, JsonValue] | None:
    """The same body without `response_format`, if that is what the server complains of; None if it isn't."""
    if FORMAT not in body or FORMAT not in complaint:
        return None
    return {name: value for name, value in body.items() if name != FORMAT}


def read_answer(answer: JsonValue) -> Image | str:
    """The picture in an answer, or the address where it is. Raises `Garbled`, or what the error in it stands for."""
    match answer:
        case {"error": error} if error:
            raise failures.from_error(answer)
        case {"data": [{"b64_json": str() as encoded}, *_]} if encoded:
            return checked(_decoded(encoded))
        case {"data": [{"url": str() as url}, *_]} if url:
            return checked(_decoded(url)) if url.startswith("data:") else url
        case _:
            raise Garbled(f"an answer without a picture: {str(answer)[:200]}")


def checked(data: bytes) -> Image:
    """The picture, its media type told by its first bytes: what a server says of it may be wrong. Raises `Garbled`."""
    for beginning, media_type in _BEGINNINGS:
        if beginning.match(data):
            return Image(data, media_type)
    raise Garbled(f"not a picture: {data[:40]!r}…")


def _decoded(text: str) -> bytes:
    """Base64, bare or in a data URL; some servers break it into lines."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Garbled(f"not base64: {text[:100]}") from None
