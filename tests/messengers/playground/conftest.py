"""A playground on a free port of loopback, its inbox, and a browser that has its page open."""

from collections.abc import AsyncIterator

import pytest

from messengers.playground.server import Playground
from messengers.playground.settings import PlaygroundSettings
from tests.messengers.playground.browser import Browser, Inbox, serving


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def playground() -> Playground:
    return Playground(PlaygroundSettings(listen="127.0.0.1:0"), commands=["help", "new"])


@pytest.fixture
async def url(playground: Playground, inbox: Inbox) -> AsyncIterator[str]:
    async with serving(playground, inbox) as url:
        yield url


@pytest.fixture
async def browser(url: str) -> AsyncIterator[Browser]:
    async with Browser(url) as browser:
        yield browser
