"""Discord's messages to the vocabulary: a translator that does no I/O. Messages are as the API shows them, in JSON.

Source: discord-api-docs, "Message" (types, references, snapshots) and "Gateway events" (message create).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chat.incoming import Address, Quote, Said, Sender
from messengers.discord.contents import Contents, contents_of, name_of, words_of
from messengers.discord.places import Places

Json = Mapping[str, Any]

SAID_BY_PEOPLE = frozenset({0, 19})  # types of messages: an ordinary one, a reply; all others are Discord's own words
FORWARD = 1  # a type of reference
LONGEST = 4000  # characters of a message that is answered
LONGEST_ID = 20  # digits of 64 bits
HIDDEN, BARE = "hidden", "bare"  # what `Said.other` is where Discord keeps the words back, and where there are none
UNREADABLE = "[a message that the bot may not read]"  # to the model
# What Discord blanks without the Message Content Intent, and what else there may be to a message without words.
CONTENTS = ("content", "attachments", "embeds", "components", "poll", "sticker_items", "message_snapshots")


@dataclass(frozen=True, slots=True)
class Reader:
    """Knows who the bot is, so that it can tell what is meant for it. `reads_all`: the content intent is granted."""

    bot_id: str
    places: Places
    reads_all: Callable[[], bool] = lambda: True

    def read(self, message: Json) -> Said | None:
        """What somebody said to the bot; None for what isn't its business. Messages without a guild are private."""
        author = message["author"]
        if author.get("bot") or message.get("webhook_id") or message.get("type", 0) not in SAID_BY_PEOPLE:
            return None
        if not (address := self._address(message)).private and not self._is_meant(message):
            return None
        said = Said(address, self._sender(message), f"discord:{self.bot_id}:{message['id']}", "")
        if not address.private and self._is_hidden(message):
            return replace(said, other=HIDDEN) if self._is_addressed(message) else None
        return self._with_contents(message, said)

    def _with_contents(self, message: Json, bare: Said) -> Said | None:
        """Put the contents in; None where there is nothing to answer."""
        contents, forwarded = contents_of(self._without_mention(message), place_of(message)), _forwarded(message)
        answered = self._answered(message)
        images = contents.images or (contents_of(answered, place_of(answered)).images if answered else ())
        said = replace(
            bare,
            text=contents.text.strip(),
            quotes=_quotes(answered, forwarded),
            images=images + forwarded.images,
            documents=contents.documents + forwarded.documents,
            other=contents.other,
        )
        hidden = answered is not None and self._is_hidden(answered)
        if said.text or said.quotes or said.images or said.documents:
            return replace(said, quotes=(_unread(answered), *said.quotes)) if hidden and answered else said
        if said.other:
            return said if said.address.private else None  # among others a sticker is met with silence
        is_mention = bool(str(message.get("content") or "").strip())
        return replace(said, other=HIDDEN if hidden else BARE) if is_mention else None

    def _address(self, message: Json) -> Address:
        place, guild = id_of(message["channel_id"]), id_of(message["guild_id"]) if message.get("guild_id") else ""
        return Address(
            "discord", place, "", id_of(message["id"]), private=not guild, within=within_of(place, guild, self.places)
        )

    def _is_meant(self, message: Json) -> bool:
        """In a guild: it is addressed to the bot, or the bot was asked in this thread."""
        place = str(message["channel_id"])
        return self._is_addressed(message) or (bool(self.places.parent(place)) and self.places.knows(place))

    def _is_addressed(self, message: Json) -> bool:
        """The bot is mentioned, or one of its messages is replied to."""
        if any(str(user["id"]) == self.bot_id for user in message.get("mentions") or ()):
            return True
        if self._role(message) in [str(role) for role in message.get("mention_roles") or ()]:
            return True
        replied = message.get("referenced_message") or {}
        return str((replied.get("author") or {}).get("id", "")) == self.bot_id

    def _is_hidden(self, message: Json) -> bool:
        """Discord shows who said it where, but not what: a mention of the bot's role, a reply that pings nobody …"""
        return not self.reads_all() and not any(message.get(content) for content in CONTENTS)

    def _without_mention(self, message: Json) -> Json:
        """The question alone: a mention of the bot at its beginning or end only says whom it is for."""
        mention = rf"<@(?:!?{self.bot_id}|&{self._role(message) or 0})>"
        text = str(message.get("content") or "")
        return {**message, "content": re.sub(rf"^\s*{mention}\s*[,:]?\s*|\s*{mention}\s*$", "", text)}

    def _role(self, message: Json) -> str:
        """The role that Discord made for the bot: clients propose it beside the bot, under the same name."""
        return self.places.role(str(message.get("guild_id") or ""))

    def _sender(self, message: Json) -> Sender:
        sender = sender_of(message["author"], message.get("member"))
        return replace(sender, language=self.places.language(sender.id))

    def _answered(self, message: Json) -> Json | None:
        """The message that is replied to. The bot's own words need no quote: they are in the history."""
        answered = message.get("referenced_message") if message.get("type") == 19 else None
        return answered if answered and str(answered["author"]["id"]) != self.bot_id else None


def quote_of(message: Json) -> Quote:
    """A message that somebody answers, or asks about."""
    return Quote("reply", name_of(message["author"], message.get("member")), words_of(message)[:LONGEST])


def _unread(message: Json) -> Quote:
    return replace(quote_of(message), text=UNREADABLE)


def sender_of(user: Json, member: Json | None) -> Sender:
    """Who it is from, with their roles where it was said in a guild."""
    roles = tuple(f"role:{role}" for role in (member or {}).get("roles") or ())
    return Sender(id_of(user["id"]), name_of(user, member), roles=roles)


def id_of(value: object) -> str:
    """A snowflake, as it is kept and put into addresses. Raises `ValueError` for anything but digits."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
        raise ValueError("not an id")
    return text


def within_of(place: str, guild: str, places: Places) -> tuple[str, ...]:
    """What a place is part of, as `access` names it: the guild, the channel, and for a thread the channel it is in."""
    channels = [f"channel:{channel}" for channel in (place, places.parent(place)) if channel]
    return (f"guild:{guild}", *channels) if guild else ()


def place_of(message: Json) -> str:
    """Where a message is found again: "channel/message"."""
    return f"{message['channel_id']}/{message['id']}"


def _forwarded(message: Json) -> Contents:
    """What was forwarded. Discord shows neither who said it nor where, only what."""
    snapshots = message.get("message_snapshots") or ()
    if not snapshots or (message.get("message_reference") or {}).get("type") != FORWARD:
        return Contents("")
    return contents_of(snapshots[0]["message"])


def _quotes(answered: Json | None, forwarded: Contents) -> tuple[Quote, ...]:
    reply = quote_of(answered) if answered else Quote("reply", "", "")
    return tuple(quote for quote in (reply, Quote("forward", "", forwarded.text)) if quote.text.strip())
