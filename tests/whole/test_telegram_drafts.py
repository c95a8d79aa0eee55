"""Conversations where answers grow as drafts: over real HTTP, with the real aiogram, flood control and kill -9."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.program import Program
from tests.servers.model import Answer, ModelServer, answer_to, marks
from tests.servers.telegram import Chat, Fault, TelegramServer
from tests.whole.conftest import usual_config

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORY = " ".join(f"word{number}" for number in range(150))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, model: ModelServer
) -> AsyncIterator[Program]:
    """The usual bot, with drafts."""
    config = usual_config(telegram, model)
    config["telegram"]["streaming"] = "drafts"
    async with Program(tmp_path_factory.mktemp("bot"), config) as program:
        await program.started()
        yield program


def whole(chat: Chat) -> bool:
    """Whether the last message is a finished answer."""
    return bool(chat.messages) and "the end" in chat.last.text and not chat.last.labels


async def grown(chat: Chat, part: str, timeout: float = 10) -> None:
    await chat.wait_for(lambda _: chat.draft and part in chat.draft.text, timeout)


async def test_an_answer_grows_as_a_draft_and_becomes_one_message_with_its_styles(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text=f"**bold** {STORY} the end", words_per_second=40)
    anna.say("Tell me a story")
    await anna.wait_for(whole, timeout=15)
    texts = [draft.text for draft in anna.drafts]
    assert len(texts) > 5
    assert len({draft.id for draft in anna.drafts}) == 1
    (message,) = anna.messages
    assert message.text.split() == ["bold", *STORY.split(), "the", "end"]
    assert message.styled("bold") == ["bold"]
    assert message.sent_at > anna.drafts[-1].at, "the message came when the answer was complete"
    assert anna.draft is None
    assert not telegram.flood.refusals


async def test_telegrams_own_stop_button_closes_the_models_request_and_keeps_the_text(
    bot: Program, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text=STORY, words_per_second=10)
    anna.say("story")
    await grown(anna, "word5")
    anna.stop_generation()
    request = await model.asked()
    await request.over(3)
    assert request.left_early
    await anna.wait_for_text("Stopped")
    assert re.search(r"word5\b.*Stopped", anna.last.text, re.DOTALL)
    assert (len(anna.messages), anna.last.labels) == (1, [])
    anna.say("go on")
    again = await model.asked(2)
    assert again.body["messages"][-2]["content"].startswith("word0 word1")


async def test_somebody_elses_stop_with_the_number_of_that_turn_stops_nothing(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text=f"{STORY} the end", words_per_second=40)
    eve = telegram.private(anna.id + 50, "Eve")
    anna.say("story")
    await grown(anna, "word5")
    assert anna.draft
    forged = {"chat": eve.body, "draft_id": anna.draft.id}
    telegram.push_raw({"stopped_message_generation": forged})
    await anna.wait_for(whole, timeout=15)
    assert STORY in anna.last.text


async def test_a_group_is_answered_by_edits(bot: Program, model: ModelServer, new_group: Callable[..., Chat]) -> None:
    model.default = Answer(text=f"{STORY} the end", words_per_second=60)
    friends = new_group()
    friends.say("@parley_test_bot a story please")
    await friends.wait_for(whole, timeout=15)
    assert (friends.drafts, len(friends.messages)) == ([], 1)
    assert len(friends.last.texts) > 3


async def test_a_long_answer_is_whole_over_several_messages_though_drafts_and_sends_fail(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    text = answer_to("long", 60)
    model.default = Answer(text=text, words_per_second=120)
    telegram.faults.next("sendMessageDraft", Fault.bad_gateway(applied=True), chat=anna.id)
    telegram.faults.next("sendMessage", Fault.applied_then_reset(), chat=anna.id)
    anna.say("long")
    await anna.wait_for_text(marks("long", 60)[-1], timeout=30)
    await anna.wait_for(lambda chat: not chat.last.text.endswith("…"), timeout=15)
    shown = anna.shown_text()
    last = {mark: shown.count(mark) for mark in marks("long", 60)}
    assert min(last.values()) == 1
    orphans = [message for message in anna.messages if message.text.endswith("…")]
    assert len(orphans) == 1, "what the lost answer left behind is seen to be unfinished"
    assert all(shown.replace(orphans[0].text, "", 1).count(mark) == 1 for mark in last)
    assert any(draft.at > anna.messages[1].sent_at for draft in anna.drafts), "the growing part is a draft again"
    assert not [refusal for refusal in telegram.flood.refusals if not refusal.injected]


async def test_a_kill_in_mid_draft_leaves_exactly_one_whole_answer(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text=f"{STORY} the end", words_per_second=60)
    anna.say("story")
    await grown(anna, "word20")
    number = anna.drafts[-1].id
    await bot.kill()
    assert anna.messages == []
    await bot.start()
    await bot.started(2)
    await anna.wait_for(whole, timeout=20)
    await asyncio.sleep(1)
    (message,) = anna.messages
    assert message.text.split() == [*STORY.split(), "the", "end"]
    assert {draft.id for draft in anna.drafts} == {number}, "the same draft goes on"
    assert not [refusal for refusal in telegram.flood.refusals if not refusal.injected]
