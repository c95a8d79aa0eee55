"""The trial with providers that go wrong in its short form, and that its account would tell of harm."""

from dataclasses import replace

import pytest

from tests.chaos import providers
from tests.chaos.figures import Report
from tests.chaos.providers import Found, Outcome, troubles

OUTCOMES = tuple(
    Outcome(each, closed=1.0) if each.ends else Outcome(each, late=1.0, kept=True) for each in troubles(60, 120)
)
GOOD = Found(OUTCOMES, whole=True, lags=(1.0, 2.0), unanswered=0, idle_memory=180, peak_memory=250, tracebacks=0,
             refusals=0)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (replace(GOOD, outcomes=[replace(OUTCOMES[0], late=5.1), *OUTCOMES[1:]]), "told after its deadline"),
        (replace(GOOD, outcomes=[replace(OUTCOMES[0], late=None), *OUTCOMES[1:]]), "told after its deadline"),
        (replace(GOOD, outcomes=[replace(OUTCOMES[0], kept=False), *OUTCOMES[1:]]), "text was kept"),
        (replace(GOOD, outcomes=[*OUTCOMES[:-1], replace(OUTCOMES[-1], closed=None)]), "no more was read"),
        (replace(GOOD, outcomes=[*OUTCOMES[:-1], replace(OUTCOMES[-1], closed=5.1)]), "no more was read"),
        (replace(GOOD, whole=False), "one byte"),
        (replace(GOOD, peak_memory=301), "memory at its peak"),
        (replace(GOOD, unanswered=1), "others' questions"),
        (replace(GOOD, lags=(1.0, 5.1)), "waited, at most"),
        (replace(GOOD, tracebacks=1), "tracebacks"),
    ],
)
def test_harm_is_a_target_that_is_not_met(found: Found, name: str) -> None:
    assert Report("providers", 1, 0, tuple(providers.figures(GOOD))).met
    missed = [figure.name for figure in providers.figures(found) if not figure.met]
    assert len(missed) == 1
    assert name in missed[0]
