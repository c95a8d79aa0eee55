"""How late replies are in Telegram, and what they cost: a model that counts aloud, and what the chats showed when.

The bot is a process of its own. The stand-ins for Telegram and for the model share the bench's process, so that one
clock times both ends; how busy they were is in the table, for their own delays are in the figures.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import web

from bench.process import Bot
from bench.table import NOTHING, Table, percentile
from tests.servers.model import Answer, ModelServer, Request
from tests.servers.model_answers import chunks
from tests.servers.telegram import Chat, TelegramServer

WORDS = 200
WORDS_PER_SECOND = 50.0
STORY = " ".join(f"w{number}" for number in range(WORDS))
WARM_UP = "warm up"

_BEGUN = time.time() - time.monotonic()


def now() -> float:
    """Unix seconds that don't jump: the clock of both stand-ins."""
    return _BEGUN + time.monotonic()


class CountingModel(ModelServer):
    """The stand-in, which remembers when each word left it: `left` is question → times, by the number of the word."""

    def __init__(self) -> None:
        super().__init__()
        self.left: dict[str, list[float]] = {}
        self.rule = lambda request: Answer(text="Ready.") if request.question == WARM_UP else None
        self.default = Answer(text=STORY, words_per_second=WORDS_PER_SECOND)

    async def _stream(
        self, http: web.Request, response: web.StreamResponse, request: Request, answer: Answer, text: str
    ) -> None:
        left = self.left[request.question] = []
        async for chunk in chunks(http, request, answer, text):
            if request.words > len(left):
                left.append(now())
            await response.write(chunk)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: seconds from a word's leaving the model to its being shown, of those that were; the model's pace."""

    lags: tuple[float, ...]
    first: float | None
    last: float | None
    whole: bool
    words_per_second: float


@dataclass(frozen=True, slots=True)
class Run:
    """So many replies at once, and what they took of the bot and of the stand-ins."""

    replies: tuple[Reply, ...]
    calls: Counter[str]
    refusals: int
    cpu_seconds: float
    peak_mb: float
    seconds: float
    our_cpu_seconds: float
    our_longest_stall: float


async def telegram(counts: Sequence[int]) -> Table:
    """One bot for each number of chats."""
    figures = [_figures(await _run(count)) for count in counts]
    return Table(
        f"telegram: chats that ask at once; answers of {WORDS} words at {WORDS_PER_SECOND:g} words/s; flood control on",
        tuple(f"{count} chat{'s' if count > 1 else ''}" for count in counts),
        tuple((label, *(column[label] for column in figures)) for label in figures[0]),
        (
            "lag: from a word's leaving the model server to the first version of a message that shows it",
            "each run: a bot of its own, one short reply in another chat before; CPU time is counted in ticks of 10 ms",
            "the stand-ins share the bench's process; what delays them (last rows) is part of the lags",
        ),
    )


async def _run(count: int) -> Run:
    async with CountingModel() as model, TelegramServer(clock=now) as server:
        with TemporaryDirectory() as folder:
            bot = Bot(Path(folder), _config(server, model))
            async with bot:
                await bot.started()
                await _ask([server.private(1000, "Warm")], [WARM_UP])
                return await _measured(count, server, model, bot)


def _config(server: TelegramServer, model: ModelServer) -> dict[str, Any]:
    return {
        "telegram": {"token": server.token, "api_base_url": server.base_url},
        "access": {"public": True, "admins": ["telegram:1000"]},
        "providers": {"local": {"type": "openai", "base_url": model.url, "api_key": "none"}},
        "models": {"main": {"provider": "local", "model": "stand-in"}},
    }


async def _measured(count: int, server: TelegramServer, model: CountingModel, bot: Bot) -> Run:
    chats = [server.private(2000 + number, f"P{number}") for number in range(count)]
    questions = [f"question {number}" for number in range(count)]
    calls_before, refusals_before = len(server.calls), len(server.flood.refusals)
    begun, our_cpu, cpu = now(), time.process_time(), bot.cpu_seconds()
    async with asyncio.TaskGroup() as group:
        stalls = group.create_task(_longest_stall(ended := asyncio.Event()))
        await _ask(chats, questions)
        ended.set()
    return Run(
        replies=tuple(_reply(chat, model.left.get(asked, [])) for chat, asked in zip(chats, questions, strict=True)),
        calls=Counter(call.method for call in server.calls[calls_before:] if call.chat),
        refusals=len(server.flood.refusals) - refusals_before,
        cpu_seconds=bot.cpu_seconds() - cpu,
        peak_mb=bot.memory().peak,
        seconds=now() - begun,
        our_cpu_seconds=time.process_time() - our_cpu,
        our_longest_stall=stalls.result(),
    )


async def _ask(chats: Sequence[Chat], questions: Sequence[str]) -> None:
    """Ask in all chats at once, and wait for the ends of the answers; not for ever: what is late then isn't whole."""
    for chat, question in zip(chats, questions, strict=True):
        chat.say(question)
    longest = 30 + len(chats) / 2
    with suppress(TimeoutError):
        async with asyncio.timeout(longest):
            for chat in chats:
                await chat.wait_for(_finished, timeout=2 * longest)


def _finished(chat: Chat) -> bool:
    """Whether the reply has lost its Stop button."""
    return bool(chat.messages) and not chat.last.labels


def _reply(chat: Chat, left: Sequence[float]) -> Reply:
    shown: dict[int, float] = {}
    versions = (version for message in chat.history for version in message.versions)
    for version in sorted(versions, key=lambda version: version.at):
        for number in re.findall(r"\bw(\d+)\b", version.text):
            shown.setdefault(int(number), version.at)
    lags = {number: shown[number] - at for number, at in enumerate(left) if number in shown}
    pace = (len(left) - 1) / (left[-1] - left[0]) if len(left) > 1 else 0.0
    whole = chat.shown_text().split() == STORY.split()
    return Reply(tuple(lags.values()), lags.get(0), lags.get(WORDS - 1), whole, pace)


async def _longest_stall(ended: asyncio.Event) -> float:
    """Seconds that our event loop was late at most, of a look every 10 ms."""
    longest = 0.0
    while not ended.is_set():
        due = now() + 0.01
        await asyncio.sleep(0.01)
        longest = max(longest, now() - due)
    return longest


def _figures(run: Run) -> dict[str, str]:
    replies, calls, count = run.replies, run.calls, len(run.replies)
    kinds = {"send": "sendMessage", "edit": "editMessageText", "typing": "sendChatAction"}
    firsts = [reply.first for reply in replies if reply.first is not None]
    lasts = [reply.last for reply in replies if reply.last is not None]
    return {
        "lag of all words, mean / p95, ms": _spread([lag for reply in replies for lag in reply.lags]),
        "lag of the first word, mean / p95, ms": _spread(firsts),
        "lag of the last word, mean / p95, ms": _spread(lasts),
        "whole answers": f"{sum(reply.whole for reply in replies) / count:.0%}",
        "calls per reply": f"{calls.total() / count:.1f}",
        f"  {' / '.join(kinds)}": " / ".join(f"{calls[method] / count:.1f}" for method in kinds.values()),
        "refused with 429": str(run.refusals),
        "bot: CPU per reply, ms": f"{1000 * run.cpu_seconds / count:.0f}",
        "bot: peak memory, MB": f"{run.peak_mb:.0f}",
        "model: pace in fact, words/s": f"{mean(reply.words_per_second for reply in replies):.1f}",
        "stand-ins: CPU, of one core": f"{run.our_cpu_seconds / run.seconds:.0%}",
        "stand-ins: longest stall, ms": f"{1000 * run.our_longest_stall:.0f}",
    }


def _spread(values: Sequence[float]) -> str:
    return f"{1000 * mean(values):.0f} / {1000 * percentile(values, 0.95):.0f}" if values else NOTHING
