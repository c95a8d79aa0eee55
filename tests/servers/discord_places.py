"""Guilds of the stand-in Discord with their roles and members, and everything that there is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.servers import discord_world as permissions
from tests.servers.discord_channels import DM, TEXT, THREAD, Channel
from tests.servers.discord_errors import Json
from tests.servers.discord_sessions import GUILDS
from tests.servers.discord_world import User, World, shown_time

_CONTENT_LIMITED = 1 << 19  # the application may read content, and is in fewer than 100 guilds


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a guild, with permissions above those of everybody. `bot`: whose own role it is, if a bot's."""

    id: int
    name: str
    permissions: int = 0
    mentionable: bool = True
    bot: int = 0

    def json(self) -> Json:
        """As the API shows roles."""
        body: Json = {"id": str(self.id), "name": self.name, "permissions": str(self.permissions), "position": 1}
        body |= {"color": 0, "hoist": False, "managed": bool(self.bot), "mentionable": self.mentionable, "flags": 0}
        return body | ({"tags": {"bot_id": str(self.bot)}} if self.bot else {})


@dataclass(slots=True)
class Member:
    """Somebody's membership of a guild."""

    user: User
    joined_at: float
    roles: list[Role] = field(default_factory=list)

    def json(self) -> Json:
        """As the API shows members, without the user."""
        body: Json = {"roles": [str(role.id) for role in self.roles], "joined_at": shown_time(self.joined_at)}
        return body | {"nick": None, "avatar": None, "deaf": False, "mute": False, "pending": False, "flags": 0}


class Guild:
    """A guild ("server"). `has_bot`: whether the bot is a member; `everyone`: what everybody may do in it."""

    def __init__(self, world: World, name: str, locale: str, *, has_bot: bool) -> None:
        self.id = world.snowflake()
        self.name = name
        self.locale = locale
        self.has_bot = has_bot
        self.everyone = permissions.USUAL
        self.members: dict[int, Member] = {}
        self.roles: dict[int, Role] = {}
        self.channels: dict[int, Channel] = {}  # threads too
        self.world = world
        if has_bot:
            self.members[world.bot.id] = Member(world.bot, world.now())

    def role(self, name: str, granted: int = 0, *, mentionable: bool = True, bot: int = 0) -> Role:
        """A new role."""
        role = Role(self.world.snowflake(), name, granted, mentionable, bot)
        self.roles[role.id] = role
        self._tell("GUILD_ROLE_CREATE", {"guild_id": str(self.id), "role": role.json()})
        return role

    def join(self, user: User, *roles: Role) -> None:
        """Somebody becomes a member, or gets exactly these roles."""
        known = self.members.get(user.id)
        self.members[user.id] = Member(user, known.joined_at if known else self.world.now(), list(roles))

    def may(self, user: User) -> int:
        """What a member may do in the guild."""
        member = self.members.get(user.id)
        granted = self.everyone if member else 0
        for role in member.roles if member else ():
            granted |= role.permissions
        return permissions.EVERYTHING if granted & permissions.ADMINISTRATOR else granted

    def channel(self, name: str = "general", *, nsfw: bool = False) -> Channel:
        """The text channel with this name; new where there is none."""
        for known in self.channels.values():
            if known.name == name and known.kind == TEXT:
                return known
        return self.add(Channel(self.world, TEXT, name, guild=self, nsfw=nsfw), "CHANNEL_CREATE")

    def add(self, channel: Channel, event: str) -> Channel:
        """Put a channel or a thread into the guild."""
        self.channels[channel.id] = channel
        self._tell(event, channel.json() | ({"newly_created": True} if event == "THREAD_CREATE" else {}))
        return channel

    def remove(self, channel: Channel) -> None:
        """A channel (with its threads) or a thread is deleted."""
        for thread in [inside for inside in self.channels.values() if inside.parent is channel]:
            del self.channels[thread.id], self.world.channels[thread.id]
        self.channels.pop(channel.id, None)
        self._tell("THREAD_DELETE" if channel.kind == THREAD else "CHANNEL_DELETE", channel.json())

    def invite_bot(self) -> None:
        """The bot is added."""
        self.has_bot = True
        self.members[self.world.bot.id] = Member(self.world.bot, self.world.now())
        self._tell("GUILD_CREATE", self.json())

    def expel_bot(self) -> None:
        """The bot is removed: it sees nothing here any more."""
        self._tell("GUILD_DELETE", {"id": str(self.id)})
        self.has_bot = False
        self.members.pop(self.world.bot.id, None)

    def outage(self) -> None:
        """Discord can't serve the guild for a while; `recover` ends it."""
        self._tell("GUILD_DELETE", {"id": str(self.id), "unavailable": True})

    def recover(self) -> None:
        """The guild is there again after an `outage`."""
        self._tell("GUILD_CREATE", self.json())

    def json(self, *, everybody: bool = False) -> Json:
        """As GUILD_CREATE shows it. Without the members intent only the bot is in it."""
        members = self.members_json()
        shown = [body for user, body in members.items() if everybody or user == self.world.bot.id]
        inside = list(self.channels.values())
        body: Json = {"id": str(self.id), "name": self.name, "owner_id": "1", "preferred_locale": self.locale}
        body |= {"roles": self._roles_json(), "members": shown, "member_count": len(members), "large": False}
        body |= {"channels": [channel.json() for channel in inside if channel.kind != THREAD]}
        body |= {"threads": [channel.json() for channel in inside if channel.kind == THREAD and not channel.archived]}
        body |= {"joined_at": shown_time(self.world.now()), "unavailable": False, "features": [], "icon": None}
        return body | dict(_NOTHING)

    def members_json(self) -> dict[int, Json]:
        """All members, by their id."""
        return {number: member.json() | {"user": member.user.json()} for number, member in self.members.items()}

    def _roles_json(self) -> list[Json]:
        everyone = Role(self.id, "@everyone", self.everyone, mentionable=False).json() | {"position": 0}
        return [everyone, *(role.json() for role in self.roles.values())]

    def _tell(self, event: str, body: Json) -> None:
        if self.has_bot:
            self.world.sessions.dispatch(event, body, intent=GUILDS)
        self.world.changes.happened()


_NOTHING: Mapping[str, list[Json] | int] = {
    "emojis": [], "stickers": [], "voice_states": [], "presences": [], "stage_instances": [],
    "guild_scheduled_events": [], "soundboard_sounds": [], "verification_level": 0, "nsfw_level": 0, "mfa_level": 0,
    "default_message_notifications": 0, "explicit_content_filter": 0, "premium_tier": 0, "afk_timeout": 300,
    "system_channel_flags": 0,
}  # fmt: skip


class Places:
    """All guilds and channels, and everybody who is known."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.guilds: dict[int, Guild] = {}
        self.users: dict[int, User] = {world.bot.id: world.bot}
        self.refusing: set[int] = set()  # people who take no direct messages of the bot
        self.installed: set[int] = set()  # people who added the bot to their own account
        self.gateway_url = ""
        self.endpoint_url: str | None = None  # where interactions go instead of the gateway
        self._direct: dict[frozenset[int], Channel] = {}

    def guild(self, name: str, locale: str = "en-US", *, has_bot: bool = True) -> Guild:
        """The guild with this name; new where there is none."""
        for known in self.guilds.values():
            if known.name == name:
                return known
        guild = Guild(self.world, name, locale, has_bot=False)
        self.guilds[guild.id] = guild
        if has_bot:
            guild.invite_bot()
        return guild

    def direct(self, *people: User, kind: int = DM) -> Channel:
        """The direct messages between the bot and a person; or those between people, without the bot (GROUP_DM)."""
        between = frozenset({user.id for user in people} | {kind})
        if between not in self._direct:
            self._direct[between] = Channel(self.world, kind, people=people)
        return self._direct[between]

    def bots_guilds(self) -> Iterator[Guild]:
        """The guilds that the bot is in."""
        return (guild for guild in list(self.guilds.values()) if guild.has_bot)

    def channel(self, number: int) -> Channel | None:
        """The channel with this id, wherever it is, if it is there."""
        return self.world.channels.get(number)

    @property
    def application_flags(self) -> int:
        """What the application may, as it is told in READY and of /applications/@me."""
        return _CONTENT_LIMITED if self.world.content_granted else 0
