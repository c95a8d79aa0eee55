"""A bot without a messenger's library, a model's server or a database: what handlers and operations work with."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Self
from zoneinfo import ZoneInfo

from chat.buttons import Action
from chat.events import Completed, ReplyEvent
from chat.incoming import Address, Incoming, Invoked, Pressed, Said, Sender
from chat.messages import Image
from chat.replies import ReplyState
from composition import Record
from handlers import attempt
from handlers.access import Access, AccessSettings
from handlers.services import Bot, ImageModel, Model, Outcome, Services
from handlers.settings import ImageModelSettings, LimitsSettings, ModelSettings
from messengers.live_reply import LiveReply
from operations.outbox import Outbox
from operations.reception import Reception
from operations.tasks import Tasks
from providers.base import Capabilities, ImageRequest, ModelInfo, ReplyRequest, StatusSink
from providers.wrappers import Observed
from storage.base import Turn, TurnState
from tests.fakes import FakeChat, FakeStream, Step
from tests.operations.memory_store import MemoryStore
from tests.virtual_time import run_virtual
from texts import Texts

ANNA = Sender("1001", "Anna", "en")
BOB = Sender("5", "Bob", "en")
EVE = Sender("6", "Eve", "en")
ADMIN = Sender("9", "Ada", "en")
PRIVATE = Address("telegram", "1001", message="7")
GROUP = Address("telegram", "-100555", message="8", private=False)
TOPIC = Address("telegram", "-100555", "3", message="9", private=False)
TEXTS = Texts.load("en")  # once: reading YAML takes longer than most tests

Script = Sequence[Step]
_keys = itertools.count(1_000_000)


def said(text: str, address: Address = PRIVATE, sender: Sender = ANNA, key: str = "") -> Said:
    return Said(address, sender, key or f"said {text}", text)


def invoked(command: str, address: Address = PRIVATE, sender: Sender = ANNA, text: str = "") -> Invoked:
    return Invoked(address, sender, f"k{next(_keys)}", command, text)


def pressed(action: Action, address: Address = PRIVATE, sender: Sender = ANNA, key: str = "") -> Pressed:
    return Pressed(address, sender, key or f"k{next(_keys)}", action)


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


class FakePainter(FakeProvider):
    """Draws a picture in `seconds`: its bytes are its number. `failures` are raised instead, None lets one pass."""

    def __init__(self, *failures: BaseException | None, seconds: float = 1.0) -> None:
        super().__init__()
        self.failures = deque(failures)
        self.seconds = seconds
        self.orders: list[ImageRequest] = []

    async def draw(self, request: ImageRequest) -> Image:
        self.orders.append(request)
        await asyncio.sleep(self.seconds)
        failure = self.failures.popleft() if self.failures else None
        if failure:
            raise failure
        return Image(str(len(self.orders)).encode(), "image/png")


class Scene:
    """Services with fakes. `chats`: the places that were written to, by their budget's key.

    `models` all answer through the one provider; its requests tell by `model` which was asked. `painter` draws as
    "flux" and as "sketch"; without one nobody does.
    """

    def __init__(
        self,
        *scripts: Script,
        access: AccessSettings | None = None,
        limits: LimitsSettings | None = None,
        model: ModelSettings | None = None,
        system_prompt: str = "Be kind.",
        capabilities: Capabilities | None = None,
        delivered: Callable[[Address], Awaitable[None]] | None = None,
        models: Mapping[str, ModelSettings] | None = None,
        painter: FakePainter | None = None,
        prompts: Mapping[str, str] | None = None,
        reload: Callable[[], Awaitable[Sequence[str]]] | None = None,
        trusted: Sequence[str] = (),
    ) -> None:
        self.store = MemoryStore()
        self.painter = painter or FakePainter()
        self.provider = FakeProvider(*scripts, capabilities=capabilities)
        self.chats: dict[str, FakeChat] = {}
        self.texts = TEXTS
        settings = models or {"smart": model or ModelSettings(provider="fake", model="fake-1")}
        record = Record()
        self.services = Services(
            bot=Bot(
                store=self.store,
                open_chat=self.chat,
                delivered=delivered or _at_once,
                reload=reload or _without_faults,
                poll_ages=lambda: {"telegram": 1.0},
                trouble=record.trouble,
            ),
            texts=self.texts,
            access=Access(access or AccessSettings(public=True, admins=(f"telegram:{ADMIN.id}",)), trusted),
            limits=limits or LimitsSettings(),
            models={
                name: Model(name, each, Observed(self.provider, each.provider, name, record.note))
                for name, each in settings.items()
            },
            image_models={
                name: ImageModel(name, ImageModelSettings(provider="fake", model=name), painter)
                for name in ("flux", "sketch")
                if painter
            },
            prompts=prompts or {},
            system_prompt=system_prompt,
            timezone=ZoneInfo("Europe/Berlin"),
        )

    def chat(self, address: Address = PRIVATE) -> FakeChat:
        """The chat at a place."""
        return self.chats.setdefault(address.budget, FakeChat(limit=4000, latency=0.01))

    def say(self, key: str, **values: str | int) -> str:
        """A sentence of the bot in English."""
        return self.texts.of("en").say(key, **values)

    async def receive(self, incoming: Incoming) -> Turn:
        """Store something new."""
        turn = await self.store.receive(incoming)
        assert turn
        return turn

    async def handled(self, incoming: Incoming) -> Outcome:
        """What becomes of something new, without its delivery: it is stored as delivered."""
        turn = await self.receive(incoming)
        outcome = await attempt(turn, self.services)
        values = (outcome.reply, outcome.final, outcome.history)
        await self.store.answer(turn.id, *values, failed=outcome.failed, spent=outcome.spent, reason=outcome.reason)
        parts = await outcome.settled() if outcome.settled else outcome.reply.parts
        if outcome.final:
            await self.store.finish(turn.id, parts, dead=outcome.failed)
        return outcome

    async def told(self, incoming: Incoming) -> str:
        """What is said to something new: the text, or the sentence beside it."""
        final = (await self.handled(incoming)).final
        assert final
        return final.text or final.note


class Desk(Scene):
    """A scene with a reception and its outbox."""

    def open(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.outbox = Outbox(self.chat, self.store, tasks)
        services = replace(self.services, bot=replace(self.services.bot, delivered=self.outbox.delivered))
        self.reception = Reception(services, self.outbox, tasks)

    async def hand_in(self, *incoming: Incoming) -> None:
        for each in incoming:
            await self.reception(each)

    async def settle(self) -> None:
        """Wait until nothing runs; a crash is raised."""
        assert await self.tasks.idle(100_000)
        if self.tasks._crash.done():
            await self.tasks.crash()

    async def keep(self, incoming: Incoming, state: TurnState = "new", **values: Any) -> int:
        """A turn that an earlier run left."""
        turn = await self.receive(incoming)
        self.store.change(turn.id, state, **values)
        return turn.id

    def states(self) -> list[str]:
        return [turn.state for turn in self.store.turns.values()]

    def sent(self, address: Address = PRIVATE) -> list[str]:
        """The messages of a chat as they are now."""
        return [message.text for message in self.chat(address).messages.values()]


def play(desk: Desk, work: Callable[[Desk], Awaitable[None]]) -> Desk:
    """Let things happen in virtual time, to their end."""

    async def whole() -> None:
        async with Tasks() as tasks:
            desk.open(tasks)
            await work(desk)
            await desk.settle()

    run_virtual(whole())
    return desk


async def _at_once(_: Address) -> None:
    """Nothing of the conversation is on its way."""


async def _without_faults() -> Sequence[str]:
    """The config can be used."""
    return ()
