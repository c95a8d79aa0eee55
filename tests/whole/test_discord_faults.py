"""The whole bot on Discord where something goes wrong: lost answers, deleted messages, dead tokens, a restart."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.program import Program
from tests.servers.discord_server import CREATE, WEBHOOK_EDIT, Channel, DiscordServer, Fault, Message, RateRules
from tests.servers.model import Answer, ModelServer
from tests.whole.discord_transcript import transcript
from tests.whole.test_discord import STORY, config, finished

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(rates=RateRules()) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, server: DiscordServer, model: ModelServer
) -> AsyncIterator[Program]:
    """In chains of replies; Eve is blocked, and somebody used the app in a place of their own."""
    settings = config(server, model)
    settings["discord"]["conversation"] = "chain"
    settings["access"]["block"] = [f"discord:{server.person('Eve').id}"]
    async with Program(tmp_path_factory.mktemp("bot"), settings) as program:
        await program.started()
        await server.wait_for(lambda each: each.ready and each.commands.registered(None), 20)
        yield program


def answers(channel: Channel) -> list[str]:
    return [message.text for message in channel.everything.values() if message.author.is_bot and message.visible]


async def whole(channel: Channel, text: str, timeout: float = 10) -> Message:
    """Wait for a finished answer that is just this."""
    return await channel.wait_for_message(lambda message: message.text == text and finished(message), timeout)


async def test_an_answer_whose_first_send_seemed_to_fail_is_whole_and_there_once(
    bot: Program, server: DiscordServer, model: ModelServer
) -> None:
    channel = server.channel("lost answers")
    model.default = Answer(text=STORY, words_per_second=400)
    server.faults.next(CREATE, Fault.applied_then_reset())
    server.person("Anna").say(channel, "tell me a story", mention_bot=True)
    await whole(channel, STORY)
    assert answers(channel) == [STORY]
    assert server.repeated


async def test_whoever_deletes_thinking_holds_up_nobody_else(
    bot: Program, server: DiscordServer, model: ModelServer
) -> None:
    channel, anna, bob = server.channel("deleted"), server.person("Anna"), server.person("Bob")
    model.rule = lambda request: Answer(text=f"for {request.question[:3]}", words_per_second=4)
    server.faults.next(WEBHOOK_EDIT, Fault.stall(0.3, applied=False))
    used = anna.slash(channel, "ask", {"question": "why?"})
    await used.answered()
    assert used.original
    anna.delete(used.original)
    bob.say(channel, "me too", mention_bot=True)
    await whole(channel, "for Bob", 5)
    await asyncio.sleep(0.5)
    assert answers(channel) == ["for Bob"]


async def test_somebody_who_is_blocked_is_not_left_waiting(bot: Program, server: DiscordServer) -> None:
    used = server.person("Eve").slash(server.channel("blocked"), "ask", {"question": "let me in"})
    told = await used.said("🚫")
    assert (told.ephemeral, told.text) == (True, "🚫")


async def test_a_guests_failed_answer_is_made_again_a_quarter_of_an_hour_later(
    bot: Program, server: DiscordServer, model: ModelServer
) -> None:
    bob = server.person("Bob")
    bob.install()
    away = server.private(bob, server.person("Zoe"))
    model.default = Answer(status=400)
    used = bob.slash(away, "ask", {"question": "hello"})
    failed = await used.said("⚠️", 10)
    await away.wait_for(lambda _: any("Retry" in label for label in failed.labels), 10)
    await asyncio.sleep(0.3)
    server.advance(16 * 60)
    model.default = Answer(text="now it works")
    await bob.press(failed, 0).answered()
    await away.wait_for(lambda _: failed.text == "now it works" and finished(failed), 10)
    assert answers(away) == ["now it works"]


async def test_a_guests_retry_is_a_message_of_its_own_that_all_see(
    bot: Program, server: DiscordServer, model: ModelServer
) -> None:
    bob = server.person("Bob")
    bob.install()
    away = server.private(bob, server.person("Zoe"), server.person("Yan"))
    model.default = Answer(text="one answer")
    bob.slash(away, "ask", {"question": "hello"})
    await whole(away, "one answer")
    await asyncio.sleep(0.3)
    model.default = Answer(text="another answer")
    again = bob.slash(away, "retry")
    await whole(away, "another answer")
    assert [(each.text, each.ephemeral) for each in again.messages] == [("✅", True), ("another answer", False)]
    assert answers(away) == ["one answer", "✅", "another answer"]


async def test_the_rest_and_a_retry_of_a_commands_answer_leave_it_as_it_is_and_a_reply_knows_the_question(
    bot: Program, server: DiscordServer, model: ModelServer
) -> None:
    """All of that after a kill: nothing of it is only in memory."""
    channel, anna = server.channel("commands"), server.person("Anna", locale="ru")
    model.default = Answer(text="first half", finish_reason="length")
    await anna.slash(channel, "ask", {"question": "what is the capital of France?"}).said("first half", 10)
    half = await channel.wait_for_message(lambda message: bool(message.labels) and finished(message), 10)
    await asyncio.sleep(0.3)
    kept = half.text
    await bot.kill()
    await bot.start()
    await bot.started(2)
    await server.wait_for(lambda each: each.ready, 20)
    model.default = Answer(text="second half")
    await anna.press(half, 0).answered()
    rest = await whole(channel, "second half")
    assert rest.replied is half
    model.default = Answer(text="and of Spain?")
    await asyncio.sleep(0.3)
    await anna.slash(channel, "retry").answered()
    await whole(channel, "and of Spain?")
    assert answers(channel)[:2] == [kept, "second half"]
    model.default = Answer(text="2 million.")
    anna.say(channel, "how many live there?", reply_to=half, mention_bot=True)
    await whole(channel, "2 million.")
    told = [(entry["role"], entry["content"]) for entry in model.requests[-1].body["messages"][1:]]
    assert told[:2] == [("user", "Anna: what is the capital of France?"), ("assistant", "first half")]
    assert told[-1] == ("user", "Anna: how many live there?")
    assert "Traceback" not in bot.output
    print(f"\n{transcript(server, channel)}")
