"""The config is changed while the bot runs: by its file, by SIGHUP, by /admin reload; and the first contact.

All tests share one bot, which is given a config at the beginning of each.
"""

import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
import yaml

from config import ConfigError, load
from tests.program import Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import NO_FLOOD, Chat, TelegramServer
from tests.whole.conftest import ADMIN, usual_config
from tests.whole.transcript import Walk, as_shown, with_numbers

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLOOD = NO_FLOOD  # it has tests of its own, and a penalty takes 5 s
STORY = " ".join(f"word{number}" for number in range(30))
MENTION = "@parley_test_bot"
BROKEN = {"limits": {"waiting_per_chat": "many"}, "modells": {}, "language": "fr"}


class Configured(Program):
    """A program whose config is written anew while it runs."""

    def write(self, config: dict[str, Any]) -> None:
        """Only write the file."""
        self._config.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), "utf-8")

    async def use(self, config: dict[str, Any], says: str = "the config was read again") -> None:
        """Write the file, send SIGHUP, and wait until the bot says what became of it."""
        before = self.output.count(says)
        self.write(config)
        assert self._process
        self._process.send_signal(signal.SIGHUP)
        await self.says(says, before + 1)

    def faults(self) -> list[str]:
        """What is wrong with the file, as the bot is to tell it."""
        with pytest.raises(ConfigError) as caught:
            load(self._config, os.environ)
        return [str(fault) for fault in caught.value.faults]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, model: ModelServer
) -> AsyncIterator[Configured]:
    """A bot that nobody is let in to yet, as it is when it is started for the first time."""
    config = usual_config(telegram, model) | {"access": {}}
    async with Configured(tmp_path_factory.mktemp("bot"), config) as program:
        await program.started()
        yield program


@pytest.fixture
def config(telegram: TelegramServer, model: ModelServer) -> dict[str, Any]:
    """The usual config, to be changed by a test."""
    return usual_config(telegram, model)


async def test_first_contact_the_line_that_a_stranger_is_told_lets_them_in_without_a_restart(
    bot: Configured, telegram: TelegramServer, model: ModelServer, config: dict[str, Any]
) -> None:
    model.default = Answer(text="Welcome.")
    olga = Walk(telegram.private(4711, "Ольга", language_code="ru"))
    olga.says("/start")
    sentence = olga.text("access.first", id=4711, entry="telegram:4711")
    told = await olga.sees(sentence)
    olga.says("Есть кто?")
    line = yaml.safe_load(told.styled("pre")[0])
    assert line == {"access": {"admins": ["telegram:4711"]}}
    bot.write(config | line)
    await bot.says("the config was read again")
    olga.says("А теперь?")
    await olga.sees("Welcome.")
    assert [request.question for request in model.requests] == ["А теперь?"]
    assert len(olga.chat.messages) == 2
    print(f"\n{olga}")


async def test_a_reply_that_runs_goes_on_with_the_provider_of_before_and_the_next_question_uses_the_new_one(
    bot: Configured, model: ModelServer, walk: Walk, config: dict[str, Any]
) -> None:
    await bot.use(config)
    model.script(Answer(text=STORY, words_per_second=20))
    model.default = Answer(text="Yes.")
    walk.says("A story")
    reply = await walk.chat.wait_for_text("word1")
    config["providers"] = {"another": config["providers"]["local"] | {"api_key": "sk-another-secret-key"}}
    config["models"] = {"another": {"provider": "another", "model": "stand-in-2"}}
    await bot.use(config)
    walk.says("Next")
    second = await model.asked(2)
    first = model.requests[0]
    await walk.chat.wait_for(lambda _: reply.text == STORY)
    assert not first.left_early
    keys = [request.headers["Authorization"].removeprefix("Bearer ") for request in (first, second)]
    assert keys == ["sk-a-very-secret-key", "sk-another-secret-key"]
    assert [request.body["model"] for request in (first, second)] == ["stand-in", "stand-in-2"]
    assert not [key for key in keys if key in bot.output]


async def test_a_broken_file_changes_nothing_and_the_log_tells_every_fault(
    bot: Configured, model: ModelServer, walk: Walk, config: dict[str, Any]
) -> None:
    model.default = Answer(text="Yes.")
    await bot.use(config)
    await bot.use(config | BROKEN, "the config can't be used, the earlier one stays")
    faults = bot.faults()
    assert {"limits.waiting_per_chat", "modells", "language"} <= {fault.partition(" ")[0] for fault in faults}
    for fault in faults:
        await bot.says(fault)
    walk.says("Still there?")
    await walk.sees("Yes.")


async def test_admin_reload_answers_with_the_faults(
    bot: Configured, telegram: TelegramServer, config: dict[str, Any]
) -> None:
    await bot.use(config)
    admin = Walk(telegram.private(ADMIN, "Ada"))
    bot.write(config | BROKEN)
    admin.says("/admin reload")
    await admin.chat.wait_for_text(admin.text("admin.not_reloaded"))
    await admin.chat.wait_for(lambda chat: all(as_shown(f"`{fault}`") in chat.last.text for fault in bot.faults()))
    bot.write(config)
    admin.says("/admin reload")
    await admin.sees(admin.text("admin.reloaded"))
    print(f"\n{admin}")


async def test_a_daily_limit_counts_answers_of_a_person_everywhere_and_tells_when_the_day_ends(
    bot: Configured, model: ModelServer, walk: Walk, new_group: Callable[..., Chat], config: dict[str, Any]
) -> None:
    """An answer that failed doesn't count, one that is asked for again does."""
    friends = Walk(new_group(), walk.who)
    model.default = Answer(text="Yes.")
    model.script(Answer(status=400))
    await bot.use(config | {"limits": {"messages_per_day": 2}, "timezone": "Europe/Berlin"})
    friends.says(f"{MENTION} fails")
    await model.asked(1)
    walk.says("one")
    await walk.sees("Yes.")
    walk.says("/retry")
    await walk.chat.wait_for(lambda chat: [message.text for message in chat.messages] == ["Yes."] * 2)
    friends.says(f"{MENTION} two")
    sentence = walk.text("quota.messages", limit=2, hours="§", minutes="§", timezone="Europe/Berlin")
    await friends.reads(with_numbers(sentence))
    assert [request.question for request in model.requests] == ["Anna: fails", "one", "one"]


async def test_nothing_of_that_was_a_fault_of_ours(bot: Configured) -> None:
    assert "Traceback" not in bot.output
