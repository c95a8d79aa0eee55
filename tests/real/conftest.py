"""What the tests against real programs share: a missing one skips its tests, loudly."""

import sys
from pathlib import Path
from typing import Never

import pytest

from tests.real.venvs import NotInstalledError, node_package, python_with


def skip_loudly(reason: str) -> Never:
    """Skip, and say so where it can't be overlooked: a test that didn't run proves nothing."""
    print(f"\n[real] NOT RUN: {reason}", file=sys.stderr, flush=True)
    pytest.skip(f"NOT RUN: {reason}")


def installed(name: str, *requirements: str) -> Path:
    """As `python_with`; skips the tests where it can't be installed."""
    try:
        return python_with(name, *requirements)
    except NotInstalledError as error:
        skip_loudly(str(error))


def installed_from_npm(name: str, version: str) -> Path:
    """As `node_package`; skips the tests where it can't be installed."""
    try:
        return node_package(name, version)
    except NotInstalledError as error:
        skip_loudly(str(error))
