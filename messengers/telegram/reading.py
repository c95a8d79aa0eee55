"""Telegram's updates to the vocabulary: a pure translator."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from aiogram.types import CallbackQuery, ChatMemberUpdated, Message, MessageEntity, Update, User

from chat.buttons import decode
from chat.commands import read_command
from chat.incoming import Address, Incoming, Invoked, Left, Pressed, Said, Sender

ANONYMOUS_ADMIN = 1087968824  # @GroupAnonymousBot: an admin who writes as the group
UPDATES = ("message", "callback_query", "my_chat_member")


@dataclass(frozen=True, slots=True)
class Reader:
    """Knows who the bot is, so that it can tell what is meant for it."""

    bot_id: int
    bot_name: str
    commands: Collection[str]

    def read(self, update: Update) -> Incoming | None:
        """What somebody did; None for what isn't the bot's business."""
        key = f"telegram:{self.bot_id}:{update.update_id}"
        if update.message:
            return self._message(update.message, key)
        if update.callback_query:
            return self._press(update.callback_query, key)
        if update.my_chat_member:
            return self._membership(update.my_chat_member, key)
        return None

    def _message(self, message: Message, key: str) -> Incoming | None:
        sender = _sender(message)
        text = message.text or ""
        if sender is None or not text or message.is_automatic_forward:
            return None
        address = _address(message)
        command = read_command(text, self.commands, self.bot_name)
        if command:
            return Invoked(address, sender, key, *command)
        if not address.private:
            if not self._is_addressed(message):
                return None
            text = self._without_mention(text)
        return Said(address, sender, key, text) if text.strip() else None

    def _is_addressed(self, message: Message) -> bool:
        """In a group: the bot is mentioned, or one of its messages is replied to."""
        answered = message.reply_to_message
        # The message that opened a topic counts as replied to by all in it: that one is nobody's question.
        author = answered.from_user if answered and not answered.forum_topic_created else None
        if author and author.id == self.bot_id:
            return True
        return any(self._is_mention(entity, message.text or "") for entity in message.entities or ())

    def _is_mention(self, entity: MessageEntity, text: str) -> bool:
        if entity.type == "text_mention":
            return bool(entity.user and entity.user.id == self.bot_id)
        return entity.type == "mention" and entity.extract_from(text).lower() == f"@{self.bot_name}".lower()

    def _without_mention(self, text: str) -> str:
        """The question alone: a mention at its beginning or end only says whom it is for."""
        mention = rf"@{re.escape(self.bot_name)}"
        return re.sub(rf"^\s*{mention}\b[,:]?\s*|\s*{mention}\s*$", "", text, flags=re.IGNORECASE)

    def _press(self, query: CallbackQuery, key: str) -> Incoming | None:
        action = decode(query.data or "")
        if action is None or query.message is None:
            return None
        if isinstance(query.message, Message):
            address = _address(query.message)
        else:  # too old for Telegram to tell more than where it is
            chat = query.message.chat
            address = Address("telegram", str(chat.id), private=chat.type == "private")
        return Pressed(address, _person(query.from_user), key, action)

    def _membership(self, change: ChatMemberUpdated, key: str) -> Incoming | None:
        if change.new_chat_member.status not in {"left", "kicked"}:
            return None
        address = Address("telegram", str(change.chat.id), private=change.chat.type == "private")
        return Left(address, _person(change.from_user), key)


def _address(message: Message) -> Address:
    # In a group without topics, message_thread_id is set on replies as well: it means nothing there.
    topic = message.message_thread_id if message.is_topic_message else None
    chat = message.chat
    return Address("telegram", str(chat.id), str(topic or ""), str(message.message_id), private=chat.type == "private")


def _sender(message: Message) -> Sender | None:
    """Who wrote it; None for other bots and for what channels post."""
    user, as_chat = message.from_user, message.sender_chat
    if as_chat:
        if user and user.id == ANONYMOUS_ADMIN and as_chat.id == message.chat.id:
            return Sender(str(as_chat.id), as_chat.title or "")
        return None
    return None if user is None or user.is_bot else _person(user)


def _person(user: User) -> Sender:
    return Sender(str(user.id), user.full_name, user.language_code or "")
