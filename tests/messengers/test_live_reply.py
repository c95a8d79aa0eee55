"""LiveReply: text appears at once and keeps up, reading never waits for the messenger, nothing is lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from chat.buttons import Action, Button
from chat.errors import CutOff, Overloaded
from chat.events import Completed, ReasoningDelta, Replaced
from chat.replies import ReplyState
from messengers.answer import MAX_CHARACTERS
from messengers.base import MessageGone, PlaceGone, SlowDown, Unsure
from messengers.buckets import UNLIMITED, Bucket, Priority, Rate
from messengers.budget import PlaceBudget, Tally
from messengers.live_reply import LONGEST_CALL_SECONDS, LiveReply, Shown
from messengers.meanwhile import Thinking
from tests.fakes import FakeChat, FakeStream, Step, words
from tests.virtual_time import run_virtual

PRIVATE = Rate(burst=4, per_second=1)
STOP = Button("Stop", Action("stop", 1))
STORY = " ".join(f"word{number}" for number in range(200))


class Reply:
    """A reply in the making, with its stream and what was checkpointed."""

    def __init__(self, chat: FakeChat, steps: list[Step], state: ReplyState | None = None) -> None:
        self.chat = chat
        self.stream = FakeStream(steps)
        self.checkpoints: list[ReplyState] = []
        self.parts: tuple[str, ...] = ()
        self.live = LiveReply(chat, self._keep, state=state, buttons=[STOP])

    async def _keep(self, state: ReplyState) -> None:
        self.checkpoints.append(state)

    async def show(self) -> Shown:
        return await self.live.show(self.stream.open())


def play(
    chat: FakeChat, steps: list[Step], then: Callable[[Reply], Awaitable[None]] | None = None
) -> tuple[Reply, Shown]:
    """Run a reply to its end in virtual time, with `then` beside it."""

    async def work() -> tuple[Reply, Shown]:
        reply = Reply(chat, steps)
        shown, _ = await asyncio.gather(reply.show(), then(reply) if then else asyncio.sleep(0))
        if shown.settled:
            reply.parts = await shown.settled()
        return reply, shown

    return run_virtual(work())


def test_the_first_fragment_is_sent_at_once_and_later_ones_are_edits_of_it() -> None:
    chat = FakeChat(rate=PRIVATE, limit=10_000)
    _, shown = play(chat, words(STORY))
    first = chat.made("send")[0]
    assert first.at == pytest.approx(1000, abs=0.01)
    assert first.text.startswith("word0")
    assert len(chat.made("edit")) >= 3
    assert shown.end == "done"
    assert shown.state.text.split() == STORY.split()


def test_reading_the_provider_never_waits_for_the_messenger() -> None:
    chat = FakeChat(latency=30)
    reply, _ = play(chat, words(STORY))
    assert reply.stream.closed_at is not None
    assert reply.stream.closed_at - 1000 == pytest.approx(200 * 0.02, abs=0.1)


def test_what_comes_may_be_read_late_between_two_edits_and_never_where_it_could_be_shown() -> None:
    """Not while a permit is awaited either: an answer that has ended by then needs no further call."""
    chat = FakeChat(rate=Rate(burst=2, per_second=0.1), latency=1)
    lulls: dict[float, bool] = {}

    async def look(reply: Reply) -> None:
        for at in (0.5, 3.5, 8.5, 28.0):
            await asyncio.sleep(1000 + at - asyncio.get_running_loop().time())
            lulls[at] = reply.live.lull() > 0

    play(chat, [1.0, "one", 1.0, " two", 30.0, Completed()], look)
    model_thinks, between_two_edits, no_permit, all_is_shown = lulls.values()
    assert (model_thinks, between_two_edits, no_permit, all_is_shown) == (False, True, False, False)


def test_one_call_is_in_flight_at_a_time_and_identical_text_is_not_sent_again() -> None:
    chat = FakeChat(latency=0.3)
    play(chat, [*words(STORY)[:-1], 20.0, Completed()])
    assert chat.most_in_flight == 1
    texts = [call.text for call in (*chat.made("send"), *chat.made("edit"))]
    assert len(texts) == len(set(texts))


def test_text_that_came_during_a_pause_is_shown_without_waiting_for_the_next_fragment() -> None:
    chat = FakeChat(rate=PRIVATE)
    play(chat, ["one ", 0.2, "two ", 0.2, "three", 30.0, " four", Completed()])
    shown = [(call.at - 1000, call.text) for call in chat.made("edit")]
    assert any(at < 5 and text == "one two three" for at, text in shown), shown


def test_the_rate_of_a_private_chat_is_kept_with_one_permit_of_the_burst_left_for_the_final() -> None:
    chat = FakeChat(rate=PRIVATE, latency=0.01, limit=10_000)
    _, shown = play(chat, words(STORY, pause=0.05))
    assert shown.end == "done"
    calls = [call.at - 1000 for call in chat.calls]
    for second in range(10):
        assert sum(second <= at < second + 1 for at in calls) <= 4
    assert len(calls) <= 3 + 10


def test_a_long_answer_goes_on_in_further_messages_and_the_buttons_move_along() -> None:
    chat = FakeChat(limit=100)
    play(chat, [*words(STORY)[:-1], 60.0, Completed()])
    messages = list(chat.messages.values())
    assert len(messages) > 10
    assert " ".join(message.text for message in messages).split() == STORY.split()
    assert [message.buttons for message in messages] == [()] * (len(messages) - 1) + [("Stop",)]


def test_a_flood_during_streaming_stops_nothing_but_its_own_calls() -> None:
    chat = FakeChat(rate=PRIVATE)
    chat.failures.extend([None, SlowDown(35)])
    _, shown = play(chat, [*words(STORY)[:-1], 60.0, Completed()])
    refused = next(call.at for call in chat.calls if call.error == "SlowDown")
    assert not [call for call in chat.calls if refused < call.at < refused + 35 and call.kind == "edit"]
    assert shown.state.text.split() == STORY.split()
    assert list(chat.messages.values())[-1].text.endswith("word199")


def test_a_reply_during_a_flood_of_hours_ends_with_its_text_whole_and_at_once() -> None:
    chat = FakeChat(rate=PRIVATE)
    chat.failures.extend([SlowDown(14_000)])
    reply, shown = play(chat, words(STORY))
    assert shown.end == "done"
    assert shown.state == ReplyState((), "".join(f"word{number} " for number in range(200)))
    assert reply.stream.closed_at == pytest.approx(1004, abs=0.5)


def test_a_failing_network_delays_interim_text_and_loses_none() -> None:
    chat = FakeChat(rate=PRIVATE)
    chat.failures.extend([None, Unsure("reset"), Unsure("502")])
    _, shown = play(chat, [*words(STORY)[:-1], 30.0, Completed()])
    assert shown.end == "done"
    assert list(chat.messages.values())[-1].text.endswith("word199")


def test_refused_markup_falls_back_to_plain_text_at_once() -> None:
    chat = FakeChat()
    chat.refuses_markup = True
    play(chat, ["**bold** text", 3.0, Completed()])
    refused, sent = chat.calls[:2]
    assert (refused.error, sent.error, sent.text) == ("Refused", "", "**bold** text")
    assert sent.at - refused.at < 0.1


def test_stop_closes_the_models_request_and_keeps_what_arrived() -> None:
    async def stop(reply: Reply) -> None:
        await asyncio.sleep(2)
        reply.live.stop()
        reply.live.stop()

    chat = FakeChat(rate=PRIVATE)
    reply, shown = play(chat, words(STORY), then=stop)
    assert shown.end == "stopped"
    assert reply.stream.closed_at == pytest.approx(1002, abs=0.1)
    assert shown.state.text == reply.stream.read
    assert 80 < len(shown.state.text.split()) < 110


def test_stop_before_the_first_fragment_ends_without_text() -> None:
    async def stop(reply: Reply) -> None:
        await asyncio.sleep(0.1)
        reply.live.stop()

    chat = FakeChat()
    _, shown = play(chat, [50.0, "late", Completed()], then=stop)
    assert (shown.end, shown.state.text, chat.messages) == ("stopped", "", {})


def test_stop_after_the_end_changes_nothing() -> None:
    chat = FakeChat()
    reply, shown = play(chat, ["all", Completed()])
    reply.live.stop()
    assert shown.end == "done"


def test_stop_before_the_start_never_opens_the_stream() -> None:
    async def work() -> None:
        reply = Reply(FakeChat(), words(STORY))
        reply.live.stop()
        shown = await reply.show()
        assert (shown.end, reply.stream.closed_at) == ("stopped", None)

    run_virtual(work())


@pytest.mark.parametrize("fragments", [0, 1, 50])
def test_a_failure_after_any_number_of_fragments_keeps_them_and_says_what_it_was(fragments: int) -> None:
    error = CutOff("broke")
    _, shown = play(FakeChat(), [*words(STORY)[: fragments * 2], error])
    assert (shown.end, shown.failure) == ("failed", error)
    assert len(shown.state.text.split()) == fragments


def test_a_refusal_when_the_stream_is_opened_is_a_failure_too() -> None:
    async def work() -> None:
        reply = Reply(FakeChat(), [])

        class Refusing:
            async def __aenter__(self) -> None:
                raise Overloaded("503")

            async def __aexit__(self, *_: object) -> None: ...

        shown = await reply.live.show(Refusing())  # type: ignore[arg-type]
        assert isinstance(shown.failure, Overloaded)

    run_virtual(work())


@pytest.mark.parametrize("gone", [MessageGone("deleted"), PlaceGone("blocked")])
def test_a_deleted_message_or_a_blocked_bot_ends_the_reply_quietly(gone: MessageGone | PlaceGone) -> None:
    chat = FakeChat()
    chat.failures.extend([None, gone])
    reply, shown = play(chat, words(STORY))
    assert (shown.end, shown.gone) == ("stopped", True)
    assert reply.stream.closed_at is not None
    assert reply.stream.closed_at < 1002


def test_white_space_alone_is_not_sent() -> None:
    chat = FakeChat()
    play(chat, ["", " \n", 5.0, "text", 1.0, Completed()])
    assert [call.text for call in chat.made("send")] == ["text"]
    assert chat.made("send")[0].at > 1004


def test_typing_shows_until_there_is_text_and_not_for_a_model_that_answers_at_once() -> None:
    slow = FakeChat()
    play(slow, [12.0, "text", 20.0, Completed()])
    assert [round(call.at - 1000, 1) for call in slow.made("typing")] == [0.3, 5.3, 10.4]
    quick = FakeChat()
    play(quick, words(STORY))
    assert quick.made("typing") == []


def test_a_status_is_shown_where_text_takes_a_while_and_the_text_takes_its_place_at_once() -> None:
    async def tell(reply: Reply) -> None:
        reply.live.tell("position 3")
        await asyncio.sleep(5)
        reply.live.tell("position 1")

    chat = FakeChat(rate=PRIVATE)
    _, shown = play(chat, [10.0, "text", 20.0, Completed()], then=tell)
    assert [(round(call.at - 1000), call.text) for call in (*chat.made("send"), *chat.made("edit"))] == [
        (2, "position 3"),
        (7, "position 1"),
        (10, "text"),
    ]
    assert shown.state.text == "text"


def test_a_sentence_in_the_place_of_another_one_takes_no_permit_from_texts() -> None:
    """A long line moves all the time, and each step of everybody in it would go before the answers that stream."""

    async def tell(reply: Reply) -> None:
        for place in ("3", "2", "1"):
            reply.live.tell(f"position {place}")
            await asyncio.sleep(5)

    chat, tally = FakeChat(), Tally()
    chat.budget = PlaceBudget(PRIVATE, Bucket(UNLIMITED), tally)
    play(chat, [20.0, "text", 20.0, Completed()], then=tell)
    assert [call.text for call in chat.made("edit")] == ["position 2", "position 1", "text"]
    assert (tally.calls[Priority.FIRST], tally.calls[Priority.INTERIM]) == (2, 2), "the first sentence, the first text"


def test_a_status_that_is_over_soon_is_not_shown() -> None:
    async def tell(reply: Reply) -> None:
        reply.live.tell("position 1")

    chat = FakeChat()
    play(chat, [1.0, "text", 20.0, Completed()], then=tell)
    assert [call.text for call in (*chat.made("send"), *chat.made("edit"))] == ["text"]


def test_thinking_is_not_shown_as_the_answer() -> None:
    _, shown = play(FakeChat(), [ReasoningDelta("hmm"), "yes", Completed()])
    assert shown.state.text == "yes"


def test_a_rewrite_shows_the_new_text_even_where_full_messages_change() -> None:
    chat = FakeChat(limit=50)
    play(chat, [*words(STORY)[:60], 20.0, Replaced("short"), 20.0, Completed()])
    assert next(iter(chat.messages.values())).text == "short"


def test_ten_thousand_tiny_fragments_are_a_few_calls() -> None:
    chat = FakeChat(rate=PRIVATE, limit=100_000)
    _, shown = play(chat, [*["x"] * 10_000, 3.0, Completed()])
    assert len(shown.state.text) == 10_000
    assert len(chat.calls) < 8


def test_an_endless_answer_ends_at_a_limit() -> None:
    _, shown = play(FakeChat(latency=100, limit=10**9), ["x" * 1000] * 1000)
    assert (shown.end, len(shown.state.text)) == ("length", MAX_CHARACTERS)


def test_the_id_of_a_message_is_stored_at_once_and_the_text_about_once_a_second() -> None:
    reply, _ = play(FakeChat(), words(STORY, pause=0.05))
    assert reply.checkpoints[0].parts == ("m1",)
    with_new_parts = len({state.parts for state in reply.checkpoints})
    assert with_new_parts <= len(reply.checkpoints) <= with_new_parts + 11


def test_after_a_restart_the_reply_goes_on_in_the_messages_it_had() -> None:
    chat = FakeChat()

    async def work() -> None:
        earlier = Reply(chat, [*words(STORY)[:40], 1.0, CutOff("killed")])
        await earlier.show()
        again = Reply(chat, [*words(STORY)[:-1], 40.0, Completed()], state=ReplyState(earlier.checkpoints[-1].parts))
        await again.show()

    run_virtual(work())
    assert " ".join(message.text for message in chat.messages.values()).split() == STORY.split()


def test_nothing_is_sent_before_an_earlier_answer_of_the_conversation_is_delivered() -> None:
    chat = FakeChat()

    async def work() -> None:
        async def wait() -> None:
            await asyncio.sleep(7)

        async def keep(_: ReplyState) -> None: ...

        live = LiveReply(chat, keep, may_begin=wait)
        await live.show(FakeStream([*words(STORY)[:-1], 20.0, Completed()]).open())

    run_virtual(work())
    assert chat.made("send")[0].at > 1006.9


def test_a_call_in_flight_at_the_end_is_waited_for_so_that_no_stale_text_lands_later() -> None:
    chat = FakeChat(latency=5)
    reply, shown = play(chat, ["one", 0.5, " two", Completed()])
    assert chat.in_flight == 0
    assert (shown.state.parts, reply.parts) == ((), ("m1",))


def test_the_answer_is_handed_on_as_soon_as_it_is_complete_whatever_the_messenger_does() -> None:
    async def work() -> None:
        reply = Reply(FakeChat(latency=12), ["one", 0.5, " two", Completed()])
        shown = await reply.show()
        assert asyncio.get_running_loop().time() == pytest.approx(1000.5, abs=0.01)
        assert shown.state.text == "one two"

    run_virtual(work())


def test_a_reply_that_is_cancelled_waits_for_its_call_in_flight_and_notes_the_message() -> None:
    async def work() -> None:
        reply = Reply(FakeChat(latency=2), ["one", 50.0, Completed()])
        task = asyncio.create_task(reply.show())
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert reply.chat.in_flight == 0
        assert reply.checkpoints[-1] == ReplyState(("m1",), "one")

    run_virtual(work())


def test_what_an_earlier_run_showed_is_kept_until_there_is_something_new() -> None:
    async def work() -> None:
        again = Reply(FakeChat(), [Overloaded("503")], state=ReplyState(("m1",), "half an answer"))
        shown = await again.show()
        assert shown.state == ReplyState(("m1",), "half an answer")

    run_virtual(work())


def test_while_the_model_reasons_a_sentence_says_so_and_no_word_of_that_is_shown() -> None:
    async def work() -> FakeChat:
        chat = FakeChat()
        live = LiveReply(chat, keep_nothing)
        live.meanwhile.thinking = Thinking(status=lambda seconds: f"Thinking … {seconds} s")
        steps: list[Step] = [ReasoningDelta("hm"), 5.0, ReasoningDelta("let me see"), 5.0, "42", 5.0, Completed()]
        shown = await live.show(FakeStream(steps).open())
        assert shown.state.text == "42"
        return chat

    assert run_virtual(work()).messages["m1"].versions == ["Thinking … 2 s", "Thinking … 7 s", "42"]


def test_where_a_place_closes_the_reply_ends_in_time_with_what_there_is() -> None:
    async def work() -> Shown:
        chat = FakeChat()
        chat.closes_at = time.time() + 100
        steps: list[Step] = ["one", 50.0, " two", 50.0, " three", Completed()]
        shown = await LiveReply(chat, keep_nothing).show(FakeStream(steps).open())
        assert asyncio.get_running_loop().time() == pytest.approx(1070, abs=1)
        return shown

    shown = run_virtual(work())
    assert (shown.end, shown.state.text) == ("closed", "one two")


async def keep_nothing(_: ReplyState) -> None: ...


def test_a_reply_that_is_cancelled_waits_for_its_call_only_so_long() -> None:
    async def work() -> None:
        reply = Reply(FakeChat(latency=60), ["one", 50.0, Completed()])
        task = asyncio.create_task(reply.show())
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert asyncio.get_running_loop().time() == pytest.approx(1000.5 + LONGEST_CALL_SECONDS)
        assert (reply.chat.in_flight, reply.checkpoints[-1].text) == (0, "one")

    run_virtual(work())


@pytest.mark.parametrize("text", ["another story", STORY.upper()])
def test_made_again_it_goes_on_without_an_earlier_message_that_somebody_deleted(text: str) -> None:
    chat = FakeChat(limit=400)

    async def work() -> Shown:
        earlier = await Reply(chat, words(STORY)).show()
        assert earlier.settled
        state = ReplyState(await earlier.settled(), STORY)
        assert len(state.parts) > 3
        del chat.messages["m1"]
        again = await Reply(chat, [text, 20.0, Completed()], state=state).show()
        assert again.settled
        await again.settled()
        return again

    shown = run_virtual(work())
    assert (shown.end, shown.gone) == ("done", False)
    assert shown.state.parts[-1] in chat.messages
    assert text.rsplit(maxsplit=1)[-1] in chat.text.split()


def test_a_deleted_message_that_is_being_written_ends_the_reply_also_where_it_is_one_of_several() -> None:
    chat = FakeChat(limit=300)

    async def delete(_: Reply) -> None:
        await asyncio.sleep(15)
        assert len(chat.messages) > 1
        chat.messages.popitem()

    reply, shown = play(chat, words(STORY, 0.2), delete)
    assert shown.gone
    assert reply.stream.closed_at == pytest.approx(1016, abs=2)


def test_every_message_that_is_sent_counts_as_one_with_the_token_and_no_edit_does() -> None:
    overall = Bucket(Rate(1000, 1e-9))
    chat = FakeChat(limit=300)
    chat.budget = PlaceBudget(UNLIMITED, overall, edits_count=False)
    play(chat, words(STORY, 0.1))
    assert len(chat.made("send")) > 4
    assert 1000 - overall._tokens == pytest.approx(len(chat.made("send")), abs=0.01)
