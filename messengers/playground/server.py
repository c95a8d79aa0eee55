"""The playground: serves its page on this machine, takes in what the person does, and opens the page for answers."""

import asyncio
import errno
import time
from collections.abc import Collection

from aiohttp import web

from chat.incoming import Address
from messengers.base import Fatal, Receive
from messengers.budget import Budgets, Rate
from messengers.playground.chat import PlaygroundChat
from messengers.playground.journal import Clock, Journal
from messengers.playground.routes import NAME, Routes
from messengers.playground.settings import PlaygroundSettings

# Nobody limits us here; this keeps edits at a pace that a browser draws easily.
RATE = Rate(burst=20, per_second=20, reserve=1)
SHUTDOWN_SECONDS = 0.5  # for requests in progress; the streams of events are closed at once


def host_and_port(listen: str) -> tuple[str, int]:
    """Take `127.0.0.1:8080` or `[::1]:8080` apart. Raises `ValueError` for anything else."""
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"playground.listen must be host:port, like 127.0.0.1:8080, not {listen!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


class Playground:
    """A messenger that is one page in the browser, with one conversation. What it shows is kept in memory only."""

    name = NAME
    seconds_since_poll = 0.0  # it is its own server

    def __init__(self, settings: PlaygroundSettings, commands: Collection[str] = (), clock: Clock = time.time) -> None:
        """`commands`: the names that `/name` may have. Raises `ValueError` where `listen` can't be understood."""
        self._host, self._port = host_and_port(settings.listen)
        self._commands = commands
        self._journal = Journal(clock)
        self.budgets = Budgets(lambda _: RATE)
        self.ready = asyncio.Event()

    @property
    def url(self) -> str:
        """Where the page is. The port is known once `ready` is set, if any free one was asked for."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def open(self, address: Address) -> PlaygroundChat:
        """The page's conversation."""
        return PlaygroundChat(self._journal, self.budgets.of(address))

    async def run(self, receive: Receive) -> None:
        """Serve the page until cancelled. Raises `Fatal` where the address can't be listened on."""
        self._journal.open()
        app = Routes(self._journal, receive, self._commands).application()
        app.on_shutdown.append(self._send_away)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await self._listen(runner)
            self.ready.set()
            await asyncio.Event().wait()
        finally:
            self.ready.clear()
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            reason = "another program uses it" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise Fatal(
                f"the playground can't listen on {self._host}:{self._port}: {reason}; see playground.listen"
            ) from error
        self._port = runner.addresses[0][1]

    async def _send_away(self, _: web.Application) -> None:
        """Close the streams of events, which would go on for ever (an `on_shutdown` signal)."""
        self._journal.close()
