"""One stand-in Telegram and one real aiogram client for each module, and chats that no other test has."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiogram import Bot

from tests.servers.telegram import NO_FLOOD, Chat, TelegramServer
from tests.servers.telegram_client import telegram_client

TOPIC = 42


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(flood=NO_FLOOD) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(telegram: TelegramServer) -> AsyncIterator[Bot]:
    async with telegram_client(telegram) as client:
        yield client


@pytest.fixture
def anna(telegram: TelegramServer) -> Chat:
    """A private chat of her own for each test."""
    return telegram.private(2000 + len(telegram.chats), "Anna")


@pytest.fixture
def friends(telegram: TelegramServer) -> Chat:
    """A group with a topic."""
    return telegram.group(-100_500 - len(telegram.chats), topics={TOPIC: "Talk"})
