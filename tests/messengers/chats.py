"""The chats that every messenger's promises are tested with: the real ones, before stand-ins that show what people see.

`world` opens the servers and the clients once; each of `CASES` makes a chat there that no other test has.
"""

import itertools
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from aiogram import Bot

from chat.incoming import Address
from messengers.base import Chat, Page
from messengers.buckets import UNLIMITED, Bucket
from messengers.budget import PlaceBudget
from messengers.discord.calls import Rest
from messengers.playground import records
from messengers.playground.entries import Entry
from messengers.playground.server import Playground
from messengers.screen import Layout, Screen
from messengers.telegram.chat import TelegramChat
from messengers.telegram.rendering import TelegramDialect
from tests.messengers.discord.answers import answer_to, deferred, logged_in, opened, place_of
from tests.messengers.discord.client_view import seen
from tests.messengers.markdown_view import blocks_of_code, visible
from tests.messengers.playground.browser import build
from tests.servers import discord_server, telegram
from tests.servers.discord_faults import Fault as DiscordFault
from tests.servers.telegram_client import telegram_client

FAMILY = "👩‍👩‍👧"  # five code points that are seen as one
WORDS = " ".join(f"word{number}" for number in range(300_000))  # more than twice as much as any message takes

Call = Literal["send", "further", "edit", "typing"]  # further: the send of another message below the first
# flood: 429; gateway: 502; reset: before anything was done; applied: after it was done. Where there is no wire in
# between, each of the last three is a disk that fails.
Fault = Literal["flood", "gateway", "reset", "applied"]


class Case(Protocol):
    """One chat to hold to the contract, and what people see and do there."""

    @property
    def chat(self) -> Chat:
        """The chat, which may be called at any time."""
        ...

    async def shown(self) -> list[str]:
        """The messages that people see, in order, without markup."""
        ...

    async def code(self) -> list[str]:
        """What people see as blocks of code, in order."""
        ...

    async def pictures(self) -> list[bytes]:
        """The pictures that people see, in order."""
        ...

    async def press(self, label: str) -> str:
        """Somebody presses a button of the last message: what comes back. Raises LookupError where it isn't there."""
        ...

    def failing(self, call: Call, fault: Fault, seconds: float = 0) -> AbstractAsyncContextManager[None]:
        """Within this the next such call goes wrong; behind it those `seconds` are over, and nothing goes wrong."""
        ...


@dataclass(frozen=True)
class World:
    """The stand-ins, their clients, and a playground. `numbers` tell chats apart."""

    telegram: telegram.TelegramServer
    bot: Bot
    discord: discord_server.DiscordServer
    rest: Rest
    playground: Playground
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """All that the cases need; the playground keeps its things in `folder`."""
    async with (
        telegram.TelegramServer(flood=telegram.NO_FLOOD) as telegram_server,
        telegram_client(telegram_server) as bot,
        discord_server.DiscordServer() as discord,
        logged_in(discord) as rest,
        build(folder) as playground,
    ):
        yield World(telegram_server, bot, discord, rest, playground)


class TelegramCase:
    """A private chat in Telegram."""

    METHODS: Mapping[Call, str] = {
        "send": "sendMessage",
        "further": "sendMessage",
        "edit": "editMessageText",
        "typing": "sendChatAction",
    }

    def __init__(self, server: telegram.TelegramServer, bot: Bot, place: telegram.Chat) -> None:
        address = Address("telegram", str(place.id), private=True)
        self.chat = TelegramChat(bot, address, TelegramDialect(), PlaceBudget(UNLIMITED, Bucket(UNLIMITED)))
        self._server = server
        self._place = place

    async def shown(self) -> list[str]:
        """See `Case.shown`."""
        return [message.text for message in self._place.messages]

    async def code(self) -> list[str]:
        """See `Case.code`."""
        return [block for message in self._place.messages for block in message.styled("pre")]

    async def pictures(self) -> list[bytes]:
        """See `Case.pictures`."""
        return [message.photo for message in self._place.messages if message.photo]

    async def press(self, label: str) -> str:
        """See `Case.press`."""
        return self._place.press(self._place.last, label).data

    @asynccontextmanager
    async def failing(self, call: Call, fault: Fault, seconds: float = 0) -> AsyncIterator[None]:
        """See `Case.failing`."""
        faults = {
            "flood": telegram.Fault.flood(seconds),
            "gateway": telegram.Fault.bad_gateway(),
            "reset": telegram.Fault.reset(),
            "applied": telegram.Fault.applied_then_reset(),
        }
        self._server.faults.next(self.METHODS[call], faults[fault])
        yield
        assert not self._server.faults.planned, "it was never called"
        self._server.advance(seconds)


class DiscordCase:
    """A channel of Discord: posts to it, or the answers to a command that was used in it."""

    POST: Mapping[Call, str] = {
        "send": discord_server.CREATE,
        "further": discord_server.CREATE,
        "edit": discord_server.EDIT,
        "typing": discord_server.TYPING,
    }
    ANSWER: Mapping[Call, str] = {
        "send": discord_server.WEBHOOK_EDIT,  # the answer takes the place of "thinking …"
        "further": discord_server.FOLLOW_UP,
        "edit": discord_server.WEBHOOK_EDIT,
    }

    def __init__(
        self,
        server: discord_server.DiscordServer,
        place: discord_server.Channel,
        chat: Chat,
        routes: Mapping[Call, str],
    ) -> None:
        self.chat = chat
        self._server = server
        self._place = place
        self._routes = routes

    @property
    def _messages(self) -> list[discord_server.Message]:
        return [message for message in self._place.messages if not message.thinking]

    async def shown(self) -> list[str]:
        """See `Case.shown`."""
        return [seen(message.text).text for message in self._messages]

    async def code(self) -> list[str]:
        """See `Case.code`."""
        return [block for message in self._messages for block in seen(message.text).all("block")]

    async def pictures(self) -> list[bytes]:
        """See `Case.pictures`."""
        return [file.data for message in self._messages for file in message.attachments]

    async def press(self, label: str) -> str:
        """See `Case.press`."""
        pressed = self._server.person("Boris").press(self._messages[-1], label)
        return str(pressed.data["custom_id"])

    @asynccontextmanager
    async def failing(self, call: Call, fault: Fault, seconds: float = 0) -> AsyncIterator[None]:
        """See `Case.failing`."""
        faults = {
            "flood": DiscordFault.flood(seconds),
            "gateway": DiscordFault.html(502),
            "reset": DiscordFault.reset(),
            "applied": DiscordFault.applied_then_reset(),
        }
        self._server.faults.next(self._routes[call], faults[fault])
        yield
        assert not self._server.faults.planned, "it was never called"
        self._server.advance(seconds)


class PlaygroundCase:
    """A conversation of the playground, as its browsers are told it."""

    def __init__(self, playground: Playground, place: str) -> None:
        self.chat = playground.open(Address("playground", place))
        self._playground = playground
        self._place = place

    async def _entries(self) -> list[Entry]:
        stretch = await self._playground._archive.call(lambda disk: records.messages(disk, self._place, 1000, 10**8))
        return [entry for entry in stretch.entries.values() if entry]

    async def shown(self) -> list[str]:
        """See `Case.shown`."""
        return [visible(entry.text) for entry in await self._entries()]

    async def code(self) -> list[str]:
        """See `Case.code`."""
        return [block for entry in await self._entries() for block in blocks_of_code(entry.text)]

    async def pictures(self) -> list[bytes]:
        """See `Case.pictures`."""
        kept = [await self._playground._files.read(entry.image) for entry in await self._entries() if entry.image]
        return [data for data in kept if data]

    async def press(self, label: str) -> str:
        """See `Case.press`."""
        return {button.label: button.action for button in (await self._entries())[-1].buttons}[label]

    @asynccontextmanager
    async def failing(self, call: Call, fault: Fault, seconds: float = 0) -> AsyncIterator[None]:
        """See `Case.failing`: whatever is to go wrong, it is the disk, which takes nothing while it lasts."""
        assert call != "typing", "that doesn't touch the disk"
        assert fault != "flood", "it is its own server"
        await self._playground._archive.call(lambda disk: disk.set_authorizer(_read_only))
        yield
        await self._playground._archive.call(lambda disk: disk.set_authorizer(None))


def _read_only(action: int, *_: object) -> int:
    writes = action in {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}
    return sqlite3.SQLITE_DENY if writes else sqlite3.SQLITE_OK


async def in_telegram(world: World) -> Case:
    """A private chat."""
    number = next(world.numbers)
    return TelegramCase(world.telegram, world.bot, world.telegram.private(2000 + number, f"Anna {number}"))


async def in_channel(world: World) -> Case:
    """A channel where the bot was mentioned."""
    place = world.discord.channel(f"channel-{next(world.numbers)}")
    asked = world.discord.person("Anna").say(place, "hello", mention_bot=True)
    return DiscordCase(world.discord, place, opened(world.rest, place_of(place, asked.id)), DiscordCase.POST)


async def in_answer(world: World) -> Case:
    """A channel where /ask was used; it shows "thinking …"."""
    place = world.discord.channel(f"channel-{next(world.numbers)}")
    asked = await deferred(world.rest, world.discord.person("Anna").slash(place, "ask"))
    return DiscordCase(world.discord, place, opened(world.rest, answer_to(asked)), DiscordCase.ANSWER)


async def in_playground(world: World) -> Case:
    """A conversation."""
    return PlaygroundCase(world.playground, f"place-{next(world.numbers)}")


CASES: Mapping[str, Callable[[World], Awaitable[Case]]] = {
    "telegram": in_telegram,
    "discord channel": in_channel,
    "discord answer": in_answer,
    "playground": in_playground,
}
WITH_A_SERVER = ("telegram", "discord channel", "discord answer")  # which may say 429


def page(chat: Chat, source: str) -> Page:
    """A text in its final form."""
    return chat.dialect.render(source, final=True)


async def deliver(chat: Chat, source: str, screen: Screen | None = None) -> Screen:
    """Bring a text to its final form, as the outbox does. Raises what the chat raises; it may be called again then."""
    screen = screen or Screen(chat, key="answer")
    pages = Layout(chat).pages(source, final=True)
    while screen.differs(pages, final=True):
        await screen.step(pages, final=True)
    return screen


async def delivered(case: Case, source: str) -> list[str]:
    """What people see of a text in its final form."""
    await deliver(case.chat, source)
    return await case.shown()
