"""The methods of the stand-in Discord's API for channels and their messages."""

from collections.abc import Iterator

from tests.servers.discord_channels import THREAD, Channel
from tests.servers.discord_errors import Json, invalid, number, refusal
from tests.servers.discord_messages import Message
from tests.servers.discord_posting import Posting, needed_to_send, require_changeable, require_open, require_permission
from tests.servers.discord_routes import Route
from tests.servers.discord_rules import checked_nonce
from tests.servers.discord_wire import Ask
from tests.servers.discord_world import ADD_REACTIONS, CREATE_THREADS, HISTORY, MANAGE_MESSAGES, VIEW

NONCE_SECONDS = 300.0  # "the past few minutes" in discord-api-docs


class ChannelApi:
    """Channels and messages."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting
        self._places = posting.places
        self._world = posting.world
        self._nonces: dict[tuple[int, str], Message] = {}
        self.repeated: list[Message] = []  # what a repeated nonce returned instead of a new message

    def routes(self) -> Iterator[Route]:
        """What it answers."""
        one = "/channels/{channel}/messages/{message}"
        yield Route("GET", "/channels/{channel}", self._show)
        yield Route("POST", "/channels/{channel}/typing", self._type, "typing")
        yield Route("GET", "/channels/{channel}/messages", self._history)
        yield Route("POST", "/channels/{channel}/messages", self._create, "create")
        yield Route("GET", one, self._get)
        yield Route("PATCH", one, self._edit, "edit")
        yield Route("DELETE", one, self._delete, "delete")
        yield Route("PUT", one + "/reactions/{emoji}/@me", self._react)
        yield Route("DELETE", one + "/reactions/{emoji}/@me", self._unreact)
        yield Route("POST", one + "/threads", self._thread_from, status=201)
        yield Route("POST", "/channels/{channel}/threads", self._thread, status=201)

    def _channel(self, ask: Ask) -> Channel:
        channel = self._places.channel(ask.id("channel"))
        if not channel:
            raise refusal(10003)
        if not channel.has_bot or not channel.may(self._world.bot) & VIEW:
            raise refusal(50001)
        return channel

    def _found(self, ask: Ask) -> tuple[Channel, Message]:
        channel = self._channel(ask)
        message = channel.message(ask.id("message"))
        if not message or message.ephemeral:  # those are there for their interaction's token only
            raise refusal(10008)
        return channel, message

    def _show(self, ask: Ask) -> Json:
        return self._channel(ask).json()

    def _type(self, ask: Ask) -> None:
        channel = self._channel(ask)
        require_permission(channel, self._world.bot, *needed_to_send(channel, ask))
        require_open(self._places, channel)
        channel.typings.append(self._world.now())

    def _history(self, ask: Ask) -> list[Json]:
        channel = self._channel(ask)
        limit = int(ask.query.get("limit", "50"))
        if not 1 <= limit <= 100:
            raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        if not channel.may(self._world.bot) & HISTORY:
            return []
        there = [one for one in channel.everything.values() if one.visible and not one.ephemeral]
        return [channel.show(message) for message in reversed(_page(there, ask, limit))]

    def _create(self, ask: Ask) -> Json:
        channel, payload, bot = self._channel(ask), ask.fields, self._world.bot
        require_permission(channel, bot, *needed_to_send(channel, ask))
        require_open(self._places, channel)
        nonce = checked_nonce(payload)
        if payload.get("enforce_nonce") and (known := self._known(channel, nonce)):
            if not known.visible:
                raise refusal(10008)
            self.repeated.append(known)
            return channel.show(known)
        replied = self._posting.replied(channel, payload)
        message = self._posting.message(channel, bot, self._posting.written(channel, payload, ask), replied)
        message.pings = self._posting.notified(channel, bot, message.text, payload, replied)
        message.nonce = nonce
        if nonce:
            self._nonces[channel.id, nonce] = message
        return channel.show(self._posting.post(channel, message))

    def _known(self, channel: Channel, nonce: str) -> Message | None:
        known = self._nonces.get((channel.id, nonce))
        return known if known and known.sent_at + NONCE_SECONDS > self._world.now() else None

    def _get(self, ask: Ask) -> Json:
        channel, message = self._found(ask)
        require_permission(channel, self._world.bot, HISTORY)
        return channel.show(message)

    def _edit(self, ask: Ask) -> Json:
        channel, message = self._found(ask)
        if message.author != self._world.bot:
            raise refusal(50005)
        require_changeable(channel)
        version = self._posting.rewritten(channel, message, ask.fields, ask)
        return channel.show(self._posting.change(channel, message, version))

    def _delete(self, ask: Ask) -> None:
        channel, message = self._found(ask)
        if message.author != self._world.bot:
            require_permission(channel, self._world.bot, MANAGE_MESSAGES)
        if channel.archived and channel.locked:
            raise refusal(50083)
        self._posting.remove(channel, message)

    def _react(self, ask: Ask) -> None:
        channel, message = self._found(ask)
        require_permission(channel, self._world.bot, ADD_REACTIONS)
        message.reactions.append(ask.path["emoji"])
        self._world.changes.happened()

    def _unreact(self, ask: Ask) -> None:
        _, message = self._found(ask)
        if ask.path["emoji"] in message.reactions:
            message.reactions.remove(ask.path["emoji"])
        self._world.changes.happened()

    def _thread_from(self, ask: Ask) -> Json:
        channel, message = self._found(ask)
        return self._made_thread(channel, ask, message.id)

    def _thread(self, ask: Ask) -> Json:
        return self._made_thread(self._channel(ask), ask, 0)

    def _made_thread(self, channel: Channel, ask: Ask, wanted: int) -> Json:
        require_permission(channel, self._world.bot, CREATE_THREADS)
        name = str(ask.fields.get("name") or "")
        if not channel.guild or channel.kind == THREAD or not 1 <= len(name) <= 100:
            raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        thread = Channel(self._world, THREAD, name, guild=channel.guild, parent=channel, number=wanted)
        return channel.guild.add(thread, "THREAD_CREATE").json()


def _page(there: list[Message], ask: Ask, limit: int) -> list[Message]:
    """The page that is asked for, oldest first."""
    if "after" in ask.query:
        after = number(ask.query["after"], "after")
        return [message for message in there if message.id > after][:limit]
    if "around" in ask.query:
        middle = number(ask.query["around"], "around")
        older = [message for message in there if message.id < middle][-(limit // 2) :]
        return (older + [message for message in there if message.id >= middle])[:limit]
    if "before" in ask.query:
        before = number(ask.query["before"], "before")
        there = [message for message in there if message.id < before]
    return there[-limit:]
