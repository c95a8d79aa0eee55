"""The whole program as a person runs it: `python bot.py --config FILE`, to be killed and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml

from tests.nursery import Forked, Nursery

ROOT = Path(__file__).parents[1]


class Program:
    """One bot with its config and data in a folder. A context manager: what runs at its end is killed."""

    nursery: ClassVar[Nursery | None] = None  # where there is one, bots start from it, in no time

    def __init__(self, folder: Path, config: dict[str, Any], environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._environ = {**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})}
        self._config = folder / "config.yaml"
        self._config.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), "utf-8")
        self._output = folder / "output.txt"
        self._process: asyncio.subprocess.Process | Forked | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.kill()

    async def start(self, under: Sequence[str] = (), *, cold: bool = False) -> None:
        """Start it, without waiting for more; `under`: a command that runs it, as the same process (`strace -D`).

        `cold`: by its command, with all its imports, also where there is a nursery.
        """
        if self.nursery and not under and not cold:
            self._process = await asyncio.to_thread(self.nursery.fork, self._config, self._output, self._environ)
            return
        with self._output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *under, sys.executable, "bot.py", "--config", str(self._config), cwd=ROOT, env=self._environ,
                stdout=output, stderr=output,
            )  # fmt: skip

    async def started(self, starts: int = 1) -> None:
        """Wait until it has said, for the `starts`th time, that it is running."""
        await self.says("Ctrl-C ends it.", starts)

    async def says(self, part: str, times: int = 1, timeout: float = 20) -> None:
        """Wait until that was printed or logged so many times."""
        async with asyncio.timeout(timeout):
            while self.output.count(part) < times:
                assert self._process
                assert self._process.returncode is None, self.output
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """`kill -9`, if it still runs."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def terminate(self, timeout: float = 15) -> int:
        """SIGTERM; the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        return await self.ended(timeout)

    async def ended(self, timeout: float = 15) -> int:
        """Wait until it ends by itself; the exit code."""
        assert self._process
        async with asyncio.timeout(timeout):
            return await self._process.wait()

    @property
    def running(self) -> bool:
        """Whether it was started and hasn't ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def peak_memory(self) -> float:
        """The most memory that it has had since it was started, in MB; 0 where the system doesn't tell."""
        status = Path(f"/proc/{self._process.pid}/status") if self._process else Path()
        lines = status.read_text().splitlines() if status.is_file() else []
        return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))

    @property
    def output(self) -> str:
        """What all its runs printed and logged."""
        return self._output.read_text("utf-8", "replace") if self._output.exists() else ""
