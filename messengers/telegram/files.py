"""Pictures out, files in. A file's address has the bot's token in it, and so have the HTTP client's errors."""

import logging
from contextlib import aclosing
from typing import Any

from aiogram import Bot
from aiogram.methods import GetFile
from aiogram.types import BufferedInputFile
from aiohttp import ClientError, ClientResponseError

from chat.incoming import Attachment
from chat.messages import Image
from messengers.base import MessengerError, Refused, Unsure
from messengers.telegram.calls import WAYS_TO_FAIL, RawSendDocument, RawSendPhoto, call

log = logging.getLogger(__name__)

TELEGRAMS_OWN = "https://api.telegram.org/"
TRANSFER_SECONDS = 60
LARGEST_FILE = 20 * 2**20  # bytes that Telegram hands out to bots
LONGEST_CAPTION = 1024  # UTF-16 units

NAMES = {"image/png": "image.png", "image/jpeg": "image.jpg", "image/webp": "image.webp", "image/gif": "image.gif"}


def photo(image: Image, where: dict[str, Any]) -> RawSendPhoto:
    """The call that shows the picture; Telegram makes a JPEG of it."""
    return RawSendPhoto(photo=_upload(image), **where)


def document(image: Image, where: dict[str, Any]) -> RawSendDocument:
    """The call that sends the picture as a file, as it is."""
    return RawSendDocument(document=_upload(image), **where)


def caption_of(text: str) -> str | None:
    """As much of a text as a caption takes, with no emoji cut in two."""
    units = text.encode("utf-16-le", "ignore")
    if len(units) <= 2 * LONGEST_CAPTION:
        return units.decode("utf-16-le") or None
    return units[: 2 * (LONGEST_CAPTION - 1)].decode("utf-16-le", "ignore") + "…"


async def fetch(bot: Bot, attachment: Attachment) -> bytes:
    """See `Chat.fetch`."""
    if attachment.size > LARGEST_FILE:
        raise Refused(f"a file of {attachment.size} bytes: Telegram hands out {LARGEST_FILE}")
    file = await call(bot, GetFile(file_id=attachment.id))
    if not file.file_path:
        raise Refused("Telegram says of a file only that there is one")
    return await _read(bot, bot.session.api.file_url(bot.token, file.file_path))


async def _read(bot: Bot, url: str) -> bytes:
    failure: MessengerError
    try:
        return await _bounded(bot, url)
    except ClientResponseError as error:
        if error.status == 404 and not url.startswith(TELEGRAMS_OWN):
            log.warning(
                "a file that somebody sent isn't at telegram.api_base_url (404): beside a Bot API server of your own, "
                "something must serve its files under /file/, which telegram-bot-api itself doesn't do"
            )
        is_gone = 400 <= error.status < 500 and error.status != 429
        failure = (Refused if is_gone else Unsure)(f"Telegram answers {error.status} when asked for a file")
    except (ClientError, *WAYS_TO_FAIL) as error:
        failure = Unsure(f"reading a file failed: {type(error).__name__}")
    raise failure  # out here, so that it doesn't bring along the error with the address in it


async def _bounded(bot: Bot, url: str) -> bytes:
    data = bytearray()
    async with aclosing(bot.session.stream_content(url, timeout=TRANSFER_SECONDS)) as chunks:
        async for chunk in chunks:
            data += chunk
            if len(data) > LARGEST_FILE:
                raise Refused(f"a file goes on after {LARGEST_FILE} bytes")
    return bytes(data)


def _upload(image: Image) -> BufferedInputFile:
    return BufferedInputFile(image.data, NAMES.get(image.media_type, "image"))
