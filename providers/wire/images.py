"""Pictures as OpenAI's `POST /images/generations` and its many speakers write them: pure translators, no I/O.

Chat models that draw (OpenRouter's way, which LiteLLM and Vercel's gateway share) are asked with `modalities`, and
answer with `images` beside the text.
"""

import base64
import binascii
import math
import re
from collections.abc import Mapping

from chat.errors import Blocked, Garbled
from chat.messages import Image
from providers import failures
from providers.base import ImageRequest, JsonValue

FORMAT = "response_format"
MODALITIES = "modalities"
ASPECT_RATIOS = {"1:1": 1.0, "16:9": 16 / 9, "9:16": 9 / 16}

_ANSWERS_IN_BASE64 = re.compile(r"(^|/)(chatgpt|gpt)-image", re.IGNORECASE)
# OpenAI's own models draw in a few sizes only, and refuse others, and a seed, with a 400.
_SIZES: tuple[tuple[re.Pattern[str], tuple[tuple[int, int], ...]], ...] = (
    (_ANSWERS_IN_BASE64, ((1024, 1024), (1536, 1024), (1024, 1536))),
    (re.compile(r"(^|/)dall-e-3", re.IGNORECASE), ((1024, 1024), (1792, 1024), (1024, 1792))),
    (re.compile(r"(^|/)dall-e-2", re.IGNORECASE), ((1024, 1024), (512, 512), (256, 256))),
)
_BEGINNINGS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
)


def request_body(request: ImageRequest) -> dict[str, JsonValue]:
    """The JSON body of `POST /images/generations`: one picture, inside the answer rather than behind an address.

    `parameters` go in as they are and may replace size and format; `size: null` leaves it out, and asks for the
    proportions instead (`aspect_ratio`, unless it is a square), as xAI wants it.
    OpenAI's own models get the nearest of the sizes that they draw in, and no seed.
    `response_format` is not sent to OpenAI's gpt-image models: they always answer in base64, and refuse the field with
    a 400. dall-e and most compatible servers know it, and answer with an address unless they are asked. For a server
    that neither rule fits, see `without_format`.
    """
    sizes = next((sizes for name, sizes in _SIZES if name.search(request.model)), ())
    width, height = _nearest((request.width, request.height), sizes)
    body: dict[str, JsonValue] = {"size": f"{width}x{height}"}
    if request.parameters.get("size", "") is None:
        body |= _proportions(request)
    if not _ANSWERS_IN_BASE64.search(request.model):
        body[FORMAT] = "b64_json"
    body |= request.parameters
    body |= {"model": request.model, "prompt": request.prompt, "n": 1}
    if request.seed is not None and not sizes:
        body["seed"] = request.seed
    return {name: value for name, value in body.items() if value is not None}


def _nearest(wanted: tuple[int, int], sizes: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The size whose proportions are the nearest, and of those the one that is; what is wanted, where all are taken."""

    def distance(size: tuple[int, int]) -> tuple[float, int]:
        proportions = math.log(wanted[0] / wanted[1]) - math.log(size[0] / size[1])
        return abs(proportions), abs(wanted[0] - size[0])

    return min(sizes, key=distance, default=wanted)


def without_format(body: Mapping[str, JsonValue], complaint: str) -> dict[str, JsonValue] | None:
    """The same body without `response_format`, if that is what the server complains of; None if it isn't."""
    if FORMAT not in body or FORMAT not in complaint:
        return None
    return {name: value for name, value in body.items() if name != FORMAT}


def chat_body(request: ImageRequest) -> dict[str, JsonValue]:
    """The JSON body of `POST /chat/completions` for a model that draws. `parameters` as in `request_body`.

    Chat models know no sizes: the nearest of a few proportions is asked for, unless it is a square, which is usual.
    """
    body: dict[str, JsonValue] = {MODALITIES: ["image", "text"]}
    if proportions := _proportions(request):
        body["image_config"] = proportions
    body |= request.parameters
    body |= {"model": request.model, "messages": [{"role": "user", "content": request.prompt}], "stream": False}
    if request.seed is not None:
        body["seed"] = request.seed
    return {name: value for name, value in body.items() if value is not None}


def _proportions(request: ImageRequest) -> dict[str, JsonValue]:
    """The nearest of a few, for whoever knows no sizes; nothing for a square."""
    wanted = request.width / request.height
    ratio = min(ASPECT_RATIOS, key=lambda name: abs(math.log(wanted / ASPECT_RATIOS[name])))
    return {} if ratio == "1:1" else {"aspect_ratio": ratio}


def plainer(body: Mapping[str, JsonValue], complaint: str) -> dict[str, JsonValue] | None:
    """The same body without what the server complains of, if that is nothing that was asked for; None if it is."""
    if MODALITIES in body and MODALITIES in complaint.replace("modality", MODALITIES):
        return {**body, MODALITIES: ["image"]} if body[MODALITIES] != ["image"] else None  # it only draws
    return without_format(body, complaint)


def read_chat_answer(answer: JsonValue) -> Image | str:
    """As `read_answer`, of a chat model's answer. Raises `Blocked` where a filter withheld the picture."""
    match answer:
        case {"error": error} if error:
            raise failures.from_error(answer)
        case {"choices": [{"error": dict() as error}, *_]}:
            raise failures.from_error({"error": error})
        case {"choices": [{"message": dict() as message, **choice}, *_]}:
            for address in picture_addresses(message):
                return checked(_decoded(address)) if address.startswith("data:") else address
            if choice.get("finish_reason") == "content_filter":
                raise Blocked(f"the picture was withheld: {str(message)[:200]}")
    raise Garbled(f"an answer without a picture: {str(answer)[:200]}")


def picture_addresses(message: Mapping[str, JsonValue]) -> list[str]:
    """The addresses of the pictures in a chat message, or a piece of one: in `images`, or among the parts."""
    parts = [part for name in ("images", "content") if isinstance(listed := message.get(name), list) for part in listed]
    found: list[str] = []
    for part in parts:
        match part:
            case {"image_url": {"url": str() as address}} | {"image_url": str() as address} if address:
                found.append(address)
    return found


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
