"""Who talks to the bot in the Telegram trial: people in private chats, groups and topics, and a model that answers."""

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.chaos.ledger import Asked, Ledger, Seen, story
from tests.servers.model import Answer
from tests.servers.streaming import Request
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.transcript import TEXTS, as_shown

SPEAKS = TEXTS.of("en")
STOP = SPEAKS.say("button.stop")
RETRY = SPEAKS.say("button.retry")  # "… with" another model begins so, too
MODELS = ("main", "other")
TOPICS = {2: "Two", 3: "Three", 4: "Four"}

HELP_BEGINS = as_shown(SPEAKS.say("help", model="§", commands="§")).partition("§")[0]
COMMANDS = {
    "/help": re.escape(HELP_BEGINS) + rf".*: ({'|'.join(MODELS)})",
    **{f"/model {name}": re.escape(as_shown(SPEAKS.say("model.chosen", model=name))) for name in MODELS},
}

LONG_WORDS = (480, 700)  # more than the 4096 characters of one message
SHORT_WORDS = (25, 60)
SLOW_WORDS = (5, 9)
LENGTHS = {LONG_WORDS: 0.04, SHORT_WORDS: 0.84, SLOW_WORDS: 0.12}
COMMAND_ODDS = 0.08


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation: a private chat, a group, or a topic of one."""

    chat: Chat
    thread: int | None = None

    @property
    def name(self) -> str:
        return f"{self.chat.id}/{self.thread or ''}"

    def say(self, text: str, bot: str) -> float:
        """Somebody says that to the bot; when."""
        in_group = f"{text}@{bot}" if text.startswith("/") else f"@{bot} {text}"
        addressed = text if self.chat.user else in_group
        return self.chat.say(addressed, thread=self.thread).sent_at


@dataclass
class Town:
    """All of them, and what was asked so far."""

    server: TelegramServer
    chance: random.Random
    talks: Sequence[Talk]
    weights: Sequence[float]
    asked: list[Asked] = field(default_factory=list)
    commands: dict[str, Counter[str]] = field(default_factory=dict)

    def speak(self) -> None:
        """Somebody asks something, and now and then gives a command as well."""
        (talk,) = self.chance.choices(self.talks, self.weights)
        number = len(self.asked)
        (length,) = self.chance.choices(list(LENGTHS), list(LENGTHS.values()))
        words = self.chance.randint(*length)
        at = talk.say(f"question {number}!", self._bot)
        self.asked.append(Asked(number, talk.name, words, at))
        if self.chance.random() < COMMAND_ODDS:
            self._command(talk)

    def _command(self, talk: Talk) -> None:
        command = self.chance.choice(list(COMMANDS) if talk.chat.user else ["/help"])
        talk.say(command, self._bot)
        self.commands.setdefault(talk.name, Counter())[COMMANDS[command]] += 1

    @property
    def _bot(self) -> str:
        return self.server.bot.username

    def seen(self) -> Iterator[Seen]:
        """What the bot's messages show now."""
        for chat in {talk.chat.id: talk.chat for talk in self.talks}.values():
            for each in chat.messages:
                conversation = f"{chat.id}/{each.thread or ''}"
                times = each.sent_at, each.versions[-1].at
                failed = any(label.startswith(RETRY) for label in each.labels)
                yield Seen(chat.id, conversation, each.id, each.text, STOP in each.labels, failed, *times)

    def ledger(self, kills: Sequence[float] = ()) -> Ledger:
        """The account as it stands."""
        sends = self.server.faults.ambiguous_sends
        ambiguous = {(one.chat, one.message) for one in sends if one.chat is not None and one.message is not None}
        return Ledger(self.asked, list(self.seen()), self.commands, frozenset(ambiguous), kills)


@dataclass(frozen=True, slots=True)
class Size:
    """How large the trial is. `runs`: seconds that the bot lives once it runs; `seconds`: the trial, at most.

    `cold`: starts by `python bot.py` with all its imports. At the others it is forked from a process that has them.
    """

    messages: int
    private: int
    groups: int
    forums: int
    kills: int
    terms: int
    faults: int
    cold: int
    group_weight: float  # how much is said in a group, beside 4 in a private chat: 20 calls a minute are allowed there
    pause: float  # between two messages
    runs: tuple[float, float]
    seconds: float


FULL = Size(1000, 32, 6, 2, 100, 20, 2000, 12, 2.0, 0.25, (0.3, 4.0), 18 * 60)
SHORT = Size(40, 8, 1, 1, 5, 1, 100, 1, 0.4, 0.2, (0.5, 3.0), 150)


def town(server: TelegramServer, chance: random.Random, size: Size) -> Town:
    """People in so many chats. The topics of a forum share what may be said in a group."""
    talks = [Talk(server.private(2000 + number, f"P{number}")) for number in range(size.private)]
    talks += [Talk(server.group(-100_700 - number, f"G{number}")) for number in range(size.groups)]
    forums = [server.group(-100_800 - number, f"F{number}", TOPICS) for number in range(size.forums)]
    talks += [Talk(forum, topic) for forum in forums for topic in TOPICS]
    in_topics = [size.group_weight / len(TOPICS)] * (size.forums * len(TOPICS))
    return Town(server, chance, talks, [4.0] * size.private + [size.group_weight] * size.groups + in_topics)


TROUBLE = (
    Answer(status=503),
    Answer(status=502, body="<html>Bad Gateway</html>"),
    Answer(status=429, headers={"Retry-After": "1"}),
    Answer(fault="reset", after_words=0),
)
TROUBLE_ODDS = 0.06
MOST_IN_A_ROW = 2  # of one question: fewer than `limits.attempts_per_turn`, so the answer comes all the same


@dataclass
class Mind:
    """The model: it tells the story of a question, and fails now and then before its first word."""

    town: Town
    chance: random.Random
    faults: int = 0
    _row: Counter[int] = field(default_factory=Counter)

    def __call__(self, request: Request) -> Answer:
        """How to answer that request."""
        number = int(re.findall(r"question (\d+)!", request.question)[-1])
        if self._row[number] < MOST_IN_A_ROW and self.chance.random() < TROUBLE_ODDS:
            self._row[number] += 1
            self.faults += 1
            return self.chance.choice(TROUBLE)
        self._row[number] = 0
        words = self.town.asked[number].words
        return Answer(text=story(number, words), words_per_second=self._pace(words))

    def _pace(self, words: int) -> float:
        """Words a second: the longer, the quicker, so that each answer has a chance to end before the next kill."""
        if words <= SLOW_WORDS[1]:
            return 4.0  # some two seconds: a turn that is cut off 20 times is given up, as it should be
        return self.chance.uniform(50, 200) if words <= SHORT_WORDS[1] else 700
