"""People of the stand-in Discord who ask in channels, threads and in private, by words and by commands."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from chat.buttons import Verb, decode
from tests.chaos import ledger
from tests.chaos.kept import question, words_of
from tests.chaos.ledger import Seen
from tests.servers.discord_server import Channel, DiscordServer, Interaction, Message, Person
from texts import Texts

NAMES = ("Anna", "Bob", "Cleo", "Dan")
ROOMS = ("one", "two", "three", "four", "five", "six")
COMMANDS = 0.5  # of what is asked while the bot is there
MENTIONS = 0.5  # of what is said in threads, where the bot needs none
NOT_TAKEN = Texts.load("en").of("en").say("discord.not_stored")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question. `used`: the command that it was asked by. `first`: the first words in private, said while the bot
    was away, of which Discord tells nobody later.
    """

    number: int
    place: Channel
    at: float
    used: Interaction | None = None
    first: bool = False

    @property
    def counted(self) -> ledger.Asked:
        """For the account."""
        return ledger.Asked(self.number, str(self.place.id), words_of(self.number))

    @property
    def refused(self) -> bool:
        """Whether the person was told that nothing will come of it: by Discord, or by the bot."""
        return self.used is not None and (not self.used.answer or NOT_TAKEN in self.used.text)


@dataclass
class Town:
    """Who asks, and where; `asked` is all that was. What is left to chance is drawn from `chance`."""

    server: DiscordServer
    chance: random.Random
    rooms: int = 3
    threads: int = 0
    people: int = 2
    asked: list[Asked] = field(default_factory=list)
    _talks: list[tuple[Person, Channel]] = field(default_factory=list)

    def __post_init__(self) -> None:
        people = [self.server.person(name) for name in NAMES[: self.people]]
        channels = [self.server.channel(name) for name in ROOMS[: self.rooms]]
        channels += [people[0].thread(channels[number], f"thread {number}") for number in range(self.threads)]
        self._talks = [(person, channel) for channel in channels for person in people]
        self._talks += [(person, person.dm) for person in people for _ in people]  # as often as in one channel

    @property
    def places(self) -> Sequence[Channel]:
        """Where they talk."""
        return list({place.id: place for _, place in self._talks}.values())

    def begin(self) -> None:
        """Somebody talks to the bot at each place: it knows them from now on."""
        for person, place in {place.id: (person, place) for person, place in self._talks}.values():
            self._say(person, place, mention=True)

    def ask(self) -> None:
        """Somebody asks: in words, or by a command, which needs a bot that is there."""
        person, place = self.chance.choice(self._talks)
        if self.chance.random() < COMMANDS and self.server.gateway.heard:
            self._use(person, place)
        else:
            self._say(person, place, mention=not place.parent or self.chance.random() < MENTIONS)

    def command(self) -> Interaction:
        """Somebody asks by a command."""
        return self._use(*self.chance.choice(self._talks))

    def newcomer(self) -> None:
        """Somebody writes in private for the first time; the bot doesn't hear it."""
        person = self.server.person(f"Newcomer {len(self.asked)}")
        self._say(person, person.dm, mention=False, first=True)

    def _use(self, person: Person, place: Channel) -> Interaction:
        used = person.slash(place, "ask", {"question": question(len(self.asked))})
        self.asked.append(Asked(len(self.asked), place, used.at, used))
        return used

    def _say(self, person: Person, place: Channel, *, mention: bool, first: bool = False) -> None:
        said = person.say(place, question(len(self.asked)), mention_bot=mention)
        self.asked.append(Asked(len(self.asked), place, said.sent_at, first=first))

    def messages(self) -> list[Message]:
        """The bot's messages that everybody sees."""
        places = {each.place.id: each.place for each in self.asked}.values()
        return [message for place in places for message in place.messages]


def seen(message: Message) -> Seen:
    """A message for the account."""
    place, verbs = message.channel_id, verbs_of(message)
    growing, failed = message.thinking or "stop" in verbs, not verbs.isdisjoint({"retry", "continue"})
    return Seen(place, str(place), message.id, message.text, open=growing, failed=failed, sent_at=message.sent_at)


def verbs_of(message: Message) -> set[Verb]:
    """What its buttons do."""
    actions = [decode(str(button.get("custom_id"))) for button in message.buttons]
    return {action.verb for action in actions if action}
