"""One Telegram chat, or one topic of it: pages out as messages with entities and buttons."""

import logging
from collections.abc import Sequence
from typing import Any

from aiogram import Bot
from aiogram.methods import DeleteMessage, SendChatAction, TelegramMethod
from aiogram.types import InputRichMessage, LinkPreviewOptions, ReplyParameters

from chat.buttons import Button
from chat.incoming import Address, Attachment
from chat.messages import Image
from messengers.base import MessageGone, MessengerError, Page, Refused
from messengers.budget import Budget
from messengers.telegram.calls import (
    TIMEOUT_SECONDS,
    Moved,
    RawEditMessageText,
    RawSendMessage,
    RawSendRichMessage,
    Unknown,
    call,
)
from messengers.telegram.contents import LARGEST_PHOTO
from messengers.telegram.drafts import TelegramDrafts
from messengers.telegram.files import TRANSFER_SECONDS, caption_of, document, fetch, photo
from messengers.telegram.keyboards import entities_of, keyboard
from messengers.telegram.rendering import TelegramDialect
from messengers.telegram.rich import Rich, RichDialect

log = logging.getLogger(__name__)

DELETION_REFUSED = "message can't be deleted"  # after 48 hours, or by a bot whose rights were taken away
GENERAL = 1  # a forum's first topic, for actions: messages are sent there without a topic, and refused with this one
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class TelegramChat:
    """See `messengers.base.Chat`."""

    typing_lasts = 4.5  # Telegram shows it for 5 s
    sends_are_idempotent = False  # nothing marks a call as the repetition of another
    most_messages = 0
    new_messages_notify = True
    closes_at = 0.0

    def __init__(
        self,
        bot: Bot,
        address: Address,
        dialect: TelegramDialect,
        budget: Budget,
        drafts: TelegramDrafts | None = None,
    ) -> None:
        self._bot = bot
        self._drafts = drafts
        self._home = self._chat_id = int(address.place)
        self._thread = int(address.thread) if address.thread else None
        self._question = int(address.message) if address.message else None
        self._spot = address.spot
        self.dialect = dialect
        self.budget = budget

    @property
    def drafts(self) -> TelegramDrafts | None:
        """See `Chat.drafts`."""
        return self._drafts if self._drafts and self._drafts.usable else None

    async def send(
        self,
        page: Page,
        buttons: Sequence[Button] = (),
        *,
        reply: bool = False,
        nonce: str = "",
        previous: str = "",
    ) -> str:
        """See `Chat.send`."""
        where: dict[str, Any] = {
            "chat_id": self._chat_id,
            "message_thread_id": self._thread,
            "reply_parameters": self._quoted(reply, previous),
            "reply_markup": keyboard(buttons),
        }
        if rich := self._rich(page):
            try:
                return await self._send(RawSendRichMessage(rich_message=rich, **where))
            except (Refused, Unknown) as refusal:
                self._stays_plain(refusal)
        return await self._send(
            RawSendMessage(text=page.text, entities=entities_of(page), link_preview_options=NO_PREVIEW, **where)
        )

    async def send_image(self, image: Image, caption: str = "", *, reply: bool = False, nonce: str = "") -> str:
        """See `Chat.send_image`. What Telegram takes for no photo (its size, shape or kind) is sent as a file."""
        if len(image.data) <= LARGEST_PHOTO:
            try:
                return await self._send(photo(image, self._where(caption, reply)), TRANSFER_SECONDS)
            except Refused as refusal:
                log.info("Telegram takes a picture only as a file: %s", refusal)
        return await self._send(document(image, self._where(caption, reply)), TRANSFER_SECONDS)

    async def send_rest(self, text: str, *, nonce: str = "") -> str:
        """Never needed: an answer may have any number of messages."""
        raise Refused("an answer has no rest here")

    async def earlier(self) -> None:
        """A bot can't read what was said in a chat: the store remembers it."""

    async def fetch(self, attachment: Attachment) -> bytes:
        """See `Chat.fetch`."""
        return await fetch(self._bot, attachment)

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        """See `Chat.edit`."""
        place, number = self._place_of(message)
        where: dict[str, Any] = {"chat_id": place, "message_id": number, "reply_markup": keyboard(buttons)}
        if rich := self._rich(page):
            try:
                await call(self._bot, RawEditMessageText(rich_message=rich, **where))
            except (Refused, Unknown) as refusal:
                self._stays_plain(refusal)
            else:
                return
        await call(
            self._bot,
            RawEditMessageText(text=page.text, entities=entities_of(page), link_preview_options=NO_PREVIEW, **where),
        )

    async def delete(self, message: str) -> None:
        """See `Chat.delete`."""
        place, number = self._place_of(message)
        try:
            await call(self._bot, DeleteMessage(chat_id=place, message_id=number))
        except MessageGone as gone:
            if DELETION_REFUSED in str(gone):
                raise Refused(str(gone)) from gone
        except Moved:
            return

    async def typing(self) -> None:
        """See `Chat.typing`."""
        thread = GENERAL if self._spot == "general" else self._thread
        await self._follow(SendChatAction(chat_id=self._chat_id, message_thread_id=thread, action="typing"))

    def _rich(self, page: Page) -> InputRichMessage | None:
        """What a page is as a rich message, where it is to be one."""
        known = isinstance(self.dialect, RichDialect) and self.dialect.takes_rich
        return InputRichMessage(markdown=page.markup.markdown) if known and isinstance(page.markup, Rich) else None

    def _stays_plain(self, refusal: MessengerError) -> None:
        if isinstance(self.dialect, RichDialect):
            self.dialect.refused(refusal)

    def _where(self, caption: str, reply: bool) -> dict[str, Any]:
        return {
            "chat_id": self._chat_id,
            "message_thread_id": self._thread,
            "caption": caption_of(caption),
            "reply_parameters": self._quoted(reply),
        }

    def _quoted(self, reply: bool, previous: str = "") -> ReplyParameters | None:
        """What a message answers. Where only replies belong to a thread, each one does: else it would be outside."""
        answered = self._question
        if self._spot == "replies":
            reply, answered = True, self._place_of(previous)[1] if previous else answered
        if not reply or not answered or self._chat_id != self._home:
            return None
        return ReplyParameters(message_id=answered, allow_sending_without_reply=True)

    def _place_of(self, message: str) -> tuple[int, int]:
        place, _, number = message.rpartition("/")
        return int(place or self._home), int(number)

    async def _send(self, method: TelegramMethod[Any], timeout: int = TIMEOUT_SECONDS) -> str:
        sent: dict[str, Any] = await self._follow(method, timeout)
        number = str(sent["message_id"])
        # A supergroup counts its messages anew: where it isn't the group of the address, its id goes along.
        return number if self._chat_id == self._home else f"{self._chat_id}/{number}"

    async def _follow(self, method: TelegramMethod[Any], timeout: int = TIMEOUT_SECONDS) -> Any:
        """Make a call, in the supergroup that the group has become if it has."""
        try:
            return await call(self._bot, method, timeout)
        except Moved as moved:
            self._chat_id = moved.place
            elsewhere: dict[str, Any] = {"chat_id": moved.place}
            if hasattr(method, "reply_parameters"):
                elsewhere["reply_parameters"] = None
            return await call(self._bot, method.model_copy(update=elsewhere), timeout)
