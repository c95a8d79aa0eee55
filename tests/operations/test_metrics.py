"""Figures in Prometheus' text format: names, labels and numbers that any reader of it understands."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from chat.replies import ReplyState
from composition import Record
from messengers.base import Messenger
from messengers.buckets import UNLIMITED, Bucket, Priority
from messengers.budget import Budgets, PlaceBudget, Tally
from messengers.live_reply import LiveReply
from operations.counting import Began, Concluded, Counts, Delivered, Took
from operations.figures import Sources, figures
from operations.metrics import Family, Histogram, Sample, exposition
from providers.wrappers import Observation
from storage.base import Amount, Spent
from tests.fakes import FakeChat, FakeStream, words
from tests.handlers.scene import PRIVATE, said
from tests.operations.memory_store import MemoryStore
from tests.virtual_time import run_virtual

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"'
LINE = re.compile(
    rf"(?:# HELP {NAME} .+|# TYPE {NAME} (?:counter|gauge|histogram)|{NAME}(?:{{{LABEL}(?:,{LABEL})*}})? \S+)"
)


def read(text: str) -> dict[str, float]:
    """Each sample by its name with its labels, as a strict reader takes it."""
    assert text.endswith("\n")
    lines = text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    samples = {name: float(value) for name, value in pairs}
    assert len(samples) == len(pairs), "no sample comes twice"
    return samples


def test_a_family_has_its_meaning_and_kind_before_its_samples_and_an_empty_one_isnt_there() -> None:
    family = Family("floods_total", "counter", "Too\nmany \\ calls.", (Sample(2, {"place": 'a"b\\c\nd'}),))
    assert exposition([family, Family("nothing", "gauge", "Empty.", ())]).splitlines() == [
        r"# HELP parley_floods_total Too\nmany \\ calls.",
        "# TYPE parley_floods_total counter",
        r'parley_floods_total{place="a\"b\\c\nd"} 2',
    ]


def test_a_histogram_counts_each_duration_in_every_bucket_that_is_large_enough() -> None:
    histogram = Histogram((0.1, 1, 10))
    for seconds in (0.05, 0.1, 0.5, 5, 50):
        histogram.observe(seconds)
    text = exposition([Family("lag", "histogram", "Lag.", tuple(histogram.samples({"messenger": "x"})))])
    samples = read(text)
    buckets = [samples[f'parley_lag_bucket{{messenger="x",le="{bound}"}}'] for bound in ("0.1", "1", "10", "+Inf")]
    assert buckets == [2, 3, 4, 5]
    assert (samples['parley_lag_count{messenger="x"}'], samples['parley_lag_sum{messenger="x"}']) == (5, 55.65)


def test_a_long_run_keeps_every_digit_of_its_counters() -> None:
    assert read(exposition([Family("tokens_total", "counter", "x", (Sample(12_345_678_901, {}),))])) == {
        "parley_tokens_total": 12_345_678_901
    }


async def test_everything_that_an_operator_watches_is_told() -> None:
    counts, record, store = Counts(), Record(), MemoryStore()
    for event in (
        Took("telegram", repeat=False),
        Took("telegram", repeat=True),
        Began("telegram", 0.2),
        Concluded("telegram", "answered"),
        Concluded("telegram", "failed"),
        Delivered("telegram", 2.0, dead=False),
        Delivered("telegram", 90.0, dead=True),
    ):
        counts.note(event)
    record.note(Observation("openai", "gpt", "reply", "done", "", 0.4, 3.0, 12, 210))
    record.note(Observation("openai", "gpt", "reply", "failed", "overloaded", None, 1.0))
    budgets = Budgets(lambda _: UNLIMITED)
    place = budgets.of(PRIVATE)
    await place.permit(Priority.INTERIM)
    place.slow_down(30)
    place.skip()
    dead, waiting = await store.receive(said("one")), await store.receive(said("two"))
    assert dead
    assert waiting
    spent = Spent("2026-11-21", "telegram:1", Amount(3, 1))
    await store.answer(dead.id, dead.reply, None, (), failed=True, spent=spent, reason="overloaded")
    telegram = cast("Messenger", SimpleNamespace(seconds_since_poll=12.5, budgets=budgets))
    sources = Sources(
        store, counts, record, {"telegram": telegram}, lambda: 4, lambda: {7: 2.5, 8: 61.0},
        lambda: datetime(2026, 11, 21, tzinfo=UTC), 1_000_000.5,
    )  # fmt: skip
    samples = read(await figures(sources))
    assert samples.items() >= {
        'parley_updates_total{messenger="telegram",repeat="false"}': 1,
        'parley_updates_total{messenger="telegram",repeat="true"}': 1,
        'parley_inbox_lag_seconds_count{messenger="telegram"}': 1,
        'parley_turns_total{messenger="telegram",outcome="answered"}': 1,
        'parley_turns_total{messenger="telegram",outcome="failed"}': 1,
        'parley_deliveries_total{messenger="telegram",outcome="dead"}': 1,
        'parley_delivery_lag_seconds_sum{messenger="telegram"}': 92,
        'parley_answers_total{provider="openai",model="gpt",kind="reply",outcome="done"}': 1,
        'parley_answers_total{provider="openai",model="gpt",kind="reply",outcome="failed"}': 1,
        'parley_provider_failures_total{provider="openai",model="gpt",failure="overloaded"}': 1,
        'parley_tokens_total{provider="openai",model="gpt",direction="output"}': 210,
        'parley_first_fragment_seconds_bucket{provider="openai",model="gpt",le="0.25"}': 0,
        'parley_first_fragment_seconds_bucket{provider="openai",model="gpt",le="0.5"}': 1,
        'parley_messenger_calls_total{messenger="telegram",priority="interim"}': 1,
        'parley_skipped_texts_total{messenger="telegram"}': 1,
        'parley_floods_total{messenger="telegram"}': 1,
        'parley_flood_seconds_total{messenger="telegram"}': 30,
        'parley_seconds_since_poll{messenger="telegram"}': 12.5,
        'parley_turns_unfinished{state="new"}': 1,
        "parley_outbox_size": 4,
        "parley_longest_running_seconds": 61,
        "parley_dead_letters": 1,
        'parley_used_today{what="messages"}': 3,
        'parley_used_today{what="images"}': 1,
        "parley_start_time_seconds": 1_000_000.5,
    }.items()  # fmt: skip
    assert 0 <= samples["parley_inbox_oldest_seconds"] < 60


def test_texts_that_a_reply_never_showed_are_counted_and_so_are_its_calls() -> None:
    async def work() -> Tally:
        chat, tally = FakeChat(), Tally()
        chat.budget = PlaceBudget(UNLIMITED, Bucket(UNLIMITED), tally)

        async def keep(_: ReplyState) -> None: ...

        shown = await LiveReply(chat, keep).show(FakeStream(words("one two three four five six seven", 0.05)).open())
        assert shown.settled
        await shown.settled()
        assert tally.calls[Priority.FIRST] == len(chat.made("send"))
        assert tally.calls[Priority.FIRST] + tally.calls[Priority.INTERIM] == len(chat.calls)
        return tally

    tally = run_virtual(work())
    assert 3 <= tally.skipped <= 6
