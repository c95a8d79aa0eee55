"""Conversations on Telegram, over real HTTP, with the real aiogram and flood control on."""

import asyncio
import re
from collections.abc import Callable

import pytest

from tests.program import Program
from tests.servers.model import Answer, ModelServer, answer_to, marks
from tests.servers.telegram import Chat, Fault, TelegramServer
from tests.whole.conftest import FRIENDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORY = " ".join(f"word{number}" for number in range(150))


def letters(text: str) -> str:
    """What is left of a text without white space and markup."""
    return re.sub(r"[^\w]", "", text)


def finished(chat: Chat) -> bool:
    """Whether the last reply has lost its Stop button, and no message is only the beginning of what is to be there."""
    messages = chat.messages
    streaming = any("Stop" in label for message in messages for label in message.labels)
    return bool(messages) and not streaming and not any(message.text.endswith("…") for message in messages)


def ended(chat: Chat) -> bool:
    """Whether the last message is a whole answer of those that say so."""
    return bool(chat.messages) and "the end" in chat.last.text and not chat.last.labels


async def test_a_reply_streams_into_one_message_and_the_history_goes_along(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text=STORY, words_per_second=60)
    anna.say("Tell me a story")
    reply = await anna.wait_for_text("word149", timeout=15)
    await anna.wait_for(finished)
    assert len(anna.messages) == 1
    assert reply.text.split() == STORY.split()
    assert len(reply.texts) >= 4, "it grew while we watched"
    anna.say("And then?")
    second = await model.asked(2)
    roles = [(entry["role"], entry["content"][:15]) for entry in second.body["messages"]]
    assert roles[1:] == [("user", "Tell me a story"), ("assistant", "word0 word1 wor"), ("user", "And then?")]
    assert roles[0][0] == "system"
    assert not telegram.flood.refusals


async def test_a_long_markdown_answer_is_whole_over_several_messages(
    bot: Program, model: ModelServer, anna: Chat
) -> None:
    text = answer_to("long", 90)
    assert len(text) > 10_000
    model.default = Answer(text=text, words_per_second=400)
    anna.say("long")
    await anna.wait_for_text(marks("long", 90)[-1], timeout=30)
    await anna.wait_for(finished, timeout=15)
    shown = anna.shown_text()
    assert [mark for mark in marks("long", 90) if shown.count(mark) != 1] == []
    assert letters(re.sub(r"\]\(https?://[^)]*\)|```python", "", text)) == letters(shown)
    assert all(len(message.text.encode("utf-16-le")) // 2 <= 4096 for message in anna.messages)


async def test_the_stop_button_closes_the_models_request_and_keeps_the_text(
    bot: Program, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text=STORY, words_per_second=10)
    anna.say("story")
    reply = await anna.wait_for_text("word5")
    anna.press(reply, "⏹ Stop")
    request = await model.asked()
    await request.over(3)
    assert request.left_early
    await anna.wait_for_text("Stopped")
    assert re.search(r"word5\b.*Stopped", reply.text, re.DOTALL)
    assert reply.labels == []
    anna.say("go on")
    again = await model.asked(2)
    assert again.body["messages"][-2]["content"].startswith("word0 word1")


async def test_the_stop_command_stops_and_somebody_else_in_a_group_may_not(
    bot: Program, telegram: TelegramServer, model: ModelServer, new_group: Callable[..., Chat]
) -> None:
    model.default = Answer(text=STORY, words_per_second=8)
    friends = new_group()
    bob, eve = telegram.person(5, "Bob"), telegram.person(6, "Eve")
    friends.say("@parley_test_bot a story please", user=bob)
    reply = await friends.wait_for_text("word3")
    friends.press(reply, "⏹ Stop", user=eve)
    friends.say("/stop", user=eve)
    request = await model.asked()
    await asyncio.sleep(1)
    assert not request.left_early
    friends.say("/stop@parley_test_bot", user=bob)
    await request.over(3)
    assert request.left_early
    await friends.wait_for_text("Stopped", timeout=15)


async def test_a_failure_is_told_below_the_text_and_retry_answers_into_the_same_message(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    model.script(Answer(text=STORY, words_per_second=30, fault="cut", after_words=10), Answer(text="Now it works."))
    anna.say("try")
    reply = await anna.wait_for_text("cut off")
    assert reply.text.startswith("word0 word1")
    assert reply.labels == ["🔁 Retry"]
    anna.press(reply, "🔁 Retry")
    await anna.wait_for_text("Now it works.")
    await anna.wait_for(lambda chat: chat.last.labels == [])
    assert [message.text for message in anna.messages] == ["Now it works."]
    anna.say("next")
    third = await model.asked(3)
    assert [entry["content"] for entry in third.body["messages"][1:]] == ["try", "Now it works.", "next"]
    assert "sk-a-very-secret-key" not in bot.output
    assert telegram.token not in bot.output


async def test_every_refusal_becomes_one_sentence_and_a_passing_one_is_tried_again(
    bot: Program, model: ModelServer, anna: Chat
) -> None:
    sentences = {401: "key", 402: "credit", 404: "offer", 400: "accept"}
    for status, word in sentences.items():
        model.script(Answer(status=status))
        anna.say(f"question {status}")
        message = await anna.wait_for_text(word)
        await anna.wait_for(lambda chat: chat.last.labels == ["🔁 Retry"])
        assert message is anna.last
    model.script(Answer(status=429, headers={"Retry-After": "1"}), Answer(status=503), Answer(text="At last."))
    anna.say("patience")
    await anna.wait_for_text("At last.", timeout=15)


async def test_a_group_is_answered_when_mentioned_or_replied_to_and_topics_are_conversations_of_their_own(
    bot: Program, telegram: TelegramServer, model: ModelServer, new_group: Callable[..., Chat]
) -> None:
    model.default = Answer(text="Yes.")
    forum = new_group(topics={11: "Cats", 12: "Dogs"})
    bob = telegram.person(5, "Bob")
    forum.say("nobody asked the bot", user=bob, thread=11)
    question = forum.say("@parley_test_bot cats?", user=bob, thread=11)
    reply = await forum.wait_for_text("Yes.")
    assert (reply.thread, reply.reply_to) == (11, question.id)
    forum.say("@parley_test_bot dogs?", user=bob, thread=12)
    dogs = await model.asked(2)
    assert [entry["content"] for entry in dogs.body["messages"][1:]] == ["Bob: dogs?"]
    forum.say("and lions?", user=bob, thread=11, reply_to=reply)
    lions = await model.asked(3)
    assert [entry["content"] for entry in lions.body["messages"][1:]] == ["Bob: cats?", "Yes.", "Bob: and lions?"]


async def test_messages_that_come_while_the_bot_answers_wait_their_turn_in_order(
    bot: Program, model: ModelServer, anna: Chat
) -> None:
    model.rule = lambda request: Answer(text=f"Answer to {request.question}.", words_per_second=10)
    for number in range(4):
        anna.say(f"question {number}")
    await anna.wait_for_text("Answer to question 3.", timeout=20)
    await anna.wait_for(finished)
    assert [message.text for message in anna.messages] == [f"Answer to question {n}." for n in range(4)]


async def test_an_update_that_cant_be_parsed_is_put_aside_and_stops_nobody(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text="Here.")
    telegram.push_raw({"message": {"message_id": "not a number", "chat": 7}})
    telegram.push_raw({"a_kind_of_update_from_the_future": {}})
    anna.say("still there?")
    await anna.wait_for_text("Here.")
    assert "put aside" in bot.output


async def test_a_flood_of_seconds_loses_nothing_and_disturbs_no_other_chat(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    model.default = Answer(text=STORY, words_per_second=80)
    bob = telegram.private(FRIENDS[-1], "Bob")
    telegram.faults.next("editMessageText", Fault.flood(4), chat=anna.id)
    anna.say("story")
    bob.say("story")
    await bob.wait_for_text("word149", timeout=4)
    assert "word149" not in anna.shown_text()
    await anna.wait_for_text("word149", timeout=12)
    assert anna.shown_text().split() == STORY.split()


async def test_a_stranger_is_told_once_how_to_be_let_in_and_nothing_of_theirs_reaches_the_model(
    bot: Program, telegram: TelegramServer, model: ModelServer, anna: Chat
) -> None:
    eve = telegram.private(666, "Eve", language_code="ru")
    eve.say("привет")
    message = await eve.wait_for_text("telegram:666")
    assert "закрытый" in message.text
    eve.say("и ещё раз")
    anna.say("hello")
    await model.asked()
    await asyncio.sleep(0.5)
    assert len(eve.messages) == 1
    assert [request.question for request in model.requests] == ["hello"]


async def test_help_answers_while_a_reply_streams(bot: Program, model: ModelServer, anna: Chat) -> None:
    model.default = Answer(text=STORY, words_per_second=10)
    anna.say("story")
    await anna.wait_for_text("word3")
    anna.say("/help")
    await anna.wait_for_text("/stop", timeout=3)
    assert "word149" not in anna.shown_text()


async def test_sends_that_are_applied_but_never_answered_leave_at_most_that_many_orphans(
    bot: Program, telegram: TelegramServer, model: ModelServer
) -> None:
    model.default = Answer(text="one two three the end", words_per_second=50)
    chats = [telegram.private(FRIENDS[80 + number], f"P{number}") for number in range(6)]
    telegram.faults.next("sendMessage", Fault.applied_then_reset(), Fault.bad_gateway(), Fault.reset())
    telegram.faults.next("editMessageText", Fault.applied_then_reset(), Fault.bad_gateway(applied=True))
    for chat in chats:
        chat.say("question")
    for chat in chats:
        await chat.wait_for(ended, timeout=30)
    await asyncio.sleep(0.5)
    orphans = sum(len(chat.messages) - 1 for chat in chats)
    assert orphans <= len(telegram.faults.ambiguous_sends)
    assert all(sum("the end" in message.text for message in chat.messages) == 1 for chat in chats)
