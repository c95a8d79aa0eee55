"""`python -m bench [start] [telegram] [parts] [decoders] [--chats 1 20]`: measures what is named, or all of it."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.decoders import decoders
from bench.machine import facts
from bench.parts import parts
from bench.start import start
from bench.telegram import telegram

NAMES = ("start", "telegram", "parts", "decoders")


async def run(names: Sequence[str], chats: Sequence[int]) -> None:
    """Measure one thing after the other; each is printed when it is known."""
    print(facts(), flush=True)
    for name in names:
        match name:
            case "start":
                table = await start()
            case "telegram":
                table = await telegram(chats)
            case "parts":
                table = await parts()
            case _:
                table = await decoders()
        print(f"\n{table}", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What Parley costs, and how late it is.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none: all of them")
    parser.add_argument("--chats", nargs="+", type=int, default=[1, 20], metavar="N", help="telegram: how many at once")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):  # `choices` of 3.11 refuses no names at all
        parser.error(f"nothing is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if min(options.chats) < 1:
        parser.error("--chats: at least one chat must ask")
    if not Path("/proc/self/stat").exists():
        sys.exit("The bench reads memory and CPU time from /proc: it runs on Linux only.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the bots that it started end with it
    try:
        asyncio.run(run(options.names or NAMES, options.chats))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
