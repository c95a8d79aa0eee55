"""While there is no text: that the model thinks, and for how long, sparsely; and what it thought, above the answer."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from chat.events import Completed, ReasoningDelta
from chat.replies import ReplyState
from messengers.buckets import UNLIMITED, Bucket, Priority, Rate
from messengers.budget import PlaceBudget, Tally
from messengers.live_reply import LiveReply, Shown
from messengers.meanwhile import LONGEST_THOUGHTS, Thinking
from tests.fakes import FakeChat, FakeStream, Step
from tests.virtual_time import run_virtual

PRIVATE = Rate(burst=4, per_second=1)
STATUS = Thinking(status=lambda seconds: f"Thinking … {seconds} s")
QUOTE = Thinking(STATUS.status, heading=lambda seconds: f"Thought for {seconds} s")


def play(steps: Sequence[Step], thinking: Thinking, chat: FakeChat | None = None) -> tuple[FakeChat, Shown]:
    """A reply to its end, in virtual time."""
    used = chat or FakeChat(limit=4000)

    async def keep(state: ReplyState) -> None:
        assert "hm" not in state.text

    async def work() -> Shown:
        live = LiveReply(used, keep)
        live.meanwhile.thinking = thinking
        shown = await live.show(FakeStream(steps).open())
        if shown.settled:
            await shown.settled()
        return shown

    return used, run_virtual(work())


def test_the_time_that_a_model_thinks_is_told_every_five_seconds_and_more_rarely_later_on() -> None:
    chat, _ = play([ReasoningDelta("hm"), 200.0, "42", Completed()], STATUS)
    told = [int(text.split()[2]) for text in chat.messages["m1"].versions if text.startswith("Thinking")]
    assert told[:7] == [2, 7, 12, 17, 22, 27, 32]
    assert told[7:16] == list(range(42, 123, 10))
    assert told[16:] == [152, 182]
    assert len(chat.made("send")) == 1


def test_the_sentences_take_no_permit_from_texts() -> None:
    chat, tally = FakeChat(limit=4000), Tally()
    chat.budget = PlaceBudget(PRIVATE, Bucket(UNLIMITED), tally)
    play([ReasoningDelta("hm"), 11.0, "42", 9.0, Completed()], STATUS, chat)
    assert (tally.calls[Priority.FIRST], tally.calls[Priority.INTERIM]) == (2, 1), "the first sentence, the first text"


def test_where_it_is_hidden_people_see_only_that_the_bot_types() -> None:
    chat, shown = play([ReasoningDelta("hm"), 30.0, "42", 5.0, Completed()], Thinking())
    assert chat.messages["m1"].versions == ["42"]
    assert len(chat.made("typing")) > 3
    assert shown.thoughts == ""


def test_thoughts_are_quoted_above_the_text_from_its_first_word_on_and_are_no_part_of_it() -> None:
    steps: list[Step] = [
        ReasoningDelta("hm, "),
        12.0,
        ReasoningDelta("six\n\nby seven"),
        "42",
        5.0,
        "!",
        5.0,
        Completed(),
    ]
    chat, shown = play(steps, QUOTE)
    quote = "> Thought for 12 s\n>\n> hm, six\n>\n> by seven"
    assert chat.messages["m1"].versions[-2:] == [f"{quote}\n\n42", f"{quote}\n\n42!"]
    assert (shown.state.text, shown.thoughts) == ("42!", quote)


def test_long_thoughts_leave_most_of_a_message_to_the_answer_and_show_their_end() -> None:
    thoughts = " ".join(f"hm{number}" for number in range(2000))
    for limit, most in ((2000, 400), (1_000_000, LONGEST_THOUGHTS)):
        _, shown = play([ReasoningDelta(thoughts), "42", Completed()], QUOTE, FakeChat(limit=limit))
        assert shown.thoughts.splitlines()[2].startswith("> … hm")
        assert shown.thoughts.endswith("hm1999")
        assert most * 0.9 < len(shown.thoughts) < most + 50


def test_what_was_thought_after_the_text_began_moves_no_text() -> None:
    thinks_again: list[Step] = [ReasoningDelta("hmm"), 5.0, ReasoningDelta("hmmm")]
    chat, shown = play([ReasoningDelta("hm"), "42", *thinks_again, " or 43", 5.0, Completed()], QUOTE)
    assert shown.thoughts.endswith("> hm")
    assert chat.text == f"{shown.thoughts}\n\n42 or 43"


def test_an_attempt_that_broke_off_while_it_thought_counts_neither_its_time_nor_its_thoughts() -> None:
    async def work() -> Shown:
        live = LiveReply(FakeChat(limit=4000), _keep_nothing)
        live.meanwhile.thinking = QUOTE
        live.meanwhile.think("the first")
        live.tell("tried again")
        live.meanwhile.think()
        return await live.show(FakeStream([ReasoningDelta("the second"), "42", Completed()]).open())

    assert run_virtual(work()).thoughts == "> Thought for 1 s\n>\n> the second"


@pytest.mark.parametrize("seconds", [1, 4])
def test_places_in_a_line_that_moves_fast_are_told_no_more_often_than_every_five_seconds(seconds: int) -> None:
    chat = FakeChat()

    async def work() -> None:
        live = LiveReply(chat, _keep_nothing)
        stream = FakeStream([60.0, "text", Completed()])

        async def tell() -> None:
            for place in range(40 // seconds, 0, -1):
                live.tell(f"{place} before yours")
                await asyncio.sleep(seconds)

        shown, _ = await asyncio.gather(live.show(stream.open()), tell())
        assert shown.settled
        await shown.settled()

    run_virtual(work())
    told = [call.at for call in (*chat.made("send"), *chat.made("edit")) if "before" in call.text]
    gaps = [later - earlier for earlier, later in pairwise(told)]
    assert min(gaps) >= 4.9
    assert 7 <= len(told) <= 10
    assert any(call.text == "1 before yours" for call in chat.made("edit")), "the latest is told in the end"


async def _keep_nothing(_: ReplyState) -> None: ...
