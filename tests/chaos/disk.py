"""A disk that is full, or fails: the real bot under strace, which lets single writes of its database fail.

Every run begins with an empty folder, so the writes of the first start, with its migrations, are among those that fail.
What was acknowledged (Telegram: confirmed by the next poll; the playground: answered with 200) must be stored, and be
answered exactly once in the end.
"""

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from tests.chaos.doors import Door, Page, Phone, answer_to
from tests.chaos.figures import Figure, Setting, at_least, exactly
from tests.program import Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import TelegramServer

QUESTIONS = range(8)
FIRST = QUESTIONS[:3]  # asked one after the other; the others all at once
WRITES = 200
SYNCS = 20
AT_ONCE = 4  # runs, on two processors: they wait most of the time
ATTEMPTS = 5  # to hand something in, as the page and Telegram do
PAUSE_SECONDS = 0.6
PATIENCE_SECONDS = 20.0
START_SECONDS = 60.0  # several start at once, and aiogram's import alone takes 3 s
NO_STRACE = "strace can't be used here: no write can be made to fail"


@dataclass(frozen=True, slots=True)
class Wound:
    """Which calls fail in a run, as strace counts them: `17`: the 17th alone; `17+`: all from then on.

    `killed`: the bot is killed as soon as all is acknowledged, so that the next start must find it.
    """

    call: Literal["pwrite64", "fdatasync"]
    error: Literal["ENOSPC", "EIO"]
    when: str
    door: Literal["playground", "telegram"] = "playground"
    killed: bool = False

    @property
    def lasting(self) -> bool:
        """Whether it doesn't pass by itself."""
        return self.when.endswith("+")

    def under(self, database: Path, record: Path) -> Sequence[str]:
        """The command to run the bot under: -D makes it our child, not strace's, so that a kill hits the bot."""
        files = chain.from_iterable(("-P", f"{database}{end}") for end in ("", "-wal", "-shm", "-journal"))
        inject = f"inject={self.call}:error={self.error}:when={self.when}"
        return ("strace", "-D", "-f", "-qq", "-o", str(record), "-e", f"trace={self.call}", "-e", inject, *files)


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to. Questions by number; `ending` of the run in which calls failed."""

    wound: Wound
    failed: int  # calls
    acknowledged: frozenset[int]
    stored: frozenset[int]  # right after that run
    answers: Mapping[int, int]  # question → whole answers that are seen after the next start
    stuck: int = 0  # answers that the bot didn't come to by itself although the fault had passed
    ending: Literal["went on", "a clear sentence", "unclear"] = "went on"
    tracebacks: int = 0
    damaged: bool = False

    @property
    def unstored(self) -> int:
        """Acknowledged, and not stored."""
        return len(self.acknowledged - self.stored)


@asynccontextmanager
async def opened(wound: Wound, folder: Path, model: ModelServer) -> AsyncIterator[Door]:
    """The door of a run."""
    if wound.door == "playground":
        yield Page(folder)
    else:
        async with TelegramServer() as telegram:
            yield Phone(telegram, model)


async def run(setting: Setting) -> Sequence[Figure]:
    """The trial."""
    if not usable():
        return [Figure("runs with calls that fail", NO_STRACE, "some", met=False)]
    turns = asyncio.Semaphore(AT_ONCE)
    async with ModelServer() as model:
        model.rule = lambda request: Answer(text=answer_to(request.question))

        async def one(number: int, wound: Wound) -> Found:
            folder = setting.folder / str(number)
            folder.mkdir()
            async with turns:
                return await wounded(wound, folder, model)

        wounds = plan(short=setting.short)
        return figures(await asyncio.gather(*(one(number, wound) for number, wound in enumerate(wounds))))


def usable() -> bool:
    """Whether strace is there and may trace."""
    strace = shutil.which("strace")
    probe = [strace or "", "-D", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"]
    return strace is not None and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def plan(*, short: bool) -> Sequence[Wound]:
    """The runs: each of the first writes, each of the first syncs, and disks that stay full."""
    writes = (1, 60, 120) if short else range(1, WRITES + 1)
    syncs = (8,) if short else range(1, SYNCS + 1)
    lasting = (70,) if short else (1, 30, 50, 70, 110, 150, 190)
    phone = (90,) if short else range(5, WRITES + 1, 15)
    return [
        *(Wound("pwrite64", "ENOSPC", f"{number}", killed=number % 2 == 0) for number in writes),
        *(Wound("fdatasync", "EIO", f"{number}", killed=number % 2 == 0) for number in syncs),
        *(Wound("pwrite64", "ENOSPC", f"{number}+", killed=True) for number in lasting),
        *(Wound("pwrite64", "ENOSPC", f"{number}", "telegram", killed=number % 2 == 0) for number in phone),
    ]


async def wounded(wound: Wound, folder: Path, model: ModelServer) -> Found:
    """One run with calls that fail, and one without."""
    database, record = folder / "data/bot.db", folder / "strace.txt"
    async with opened(wound, folder, model) as door:
        program = Program(folder, {**_config(model), **door.config})
        try:
            await program.start(wound.under(database, record))
            acknowledged, stuck = await _through(program, door, wound)
            ending = await _ended(program, wound)
            stored = {question for question in QUESTIONS if door.key(question) in keys(database)}
            await program.start()
            await program.says("Ctrl-C ends it.", program.output.count("Ctrl-C ends it.") + 1, START_SECONDS)
            await _all_answered(program, door)
            await program.terminate()
        finally:
            await program.kill()
        return Found(
            wound,
            record.read_text("utf-8", "replace").count("(INJECTED)"),
            frozenset(acknowledged),
            frozenset(stored),
            {question: door.answers(question) for question in QUESTIONS},
            stuck,
            ending,
            program.output.count("Traceback"),
            not is_sound(database),
        )


def _config(model: ModelServer) -> Mapping[str, Any]:
    return {
        "storage": {"url": "sqlite:data/bot.db"},
        "providers": {"local": {"type": "openai", "base_url": model.url, "api_key": "none"}},
        "models": {"main": {"provider": "local", "model": "stand-in"}},
    }


async def _through(program: Program, door: Door, wound: Wound) -> tuple[set[int], int]:
    """The questions that are acknowledged while calls fail, and how many of them it was killed or stuck without."""
    if not await _starts(program):
        return set(), 0
    acknowledged: set[int] = set()
    for question in FIRST:
        acknowledged |= await _handed_in(program, door, question, wound)
        await _wait(partial(door.answers, question), 1)
    for taken in await asyncio.gather(*(_handed_in(program, door, each, wound) for each in QUESTIONS[len(FIRST) :])):
        acknowledged |= taken
    if wound.killed:
        return acknowledged, 0
    await _wait(lambda: all(map(door.answers, acknowledged)), PATIENCE_SECONDS)
    return acknowledged, sum(not door.answers(question) for question in acknowledged)


async def _starts(program: Program) -> bool:
    await _wait(lambda: "Ctrl-C ends it." in program.output or not program.running, START_SECONDS)
    return program.running


async def _handed_in(program: Program, door: Door, question: int, wound: Wound) -> set[int]:
    """Nothing, or the question."""
    for _ in range(2 if wound.lasting else ATTEMPTS):
        if await door.ask(program, question):
            return {question}
        await asyncio.sleep(PAUSE_SECONDS)
    return set()


async def _ended(program: Program, wound: Wound) -> Literal["went on", "a clear sentence", "unclear"]:
    """End the run in which calls failed; how the bot took that."""
    if program.running and wound.killed:
        await program.kill()
        return "went on"
    if program.running:
        return "went on" if await program.terminate() == 0 else "unclear"
    return "a clear sentence" if await program.ended() == 1 and "Parley can't run: " in program.output else "unclear"


async def _all_answered(program: Program, door: Door) -> None:
    """Hand in what isn't acknowledged yet, and wait for the answers; what is missing is counted by the caller."""
    for question in QUESTIONS:
        await door.ask(program, question)
    await _wait(lambda: all(map(door.answers, QUESTIONS)), PATIENCE_SECONDS)
    await asyncio.sleep(0.3)  # for an answer too many


async def _wait(true: Callable[[], object], seconds: float) -> None:
    """Until it is so, at most that long."""
    end = asyncio.get_running_loop().time() + seconds
    while not true() and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.05)


def keys(database: Path) -> set[str]:
    """What is stored; nothing where there are no tables yet."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            return {key for (key,) in connection.execute("SELECT key FROM turns")}
    except sqlite3.OperationalError:
        return set()


def is_sound(database: Path) -> bool:
    """Whether the whole database holds together."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            return [line for (line,) in connection.execute("PRAGMA integrity_check")] == ["ok"]
    except sqlite3.DatabaseError:
        return False


def figures(found: Sequence[Found]) -> Sequence[Figure]:
    """What all runs came to together."""
    endings = [one.ending for one in found]
    counts = list(chain.from_iterable(one.answers.values() for one in found))
    full = [one for one in found if one.wound.error == "ENOSPC" and not one.wound.lasting]
    return (
        at_least(
            "writes that failed, each in a run of its own (disk full)", sum(one.failed > 0 for one in full), len(full)
        ),
        at_least(
            "syncs that failed (EIO)",
            *(sum(one.failed > 0 for one in _failing(found)), len(_failing(found))),
        ),
        Figure("runs with a disk that stayed full", f"{sum(one.wound.lasting for one in found)}"),
        Figure(
            "runs over Telegram, the others over the playground",
            f"{sum(one.wound.door == 'telegram' for one in found)}",
        ),
        Figure(
            "runs that were killed right after the last acknowledgement", f"{sum(one.wound.killed for one in found)}"
        ),
        Figure("questions acknowledged while writes failed", f"{sum(len(one.acknowledged) for one in found):,}"),
        exactly("acknowledged, but not stored", sum(one.unstored for one in found)),
        exactly("not answered though the fault had passed, until the next start", sum(one.stuck for one in found)),
        exactly("lost after the next start", counts.count(0)),
        exactly("answered twice", sum(count > 1 for count in counts)),
        *(
            Figure("… with this call failing", f"{one.wound}")
            for one in found
            if max(one.answers.values(), default=0) > 1
        ),
        exactly("databases that don't hold together (integrity_check)", sum(one.damaged for one in found)),
        Figure("runs that went on", f"{endings.count('went on')}"),
        Figure("runs that ended with a clear sentence", f"{endings.count('a clear sentence')}"),
        exactly("runs that ended otherwise", endings.count("unclear")),
        exactly("tracebacks", sum(one.tracebacks for one in found)),
    )


def _failing(found: Sequence[Found]) -> Sequence[Found]:
    return [one for one in found if one.wound.error == "EIO"]
