"""Parley: the composition root and the command line. The only file that names concrete classes."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

from config import Config, ConfigError, load
from handlers import BY_NAME, COMMANDS
from handlers.access import Access
from handlers.services import Model, Services
from messengers.base import Fatal, Messenger
from messengers.playground.server import Playground
from operations.health import serve_health
from operations.outbox import Outbox
from operations.reception import Reception
from operations.redaction import set_up_log
from operations.tasks import Tasks, first_to_end
from providers import PROVIDERS
from providers.offline import Offline
from providers.wrappers import Retrying
from storage.base import Store
from storage.sqlite import SqliteStore
from texts import Texts

log = logging.getLogger("parley")

DEFAULT_CONFIG = Path("config.yaml")
DRAIN_SECONDS = 8.0  # how long replies may go on after SIGTERM
RECENT_SECONDS = 60.0  # calls of an earlier run that a messenger may still count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bot; the exit code: 0 ended by a signal, 1 can't run, 2 the config is wrong."""
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
    set_up_log(config.log, config.secrets())
    try:
        asyncio.run(run(config))
    except (Fatal, OSError) as error:
        print(f"Parley can't run: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bot.py",
        description="Parley, a chat bot for Telegram and the browser. Without a config.yaml it runs the playground, "
        "a page on this computer, with a built-in offline demo.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings (default: config.yaml, if there)")
    parser.add_argument("--check", action="store_true", help="check the settings, reach nothing, and stop")
    return parser.parse_args(arguments)


async def run(config: Config) -> None:
    """Open what lives long, go on with what was left undone, and run until SIGTERM or Ctrl-C."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with AsyncExitStack() as stack:
        messengers = await _messengers(config, stack)
        store: Store = await stack.enter_async_context(SqliteStore(Path(config.storage.url.removeprefix("sqlite:"))))
        models = await _models(config, stack)
        tasks = await stack.enter_async_context(Tasks())
        outbox = Outbox(lambda address: messengers[address.messenger].open(address), store, tasks)
        services = Services(
            store=store,
            texts=Texts.load(config.language),
            access=Access(config.access, trusted=[Playground.name]),
            limits=config.limits,
            models=models,
            system_prompt=config.system_prompt,
            timezone=ZoneInfo(config.timezone),
            open_chat=lambda address: messengers[address.messenger].open(address),
            delivered=outbox.delivered,
        )
        reception = Reception(services, outbox, tasks)
        recent = await store.recent_places(RECENT_SECONDS)
        for messenger in messengers.values():
            messenger.budgets.written_before(recent)
        await reception.resume(messengers)
        await stack.enter_async_context(serve_health(config.health.listen, messengers))
        await _serve(config, messengers, reception, tasks, ended)


async def _messengers(config: Config, stack: AsyncExitStack) -> Mapping[str, Messenger]:
    """Those that are configured; a library is imported only for its own."""
    messengers: dict[str, Messenger] = {}
    if config.playground:
        messengers[Playground.name] = Playground(config.playground, BY_NAME)
    if config.telegram:
        from messengers.telegram.messenger import Telegram

        texts = Texts.load(config.language)
        menu = {
            code: [(each.name, language.say(f"command.{each.name}")) for each in COMMANDS if not each.hidden]
            for code, language in {"": texts.of(""), **texts.languages}.items()
        }
        messengers[Telegram.name] = await stack.enter_async_context(Telegram(config.telegram, BY_NAME, menu))
    return messengers


async def _models(config: Config, stack: AsyncExitStack) -> Mapping[str, Model]:
    classes = {each.Settings: each for each in PROVIDERS.values()}
    providers = {}
    for name, settings in config.providers.items():
        provider = classes[type(settings)](name, settings)
        providers[name] = await stack.enter_async_context(Retrying(provider, config.limits.attempts_per_turn))
    return {name: Model(name, settings, providers[settings.provider]) for name, settings in config.models.items()}


async def _serve(
    config: Config, messengers: Mapping[str, Messenger], reception: Reception, tasks: Tasks, ended: asyncio.Event
) -> None:
    """Take things in until the end is asked for, then give running replies a moment. Raises what ends the program."""
    async with Tasks() as intake:
        for messenger in messengers.values():
            intake.start(messenger.run(reception), messenger.name)
        intake.start(_greet(config, messengers), "greeting")
        await first_to_end(ended.wait(), intake.crash(), tasks.crash())
        # The messengers stay while replies end, so that people see them end; they only take nothing in any more.
        reception.close()
        if not await tasks.idle(DRAIN_SECONDS):
            log.info("some answers aren't finished: they go on at the next start")


async def _greet(config: Config, messengers: Mapping[str, Messenger]) -> None:
    """Say on the terminal what runs, where, and the next step."""
    say = Texts.load(config.language).of("").say
    lines = [say("welcome.title")]
    playground = messengers.get(Playground.name)
    if isinstance(playground, Playground):
        await playground.ready.wait()
        lines.append(say("welcome.playground", url=playground.url))
    if config.telegram:
        lines.append(say("welcome.telegram"))
        who = "public" if config.access.public else "listed" if config.access.allow else "admins"
        lines.append(say(f"welcome.access.{who if config.access.admins or who != 'admins' else 'nobody'}"))
    model, settings = next(iter(config.models.items()))
    lines.append(say("welcome.model", model=model, provider=settings.provider))
    if isinstance(config.providers[settings.provider], Offline.Settings):
        lines.append(say("welcome.offline"))
    lines.append(say("welcome.end" if messengers else "welcome.nothing"))
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
