"""What happens to what comes in, counted: reception and outbox tell of it in frozen values."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from operations.metrics import Histogram

LAGS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 3600)  # seconds


@dataclass(frozen=True, slots=True)
class Took:
    """Something came in and is stored; or it was a repeat, and is dropped."""

    messenger: str
    repeat: bool


@dataclass(frozen=True, slots=True)
class Began:
    """A turn is being handled, so many seconds after it came in."""

    messenger: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Concluded:
    """A turn's answer is stored: `answered`, `failed`, or `silent` where there is none."""

    messenger: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """An answer shows its final form, so many seconds after it was complete; or it had to be given up."""

    messenger: str
    seconds: float
    dead: bool


Event = Took | Began | Concluded | Delivered
Note = Callable[[Event], None]


def uncounted(_: Event) -> None:
    """For whoever isn't interested."""


def _lags() -> defaultdict[str, Histogram]:
    return defaultdict(lambda: Histogram(LAGS))


@dataclass(frozen=True, slots=True)
class Counts:
    """All since the start, by messenger."""

    taken: Counter[tuple[str, bool]] = field(default_factory=Counter)
    concluded: Counter[tuple[str, str]] = field(default_factory=Counter)
    delivered: Counter[tuple[str, bool]] = field(default_factory=Counter)
    inbox_lag: defaultdict[str, Histogram] = field(default_factory=_lags)
    delivery_lag: defaultdict[str, Histogram] = field(default_factory=_lags)

    def note(self, event: Event) -> None:
        """Count it."""
        match event:
            case Took(messenger, repeat):
                self.taken[messenger, repeat] += 1
            case Began(messenger, seconds):
                self.inbox_lag[messenger].observe(seconds)
            case Concluded(messenger, outcome):
                self.concluded[messenger, outcome] += 1
            case Delivered(messenger, seconds, dead):
                self.delivered[messenger, dead] += 1
                self.delivery_lag[messenger].observe(seconds)
