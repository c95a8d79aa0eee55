"""What people see while there is no text yet: why it takes long, that the model thinks, and what it thought.

Sparsely: a sentence takes a permit of the place, as text does, and where many wait all of them move.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

AFTER_SECONDS = 2.0  # what is over sooner needs no words
EVERY_SECONDS = 5.0  # between two sentences
# How long the model has been thinking, and how long until that is told again.
STEPS = ((30.0, EVERY_SECONDS), (120.0, 10.0), (float("inf"), 30.0))
LONGEST_THOUGHTS = 1000  # characters, and never more than that share of a message:
SHARE_OF_MESSAGE = 5


@dataclass(frozen=True, slots=True)
class Thinking:
    """How a model's reasoning is shown; both take the seconds that it has taken.

    `status`: a sentence in the place of text; None: nothing. `heading`: of the quote that is shown above the answer;
    None: it isn't kept.
    """

    status: Callable[[int], str] | None = None
    heading: Callable[[int], str] | None = None


class Meanwhile:
    """What one reply shows in the place of text, and above it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when there is a new sentence to be shown."""
        self.thinking = Thinking()
        self._changed = changed
        self._said: Callable[[], str] = str
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = -EVERY_SECONDS
        self._over = False
        self._since: float | None = None  # when the model began to think
        self._until = 0.0
        self._thoughts: list[str] = []

    @property
    def sentence(self) -> str:
        """What is to be said now; empty: nothing."""
        return self._said()

    def tell(self, sentence: str) -> None:
        """Why there is no text yet: shown if it takes a while. The latest wins."""
        self._said, self._since = lambda: sentence, None
        self._announce()

    def think(self, thoughts: str = "") -> None:
        """The model thinks, and this is more of it."""
        self._until = _now()
        if self._since is None:
            self._since, self._thoughts = self._until, []  # from the beginning: an earlier attempt may have thought
            if self.thinking.status:
                self._said = self._still_thinking
                self._announce()
        if thoughts and self.thinking.heading:
            self._thoughts.append(thoughts)

    def end(self) -> None:
        """Nothing is said any more: there is text, or there will be none."""
        self._over = True
        if self._timer:
            self._timer.cancel()

    def quote(self, limit: int) -> str:
        """The thoughts as a quote with its heading, in Markdown; empty where they aren't kept. Too long, their end.

        `limit`: the size of a message, most of which is the answer's.
        """
        text = "".join(self._thoughts).strip()
        if not text or not self.thinking.heading or self._since is None:
            return ""
        heading = self.thinking.heading(max(1, round(self._until - self._since)))
        lines = _end_of(text, min(LONGEST_THOUGHTS, limit // SHARE_OF_MESSAGE)).splitlines()
        return "\n".join(f"> {line}".rstrip() for line in (heading, "", *lines))

    def _still_thinking(self) -> str:
        assert self.thinking.status
        return self.thinking.status(round(self._seconds))

    @property
    def _seconds(self) -> float:
        return 0.0 if self._since is None else _now() - self._since

    def _announce(self) -> None:
        if self._timer is None and not self._over:
            self._say_at(max(_now() + AFTER_SECONDS, self._told_at + EVERY_SECONDS))

    def _say_at(self, when: float) -> None:
        self._timer = asyncio.get_running_loop().call_at(when, self._say)

    def _say(self) -> None:
        self._timer = None
        self._told_at = _now()
        self._changed()
        if self._said == self._still_thinking:
            self._say_at(self._told_at + next(step for until, step in STEPS if self._seconds < until))


def above(thoughts: str, text: str) -> str:
    """The Markdown of an answer with what was thought above it."""
    return f"{thoughts}\n\n{text}" if thoughts and text.strip() else thoughts or text


def _now() -> float:
    return asyncio.get_running_loop().time()


def _end_of(text: str, most: int) -> str:
    """The last of a text, from a word on."""
    if len(text) <= most:
        return text
    _, _, end = text[-most:].partition(" ")
    return f"… {(end or text[-most:]).lstrip()}"
