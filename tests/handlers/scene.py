"""A bot without a messenger's library, a model's server or a database: what handlers and operations work with."""

import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Self
from zoneinfo import ZoneInfo

from chat.buttons import Action
from chat.events import Completed, ReplyEvent
from chat.incoming import Address, Incoming, Invoked, Pressed, Said, Sender
from chat.replies import ReplyState
from handlers.access import Access, AccessSettings
from handlers.services import Bot, Model, Services
from handlers.settings import LimitsSettings, ModelSettings
from messengers.live_reply import LiveReply
from providers.base import Capabilities, ModelInfo, ReplyRequest, StatusSink
from storage.base import Turn
from tests.fakes import FakeChat, FakeStream, Step
from tests.operations.memory_store import MemoryStore
from texts import Texts

ANNA = Sender("1001", "Anna", "en")
BOB = Sender("5", "Bob", "en")
EVE = Sender("6", "Eve", "en")
ADMIN = Sender("9", "Ada", "en")
PRIVATE = Address("telegram", "1001", message="7")
GROUP = Address("telegram", "-100555", message="8", private=False)
TOPIC = Address("telegram", "-100555", "3", message="9", private=False)

Script = Sequence[Step]
_keys = itertools.count(1_000_000)


def said(text: str, address: Address = PRIVATE, sender: Sender = ANNA, key: str = "") -> Said:
    return Said(address, sender, key or f"said {text}", text)


def invoked(command: str, address: Address = PRIVATE, sender: Sender = ANNA) -> Invoked:
    return Invoked(address, sender, f"k{next(_keys)}", command)


def pressed(action: Action, address: Address = PRIVATE, sender: Sender = ANNA) -> Pressed:
    return Pressed(address, sender, f"k{next(_keys)}", action)


def idle_reply() -> LiveReply:
    """A reply that has not begun: stopping it leaves its mark."""

    async def keep(_: ReplyState) -> None: ...

    return LiveReply(FakeChat(), keep)


class FakeProvider:
    """Answers from scripts, then with "All right."; `requests` is what it was asked, `streams` how that went."""

    def __init__(self, *scripts: Script, capabilities: Capabilities | None = None) -> None:
        self.capabilities = capabilities or Capabilities()
        self.scripts = deque(scripts)
        self.requests: list[ReplyRequest] = []
        self.streams: list[FakeStream] = []

    @property
    def questions(self) -> list[str]:
        """The last message of each request."""
        return [request.messages[-1].text for request in self.requests]

    def stream_reply(
        self, request: ReplyRequest, status: StatusSink
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyEvent]]:
        del status
        return self._opened(request)

    @asynccontextmanager
    async def _opened(self, request: ReplyRequest) -> AsyncIterator[AsyncIterator[ReplyEvent]]:
        self.requests.append(request)
        script: Script = self.scripts.popleft() if self.scripts else ["All right.", Completed()]
        if script and isinstance(script[0], BaseException):
            raise script[0]
        self.streams.append(FakeStream(script))
        async with self.streams[-1].open() as events:
            yield events

    async def models(self) -> Sequence[ModelInfo]:
        return [ModelInfo("fake-1")]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...


class Scene:
    """Services with fakes. `chats`: the places that were written to, by their budget's key."""

    def __init__(
        self,
        *scripts: Script,
        access: AccessSettings | None = None,
        limits: LimitsSettings | None = None,
        model: ModelSettings | None = None,
        system_prompt: str = "Be kind.",
        capabilities: Capabilities | None = None,
        delivered: Callable[[Address], Awaitable[None]] | None = None,
    ) -> None:
        self.store = MemoryStore()
        self.provider = FakeProvider(*scripts, capabilities=capabilities)
        self.chats: dict[str, FakeChat] = {}
        self.texts = Texts.load("en")
        self.services = Services(
            bot=Bot(
                store=self.store,
                open_chat=self.chat,
                delivered=delivered or _at_once,
                reload=_without_faults,
                poll_ages=lambda: {"telegram": 1.0},
            ),
            texts=self.texts,
            access=Access(access or AccessSettings(public=True, admins=(f"telegram:{ADMIN.id}",))),
            limits=limits or LimitsSettings(),
            models={"smart": Model("smart", model or ModelSettings(provider="fake", model="fake-1"), self.provider)},
            image_models={},
            prompts={},
            system_prompt=system_prompt,
            timezone=ZoneInfo("Europe/Berlin"),
        )

    def chat(self, address: Address = PRIVATE) -> FakeChat:
        """The chat at a place."""
        return self.chats.setdefault(address.budget, FakeChat(limit=4000))

    def say(self, key: str, **values: str | int) -> str:
        """A sentence of the bot in English."""
        return self.texts.of("en").say(key, **values)

    async def receive(self, incoming: Incoming) -> Turn:
        """Store something new."""
        turn = await self.store.receive(incoming)
        assert turn
        return turn


async def _at_once(_: Address) -> None:
    """Nothing of the conversation is on its way."""


async def _without_faults() -> Sequence[str]:
    """The config can be used."""
    return ()
