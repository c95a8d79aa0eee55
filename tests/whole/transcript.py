"""Somebody's conversation with the bot, as a transcript to read: what they did, and each thing that they saw, in order.

anna = Walk(telegram.private(2001, "Anna", language_code="ru"))
anna.says("/model")
listed = await anna.sees(anna.text("model.current", model="main"))     # the sentence of the locale, as it is shown
anna.presses(listed, "other")
print(anna)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from messengers.telegram.rendering import TelegramDialect
from tests.servers.telegram import Chat, Message, Person, Version
from texts import Language, Texts

DIALECT = TelegramDialect()
TEXTS = Texts.load("en")


def as_shown(markdown: str) -> str:
    """The text that people see of it."""
    return DIALECT.render(markdown, final=True).text


def with_numbers(sentence: str) -> str:
    """A pattern for a sentence that was made with `§` where numbers are to be."""
    return re.escape(sentence).replace("§", r"\d+")


@dataclass
class Walk:
    """Somebody in a chat; where there are several people, `user` is who does things."""

    chat: Chat
    user: Person | None = None
    _presses: list[tuple[float, str]] = field(default_factory=list)

    @property
    def who(self) -> Person:
        """Whose walk it is."""
        person = self.user or self.chat.user
        assert person
        return person

    @property
    def language(self) -> Language:
        """What the bot speaks to them."""
        return TEXTS.of(self.who.language_code)

    def text(self, key: str, **values: str | int) -> str:
        """A sentence of the bot, as it is shown."""
        return as_shown(self.language.say(key, **values))

    def says(self, text: str, **where: Any) -> Message:
        """They write something."""
        return self.chat.say(text, user=self.who, **where)

    def presses(self, message: Message, label: str) -> None:
        """They press a button."""
        press = self.chat.press(message, label, user=self.who)
        self._presses.append((press.at, label))

    async def sees(self, text: str, timeout: float = 15) -> Message:
        """Wait until the bot's newest message says exactly that, and is finished."""
        return await self.reads(re.escape(text), timeout)

    async def reads(self, pattern: str, timeout: float = 15) -> Message:
        """Wait until the bot's newest message matches that from its beginning to its end, and is finished."""
        whole, stop = re.compile(pattern, re.DOTALL), self.language.say("button.stop")
        await self.chat.wait_for(
            lambda chat: chat.messages and stop not in chat.last.labels and whole.fullmatch(chat.last.text), timeout
        )
        return self.chat.last

    def __str__(self) -> str:
        """The transcript. What a message showed while it grew is left out; each thing it had grown to is there."""
        lines = [entry for _, entry in sorted(self._entries(), key=lambda entry: entry[0])]
        return "\n".join([f"── {self.who.first_name} ({self.who.language_code}), chat {self.chat.id} ──", *lines])

    def _entries(self) -> Iterator[tuple[float, str]]:
        """What happened, and when."""
        acts = [message.sent_at for message in self.chat.everything if not message.sender.is_bot]
        acts += [at for at, _ in self._presses]
        for at, label in self._presses:
            yield at, f"{self.who.first_name} presses [{label}]"
        for message in self.chat.everything:
            if message.sender.is_bot:
                yield from _seen(message, acts)
            else:
                yield message.sent_at, _entry(message.sender.first_name, message, message.text)
            if message.deleted_at:
                yield message.deleted_at, f"(deleted: message {message.id})"


def _seen(message: Message, acts: list[float]) -> Iterator[tuple[float, str]]:
    """A bot's message as it was when people did something next, and when it began to say something else."""
    edited = False
    for version, following in zip(message.versions, [*message.versions[1:], None], strict=True):
        if following and _is_growing(version, following) and not any(version.at < act <= following.at for act in acts):
            continue
        who = f"{message.sender.first_name}{' (edits)' if edited else ''}"
        yield (version.at if edited else message.sent_at), _entry(who, message, version.text, _labels(version))
        edited = True


def _is_growing(version: Version, following: Version) -> bool:
    return following.text.startswith(version.text.removesuffix("…").rstrip())


def _entry(who: str, message: Message, text: str, labels: str = "") -> str:
    picture = f"[picture, {len(message.photo)} bytes] " if message.photo else ""
    file = f"[file, {len(message.document)} bytes] " if message.document else ""
    other = "".join(f"[{kind}] " for kind in ("voice", "sticker") if kind in message.content)
    return f"{who}: {picture}{file}{other}{text}{labels}".replace("\n", "\n    ")


def _labels(version: Version) -> str:
    rows = (version.markup or {}).get("inline_keyboard", [])
    labels = [button["text"] for row in rows for button in row]
    return f"\n{' '.join(f'[{label}]' for label in labels)}" if labels else ""
