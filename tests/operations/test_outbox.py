"""The outbox: an answer that is stored is delivered whole and in order, however long that takes."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from chat.buttons import Action, Button
from chat.incoming import Address
from chat.replies import Final, ReplyState
from messengers.base import MessageGone, Page, PlaceGone, Refused, SlowDown, Unsure
from messengers.buckets import Rate
from operations.outbox import Letter, Outbox, source
from operations.tasks import Tasks
from tests.fakes import FakeChat, FakeMessage
from tests.handlers.scene import GROUP, PRIVATE, TOPIC, said
from tests.operations.memory_store import MemoryStore
from tests.virtual_time import run_virtual

STORY = " ".join(f"word{number}" for number in range(60))
SLOW = Rate(burst=4, per_second=1)
RETRY = Button("Retry", Action("retry", 1))


class Post:
    """An outbox with its store and its chats."""

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.store = MemoryStore()
        self.chats: dict[str, FakeChat] = {}
        self.outbox = Outbox(self.chat, self.store, tasks)

    def chat(self, address: Address = PRIVATE) -> FakeChat:
        return self.chats.setdefault(address.token or address.budget, FakeChat(rate=SLOW, limit=100))

    def show(self, *texts: str, address: Address = PRIVATE) -> tuple[str, ...]:
        """Messages that are there already."""
        messages = self.chat(address).messages
        for text in texts:
            messages[f"old{len(messages) + 1}"] = FakeMessage(text, ("Stop",))
        return tuple(messages)

    async def put(
        self, final: Final, address: Address = PRIVATE, parts: tuple[str, ...] = (), *, failed: bool = False
    ) -> int:
        """Store an answer and put it into the outbox; its turn."""
        turn = await self.store.receive(said("?", address, key=f"k{len(self.store.turns)}"))
        assert turn
        reply = ReplyState(parts, final.text)
        await self.store.answer(turn.id, reply, final, (), failed=failed)
        self.outbox.put(Letter(turn.id, address, reply, final, failed=failed))
        return turn.id

    async def settle(self, seconds: float = 100_000) -> None:
        """Wait until all is delivered; a crash is raised."""
        assert await self.tasks.idle(seconds)
        assert not self.tasks._crash.done()

    def state(self, turn: int) -> str:
        return self.store.turns[turn].state


def play(work: Callable[[Post], Awaitable[None]]) -> Post:
    async def whole() -> Post:
        async with Tasks() as tasks:
            post = Post(tasks)
            await work(post)
        return post

    return run_virtual(whole())


def shown_whole(chat: FakeChat) -> bool:
    return chat.text.split() == STORY.split()


def seconds() -> float:
    return asyncio.get_running_loop().time() - 1000


@pytest.mark.parametrize("retry_after", [1, 35, 250, 14_000])
@pytest.mark.parametrize("when", [0, 1, 4])
def test_a_flood_delays_an_answer_and_loses_nothing_of_it(retry_after: float, when: int) -> None:
    async def work(post: Post) -> None:
        post.chat().failures.extend([*[None] * when, SlowDown(retry_after)])
        turn = await post.put(Final(STORY))
        other = await post.put(Final("elsewhere"), GROUP)
        await post.settle()
        assert shown_whole(post.chat())
        assert (post.state(turn), post.state(other)) == ("done", "done")
        assert post.store.turns[turn].reply.parts == tuple(post.chat().messages)
        refused = next(call.at for call in post.chat().calls if call.error)
        later = [call.at for call in post.chat().calls if call.at > refused]
        assert refused + retry_after <= min(later) <= refused + retry_after + 2, "neither too early nor late"
        assert post.chat(GROUP).calls[0].at < 1001, "another place is not delayed"

    play(work)


def test_floods_one_after_the_other_are_sat_out() -> None:
    async def work(post: Post) -> None:
        post.chat().failures.extend([SlowDown(35), SlowDown(250), SlowDown(14_000)])
        await post.put(Final(STORY))
        await post.settle()
        assert shown_whole(post.chat())
        assert len([call for call in post.chat().calls if call.error]) == 3

    play(work)


def test_a_failing_network_is_tried_again_with_growing_pauses_up_to_three_minutes() -> None:
    async def work(post: Post) -> None:
        post.chat().failures.extend([Unsure("502")] * 12)
        turn = await post.put(Final("text"))
        await post.settle()
        assert post.state(turn) == "done"
        ends = [call.at + post.chat().latency for call in post.chat().calls]
        pauses = [begun.at - ended for begun, ended in zip(post.chat().calls[1:], ends, strict=False)]
        assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 64, 128, 180, 180, 180, 180])

    play(work)


def test_a_success_makes_the_next_pause_short_again() -> None:
    async def work(post: Post) -> None:
        post.chat().failures.extend([*[Unsure("reset")] * 6, None, Unsure("reset")])
        await post.put(Final(STORY))
        await post.settle()
        assert shown_whole(post.chat())
        last = [call.error for call in post.chat().calls].index("Unsure", 6)
        assert post.chat().calls[last + 1].at - post.chat().calls[last].at < 2

    play(work)


def test_what_is_refused_is_sent_as_plain_text_at_once() -> None:
    async def work(post: Post) -> None:
        post.chat().refuses_markup = True
        turn = await post.put(Final("**bold**"))
        await post.settle()
        assert (post.chat().text, post.state(turn)) == ("**bold**", "done")

    play(work)


def test_what_is_refused_as_plain_text_too_is_given_up_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work(post: Post) -> None:
        post.chat().failures.extend([None, Refused("no"), Refused("can't be")])
        turn = await post.put(Final(STORY))
        after = await post.put(Final("next"))
        await post.settle()
        assert (post.state(turn), post.state(after)) == ("dead", "done"), "it holds up nobody else"
        assert post.store.turns[turn].reply.parts == ("m1",), "what was sent is known"
        assert post.store.turns[turn].reason == "not_sent: can't be"
        assert post.chat().made("send")[-1].text == "next"

    with caplog.at_level(logging.ERROR):
        play(work)
    assert "turn 1" in caplog.text
    assert "can't be" in caplog.text


@pytest.mark.parametrize("when", [0, 1])
def test_where_nothing_can_be_said_any_more_the_turn_is_over_and_nothing_is_tried_again(when: int) -> None:
    async def work(post: Post) -> None:
        post.chat().failures.extend([*[None] * when, PlaceGone("blocked")])
        turn = await post.put(Final(STORY))
        await post.settle()
        assert post.state(turn) == "done"
        assert len(post.chat().calls) == when + 1

    play(work)


def test_a_part_that_somebody_deleted_is_left_out_and_all_others_are_delivered() -> None:
    async def work(post: Post) -> None:
        parts = post.show("old 1", "old 2", "old 3")
        del post.chat().messages["old2"]
        turn = await post.put(Final(STORY), parts=parts)
        await post.settle()
        assert post.state(turn) == "done"
        assert len([call for call in post.chat().calls if call.message == "old2"]) == 1
        shown = post.chat().text.split()
        assert shown[0] == "word0"
        assert shown[-1] == "word59"
        assert len(post.chat().messages) >= 3
        missing = [word for word in STORY.split() if word not in shown]
        assert 5 < len(missing) < 20, "one part's worth"

    play(work)


def test_messages_that_are_too_many_are_deleted() -> None:
    async def work(post: Post) -> None:
        parts = post.show("one", "two", "three")
        turn = await post.put(Final("just this"), parts=parts)
        await post.settle()
        assert list(post.chat().messages) == ["old1"]
        assert post.chat().text == "just this"
        assert post.store.turns[turn].reply.parts == ("old1",)

    play(work)


def test_the_final_form_replaces_what_was_shown_with_its_own_buttons() -> None:
    async def work(post: Post) -> None:
        await post.put(Final("half", "It was cut off.", (RETRY,)), parts=post.show("ha"))
        await post.put(Final("whole"), GROUP, parts=post.show("wh", address=GROUP))
        await post.settle()
        assert (post.chat().text, post.chat().messages["old1"].buttons) == ("half\n\nIt was cut off.", ("Retry",))
        assert post.chat(GROUP).messages["old1"].buttons == ()
        assert len(post.chat().calls) == 1

    play(work)


def test_two_answers_of_one_place_come_in_order_also_from_different_topics() -> None:
    async def work(post: Post) -> None:
        post.chat(GROUP).failures.extend([SlowDown(35), None, Unsure("502")])
        await post.put(Final(STORY), GROUP)
        await post.put(Final("second"), TOPIC)
        await post.put(Final("third"), GROUP)
        await post.settle()
        assert post.chat(GROUP).text.split() == [*STORY.split(), "second", "third"]
        assert post.chat(GROUP).most_in_flight == 1

    play(work)


def test_waiting_for_a_conversation_ends_when_nothing_of_it_is_on_its_way() -> None:
    async def work(post: Post) -> None:
        post.chat(GROUP).failures.append(SlowDown(100))
        await post.put(Final("first"), GROUP)
        await post.put(Final("second"), GROUP)
        begun = seconds()
        await post.outbox.delivered(PRIVATE)
        await post.outbox.delivered(TOPIC)
        assert seconds() == begun, "nothing of these was on its way"
        await post.outbox.delivered(GROUP)
        assert post.chat(GROUP).text == "first\nsecond"
        assert [turn.state for turn in post.store.turns.values()] == ["done", "done"]
        assert seconds() > 100

    play(work)


def test_an_answer_that_tells_of_a_failure_is_dead_once_it_is_delivered() -> None:
    async def work(post: Post) -> None:
        turn = await post.put(Final("", "No.", (RETRY,)), failed=True)
        assert post.state(turn) == "answered"
        await post.settle()
        assert (post.state(turn), post.chat().text) == ("dead", "No.")

    play(work)


def test_a_store_that_fails_is_insisted_on_and_nothing_is_shown_twice() -> None:
    async def work(post: Post) -> None:
        post.store.failing.update({"checkpoint": 3, "finish": 5})
        turn = await post.put(Final(STORY))
        await post.settle()
        assert shown_whole(post.chat())
        assert post.state(turn) == "done"
        assert post.store.calls.count("finish") == 6
        texts = [call.text for call in post.chat().calls]
        assert len(texts) == len(set(texts))

    play(work)


def test_after_a_kill_the_rest_is_delivered_into_the_messages_that_are_there() -> None:
    async def work(post: Post) -> None:
        turn = await post.put(Final(STORY))
        async with asyncio.timeout(100):
            while len(post.store.turns[turn].reply.parts) < 2:
                await asyncio.sleep(0.01)
        for task in post.tasks._running:
            task.cancel()
        await post.tasks.idle(1)
        assert post.state(turn) == "answered"
        left = post.store.turns[turn]
        assert left.final
        Outbox(post.chat, post.store, post.tasks).put(Letter(turn, PRIVATE, left.reply, left.final))
        await post.settle()
        assert shown_whole(post.chat())
        assert post.state(turn) == "done"

    play(work)


def test_an_answer_in_a_group_quotes_its_question_in_its_first_message_alone() -> None:
    quoted: list[bool] = []

    class Quoting(FakeChat):
        async def send(self, page: Page, buttons: Sequence[Button] = (), *, reply: bool = False, **names: str) -> str:
            quoted.append(reply)
            return await super().send(page, buttons, reply=reply, **names)

    async def work(post: Post) -> None:
        post.chats[GROUP.budget] = Quoting(limit=100)
        post.outbox.put(Letter(1, GROUP, ReplyState(), Final(STORY), quote=True))
        await post.settle()

    play(work)
    assert quoted == [True] + [False] * (len(quoted) - 1)
    assert len(quoted) > 2


def test_the_rate_of_a_place_is_kept() -> None:
    async def work(post: Post) -> None:
        for _ in range(6):
            await post.put(Final(STORY))
        await post.settle()
        calls = [call.at - 1000 for call in post.chat().calls]
        for second in range(int(calls[-1])):
            assert sum(second <= at < second + 10 for at in calls) <= 14

    play(work)


def test_a_send_that_is_answered_with_message_gone_is_not_repeated_without_a_pause() -> None:
    async def work(post: Post) -> None:
        post.chat().failures.extend([MessageGone("REPLY_MESSAGE_ID_INVALID")] * 40)
        await post.put(Final("text"))
        await post.tasks.idle(60)
        assert len(post.chat().calls) <= 10

    play(work)


def test_a_send_in_the_place_of_what_was_deleted_is_given_up_at_once_and_holds_up_nobody() -> None:
    async def work(post: Post) -> None:
        post.chat().failures.append(MessageGone("10008"))
        turn = await post.put(Final("text"))
        await post.put(Final("next"))
        begun = seconds()
        await post.settle()
        assert (post.state(turn), post.chat().text) == ("done", "next")
        assert seconds() - begun < 1

    play(work)


def test_what_is_said_by_a_token_waits_for_nothing_that_waits_for_its_place() -> None:
    async def work(post: Post) -> None:
        good, over = by_token("t"), by_token("u", seconds=-1)
        post.chat(GROUP).failures.append(SlowDown(40))
        await post.put(Final("in the channel"), GROUP)
        await asyncio.sleep(0.5)
        await post.put(Final("for one alone"), good)
        await post.put(Final("too late for the token"), over)
        assert (post.outbox.waiting(GROUP), post.outbox.waiting(good), post.outbox.size) == (2, 1, 3)
        await post.outbox.delivered(GROUP)
        at = {text: chat.made("send")[0].at - 1000 for chat in post.chats.values() if (text := chat.text)}
        assert at["for one alone"] < 2
        assert 40 < at["in the channel"] < at["too late for the token"]
        assert post.outbox.size == 0, "what is on its way by a token counts too"

    play(work)


def test_waiting_for_a_token_is_waiting_for_what_is_said_by_it_in_other_conversations_too() -> None:
    async def work(post: Post) -> None:
        address = by_token("t")
        post.chat(address).failures.append(SlowDown(5))
        await post.put(Final("done"), address)
        await post.outbox.delivered(replace(address, branch="7"))
        assert post.chat(address).text == "done"

    play(work)


def by_token(token: str, seconds: float = 900) -> Address:
    return replace(GROUP, token=token, token_expires_at=time.time() + seconds)


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("", "Note."),
        (" \n", "Note."),
        ("whole", "whole\n\nNote."),
        ("```\nx = 1", "```\nx = 1\n```\n\nNote."),
        ("```python\nx = 1\n", "```python\nx = 1\n\n```\n\nNote."),
        ("~~~~\n```\nx", "~~~~\n```\nx\n~~~~\n\nNote."),
        ("1. so:\n   ```\n   x", "1. so:\n   ```\n   x\n   ```\n\nNote."),
        ("> ```\n> x", "> ```\n> x\n> ```\n\nNote."),
        ("```\nx\n```", "```\nx\n```\n\nNote."),
        ("a **bold `co", "a **bold `co`**\n\nNote."),
        ("half is $\\frac{1", "half is $\\frac{1}$\n\nNote."),
        ("see [the page](https://exa", "see [the page](https://exa\n\nNote."),
        ("It costs $5", "It costs $5\n\nNote."),
        ("6*7 is\n\n**42**", "6*7 is\n\n**42**\n\nNote."),
        ("He works at AT&T", "He works at AT&T\n\nNote."),
        ("1\n2\n3", "1\n2\n3\n\nNote."),
    ],
)
def test_a_note_stands_below_the_text_and_never_inside_of_what_was_left_open(text: str, below: str) -> None:
    assert source(Final(text, "Note.")) == below


def test_an_answer_that_is_a_number_alone_stands_below_its_thoughts_and_above_the_note() -> None:
    assert source(Final("42", "Note.", thoughts="> thought")).split() == [">", "thought", "42", "Note."]


def test_without_a_note_the_text_is_left_as_it_is() -> None:
    assert source(Final("```\nx")) == "```\nx"
    assert source(Final("a **bold")) == "a **bold"
