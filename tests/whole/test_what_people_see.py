"""What people see of an answer besides its text, with the real bot: thinking, the line, Continue, a fresh final.

All at once, in chats of their own, for starting a bot takes seconds; at the end it is killed in the middle of it.
"""

import asyncio
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.program import Program
from tests.servers.huggingface import HuggingFaceServer
from tests.servers.model import Answer, Request
from tests.servers.telegram import Chat, Fault, Message, TelegramServer
from tests.servers.tgi_answers import TgiRequest
from tests.whole.conftest import FRIENDS, usual_config
from tests.whole.transcript import Walk

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRESH_AFTER_SECONDS = 2
SLOW = "It took a while, but this is the end."
ANSWERS = {
    "How much?": Answer(pieces=("It is 42.",), reasoning="Six by seven.", words_per_second=1 / 9),
    "And why?": Answer(text="It is so.", reasoning="Six by **seven**.\n\nOr seven by six."),
    "first": Answer(pieces=("one",), words_per_second=1 / 5.5),
    "second": Answer(text="two"),
    "slow": Answer(text=SLOW, words_per_second=1.5),
}


def answer(request: Request) -> Answer | None:
    if isinstance(request, TgiRequest):
        if request.body["inputs"].endswith("Once upon a"):
            return Answer(pieces=(" time", " there was."))
        return Answer(text="Once upon a", finish_reason="length")
    return ANSWERS.get(request.question)


def config(telegram: TelegramServer, server: HuggingFaceServer) -> dict[str, Any]:
    usual = usual_config(telegram, server)
    usual["providers"] |= {
        "narrow": {"type": "openai", "base_url": server.url, "max_concurrent": 1},
        "tgi": {"type": "huggingface", "api": "tgi", "base_url": server.root, "tgi_path": "/", "prompt_format": "qwen"},
    }
    usual["models"] |= {
        "quoting": {"provider": "local", "model": "stand-in", "reasoning": "quote"},
        "narrow": {"provider": "narrow", "model": "stand-in"},
        "story": {"provider": "tgi", "model": "stand-in"},
    }
    return usual | {"replies": {"fresh_after_seconds": FRESH_AFTER_SECONDS}}


async def at(telegram: TelegramServer, numbers: Iterator[int], model: str = "") -> Walk:
    """Somebody in a chat where that model answers."""
    walk = Walk(telegram.private(FRIENDS[next(numbers)], "Anna"))
    if model:
        walk.says(f"/model {model}")
        await walk.sees(walk.text("model.chosen", model=model))
    return walk


def showed(message: Message) -> list[str]:
    """The texts that a message showed, each once."""
    return [text for text, _ in groupby(message.texts)]


async def sees_it_think_and_a_fresh_answer(walk: Walk) -> None:
    walk.says("How much?")
    await walk.sees("It is 42.")
    await walk.chat.wait_for(lambda chat: len(chat.messages) == 1, timeout=15)
    grown, fresh = walk.chat.history
    told = [int(seconds) for text in showed(grown) for seconds in re.findall(r"Thinking … (\d+) s", text)]
    assert 2 <= told[0] <= told[1] - 5
    assert not grown.visible
    assert fresh is walk.chat.last


async def sees_thoughts_above_the_answer(walk: Walk, server: HuggingFaceServer) -> None:
    walk.says("And why?")
    message = await walk.reads(r"💭 Thought for \d+ s\n\nSix by seven\.\n\nOr seven by six\.\n\nIt is so\.")
    assert message.styled("expandable_blockquote") == [message.text.removesuffix("\n\nIt is so.")]
    walk.says("second")
    await walk.sees("two")
    said = [entry["content"] for request in server.requests for entry in request.body.get("messages", ())]
    assert "It is so." in said
    assert "seven" not in str(said)


async def sees_how_many_are_before(first: Walk, second: Walk) -> None:
    first.says("first")
    await asyncio.sleep(0.3)
    second.says("second")
    await second.sees("two")
    told = [text for message in second.chat.history for text in message.texts]
    assert "⏳ 1 question is before yours …" in told
    await first.sees("one")


async def sees_an_answer_go_on(walk: Walk, server: HuggingFaceServer) -> None:
    walk.says("Tell me a story")
    cut = await walk.sees(f"Once upon a\n\n{walk.text('reply.length')}")
    walk.presses(cut, "▶ Continue")
    whole = await walk.sees("Once upon a time there was.")
    await walk.chat.wait_for(lambda chat: [message.text for message in chat.messages[1:]] == [whole.text], timeout=15)
    assert whole.labels == []
    walk.says("And then?")
    await walk.sees(f"Once upon a\n\n{walk.text('reply.length')}")
    prompt = next(request.body["inputs"] for request in server.requests if "And then?" in str(request.body))
    assert prompt.count("Once upon a time there was.") == prompt.count("Tell me a story") == 1


async def sees_one_answer_after_a_kill(telegram: TelegramServer, program: Program, chats: tuple[Chat, Chat]) -> None:
    """Killed when the new message stands and the earlier one doesn't go, and when the new one isn't taken yet."""
    for chat, method in zip(chats, ("deleteMessage", "sendMessage"), strict=True):
        chat.say("slow")
        await chat.wait_for_text("It took", timeout=15)
        telegram.faults.next(method, Fault.flood(3), chat=chat.id)
    async with asyncio.timeout(20):
        while {fault.chat for fault in telegram.faults.injected} != {chat.id for chat in chats}:
            await asyncio.sleep(0.05)
    assert [len(chat.messages) for chat in chats] == [2, 1]
    await program.kill()
    await program.start()
    await program.started(2)
    for chat in chats:
        await chat.wait_for(lambda chat: [message.text for message in chat.messages] == [SLOW], timeout=20)
        assert (chat.last.labels, len(chat.history)) == ([], 2)


async def test_what_people_see_besides_the_text(
    tmp_path: Path, telegram: TelegramServer, numbers: Iterator[int]
) -> None:
    async with HuggingFaceServer() as server, Program(tmp_path, config(telegram, server)) as program:
        server.rule = answer
        await program.started()
        names = ("", "quoting", "narrow", "narrow", "story")
        walks = await asyncio.gather(*(at(telegram, numbers, name) for name in names))
        await asyncio.gather(
            sees_it_think_and_a_fresh_answer(walks[0]),
            sees_thoughts_above_the_answer(walks[1], server),
            sees_how_many_are_before(walks[2], walks[3]),
            sees_an_answer_go_on(walks[4], server),
        )
        print(*walks, sep="\n\n")
        first, second = await asyncio.gather(at(telegram, numbers), at(telegram, numbers))
        await sees_one_answer_after_a_kill(telegram, program, (first.chat, second.chat))
        print(first, second, sep="\n\n")
