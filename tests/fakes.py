"""Fakes that behave: a chat with latency, failures and a record; a dialect that counts characters; scripted streams."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from chat.buttons import Button
from chat.errors import CutOff
from chat.events import Completed, Replaced, ReplyEvent, TextDelta
from chat.incoming import Attachment
from chat.messages import Image, Message
from messengers.base import Drafts, MessageGone, MessengerError, Page, Refused
from messengers.buckets import UNLIMITED, Bucket, Rate
from messengers.budget import PlaceBudget


@dataclass(frozen=True)
class FakeDialect:
    """Shows the source as it is."""

    limit: int = 100

    def render(self, source: str, *, final: bool) -> Page:
        del final
        text = source.strip()
        return Page(text, len(text), "markup")

    def plain(self, source: str) -> Page:
        return Page(source.strip(), len(source.strip()))

    def measure(self, text: str) -> int:
        return len(text)


CallKind = Literal["send", "edit", "delete", "typing", "image", "fetch"]


@dataclass(frozen=True)
class Call:
    """One call to the chat: when it began, and what it asked for."""

    at: float
    kind: CallKind
    message: str = ""
    text: str = ""
    buttons: tuple[str, ...] = ()
    error: str = ""


@dataclass
class FakeMessage:
    """A message as people see it, and all it ever showed. What stands under an `image` is its text."""

    text: str
    buttons: tuple[str, ...] = ()
    versions: list[str] = field(default_factory=list)
    image: Image | None = None
    nonce: str = ""
    previous: str = ""


class FakeDrafts:
    """The drafts of a chat, in memory: `shown` is when each was shown, and what. `failures`: raised by the next calls,
    one each; after `Refused` the chat has no drafts any more.
    """

    lasts = 20.0

    def __init__(self, chat: "FakeChat", rate: Rate = UNLIMITED) -> None:
        self.budget = PlaceBudget(rate, Bucket(UNLIMITED))
        self.failures: deque[MessengerError | None] = deque()
        self.shown: list[tuple[float, str]] = []
        self.stops: list[int] = []
        self.tried = 0
        self._chat = chat
        chat.drafts = self

    @property
    def texts(self) -> list[str]:
        """What was shown, in order."""
        return [text for _, text in self.shown]

    async def show(self, page: Page, buttons: Sequence[Button] = ()) -> None:
        await asyncio.sleep(0.05)
        self.tried += 1
        error = self.failures.popleft() if self.failures else None
        if isinstance(error, Refused):
            self._chat.drafts = None
        if error:
            raise error
        self.shown.append((asyncio.get_running_loop().time(), page.text))
        self.stops += [button.action.target for button in buttons]


class FakeChat:
    """A chat in memory. `failures`: raised by the next calls, one each; None lets a call pass.

    `files`: what people sent, by the id of the attachment; `images`: what the bot sent.
    """

    typing_lasts = 5.0
    sends_are_idempotent = True
    drafts: Drafts | None = None
    most_messages = 0
    new_messages_notify = True
    closes_at = 0.0

    def __init__(self, *, rate: Rate = UNLIMITED, latency: float = 0.05, limit: int = 100) -> None:
        self.dialect = FakeDialect(limit)
        self.budget = PlaceBudget(rate, Bucket(UNLIMITED))
        self.latency = latency
        self.failures: deque[MessengerError | None] = deque()
        self.refuses_markup = False
        self.calls: list[Call] = []
        self.messages: dict[str, FakeMessage] = {}
        self.files: dict[str, bytes] = {}
        self.said_before: Sequence[Message] | None = None
        self.in_flight = 0
        self.most_in_flight = 0
        self.sent = 0

    @property
    def text(self) -> str:
        """What people see, all messages in order."""
        return "\n".join(message.text for message in self.messages.values())

    @property
    def images(self) -> list[Image]:
        """The pictures people see, in order."""
        return [message.image for message in self.messages.values() if message.image]

    def made(self, kind: str) -> list[Call]:
        """The calls of that kind that succeeded."""
        return [call for call in self.calls if call.kind == kind and not call.error]

    async def send(
        self,
        page: Page,
        buttons: Sequence[Button] = (),
        *,
        reply: bool = False,
        nonce: str = "",
        previous: str = "",
    ) -> str:
        labels = tuple(button.label for button in buttons)
        await self._call("send", "", page, labels)
        self.sent += 1
        message = f"m{self.sent}"
        self.messages[message] = FakeMessage(page.text, labels, [page.text], nonce=nonce, previous=previous)
        return message

    async def edit(self, message: str, page: Page, buttons: Sequence[Button] = ()) -> None:
        labels = tuple(button.label for button in buttons)
        await self._call("edit", message, page, labels)
        if message not in self.messages:
            raise MessageGone(message)
        shown = self.messages[message]
        shown.text, shown.buttons = page.text, labels
        shown.versions.append(page.text)

    async def delete(self, message: str) -> None:
        await self._call("delete", message)
        self.messages.pop(message, None)

    async def send_image(self, image: Image, caption: str = "", *, reply: bool = False, nonce: str = "") -> str:
        await self._call("image", "", Page(caption, len(caption)))
        message = f"m{len(self.messages) + 1}"
        self.messages[message] = FakeMessage(caption, (), [caption], image, nonce=nonce)
        return message

    async def send_rest(self, text: str, *, nonce: str = "") -> str:
        await self._call("send", "", Page(text, len(text)))
        self.sent += 1
        message = f"m{self.sent}"
        self.messages[message] = FakeMessage(text, (), [text], nonce=nonce)
        return message

    async def earlier(self) -> Sequence[Message] | None:
        return self.said_before

    async def fetch(self, attachment: Attachment) -> bytes:
        await self._call("fetch")
        if attachment.id not in self.files:
            raise Refused(f"no file {attachment.id}")
        return self.files[attachment.id]

    async def typing(self) -> None:
        await self._call("typing")

    async def _call(
        self,
        kind: CallKind,
        message: str = "",
        page: Page | None = None,
        buttons: tuple[str, ...] = (),
    ) -> None:
        began = asyncio.get_running_loop().time()
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        error: MessengerError | None = None
        try:
            await asyncio.sleep(self.latency)
            error = self.failures.popleft() if self.failures and kind != "typing" else None
            if self.refuses_markup and page and page.markup:
                error = Refused("can't parse entities")
        finally:
            self.in_flight -= 1
            text = page.text if page else ""
            self.calls.append(Call(began, kind, message, text, buttons, type(error).__name__ if error else ""))
        if error:
            raise error


Step = ReplyEvent | BaseException | float | str


@dataclass
class FakeStream:
    """A provider's stream: text, events, pauses in seconds and failures, in order; records when it was closed."""

    steps: Sequence[Step]
    closed_at: float | None = None
    read: str = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[ReplyEvent]]:
        try:
            yield self._events()
        finally:
            self.closed_at = asyncio.get_running_loop().time()

    async def _events(self) -> AsyncIterator[ReplyEvent]:
        for step in self.steps:
            match step:
                case float() | int():
                    await asyncio.sleep(step)
                case str():
                    self.read += step
                    yield TextDelta(step)
                case BaseException():
                    raise step
                case Replaced(text):
                    self.read = text
                    yield step
                case _:
                    yield step
                    if isinstance(step, Completed):
                        return
        raise CutOff("the script has no Completed")


def words(text: str, pause: float = 0.02) -> list[Step]:
    """The text word by word, then its end."""
    steps: list[Step] = []
    for word in text.split(" "):
        steps += [word + " ", pause]
    return [*steps, Completed()]
