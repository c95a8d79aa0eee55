"""One Telegram chat, or one topic of it: pages out as messages with entities and buttons."""

from collections.abc import Sequence
from typing import Any

from aiogram import Bot
from aiogram.methods import DeleteMessage, SendChatAction, TelegramMethod
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)

from chat.buttons import Button, encode
from chat.incoming import Address
from messengers.base import MessageGone, Page
from messengers.budget import Budget
from messengers.telegram.calls import Moved, RawEditMessageText, RawSendMessage, call
from messengers.telegram.rendering import TelegramDialect

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class TelegramChat:
    """See `messengers.base.Chat`."""

    typing_lasts = 4.5  # Telegram shows it for 5 s

    def __init__(self, bot: Bot, address: Address, dialect: TelegramDialect, budget: Budget) -> None:
        self._bot = bot
        self._chat_id = int(address.place)
        self._thread = int(address.thread) if address.thread else None
        self._question = int(address.message) if address.message else None
        self.dialect = dialect
        self.budget = budget

    async def send(self, page: Page, buttons: Sequence[Button] = (), *, reply: bool = False) -> str:
        """See `Chat.send`."""
        quoted = None
        if reply and self._question:
            quoted = ReplyParameters(message_id=self._question, allow_sending_without_reply=True)
        sent: dict[str, Any] = await self._call(
            RawSendMessage(
                chat_id=self._chat_id,
                message_thread_id=self._thread,
                text=page.text,
                entities=_entities(page),
                reply_parameters=quoted,
                reply_markup=_keyboard(buttons),
                link_preview_options=NO_PREVIEW,
            )
        )
        return str(sent["message_id"])

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        """See `Chat.edit`."""
        await self._call(
            RawEditMessageText(
                chat_id=self._chat_id,
                message_id=int(message),
                text=page.text,
                entities=_entities(page),
                reply_markup=_keyboard(buttons),
                link_preview_options=NO_PREVIEW,
            )
        )

    async def delete(self, message: str) -> None:
        """See `Chat.delete`."""
        try:
            await self._call(DeleteMessage(chat_id=self._chat_id, message_id=int(message)))
        except MessageGone:
            return

    async def typing(self) -> None:
        """See `Chat.typing`."""
        await self._call(SendChatAction(chat_id=self._chat_id, message_thread_id=self._thread, action="typing"))

    async def _call(self, method: TelegramMethod[Any]) -> Any:
        try:
            return await call(self._bot, method)
        except Moved as moved:
            self._chat_id = moved.place
            return await call(self._bot, method.model_copy(update={"chat_id": moved.place}))


def _entities(page: Page) -> list[MessageEntity] | None:
    return [
        MessageEntity(
            type=entity.type,
            offset=entity.offset,
            length=entity.length,
            url=entity.url or None,
            language=entity.language or None,
        )
        for entity in page.markup or ()
    ] or None


def _keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    row = [InlineKeyboardButton(text=button.label, callback_data=encode(button.action)) for button in buttons]
    return InlineKeyboardMarkup(inline_keyboard=[row])
