"""Which stores are held to the contract: each test of test_contract_*.py runs with every one of them."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from storage.base import Store
from storage.sqlite import SqliteStore

# A name, and how its database in a folder is opened: for the first time, again after a restart, or by a second program.
STORES: Mapping[str, Callable[[Path], Store]] = {
    "sqlite": lambda folder: SqliteStore(folder / "data" / "bot.db"),
}
OpenStore = Callable[[], Store]


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Opens one and the same database each time."""
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    async with open_store() as opened:
        yield opened
