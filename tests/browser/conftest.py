"""A browser for the whole run, and for each module a bot with its playground and a stand-in model."""

import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Never

import pytest
import pytest_asyncio

from tests.browser.axe import axe_source
from tests.browser.chromium import NoChromiumError, running_chromium
from tests.browser.page import Page, open_page
from tests.browser.site import config
from tests.program import Program
from tests.real.programs import free_port
from tests.real.venvs import NotInstalledError
from tests.servers.model import Answer, ModelServer

SEEN = "seen"  # a property of a test: what is shown at the end of the run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured; under xdist the tests themselves can't."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == SEEN:
                terminalreporter.write_line(f"[browser] {value}")


@dataclass(frozen=True, slots=True)
class Site:
    """A bot that runs, and where its playground is."""

    program: Program
    url: str


def skip_loudly(reason: str) -> Never:
    """Skip, and say so where it can't be overlooked: a test that didn't run proves nothing."""
    print(f"\n[browser] NOT RUN: {reason}", file=sys.stderr, flush=True)
    pytest.skip(f"NOT RUN: {reason}")


@pytest.fixture(scope="session")
def devtools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Chromium's address."""
    try:
        with running_chromium(tmp_path_factory.mktemp("chromium")) as address:
            yield address
    except NoChromiumError as error:
        skip_loudly(str(error))


@pytest.fixture(scope="session")
def axe() -> str:
    try:
        return axe_source()
    except NotInstalledError as error:
        skip_loudly(str(error))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(
    tmp_path_factory: pytest.TempPathFactory, model: ModelServer, devtools: str, request: pytest.FixtureRequest
) -> AsyncIterator[Site]:
    """The bot that a module's tests share; a module may have a `PLAYGROUND` of settings."""
    port = free_port()
    settings = config(port, model, **getattr(request.module, "PLAYGROUND", {}))
    async with Program(tmp_path_factory.mktemp("bot"), settings) as program:
        await program.started()
        yield Site(program, f"http://127.0.0.1:{port}/")


@pytest_asyncio.fixture(loop_scope="module")
async def tab(devtools: str) -> AsyncIterator[Page]:
    """A tab that nothing is open in."""
    async with open_page(devtools) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def page(tab: Page, site: Site, model: ModelServer, request: pytest.FixtureRequest) -> Page:
    """The playground, in a conversation that no other test has; the model answers in the usual way."""
    model.requests.clear()
    model.default, model.rule = Answer(), lambda _: None
    name = str(abs(hash(request.node.name)))
    await tab.goto(f"{site.url}#{name}")
    await tab.until("document.getElementById('status').dataset.state === 'connected'")
    return tab
