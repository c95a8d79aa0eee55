"""Parley: the composition root and the command line. Only the modules at the top name concrete classes."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from composition import provider_of, to_be_listed, with_local_servers
from config import Config, ConfigError, load
from handlers import BY_NAME, menu
from messengers.base import Fatal, Messenger
from messengers.playground.server import Playground
from operations import limits
from operations.counting import Counts
from operations.figures import Sources, figures
from operations.health import serve_health
from operations.housekeeping import follow_changes, prune_daily, watch
from operations.outbox import Outbox
from operations.reception import Reception
from operations.redaction import set_up_log
from operations.tasks import Tasks, first_to_end
from operations.watching import ConfigChanges
from program import Program
from providers.http import HttpSettings
from providers.listing import USUAL, Listings, Pauses
from providers.offline import Offline
from storage.base import Store
from storage.sqlite import SqliteStore
from texts import Texts
from verbs import add_verbs, run_verb

log = logging.getLogger("parley")

DEFAULT_CONFIG = Path("config.yaml")
DRAIN_SECONDS = 8.0  # how long replies may go on after SIGTERM
RECENT_SECONDS = 60.0  # calls of an earlier run that a messenger may still count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bot, or a verb; the exit code: 0 ended by a signal, or done, 1 can't run, 2 the config is wrong."""
    options = _parse(arguments)
    path = options.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    try:
        config = load(path, os.environ)
    except ConfigError as error:
        count = len(error.faults)
        print(f"{path} can't be used, for {count} reason{'s'[: count > 1]}:\n{error}", file=sys.stderr)
        return 2
    if options.check:
        print(f"{path or 'No config.yaml: the built-in settings'}: everything is in order.")
        return 0
    if options.verb:
        return run_verb(options, config)
    set_up_log(config.log, config.secrets())
    try:
        asyncio.run(run(config))
    except (Fatal, OSError) as error:
        log.critical("Parley can't run: %s", error)
        return 1
    except Exception:  # a border: also the last traceback must pass the redaction
        log.exception("Parley ended by a fault of its own")
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bot.py",
        description="Parley, a chat bot for Telegram, Discord and the browser. Without a config.yaml it runs the "
        "playground, a page on this computer, with a built-in offline demo or a model that runs here.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings (default: config.yaml, if there)")
    parser.add_argument("--check", action="store_true", help="check the settings, reach nothing, and stop")
    add_verbs(parser)
    return parser.parse_args(arguments)


async def run(config: Config, pauses: Pauses = USUAL) -> None:
    """Open what lives long, go on with what was left undone, and run until SIGTERM or Ctrl-C."""
    config = await with_local_servers(config)
    ended, reload = asyncio.Event(), asyncio.Event()
    changes = ConfigChanges(config.files, reload)  # before all that takes time: no change is to be missed
    for number, event in ((signal.SIGINT, ended), (signal.SIGTERM, ended), (signal.SIGHUP, reload)):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    listings = Listings(provider_of, pauses)
    await first_to_end(ended.wait(), listings.ask(to_be_listed(config)))
    async with AsyncExitStack() as stack:
        texts = Texts.load(config.language)  # once: parsing them takes a tenth of a second
        messengers = await _messengers(config, texts, stack)
        store: Store = await stack.enter_async_context(SqliteStore(config.storage.path))
        outliving = await stack.enter_async_context(AsyncExitStack())  # providers close after the replies that use them
        tasks = await stack.enter_async_context(Tasks())
        counts = Counts()
        outbox = Outbox(lambda address: messengers[address.messenger].open(address), store, tasks, counts.note)
        program = Program(config, messengers, store, outbox, tasks, texts=texts, note=counts.note, listings=listings)
        reception = await outliving.enter_async_context(program)
        recent = await store.recent_places(RECENT_SECONDS)
        for messenger in messengers.values():
            messenger.budgets.written_before(recent)
        budgets = {name: messenger.budgets for name, messenger in messengers.items()}
        await limits.recall(store, budgets)
        await reception.resume(messengers)
        now = partial(datetime.now, ZoneInfo(config.timezone))
        sources = Sources(
            store, counts, program.record, messengers, lambda: outbox.size, reception.running_for, now, time.time()
        )
        await stack.enter_async_context(serve_health(config.health.listen, messengers, partial(figures, sources)))
        async with Tasks() as house:
            house.start(prune_daily(store, config.storage.retention_days, now), "retention")
            house.start(follow_changes(store, partial(reception.take_up, messengers)), "changes")
            house.start(limits.keep(store, budgets), "limits")
            house.start(listings.follow(program.list_again), "listings")
            house.start(watch(reception.running_for, _patience(config)), "watch")
            await first_to_end(house.crash(), _serve(program, reception, tasks, ended, changes))


def _patience(config: Config) -> float:
    """Seconds that no turn should run for: a question to a model and one to its fallback, and waiting for both."""
    timeouts = [each.total_timeout_seconds for each in config.providers.values() if isinstance(each, HttpSettings)]
    return 2 * max(timeouts, default=60.0) + 60


async def _messengers(config: Config, texts: Texts, stack: AsyncExitStack) -> Mapping[str, Messenger]:
    """Those that are configured; a library is imported only for its own."""
    messengers: dict[str, Messenger] = {}
    if config.playground:
        folder = config.storage.path.with_name("playground")
        playground = Playground(config.playground, menu(texts), folder, texts.section("page"))
        messengers[Playground.name] = await stack.enter_async_context(playground)
    if config.telegram:
        from messengers.telegram.messenger import Telegram

        telegram = Telegram(config.telegram, BY_NAME, menu(texts))
        messengers[Telegram.name] = await stack.enter_async_context(telegram)
    if config.discord:
        from messengers.discord.messenger import Discord

        discord = Discord(config.discord, menu(texts), texts.section("discord"))
        messengers[Discord.name] = await stack.enter_async_context(discord)
    return messengers


async def _serve(
    program: Program, reception: Reception, tasks: Tasks, ended: asyncio.Event, changes: ConfigChanges
) -> None:
    """Take things in until the end is asked for, then give running replies a moment. Raises what ends the program."""
    gc.freeze()  # a look through all that was imported would stop every reply for a sixth of a second
    async with Tasks() as intake:
        for messenger in program.messengers.values():
            intake.start(messenger.run(reception), messenger.name)
        intake.start(_greet(program.config, program.texts, program.messengers), "greeting")
        intake.start(_follow(program, changes), "config")
        await first_to_end(ended.wait(), intake.crash(), tasks.crash())
        # The messengers stay while replies end, so that people see them end; they only take nothing in any more.
        reception.close()
        if not await tasks.idle(DRAIN_SECONDS):
            log.info("some answers aren't finished: they go on at the next start")


async def _follow(program: Program, changes: ConfigChanges) -> None:
    """Read the config again when its file changes, or when SIGHUP asks for it."""
    async for _ in changes:
        await program.reload()


async def _greet(config: Config, texts: Texts, messengers: Mapping[str, Messenger]) -> None:
    """Say on the terminal what runs, where, and the next step."""
    say = texts.of("").say
    lines = [say("welcome.title")]
    playground = messengers.get(Playground.name)
    if isinstance(playground, Playground):
        await playground.ready.wait()
        lines.append(say("welcome.playground", url=playground.url))
    if config.telegram:
        lines.append(say("welcome.telegram"))
    if config.discord:
        lines.append(say("welcome.discord"))
    if config.telegram or config.discord:
        who = "public" if config.access.public else "listed" if config.access.allow else "admins"
        lines.append(say(f"welcome.access.{who}"))
        if not config.access.admins:
            lines.append(say("welcome.access.no_admin"))
    model, settings = next(iter(config.models.items()))
    lines.append(say("welcome.model", model=model, provider=settings.provider))
    if isinstance(config.providers[settings.provider], Offline.Settings):
        lines.append(say("welcome.offline"))
    elif config.answered_by_demo:
        lines.append(say("welcome.local", count=len(config.models) - 1))
    lines.append(say("welcome.end" if messengers else "welcome.nothing"))
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
