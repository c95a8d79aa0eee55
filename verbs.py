"""What `python bot.py VERB` does in the terminal, instead of running the bot; most of it also beside a running one."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from chat.messages import Message
from composition import Record, open_models, provider_of, to_be_listed, with_listed, with_local_servers
from config import Config
from handlers.model import unknown
from handlers.settings import ALL_LISTED
from operations import asking, dead_letters, status
from operations.redaction import RedactingFormatter, set_up_log
from providers.base import ReplyRequest
from providers.listing import Listings
from storage.base import Store
from storage.sqlite import SqliteStore
from storage.sqlite_file import backup
from texts import Language, Texts

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130  # exit codes
YES = "yes"


def add_verbs(parser: argparse.ArgumentParser) -> None:
    """The verbs, and what they take."""
    verbs = parser.add_subparsers(title="in the terminal, instead of running the bot", dest="verb", metavar="")
    verbs.add_parser("models", help="list what the configured providers offer")
    ask = verbs.add_parser("ask", help='ask one model, to see that it answers: ask gpt "How are you?"')
    ask.add_argument("model", metavar="MODEL", help="its name under `models` in the config")
    ask.add_argument("question", metavar="QUESTION")
    verbs.add_parser("status", help="how the bot is, whether it runs or not; exit code 1: it isn't well")
    dead = verbs.add_parser("dead", help="what was given up: dead list, dead show 12, dead retry 12, dead drop all")
    dead.add_argument("what", choices=("list", "show", "retry", "drop"))
    dead.add_argument(
        "numbers", nargs="*", metavar="NUMBER", help="as the list tells them; for retry and drop also: all"
    )
    copy = verbs.add_parser("backup", help="copy the database into a file, also while the bot runs")
    copy.add_argument("file", type=Path, metavar="FILE")
    copy.add_argument("--force", action="store_true", help="replace the file if it is there")
    forget = verbs.add_parser("forget", help="delete all that is stored of a conversation: forget telegram:1234")
    forget.add_argument("conversation", metavar="CONVERSATION")
    forget.add_argument("--yes", action="store_true", help="don't ask")
    for verb in verbs.choices.values():
        verb.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the settings")


def run_verb(options: argparse.Namespace, config: Config) -> int:
    """What is asked for; the exit code: 0 done, 1 it failed, 2 it can't be asked for like that, 130 by Ctrl-C."""
    set_up_log(config.log.model_copy(update={"level": "warning"}), config.secrets())
    call = Call(
        options, config, Texts.load(config.language).of(""), RedactingFormatter(config.secrets(), as_json=False)
    )
    try:
        if options.verb == "forget" and not options.yes and not _is_sure(call):
            return call.fail("cli.forget.kept")
        return asyncio.run(VERBS[options.verb](call))
    except OSError as error:
        return call.fail("cli.failed", why=str(error))
    except KeyboardInterrupt:
        return INTERRUPTED


@dataclass(frozen=True, slots=True)
class Call:
    """A verb with its arguments, and how to say something: redacted, for reasons hold what servers said."""

    options: argparse.Namespace
    config: Config
    language: Language
    formatter: RedactingFormatter

    @property
    def timezone(self) -> ZoneInfo:
        """Where the bot is at home."""
        return ZoneInfo(self.config.timezone)

    def say(self, text: str) -> None:
        """Write a line to the terminal."""
        sys.stdout.write(f"{self.formatter.redacted(text)}\n")

    def fail(self, key: str, code: int = FAILED, **values: str | int) -> int:
        """Say why it can't be; the exit code."""
        sys.stderr.write(f"{self.formatter.redacted(self.language.say(key, **values))}\n")
        return code

    def terminal(self, to: TextIO, *, redacted: bool = True) -> "Shown":
        """Where words from outside are seen instead of obeyed; unless `redacted`, secrets among them too."""
        return Shown(to, self.formatter if redacted else RedactingFormatter((), as_json=False))

    async def with_store(self, work: Callable[[Store], Awaitable[int]]) -> int:
        """What `work` gives for the database, which is never made here: by default the exit code."""
        path = self.config.storage.path
        if not path.exists():
            return self.fail("cli.no_database", path=str(path))
        async with SqliteStore(path, check=False) as store:
            return await work(store)


@dataclass(frozen=True, slots=True)
class Shown:
    """See `operations.asking.Terminal`: control characters are written out."""

    to: TextIO
    formatter: RedactingFormatter

    def write(self, text: str, /) -> None:
        """See `Terminal.write`."""
        self.to.write(self.formatter.redacted(text))

    def flush(self) -> None:
        """See `Terminal.flush`."""
        self.to.flush()


async def _models(call: Call) -> int:
    config = await with_local_servers(call.config)
    async with AsyncExitStack() as stack:
        providers = {
            name: await stack.enter_async_context(provider_of(name, settings))
            for name, settings in config.providers.items()
        }
        return await asking.list_models(providers, call.language, call.terminal(sys.stdout), call.terminal(sys.stderr))


async def _ask(call: Call) -> int:
    """One model without its fallbacks: it is the one that is to be tried."""
    language, name = call.language, call.options.model
    config = await _offering(name, await with_local_servers(call.config))
    if name not in config.models:
        sys.stderr.write(f"{call.formatter.redacted(unknown(name, list(config.models), language, mark=''))}\n")
        return MISUSED
    settings = config.models[name].model_copy(update={"fallback": ()})
    providers = {settings.provider: config.providers[settings.provider]}
    alone = {"providers": providers, "models": {name: settings}, "image_models": {}}
    async with AsyncExitStack() as stack:
        answering = await open_models(config.model_copy(update=alone), stack, Record())
        provider = answering.models[name].provider
        messages, attempts = (Message("user", call.options.question),), config.limits.attempts_per_turn
        request = ReplyRequest(settings.model, messages, parameters=settings.parameters, attempts=attempts)
        sys.stderr.write(f"{language.say('cli.asking', model=name, provider=settings.provider)}\n")
        answer = call.terminal(sys.stdout, redacted=False)  # a model's answer is never redacted
        return await asking.ask(partial(provider.stream_reply, request), language, answer, call.terminal(sys.stderr))


async def _offering(name: str, config: Config) -> Config:
    """With what providers list, unless the config itself names the model."""
    if name in config.models and config.models[name].model != ALL_LISTED:
        return config
    listings = Listings(provider_of)
    await listings.ask(to_be_listed(config))
    return with_listed(config, listings.lists)


async def _status(call: Call) -> int:
    return await call.with_store(partial(_show_status, call))


async def _show_status(call: Call, store: Store) -> int:
    listen, path = call.config.health.listen, call.config.storage.path
    health = await status.ask_health(listen) if listen else None
    used = await store.used(f"{datetime.now(call.timezone):%Y-%m-%d}")
    state = status.State(listen, health, await store.standing(), used, path)
    call.say(status.table(status.rows(call.language, state)))
    return DONE if not listen or (health and health.ok) else FAILED


async def _dead(call: Call) -> int:
    given, what = call.options.numbers, call.options.what
    everything = given == ["all"] and what in {"retry", "drop"}
    numbers = None if everything else [int(number) for number in given if number.isascii() and number.isdigit()]
    if not everything and (len(numbers or ()) != len(given) or (not given and what != "list")):
        return call.fail("cli.dead.unknown", MISUSED, number=" ".join(given) or "?")
    return await call.with_store(lambda store: _handle_dead(call, store, what, numbers))


async def _handle_dead(call: Call, store: Store, what: str, numbers: Sequence[int] | None) -> int:
    unknown: Sequence[int] = ()
    match what:
        case "list":
            await dead_letters.list_letters(store, call.language, call.timezone, call.say)
        case "show":
            unknown = await dead_letters.show(store, numbers or (), call.timezone, call.say)
        case _:
            change = dead_letters.retry if what == "retry" else dead_letters.drop
            count, unknown = await change(store, numbers)
            key = "cli.dead.retried" if what == "retry" else "cli.dead.dropped"
            call.say(call.language.say(key, count=count))
    for number in unknown:
        call.fail("cli.dead.unknown", number=number)
    return FAILED if unknown else DONE


async def _backup(call: Call) -> int:
    path, file = call.config.storage.path, call.options.file
    try:
        await asyncio.to_thread(backup, path, file, overwrite=call.options.force)
    except FileExistsError:
        return call.fail("cli.backup.exists", file=str(file))
    except FileNotFoundError:
        if path.exists():  # then it is the folder of the copy that isn't there
            raise
        return call.fail("cli.no_database", path=str(path))
    call.say(call.language.say("cli.backup.done", file=str(file), megabytes=status.megabytes(file)))
    return DONE


async def _forget(call: Call) -> int:
    return await call.with_store(partial(_forget_in, call))


async def _forget_in(call: Call, store: Store) -> int:
    name = call.options.conversation
    if not await store.turns_of(name):
        return call.fail("cli.forget.nothing", conversation=name)
    count = await store.forget(name)
    await store.compact()
    call.say(call.language.say("cli.forget.done", count=count, conversation=name))
    if name.startswith("playground:"):
        call.say(call.language.say("cli.forget.playground"))
    return DONE


def _is_sure(call: Call) -> bool:
    """Ask at the terminal: outside of the event loop, where Ctrl-C wouldn't end the wait for an answer."""

    async def count(store: Store) -> int:
        return await store.turns_of(call.options.conversation)

    turns = asyncio.run(call.with_store(count)) if call.config.storage.path.exists() else 0
    if not turns:
        return True  # it is told that there is nothing
    sys.stdout.write(call.language.say("cli.forget.sure", count=turns, conversation=call.options.conversation))
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() == YES


VERBS: Mapping[str, Callable[[Call], Coroutine[object, object, int]]] = {
    "models": _models,
    "ask": _ask,
    "status": _status,
    "dead": _dead,
    "backup": _backup,
    "forget": _forget,
}
