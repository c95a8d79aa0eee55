"""Telegram's updates to the vocabulary: a translator that does no I/O."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Literal

from aiogram.types import (
    CallbackQuery,
    ChatMemberRestricted,
    ChatMemberUpdated,
    Message,
    MessageEntity,
    MessageGenerationStopped,
    Update,
    User,
)

from chat.buttons import Action, decode
from chat.commands import read_command
from chat.incoming import Address, Incoming, Invoked, Left, Moved, Pressed, Said, Sender
from messengers.telegram.contents import Contents, contents_of
from messengers.telegram.following import Following
from messengers.telegram.quotes import quotes_of, replied_to

ASK = "ask"
ANONYMOUS_ADMIN = 1087968824  # @GroupAnonymousBot: an admin who writes as the group
UPDATES = ("message", "callback_query", "my_chat_member")
UNFINISHED = 3900  # UTF-16 units: clients split a paste below 4096, where a line or a word ends

# Bots' names end in "bot", whatever their case: this is none for "/etc@home".
_COMMAND_OF_A_BOT = re.compile(r"/\w{1,64}@(\w{0,29}bot)\b", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Reader:
    """Knows who the bot is, so that it can tell what is meant for it."""

    bot_id: int
    bot_name: str
    commands: Collection[str]
    following: Following = field(default_factory=Following, compare=False)

    def read(self, update: Update) -> Incoming | None:
        """What somebody did; None for what isn't the bot's business."""
        key = f"telegram:{self.bot_id}:{update.update_id}"
        if update.message:
            return _move(update.message, key) or self._message(update.message, key)
        if update.callback_query:
            return self._press(update.callback_query, key)
        if update.my_chat_member:
            return self._membership(update.my_chat_member, key)
        if update.stopped_message_generation:
            return _stop(update.stopped_message_generation, key)
        return None

    def _message(self, message: Message, key: str) -> Incoming | None:
        sender, contents = _sender(message), contents_of(message)
        if sender is None or contents is None or message.is_automatic_forward:
            return None
        address = _address(message)
        if not message.forward_origin:  # others' words command nothing
            if self._is_for_another_bot(contents.text):
                return None
            command = read_command(contents.text, self.commands, self.bot_name)
            if command:
                invoked = Invoked(address, sender, key, *command)
                return self._asked(message, contents, invoked) or invoked
        if not address.private and not self._is_meant(message, contents):
            return None
        return self._said(message, contents, Said(address, sender, key, ""))

    def _asked(self, message: Message, contents: Contents, invoked: Invoked) -> Said | None:
        """`/ask` with anything to it is a question as any other: pictures, quotes and the rest of a paste are its."""
        if invoked.command != ASK:
            return None
        question = replace(contents, text=invoked.text, entities=())
        said = self._said(message, question, Said(invoked.address, invoked.sender, invoked.key, ""))
        if said and not invoked.address.private:
            self.following.expect(message, unfinished=said.unfinished)
        return said

    def _said(self, message: Message, contents: Contents, bare: Said) -> Said | None:
        """Put the contents in; None where there is nothing to answer."""
        text = "" if message.forward_origin else contents.text
        if not bare.address.private:
            text = self._without_mention(text)
        said = replace(
            bare,
            text=text,
            quotes=quotes_of(message, self.bot_id),
            images=contents.images,
            documents=contents.documents,
            other=contents.other,
            album=message.media_group_id or "",
            unfinished=_is_unfinished(message),
        )
        told = said.other and said.address.private  # in a group a voice message that nobody can use is met with silence
        return said if text.strip() or said.quotes or said.images or said.documents or told else None

    def _is_meant(self, message: Message, contents: Contents) -> bool:
        """In a group: it is addressed to the bot, or belongs to what is."""
        if contents.wordless or not (self._is_addressed(message, contents) or self.following.includes(message)):
            return False
        self.following.expect(message, unfinished=_is_unfinished(message))
        return True

    def _is_addressed(self, message: Message, contents: Contents) -> bool:
        """In a group: the bot is mentioned, or one of its messages is replied to."""
        answered = replied_to(message)
        if answered and answered.from_user and answered.from_user.id == self.bot_id:
            return True
        if message.forward_origin:  # whoever wrote the mention, it was not said here
            return False
        return any(self._is_mention(entity, contents.text) for entity in contents.entities)

    def _is_for_another_bot(self, text: str) -> bool:
        named = _COMMAND_OF_A_BOT.match(text)
        return named is not None and named[1].lower() != self.bot_name.lower()

    def _is_mention(self, entity: MessageEntity, text: str) -> bool:
        if entity.type == "text_mention":
            return bool(entity.user and entity.user.id == self.bot_id)
        return entity.type == "mention" and entity.extract_from(text).lower() == f"@{self.bot_name}".lower()

    def _without_mention(self, text: str) -> str:
        """The question alone: a mention at its beginning or end only says whom it is for."""
        mention = rf"@{re.escape(self.bot_name)}"
        return re.sub(rf"^\s*{mention}\b\s*[,:]?\s*|\s*{mention}\s*$", "", text, flags=re.IGNORECASE)

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
        now = change.new_chat_member
        outside = not now.is_member if isinstance(now, ChatMemberRestricted) else now.status in {"left", "kicked"}
        if not outside:
            return None
        address = Address("telegram", str(change.chat.id), private=change.chat.type == "private")
        return Left(address, _person(change.from_user), key)


def _stop(stopped: MessageGenerationStopped, key: str) -> Pressed | None:
    """Telegram's own Stop button under a draft. It doesn't tell who: drafts are only in private chats."""
    chat = stopped.chat
    if chat.type != "private" or stopped.draft_id <= 0:
        return None
    address = Address("telegram", str(chat.id), str(stopped.message_thread_id or ""))
    return Pressed(address, Sender(str(chat.id), chat.full_name), key, Action("stop", stopped.draft_id))


def _move(message: Message, key: str) -> Moved | None:
    """A group became a supergroup, which has another id. Telegram says so in both (core.telegram.org/bots/api#message).

    It says it in fields of its own, which nothing that people write gets into.
    """
    here = message.chat
    if here.type == "group" and message.migrate_to_chat_id:
        old, new = here.id, message.migrate_to_chat_id
    elif here.type == "supergroup" and message.migrate_from_chat_id:
        old, new = message.migrate_from_chat_id, here.id
    else:
        return None
    return Moved(Address("telegram", str(old), private=False), key, str(new))


def _is_unfinished(message: Message) -> bool:
    """Whether the client may have split a text that was too long for one message: the rest follows at once."""
    text = message.text or ""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2 >= UNFINISHED


def _address(message: Message) -> Address:
    # In a group without topics, message_thread_id is set on replies as well: it means nothing there.
    topic = message.message_thread_id if message.is_topic_message else None
    chat, number = message.chat, str(message.message_id)
    private = chat.type == "private"
    return Address("telegram", str(chat.id), str(topic or ""), number, private=private, spot=_spot(message))


def _spot(message: Message) -> Literal["", "general", "replies"]:
    """Where in a supergroup it is, but for topics. Comments under a channel's post are a thread of replies."""
    if message.chat.type != "supergroup" or message.is_topic_message:
        return ""
    if message.chat.is_forum:
        return "general"
    return "replies" if message.message_thread_id else ""


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
