"""The trial for the playground: the program dies while pages ask and watch; each question gets one whole answer."""

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.figures import Figure, Setting
from tests.chaos.kept import answer, kept
from tests.chaos.playground_account import Account, Made, Size, answers_given, troubles_made
from tests.chaos.playground_pages import Page
from tests.program import Program
from tests.servers.model import ModelServer

START_SECONDS, STOP_SECONDS = 60.0, 30.0  # on a busy machine
DEAD_SECONDS = 0.5  # at most, between two lives
MID_STREAM = 0.8  # of kills: they wait until an answer is being written
MID_STREAM_SECONDS = 3.0  # not longer, though


FULL = Size(200, 6, 2, 30, 6, (0.3, 2.5), 1.0, 60.0)
SHORT = Size(20, 3, 2, 3, 1, (0.3, 1.2), 0.5, 60.0)


@dataclass
class Run(Made):
    """The trial while it goes on. `begun`: questions, also those under way; `starts` of the program."""

    program: Program = field(kw_only=True)
    chance: random.Random = field(kw_only=True)
    begun: int = 0
    starts: int = 1

    async def interrupt(self) -> None:
        """One life of the process after the other."""
        counts = [self.size.kills, self.size.terms]
        for end in self.chance.sample(["kill", "SIGTERM"], sum(counts), counts=counts):
            await self.program.says("Ctrl-C ends it.", self.starts, START_SECONDS)
            await asyncio.sleep(self.chance.uniform(*self.size.life))
            if end == "kill":
                await self._kill()
            else:
                self.exits.append(await self.program.terminate(STOP_SECONDS))
            await asyncio.sleep(self.chance.uniform(0.0, DEAD_SECONDS))
            self.starts += 1
            await self.program.start()
        await self.program.says("Ctrl-C ends it.", self.starts, START_SECONDS)

    async def _kill(self) -> None:
        deadline = time.monotonic() + MID_STREAM_SECONDS * (self.chance.random() < MID_STREAM)
        while not self._streams and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        self.caught += self._streams
        await self.program.kill()
        self.kills += 1

    @property
    def _streams(self) -> bool:
        return any(page.is_being_told for pages in self.pages for page in pages)

    async def talk(self, page: Page) -> None:
        """Ask as fast as the interruptions come, so that there is something to interrupt until the end."""
        lives = self.size.kills + self.size.terms + 1
        while self.begun < self.size.questions:
            if self.begun < self.size.questions * self.starts / lives:
                self.begun += 1
                self.asked.append(await page.ask(self.begun - 1))
            await asyncio.sleep(page.chance.uniform(0.0, self.size.pause))

    async def settle(self) -> Account:
        """Wait until all is answered, but not for ever; what is found then."""
        deadline = time.monotonic() + self.size.patience
        while (await self._account()).unsettled and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.0)  # nothing may be added to it
        return await self._account()

    async def _account(self) -> Account:
        """What a browser is shown that comes now, and what those show that were there all the time."""
        shown = {pages[0].conversation: await pages[0].snapshot() for pages in self.pages}
        views = [(page.conversation, dict(page.view)) for pages in self.pages for page in pages]
        return Account(sorted(self.asked, key=lambda one: one.number), shown, views)


async def run(setting: Setting) -> Sequence[Figure]:
    """See `tests.chaos.figures.Trial`."""
    size, chance = SHORT if setting.short else FULL, random.Random(setting.seed)
    async with ModelServer() as model:
        model.rule = answer
        port = _free_port()
        async with Program(setting.folder, _config(port, model)) as program, _pages(port, size, chance) as pages:
            trial = Run(size, pages, program=program, chance=chance)
            async with asyncio.TaskGroup() as beside:
                beside.create_task(trial.interrupt())
                for first, *_ in pages:
                    beside.create_task(trial.talk(first))
            found = await trial.settle()
            trial.exits.append(await program.terminate(STOP_SECONDS))
        turns = kept(setting.folder / "data/bot.db")
        return [*troubles_made(trial), *answers_given(found, turns, trial, program.output)]


@asynccontextmanager
async def _pages(port: int, size: Size, chance: random.Random) -> AsyncIterator[Sequence[Sequence[Page]]]:
    async with AsyncExitStack() as stack:
        pages = []
        for number in range(size.conversations):
            name = f"room-{number}" if number else "main"
            here = [
                Page(f"http://127.0.0.1:{port}", name, random.Random(chance.getrandbits(32)), slow=place == 1)
                for place in range(1 + size.watchers)
            ]
            pages.append([await stack.enter_async_context(page) for page in here])
        yield pages


def _config(port: int, model: ModelServer) -> dict[str, Any]:
    return {
        "playground": {"listen": f"127.0.0.1:{port}"},
        "limits": {"waiting_per_chat": 1000},
        "storage": {"url": "sqlite:data/bot.db"},
        "providers": {"local": {"type": "openai", "base_url": model.url, "api_key": "sk-a-very-secret-key"}},
        "models": {"main": {"provider": "local", "model": "stand-in"}},
        "system_prompt": "Be brief.",
    }


def _free_port() -> int:
    """One that stays the same over restarts, as pages come back to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
