"""Discord's interactions to the vocabulary: slash commands, buttons, forms, proposals. It does no I/O.

Source: discord-api-docs, "Receiving and responding to interactions".
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chat.buttons import decode
from chat.commands import Option
from chat.incoming import Address, Attachment, Invoked, Pressed, Said, Sender
from messengers.discord.commands import ON_MESSAGE, Tree
from messengers.discord.contents import IMAGE_TYPES, attachment, contents_of
from messengers.discord.places import THREADS, Places
from messengers.discord.reading import id_of, quote_of, sender_of, within_of

Json = Mapping[str, Any]

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5  # types of interactions
BOT_DM, PRIVATE_CHANNEL = 1, 2  # contexts
TOKEN_SECONDS = 900.0  # how long an interaction's token is good
EPHEMERAL = 1 << 6  # a message's flag
ADMINISTRATOR, VIEW, SEND, SEND_IN_THREADS = 1 << 3, 1 << 10, 1 << 11, 1 << 38  # permissions
ABOUT = "about"  # what the form's id begins with
REMEMBERED = 500  # messages that somebody is about to ask about

_LIKE_AN_OPTION = re.compile(r"(?<!\S)(--|—)(?=[A-Za-z])")


@dataclass(frozen=True, slots=True)
class Suggesting:
    """Somebody types a value for `option` (its name in the vocabulary) of what would be `asked`."""

    asked: Invoked
    option: str


@dataclass(frozen=True, slots=True)
class Wondering:
    """Somebody wants to ask about a message: `said` is that, without their question yet; a form asks for it."""

    said: Said
    form: str  # its id


Read = Invoked | Said | Pressed | Suggesting | Wondering


class Forms:
    """Knows the commands, and which messages people are about to ask about."""

    def __init__(
        self, application: int, tree: Tree, places: Places, *, chains: bool, now: Callable[[], float] = time.time
    ) -> None:
        self._application = application
        self._tree = tree
        self._places = places
        self._chains = chains
        self._now = now
        self._about: OrderedDict[str, Said] = OrderedDict()  # form → what it asks about

    def read(self, raw: Json) -> Read | None:
        """What somebody did; None for what means nothing here: a command of before, a forged button."""
        address, sender, key = self._address(raw), self._sender(raw), f"discord:{self._application}:{raw['id']}"
        match raw["type"]:
            case 2 if raw["data"].get("type", 1) == ON_MESSAGE:
                return self._wonder(raw["data"], Said(address, sender, key, ""))
            case 2:
                return self._command(raw["data"], Invoked(address, sender, key, ""))
            case 3:
                return _press(raw, address, sender, key)
            case 4:
                return self._suggest(raw["data"], Invoked(address, sender, key, ""))
            case 5:
                return self._submitted(raw["data"], Said(self._in_chain(address), sender, key, ""))
        return None

    def _command(self, data: Json, bare: Invoked) -> Invoked | Said | None:
        entry = self._tree.entry(data["name"])
        if entry is None:
            return None
        values, files = [], []
        for given in data.get("options") or ():
            option = self._tree.option(entry, given["name"])
            if option and option.kind == "file":
                files.append(attachment(data["resolved"]["attachments"][given["value"]]))
            elif option:
                values.append((option, str(given["value"])))
        text = as_text(entry.command.options, values)
        if files or entry.command.name == "ask":
            return _said(replace(bare, address=self._in_chain(bare.address)), text, files)
        return replace(bare, command=entry.command.name, text=text)

    def _suggest(self, data: Json, bare: Invoked) -> Suggesting | None:
        entry = self._tree.entry(data["name"])
        typed = next((given for given in data.get("options") or () if given.get("focused")), None)
        option = self._tree.option(entry, typed["name"]) if entry and typed else None
        if entry is None or typed is None or option is None:
            return None
        return Suggesting(replace(bare, command=entry.command.name, text=str(typed["value"])), option.name)

    def _wonder(self, data: Json, bare: Said) -> Wondering:
        message = data["resolved"]["messages"][data["target_id"]]
        contents = contents_of(message)
        about = replace(
            bare,
            quotes=(quote_of(message),) if message.get("content") else (),
            images=contents.images,
            documents=contents.documents,
            other=contents.other,
        )
        form = f"{ABOUT}:{bare.address.message}"
        self._about[form] = about
        if len(self._about) > REMEMBERED:
            self._about.popitem(last=False)
        return Wondering(about, form)

    def _submitted(self, data: Json, bare: Said) -> Said | None:
        about = self._about.pop(data["custom_id"], None)
        if about is None:  # of a run before
            return None
        text = next((field["value"] for field in _fields(data["components"])), "")
        return replace(about, address=bare.address, sender=bare.sender, key=bare.key, text=text.strip())

    def _in_chain(self, address: Address) -> Address:
        """Something asked by a command begins a chain of its own, where there are chains."""
        if not self._chains or address.private or self._places.parent(address.place):
            return address
        return replace(address, branch=address.message)

    def _address(self, raw: Json) -> Address:
        """Beside what `access` names, `within` has where only the token leads: `guest`, `closed`, `ephemeral`."""
        place, guild = id_of(raw["channel_id"]), id_of(raw["guild_id"]) if raw.get("guild_id") else ""
        channel = raw.get("channel") or {}
        if channel.get("type") in THREADS:
            self._places.channel(channel, guild)
        within = within_of(place, guild, self._places)
        if _is_guest(raw):
            within += ("guest",)
        elif guild and not _may_write(raw):
            within += ("closed",)
        message = raw.get("message") if raw["type"] == COMPONENT else None
        if message and int(message.get("flags") or 0) & EPHEMERAL:
            within += ("ephemeral",)
        said = id_of((message or raw)["id"])
        expires = self._now() + TOKEN_SECONDS
        token, pressed = str(raw["token"]), message is not None
        return Address("discord", place, "", said, not guild, token, expires, within, answered=pressed)

    def _sender(self, raw: Json) -> Sender:
        member = raw.get("member") or {}
        person = sender_of(member.get("user") or raw["user"], member)
        person = replace(person, language=str(raw.get("locale") or "").lower())
        self._places.speaks(person)
        return person


def as_text(options: Sequence[Option], values: Sequence[tuple[Option, str]]) -> str:
    """A form's values as the text of a command: `--count 2 a cat`, as it would be typed elsewhere.

    What was typed as a prompt stays one: what looks like an option in it (`--ratio`) gets a space behind its hyphens.
    Where a command has just one option, its value is all the text.
    """
    if len(options) <= 1:
        return " ".join(value for _, value in values)
    named = [f"--{option.name} {'-'.join(value.split())}" for option, value in values if option.name]
    free = [_LIKE_AN_OPTION.sub(r"\1 ", value) for option, value in values if not option.name]
    return " ".join(named + free)


def _said(asked: Invoked, text: str, files: Sequence[Attachment]) -> Said:
    images = tuple(file for file in files if file.media_type in IMAGE_TYPES)
    documents = tuple(file for file in files if file.media_type not in IMAGE_TYPES)
    return Said(asked.address, asked.sender, asked.key, text, images=images, documents=documents)


def _press(raw: Json, address: Address, sender: Sender, key: str) -> Pressed | None:
    action = decode(str(raw["data"].get("custom_id") or ""))
    return Pressed(address, sender, key, action) if action else None


def _is_guest(raw: Json) -> bool:
    """Whether the bot isn't a member there: only the person who asks has it installed."""
    if raw.get("context") == BOT_DM:
        return False
    owners = raw.get("authorizing_integration_owners")
    return raw.get("context") == PRIVATE_CHANNEL or (owners is not None and "0" not in owners)


def _may_write(raw: Json) -> bool:
    """Whether the bot could write there without the interaction."""
    if "app_permissions" not in raw:
        return True
    send = SEND_IN_THREADS if (raw.get("channel") or {}).get("type") in THREADS else SEND
    granted = int(raw["app_permissions"])
    return bool(granted & ADMINISTRATOR or (granted & VIEW and granted & send))


def _fields(components: Sequence[Json]) -> list[Json]:
    """The fields of a form: in rows, or under labels."""
    inside = [each for row in components for each in (*(row.get("components") or ()), row.get("component"))]
    return [field for field in inside if field and "value" in field]
