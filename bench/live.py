"""How late replies are and what they cost, beside two references: the optimum of the budget, and a bare reader.

The bot, the stand-ins, and the bare reader are processes of their own; what they do is timed by one clock, the
stand-ins'. This process only waits meanwhile.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.counting import WORDS, WORDS_PER_SECOND, question
from bench.measured import Reply, Run, figures
from bench.optimum import Answers, Plan, Window, best
from bench.process import Bot
from bench.scenarios import Scenario
from bench.table import Table
from tests.program import ROOT

ROUNDS_OF_ONE = 3  # of a single chat, each in a chat of its own: one reply alone says little
LONGEST_LINE = 2**28
START_SECONDS = 90.0  # a library of a messenger takes long to import on a busy machine
PATIENCE_SECONDS = 60.0  # for the ends of all answers, and as much again for each 120 chats


@dataclass(frozen=True, slots=True)
class Live:
    """One scenario with so many chats at once: measured, and what would have been best."""

    scenario: Scenario
    count: int
    run: Run
    optimum: Plan


class Helper:
    """A process of the bench's own that is talked to in lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self) -> Any:
        """Its next line."""
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a process of the bench ended; what it said is above")
        return json.loads(line)

    async def ask(self, wanted: Any) -> Any:
        """Its answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.says()


@asynccontextmanager
async def helper(module: str, *arguments: str) -> AsyncIterator[Helper]:
    """`python -m MODULE`, killed at the end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, stdin=pipe, stdout=pipe, limit=LONGEST_LINE
    )
    try:
        yield Helper(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def measure(scenario: Scenario, count: int) -> Live:
    """A bot of its own, one short reply in another chat, then `count` at once."""
    async with helper("bench.stand_ins", scenario.name) as stand_ins:
        config = await stand_ins.says()
        with TemporaryDirectory() as folder:
            bot = Bot(Path(folder), config)
            async with bot:
                await bot.says("Ctrl-C ends it.", timeout=START_SECONDS)
                await stand_ins.ask({"do": "warm_up"})
                run = await _run(count, stand_ins, bot)
        floor = await _floor(run, stand_ins)
    return Live(scenario, count, replace(run, floor_cpu=floor), _optimum(scenario, run.replies[:count]))


async def _run(count: int, stand_ins: Helper, bot: Bot) -> Run:
    records, cpu, waited = [], bot.cpu_seconds(), bot.waited_seconds()
    for number in range(ROUNDS_OF_ONE if count == 1 else 1):
        patience = PATIENCE_SECONDS * (1 + count / 120)
        records.append(await stand_ins.ask({"do": "ask", "first": number, "count": count, "seconds": patience}))
        await asyncio.sleep(0.2)  # what is done after the final edit is a reply's work, too
    return Run.of(records, bot.cpu_seconds() - cpu, bot.waited_seconds() - waited, bot.memory().peak)


async def _floor(run: Run, stand_ins: Helper) -> float:
    """The processor seconds of a bare reader of as many answers with as many calls."""
    count = len(run.replies)
    plan = await stand_ins.ask({"do": "write", "first": count, "count": count})
    for number, (chat, reply) in enumerate(zip(plan["chats"], run.replies, strict=True)):
        begun = reply.left[0] if reply.left else 0.0
        chat |= {"question": question(count + number), "calls": [max(0.0, at - begun) for at in reply.calls]}
    async with helper("bench.floor") as floor:
        seconds: float = await floor.ask(plan)
    return seconds


def table(results: Sequence[Live]) -> Table:
    """One scenario's, a column for each number of chats."""
    scenario = results[0].scenario
    columns = [figures(one.run, one.optimum) for one in results]
    return Table(
        scenario.title,
        tuple(f"{one.count} chat{'s' if one.count > 1 else ''}" for one in results),
        tuple((label, *(column[label] for column in columns)) for label in columns[0]),
    )


def _optimum(scenario: Scenario, replies: Sequence[Reply]) -> Plan:
    """What all chats share is used as early as may be; or evenly, where edits count too and it is better.

    For answers that begin when the measured ones did: a model is asked by the bot, and has a pace of its own.
    """
    begins = [reply.left[0] for reply in replies if reply.left]
    answers = Answers(tuple(begun - min(begins) for begun in begins), WORDS, WORDS_PER_SECOND)
    early = scenario.window
    windows = [early, Window(1, early.seconds / early.calls)] if early.edits else [early]
    plans = [best(answers, scenario.place, window) for window in windows]
    return min(plans, key=lambda plan: sum(at for shown in plan.shown for at in shown))


NOTES = (
    (
        f"Chats that ask at one moment; answers of {WORDS} words at {WORDS_PER_SECOND:g} words/s; a bot of its own "
        "for each column, after one short reply in another chat. Late: from a word's leaving the model server to the "
        "first version of a message that shows it."
    ),
    (
        "Optimum: computed, for answers of unknown length that begin when these did, and for calls that take no time "
        "(bench/optimum.py has the assumptions). Floor: a bare reader of the same events that posts as many raw edits "
        "at the same times; both in processor time without their start-up."
    ),
    (
        f"1 chat: {ROUNDS_OF_ONE} replies one after the other, each in a chat of its own. Bot, stand-ins and floor are "
        "processes of their own on the same cores; what delays the stand-ins (last rows) is part of the figures. "
        f"Nothing is waited for beyond {PATIENCE_SECONDS:g} s and half a second for each chat: what is late then isn't "
        "whole."
    ),
)
