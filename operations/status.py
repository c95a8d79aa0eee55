"""The command line's `status`: what the database says, and the running bot, if there is one."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from storage.base import Amount, Standing
from texts import Language

TIMEOUT_SECONDS = 5.0
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - it is asked, not opened


@dataclass(frozen=True, slots=True)
class Health:
    """What /healthz answered."""

    ok: bool
    running_seconds: int
    seconds_since_poll: Mapping[str, float]


async def ask_health(listen: str) -> Health | None:
    """What the bot that listens there says; None: nobody answers, or not like a bot."""
    host, _, port = listen.rpartition(":")
    url = f"http://{EVERYWHERE.get(host, host)}:{port}/healthz"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            body: Any = await response.json()
            return Health(response.status == 200, int(body["running_seconds"]), body["seconds_since_poll"])
    except (TimeoutError, aiohttp.ClientError, ValueError, LookupError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class State:
    """All that is known. `listen`: where the bot was asked; empty = nowhere."""

    listen: str
    health: Health | None
    standing: Standing
    used: Amount  # today
    path: Path  # of the database


def rows(language: Language, state: State) -> Sequence[tuple[str, str]]:
    """The table: what it is, and how it is."""
    say, used, standing = language.say, state.used, state.standing
    tokens = used.input_tokens + used.output_tokens
    amount = say("cli.status.amount", messages=used.messages, images=used.images, tokens=tokens)
    turns = say("cli.status.turns", new=standing.new, running=standing.running, answered=standing.answered)
    heard = state.health.seconds_since_poll if state.health else {}
    return [
        (say("cli.status.bot"), _how(language, state.listen, state.health)),
        *(
            (say("cli.status.heard", messenger=name), say("cli.status.seconds", seconds=f"{seconds:.0f}"))
            for name, seconds in heard.items()
        ),
        (say("cli.status.inbox"), turns),
        *_waiting(language, standing),
        (say("cli.status.dead"), str(standing.dead)),
        (say("cli.status.used"), amount),
        (
            say("cli.status.database"),
            say("cli.status.megabytes", path=str(state.path), megabytes=megabytes(state.path)),
        ),
    ]


def table(lines: Sequence[tuple[str, str]]) -> str:
    """Two columns."""
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def megabytes(path: Path) -> str:
    """A file's size."""
    return f"{path.stat().st_size / 1e6:.1f}"


def _how(language: Language, listen: str, health: Health | None) -> str:
    if not listen:
        return language.say("cli.status.unknown")
    if health is None:
        return language.say("cli.status.silent", listen=listen)
    if not health.ok:
        return language.say("cli.status.deaf")
    hours, minutes = divmod(health.running_seconds // 60, 60)
    return language.say("cli.status.running", hours=hours, minutes=f"{minutes:02}", listen=listen)


def _waiting(language: Language, standing: Standing) -> Sequence[tuple[str, str]]:
    if standing.waiting_since is None:
        return ()
    seconds = f"{time.time() - standing.waiting_since:.0f}"
    return [(language.say("cli.status.waiting"), language.say("cli.status.since", seconds=seconds))]
