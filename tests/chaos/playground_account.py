"""What the trial for the playground found: what a browser is shown that comes in the end, and those that were there."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.figures import Figure, at_least, at_most, exactly
from tests.chaos.kept import Kept, wrongly_kept
from tests.chaos.ledger import Ledger
from tests.chaos.playground_pages import Asked, Page, Shown, said, seen


@dataclass(frozen=True)
class Account:
    """`asked` in the order of their numbers; `shown`: conversation → what a new browser is shown there; `views`: the
    conversations of the browsers that were there all the time, and what they show.
    """

    asked: Sequence[Asked]
    shown: Mapping[str, Shown]
    views: Sequence[tuple[str, Shown]] = ()
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        answers = [one for place, (name, shown) in enumerate(self.shown.items()) for one in seen(place, name, shown)]
        ledger = Ledger([one.counted for one in self.asked], sorted(answers, key=lambda one: one.id))
        object.__setattr__(self, "ledger", ledger)

    @property
    def left(self) -> list[int]:
        """Questions whose browser was closed before it knew that they were taken, and that have no answer."""
        return [one.number for one in self.asked if not one.taken and one.number in self.ledger.lost]

    @property
    def lost(self) -> list[int]:
        """Questions that were taken, and have no whole answer."""
        return [number for number in self.ledger.lost if number not in self.left]

    @property
    def doubled(self) -> list[int | None]:
        """Questions that have more than one answer, or a part of one beside it."""
        return [*self.ledger.doubled, *(one.number for one in self.ledger.leftovers if not one.open)]

    @property
    def frozen(self) -> int:
        """Messages to which something seems to be added still."""
        return sum(one.open for one in self.ledger.leftovers)

    @property
    def said_twice(self) -> list[int | None]:
        """Questions that the page shows more than once."""
        counted = Counter(number for shown in self.shown.values() for number in said(shown))
        return [number for number, count in counted.items() if count > 1]

    @property
    def only_shown(self) -> list[int]:
        """Questions that the page shows though they were never taken: a kill came between, and the browser was gone."""
        shown = {number for each in self.shown.values() for number in said(each)}
        return [number for number in self.left if number in shown]

    @property
    def different(self) -> int:
        """Browsers that show something else than one that comes now."""
        return sum(_texts(view) != _texts(self.shown[name]) for name, view in self.views)

    @property
    def unsettled(self) -> bool:
        """Whether there is something to wait for."""
        return bool(self.lost or self.frozen or self.different)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each. Each conversation has one page that asks and others that watch."""

    questions: int
    conversations: int
    watchers: int
    kills: int
    terms: int
    life: tuple[float, float]  # seconds, from when the page is served
    pause: float  # seconds between two questions at a conversation, at most
    patience: float  # seconds in which all must be answered in the end


@dataclass
class Made:
    """What was done to the bot. `caught`: kills while an answer was being written; `exits`: codes after SIGTERM."""

    size: Size
    pages: Sequence[Sequence[Page]]  # by conversation, the one that asks first
    asked: list[Asked] = field(default_factory=list)
    kills: int = 0
    caught: int = 0
    exits: list[int] = field(default_factory=list)


def troubles_made(made: Made) -> Iterator[Figure]:
    """What was asked and what went wrong: so much, or it was no trial."""
    pages, size = [page for pages in made.pages for page in pages], made.size
    yield at_least("questions", len(made.asked), size.questions)
    yield Figure("conversations, pages", f"{len(made.pages)}, {len(pages)}")
    yield Figure("of them pages that read slowly", f"{sum(page.slow for page in pages)}")
    yield exactly("kill -9", made.kills, size.kills)
    yield at_least("of them while an answer was being written", made.caught, size.kills // 2)
    yield exactly("SIGTERM", len(made.exits), size.terms + 1)
    yield exactly("exits that weren't clean", sum(code != 0 for code in made.exits))
    yield Figure("streams that broke off or were dropped", f"{sum(page.streams - 1 for page in pages)}")
    yield Figure("questions sent again, with their key", f"{sum(page.repeats for page in pages)}")
    yield Figure("questions given up by their page", f"{sum(not one.taken for one in made.asked)}")


def answers_given(found: Account, turns: Sequence[Kept], made: Made, output: str) -> Iterator[Figure]:
    """What came of it. `output`: what the bot logged."""
    taken = Counter(turn.number for turn in turns)
    answered = [one.number for one in found.asked if one.number not in found.ledger.lost]
    yield exactly("lost after they were taken", len(found.lost))
    yield exactly("duplicate answers", len(found.doubled))
    yield exactly("questions shown twice", len(found.said_twice))
    yield exactly("questions stored twice", sum(count > 1 for count in taken.values()))
    yield exactly("frozen partials", found.frozen)
    yield exactly("out of order", len(found.ledger.unordered))
    yield exactly("not two rows of history", len(wrongly_kept(turns, answered)))
    yield exactly("pages that show something else than a new one", found.different)
    yield exactly("dead letters", sum(turn.state == "dead" for turn in turns))
    yield exactly("tracebacks in the log", output.count("Traceback"))
    yield at_most("given up, shown, but never taken (a kill between the two)", len(found.only_shown), made.kills)
    yield Figure("given up, and never there", f"{len(found.left) - len(found.only_shown)}")


def _texts(shown: Shown) -> Mapping[str, str]:
    return {name: message["text"] for name, message in shown.items()}
