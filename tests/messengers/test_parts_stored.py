"""LiveReply: a message's id is stored as soon as the messenger tells it, so that a kill right after loses nothing."""

import asyncio

import pytest

from chat.events import Completed
from chat.replies import ReplyState
from messengers.base import MessengerError
from messengers.live_reply import CHECKPOINT_SECONDS, LiveReply
from tests.fakes import FakeChat, FakeStream, Step, words
from tests.virtual_time import run_virtual

LATENCY = 0.05


def known_since(chat: FakeChat, steps: list[Step]) -> dict[str, float]:
    """Show a reply; by message, the virtual time at which its id was first given to the checkpoint."""
    since: dict[str, float] = {}

    async def keep(state: ReplyState) -> None:
        for part in state.parts:
            since.setdefault(part, asyncio.get_running_loop().time())

    async def work() -> None:
        shown = await LiveReply(chat, keep).show(FakeStream(steps).open())
        assert shown.settled
        await shown.settled()

    run_virtual(work())
    return since


def sent(chat: FakeChat) -> dict[str, float]:
    """By message, when its send returned."""
    return {f"m{number}": call.at + LATENCY for number, call in enumerate(chat.made("send"), 1)}


def test_the_first_message_is_stored_before_any_time_passes_after_its_send() -> None:
    chat = FakeChat(latency=LATENCY)
    assert known_since(chat, ["Hello", CHECKPOINT_SECONDS / 2, Completed()]) == pytest.approx({"m1": 1000 + LATENCY})


def test_each_further_message_of_a_long_answer_is_stored_before_any_time_passes_after_its_send() -> None:
    chat = FakeChat(latency=LATENCY, limit=100)
    since = known_since(chat, [*words(" ".join(f"word{number}" for number in range(60)))[:-1], 20.0, Completed()])
    assert len(since) >= 3
    assert since == pytest.approx(sent(chat), abs=1e-6)


def test_a_message_whose_send_failed_at_first_is_stored_as_soon_as_it_is_there() -> None:
    chat = FakeChat(latency=LATENCY)
    chat.failures.extend([MessengerError("502"), None])
    since = known_since(chat, ["Hello", 5.3, Completed()])
    assert since == pytest.approx(sent(chat), abs=1e-6)
    assert list(since) == ["m1"]
