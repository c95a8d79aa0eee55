"""Channels, threads and direct messages of the stand-in Discord: what is shown there, and who is told of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.servers import discord_world as permissions
from tests.servers.discord_errors import Json
from tests.servers.discord_messages import BLANK, Message
from tests.servers.discord_sessions import DIRECT_MESSAGES, GUILD_MESSAGES, GUILDS
from tests.servers.discord_world import User, World, shown_time

if TYPE_CHECKING:
    from tests.servers.discord_places import Guild

TEXT, DM, GROUP_DM, THREAD = 0, 1, 3, 11


class Channel:
    """A place where messages are: a guild's channel, a thread, or direct messages.

    `denied`: what the bot may not do here although the guild allows it. `typings`: when the bot was "typing".
    """

    def __init__(
        self,
        world: World,
        kind: int,
        name: str = "",
        *,
        guild: "Guild | None" = None,
        parent: "Channel | None" = None,
        people: tuple[User, ...] = (),
        nsfw: bool = False,
        number: int = 0,
    ) -> None:
        self.id = number or world.snowflake()  # a thread has the number of the message that it was made from
        self.kind = kind
        self.name = name
        self.guild = guild
        self.parent = parent
        self.people = people  # whom direct messages are between, without the bot
        self.nsfw = nsfw
        self.denied = 0
        self.archived = False
        self.locked = False
        self.deleted = False
        self.owner = world.bot  # who made a thread
        self.everything: dict[int, Message] = {}  # in order, deleted ones too
        self.typings: list[float] = []
        self.world = world
        world.channels[self.id] = self

    # What people see

    @property
    def messages(self) -> list[Message]:
        """The bot's messages that everybody sees now, in order."""
        return self.seen_by(None)

    def seen_by(self, viewer: User | None) -> list[Message]:
        """The bot's messages that this person sees now, ephemeral ones for them too, in order."""
        return [message for message in self.history if message.seen_by(viewer)]

    @property
    def history(self) -> list[Message]:
        """All that the bot ever sent here, in order: deleted and ephemeral messages too."""
        return [message for message in self.everything.values() if message.author == self.world.bot]

    @property
    def last(self) -> Message:
        """The bot's newest message that everybody sees."""
        return self.messages[-1]

    def shown_text(self, viewer: User | None = None) -> str:
        """What the bot's messages say now, one below the other."""
        return "\n".join(message.text for message in self.seen_by(viewer))

    def message(self, number: int) -> Message | None:
        """The message with this id, if it is there."""
        found = self.everything.get(number)
        return found if found and found.visible else None

    async def wait_for(self, true: Callable[["Channel"], object], timeout: float = 5.0) -> None:
        """Return once `true(channel)`; an AssertionError that shows the channel after `timeout` seconds."""
        await self.world.changes.until(lambda: true(self), timeout, self._described)

    async def wait_for_message(
        self, true: Callable[[Message], object], timeout: float = 5.0, *, viewer: User | None = None
    ) -> Message:
        """Wait until `true(message)` of a message of the bot that `viewer` sees; that message."""
        await self.wait_for(lambda channel: any(true(one) for one in channel.seen_by(viewer)), timeout)
        return next(message for message in self.seen_by(viewer) if true(message))

    async def wait_for_text(self, part: str, timeout: float = 5.0, *, viewer: User | None = None) -> Message:
        """Wait until a message of the bot that `viewer` sees contains `part`; that message."""
        return await self.wait_for_message(lambda message: part in message.text, timeout, viewer=viewer)

    def _described(self) -> str:
        shown = "\n".join(f"  [{one.id}] {one.text!r} {one.labels}" for one in self.history if one.visible)
        return f"channel {self.id} ({self.name or 'direct'}) shows:\n{shown or '  nothing'}"

    # What happens to it

    def deny(self, denied: int) -> None:
        """From now on the bot may do everything here but this (`discord_world.SEND` …; 0: it may do all again)."""
        self.denied = denied
        self._update()

    def rename(self, name: str) -> None:
        """Somebody gives it another name."""
        self.name = name
        self._update()

    def archive(self, *, locked: bool = False) -> None:
        """A thread is archived; `locked`: and can't be written to any more."""
        self.archived, self.locked = True, locked
        self._update()

    def reopen(self) -> None:
        """A thread is no longer archived: somebody wrote there."""
        self.archived = False
        self._update()

    def delete(self) -> None:
        """Somebody deletes it, with everything in it."""
        self.deleted = True
        self.world.channels.pop(self.id, None)
        if self.guild:
            self.guild.remove(self)
        self.world.changes.happened()

    def _update(self) -> None:
        if self.guild and self.guild.has_bot:
            event = "THREAD_UPDATE" if self.kind == THREAD else "CHANNEL_UPDATE"
            self.world.sessions.dispatch(event, self.json(), intent=GUILDS)
        self.world.changes.happened()

    # What the API needs

    @property
    def has_bot(self) -> bool:
        """Whether the bot is here at all: in its own direct messages, and in guilds that it was added to."""
        return self.guild.has_bot if self.guild else self.kind == DM

    def may(self, user: User) -> int:
        """What a user may do here."""
        if not self.guild:
            return permissions.USUAL
        denied = (self.denied | (self.parent.denied if self.parent else 0)) if user == self.world.bot else 0
        return self.guild.may(user) & ~denied

    def keep(self, message: Message) -> Message:
        """Put a message into the channel."""
        self.everything[message.id] = message
        return message

    def tell(self, event: str, message: Message) -> None:
        """Dispatch what happened to a message, to whom it concerns."""
        # An ephemeral message comes as if it were a direct one: by that intent, without guild and member
        # (discord-api-docs, "Gateway", note on intents, and its issue 4557).
        guild = None if message.ephemeral else self.guild
        if self.has_bot and self.may(self.world.bot) & permissions.VIEW:
            where = {"guild_id": str(guild.id)} if guild else {}
            if event == "MESSAGE_DELETE":
                gone: Json = {"id": str(message.id), "channel_id": str(self.id), **where}
                self.world.sessions.dispatch(event, gone, intent=GUILD_MESSAGES if guild else DIRECT_MESSAGES)
            else:
                self._tell_content(event, message, guild, where)
        self.world.changes.happened()

    def _tell_content(self, event: str, message: Message, guild: "Guild | None", where: Json) -> None:
        body = self.whole_json(message) | where
        member = guild.members.get(message.author.id) if guild else None
        if member:
            body["member"] = member.json()
        bare = self._without_content(body, message)
        self.world.sessions.dispatch(event, body, intent=GUILD_MESSAGES if guild else DIRECT_MESSAGES, bare=bare)

    def show(self, message: Message) -> Json:
        """A message as the REST API shows it to the bot.

        There the application's right to read content decides, not the session's intents (discord-api-docs, "Gateway").
        """
        body = self.whole_json(message)
        return body if self.world.content_granted else self._without_content(body, message)

    def concerns_bot(self, message: Message) -> bool:
        """Whether it is shown with its content even to a bot without the message content intent."""
        bot = self.world.bot
        return not self.guild or message.author == bot or bot in message.pings.users

    def whole_json(self, message: Message) -> Json:
        """A message with the one that it answers."""
        body = message.json()
        if message.reference and message.kind != 0:
            replied = message.replied
            body["referenced_message"] = replied.json() if replied and replied.visible else None
        return body

    def _without_content(self, body: Json, message: Message) -> Json:
        """As a bot without the intent gets it: the message, and the one that it answers, each by its own right."""
        bare = {**body}
        if not self.concerns_bot(message):
            bare |= BLANK
            bare.pop("poll", None)
        replied = message.replied
        if replied and body.get("referenced_message") and not self.concerns_bot(replied):
            bare["referenced_message"] = {**body["referenced_message"], **BLANK}
        return bare

    def json(self) -> Json:
        """As the API shows channels."""
        newest = next(reversed(self.everything), None)
        body: Json = {"id": str(self.id), "type": self.kind, "last_message_id": str(newest) if newest else None}
        body["flags"] = 0
        if not self.guild:
            return body | {"recipients": [user.json() for user in self.people]}
        body |= {"name": self.name, "guild_id": str(self.guild.id), "rate_limit_per_user": 0}
        body["parent_id"] = str(self.parent.id) if self.parent else None
        return body | (self._thread_json() if self.kind == THREAD else self._text_json())

    def _text_json(self) -> Json:
        overwrite = {"id": str(self.world.bot.id), "type": 1, "allow": "0", "deny": str(self.denied)}
        return {"position": 0, "topic": None, "nsfw": self.nsfw, "permission_overwrites": [overwrite]}

    def _thread_json(self) -> Json:
        state: Json = {"archived": self.archived, "auto_archive_duration": 1440, "locked": self.locked}
        state["archive_timestamp"] = shown_time(self.world.now())
        counts = {"message_count": len(self.everything), "member_count": 2, "total_message_sent": len(self.everything)}
        return {"owner_id": str(self.owner.id), "thread_metadata": state, **counts}
