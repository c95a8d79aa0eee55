"""What the bench lets the stand-in Telegram refuse is what its tables say."""

import itertools

import pytest

from bench.scenarios import LIVE
from tests.servers.telegram_flood import Flood
from tests.servers.telegram_text import ApiError


def _flood(scenario: str) -> Flood:
    return Flood(LIVE[scenario].flood, lambda: 1000.0)


def test_new_messages_count_against_the_token_everywhere() -> None:
    for scenario in ("private", "strict"):
        flood = _flood(scenario)
        for chat in range(1, 31):
            flood.admit("sendMessage", chat)
        with pytest.raises(ApiError):
            flood.admit("sendMessage", 31)


def test_edits_count_against_the_token_only_where_that_is_measured() -> None:
    free, strict = _flood("private"), _flood("strict")
    for chat in range(1, 31):
        free.admit("editMessageText", chat)
        strict.admit("editMessageText", chat)
    free.admit("sendMessage", 31)
    with pytest.raises(ApiError):
        strict.admit("sendMessage", 31)


@pytest.mark.parametrize(("scenario", "chat"), [("private", 1), ("strict", 1), ("groups", -1)])
def test_edits_use_up_what_their_chat_may_have(scenario: str, chat: int) -> None:
    flood = _flood(scenario)
    burst = LIVE[scenario].place.burst
    for method, _ in zip(itertools.cycle(("sendMessage", "editMessageText")), range(burst), strict=False):
        flood.admit(method, chat)
    with pytest.raises(ApiError):
        flood.admit("editMessageText", chat)
