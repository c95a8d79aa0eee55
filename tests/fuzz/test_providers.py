"""A few answers cut and bent; `python -m tests.fuzz` tries many."""

import pytest

from tests.fuzz import answers, streams
from tests.fuzz.target import Target, try_quickly


@pytest.mark.parametrize("target", [*streams.TARGETS, *answers.TARGETS], ids=lambda target: target.name)
def test_what_servers_answer_may_have_any_shape(target: Target) -> None:
    try_quickly(target)
