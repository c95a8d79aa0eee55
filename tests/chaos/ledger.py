"""What was asked, beside what is shown in the end: lost, double, frozen and unordered answers, each counted one by one.

An answer's words tell whose they are and where they belong: the third word of the answer to question 17 is `q17w3`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

_WORD = re.compile(r"\bq(\d+)w(\d+)\b")
KILL_SECONDS = 2.2  # between a send and the kill that may have kept the bot from noting it: some answers stall for 2 s
PARAGRAPH_WORDS = 40


def story(number: int, words: int) -> str:
    """The answer to a question, in so many words."""
    said = [f"q{number}w{position}" for position in range(1, words + 1)]
    paragraphs = [said[begin : begin + PARAGRAPH_WORDS] for begin in range(0, words, PARAGRAPH_WORDS)]
    return "\n\n".join(map(" ".join, paragraphs))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, how many words its answer has, and when it was asked."""

    number: int
    conversation: str
    words: int
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of the bot as it is seen in the end. `id` grows within a place.

    `open`: it has a Stop button; `failed`: a Retry button, under a sentence that says what went wrong. `sent_at` and
    `settled_at`: when it was first seen, and when it was last changed.
    """

    place: int
    conversation: str
    id: int
    text: str
    open: bool = False
    failed: bool = False
    sent_at: float = 0.0
    settled_at: float = 0.0

    @property
    def is_marred(self) -> bool:
        """Whether there is anything beside an answer's words: a sentence, or the button of a failure."""
        return self.failed or not all(map(_WORD.fullmatch, self.text.split()))

    @property
    def number(self) -> int | None:
        """The question that it answers, if any."""
        word = _WORD.search(self.text)
        return int(word[1]) if word else None

    @property
    def span(self) -> tuple[int, int] | None:
        """Its first and last word; None where it isn't finished: it can be stopped, or words are missing."""
        words = [(int(number), int(position)) for number, position in _WORD.findall(self.text)]
        whole = all(one[0] == other[0] and one[1] + 1 == other[1] for one, other in pairwise(words))
        return (words[0][1], words[-1][1]) if words and whole and not self.open and "…" not in self.text else None


@dataclass(frozen=True)
class Ledger:
    """The account. Questions are in the order in which they were asked; `commands`: pattern of the answer → how many.

    `ambiguous`: place and id of messages that were sent although the bot couldn't know it; `kills`: when.
    """

    asked: Sequence[Asked]
    seen: Sequence[Seen]
    commands: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # by conversation
    ambiguous: frozenset[tuple[int, int]] = frozenset()
    kills: Sequence[float] = ()

    @cached_property
    def answers(self) -> Mapping[int, list[list[Seen]]]:
        """By question, all whole answers that are seen, each the messages that it stands in."""
        return {one.number: list(self._answers(one)) for one in self.asked}

    @property
    def lost(self) -> list[int]:
        """Questions without a whole answer."""
        return [number for number, found in self.answers.items() if not found]

    @property
    def doubled(self) -> list[int]:
        """Questions with more than one."""
        return [number for number, found in self.answers.items() if len(found) > 1]

    @property
    def unordered(self) -> list[int]:
        """Questions whose answer stands above that of an earlier question of their conversation."""
        highest: dict[str, int] = {}
        found = []
        for one in self.asked:
            for answer in self.answers[one.number][:1]:
                if answer[0].id < highest.get(one.conversation, 0):
                    found.append(one.number)
                highest[one.conversation] = max(highest.get(one.conversation, 0), answer[0].id)
        return found

    @property
    def marred(self) -> list[int]:
        """Questions with a whole answer in which something else stands as well."""
        answers = self.answers.items()
        return [number for number, found in answers if any(part.is_marred for answer in found for part in answer)]

    @property
    def waits(self) -> list[float]:
        """Seconds from each question to the end of its answer, sorted."""
        whole = ((one, self.answers[one.number]) for one in self.asked)
        return sorted(found[0][-1].settled_at - one.at for one, found in whole if found)

    @property
    def unanswered_commands(self) -> int:
        """How many have no whole answer."""
        return sum(
            max(0, count - self._told(conversation, pattern))
            for conversation, patterns in self.commands.items()
            for pattern, count in patterns.items()
        )

    @property
    def repeated_commands(self) -> int:
        """How many answers there are beyond one for each."""
        return sum(
            max(0, self._told(conversation, pattern) - count)
            for conversation, patterns in self.commands.items()
            for pattern, count in patterns.items()
        )

    @cached_property
    def _others(self) -> list[Seen]:
        """Messages that belong to no whole answer."""
        used = {id(message) for found in self.answers.values() for answer in found for message in answer}
        return [one for one in self.seen if id(one) not in used and not self._is_command_answer(one)]

    @property
    def leftovers(self) -> list[Seen]:
        """What a send left behind of which the bot doesn't know; failures are counted apart."""
        return [one for one in self._others if not one.failed]

    @cached_property
    def explained(self) -> Mapping[int, Seen]:
        """By question that has no whole answer, the one message that says what went wrong with it."""
        found: dict[int, Seen] = {}
        for failure in sorted((one for one in self._others if one.failed), key=lambda each: each.number is None):
            mine = (one for one in self.asked if one.conversation == failure.conversation)
            open_ones = [one.number for one in mine if not self.answers[one.number] and one.number not in found]
            # One that tells no words may be of any question of its conversation.
            if number := [each for each in open_ones if failure.number in {None, each}][:1]:
                found[number[0]] = failure
        return found

    @property
    def failures(self) -> list[Seen]:
        """Messages that say that something went wrong, of no question that they could be about: it has its answer."""
        told = {id(one) for one in self.explained.values()}
        return [one for one in self._others if one.failed and id(one) not in told]

    @property
    def of_faults(self) -> list[Seen]:
        """Leftovers of a send that was done though it seemed to fail: each such send explains its own message."""
        return [one for one in self.leftovers if (one.place, one.id) in self.ambiguous]

    @property
    def of_kills(self) -> list[Seen]:
        """Leftovers of a send that a kill followed before the bot could note it.

        In a conversation one call is in flight at a time: there each kill explains one message, the last one before it.
        """
        others = [one for one in self.leftovers if (one.place, one.id) not in self.ambiguous]
        return list(self._cut_short(sorted(others, key=lambda each: each.sent_at)).values())

    @property
    def in_flight(self) -> int:
        """In how many conversations something was sent right before a kill, over all kills: the most of `of_kills`."""
        return len(self._cut_short(self.seen))

    def _cut_short(self, messages: Iterable[Seen]) -> Mapping[tuple[float, str], Seen]:
        """By kill and conversation, the last of the messages right before it; each message belongs to one kill."""
        found: dict[tuple[float, str], Seen] = {}
        for one in messages:
            kill = min((kill for kill in self.kills if 0 <= kill - one.sent_at <= KILL_SECONDS), default=None)
            if kill is not None:
                found[kill, one.conversation] = one
        return found

    @property
    def frozen(self) -> list[Seen]:
        """Leftovers that nothing explains."""
        explained = {id(one) for one in (*self.of_faults, *self.of_kills)}
        return [one for one in self.leftovers if id(one) not in explained]

    def _answers(self, one: Asked) -> Iterator[list[Seen]]:
        """Messages that follow each other, from the first word to the last."""
        pieces = sorted(self._pieces.get((one.conversation, one.number), ()), key=lambda each: each.id)
        while pieces and (answer := _chain(pieces, one.words)):
            pieces = [piece for piece in pieces if piece not in answer]
            yield answer

    @cached_property
    def _pieces(self) -> Mapping[tuple[str, int], list[Seen]]:
        """Finished messages by conversation and question."""
        found: dict[tuple[str, int], list[Seen]] = {}
        for one in self.seen:
            if one.number is not None and one.span:
                found.setdefault((one.conversation, one.number), []).append(one)
        return found

    def _told(self, conversation: str, pattern: str) -> int:
        mine = (one for one in self.seen if one.conversation == conversation and not one.open)
        return sum(bool(re.fullmatch(pattern, one.text, re.DOTALL)) for one in mine)

    def _is_command_answer(self, one: Seen) -> bool:
        patterns = self.commands.get(one.conversation, {})
        return not one.open and any(re.fullmatch(pattern, one.text, re.DOTALL) for pattern in patterns)


def _chain(pieces: Sequence[Seen], words: int) -> list[Seen]:
    """The first of the pieces, in order, that make up all the words; empty where none do."""
    for begin, first in enumerate(pieces):
        chain, reached = [], 0
        for piece in (first, *pieces[begin + 1 :]):
            if piece.span and piece.span[0] == reached + 1:
                chain.append(piece)
                reached = piece.span[1]
        if reached == words:
            return chain
    return []
