"""`python -m bench [start|live|parts|decoders|wrappers …] [--chats 1 20] [--scenarios private hidden] [--store]`.

Measures what is named, or all of it. `--store` writes what `live` found to docs/live-replies.md and its plot.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.decoders import decoders
from bench.hidden import hidden, others
from bench.live import NOTES, Live, measure, table
from bench.machine import facts
from bench.parts import parts
from bench.report import store
from bench.scenarios import LIVE
from bench.start import start
from bench.table import Table
from bench.wrappers import wrappers

NAMES = ("start", "live", "parts", "decoders", "wrappers")
HIDDEN = "hidden"
SCENARIOS = (*LIVE, HIDDEN)


async def run(names: Sequence[str], options: argparse.Namespace) -> None:
    """Measure one thing after the other; each is printed when it is known."""
    machine = facts()
    print(machine, flush=True)
    for name in names:
        match name:
            case "start":
                _print(await start())
            case "live":
                await _live(machine, options)
            case "parts":
                _print(await parts())
            case "decoders":
                _print(await decoders())
            case _:
                _print(await wrappers())


async def _live(machine: str, options: argparse.Namespace) -> None:
    results: list[Live] = []
    tables: list[Table] = []
    for name in options.scenarios:
        if name == HIDDEN:
            tables.append(await asyncio.to_thread(hidden))
            _print(tables[-1])
            tables.append(await asyncio.to_thread(others))
        else:
            scenario = LIVE[name]
            found = [await measure(scenario, count) for count in scenario.counts(options.chats)]
            results += found
            tables.append(table(found))
        _print(tables[-1])
    for note in NOTES:
        print(f"  {note}", flush=True)
    if options.store:
        store(machine, tables, results)


def _print(found: Table) -> None:
    print(f"\n{found}", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What Parley costs, and how late it is.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none: all of them")
    parser.add_argument("--chats", nargs="+", type=int, default=[1, 20, 100, 500], metavar="N", help="live: at once")
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS, metavar="NAME",
        help=f"live: of {', '.join(SCENARIOS)}; all of them by default")  # fmt: skip
    parser.add_argument("--store", action="store_true", help="live: write docs/live-replies.md and .svg")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):  # `choices` of 3.11 refuses no names at all
        parser.error(f"nothing is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if min(options.chats) < 1:
        parser.error("--chats: at least one chat must ask")
    if not Path("/proc/self/schedstat").exists():
        sys.exit("The bench reads memory and CPU time from /proc: it runs on Linux only.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the bots that it started end with it
    try:
        asyncio.run(run(options.names or NAMES, options))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
