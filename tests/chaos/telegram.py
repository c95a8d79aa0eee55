"""The Telegram trial: 1,000 messages in 40 chats, 100 × kill -9, 20 × SIGTERM and 2,000 HTTP faults.

The real program runs against the stand-in Telegram, with its flood control, and a stand-in model that fails as well.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.chaos.figures import Figure, Setting
from tests.chaos.ledger import Ledger
from tests.chaos.telegram_figures import Doings, figures
from tests.chaos.telegram_town import FULL, MODELS, SHORT, Mind, Size, Town, town
from tests.program import Program
from tests.servers.model import ModelServer
from tests.servers.telegram import Fault, TelegramServer
from tests.servers.telegram_faults import POLLING

METHODS = (POLLING, "sendMessage", "editMessageText", "deleteMessage", "sendChatAction")
FAULTS = {
    Fault.bad_gateway(): 0.07,
    Fault.bad_gateway(applied=True): 0.04,
    Fault.reset(): 0.07,
    Fault.applied_then_reset(): 0.05,
    Fault.cut_body(): 0.04,
    Fault.stall(0.3): 0.03,
    Fault.stall(2.0): 0.005,
    Fault.stall(0.5, applied=False): 0.02,
    Fault.flood(1): 0.015,
    Fault.flood(3): 0.005,
}
CONFLICT_RATE = 0.03  # of polls; only while the bot is killed: a minute of them means another program to it
MOST_PLANNED = 8
RUNNING = "Ctrl-C ends it."
QUIET_SECONDS = 2.0
DRAIN_SECONDS = 400.0  # after the last kill; whatever isn't answered then is lost
START_SECONDS = 90.0  # on a busy machine
STOP_SECONDS = 15.0  # 8 for replies, a few for calls in flight
LOOK_SECONDS = 1.0
DIES_WHILE_STARTING = 0.1


class Harness:
    """The trial while it runs; each of its sources of chance has a seed of its own, for they run side by side."""

    def __init__(self, size: Size, seed: int, town: Town, program: Program) -> None:
        chance = random.Random(seed)
        self.doings = Doings()
        self._size, self._town, self._program = size, town, program
        self._kills, self._pauses, self._faults = (random.Random(chance.getrandbits(32)) for _ in range(3))
        self._seed_of_faults = chance.getrandbits(32)

    async def run(self) -> None:
        """Kill and start again while people talk; then wait until all is answered."""
        self._torment({**FAULTS, Fault.conflict(): CONFLICT_RATE})
        try:
            async with asyncio.timeout(self._size.seconds):
                async with asyncio.TaskGroup() as beside:
                    beside.create_task(self._talk())
                    beside.create_task(self._interrupt())
                self._torment(FAULTS)
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._settled()
        except TimeoutError:
            self.doings.in_time = False
        await self._terminate()

    def _torment(self, rates: Mapping[Fault, float]) -> None:
        self._town.server.faults.at_random(rates, seed=self._seed_of_faults, methods=METHODS)

    async def _talk(self) -> None:
        """As many have spoken as have been killed, in proportion: messages come all the time, also to a dead bot."""
        size, asked = self._size, self._town.asked
        while len(asked) < size.messages:
            share = (len(self.doings.ends) + 1) / (size.kills + size.terms + 1)
            if len(asked) < share * size.messages:
                self._town.speak()
                self._top_up()
            await asyncio.sleep(self._pauses.uniform(0, 2 * size.pause))

    def _top_up(self) -> None:
        """Plan a fault where chance alone would not come to as many as are wanted."""
        faults = self._town.server.faults
        wanted = 1.1 * self._size.faults * len(self._town.asked) / self._size.messages
        while len(faults.injected) + faults.planned < wanted and faults.planned < MOST_PLANNED:
            (method,) = self._faults.choices(METHODS[:3], (1, 4, 4))
            faults.next(method, self._faults.choice([fault for fault in FAULTS if fault.seconds < 1]))

    async def _interrupt(self) -> None:
        plan = ["kill"] * self._size.kills + ["term"] * self._size.terms
        self._kills.shuffle(plan)
        for how in plan:
            early, first, then = (
                self._kills.random(),
                self._kills.uniform(0, 0.5),
                self._kills.uniform(*self._size.runs),
            )
            if how == "kill" and early < DIES_WHILE_STARTING:
                await self._begin()
                await asyncio.sleep(first)
            else:
                await self._start()
                await asyncio.sleep(then)
            await (self._kill() if how == "kill" else self._terminate())
        await self._start()

    async def _start(self) -> None:
        before = self._program.output.count(RUNNING)
        await self._begin()
        await self._program.says(RUNNING, before + 1, START_SECONDS)

    async def _begin(self) -> None:
        """By its command now and then, and forked where that would take most of the time."""
        every = (self._size.kills + self._size.terms + 1) // self._size.cold
        cold = (self.doings.cold + self.doings.forked) % every == 0
        await self._program.start(cold=cold)
        self.doings.cold += cold
        self.doings.forked += not cold

    async def _kill(self) -> None:
        await self._program.kill()
        self.doings.kills.append(time.time())

    async def _terminate(self) -> None:
        self.doings.terms.append(time.time())
        try:
            self.doings.exits.append(await self._program.terminate(STOP_SECONDS))
        except TimeoutError:
            self.doings.exits.append(None)
            await self._program.kill()

    async def _settled(self) -> None:
        """Wait until every question and command is answered and nothing changes any more."""
        while not self._done(self._town.ledger(self.doings.kills)):
            self._top_up()
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(QUIET_SECONDS)

    def _done(self, ledger: Ledger) -> bool:
        waiting = self._town.server.updates.unconfirmed
        pending = set(ledger.lost) - set(ledger.explained)
        return not (pending or ledger.frozen or ledger.unanswered_commands or waiting)


async def run(setting: Setting) -> Sequence[Figure]:
    """Everything that was counted."""
    size, chance = SHORT if setting.short else FULL, random.Random(setting.seed)
    async with TelegramServer() as telegram, ModelServer() as model:
        people = town(telegram, random.Random(chance.getrandbits(32)), size)
        model.rule = mind = Mind(people, random.Random(chance.getrandbits(32)))
        program = Program(setting.folder, _config(telegram, model))
        harness = Harness(size, chance.getrandbits(32), people, program)
        try:
            await harness.run()
        finally:
            await program.kill()
        return figures(size, harness.doings, people, mind, setting.folder)


def _config(telegram: TelegramServer, model: ModelServer) -> dict[str, Any]:
    return {
        "telegram": {"token": telegram.token, "api_base_url": telegram.base_url},
        "access": {"public": True, "admins": ["telegram:1999"]},
        "providers": {"local": {"type": "openai", "base_url": model.url, "api_key": "none"}},
        "models": {name: {"provider": "local", "model": "stand-in"} for name in MODELS},
    }
