"""What a fuzz run tries: examples, the promise that must hold for each, and how it is tried."""

import sys
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

Check = Callable[[Any], None]  # raises where the promise is broken

USUAL_DEPTH = 1000  # Python's default, in frames
AT_ONCE = 250  # examples between two looks at the clock
PHASES = (Phase.explicit, Phase.generate, Phase.target, Phase.shrink)  # none of them keeps anything


@dataclass(frozen=True)
class Target:
    """One promise. `opened` gives its check, for as long as what is tried (a server, a database) is there.

    `quick`: how many examples the suite tries.
    """

    name: str
    promise: str
    examples: SearchStrategy[Any]
    opened: Callable[[], AbstractContextManager[Check]]
    quick: int = 50


@dataclass(slots=True)
class Outcome:
    """What came of a target: how much was tried; `failure` shows the minimal example, `seed` makes it again."""

    target: Target
    examples: int = 0
    seconds: float = 0.0
    failure: BaseException | None = None
    seed: int = 0
    notes: list[str] = field(default_factory=list)


def pure(name: str, check: Check, examples: SearchStrategy[Any], quick: int = 50) -> Target:
    """A target that needs nothing but its example; its promise is the check's docstring."""
    return Target(name, " ".join((check.__doc__ or "").split()), examples, lambda: nullcontext(check), quick)


def try_quickly(target: Target) -> None:
    """A few examples, the same ones every time. Raises where the promise is broken."""
    with target.opened() as check:
        _property(target, check, settings(_settings(target.quick), derandomize=True))()


def try_long(target: Target, seconds: float, seed: int) -> Outcome:
    """New examples until the time is up, or one breaks the promise."""
    outcome, begun = Outcome(target, seed=seed), time.monotonic()
    with target.opened() as check:
        counted = _counted(check, outcome)
        while outcome.failure is None and time.monotonic() - begun < seconds:
            with _noted(outcome):
                hypothesis.seed(outcome.seed)(_property(target, counted, _settings(AT_ONCE)))()
            outcome.seed += outcome.failure is None
            outcome.seconds = time.monotonic() - begun
    return outcome


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )


def _property(target: Target, check: Check, how: settings) -> Callable[[], None]:
    def holds(example: Any) -> None:
        with _usual_depth():
            check(example)

    holds.__doc__ = target.promise
    return how(given(target.examples)(holds))


def _counted(check: Check, outcome: Outcome) -> Check:
    def counted(example: Any) -> None:
        outcome.examples += 1
        check(example)

    return counted


@contextmanager
def _usual_depth() -> Iterator[None]:
    """Python's own limit: Hypothesis raises it while it tries something, and would hide what goes too deep."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(USUAL_DEPTH)
    try:
        yield
    finally:
        sys.setrecursionlimit(raised)


@contextmanager
def _noted(outcome: Outcome) -> Iterator[None]:
    """A broken promise is the target's outcome, whatever was raised; what ends the program is not."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, unittest.SkipTest):
        raise
    except BaseException as failure:  # noqa: BLE001 — the promise is that nothing is raised
        outcome.failure = failure
        outcome.notes = list(getattr(failure, "__notes__", ()))
