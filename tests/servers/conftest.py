"""A stand-in Telegram without flood control, and a real aiogram client for it."""

from collections.abc import AsyncIterator

import pytest
from aiogram import Bot

from tests.servers.telegram import NO_FLOOD, TelegramServer
from tests.servers.telegram_client import telegram_client


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(flood=NO_FLOOD) as server:
        yield server


@pytest.fixture
async def bot(telegram: TelegramServer) -> AsyncIterator[Bot]:
    async with telegram_client(telegram) as client:
        yield client
