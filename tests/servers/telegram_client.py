"""An unmodified aiogram client for the stand-in Telegram, and what its tests say to it."""

import contextlib
from collections.abc import AsyncIterator

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Message, MessageEntity

from tests.servers.telegram import TelegramServer


@contextlib.asynccontextmanager
async def telegram_client(server: TelegramServer, token: str = "") -> AsyncIterator[Bot]:
    """A client of the server; with another `token` it is a stranger."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(server.base_url))
    try:
        yield Bot(token or server.token, session)
    finally:
        await (await session.create_session()).close()  # without the pause of aiogram's own `close`


def keyboard(*buttons: tuple[str, str]) -> InlineKeyboardMarkup:
    """A row of buttons, each a label and its data."""
    row = [InlineKeyboardButton(text=label, callback_data=data) for label, data in buttons]
    return InlineKeyboardMarkup(inline_keyboard=[row])


def bold(offset: int, length: int) -> MessageEntity:
    """Bold type, in UTF-16 units."""
    return MessageEntity(type="bold", offset=offset, length=length)


def plain(message: Message) -> list[tuple[str, int, int]]:
    """The entities of a message, comparable."""
    return [(entity.type, entity.offset, entity.length) for entity in message.entities or []]
