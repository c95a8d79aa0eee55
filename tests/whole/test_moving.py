"""A group that becomes a supergroup, with another id: it goes on as if nothing had happened, also after a kill."""

from typing import Any

import pytest

from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.conftest import StartBot

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS: dict[str, Any] = {
    "access": {"allow": ["telegram:-555", "telegram:-556"]},
    "models": {
        "main": {"provider": "local", "model": "stand-in"},
        "other": {"provider": "local", "model": "another"},
    },
}


async def ask(group: Chat, model: ModelServer, question: str, telegram: TelegramServer) -> tuple[str, list[str]]:
    """Somebody who is let in nowhere else asks: the model that answers, and what it is given of the conversation."""
    earlier = len(model.requests)
    group.say(f"@parley_test_bot {question}", user=telegram.person(5, "Bob"))
    request = await model.asked(earlier + 1)
    await group.wait_for_text(f"to {question}")
    await telegram.settled()
    return request.body["model"], [entry["content"].split()[-1] for entry in request.body["messages"][1:]]


async def test_who_was_let_in_what_was_said_and_chosen_outlive_the_move_and_a_kill_right_after_it(
    telegram: TelegramServer, model: ModelServer, start_bot: StartBot
) -> None:
    model.rule = lambda request: Answer(text=f"to {request.question.split()[-1]}")
    groups = [telegram.group(-555), telegram.group(-556)]
    supergroups = [telegram.group(-100_555_001), telegram.group(-100_556_001)]
    async with start_bot(**SETTINGS) as program:
        for group in groups:
            group.say("/model other", user=telegram.person(5, "Bob"))
            await group.wait_for_text("other")
            assert await ask(group, model, "one", telegram) == ("another", ["one"])
        groups[0].migrate(supergroups[0])
        expected = ("another", ["one", "one", "two"])
        assert await ask(supergroups[0], model, "two", telegram) == expected, "asked in the same breath"
        groups[1].migrate(supergroups[1])
        await telegram.wait_for(lambda server: not server.updates.unconfirmed)
        await program.kill()
        await program.start()
        await program.started(2)
        assert await ask(supergroups[1], model, "two", telegram) == expected
        assert (await ask(supergroups[0], model, "three", telegram))[0] == "another"
        assert "telegram:-556 in the config's access became telegram:-100556001" in program.output
