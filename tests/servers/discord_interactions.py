"""Interactions of the stand-in Discord: what people did that the bot must answer, and how it did.

Source: discord-api-docs, "Receiving and Responding".
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.servers.discord_channels import GROUP_DM, THREAD, Channel
from tests.servers.discord_errors import Json
from tests.servers.discord_messages import Message
from tests.servers.discord_places import Places
from tests.servers.discord_world import MENTION_EVERYONE, USUAL, User

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
ANSWER_SECONDS, TOKEN_SECONDS = 3.0, 900.0
IN_GUILD, WITH_BOT, PRIVATE = 0, 1, 2
MOST_FOLLOW_UPS = 5  # where the bot is there only because a person installed it for themselves
LARGEST_FILE = 10 * 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """The first answer to an interaction: when, its type, and what was sent with it."""

    at: float
    type: int
    data: Json


@dataclass(slots=True, eq=False)
class Interaction:
    """One interaction. `source` is the message that was pressed, or aimed at; `answer` the first answer, once there.

    `original` is the message that answers it, `follow_ups` those after it; `ephemeral`: whether the first answer
    was for the person alone. `owners`: by whose installation the bot is there.
    """

    id: int
    token: str
    kind: int
    person: User
    channel: Channel
    at: float
    data: Json
    owners: dict[str, str]
    source: Message | None = None
    answer: Answer | None = None
    ephemeral: bool = False
    original: Message | None = None
    follow_ups: list[Message] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # answers and follow-ups that weren't taken

    @property
    def member_bot(self) -> bool:
        """Whether the bot is in this place, and not only installed by the person."""
        return self.channel.has_bot

    @property
    def messages(self) -> list[Message]:
        """All that answers it and is there still."""
        answers = [self.original, *self.follow_ups] if self.original and self.original is not self.source else []
        return [message for message in answers or self.follow_ups if message and message.visible]

    @property
    def text(self) -> str:
        """What the messages that answer it say now."""
        return "\n".join(message.text for message in self.messages)

    @property
    def choices(self) -> list[Json]:
        """The proposals, where it asked for some and was answered."""
        return list(self.answer.data.get("choices", [])) if self.answer else []

    @property
    def modal(self) -> Json | None:
        """The form that was shown."""
        return self.answer.data if self.answer and self.answer.type == MODAL else None

    @property
    def thinking(self) -> bool:
        """Whether "… is thinking" is shown still."""
        return bool(self.original and self.original.visible and self.original.thinking)

    @property
    def missed(self) -> bool:
        """Whether it was not answered in time: the person is told that the application did not respond."""
        return not self.answer and self.channel.world.now() > self.at + ANSWER_SECONDS

    async def answered(self, timeout: float = ANSWER_SECONDS) -> Answer:
        """Wait for the first answer; an AssertionError where it doesn't come in time."""
        await self.wait_for(lambda one: one.answer, timeout)
        assert self.answer
        return self.answer

    async def said(self, part: str = "", timeout: float = 5.0) -> Message:
        """Wait until a message that answers it contains `part` (and is no "… is thinking"); that message."""
        await self.wait_for(lambda one: one._saying(part), timeout)
        return self._saying(part)[0]

    def _saying(self, part: str) -> list[Message]:
        return [message for message in self.messages if part in message.text and not message.thinking]

    async def wait_for(self, true: Callable[["Interaction"], object], timeout: float = 5.0) -> None:
        """Return once `true(interaction)`."""
        await self.channel.world.changes.until(lambda: true(self), timeout, lambda: f"{self}")

    def __str__(self) -> str:
        said = [message.text for message in self.messages]
        return f"interaction {self.data.get('name') or self.data.get('custom_id')}: {self.answer}, {said}"


class Interactions:
    """Makes interactions and remembers them; `all` is each of them, in order."""

    def __init__(self, places: Places) -> None:
        self.all: list[Interaction] = []
        self.places = places
        self.world = places.world
        self._by_token: dict[str, Interaction] = {}
        self._numbers = itertools.count(1)

    def with_token(self, token: str) -> Interaction | None:
        """The interaction whose token this is, or was."""
        return self._by_token.get(token)

    def begin(
        self, kind: int, person: User, channel: Channel, data: Json, *, source: Message | None = None
    ) -> Interaction:
        """Somebody does something: the bot is told. Raises LookupError where the bot can't be reached there."""
        number, owners = self.world.snowflake(), self.owners(person, channel)
        token = f"interaction_token_{next(self._numbers):06d}_{number}"
        made = Interaction(number, token, kind, person, channel, self.world.now(), data, owners, source)
        self.all.append(made)
        self._by_token[token] = made
        if not self.places.endpoint_url:
            self.world.sessions.dispatch("INTERACTION_CREATE", self._event(made))
        self.world.changes.happened()
        return made

    def owners(self, person: User, channel: Channel) -> dict[str, str]:
        """By whose installation the bot is there: "0" a guild, "1" the person. Raises LookupError where by none."""
        mine = {"1": str(person.id)} if person.id in self.places.installed else {}
        if channel.guild and channel.guild.has_bot:
            return {"0": str(channel.guild.id), **mine}
        if channel.has_bot:  # its direct messages
            return {"0": "0", **mine}
        if not mine:
            raise LookupError(f"{person.name} can't reach the bot in channel {channel.id}: install it for them first")
        return mine

    def _event(self, made: Interaction) -> Json:
        channel, person = made.channel, made.person
        body: Json = {"id": str(made.id), "application_id": str(self.world.application_id), "type": made.kind}
        body |= {"token": made.token, "version": 1, "data": made.data, "locale": person.locale, "entitlements": []}
        body |= {"channel_id": str(channel.id), "channel": _partial(channel, person)}
        body |= {"authorizing_integration_owners": made.owners, "context": context_of(channel)}
        body |= {"app_permissions": str(self._granted(channel)), "attachment_size_limit": LARGEST_FILE}
        if made.source and made.kind in (COMPONENT, MODAL_SUBMIT):
            body["message"] = channel.whole_json(made.source)
        return body | self._who(channel, person)

    def _who(self, channel: Channel, person: User) -> Json:
        if not channel.guild:
            return {"user": person.json()}
        guild = channel.guild
        member = guild.members[person.id].json() | {"user": person.json(), "permissions": str(channel.may(person))}
        short = {"id": str(guild.id), "locale": guild.locale, "features": []}
        return {"member": member, "guild_id": str(guild.id), "guild": short, "guild_locale": guild.locale}

    def _granted(self, channel: Channel) -> int:
        return channel.may(self.world.bot) if channel.has_bot else USUAL | MENTION_EVERYONE


def context_of(channel: Channel) -> int:
    """Where an interaction takes place."""
    if channel.guild:
        return IN_GUILD
    return PRIVATE if channel.kind == GROUP_DM or not channel.has_bot else WITH_BOT


def metadata(made: Interaction) -> Json:
    """What a message says of the interaction that it answers."""
    body: Json = {"id": str(made.id), "type": made.kind, "user": made.person.json()}
    return body | {"authorizing_integration_owners": made.owners}


def _partial(channel: Channel, person: User) -> Json:
    body: dict[str, Any] = channel.json() | {"permissions": str(channel.may(person))}
    if channel.kind == THREAD and channel.parent:
        body["parent_id"] = str(channel.parent.id)
    return body
