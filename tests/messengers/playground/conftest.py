"""A playground on a free port of loopback, its inbox, and a browser that has its page open."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from messengers.playground.server import Playground
from tests.messengers.playground.browser import PASSWORD, Browser, Inbox, build, serving


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def playground(tmp_path: Path) -> AsyncIterator[Playground]:
    async with build(tmp_path / "playground") as playground:
        yield playground


@pytest.fixture
async def url(playground: Playground, inbox: Inbox) -> AsyncIterator[str]:
    async with serving(playground, inbox) as url:
        yield url


@pytest.fixture
async def browser(url: str) -> AsyncIterator[Browser]:
    async with Browser(url) as browser:
        yield browser


@pytest.fixture
async def locked(tmp_path: Path, inbox: Inbox) -> AsyncIterator[Browser]:
    """A browser at a playground that has a password, not logged in."""
    async with (
        build(tmp_path / "locked", password=PASSWORD) as playground,
        serving(playground, inbox) as url,
        Browser(url) as browser,
    ):
        yield browser
