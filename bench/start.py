"""From `python bot.py` to the page in the browser: seconds, memory, and whether aiogram was imported on the way."""

import asyncio
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import aiohttp

from bench.process import Bot, Memory
from bench.table import Table

RUNS = 5
LONGEST_SECONDS = 20.0
# A line of `-X importtime` for each module: "import time:  self [us] | cumulative | imported package".
IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Started:
    """One start: seconds until the page answered, memory then, and what the program had printed."""

    seconds: float
    memory: Memory
    output: str


async def start() -> Table:
    """Start the playground alone, with the offline provider: once to see its imports, then several times in earnest."""
    modules = IMPORTED.findall((await _started({"PYTHONPROFILEIMPORTTIME": "1"})).output)
    runs = [await _started({}) for _ in range(RUNS)]
    aiogram = "yes" if "aiogram" in modules else "no"
    return Table(
        f"start: bot.py with the playground alone, until its page answers 200; {RUNS} runs",
        ("median", "least", "most"),
        (
            _row("ready after, s", [run.seconds for run in runs], "{:.2f}".format),
            _row("resident memory, MB", [run.memory.resident for run in runs], "{:.1f}".format),
            _row("peak memory, MB", [run.memory.peak for run in runs], "{:.1f}".format),
        ),
        (
            f"aiogram imported: {aiogram}; of {len(modules)} modules that -X importtime saw in a run before, not timed",
            "files cached and compiled; asked for every 10 ms; memory: as it answered; target: 1.5 s, no aiogram",
        ),
    )


def _row(label: str, values: list[float], shown: Callable[[float], str]) -> tuple[str, ...]:
    return label, *(shown(figure(values)) for figure in (median, min, max))


async def _started(environ: Mapping[str, str]) -> Started:
    listen = f"127.0.0.1:{_free_port()}"
    with TemporaryDirectory() as folder:
        bot = Bot(Path(folder), {"playground": {"listen": listen}}, dict(environ))
        begun = time.perf_counter()
        async with bot:
            await _answers(f"http://{listen}/", bot)
            return Started(time.perf_counter() - begun, bot.memory(), bot.output)


async def _answers(url: str, bot: Bot) -> None:
    try:
        async with asyncio.timeout(LONGEST_SECONDS), aiohttp.ClientSession() as http:
            while True:
                if await _answers_now(http, url):
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise RuntimeError(f"no page after {LONGEST_SECONDS:g} s; the program said:\n{bot.output}") from None


async def _answers_now(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
