"""The trial with a backlog in its short form, and that its account would tell of what got lost."""

import random
from dataclasses import replace

import pytest

from tests.chaos import backlog
from tests.chaos.backlog import Found
from tests.chaos.figures import Report

GOOD = Found((range(4), range(2)), ((0, 1, 2, 3), (0, 1)), 2, 0, 0, 9.0, 180.0, 0)


def test_a_thousand_updates_wait_and_in_one_chat_more_than_may() -> None:
    asked = backlog.drawn(1000, 40, 30, random.Random(1))
    assert (len(asked), sum(map(len, asked))) == (40, 1000)
    assert len(asked[0]) > 31


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (replace(GOOD, answered=((0, 1, 3), (0, 1))), "lost"),
        (replace(GOOD, answered=((0, 1, 2, 3, 3), (0, 1))), "answered twice"),
        (replace(GOOD, answered=((0, 2, 1, 3), (0, 1))), "out of order"),
        (replace(GOOD, others=1), "refusals"),
        (replace(GOOD, refusals=1), "429s"),
        (replace(GOOD, tracebacks=1), "tracebacks"),
        (replace(GOOD, limit=3), "in one chat"),
    ],
)
def test_what_goes_wrong_is_a_target_that_is_not_met(found: Found, name: str) -> None:
    assert Report("backlog", 1, 0, tuple(backlog.figures(GOOD))).met
    missed = [figure.name for figure in backlog.figures(found) if not figure.met]
    assert len(missed) == 1
    assert name in missed[0]
