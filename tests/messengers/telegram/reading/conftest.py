"""The stand-in Telegram as a source of updates, and who writes there: nothing is sent over a network here."""

import pytest

from tests.servers.telegram import Chat, TelegramServer


@pytest.fixture
def telegram() -> TelegramServer:
    """One of its own for each test."""
    return TelegramServer()


@pytest.fixture
def anna(telegram: TelegramServer) -> Chat:
    """A private chat."""
    return telegram.private(1001, "Anna", language_code="ru")
