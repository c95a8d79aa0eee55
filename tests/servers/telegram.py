"""A stand-in for Telegram's Bot API on loopback, for an unmodified client: stateful, with flood control and faults.

    async with TelegramServer() as telegram:
        bot = Bot(telegram.token, AiohttpSession(api=TelegramAPIServer.from_base(telegram.base_url)))
        anna = telegram.private(1001, "Anna", language_code="ru")
        anna.say("/start")                                       # arrives through getUpdates
        reply = await anna.wait_for_text("Hello")                # a Message; .texts is all it ever showed
        anna.press(reply, "Stop")
        telegram.faults.next("sendMessage", Fault.applied_then_reset(), Fault.flood(35))

As a process of its own: `python -m tests.servers.telegram --port 8081`, steered by the JSON API of telegram_control.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.servers.telegram_answers import Answers, Call
from tests.servers.telegram_chats import Chat
from tests.servers.telegram_faults import Fault, Faults
from tests.servers.telegram_files import LARGEST_UPLOAD, Files
from tests.servers.telegram_flood import NO_FLOOD, Flood, FloodRules
from tests.servers.telegram_messages import Message, Version
from tests.servers.telegram_methods import BotApi
from tests.servers.telegram_text import Json
from tests.servers.telegram_updates import Updates
from tests.servers.telegram_world import Person, Press, World

__all__ = ["NO_FLOOD", "Call", "Chat", "Fault", "FloodRules", "Message", "Person", "Press", "TelegramServer", "Version"]

TOKEN = "4200000001:stand-in_token_for_tests_0123456789"


class TelegramServer:
    """The server; a context manager. `port` 0 takes a free one. `clock` gives Unix seconds; `advance` lets time pass.

    `flood` and `faults` may be changed at any time. `calls` is every call in order, `updates` the queue.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        token: str = TOKEN,
        username: str = "parley_test_bot",
        privacy: bool = False,
        flood: FloodRules | None = None,
        drop_bad_links: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token = token
        self.bot = Person(int(token.partition(":")[0]), "Parley", username=username, is_bot=True)
        self.world = World(self.bot, clock, privacy=privacy)
        self.chats: dict[int, Chat] = {}
        self.api = BotApi(self.world, self.chats, drop_bad_links)
        self.flood = Flood(flood or FloodRules(), self.world.now)
        self.faults: Faults = Faults()
        self.port = port
        self._answers = Answers(token, self.world, self.api, self.flood, self.faults)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after a `stop` on the same port again, with everything remembered."""
        app = web.Application(client_max_size=LARGEST_UPLOAD + 2**20)
        app.router.add_route("*", "/bot{token}/{method}", self._answers.handle)
        app.router.add_get("/file/bot{token}/{path:.+}", self._answers.download)
        self.add_routes(app)
        # A poll of a bot that was killed must end: it would hold the next one's conflict.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections: Telegram is out of reach."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def add_routes(self, app: web.Application) -> None:
        """For servers that offer more than the Bot API."""

    @property
    def base_url(self) -> str:
        """What `TelegramAPIServer.from_base` takes."""
        return f"http://127.0.0.1:{self.port}"

    # People and chats

    def person(self, user_id: int, first_name: str = "Bob", language_code: str = "en", username: str = "") -> Person:
        """Somebody to speak in groups."""
        return Person(user_id, first_name, language_code, username)

    def private(
        self, user_id: int = 1001, first_name: str = "Anna", language_code: str = "en", username: str = ""
    ) -> Chat:
        """The private chat with a person (its `.user`); the same again where it exists."""
        owner = Person(user_id, first_name, language_code, username)
        body: Json = {"id": user_id, "type": "private", "first_name": first_name}
        return self._chat(body | ({"username": username} if username else {}), owner, {})

    def group(self, chat_id: int = -100555, title: str = "Friends", topics: Mapping[int, str] | None = None) -> Chat:
        """A group; a supergroup if its id begins with -100 or it has `topics` (thread id → name)."""
        kind = "supergroup" if topics or str(chat_id).startswith("-100") else "group"
        body: Json = {"id": chat_id, "type": kind, "title": title}
        return self._chat(body | ({"is_forum": True} if topics else {}), None, topics or {})

    def _chat(self, body: Json, owner: Person | None, topics: Mapping[int, str]) -> Chat:
        return self.chats.setdefault(body["id"], Chat(self.world, body, owner, topics))

    # What tests look at

    @property
    def calls(self) -> list[Call]:
        """Every call of the bot, in order."""
        return self._answers.calls

    @property
    def updates(self) -> Updates:
        """The queue: `push_raw`, `unconfirmed`, `confirmed`, `expired`, `conflicts`; `webhook` may be set."""
        return self.world.updates

    @property
    def files(self) -> Files:
        """All that was uploaded."""
        return self.world.files

    def push_raw(self, update: Json) -> int:
        """Hand any update at all to the bot, however malformed; its id."""
        return self.updates.push_raw(update)

    def advance(self, seconds: float) -> None:
        """Let time pass at once: updates expire, floods end. Polls that wait go on waiting."""
        self.world.advance(seconds)

    def made(self, method: str, chat: Chat | int | None = None) -> list[Call]:
        """The calls of one method so far, in one chat or everywhere."""
        number = chat.id if isinstance(chat, Chat) else chat
        return [call for call in self.calls if call.method == method and number in (None, call.chat)]

    async def wait_for(self, true: Callable[["TelegramServer"], object], timeout: float = 5.0) -> None:
        """Return once `true(server)`, looked at after each call and each thing that people do."""
        await self.world.changes.until(lambda: true(self), timeout, self._described)

    async def settled(self, quiet: float = 0.3, timeout: float = 10.0) -> None:
        """Return once the bot confirmed all updates, and has made no call for `quiet` seconds but getUpdates."""
        async with asyncio.timeout(timeout + quiet):
            while True:
                await self.wait_for(lambda _: self._idle, timeout)
                before = self._answers.begun
                await asyncio.sleep(quiet)
                if self._idle and self._answers.begun == before:
                    return

    @property
    def _idle(self) -> bool:
        return not self._answers.running and not self.updates.unconfirmed

    def _described(self) -> str:
        last = "\n".join(f"  {call}" for call in self.calls[-10:])
        return f"{len(self.updates.unconfirmed)} updates unconfirmed; the last calls:\n{last}"


if __name__ == "__main__":
    from tests.servers.telegram_control import main

    main()
