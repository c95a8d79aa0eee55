"""Restarts: what was begun goes on, what was held back is delivered, what waited is answered."""

import asyncio
import re

import pytest

from tests.servers.model import Answer, ModelServer, Request
from tests.servers.telegram import Chat, Fault, TelegramServer
from tests.whole.conftest import FRIENDS, StartBot

pytestmark = pytest.mark.asyncio(loop_scope="module")


def ended(chat: Chat) -> bool:
    """Whether the last message is a finished answer."""
    return bool(chat.messages) and "the end" in chat.last.text and not chat.last.labels


async def test_sigterm_lets_a_short_answer_finish_and_the_rest_goes_on_at_the_next_start(
    telegram: TelegramServer, model: ModelServer, start_bot: StartBot
) -> None:
    long = " ".join(f"w{number}" for number in range(200)) + " the end"

    def answer(request: Request) -> Answer:
        """Too slow to end before the program does; quick at the next start."""
        again = sum(earlier.question == "long" for earlier in model.requests) > 1
        text = "short the end" if request.question == "short" else long
        return Answer(text=text, words_per_second=200 if again else 15)

    model.rule = answer
    async with start_bot() as program:
        anna, bob = telegram.private(FRIENDS[20]), telegram.private(FRIENDS[21])
        anna.say("short")
        bob.say("long")
        await bob.wait_for_text("w5")
        bob.say("short")
        assert await program.terminate() == 0
        assert ended(anna)
        await program.start()
        await program.started(2)
        await bob.wait_for(lambda chat: len(chat.messages) == 2 and ended(chat), timeout=40)
        assert [len(chat.messages) for chat in (anna, bob)] == [1, 2]
        assert bob.messages[0].text.split() == long.split()


async def test_an_answer_that_a_flood_holds_back_is_delivered_after_a_kill_without_asking_the_model_again(
    telegram: TelegramServer, model: ModelServer, start_bot: StartBot
) -> None:
    model.default = Answer(text="one two three four the end", words_per_second=20)
    async with start_bot() as program:
        anna = telegram.private(FRIENDS[30])
        telegram.faults.next("editMessageText", Fault.flood(6))
        anna.say("question")
        await (await model.asked()).over()
        await asyncio.sleep(1)
        assert "the end" not in anna.shown_text()
        await program.kill()
        await program.start()
        await program.started(2)
        await anna.wait_for(ended, timeout=20)
        assert [message.text for message in anna.messages] == ["one two three four the end"]
        assert len(model.requests) == 1


async def test_a_backlog_that_waits_at_the_start_is_ended_whole_and_in_order(
    telegram: TelegramServer, model: ModelServer, start_bot: StartBot
) -> None:
    model.rule = lambda request: Answer(text=f"{request.question}: the end")
    chats = [telegram.private(FRIENDS[40 + number], f"P{number}") for number in range(10)]
    for number in range(40):
        chats[number % 10].say(f"question {number}")
    async with start_bot(limits={"waiting_per_chat": 1}):
        for number, chat in enumerate(chats):
            await chat.wait_for_text(f"question {30 + number}: the end", timeout=40)
            await chat.wait_for(ended, timeout=20)
            texts = [re.sub(r"\D", "", message.text) for message in chat.messages]
            assert texts == [str(n) for n in range(number, 40, 10)]
