"""What somebody spent today still counts when the bot was started again: by a kill, nobody gets a new day."""

from dataclasses import replace
from pathlib import Path

import pytest

from chat.messages import Message
from chat.replies import ReplyState
from handlers.quotas import reserved
from handlers.services import Services
from handlers.settings import LimitsSettings
from storage.base import Amount
from storage.sqlite import SqliteStore
from tests.handlers.scene import Scene, said


def services_with(store: SqliteStore) -> Services:
    """Where everybody may ask once a day, with a real database."""
    services = Scene(limits=LimitsSettings(messages_per_day=1)).services
    return replace(services, bot=replace(services.bot, store=store))


async def spend(store: SqliteStore) -> None:
    """One answered question."""
    asked = said("hello")
    turn = await store.receive(asked)
    assert turn
    spent = services_with(store).spent(asked, Amount(1))
    exchange = [Message("user", "hello"), Message("assistant", "hi")]
    await store.answer(turn.id, ReplyState(), None, exchange, failed=False, spent=spent)


@pytest.mark.parametrize("spends", [True, False])
async def test_what_was_spent_counts_after_a_restart(tmp_path: Path, spends: bool) -> None:
    async with SqliteStore(tmp_path / "bot.db") as store:
        if spends:
            await spend(store)
    async with (
        SqliteStore(tmp_path / "bot.db") as store,
        reserved(services_with(store), said("once more"), "messages") as refusal,
    ):
        assert bool(refusal) is spends
