"""How messages are made and changed in the stand-in Discord, whoever writes them and by whichever way."""

from collections.abc import Iterable

from tests.servers.discord_channels import DM, THREAD, Channel
from tests.servers.discord_errors import Json, invalid, refusal
from tests.servers.discord_messages import DEFAULT, EPHEMERAL, REPLY, SETTABLE, Message, Pings, Version
from tests.servers.discord_places import Places
from tests.servers.discord_rules import (
    Audience,
    checked_components,
    checked_content,
    checked_embeds,
    pings,
    require_something,
)
from tests.servers.discord_wire import Ask, described
from tests.servers.discord_world import ATTACH, HISTORY, MENTION_EVERYONE, SEND, SEND_IN_THREADS, Attachment, User


class Posting:
    """Makes messages from what the API's callers send."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.world = places.world

    def written(self, channel: Channel, payload: Json, ask: Ask) -> Version:
        """What a new message shows; raises where Discord takes no such message."""
        text, embeds, components = checked_content(payload), checked_embeds(payload), checked_components(payload)
        extras = (embeds, components, ask.files, payload.get("sticker_ids"), payload.get("poll"))
        require_something(text, extras)
        flags = int(payload.get("flags") or 0) & SETTABLE
        files = self._kept(channel, payload, ask)
        return Version(self.world.now(), text, components, embeds, files, flags)

    def rewritten(self, channel: Channel, message: Message, payload: Json, ask: Ask) -> Version:
        """What a message shows after an edit: a field that isn't given stays as it is."""
        before = message.versions[-1]
        flags = int(payload.get("flags") or 0) & SETTABLE | before.flags & ~SETTABLE if "flags" in payload else None
        text = checked_content(payload) if "content" in payload else before.text
        embeds = checked_embeds(payload) if "embeds" in payload else before.embeds
        components = checked_components(payload) if "components" in payload else before.components
        files = (*self._left(before.attachments, payload), *self._kept(channel, payload, ask))
        require_something(text, (embeds, components, files))
        shown = before.flags if flags is None else flags
        return Version(self.world.now(), text, components, embeds, files, shown)

    def _kept(self, channel: Channel, payload: Json, ask: Ask) -> tuple[Attachment, ...]:
        return tuple(self.world.keep(upload, channel.id) for _, upload in described(ask.files, payload))

    def _left(self, before: Iterable[Attachment], payload: Json) -> tuple[Attachment, ...]:
        if "attachments" not in payload:
            return tuple(before)
        listed = {str(one.get("id")) for one in payload["attachments"] or []}
        return tuple(one for one in before if str(one.id) in listed)

    def audience(self, channel: Channel, author: User) -> Audience:
        """Whom a message of this author can ping here."""
        everyone = bool(channel.guild and channel.may(author) & MENTION_EVERYONE)
        roles = channel.guild.roles.values() if channel.guild else ()
        called = frozenset(role.id for role in roles if role.mentionable or everyone)
        users = self.places.users if channel.guild else {user.id: user for user in (*channel.people, self.world.bot)}
        return Audience(users, called, everyone)

    def notified(self, channel: Channel, author: User, text: str, payload: Json, replied: Message | None) -> Pings:
        """Whom a new message pings."""
        answered = replied.author if replied else None
        return pings(text, payload.get("allowed_mentions"), answered, self.audience(channel, author))

    def replied(self, channel: Channel, payload: Json) -> Message | None:
        """The message that a new one answers; None: it answers none, or (if that is no failure) one that is gone."""
        reference = payload.get("message_reference")
        if not reference:
            return None
        if not channel.may(self.world.bot) & HISTORY:
            raise refusal(160002)
        found = channel.message(int(reference.get("message_id") or 0))
        if not found and reference.get("fail_if_not_exists", True):
            raise invalid("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
        return found

    def post(self, channel: Channel, message: Message) -> Message:
        """Put a new message into the channel, and tell everybody."""
        if channel.kind == THREAD and channel.archived:
            channel.reopen()
        channel.keep(message)
        channel.tell("MESSAGE_CREATE", message)
        return message

    def change(self, channel: Channel, message: Message, version: Version) -> Message:
        """Let a message show something else."""
        message.versions.append(version)
        channel.tell("MESSAGE_UPDATE", message)
        return message

    def remove(self, channel: Channel, message: Message) -> None:
        """Delete a message."""
        message.deleted_at = self.world.now()
        channel.tell("MESSAGE_DELETE", message)

    def message(self, channel: Channel, author: User, version: Version, replied: Message | None = None) -> Message:
        """A message that nobody sees yet."""
        guild = channel.guild.id if channel.guild else None
        number, now = self.world.snowflake(), self.world.now()
        kind = REPLY if replied else DEFAULT
        made = Message(number, channel.id, guild, author, now, [version], kind, replied=replied)
        if replied:
            made.reference = {"type": 0, "message_id": str(replied.id), "channel_id": str(channel.id)}
            made.reference |= {"guild_id": str(guild)} if guild else {}
        return made


def require_permission(channel: Channel, user: User, *needed: int) -> None:
    """Raises where somebody lacks one of these permissions."""
    if any(not channel.may(user) & one for one in needed):
        raise refusal(50013)


def require_open(places: Places, channel: Channel) -> None:
    """Raises where nobody can write: a locked thread, a person who takes no messages of the bot."""
    if channel.locked:
        raise refusal(50083)
    if channel.kind == DM and any(user.id in places.refusing for user in channel.people):
        raise refusal(50007)


def require_changeable(channel: Channel) -> None:
    """Raises where nothing can be edited: in an archived thread also if a new message would open it again."""
    if channel.archived or channel.locked:
        raise refusal(50083)


def needed_to_send(channel: Channel, ask: Ask) -> tuple[int, ...]:
    """The permissions that a new message needs."""
    send = SEND_IN_THREADS if channel.kind == THREAD else SEND
    return (send, ATTACH) if ask.files else (send,)


def is_ephemeral(payload: Json) -> bool:
    """Whether only one person is to see it."""
    return bool(int(payload.get("flags") or 0) & EPHEMERAL)
