"""What all tests share: bots are forked, for starting one anew takes seconds."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.nursery import Nursery
from tests.program import Program

# How long a busy machine takes to draw an example says nothing of the code.
settings.register_profile("parley", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("parley")


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """One for all tests of a process; tests/whole/test_start.py starts the program by its command."""
    with Nursery() as Program.nursery:
        yield
    Program.nursery = None
