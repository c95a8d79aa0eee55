"""The stand-ins, and a bot between them: one that a module's tests share, or one of their own to kill."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio

from tests.program import Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.transcript import Walk

ADMIN = 1001
FRIENDS = range(2000, 2100)  # people who are let in
GROUPS = range(-100_799, -100_700)


class StartBot(Protocol):
    """Starts the program with the usual config, changed by what is given."""

    def __call__(self, **changes: Any) -> AbstractAsyncContextManager[Program]: ...


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def telegram(request: pytest.FixtureRequest) -> AsyncIterator[TelegramServer]:
    """With flood control, unless the module has a `FLOOD` of its own."""
    async with TelegramServer(flood=getattr(request.module, "FLOOD", None)) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    tmp_path_factory: pytest.TempPathFactory, telegram: TelegramServer, model: ModelServer
) -> AsyncIterator[Program]:
    """A bot that the tests of a module share: starting one takes seconds, most of them aiogram's import."""
    async with Program(tmp_path_factory.mktemp("bot"), usual_config(telegram, model)) as program:
        await program.started()
        yield program


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def anna(telegram: TelegramServer, numbers: Iterator[int]) -> Chat:
    """A private chat that no other test has."""
    return telegram.private(FRIENDS[next(numbers)], "Anna")


@pytest.fixture
def walk(anna: Chat) -> Walk:
    """Anna, with the bot's sentences in her language, and a transcript."""
    return Walk(anna)


@pytest.fixture
def new_group(telegram: TelegramServer, numbers: Iterator[int]) -> Callable[..., Chat]:
    """Makes a group that no other test has."""
    return lambda **how: telegram.group(GROUPS[next(numbers)], "Friends", **how)


@pytest.fixture(autouse=True)
def usual_answers(request: pytest.FixtureRequest) -> None:
    """Each test begins with a model that answers in the usual way."""
    if "model" in request.fixturenames:
        model: ModelServer = request.getfixturevalue("model")
        model.requests.clear()
        model.default = Answer()
        model.rule = lambda _: None


@pytest.fixture
def start_bot(tmp_path: Path, telegram: TelegramServer, model: ModelServer) -> StartBot:
    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Program]:
        async with Program(tmp_path, usual_config(telegram, model) | changes) as program:
            await program.started()
            yield program

    return start


def usual_config(telegram: TelegramServer, model: ModelServer) -> dict[str, Any]:
    """Telegram and one model, both on loopback."""
    return {
        "telegram": {"token": telegram.token, "api_base_url": telegram.base_url},
        "access": {
            "admins": [f"telegram:{ADMIN}"],
            "allow": [f"telegram:{number}" for number in (*FRIENDS, *GROUPS)],
        },
        "storage": {"url": "sqlite:data/bot.db"},
        "providers": {"local": {"type": "openai", "base_url": model.url, "api_key": "sk-a-very-secret-key"}},
        "models": {"main": {"provider": "local", "model": "stand-in"}},
        "system_prompt": "Be brief. Today is {date}.",
    }
