"""What the gateway told of places and people: which are threads, whose guild they are in, who was last heard there.

In memory only, and no more than is asked for: discord.py's own caches of guilds, members and messages stay empty.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from chat.incoming import Address, Said, Sender

Json = Mapping[str, Any]

THREADS = frozenset({10, 11, 12})  # kinds of channels: threads of news, public and private ones
REMEMBERED = 5000  # places where the bot was spoken to; beyond that the ones longest ago are forgotten


class Places:
    """`seen` is place → the newest message of it that came by, for places where the bot was spoken to."""

    def __init__(self, seen: Mapping[str, str]) -> None:
        newest = sorted(((place, int(message)) for place, message in seen.items()), key=lambda entry: entry[1])
        self.seen: OrderedDict[str, int] = OrderedDict(newest[-REMEMBERED:])
        self._parents: dict[str, str] = {}
        self._guilds: dict[str, str] = {}  # of threads: their guild ends them
        self._roles: dict[str, str] = {}  # guild → the role that is the bot's own
        self._heard: OrderedDict[str, tuple[Address, Sender]] = OrderedDict()
        self._languages: OrderedDict[str, str] = OrderedDict()

    def parent(self, place: str) -> str:
        """The channel that a thread belongs to; "" for what isn't a thread."""
        return self._parents.get(place, "")

    def role(self, guild: str) -> str:
        """The role that Discord made for the bot there; "" = none."""
        return self._roles.get(guild, "")

    def guild(self, guild: Json, bot: str) -> None:
        """A guild as the gateway tells of it."""
        self.channels(guild.get("threads") or (), str(guild["id"]))
        own = (role for role in guild.get("roles") or () if str((role.get("tags") or {}).get("bot_id")) == bot)
        self._roles.update({str(guild["id"]): str(role["id"]) for role in own})

    def knows(self, place: str) -> bool:
        """Whether the bot was spoken to there: in a thread it needs no mention after that."""
        return place in self.seen

    def channel(self, channel: Json, guild: str = "") -> None:
        """A channel as the API shows it; only threads are remembered."""
        if channel.get("type") not in THREADS:
            return
        if (channel.get("thread_metadata") or {}).get("archived"):
            self.forget(str(channel["id"]))
            return
        self._parents[str(channel["id"])] = str(channel.get("parent_id") or "")
        self._guilds[str(channel["id"])] = guild or str(channel.get("guild_id") or "")

    def channels(self, channels: Iterable[Json], guild: str) -> None:
        """Several of one guild."""
        for channel in channels:
            self.channel(channel, guild)

    def forget(self, place: str) -> None:
        """A thread is archived or gone. That the bot was spoken to in it stays known: it may be opened again."""
        self._parents.pop(place, None)
        self._guilds.pop(place, None)

    def forget_guild(self, guild: str) -> None:
        """The bot isn't in the guild any more."""
        self._roles.pop(guild, None)
        for place in [place for place, of in self._guilds.items() if of == guild]:
            self.forget(place)

    def passed(self, place: str, message: str) -> None:
        """A message came by: a place where the bot was spoken to isn't asked for it again."""
        if place in self.seen:
            self.seen[place] = max(self.seen[place], int(message))

    def heard(self, said: Said) -> None:
        """The bot was spoken to."""
        place = said.address.place
        self.seen[place] = max(self.seen.get(place, 0), int(said.address.message))
        self._heard[place] = said.address, said.sender
        for kept in (self.seen, self._heard):
            kept.move_to_end(place)
            if len(kept) > REMEMBERED:
                kept.popitem(last=False)

    def last_heard(self, *, place: str = "", guild: str = "") -> list[tuple[Address, Sender]]:
        """Where and by whom the bot was last spoken to: at a place and its threads, or in a whole guild."""
        within = f"guild:{guild}" if guild else f"channel:{place}"
        return [each for name, each in self._heard.items() if name == place or within in each[0].within]

    def language(self, person: str) -> str:
        """What their client speaks; "" = not known. Only commands and buttons tell it, messages don't."""
        return self._languages.get(person, "")

    def speaks(self, sender: Sender) -> None:
        """Somebody's language is told."""
        if sender.language:
            self._languages[sender.id] = sender.language
            self._languages.move_to_end(sender.id)
            if len(self._languages) > REMEMBERED:
                self._languages.popitem(last=False)

    def gone(self, place: str) -> None:
        """Nothing more is to be asked of it."""
        self.seen.pop(place, None)
        self._heard.pop(place, None)
        self.forget(place)
