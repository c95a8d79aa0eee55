"""A stand-in for Discord on loopback, for an unmodified discord.py: gateway and REST API, with rate limits and faults.

    async with DiscordServer() as discord_server, discord_client(discord_server, client):
        friends = discord_server.guild("Friends")
        anna = discord_server.person("Anna", locale="ru")
        anna.say(friends.channel("general"), "hello", mention_bot=True)      # arrives through the gateway
        reply = await friends.channel("general").wait_for_text("Hello")      # a Message; .texts is all it ever showed
        pressed = anna.press(reply, "Stop")                                  # an Interaction
        await pressed.answered()                                             # within 3 s
        used = anna.slash(friends.channel("general"), "model", {"name": "gpt"})
        discord_server.faults.next(CREATE, Fault.applied_then_reset(), Fault.flood(35))
        discord_server.gateway.drop()

discord.py is led here by `discord.http.Route.BASE = server.rest_url` and
`discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)`: `discord_client` does it for tests.
As a process of its own: `python -m tests.servers.discord_server --port 8082`, steered by the API of discord_control.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Self

from aiohttp import web

from tests.servers.discord_account_api import AccountApi
from tests.servers.discord_answers import API, Answers, Call
from tests.servers.discord_channel_api import ChannelApi
from tests.servers.discord_channels import GROUP_DM, Channel
from tests.servers.discord_commands import Commands
from tests.servers.discord_errors import Json
from tests.servers.discord_faults import CALLBACK, CREATE, EDIT, FOLLOW_UP, TYPING, WEBHOOK_EDIT, Fault, Faults
from tests.servers.discord_gateway import Gateway
from tests.servers.discord_interaction_api import InteractionApi
from tests.servers.discord_interactions import Interaction, Interactions
from tests.servers.discord_messages import Message, Version
from tests.servers.discord_people import Desk, Person
from tests.servers.discord_places import Guild, Places
from tests.servers.discord_posting import Posting
from tests.servers.discord_rates import NO_RATES, RateRules, Rates
from tests.servers.discord_routes import Route
from tests.servers.discord_sessions import MESSAGE_CONTENT
from tests.servers.discord_world import Upload, User, World

__all__ = [
    "CALLBACK",
    "CREATE",
    "EDIT",
    "FOLLOW_UP",
    "NO_RATES",
    "TYPING",
    "WEBHOOK_EDIT",
    "Call",
    "Channel",
    "DiscordServer",
    "Fault",
    "Guild",
    "Interaction",
    "Message",
    "Person",
    "RateRules",
    "Upload",
    "Version",
]

TOKEN = "NDIwMDAwMDAwMQ.stand-in.token_for_tests_0123456789"
APPLICATION_ID, BOT_ID = 420_000_000_000_000_001, 420_000_000_000_000_002  # two numbers, as with older applications


class DiscordServer:
    """The server; a context manager. `port` 0 takes a free one. `clock` gives Unix seconds; `advance` lets time pass.

    `privileged`: the privileged intents that the application was granted (`discord_sessions.MESSAGE_CONTENT` …).
    `heartbeat`: seconds between heartbeats. `rates.rules` and `faults` may be changed at any time.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        token: str = TOKEN,
        name: str = "Parley",
        rates: RateRules = NO_RATES,
        privileged: int = MESSAGE_CONTENT,
        heartbeat: float = 41.25,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token = token
        self.application_id = APPLICATION_ID
        self.bot_id = BOT_ID
        self.bot = User(BOT_ID, name, is_bot=True)
        granted = bool(privileged & MESSAGE_CONTENT)
        self.world = World(self.bot, APPLICATION_ID, clock, content_granted=granted)
        self.places = Places(self.world)
        self.commands = Commands(self.world)
        self.gateway = Gateway(token, self.world, self.places, interval=heartbeat, privileged=privileged)
        self.rates = Rates(rates, self.world.now)
        self.faults: Faults = Faults()
        self.port = port
        posting = Posting(self.places)
        self._interactions = Interactions(self.places)
        self._desk = Desk(posting, self.commands, self._interactions)
        self._channel_api = ChannelApi(posting)
        self.answers = Answers(token, self.world, self.rates, self.faults)
        self._people: dict[str, Person] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after a `stop` on the same port again, with everything remembered."""
        app = web.Application(client_max_size=2**28)
        app.router.add_get("/gateway", self.gateway.handle)
        app.router.add_get("/gateway/", self.gateway.handle)
        app.router.add_get("/attachments/{channel}/{file}/{name}", self._download)
        self.answers.add_to(app, self._routes())
        self.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.world.root = self.root
        self.places.gateway_url = self.gateway_url

    async def stop(self) -> None:
        """Reset what is open, and refuse connections: Discord is out of reach."""
        if self._runner:
            self.gateway.drop()
            await self._runner.cleanup()
            self._runner = None

    def add_routes(self, app: web.Application) -> None:
        """For servers that offer more than Discord's API."""

    def _routes(self) -> Iterator[Route]:
        yield from AccountApi(self.places, self.commands, lambda: self.gateway.start_limit).routes()
        yield from self._channel_api.routes()
        yield from InteractionApi(self._desk.posting, self._interactions).routes()

    async def _download(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info["file"]
        file = self.world.files.get(int(number)) if number.isdecimal() else None
        if not file:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file.data, content_type=file.upload.kind)

    @property
    def root(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def rest_url(self) -> str:
        """What `discord.http.Route.BASE` must be."""
        return self.root + API

    @property
    def gateway_url(self) -> str:
        """What `DiscordWebSocket.DEFAULT_GATEWAY` must be."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    # People and places

    def person(self, name: str = "Anna", locale: str = "en-US", *, is_bot: bool = False) -> Person:
        """Somebody, or another bot; the same again under the same name."""
        if name not in self._people:
            person = Person(self.world.snowflake(), name, locale, is_bot, desk=self._desk)
            self._people[name] = self.places.users[person.id] = person
        return self._people[name]

    def guild(self, name: str = "Friends", locale: str = "en-US", *, has_bot: bool = True) -> Guild:
        """A guild; the same again under the same name. Without the bot it is one where only people install it."""
        return self.places.guild(name, locale, has_bot=has_bot)

    def channel(self, name: str = "general", guild: str = "Friends") -> Channel:
        """A guild's text channel; the same again under the same names."""
        return self.guild(guild).channel(name)

    def private(self, *people: Person) -> Channel:
        """Direct messages between people, without the bot."""
        return self.places.direct(*people, kind=GROUP_DM)

    # What tests look at

    @property
    def calls(self) -> list[Call]:
        """Every call of the bot, in order; one that the stand-in doesn't know has no `route`, and was answered 404."""
        return self.answers.calls

    @property
    def interactions(self) -> list[Interaction]:
        """All that people did with commands, buttons and forms, in order."""
        return self._interactions.all

    @property
    def repeated(self) -> list[Message]:
        """Messages that a repeated nonce returned instead of a new one."""
        return self._channel_api.repeated

    def push_raw(self, event: str, body: Json) -> None:
        """Dispatch any event at all, however malformed."""
        self.world.sessions.dispatch(event, body)

    def advance(self, seconds: float) -> None:
        """Let time pass at once: tokens expire, buckets fill again. Heartbeats keep the real time."""
        self.world.advance(seconds)

    def made(self, route: str, channel: Channel | None = None) -> list[Call]:
        """The calls of one method so far ("POST /channels/{channel}/messages"), in one channel or everywhere."""
        return [call for call in self.calls if call.route == route and (not channel or call.channel == channel.id)]

    async def wait_for(self, true: Callable[["DiscordServer"], object], timeout: float = 5.0) -> None:
        """Return once `true(server)`, looked at after each call and each thing that people do."""
        await self.world.changes.until(lambda: true(self), timeout, self._described)

    async def connected(self, timeout: float = 5.0) -> None:
        """Return once a client is connected and has its session."""
        await self.wait_for(lambda server: server.ready, timeout)

    @property
    def ready(self) -> bool:
        """Whether a client is connected and has its session."""
        return any(session.line for session in self.world.sessions.alive.values())

    async def settled(self, quiet: float = 0.3, timeout: float = 10.0) -> None:
        """Return once the bot has made no call for `quiet` seconds, and none is running."""
        async with asyncio.timeout(timeout + quiet):
            while True:
                await self.wait_for(lambda server: not server.answers.running, timeout)
                before = len(self.calls)
                await asyncio.sleep(quiet)
                if not self.answers.running and len(self.calls) == before:
                    return

    def _described(self) -> str:
        last = "\n".join(f"  {call}" for call in self.calls[-10:])
        return f"{self.gateway.connected} connections; the last calls:\n{last}"


if __name__ == "__main__":
    from tests.servers.discord_control import main

    main()
