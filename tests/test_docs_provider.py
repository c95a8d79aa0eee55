"""docs/adding-a-provider.md: its example is short, and keeps every promise that a provider makes."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from types import ModuleType

import pytest

from chat.events import Completed, Usage
from providers.base import Provider
from tests.program import ROOT
from tests.providers import test_contract, test_contract_faults
from tests.providers.asking import all_events
from tests.providers.cases import Ability, Case, StandIn
from tests.servers.model import Answer
from tests.servers.ollama import OllamaServer

PAGE = (ROOT / "docs/adding-a-provider.md").read_text("utf-8")
(EXAMPLE,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if block.startswith('"""'))
NOT_FOR_ONE = {"test_every_registered_provider_is_held_to_the_contract"}


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The file on the page, as Python imports it."""
    module = ModuleType("providers.ollama")
    sys.modules[module.__name__] = module
    exec(compile(EXAMPLE, "docs/adding-a-provider.md", "exec"), module.__dict__)
    return module


@pytest.fixture
def case(example: ModuleType) -> Case:
    def make(server: StandIn, **settings: object) -> Provider:
        given = {"base_url": server.url, **settings}
        provider: Provider = example.Ollama("local", example.OllamaSettings.model_validate(given))
        return provider

    cannot: dict[Ability, str] = {"a key": "it has none", "a listing that fails": "the stand-in's doesn't"}
    return Case(make, OllamaServer, cannot)


@pytest.fixture
async def server(case: Case) -> AsyncIterator[StandIn]:
    async with case.server() as server:
        yield server


def test_it_has_less_than_60_lines_blank_ones_aside() -> None:
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) < 60


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]], ids=["rules", "format"])
def test_it_is_as_make_lint_wants_it(check: list[str]) -> None:
    command = [sys.executable, "-m", "ruff", *check, "--no-cache", "--stdin-filename", "providers/ollama.py", "-"]
    told = subprocess.run(command, cwd=ROOT, input=EXAMPLE, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_file_that_the_page_names_is_there() -> None:
    links = re.findall(r"\]\(\.\./([^)]+)\)", PAGE)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


async def test_the_end_is_told_with_its_reason_and_its_tokens(case: Case, server: StandIn) -> None:
    server.script(Answer(text="one two", finish_reason="length"))
    async with case.make(server) as provider:
        assert (await all_events(provider))[-1] == Completed("length", Usage(7, 2))


# The contract, with the fixtures of this module.
globals().update(
    (name, test)
    for module in (test_contract, test_contract_faults)
    for name, test in vars(module).items()
    if name.startswith("test_") and name not in NOT_FOR_ONE
)
