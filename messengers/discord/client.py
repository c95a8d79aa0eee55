"""discord.py, reduced to what is needed of it: REST and the gateway's protocol. Events are handed on as they came.

Its caches of guilds, members and messages stay empty: they cost memory, and a malformed event in its parsers would
end the client.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import aiohttp
import discord
from aiohttp_socks import ProxyConnector
from discord.http import Route
from discord.state import ConnectionState

from messengers.base import Fatal, Unsure
from messengers.discord.settings import DiscordSettings

log = logging.getLogger(__name__)

Json = Mapping[str, Any]
Take = Callable[[str, Json], None]  # the event's name and its body

LOGIN_SECONDS = 30.0
EVENTS = (
    "READY", "RESUMED", "MESSAGE_CREATE", "MESSAGE_UPDATE", "INTERACTION_CREATE", "GUILD_CREATE", "GUILD_DELETE",
    "CHANNEL_DELETE", "THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC",
)  # fmt: skip
# None of them is privileged: no members, no presences.
INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)

CONNECTION_FAILURES = (OSError, TimeoutError, aiohttp.ClientError, discord.DiscordException)
MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)  # what reading an answer without sense raises


class Events(ConnectionState[Any]):
    """What discord.py's gateway calls its state: here it keeps none, and hands every event on."""

    def __init__(self, take: Take, **options: Any) -> None:
        super().__init__(**options)
        self.parsers = {event: partial(take, event) for event in EVENTS}

    def ask_for(self, intents: discord.Intents) -> None:
        """What the next IDENTIFY asks for."""
        self._intents = intents


class Client(discord.Client):
    """REST lives from `log_in` until `close`; the gateway is `messengers.discord.gateway`'s."""

    events: Events

    def __init__(self, settings: DiscordSettings, take: Take, trace: aiohttp.TraceConfig) -> None:
        Route.BASE = settings.api_base_url.rstrip("/")  # a class attribute: discord.py has no other way
        self._settings = settings
        self._take = take
        socks = settings.proxy.startswith("socks")
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no warning that voice isn't there
        super().__init__(
            intents=INTENTS,
            proxy=None if socks else settings.proxy or None,
            http_trace=trace,
            max_messages=None,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=30.0,
        )

    def _get_state(self, **options: Any) -> Events:
        """Where discord.py makes its state, and AutoShardedClient another one."""
        self.events = Events(
            self._take, dispatch=self.dispatch, handlers={}, hooks=self._hooks, http=self.http, **options
        )
        return self.events

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py would wait 5 s here; `messengers.discord.gateway` has its own pace."""

    async def log_in(self) -> None:
        """Open the HTTP session and ask who the bot is. Raises `Fatal`, and `Unsure` where it is to be tried again."""
        if self.http.connector:  # of an attempt before; its session would stay open
            await self.http.close()
        self.http.connector = (
            ProxyConnector.from_url(self._settings.proxy)
            if self._settings.proxy.startswith("socks")
            else aiohttp.TCPConnector(limit=0)
        )
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                await self.login(self._settings.token.get_secret_value())
                self._check_application()
                return
        except discord.LoginFailure:
            raise Fatal(UNKNOWN_BOT) from None
        except (*CONNECTION_FAILURES, *MALFORMED) as failure:
            reason = told(failure)[:200]
        raise Unsure(reason)

    def _check_application(self) -> None:
        if self.application and self.application.interactions_endpoint_url:
            log.warning(ENDPOINT_SET)

    def ask_for_content(self, *, wanted: bool = True) -> bool:
        """Ask for the content of all messages, if the application was granted that; whether it was."""
        flags = self.application_flags
        granted = bool(wanted and (flags.gateway_message_content or flags.gateway_message_content_limited))
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=granted)
        self.events.ask_for(intents)
        return granted

    def reads_all(self) -> bool:
        """Whether the content of all messages was asked for."""
        return self.events.intents.message_content


def told(failure: BaseException) -> str:
    """What happened. aiohttp's own texts have the whole address in them: a proxy's, with its password."""
    match failure:
        case aiohttp.ClientResponseError():
            return f"{type(failure).__name__}: {failure.status} {failure.message}"
        case aiohttp.InvalidURL():
            return type(failure).__name__
        case _:
            return f"{type(failure).__name__}: {failure}"


ENDPOINT_SET = (
    "Discord: commands, buttons and forms won't work, because the developer portal has an Interactions Endpoint URL "
    "for this bot, and Discord sends them there: remove it (General Information)"
)
UNKNOWN_BOT = "Discord doesn't know this bot's token: check discord.token in the config (the developer portal has it)."
