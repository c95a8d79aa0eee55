"""The trial with poisonous updates in its short form, and that its account would tell of harm."""

from dataclasses import replace

import pytest

from tests.chaos import poison
from tests.chaos.figures import Report
from tests.chaos.poison import BAD, Found

GOOD = Found(180, 180, (1.0, 2.0), (2.0, 3.0), len(BAD), len(BAD), len(BAD), (), running=True)


def test_there_are_twenty_kinds_of_bad_updates() -> None:
    assert len(BAD) == 20


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (replace(GOOD, answered=179), "answered"),
        (replace(GOOD, letters=19), "dead letters"),
        (replace(GOOD, payloads=19), "kept as they came"),
        (replace(GOOD, first=(1.0, 5.1)), "the first of an answer"),
        (replace(GOOD, whole=(1.0, 5.1)), "all of it"),
        (replace(GOOD, strange=("a press: 'x'",)), "otherwise than they should"),
        (replace(GOOD, running=False), "the bot"),
    ],
)
def test_harm_is_a_target_that_is_not_met(found: Found, name: str) -> None:
    assert Report("poison", 1, 0, tuple(poison.figures(GOOD))).met
    missed = [figure.name for figure in poison.figures(found) if not figure.met]
    assert len(missed) == 1
    assert name in missed[0]
