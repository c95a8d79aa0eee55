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
from handlers import BY_NAME, menu
from handlers.access import Access
from handlers.services import Bot, ImageModel, Model, Services
from messengers.base import Fatal, Messenger
from messengers.playground.server import Playground
from operations.health import serve_health
from operations.outbox import Outbox
from operations.reception import Reception
from operations.redaction import set_up_log
from operations.tasks import Tasks, first_to_end
from operations.watching import ConfigChanges
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
        log.critical("Parley can't run: %s", error)
        return 1
    except Exception:  # a border: also the last traceback must pass the redaction
        log.exception("Parley ended by a fault of its own")
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
    ended, reload = asyncio.Event(), asyncio.Event()
    changes = ConfigChanges(config.files, reload)  # before all that takes time: no change is to be missed
    for number, event in ((signal.SIGINT, ended), (signal.SIGTERM, ended), (signal.SIGHUP, reload)):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    async with AsyncExitStack() as stack:
        messengers = await _messengers(config, stack)
        store: Store = await stack.enter_async_context(SqliteStore(Path(config.storage.url.removeprefix("sqlite:"))))
        outliving = await stack.enter_async_context(AsyncExitStack())  # providers close after the replies that use them
        tasks = await stack.enter_async_context(Tasks())
        outbox = Outbox(lambda address: messengers[address.messenger].open(address), store, tasks)
        program = Program(config, messengers, store, outbox, tasks)
        reception = await outliving.enter_async_context(program)
        recent = await store.recent_places(RECENT_SECONDS)
        for messenger in messengers.values():
            messenger.budgets.written_before(recent)
        await reception.resume(messengers)
        await stack.enter_async_context(serve_health(config.health.listen, messengers))
        await _serve(program, reception, tasks, ended, changes)


async def _messengers(config: Config, stack: AsyncExitStack) -> Mapping[str, Messenger]:
    """Those that are configured; a library is imported only for its own."""
    messengers: dict[str, Messenger] = {}
    if config.playground:
        messengers[Playground.name] = Playground(config.playground, BY_NAME)
    if config.telegram:
        from messengers.telegram.messenger import Telegram

        telegram = Telegram(config.telegram, BY_NAME, menu(Texts.load(config.language)))
        messengers[Telegram.name] = await stack.enter_async_context(telegram)
    return messengers


class Program:
    """What the config decides, and can decide anew while the bot runs. A context manager: it gives the reception."""

    def __init__(
        self, config: Config, messengers: Mapping[str, Messenger], store: Store, outbox: Outbox, tasks: Tasks
    ) -> None:
        self.config = config
        self.messengers = messengers
        self._outbox = outbox
        self._tasks = tasks
        self._bot = Bot(
            store=store,
            open_chat=lambda address: messengers[address.messenger].open(address),
            delivered=outbox.delivered,
            reload=self.reload,
            poll_ages=lambda: {name: messenger.seconds_since_poll for name, messenger in messengers.items()},
        )
        self._providers = AsyncExitStack()
        self._earlier: list[AsyncExitStack] = []  # of configs before, until the last answer of theirs is over

    async def __aenter__(self) -> Reception:
        self._reception = Reception(await self._services(self.config, self._providers), self._outbox, self._tasks)
        return self._reception

    async def __aexit__(self, *exc: object) -> None:
        for providers in (*self._earlier, self._providers):
            await providers.aclose()

    async def reload(self) -> Sequence[str]:
        """Read the config again; the faults, if it can't be used: then everything stays as it is."""
        try:
            config = load(self.config.source, os.environ)
        except ConfigError as error:
            log.error("the config can't be used, the earlier one stays:\n%s", error)
            return [str(fault) for fault in error.faults]
        if (config.telegram, config.playground, config.storage, config.health) != (
            self.config.telegram, self.config.playground, self.config.storage, self.config.health
        ):  # fmt: skip
            log.warning("what changed in telegram, playground, storage or health takes effect at the next start")
        set_up_log(config.log, config.secrets() | self.config.secrets())
        providers, earlier = AsyncExitStack(), self._providers
        services = await self._services(config, providers)
        self.config, self._providers = config, providers
        self._earlier.append(earlier)
        self._tasks.start(self._retire(services, earlier), "reload")
        log.info("the config was read again")
        return ()

    async def _retire(self, services: Services, earlier: AsyncExitStack) -> None:
        """Close the providers of before when the last answer of theirs is over."""
        await self._reception.use(services)
        self._earlier.remove(earlier)
        await earlier.aclose()

    async def _services(self, config: Config, stack: AsyncExitStack) -> Services:
        classes = {each.Settings: each for each in PROVIDERS.values()}
        providers = {}
        for name, settings in config.providers.items():
            provider = Retrying(classes[type(settings)](name, settings), config.limits.attempts_per_turn)
            providers[name] = await stack.enter_async_context(provider)
        return Services(
            bot=self._bot,
            texts=Texts.load(config.language),
            access=Access(config.access, trusted=[Playground.name]),
            limits=config.limits,
            models={name: Model(name, each, providers[each.provider]) for name, each in config.models.items()},
            image_models={
                name: ImageModel(name, each, providers[each.provider]) for name, each in config.image_models.items()
            },
            prompts=config.prompts,
            system_prompt=config.system_prompt,
            timezone=ZoneInfo(config.timezone),
        )


async def _serve(
    program: Program, reception: Reception, tasks: Tasks, ended: asyncio.Event, changes: ConfigChanges
) -> None:
    """Take things in until the end is asked for, then give running replies a moment. Raises what ends the program."""
    async with Tasks() as intake:
        for messenger in program.messengers.values():
            intake.start(messenger.run(reception), messenger.name)
        intake.start(_greet(program.config, program.messengers), "greeting")
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
        lines.append(say(f"welcome.access.{who}"))
        if not config.access.admins:
            lines.append(say("welcome.access.no_admin"))
    model, settings = next(iter(config.models.items()))
    lines.append(say("welcome.model", model=model, provider=settings.provider))
    if isinstance(config.providers[settings.provider], Offline.Settings):
        lines.append(say("welcome.offline"))
    lines.append(say("welcome.end" if messengers else "welcome.nothing"))
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    sys.exit(main())
