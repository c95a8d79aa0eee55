"""The computed optimum: no other way of using the same allowance is better, on cases small enough to try them all."""

import itertools
from collections.abc import Iterator, Sequence

import pytest

from bench.optimum import Allowance, Answers, Plan, Steps, Window, best, best_gaps

GOES_ON = 0.4
HORIZON = 9  # steps; one answer in four thousand outlives them


@pytest.mark.parametrize(
    "steps",
    [
        Steps(most=4, parts=1, back=0, longest=12),
        Steps(most=6, parts=2, back=1, longest=12),
        Steps(most=9, parts=3, back=1, longest=12),
        Steps(most=2, parts=1, back=0, longest=12),
    ],
)
def test_no_other_schedule_is_expected_to_be_better_for_an_answer_of_unknown_length(steps: Steps) -> None:
    first = steps.most - steps.parts  # what the first call leaves
    tried = min(_expected(calls) for calls in _schedules(steps, first))
    promised = best_gaps(steps, GOES_ON).costs[first]
    assert promised == pytest.approx(tried, abs=0.02)


def test_the_gaps_are_worth_what_is_promised_of_them() -> None:
    steps = Steps(most=6, parts=2, back=1, longest=12)
    found = best_gaps(steps, GOES_ON)
    calls, stock = [0], steps.most - steps.parts
    while (gap := found.gaps[stock]) and calls[-1] + gap < 3 * HORIZON:
        calls.append(calls[-1] + gap)
        stock = steps.left(stock, gap)
    assert _expected(calls) == pytest.approx(found.costs[steps.most - steps.parts], abs=1e-4)


def test_one_call_is_always_kept_so_that_the_end_is_shown_as_it_comes() -> None:
    for words in range(1, 40):
        plan = best(Answers((0.0,), words, pace=10), Allowance(burst=3, per_second=0.5), None)
        assert plan.shown[0][-1] == pytest.approx((words - 1) / 10, abs=0.01)


@pytest.mark.parametrize("pause", [0.0, 0.35, 1.0])
def test_it_is_better_than_calling_whenever_that_is_allowed_with_a_pause_between(pause: float) -> None:
    answers = Answers((0.0,), 200, pace=50)
    rival, stock, due = list[float](), 4.0, 0.0
    for word in range(answers.words):
        now = word / answers.pace
        if word == answers.words - 1 or (now >= due and stock >= 2):
            rival += [now] * (word + 1 - len(rival))
            stock, due = stock - 1, now + pause
        stock = min(4.0, stock + 1 / answers.pace)
    assert len(rival) == answers.words
    assert sum(best(answers, Allowance(4, 1.0), None).shown[0]) < sum(rival)


@pytest.mark.parametrize(("burst", "per_second"), [(4, 1.0), (2, 0.3), (20, 0.0)])
def test_no_more_calls_are_made_than_the_place_allows(burst: int, per_second: float) -> None:
    for words in (5, 50, 300):
        moments = sorted(set(best(Answers((0.0,), words, 50), Allowance(burst, per_second), None).shown[0]))
        stock, before = float(burst), 0.0
        for at in moments:
            stock, before = min(burst, stock + (at - before) * per_second) - 1, at
            assert stock > -1e-6


def test_the_window_of_all_places_is_kept() -> None:
    plan = best(Answers((0.0,) * 9, 40, 20), Allowance(20, 1.0), Window(3, 0.5))
    calls = sorted(at for shown in plan.shown for at in set(shown))
    assert len(calls) == plan.calls
    assert all(later - earlier >= 0.5 - 1e-6 for earlier, later in zip(calls, calls[3:], strict=False))


def test_where_edits_are_free_only_first_messages_wait_for_the_window() -> None:
    plan = best(Answers((0.0,) * 9, 40, 20), Allowance(4, 1.0), Window(3, 0.5, edits=False))
    assert [shown[0] for shown in plan.shown] == pytest.approx([0.0] * 3 + [0.5] * 3 + [1.0] * 3, abs=0.01)
    assert all(shown[-1] == pytest.approx(39 / 20, abs=0.01) for shown in plan.shown)


@pytest.mark.parametrize(("places", "words", "gap"), [(2, 4, 1), (2, 5, 2), (3, 4, 1), (3, 3, 2)])
def test_no_other_order_of_the_places_is_better(places: int, words: int, gap: int) -> None:
    """One call in `gap` words' time for all of them, and none is left unused while there is something to show."""
    plan = best(Answers((0.0,) * places, words, pace=1), Allowance(6, 2.0), Window(1, float(gap)))
    assert _total(plan) == pytest.approx(min(_costs_of_orders(places, words, gap)), abs=0.1)


def _schedules(steps: Steps, stock: int) -> Iterator[Sequence[int]]:
    """All ways to call within the horizon that keep one call, the first at 0."""
    for size in range(HORIZON + 1):
        for calls in itertools.combinations(range(1, HORIZON + 1), size):
            left = stock
            for earlier, later in itertools.pairwise((0, *calls)):
                left = steps.left(left, later - earlier)
                if left < steps.parts:
                    break
            else:
                yield (0, *calls)


def _expected(calls: Sequence[int]) -> float:
    """The delay to be expected of all text after the first call: it flows evenly, and the end is shown at once."""
    total = 0.0
    for end in range(1, 4 * HORIZON):
        moments = [*(call for call in calls if call < end), end]
        delay = sum((later - earlier) ** 2 / 2 for earlier, later in itertools.pairwise(moments))
        total += GOES_ON ** (end - 1) * (1 - GOES_ON) * delay
    return total


def _total(plan: Plan) -> float:
    return sum(at - number for shown in plan.shown for number, at in enumerate(shown))


def _costs_of_orders(places: int, words: int, gap: int) -> Iterator[float]:
    """The sum of all delays of each order in which the places may be served, while any has something to show."""

    def serve(now: int, shown: tuple[int, ...], delay: float) -> Iterator[float]:
        if min(shown) == words:
            yield delay
            return
        arrived = min(words, now + 1)
        for place in range(places):
            if shown[place] < arrived:
                more = sum(now - number for number in range(shown[place], arrived))
                yield from serve(now + gap, (*shown[:place], arrived, *shown[place + 1 :]), delay + more)

    yield from serve(0, (0,) * places, 0.0)
