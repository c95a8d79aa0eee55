"""What the trial for Discord found. Posts and commands' answers are counted apart: only posts have idempotency keys."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.discord_town import Asked, seen
from tests.chaos.kept import Kept, wrongly_kept
from tests.chaos.ledger import Ledger, Seen
from tests.servers.discord_server import Message

CUT_SECONDS = 3.0  # a kill so soon after a command may come before the command is stored
REACH_SECONDS = 3.0  # how long Discord waits for the answer to a command; and a client that connects again


@dataclass(frozen=True)
class Account:
    """All that is counted of what was said and shown. `asked` in order, `shown` the bot's messages, in order.

    `kills`: when (Unix seconds); `ambiguous`: ids of messages that were sent although the bot couldn't know it.
    `troubles`: when each began, ended; `faults`: the calls that failed, "POST /channels/1/messages".
    """

    asked: Sequence[Asked]
    shown: Sequence[Message]
    turns: Sequence[Kept]
    kills: Sequence[float] = ()
    ambiguous: frozenset[int] = frozenset()
    troubles: Sequence[tuple[float, float]] = ()
    faults: Sequence[str] = ()
    posts: Ledger = field(init=False)
    commands: Ledger = field(init=False)

    def __post_init__(self) -> None:
        used = {one.number for one in self.asked if one.used}
        messages = [(message, seen(message)) for message in self.shown]
        # A sentence in an answer's place is no answer: that question counts as lost.
        counted = [(message, one) for message, one in messages if one.open or one.number is not None]
        of_commands = [one for message, one in counted if one.number in used or _answers_a_command(message, one)]
        posts = [one for _, one in counted if one not in of_commands]
        object.__setattr__(self, "posts", self._ledger([one for one in self.asked if not one.used], posts))
        object.__setattr__(self, "commands", self._ledger([one for one in self.asked if one.used], of_commands))

    def _ledger(self, asked: Sequence[Asked], shown: Sequence[Seen]) -> Ledger:
        ambiguous = frozenset((one.place, one.id) for one in shown if one.id in self.ambiguous)
        return Ledger([one.counted for one in asked], shown, ambiguous=ambiguous, kills=self.kills)

    # What is known and accepted

    @property
    def refused(self) -> list[int]:
        """Commands of which the person was told that nothing comes of them, and so it is; each has an explanation."""
        refused = [one for one in self.asked if one.refused and one.number in self.commands.lost]
        return [one.number for one in refused if self._was_cut_off(one) or self._met_a_fault(one)]

    @property
    def hit(self) -> int:
        """How many commands had a fault in their first answer."""
        return sum(self._met_a_fault(one) for one in self.asked)

    def _was_cut_off(self, one: Asked) -> bool:
        return any(begun - REACH_SECONDS <= one.at <= ended + REACH_SECONDS for begun, ended in self.troubles)

    def _met_a_fault(self, one: Asked) -> bool:
        return one.used is not None and any(call.endswith(f"/{one.used.token}/callback") for call in self.faults)

    @property
    def cut(self) -> list[Asked]:
        """Commands that a kill hit between Discord's deferral and the storing: Discord tells the person."""
        stored = {turn.key.rpartition(":")[2] for turn in self.turns}
        used = [one for one in self.asked if one.used and one.used.answer and str(one.used.id) not in stored]
        return [one for one in used if any(0 <= kill - one.at < CUT_SECONDS for kill in self.kills)]

    @property
    def unheard(self) -> list[int]:
        """First words in a new direct message that were said while the bot was away, and have no answer."""
        return [one.number for one in self.asked if one.first and one.number in self.posts.lost]

    # What must not be

    @property
    def lost(self) -> list[int]:
        """Questions without a whole answer."""
        accepted = {*self.refused, *self.unheard, *(one.number for one in self.cut)}
        return [number for number in (*self.posts.lost, *self.commands.lost) if number not in accepted]

    @property
    def answered_commands(self) -> int:
        """Commands with a whole answer."""
        return len(self.commands.asked) - len(self.commands.lost)

    @property
    def marred(self) -> list[int]:
        """Questions with a whole answer in which something else stands as well."""
        return [*self.posts.marred, *self.commands.marred]

    @property
    def sentences(self) -> list[Seen]:
        """Messages that are of no answer: failures and the like, but for what a command came to that wasn't taken."""
        refused = [one.used for one in self.asked if one.used and one.number in self.refused]
        known = {message.id for used in refused for message in used.messages}
        loose = [one for one in map(seen, self.shown) if not one.open and one.number is None and one.id not in known]
        return [*loose, *self.posts.failures, *self.commands.failures]

    @property
    def doubled(self) -> list[int | None]:
        """Questions that a post answers which another post answers, too, or a part of one."""
        return [*self.posts.doubled, *(one.number for one in self.posts.leftovers if not one.open)]

    @property
    def orphans(self) -> list[Seen]:
        """Commands' answers that another one repeats, explained by a follow-up that seemed to fail, or by a kill."""
        explained = (*self.commands.of_faults, *self.commands.of_kills)
        return [one for one in explained if one.number is not None]  # "is thinking" is no repetition of anything

    @property
    def frozen(self) -> list[Seen]:
        """Messages that look as if something were still added to them, or repeat something for no known reason."""
        known = {one.used.original.id for one in self.cut if one.used and one.used.original}
        known |= {one.id for one in self.orphans}
        posts = [one for one in self.posts.leftovers if one.open]
        return [*posts, *(one for one in self.commands.leftovers if one.id not in known)]

    @property
    def unordered(self) -> list[int]:
        """Questions answered above an earlier one. Where a command's answer stands is decided when it is used."""
        return self.posts.unordered

    @property
    def wrongly_kept(self) -> list[int]:
        """Answered questions that aren't two rows of history."""
        answered = [one.number for one in self.asked if one.number not in {*self.posts.lost, *self.commands.lost}]
        return wrongly_kept(self.turns, answered)

    @property
    def dead(self) -> int:
        """Turns that were given up."""
        return sum(turn.state == "dead" for turn in self.turns)

    @property
    def unsettled(self) -> bool:
        """Whether there is something to wait for."""
        return bool(self.lost or self.frozen)

    @property
    def slowest(self) -> float:
        """Seconds from a question to the end of its answer, the longest."""
        since = {message.id: message.versions[-1].at for message in self.shown}
        found = {**self.posts.answers, **self.commands.answers}
        ends = {number: max(since[part.id] for part in answers[0]) for number, answers in found.items() if answers}
        return max((ends[one.number] - one.at for one in self.asked if one.number in ends), default=0.0)


def _answers_a_command(message: Message, one: Seen) -> bool:
    return one.number is None and message.application_id is not None
