"""The trial for Discord: resets, op 7, op 9, silence, outages, failing calls, kills; each question gets one answer."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.discord_account import Account
from tests.chaos.discord_figures import answers_given, troubles_made
from tests.chaos.discord_town import Town
from tests.chaos.discord_troubles import REST_FAULTS, Size, Troubles
from tests.chaos.figures import Figure, Setting
from tests.chaos.kept import answer, kept
from tests.program import Program
from tests.servers.discord_server import FOLLOW_UP, DiscordServer, Fault, RateRules
from tests.servers.model import ModelServer

FULL = Size(
    messages=300, rooms=6, threads=2, people=4, kills=25, terms=8, gateway_faults=8, rest_faults=300, outages=3,
    outage_seconds=30.0, long_silences=1, newcomers=3, pause=(0.1, 1.0), patience=120.0,
)  # fmt: skip
SHORT = Size(
    messages=40, rooms=2, threads=1, people=2, kills=3, terms=1, gateway_faults=1, rest_faults=10, outages=1,
    outage_seconds=3.0, long_silences=0, newcomers=1, pause=(0.05, 0.2), patience=90.0,
)  # fmt: skip
HEARTBEAT_SECONDS = 5.0
FOLLOW_UPS = (Fault.applied_then_reset(), Fault.html(502))  # there are few, so these two are for certain
BEGIN_SECONDS = 60.0  # on a busy machine
STOP_SECONDS = 30.0  # more than a SIGTERM may take


async def run(setting: Setting) -> Sequence[Figure]:
    """See `tests.chaos.figures.Trial`."""
    size, chance = SHORT if setting.short else FULL, random.Random(setting.seed)
    database = setting.folder / "data/bot.db"
    async with ModelServer() as model, DiscordServer(rates=RateRules(), heartbeat=HEARTBEAT_SECONDS) as server:
        model.rule = answer
        town = Town(server, chance, size.rooms, size.threads, size.people)
        async with Program(setting.folder, _config(server, model)) as program:
            troubles = Troubles(server, program, town, size, chance)
            await _begin(town)
            server.faults.at_random(REST_FAULTS, seed=setting.seed)
            server.faults.next(FOLLOW_UP, *FOLLOW_UPS)
            await _live(troubles)
            await _settle(troubles, database)
            troubles.exits.append(await program.terminate(STOP_SECONDS))
            found = _account(troubles, database)
            return [*troubles_made(troubles), *answers_given(found, troubles, program.output)]


def _config(server: DiscordServer, model: ModelServer) -> dict[str, Any]:
    return {
        "discord": {"token": server.token, "api_base_url": server.rest_url, "gateway_url": server.gateway_url},
        "access": {"public": True},
        "limits": {"messages_per_day": 100_000, "all_messages_per_day": 100_000, "waiting_per_chat": 1000},
        "storage": {"url": "sqlite:data/bot.db"},
        "providers": {"local": {"type": "openai", "base_url": model.url, "api_key": "sk-a-very-secret-key"}},
        "models": {"main": {"provider": "local", "model": "stand-in"}},
        "system_prompt": "Be brief.",
    }


async def _begin(town: Town) -> None:
    """The bot is there, and has been talked to everywhere, before anything goes wrong."""
    await town.server.wait_for(lambda each: each.gateway.heard and each.commands.registered(None), BEGIN_SECONDS)
    town.begin()
    async with asyncio.timeout(BEGIN_SECONDS):
        while Account(town.asked, town.messages(), ()).unsettled:
            await asyncio.sleep(0.1)


async def _live(troubles: Troubles) -> None:
    """One life of the process after the other. People ask all the time, until they have asked enough."""
    town, size = troubles.town, troubles.size
    lives = troubles.plan()
    for number, (happens, end) in enumerate(lives):
        left = sum(len(others) + 1 for others, _ in lives[number:])
        questions = max(0, round((size.messages - len(town.asked)) / left) - 2)  # others are asked by what happens
        for trouble in happens:
            await _talk(troubles, questions)
            await troubles.make(trouble)
        await _talk(troubles, questions)
        await troubles.end(end, newcomer=number < size.newcomers)
    await _talk(troubles, max(0, size.messages - len(town.asked)))


async def _talk(troubles: Troubles, questions: int) -> None:
    for _ in range(questions):
        troubles.town.ask()
        await asyncio.sleep(troubles.chance.uniform(*troubles.size.pause))


def _account(troubles: Troubles, database: Path) -> Account:
    town, ambiguous = troubles.town, troubles.server.faults.ambiguous_sends
    sent = frozenset(one.message for one in ambiguous if one.message)
    return Account(
        town.asked,
        town.messages(),
        kept(database),
        troubles.kills,
        sent,
        troubles.spans,
        [one.call for one in troubles.server.faults.injected],
    )


async def _settle(troubles: Troubles, database: Path) -> None:
    """Wait until all is answered and nothing goes on any more, but not for ever."""
    try:
        async with asyncio.timeout(troubles.size.patience):
            while _account(troubles, database).unsettled:
                await asyncio.sleep(0.3)
            await troubles.server.settled(1.0, troubles.size.patience)
    except TimeoutError:
        return  # what isn't there yet is lost
