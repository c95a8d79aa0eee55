"""What the Telegram trial counted: what was done to the bot, what people see in the end, what its database holds."""

import re
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from tests.chaos.figures import Figure, at_least, at_most, exactly
from tests.chaos.ledger import KILL_SECONDS, Asked, Ledger, story
from tests.chaos.telegram_town import Mind, Size, Town
from tests.servers.telegram_flood import Refusal

GROUP_MEMORY, PRIVATE_MEMORY = 60.0, 10.0  # seconds for which earlier calls and penalties count there

ENDS = re.compile(r"^( *)Traceback .*\n(?:\1 .*\n)*\1(\S.*)$", re.MULTILINE)  # of tracebacks: what went wrong


@dataclass
class Doings:
    """What was done to the bot, and when (Unix seconds); `exits`: of each SIGTERM, None where it had to be killed."""

    kills: list[float] = field(default_factory=list)
    terms: list[float] = field(default_factory=list)
    exits: list[int | None] = field(default_factory=list)
    cold: int = 0
    forked: int = 0
    in_time: bool = True

    @property
    def ends(self) -> list[float]:
        """All of them."""
        return self.kills + self.terms


def figures(size: Size, doings: Doings, people: Town, mind: Mind, folder: Path) -> list[Figure]:
    """All of it, beside the targets."""
    ledger, stored = people.ledger(doings.kills), Stored.read(folder / "data/bot.db")
    output = (folder / "output.txt").read_text("utf-8", "replace")
    return [
        *_tried(size, doings, people, mind),
        Figure("answered in time", "yes" if doings.in_time else "no", "yes", doings.in_time),
        *seen_figures(ledger, stored),
        *_floods(people, doings),
        *stored.figures(people.asked),
        # Told with their last lines: one that came once in some runs could not be repeated to be judged.
        Figure(
            "tracebacks in the log",
            "; ".join([f"{output.count('Traceback')}", *(end[2] for end in ENDS.finditer(output))])[:300],
        ),
        _waits(ledger.waits),
    ]


def _tried(size: Size, doings: Doings, people: Town, mind: Mind) -> list[Figure]:
    faults, updates = people.server.faults, people.server.updates
    kinds = Counter(f"{one.fault.kind}{' (done)' * one.fault.applied}" for one in faults.injected)
    return [
        exactly("messages", len(people.asked), size.messages),
        Figure("chats", f"{len(people.server.chats)}"),
        Figure("commands in between", f"{sum(map(Counter.total, people.commands.values()))}"),
        exactly("kill -9", len(doings.kills), size.kills),
        exactly("SIGTERM, all ended with 0 in time", doings.exits.count(0), size.terms + 1),
        Figure("starts by `python bot.py`; forked", f"{doings.cold}; {doings.forked}"),
        at_least("HTTP faults of Telegram", len(faults.injected), size.faults),
        *(Figure(f"… {kind}", f"{count}") for kind, count in sorted(kinds.items())),
        Figure("faults of the model's server", f"{mind.faults}"),
        Figure("updates handed out again", f"{sum(count - 1 for count in Counter(updates.handed_out).values())}"),
    ]


def seen_figures(ledger: Ledger, stored: "Stored") -> list[Figure]:
    """What people see in the end. A failure is all right only for a question that was given up, and once."""
    told = set(ledger.explained) & stored.dead
    return [
        exactly("lost", len(set(ledger.lost) - told)),
        exactly("ended in a failure that was explained", len(told)),
        exactly("duplicate finals", len(ledger.doubled)),
        exactly("frozen partials", len(ledger.frozen)),
        exactly("out of order", len(ledger.unordered)),
        exactly("whole, but with something else in it", len(ledger.marred)),
        exactly("failures told beside a whole answer, or twice", len(ledger.failures)),
        exactly("commands without an answer", ledger.unanswered_commands),
        exactly("commands answered twice", ledger.repeated_commands),
        Figure("sends done that seemed to fail", f"{len(ledger.ambiguous)}"),
        at_most("orphans, of such sends and of kills", len(ledger.leftovers), len(ledger.ambiguous) + ledger.in_flight),
        at_most("… each of one send that seemed to fail", len(ledger.of_faults), len(ledger.ambiguous)),
        at_most(
            f"… each sent within {KILL_SECONDS:g} s before a kill, one per kill and conversation",
            len(ledger.of_kills),
            ledger.in_flight,
        ),
    ]


def _floods(people: Town, doings: Doings) -> list[Figure]:
    """Refusals that were no fault of ours to inject; those that a bot can't foresee which was just killed apart."""
    refused = [one for one in people.server.flood.refusals if not one.injected]
    own = [one for one in refused if not _forgotten(one, doings)]
    return [
        # Told, not judged: stalls push calls together here. That there is none otherwise, the bench shows.
        Figure("429s that the bot earned", f"{len(own)}"),
        Figure("429s for what it forgot when it was ended", f"{len(refused) - len(own)}"),
    ]


def _forgotten(refusal: Refusal, doings: Doings) -> bool:
    memory = GROUP_MEMORY if (refusal.chat or 0) < 0 else PRIVATE_MEMORY
    return any(0 <= refusal.at - end <= memory for end in doings.ends)


def _waits(waits: Sequence[float]) -> Figure:
    value = f"{median(waits):.1f} s, {waits[-1]:.0f} s" if waits else "none"
    return Figure("from question to whole answer: median, longest", value)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is in the bot's database in the end. `dead`: the questions that were given up."""

    rows: Sequence[tuple[int, str, str]]
    states: Counter[str]
    repeats: int
    reasons: Sequence[str]
    dead: frozenset[int]

    @classmethod
    def read(cls, path: Path) -> "Stored":
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute("SELECT turn, role, text FROM history ORDER BY turn, position").fetchall()
            turns = database.execute("SELECT key, state, reason, incoming FROM turns").fetchall()
        given_up = [(reason, incoming) for _, state, reason, incoming in turns if state == "dead"]
        numbers = re.findall(r"question (\d+)!", " ".join(incoming for _, incoming in given_up))
        states = Counter(state for _, state, _, _ in turns)
        repeats = len(turns) - len({key for key, *_ in turns})
        return cls(rows, states, repeats, [reason for reason, _ in given_up], frozenset(map(int, numbers)))

    def figures(self, asked: Sequence[Asked]) -> list[Figure]:
        """Beside what was asked."""
        unended = self.states.total() - self.states["done"] - self.states["dead"]
        dead = f"{self.states['dead']} {'; '.join(self.reasons)}".strip()
        return [
            exactly("history rows", len(self.rows), 2 * len(asked)),
            exactly("questions with others than their two rows", self._odd(asked)),
            exactly("updates stored twice", self.repeats),
            exactly("turns that never ended", unended),
            Figure("dead letters", dead, "0", not self.states["dead"]),
        ]

    def _odd(self, asked: Sequence[Asked]) -> int:
        """Questions whose rows aren't once the question and its whole answer, next to each other."""
        pairs = Counter(
            (self._number(first[2]), tuple(second[2].split()))
            for first, second in pairwise(self.rows)
            if first[0] == second[0] and (first[1], second[1]) == ("user", "assistant")
        )
        return sum(pairs[one.number, tuple(story(one.number, one.words).split())] != 1 for one in asked)

    @staticmethod
    def _number(question: str) -> int:
        found = re.search(r"question (\d+)!", question)
        return int(found[1]) if found else -1
