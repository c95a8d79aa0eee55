"""`python -m tests.fuzz [--seconds 60] [--seed N] [--only NAME]`: the suite's fuzz targets, each for so many seconds.

Prints what was tried, and for what broke a promise the smallest example and how to make it again; then exits with 1.
"""

import argparse
import logging
import random
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module

from hypothesis.configuration import set_hypothesis_home_dir

from tests.fuzz.target import Outcome, Target, try_long

MODULES = ("buttons", "telegram", "discord", "playground", "streams", "answers", "configs")


def targets(only: Sequence[str]) -> list[Target]:
    """All targets, or those whose name begins with one of these."""
    found = [each for module in MODULES for each in import_module(f"tests.fuzz.{module}").TARGETS]
    return [each for each in found if not only or each.name.startswith(tuple(only))]


def report(outcome: Outcome) -> None:
    """One line; for a broken promise all that is needed to see it again."""
    verdict = "FAILED" if outcome.failure else "ok"
    print(f"{outcome.target.name:36} {outcome.examples:8} examples {outcome.seconds:7.1f} s  {verdict}", flush=True)
    if outcome.failure:
        print(f"\nThe promise: {outcome.target.promise}\n")
        traceback.print_exception(outcome.failure)
        print(f"\nAgain: python -m tests.fuzz --only {outcome.target.name} --seed {outcome.seed} --seconds 1\n")


def main() -> int:
    """Try every target; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", action="append", default=[], help="targets whose name begins so (may be repeated)")
    asked = parser.parse_args()
    chosen, failed = targets(asked.only), 0
    if not chosen:
        parser.error(f"there are: {', '.join(each.name for each in targets([]))}")
    logging.disable()  # what makes no sense is logged, ten thousand times
    print(f"{len(chosen)} targets, {asked.seconds:g} s each, seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="parley-fuzz-") as folder:
        set_hypothesis_home_dir(folder)  # what Hypothesis keeps for itself stays out of the checkout
        for target in chosen:
            outcome = try_long(target, asked.seconds, asked.seed)
            failed += outcome.failure is not None
            report(outcome)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
