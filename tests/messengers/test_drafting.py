"""Where a chat has drafts, growing text is one; a message is made of what is full or final, and nothing gets lost."""

import asyncio
from itertools import pairwise

import pytest

from chat.buttons import Action, Button
from chat.events import Completed
from chat.replies import ReplyState
from messengers.base import Refused, SlowDown, Unsure
from messengers.buckets import AtMost, Rate
from messengers.live_reply import LiveReply, Shown
from messengers.screen import Layout, Screen
from tests.fakes import FakeChat, FakeDrafts, FakeStream, Step, words
from tests.virtual_time import run_virtual

STOP = Button("Stop", Action("stop", 7))
STORY = " ".join(f"word{number}" for number in range(200))
PRIVATE = Rate(burst=4, per_second=1)


async def reply(chat: FakeChat, steps: list[Step], kept: list[ReplyState] | None = None) -> Shown:
    """A whole reply, with its last call ended."""

    async def keep(state: ReplyState) -> None:
        if kept is not None:
            kept.append(state)

    shown = await LiveReply(chat, keep, buttons=[STOP]).show(FakeStream(steps).open())
    assert shown.settled
    await shown.settled()
    return shown


async def deliver(chat: FakeChat, shown: Shown) -> None:
    """Bring it to its final form, as the outbox does."""
    assert shown.settled
    screen, wanted = Screen(chat, await shown.settled()), Layout(chat).pages(shown.state.text, final=True)
    while screen.differs(wanted, final=True):
        await screen.step(wanted, final=True)


def test_the_text_grows_as_a_draft_with_its_stop_button_and_the_final_is_a_message() -> None:
    chat = FakeChat(limit=10_000)
    drafts = FakeDrafts(chat)

    async def work() -> None:
        shown = await reply(chat, words(STORY))
        assert chat.calls == [], "neither sent nor edited while it grows"
        await deliver(chat, shown)

    run_virtual(work())
    assert len(drafts.texts) > 5
    assert all(later.startswith(text) for text, later in pairwise(drafts.texts))
    assert set(drafts.stops) == {7}
    assert (chat.text.split(), len(chat.messages)) == (STORY.split(), 1)


def test_full_parts_become_messages_and_only_the_growing_one_is_a_draft() -> None:
    chat = FakeChat(limit=300)
    chat.sends_are_idempotent = False
    drafts = FakeDrafts(chat)
    run_virtual(reply(chat, [*words(STORY)[:-1], 60.0, Completed()]))
    shown = [message.text for message in chat.messages.values()]
    assert len(shown) >= 4
    assert " ".join([*shown, drafts.texts[-1]]).split() == STORY.split()
    for message in chat.messages.values():
        assert message.versions[0].endswith("…"), "a send may be done twice: it never shows the whole part"
        assert message.buttons == ()


def test_a_draft_is_shown_again_before_it_fades_while_the_model_is_silent() -> None:
    chat = FakeChat()
    drafts = FakeDrafts(chat)
    run_virtual(reply(chat, ["thinking", 100.0, " done", Completed()]))
    times = [at for at, text in drafts.shown if text == "thinking"]
    gaps = [later - at for at, later in pairwise(times)]
    assert len(times) == 5
    assert all(19 < gap < 25 for gap in gaps), gaps


def test_where_drafts_are_refused_the_same_text_is_sent_in_the_same_step_and_edits_go_on() -> None:
    chat = FakeChat(limit=10_000, latency=0.01)
    drafts = FakeDrafts(chat)
    drafts.failures.append(Refused("no such method"))
    run_virtual(reply(chat, ["first", 30.0, " second", 5.0, Completed()]))
    first = chat.made("send")[0]
    assert (first.text, first.buttons) == ("first", ("Stop",))
    assert first.at - 1000 < 0.2
    assert (drafts.tried, drafts.texts) == (1, [])
    assert chat.text == "first second"


def test_a_draft_that_fails_by_the_network_is_shown_a_little_later_and_the_answer_is_whole() -> None:
    chat = FakeChat(limit=10_000)
    drafts = FakeDrafts(chat)
    drafts.failures += [Unsure("reset"), None, Unsure("reset")]

    async def work() -> None:
        await deliver(chat, await reply(chat, [*words(STORY)[:-1], 10.0, Completed()]))

    run_virtual(work())
    assert drafts.texts[-1].split() == STORY.split()
    assert (chat.text.split(), len(chat.messages)) == (STORY.split(), 1)


def test_a_429_for_a_draft_takes_nothing_from_the_messages_permits() -> None:
    chat = FakeChat(rate=PRIVATE, limit=10_000)
    drafts = FakeDrafts(chat)
    drafts.failures.append(SlowDown(3))
    run_virtual(reply(chat, ["text", 10.0, Completed()]))
    assert drafts.budget._tally.slow_downs == 1
    assert chat.budget._tally.slow_downs == 0
    assert drafts.shown[0][0] - 1000 >= 3


def test_typing_and_drafts_share_their_permits_and_keep_to_the_window() -> None:
    chat = FakeChat(limit=10_000)
    drafts = FakeDrafts(chat, Rate(burst=8, per_second=2, at_most=AtMost(36, 30)))
    run_virtual(reply(chat, [7.0, *words(" ".join([STORY] * 6), pause=0.05)]))
    times = sorted([at for at, _ in drafts.shown] + [call.at for call in chat.made("typing")])
    assert len(chat.made("typing")) == 2
    assert max(sum(start <= at < start + 5 for at in times) for start in times) <= 18
    assert max(sum(start <= at < start + 30 for at in times) for start in times) <= 36


def test_what_a_draft_shows_is_stored_though_there_is_no_message() -> None:
    chat, kept = FakeChat(), list[ReplyState]()
    FakeDrafts(chat)
    run_virtual(reply(chat, ["half an answer", 5.0, Completed()], kept))
    assert ReplyState((), "half an answer") in kept


@pytest.mark.parametrize("text", ["", "half an answer"])
def test_a_reply_that_has_a_message_already_goes_on_in_it(text: str) -> None:
    chat = FakeChat()
    drafts = FakeDrafts(chat)

    async def keep(_: ReplyState) -> None:
        await asyncio.sleep(0)

    async def work() -> None:
        message = await chat.send(chat.dialect.render("an earlier run's", final=False))
        live = LiveReply(chat, keep, state=ReplyState((message,), text), buttons=[STOP])
        shown = await live.show(FakeStream(["whole", 3.0, Completed()]).open())
        assert shown.settled
        await shown.settled()

    run_virtual(work())
    assert (drafts.tried, chat.text) == (0, "whole")
