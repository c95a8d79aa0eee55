"""kill -9 while replies stream: each message gets exactly one whole answer, in the message it had begun in."""

import asyncio

import pytest

from tests.servers.model import Answer, ModelServer, answer_to, marks
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.conftest import FRIENDS, StartBot

pytestmark = pytest.mark.asyncio(loop_scope="module")

KILLS = 6
CHATS = 12


def answered(chat: Chat) -> bool:
    """Whether the last message is a finished answer."""
    return bool(chat.messages) and "the end" in chat.last.text and not chat.last.labels


async def test_six_kills_while_twelve_chats_stream_lose_double_and_freeze_nothing(
    telegram: TelegramServer, model: ModelServer, start_bot: StartBot
) -> None:
    model.rule = lambda request: Answer(text=f"{answer_to(request.question, 8)}\n\nthe end", words_per_second=30)
    async with start_bot() as program:
        chats = [telegram.private(FRIENDS[number], f"P{number}") for number in range(CHATS)]
        for number, chat in enumerate(chats):
            chat.say(f"question {number}")
        for kill in range(KILLS):
            await asyncio.sleep(1.5)
            await program.kill()
            await program.start()
            await program.started(kill + 2)
        for chat in chats:
            await chat.wait_for(answered, timeout=40)
        await asyncio.sleep(1)
    lost = [n for n, chat in enumerate(chats) if marks(f"question {n}", 8)[-1] not in chat.shown_text()]
    finals = [sum("the end" in message.text for message in chat.messages) for chat in chats]
    frozen = [n for n, chat in enumerate(chats) for message in chat.messages if message.labels]
    orphans = sum(len(chat.messages) - 1 for chat in chats)
    print(f"kills {KILLS}, chats {CHATS}: lost {lost}, finals {finals}, frozen {frozen}, orphans {orphans}")
    assert (lost, frozen) == ([], [])
    assert finals == [1] * CHATS
    assert orphans <= KILLS, "only a kill between Telegram's doing and our knowing may leave one"
    assert not [refusal for refusal in telegram.flood.refusals if not refusal.injected]
