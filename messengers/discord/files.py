"""Pictures and text files: out as attachments, in from Discord's own servers only."""

from typing import Any

from aiohttp import ClientTimeout
from discord.http import Route
from yarl import URL

from chat.incoming import Attachment
from chat.messages import Image
from messengers.base import MessageGone, MessengerError, Refused, Unsure
from messengers.discord.calls import TRANSFER_SECONDS, WAYS_TO_FAIL, File, Rest

LARGEST_FILE = 20 * 2**20  # bytes of a file that is taken in; people with Nitro send up to 500 MB
LARGEST_UPLOAD = 10 * 2**20  # bytes that a bot may send where the guild isn't boosted
HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
REST_NAME = "answer.md"

NAMES = {"image/png": "image.png", "image/jpeg": "image.jpg", "image/webp": "image.webp", "image/gif": "image.gif"}


def picture(image: Image) -> File:
    """A picture to send. Raises `Refused` for one that is too large."""
    _check_upload(image.data)
    return File(NAMES.get(image.media_type, "image"), image.data, image.media_type)


def rest_of(text: str) -> File:
    """The rest of an answer, as a file that opens in Discord."""
    data = text.encode("utf-8", "replace")
    _check_upload(data)
    return File(REST_NAME, data, "text/markdown; charset=utf-8")


async def fetch(rest: Rest, attachment: Attachment) -> bytes:
    """See `Chat.fetch`. An attachment is known by its address, or as channel/message/attachment: addresses expire."""
    if attachment.size > LARGEST_FILE:
        raise Refused(f"a file of {attachment.size} bytes: {LARGEST_FILE} are taken in")
    url = _url(attachment.id) if "://" in attachment.id else await _address(rest, attachment.id)
    if not _is_discords(url):
        raise Refused("a file that isn't at Discord's")
    try:
        return await _read(rest, url)
    except WAYS_TO_FAIL as error:
        reason = f"reading a file failed: {type(error).__name__}"  # the address is signed: not into the log
    raise Unsure(reason)


async def _address(rest: Rest, name: str) -> URL:
    channel, _, rest_of_name = name.partition("/")
    message, _, number = rest_of_name.partition("/")
    try:
        shown = await rest.message(channel, message)
    except MessageGone as gone:
        raise Refused(f"the message of a file is gone: {gone}") from gone
    found: list[dict[str, Any]] = [file for file in shown.get("attachments", ()) if str(file["id"]) == number]
    if not found:
        raise Refused("the file isn't in its message any more")
    return _url(str(found[0]["url"]))


def _url(text: str) -> URL:
    try:
        return URL(text)
    except ValueError:
        raise Refused("a file without an address") from None


def _is_discords(url: URL) -> bool:
    if url.host in HOSTS:
        return url.scheme == "https"
    return url.absolute and url.origin() == URL(Route.BASE).origin()  # a proxy that is configured, a stand-in


async def _read(rest: Rest, url: URL) -> bytes:
    data = bytearray()
    timeout = ClientTimeout(total=TRANSFER_SECONDS)
    async with rest.session.get(url, proxy=rest.proxy, timeout=timeout, allow_redirects=False) as answer:
        if answer.status != 200:
            raise _failure(answer.status)
        async for chunk in answer.content.iter_chunked(2**16):
            data += chunk
            if len(data) > LARGEST_FILE:
                raise Refused(f"a file goes on after {LARGEST_FILE} bytes")
    return bytes(data)


def _failure(status: int) -> MessengerError:
    is_gone = 300 <= status < 500 and status != 429
    return (Refused if is_gone else Unsure)(f"Discord answers {status} when asked for a file")


def _check_upload(data: bytes) -> None:
    if len(data) > LARGEST_UPLOAD:
        raise Refused(f"a file of {len(data)} bytes: Discord takes {LARGEST_UPLOAD}")
