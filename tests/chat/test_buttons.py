"""Buttons: what is pressed comes back as it was made, within Telegram's limit; what was forged means nothing."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.buttons import Action, Verb, decode, encode

BIGGEST = 10**18 - 1


@given(st.sampled_from(get_args(Verb)), st.integers(0, BIGGEST), st.integers(0, BIGGEST))
def test_every_action_comes_back_as_it_was_within_64_bytes(verb: Verb, target: int, argument: int) -> None:
    data = encode(Action(verb, target, argument))
    assert decode(data) == Action(verb, target, argument)
    assert len(data.encode()) <= 64


@pytest.mark.parametrize(
    "data",
    [
        "",
        ":",
        "stop",
        "stop:",
        ":5",
        "stop:-1",
        "stop:+1",
        "stop: 1",
        "stop:1 ",
        "stop:1.0",
        "stop:1e3",
        "stop:1_0",
        "stop:0x10",
        "stop:1:",
        "stop:1:-2",
        "stop:1:2:3",
        "stop:٣",
        "stop:²",
        "stop:1\n",
        "STOP:1",
        "stop:" + "9" * 19,
        "stop:" + "9" * 5000,
        "delete:1",
        "retry;1",
        "\0:\0",
        "\ud83d:1",
    ],
)
def test_forged_data_is_no_action(data: str) -> None:
    assert decode(data) is None


@given(st.text(max_size=80))
def test_no_data_at_all_makes_it_fail(data: str) -> None:
    action = decode(data)
    assert action is None or 0 <= action.target <= BIGGEST
