"""What all chats of the stand-in Telegram share: the clock, the bot, the update queue, and waiting for changes."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from tests.servers.telegram_files import Files
from tests.servers.telegram_text import Json
from tests.servers.telegram_updates import CALLBACK_SECONDS, Updates


@dataclass(frozen=True, slots=True)
class Person:
    """A user, or the bot itself."""

    id: int
    first_name: str
    language_code: str = ""
    username: str = ""
    is_bot: bool = False

    def json(self) -> Json:
        """As the Bot API shows users."""
        person: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        optional = {"username": self.username, "language_code": self.language_code}
        return person | {name: value for name, value in optional.items() if value}


@dataclass(slots=True)
class Press:
    """A press of a button; `answer` is what the bot gave to answerCallbackQuery, None until then."""

    id: str
    data: str
    at: float
    answer: Json | None = None


class Changes:
    """Wakes those who wait for something to become true; nothing is polled."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def happened(self) -> None:
        """Something changed: let everybody look again."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def until(self, true: Callable[[], object], timeout: float, describe: Callable[[], str]) -> None:
        """Return once `true()`; after `timeout` seconds an AssertionError that says `describe()`."""
        try:
            async with asyncio.timeout(timeout):
                while not true():
                    await self._next()
        except TimeoutError:
            msg = f"not within {timeout:g} s; {describe()}"
            raise AssertionError(msg) from None

    async def _next(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)


class World:
    """The clock, the bot, its update queue, the files, and the presses that wait for an answer."""

    def __init__(self, bot: Person, clock: Callable[[], float], *, privacy: bool) -> None:
        self.bot = bot
        self.privacy = privacy  # in groups the bot gets commands for it and replies to it only
        self.changes = Changes()
        self.updates = Updates(self.now)
        self.files = Files()
        self.presses: dict[str, Press] = {}
        self._clock = clock
        self._ahead = 0.0
        self._numbers = itertools.count(1)

    def now(self) -> float:
        """Unix seconds in this world."""
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass at once: updates expire, penalties end."""
        self._ahead += seconds
        self.changes.happened()

    def new_press(self, data: str) -> Press:
        """A press that waits to be answered."""
        number = f"{self.bot.id}{next(self._numbers):06d}"
        self.presses[number] = press = Press(number, data, self.now())
        return press

    def open_press(self, number: str) -> Press | None:
        """The press with this id, as long as it can still be answered."""
        press = self.presses.get(number)
        return press if press and press.at + CALLBACK_SECONDS > self.now() else None
