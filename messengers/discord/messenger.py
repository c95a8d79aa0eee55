"""Discord as a messenger: people in by the gateway, answers out by REST."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from chat.commands import MenuEntry
from chat.incoming import Address
from messengers.base import Chat, Fatal, MessengerError, Reception
from messengers.discord import rates
from messengers.discord.answering import Answering
from messengers.discord.calls import Rest
from messengers.discord.chains import Chains
from messengers.discord.chat import DiscordChat
from messengers.discord.client import CONNECTION_FAILURES, MALFORMED, Client
from messengers.discord.commands import Sentences, Tree, keep_told
from messengers.discord.gateway import IDENTIFY_SECONDS, NoContentError, Pulse, Shard, Turnstile
from messengers.discord.hearing import Hearing, Parts
from messengers.discord.interactions import Forms
from messengers.discord.places import Places
from messengers.discord.rendering import DiscordDialect
from messengers.discord.settings import DiscordSettings

log = logging.getLogger(__name__)

Json = Mapping[str, Any]
T = TypeVar("T")

LONGEST_PAUSE_SECONDS = 30.0
NO_CONTENT = (
    "Discord: without the Message Content Intent (developer portal, Bot) it reads in servers only commands, messages "
    "that mention it by its name, and replies that ping it; not those to an answer of a command, not mentions of its "
    "role, not what else is said in its threads"
)


class Discord:
    """See `messengers.base.Messenger`. A context manager: its connections are closed at the exit."""

    name = "discord"

    def __init__(
        self,
        settings: DiscordSettings,
        menu: Sequence[MenuEntry],
        texts: Sentences,
        *,
        identify_seconds: float = IDENTIFY_SECONDS,
    ) -> None:
        """`texts`: language ("" = any other) → key → sentence, of the section `discord`.

        `identify_seconds`: at least that long between two new sessions.
        """
        self._settings = settings
        self._identify_seconds = identify_seconds
        self._tree = Tree(menu, texts)
        self._dialect = DiscordDialect()
        self.budgets = rates.budgets()
        self._client = Client(settings, self._take, rates.trace_config(self.budgets))
        self._rest = Rest(self._client)
        self._chains = Chains(self._message) if settings.conversation == "chain" else None
        self._answering = Answering(self._rest, self._tree, texts)
        self._pulse = Pulse()
        self._hearing: Hearing | None = None  # while it runs

    async def __aenter__(self) -> "Discord":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()

    @property
    def seconds_since_poll(self) -> float:
        """How long ago the gateway was last heard: the messenger's health."""
        return time.monotonic() - self._pulse.last

    def open(self, address: Address) -> Chat:
        """See `Messenger.open`."""
        budget = self._answering.paced(address, rates.budget_of(self.budgets, address))
        return DiscordChat(self._rest, address, self._dialect, budget, self._chains)

    async def run(self, reception: Reception) -> None:
        """See `Messenger.run`. Raises `Fatal` for a token that Discord doesn't know."""
        await self._log_in()
        places = Places(await _insist(lambda: reception.last_seen(self.name), "what was seen last"))
        try:
            async with asyncio.TaskGroup() as tasks:
                self._hearing = self._make_hearing(places, reception, tasks)
                tasks.create_task(keep_told(self._rest, self._client.application_id or 0, self._tree))
                await self._listen()
        except ExceptionGroup as failures:  # what ended the listening, in the group's wrapping
            raise _first(failures) from None
        finally:
            self._hearing = None

    def _make_hearing(self, places: Places, reception: Reception, tasks: asyncio.TaskGroup) -> Hearing:
        user, application = self._client.user, self._client.application_id
        assert user
        assert application
        if self._chains:
            self._chains.bot_id = str(user.id)
        log.info("Discord: this is %s", user)
        forms = Forms(application, self._tree, places, chains=self._chains is not None)
        parts = Parts(self._rest, self._answering, forms, self._chains, places, self._client.reads_all)
        return Hearing(str(user.id), parts, reception, tasks)

    async def _log_in(self) -> None:
        await _insist(self._client.log_in, "logging in to Discord")

    async def _listen(self) -> None:
        """Keep the gateway's connections up. Raises what ends them."""
        content = self._client.ask_for_content()
        turnstile = Turnstile(self._client, self._identify_seconds)
        shards = self._client.events.shard_count = await _insist(turnstile.shards, "asking for Discord's gateway")
        while True:
            if not content:
                log.info(NO_CONTENT)
            try:
                async with asyncio.TaskGroup() as connections:
                    for number in range(shards):
                        connections.create_task(self._shard(number, turnstile).run(), name=f"discord shard {number}")
            except ExceptionGroup as failures:
                if not isinstance(failure := _first(failures), NoContentError):
                    raise failure from None
            content = self._client.ask_for_content(wanted=False)

    def _shard(self, number: int, turnstile: Turnstile) -> Shard:
        gateway = self._settings.gateway_url
        return Shard(self._client, number, pulse=self._pulse, turnstile=turnstile, gateway=gateway)

    def _take(self, event: str, body: Any) -> None:
        if self._hearing:
            self._hearing.take(event, body)

    async def _message(self, channel: str, message: str) -> Json:
        return await self._rest.message(channel, message)


async def _insist(ask: Callable[[], Awaitable[T]], what: str) -> T:
    """Ask until there is an answer. Raises `Fatal`."""
    pause = 1.0
    while True:
        try:
            return await ask()
        except Fatal:
            raise
        except (MessengerError, *CONNECTION_FAILURES, *MALFORMED) as failure:
            log.warning("%s failed, again in %g s: %s", what, pause, str(failure)[:200] or type(failure).__name__)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """What went wrong first, out of its wrappings."""
    failure: Exception = failures
    while isinstance(failure, ExceptionGroup):
        failure = failure.exceptions[0]
    return failure
