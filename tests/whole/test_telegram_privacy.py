"""In a group with privacy mode on, as new bots have it: no mention is delivered, and what is delivered is enough."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.program import Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import Chat, TelegramServer
from tests.servers.telegram_files import png
from tests.whole.conftest import usual_config

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(privacy=True) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, model: ModelServer
) -> AsyncIterator[Program]:
    """The usual bot, with a model that sees."""
    config = usual_config(telegram, model)
    config["models"]["main"]["vision"] = True
    async with Program(tmp_path_factory.mktemp("bot"), config) as program:
        await program.started()
        yield program


async def test_ask_with_a_reply_and_a_photo_is_answered_and_a_reply_to_the_answer_goes_on(
    bot: Program, telegram: TelegramServer, model: ModelServer, new_group: Callable[..., Chat]
) -> None:
    model.default = Answer(text="Hers.")
    friends, bob, eve = new_group(), telegram.person(5, "Bob"), telegram.person(6, "Eve")
    friends.say("@parley_test_bot whose cat is it?", user=bob)
    told = friends.say("Eve has a cat.", user=eve)
    question = friends.photo(png(), "/ask@parley_test_bot whose cat is this?", user=bob, reply_to=told)
    asked = (await model.asked()).body["messages"][-1]["content"]
    assert [part["type"] for part in asked] == ["text", "image_url"]
    assert "Eve has a cat." in asked[0]["text"]
    assert asked[0]["text"].endswith("whose cat is this?")
    answer = await friends.wait_for_text("Hers.")
    assert answer.reply_to == question.id
    friends.say("are you sure?", user=bob, reply_to=answer)
    roles = [entry["role"] for entry in (await model.asked(2)).body["messages"][1:]]
    assert roles == ["user", "assistant", "user"], "the mention was never heard"


async def test_the_log_tells_at_the_start_how_the_bot_is_asked_in_groups(bot: Program) -> None:
    assert "privacy mode is on" in bot.output
    assert "/ask@parley_test_bot" in bot.output
