"""What /metrics tells: everything that was counted, and how things stand at this moment."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from messengers.base import Messenger
from operations.counting import Counts
from operations.metrics import Family, Histogram, Labels, Sample, exposition
from storage.base import Amount, Standing, Store

Key = TypeVar("Key", bound=tuple[str, ...])


class Asked(Protocol):
    """What is known of the models, by the names of provider and model: see `composition.Record`."""

    @property
    def asked(self) -> Mapping[tuple[str, str, str, str], int]:
        """How often, by kind and outcome."""
        ...

    @property
    def failures(self) -> Mapping[tuple[str, str, str], int]:
        """How often, by the failure's key."""
        ...

    @property
    def tokens(self) -> Mapping[tuple[str, str, str], int]:
        """How many, by "input" and "output"."""
        ...

    @property
    def first(self) -> Mapping[tuple[str, str], Histogram]:
        """How long it took until the first fragment."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the figures come from. `running_for`: turns that are handled, and for how many seconds."""

    store: Store
    counts: Counts
    asked: Asked
    messengers: Mapping[str, Messenger]
    outbox_size: Callable[[], int]
    running_for: Callable[[], Mapping[int, float]]
    now: Callable[[], datetime]
    started_at: float  # Unix seconds


async def figures(sources: Sources) -> str:
    """All of them, in Prometheus' text format. Raises `StorageError`."""
    standing = await sources.store.standing()
    used = await sources.store.used(f"{sources.now():%Y-%m-%d}")
    return exposition(
        [
            *_of_turns(sources.counts),
            *_of_models(sources.asked),
            *_of_messengers(sources.messengers),
            *_at_this_moment(sources, standing, used),
        ]
    )


def _of_turns(counts: Counts) -> Sequence[Family]:
    taken = _samples({(m, str(repeat).lower()): n for (m, repeat), n in counts.taken.items()}, "messenger", "repeat")
    delivered = {(m, "dead" if dead else "done"): n for (m, dead), n in counts.delivered.items()}
    return (
        Family("updates_total", "counter", "Taken in and stored; repeats are dropped.", taken),
        Family("turns_total", "counter", "Handled, by outcome.", _samples(counts.concluded, "messenger", "outcome")),
        Family(
            "deliveries_total",
            "counter",
            "Final answers shown, or given up.",
            _samples(delivered, "messenger", "outcome"),
        ),
        _durations("inbox_lag_seconds", "From coming in to being handled.", counts.inbox_lag),
        _durations("delivery_lag_seconds", "From a complete answer to its final form shown.", counts.delivery_lag),
    )


def _of_models(asked: Asked) -> Sequence[Family]:
    who = ("provider", "model")
    first = [
        sample
        for (provider, model), histogram in asked.first.items()
        for sample in histogram.samples({"provider": provider, "model": model})
    ]
    return (
        Family("answers_total", "counter", "Models asked, by outcome.", _samples(asked.asked, *who, "kind", "outcome")),
        Family(
            "provider_failures_total",
            "counter",
            "Models that failed, and how.",
            _samples(asked.failures, *who, "failure"),
        ),
        Family(
            "tokens_total", "counter", "Tokens, as providers count them.", _samples(asked.tokens, *who, "direction")
        ),
        Family("first_fragment_seconds", "histogram", "From the question to an answer's beginning.", first),
    )


def _of_messengers(messengers: Mapping[str, Messenger]) -> Sequence[Family]:
    tallies = {name: each.budgets.tally for name, each in messengers.items()}
    calls = {(name, kind.name.lower()): n for name, tally in tallies.items() for kind, n in tally.calls.items()}
    skipped = {(name,): tally.skipped for name, tally in tallies.items()}
    floods = {(name,): tally.slow_downs for name, tally in tallies.items()}
    seconds = {(name,): tally.slowed_seconds for name, tally in tallies.items()}
    ages = {(name,): each.seconds_since_poll for name, each in messengers.items()}
    return (
        Family(
            "messenger_calls_total",
            "counter",
            "Sends and edits, by what for.",
            _samples(calls, "messenger", "priority"),
        ),
        Family(
            "skipped_texts_total",
            "counter",
            "Texts never shown: newer ones came first.",
            _samples(skipped, "messenger"),
        ),
        Family("floods_total", "counter", "Calls refused as too many.", _samples(floods, "messenger")),
        Family("flood_seconds_total", "counter", "For how long they were refused.", _samples(seconds, "messenger")),
        Family("seconds_since_poll", "gauge", "Since the messenger's server was heard.", _samples(ages, "messenger")),
    )


def _at_this_moment(sources: Sources, standing: Standing, used: Amount) -> Sequence[Family]:
    waiting_since, now = standing.waiting_since, time.time()
    turns = {("new",): standing.new, ("running",): standing.running, ("answered",): standing.answered}
    spent = {("messages",): used.messages, ("images",): used.images}
    return (
        Family("turns_unfinished", "gauge", "In the inbox, by state.", _samples(turns, "state")),
        _gauge(
            "inbox_oldest_seconds", "Age of the oldest turn that waits.", now - waiting_since if waiting_since else 0.0
        ),
        _gauge("outbox_size", "Answers on their way.", sources.outbox_size()),
        _gauge(
            "longest_running_seconds",
            "Age of the turn handled longest.",
            max(sources.running_for().values(), default=0.0),
        ),
        _gauge("dead_letters", "Turns that were given up.", standing.dead),
        Family("used_today", "gauge", "Of the daily limits.", _samples(spent, "what")),
        _gauge("start_time_seconds", "When the bot was started, in Unix seconds.", sources.started_at),
    )


def _gauge(name: str, meaning: str, value: float) -> Family:
    return Family(name, "gauge", meaning, (Sample(value, {}),))


def _durations(name: str, meaning: str, histograms: Mapping[str, Histogram]) -> Family:
    samples = [s for messenger, each in histograms.items() for s in each.samples({"messenger": messenger})]
    return Family(name, "histogram", meaning, samples)


def _samples(values: Mapping[Key, float], *names: str) -> Sequence[Sample]:
    def labelled(key: Key) -> Labels:
        return dict(zip(names, key, strict=True))

    return [Sample(value, labelled(key)) for key, value in values.items()]
