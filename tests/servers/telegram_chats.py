"""Chats of the stand-in Telegram: what people do there, and what they see."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypedDict, Unpack

from tests.servers import telegram_media as media
from tests.servers.telegram_files import File
from tests.servers.telegram_messages import Message, Version
from tests.servers.telegram_native import Draft
from tests.servers.telegram_privacy import concerns
from tests.servers.telegram_text import TEXT_LIMIT, ApiError, Json, typed_entities, utf16_length
from tests.servers.telegram_world import Person, Press, World

BLOCKED = "Forbidden: bot was blocked by the user"


class Where(TypedDict, total=False):
    """Who sends something, in which topic, and the message that it answers."""

    user: Person | None
    thread: int | None
    reply_to: Message | int | None


class Chat:
    """A private chat or a group: `say`, `press`, `block` … act as people; `messages` is what the bot shows there.

    `refusal` is what every call for this chat is answered with, if anything: a block, a migration, or your own.
    """

    def __init__(self, world: World, body: Json, owner: Person | None, topics: Mapping[int, str]) -> None:
        self.id: int = body["id"]
        self.body = body
        self.user = owner  # who a private chat is with; None in groups
        self.topics = dict(topics)
        self.everything: list[Message] = []  # everybody's messages, deleted ones too
        self.actions: list[tuple[float, str, int | None]] = []  # "typing" … that people see: when, what, which topic
        self.drafts: list[Draft] = []  # all that drafts ever showed here, in order
        self.refusal: ApiError | None = None
        self.undeletable: set[int] = set()  # messages that are older than the 48 hours in which bots may delete theirs
        self._world = world

    # What people see

    @property
    def messages(self) -> list[Message]:
        """The bot's messages that are there now, in order."""
        return [message for message in self.history if message.visible]

    @property
    def history(self) -> list[Message]:
        """All that the bot ever sent here, in order, deleted messages too."""
        return [message for message in self.everything if message.sender == self._world.bot]

    @property
    def last(self) -> Message:
        """The bot's newest message."""
        return self.messages[-1]

    @property
    def draft(self) -> Draft | None:
        """The draft that people see now."""
        return self.drafts[-1] if self.drafts and self.drafts[-1].visible(self._world.now()) else None

    def shown_text(self, thread: int | None = None) -> str:
        """What the bot's messages (of a topic) say now, one below the other."""
        shown = (message for message in self.messages if thread in (None, message.thread))
        return "\n".join(message.text for message in shown)

    @property
    def is_forum(self) -> bool:
        """Whether it has topics."""
        return bool(self.body.get("is_forum"))

    def thread_of(self, number: int | None) -> int | None:
        """The thread that a reply to this message belongs to, in a group without topics: the comments of a post."""
        answered = self.message(number or 0)
        in_comments = self.body["type"] == "supergroup" and not self.is_forum
        return answered.thread if answered and in_comments else None

    def message(self, number: int) -> Message | None:
        """The message with this id, if it is there."""
        found = self.everything[number - 1] if 0 < number <= len(self.everything) else None
        return found if found and found.visible else None

    async def wait_for(self, true: Callable[["Chat"], object], timeout: float = 5.0) -> None:
        """Return once `true(chat)`; an AssertionError that shows the chat after `timeout` seconds."""
        await self._world.changes.until(lambda: true(self), timeout, self._described)

    async def wait_for_text(self, part: str, timeout: float = 5.0) -> Message:
        """Wait until a message of the bot contains `part`; that message."""
        await self.wait_for(lambda chat: part in chat.shown_text(), timeout)
        return next(message for message in self.messages if part in message.text)

    def _described(self) -> str:
        shown = "\n".join(f"  [{message.id}] {message.text!r} {message.labels}" for message in self.messages)
        return f"chat {self.id} shows:\n{shown or '  nothing'}\n  draft: {self.draft}"

    # What people do

    def say(self, text: str, *, quote: str = "", **where: Unpack[Where]) -> Message:
        """Somebody writes: commands and @names are marked as Telegram marks them.

        With `reply_to`, `quote` is the part of that message that they marked.
        """
        answered = self.message(_number(where.get("reply_to")) or 0)
        content = media.quoted(answered.text if answered else quote, quote) if quote else {}
        return self._share(content, text, where)

    def paste(self, text: str, *, user: Person | None = None, thread: int | None = None) -> list[Message]:
        """Somebody writes a long text: the client splits it into messages of 4096."""
        return [self.say(piece, user=user, thread=thread) for piece in _pieces(text)]

    def photo(self, data: bytes, caption: str = "", *, album: str = "", **where: Unpack[Where]) -> Message:
        """Somebody sends a photo. Those of one `album` arrive one by one, usually only the first with a caption."""
        content, file = media.photo(self._world.files, data)
        return self._share(content | ({"media_group_id": album} if album else {}), caption, where, file)

    def document(
        self,
        data: bytes,
        name: str = "notes.txt",
        mime: str = "text/plain",
        *,
        caption: str = "",
        album: str = "",
        **where: Unpack[Where],
    ) -> Message:
        """Somebody sends a file."""
        content, file = media.document(self._world.files, data, name, mime)
        return self._share(content | ({"media_group_id": album} if album else {}), caption, where, file)

    def share(self, kind: str, caption: str = "", **where: Unpack[Where]) -> Message:
        """Somebody sends one of `telegram_media.SAMPLES`: a voice message, a sticker, a location …"""
        return self._share(media.sample(kind), caption, where)

    def forward(self, author: Person | Json | str, text: str, photo: bytes = b"", **where: Unpack[Where]) -> Message:
        """Somebody forwards a text, or a photo with the text under it. See `telegram_media.forwarded` for `author`."""
        content, file = media.photo(self._world.files, photo) if photo else ({}, None)
        return self._share(content | media.forwarded(author, self._world.now()), text, where, file)

    def post(self, content: Json, **where: Unpack[Where]) -> Message:
        """Somebody sends anything else: a service message, an odd `sender_chat`, text with entities of your own."""
        return self._arrive(self._message(content, where))

    def edit(self, message: Message, text: str) -> None:
        """Somebody changes what they wrote."""
        message.versions.append(Version(self._world.now(), text, typed_entities(text)))
        self._world.updates.push("edited_message", self.show(message))
        self._world.changes.happened()

    def press(
        self, message: Message | int, button: str | int = 0, *, user: Person | None = None, data: str | None = None
    ) -> Press:
        """Somebody presses a button, by its label or its number; with `data` a forged press of any button at all.

        Raises LookupError where no such button is shown.
        """
        pressed = message if isinstance(message, Message) else self.message(message)
        if not pressed or not pressed.visible:
            raise LookupError(f"no message {message} in chat {self.id}")
        press = self._world.new_press(_data(pressed, button) if data is None else data)
        query = {"id": press.id, "from": self._someone(user).json(), "chat_instance": str(self.id), "data": press.data}
        self._world.updates.push("callback_query", query | {"message": self.show(pressed)})
        return press

    def stop_generation(self) -> None:
        """Somebody presses Telegram's own button under a draft; LookupError where there is none."""
        draft = self.draft
        if not draft or not draft.can_stop:
            raise LookupError(f"no draft to stop in chat {self.id}")
        if not draft.keep_on_stop:
            draft.over = self._world.now()
        thread = {} if draft.thread is None else {"message_thread_id": draft.thread}
        self._world.updates.push("stopped_message_generation", {"chat": self.body, "draft_id": draft.id} | thread)
        self._world.changes.happened()

    def delete(self, message: Message | int) -> None:
        """Somebody deletes a message; bots are not told."""
        gone = message if isinstance(message, Message) else self.message(message)
        if gone and gone.visible:
            gone.deleted_at = self._world.now()
            self._world.changes.happened()

    def block(self, user: Person | None = None) -> None:
        """The bot is blocked, or removed from the group."""
        group = "supergroup" if self.body["type"] == "supergroup" else "group"
        kicked = f"Forbidden: bot was kicked from the {group} chat"
        self.refusal = ApiError(403, BLOCKED if self.user else kicked)
        self._membership(user, "member", "kicked")

    def unblock(self, user: Person | None = None) -> None:
        """The bot is let in again."""
        self.refusal = None
        self._membership(user, "kicked", "member")

    def migrate(self, supergroup: "Chat") -> None:
        """The group becomes a supergroup: another chat with another id."""
        upgraded = "Bad Request: group chat was upgraded to a supergroup chat"
        self.post({"migrate_to_chat_id": supergroup.id})
        supergroup.post({"migrate_from_chat_id": self.id})
        self.refusal = ApiError(400, upgraded, migrate_to_chat_id=supergroup.id)

    # What the Bot API does

    def show_draft(self, draft: Draft) -> None:
        """Show it in the place of the one before."""
        if self.drafts and self.drafts[-1].over is None:
            self.drafts[-1].over = draft.at
        self.drafts.append(draft)
        self._world.changes.happened()

    def keep(self, message: Message) -> Message:
        """Put a message into the chat: it gets its number here, from 1 on. One of the bot's ends its draft."""
        if self.drafts and self.drafts[-1].over is None and message.sender == self._world.bot:
            self.drafts[-1].over = message.sent_at
        message.id = len(self.everything) + 1
        self.everything.append(message)
        self._world.changes.happened()
        return message

    def show(self, message: Message) -> Json:
        """A message as the Bot API shows it."""
        replied = self.message(message.reply_to) if message.reply_to else None
        return message.json(self.body, replied)

    def _share(self, content: Json, text: str, where: Where, file: File | None = None) -> Message:
        message = self._message(content, where)
        message.versions.append(Version(message.sent_at, text, typed_entities(text)))
        message.file = file
        return self._arrive(message)

    def _message(self, content: Json, where: Where) -> Message:
        sender, reply_to = self._someone(where.get("user")), _number(where.get("reply_to"))
        return Message(0, sender, self._world.now(), where.get("thread"), reply_to, [], content)

    def _arrive(self, message: Message) -> Message:
        self.keep(message)
        replied = self.message(message.reply_to) if message.reply_to else None
        hears_all = self.user is not None or not self._world.privacy
        if hears_all or concerns(self._world.bot, message, replied, wrote_last=bool(self.history)):
            self._world.updates.push("message", self.show(message))
        return message

    def _membership(self, user: Person | None, before: str, after: str) -> None:
        body = {"chat": self.body, "from": self._someone(user).json(), "date": int(self._world.now())}
        sides = {"old_chat_member": self._member(before), "new_chat_member": self._member(after)}
        self._world.updates.push("my_chat_member", body | sides)
        self._world.changes.happened()

    def _member(self, status: str) -> Json:
        member: Json = {"user": self._world.bot.json(), "status": status}
        return member | ({"until_date": 0} if status == "kicked" else {})

    def _someone(self, user: Person | None) -> Person:
        return user or self.user or ANYBODY


ANYBODY = Person(900_001, "Somebody", "en")  # who speaks in a group where the test doesn't care


def _number(message: Message | int | None) -> int | None:
    return message.id if isinstance(message, Message) else message


def _pieces(text: str) -> Iterator[str]:
    while text:
        end = min(len(text), TEXT_LIMIT)
        while (over := utf16_length(text[:end]) - TEXT_LIMIT) > 0:
            end -= (over + 1) // 2
        yield text[:end]
        text = text[end:]


def _data(message: Message, button: str | int) -> str:
    buttons = message.buttons
    if isinstance(button, int) and button < len(buttons):
        return str(buttons[button]["callback_data"])
    for candidate in buttons:
        if candidate["text"] == button:
            return str(candidate["callback_data"])
    raise LookupError(f"no button {button!r} under message {message.id}: {message.labels}")
