"""The playground: serves its page, takes in what the person does, and opens its conversations for answers."""

import asyncio
import errno
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from aiohttp import web

from chat.commands import MenuEntry
from chat.incoming import Address
from messengers.base import Fatal, Reception
from messengers.buckets import Rate
from messengers.budget import Budgets
from messengers.playground.archive import Archive, ArchiveError
from messengers.playground.chat import PlaygroundChat
from messengers.playground.door import Door
from messengers.playground.files import Files
from messengers.playground.journal import Clock, Journal
from messengers.playground.listening import host_and_port, is_loopback
from messengers.playground.login import Login
from messengers.playground.routes import NAME, Routes
from messengers.playground.sessions import Sessions
from messengers.playground.settings import PlaygroundSettings
from messengers.playground.start import Start

# Nobody limits us here; this keeps edits at a pace that a browser draws easily.
RATE = Rate(burst=20, per_second=20, reserve=1)
SHUTDOWN_SECONDS = 0.5  # for requests in progress; the streams of events are closed at once


class Playground:
    """A messenger that is a page in the browser, with several conversations. As a messenger's server does, it keeps
    what it shows. A context manager: inside, its places can be written to, whether the page is served or not.
    """

    name = NAME
    seconds_since_poll = 0.0  # it is its own server

    def __init__(
        self,
        settings: PlaygroundSettings,
        menu: Sequence[MenuEntry],
        folder: Path,
        page_texts: Mapping[str, Mapping[str, str]],
        clock: Clock = time.time,
    ) -> None:
        """`folder`: where it keeps things. `page_texts`: language → key → sentence, "" = any other language.

        Raises `ValueError` where `listen` can't be understood, or is open to the network without a password.
        """
        self._host, self._port = host_and_port(settings.listen)
        password = settings.password.get_secret_value()
        self.trusted = not password
        if self.trusted and not is_loopback(self._host):
            raise ValueError("playground.listen is open to the network: that needs playground.password")
        self._commands = {entry.command.name: entry.command for entry in menu}
        self._archive = Archive(folder)
        self._journal = Journal(self._archive, clock)
        self._files = Files(self._archive, clock)
        self._sessions = Sessions(password, self._archive, clock)
        self._door = Door(self._sessions)
        self._login = Login(self._sessions, Start(menu, page_texts, with_admin=self.trusted))
        self.budgets = Budgets(lambda _: RATE)
        self.ready = asyncio.Event()

    @property
    def admitted(self) -> bool:
        """Whether its people get answers though they are no admins: they know the password."""
        return not self.trusted

    @property
    def url(self) -> str:
        """Where the page is. The port is known once `ready` is set, if any free one was asked for."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Open what is kept. Raises `Fatal` where that can't be done."""
        try:
            await self._archive.open()
            for kept in (self._journal, self._files, self._sessions):
                await kept.open()
        except ArchiveError as error:
            await self._archive.close()
            raise Fatal(f"the playground can't use its folder: {error}") from error
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._archive.close()

    def open(self, address: Address) -> PlaygroundChat:
        """The conversation of that address."""
        return PlaygroundChat(address.place, self._journal, self._files, self.budgets.of(address))

    async def run(self, reception: Reception) -> None:
        """Serve the page until cancelled. Raises `Fatal` where the address can't be listened on."""
        routes = Routes(self._journal, self._files, self._sessions, reception, self._commands)
        app = routes.application(self._login)
        app.middlewares.append(self._door.notice)
        app.on_shutdown.append(self._send_away)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await self._serve(runner)
        finally:
            self.ready.clear()
            await runner.cleanup()

    async def _serve(self, runner: web.AppRunner) -> None:
        assert runner.server is not None
        listening = await self._listen(self._door.before(runner.server))
        try:
            self.ready.set()
            await asyncio.Event().wait()
        finally:
            listening.close()

    async def _listen(self, protocols: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        try:
            listening = await asyncio.get_running_loop().create_server(protocols, self._host, self._port)
        except OSError as error:
            reason = "another program uses it" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise Fatal(
                f"the playground can't listen on {self._host}:{self._port}: {reason}; see playground.listen"
            ) from error
        self._port = listening.sockets[0].getsockname()[1]
        return listening

    async def _send_away(self, _: web.Application) -> None:
        """Close the streams of events, which would go on for ever (an `on_shutdown` signal)."""
        self._journal.send_away()
