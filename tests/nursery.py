"""Bots that run at once: forked from a process that has imported what takes seconds of each start.

`python -m tests.nursery` is that process: a line of JSON in, a line out. ["fork", config, output, environ] starts a bot
by `bot.main`, as `python bot.py` does: its process id. ["reap", id] waits for its end: its exit code. The bots end with
it, and it ends with its input.
"""

import asyncio
import ctypes
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

ROOT = Path(__file__).parents[1]
IMPORTED = ("bot", "messengers.telegram.messenger", "messengers.discord.messenger", "providers.openai")
LOOK_SECONDS = 0.01
PR_SET_PDEATHSIG = 1


class Forked:
    """A bot that isn't our child, with what `asyncio.subprocess.Process` offers of one that is."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self._nursery = nursery
        self._handle = os.pidfd_open(pid)  # until it is reaped no other process can have its number
        self._returncode: int | None = None

    @property
    def returncode(self) -> int | None:
        """Its exit code, below 0: the signal that ended it; None while it runs."""
        if self._returncode is None and select.select([self._handle], [], [], 0)[0]:
            os.close(self._handle)
            self._returncode = self._nursery.reap(self.pid)
        return self._returncode

    def send_signal(self, number: int) -> None:
        """Nothing happens if it ended."""
        if self.returncode is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """`kill -9`."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until it ends; the exit code."""
        while (code := self.returncode) is None:
            await asyncio.sleep(LOOK_SECONDS)
        return code


class Nursery:
    """Forks bots; a context manager. Its process is started with the first of them."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process:
            self._process.communicate()  # closes its input

    def fork(self, config: Path, output: Path, environ: Mapping[str, str]) -> Forked:
        """A bot with that config, whose output is appended to that file. The first one takes seconds."""
        return Forked(self, self._ask("fork", str(config), str(output), dict(environ)))

    def reap(self, pid: int) -> int:
        """The exit code of a bot that ended."""
        return self._ask("reap", pid)

    def _ask(self, *wanted: Any) -> int:
        with self._one_at_a_time:
            if self._process is None:
                pipe = subprocess.PIPE
                self._process = subprocess.Popen(
                    [sys.executable, "-u", "-m", "tests.nursery"], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
                )
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(f"{json.dumps(wanted)}\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


def _serve() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started it: its end closes the input
    for line in sys.stdin:
        match json.loads(line):
            case ["fork", config, output, environ]:
                print(os.fork() or _be_a_bot(config, output, environ))
            case ["reap", pid]:
                print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _be_a_bot(config: str, output: str, environ: dict[str, str]) -> NoReturn:
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(environ)
        time.tzset()
        written = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for number, opened in enumerate((os.open(os.devnull, os.O_RDONLY), written, written)):
            os.dup2(opened, number)
        code = importlib.import_module("bot").main(["--config", config])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 — a border: what is forked must never go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
