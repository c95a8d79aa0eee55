"""Fixtures of the tests of providers."""

from collections.abc import AsyncIterator

import pytest

from tests.servers.model import ModelServer


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server
