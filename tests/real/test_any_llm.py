"""The any-llm provider with the real package: the whole contract, by the Python of an environment that has it."""

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.real.conftest import installed
from tests.real.venvs import version_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

REQUIREMENT = "any-llm-sdk==1.40.2"
# what the contract's tests need beside it, in the versions of the environment that runs this
TOOLS = (
    *("aiohttp", "aiohttp-socks", "hypothesis", "pydantic", "pytest", "pytest-asyncio", "pytest-timeout"),
    *("pytest-xdist", "pyyaml", "yarl"),
)
ROOT = Path(__file__).parents[2]
FILES = [f"tests/providers/{name}.py" for name in ("test_contract", "test_contract_faults", "test_any_llm")]


def test_it_keeps_the_whole_contract() -> None:
    python = installed("any-llm", REQUIREMENT, *(f"{tool}=={version(tool)}" for tool in TOOLS))
    print(f"\n[real] any-llm {version_of(python, 'any-llm-sdk')}: the contract", flush=True)
    command = [str(python), "-m", "pytest", "-n2", "-rs", "-p", "no:cacheprovider", "-k", "any_llm", *FILES]
    ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=200)
    print(ended.stdout[-3000:], flush=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    (passed,) = re.findall(r"(\d+) passed", ended.stdout)
    assert int(passed) > 45
