"""The methods of the stand-in Discord's API for the bot itself, people, guilds and application commands."""

from collections.abc import Callable, Iterator

from tests.servers.discord_commands import Commands
from tests.servers.discord_errors import Json, number, refusal
from tests.servers.discord_places import Guild, Places
from tests.servers.discord_routes import Route
from tests.servers.discord_wire import Ask, Body


class AccountApi:
    """The bot, people, guilds, commands. `start_limit` tells how many identifies are left."""

    def __init__(self, places: Places, commands: Commands, start_limit: Callable[[], Json]) -> None:
        self._places = places
        self._world = places.world
        self._commands = commands
        self._start_limit = start_limit

    def routes(self) -> Iterator[Route]:
        """What it answers."""
        yield Route("GET", "/users/@me", lambda _: self._world.bot.json())
        yield Route("POST", "/users/@me/channels", self._open_direct)
        yield Route("GET", "/users/{user}", self._user)
        yield Route("GET", "/oauth2/applications/@me", self._application)
        yield Route("GET", "/applications/@me", self._application)
        yield Route("GET", "/gateway", lambda _: {"url": self._places.gateway_url})
        yield Route("GET", "/gateway/bot", self._gateway)
        yield Route("GET", "/guilds/{guild}", lambda ask: self._guild(ask).json())
        yield Route("GET", "/guilds/{guild}/channels", self._channels)
        yield Route("GET", "/guilds/{guild}/members/{user}", self._member)
        yield Route("GET", "/guilds/{guild}/threads/active", self._threads)
        for place in ("/applications/{application}", "/applications/{application}/guilds/{guild}"):
            yield Route("GET", place + "/commands", self._list)
            yield Route("PUT", place + "/commands", self._overwrite)
            yield Route("POST", place + "/commands", self._add, status=201)
            yield Route("DELETE", place + "/commands/{command}", self._remove)

    def _user(self, ask: Ask) -> Json:
        user = self._places.users.get(ask.id("user"))
        if not user:
            raise refusal(10013)
        return user.json()

    def _open_direct(self, ask: Ask) -> Json:
        user = self._places.users.get(number(ask.fields.get("recipient_id"), "recipient_id"))
        if not user:
            raise refusal(10013)
        if user == self._world.bot:
            raise refusal(50007)
        return self._places.direct(user).json()

    def _application(self, _: Ask) -> Json:
        owner: Json = {"id": "1", "username": "owner", "discriminator": "0", "avatar": None}
        body: Json = {"id": str(self._world.application_id), "name": self._world.bot.name, "description": ""}
        body |= {"icon": None, "bot_public": True, "bot_require_code_grant": False, "verify_key": "0" * 64}
        body["interactions_endpoint_url"] = self._places.endpoint_url
        return body | {"owner": owner, "flags": self._places.application_flags, "bot": self._world.bot.json()}

    def _gateway(self, _: Ask) -> Json:
        return {"url": self._places.gateway_url, "shards": 1, "session_start_limit": self._start_limit()}

    def _guild(self, ask: Ask) -> Guild:
        guild = self._places.guilds.get(ask.id("guild"))
        if not guild:
            raise refusal(10004)
        if not guild.has_bot:
            raise refusal(50001)
        return guild

    def _channels(self, ask: Ask) -> Body:
        guild = self._guild(ask).json()
        return list(guild["channels"])

    def _threads(self, ask: Ask) -> Json:
        return {"threads": self._guild(ask).json()["threads"], "members": []}

    def _member(self, ask: Ask) -> Json:
        member = self._guild(ask).members_json().get(ask.id("user"))
        if not member:
            raise refusal(10007)
        return member

    # Commands

    def _scope(self, ask: Ask) -> int | None:
        if ask.id("application") != self._world.application_id:
            raise refusal(20012)
        return self._guild(ask).id if "guild" in ask.path else None

    def _list(self, ask: Ask) -> Body:
        return self._commands.registered(self._scope(ask))

    def _overwrite(self, ask: Ask) -> Body:
        if not isinstance(ask.body, list):
            raise refusal(50109)
        return self._commands.overwrite(self._scope(ask), ask.body)

    def _add(self, ask: Ask) -> Json:
        return self._commands.add(self._scope(ask), ask.fields)

    def _remove(self, ask: Ask) -> None:
        self._commands.remove(self._scope(ask), ask.id("command"))
