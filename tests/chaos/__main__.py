"""`python -m tests.chaos [telegram|discord|playground|disk|poison|providers|backlog …] [--seed N] [--short] [--store]`.

Runs the trials that are named, or all of them, and prints what each found beside its targets. `--store` writes that to
docs/nothing-lost.md. The exit code is 1 where a target wasn't met, or a trial couldn't be ended.
"""

import argparse
import asyncio
import importlib
import random
import shlex
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from bench.machine import facts
from tests.chaos.figures import Figure, Report, Setting, Trial
from tests.nursery import Nursery
from tests.program import ROOT, Program

TITLES = {
    "telegram": "Telegram: kills, SIGTERMs and HTTP faults",
    "discord": "Discord: a broken gateway, resets, outages",
    "playground": "The playground: kills while pages watch",
    "disk": "The disk: full, or failing",
    "poison": "Poison: updates that nobody can handle",
    "providers": "Providers: silence, failures in mid-stream, answers without end",
    "backlog": "Backlog: what waits at the start",
}
LONGEST_SECONDS = 20 * 60
LONGEST_SHORT_SECONDS = 5 * 60
PAGE = ROOT / "docs/nothing-lost.md"
HEAD = """# Nothing lost, measured

This page is written by `python -m tests.chaos --store`. The real program runs against stand-ins for the messengers and
the models, while it is killed, its calls fail and its disk fills up. Each figure stands beside its target; what isn't
met is said. The seed repeats what is left to chance; not the very moment of a kill, which the machine has a part in.
"""


def trial(name: str) -> Trial:
    """The trial with this name; its module is only read where it is run."""
    try:
        run: Trial = importlib.import_module(f"tests.chaos.{name}").run
    except ImportError as error:
        return _absent(name, error)
    return run


async def judge(title: str, run: Trial, seed: int, *, short: bool) -> Report:
    """Run one trial in a folder of its own. What it raises is printed, and is a target that wasn't met."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="parley-chaos-", ignore_cleanup_errors=True) as folder:
        (found,) = await asyncio.gather(_figures(run, Setting(seed, short, Path(folder))), return_exceptions=True)
    if isinstance(found, BaseException):
        traceback.print_exception(found)
        found = [Figure("the trial", f"failed: {type(found).__name__}", "an end", met=False)]
    return Report(title, seed, time.monotonic() - begun, tuple(found))


async def _figures(run: Trial, setting: Setting) -> Sequence[Figure]:
    async with asyncio.timeout(LONGEST_SHORT_SECONDS if setting.short else LONGEST_SECONDS):
        return await run(setting)


def _absent(name: str, error: ImportError) -> Trial:
    """A trial whose module can't be read, as one that fails: the others are run all the same."""

    async def run(_: Setting) -> Sequence[Figure]:
        raise ImportError(name) from error

    return run


def table(report: Report) -> str:
    """The report to be read in a terminal."""
    rows = [(one.name, one.value, one.target, one.verdict) for one in report.figures]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"  {name:<{widths[0]}}  {value:>{widths[1]}}  {target:>{widths[2]}}  {verdict}".rstrip()
        for name, value, target, verdict in rows
    ]
    return "\n".join([f"{report.title} (seed {report.seed}, {report.seconds:.0f} s)", *lines])


async def run(names: Sequence[str], seed: int, *, short: bool) -> list[Report]:
    """One trial after the other, each printed when it is known. Ctrl-C and SIGTERM end them, and what they started."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    reports = []
    for name in names:
        print(f"\n{name} …", flush=True)
        with Nursery() as Program.nursery:
            reports.append(await judge(TITLES[name], trial(name), seed, short=short))
        print(table(reports[-1]), flush=True)
    return reports


def store(machine: str, command: str, reports: Sequence[Report]) -> None:
    """The page."""
    said = f"`{command}` on {machine}.\n"
    PAGE.write_text("\n".join([HEAD, said, *(report.markdown() for report in reports)]), "utf-8")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="How much gets lost when things fail.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TITLES)}; none: all of them")
    parser.add_argument("--seed", type=int, help="repeats what is left to chance; drawn by default")
    parser.add_argument("--short", action="store_true", help="the size that CI runs")
    parser.add_argument("--store", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    if unknown := set(options.names) - set(TITLES):  # `choices` of 3.11 refuses no names at all
        parser.error(f"nothing is called {', '.join(sorted(unknown))}; there are {', '.join(TITLES)}")
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    machine = facts().partition(": ")[2]
    print(f"{machine}\nseed {seed}", flush=True)
    try:
        reports = asyncio.run(run(options.names or list(TITLES), seed, short=options.short))
    except asyncio.CancelledError:
        sys.exit(130)
    if options.store:
        store(machine, shlex.join(["python", "-m", "tests.chaos", *sys.argv[1:]]), reports)
    sys.exit(not all(report.met for report in reports))


if __name__ == "__main__":
    main()
