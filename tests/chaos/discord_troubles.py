"""What happens to the bot in the trial for Discord: when its process dies, what the gateway and the network do."""

import asyncio
import contextlib
import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from tests.chaos.discord_town import Town
from tests.program import Program
from tests.servers.discord_server import DiscordServer, Fault

Trouble = Literal[
    "reset", "closed", "op 7", "op 9", "op 9, resumable", "session forgotten", "connections refused", "silence",
    "long silence", "outage",
]  # fmt: skip
End = Literal["kill", "SIGTERM"]
GATEWAY: Sequence[Trouble] = get_args(Trouble)[:-2]  # of each there are as many
LONG_SILENCE: Trouble = "long silence"
OUTAGE: Trouble = "outage"
_KILL: End = "kill"
_TERM: End = "SIGTERM"

STARTED = "Ctrl-C ends it."
CONNECTED_SECONDS = 200.0  # silence is noticed after 60 s; then a pause of up to a minute, which a fault may double
SILENT_SECONDS = (0.5, 2.5)  # until something on the way resets a connection over which nothing came
IN_AN_OUTAGE = 3  # questions

REST_FAULTS = {
    Fault.reset(): 0.03,
    Fault.applied_then_reset(): 0.05,
    Fault.html(502): 0.04,
    Fault.html(502, applied=True): 0.03,
    Fault.cut_body(): 0.03,
    Fault.wrong_type(): 0.01,
    Fault.stall(1.0): 0.01,
    Fault.stall(1.0, applied=False): 0.01,
    Fault.flood(0.5): 0.02,
    Fault.flood(0.5, via=False): 0.01,
    Fault.flood(1.0, everywhere=True): 0.01,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each. `gateway_faults`: of each kind; `long_silences` last until the bot itself notices."""

    messages: int
    rooms: int
    threads: int
    people: int
    kills: int
    terms: int
    gateway_faults: int
    rest_faults: int
    outages: int
    outage_seconds: float
    long_silences: int
    newcomers: int
    pause: tuple[float, float]  # seconds between two questions
    patience: float  # seconds in which all must be answered in the end


@dataclass
class Troubles:
    """Makes trouble; the record of it. `kills`: when the process died by kill -9 (Unix seconds); `ends`: by anything.

    `spans`: when each trouble and each end of the process began, and when it was over.
    """

    server: DiscordServer
    program: Program
    town: Town
    size: Size
    chance: random.Random
    kills: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    happened: Counter[Trouble] = field(default_factory=Counter)
    _starts: int = 0  # that came so far as to say it, before this one

    def plan(self) -> list[tuple[Sequence[Trouble], End]]:
        """What happens in the life of each process, and how that ends."""
        size = self.size
        ends = self.chance.sample([_KILL, _TERM], size.kills + size.terms, counts=[size.kills, size.terms])
        troubles = [kind for kind in GATEWAY for _ in range(size.gateway_faults)]
        troubles += [LONG_SILENCE] * size.long_silences + [OUTAGE] * size.outages
        most = math.ceil(len(troubles) / len(ends))  # with each the bot waits longer before it connects again
        lives: list[list[Trouble]] = [[] for _ in ends]
        for trouble in self.chance.sample(troubles, len(troubles)):
            self.chance.choice([life for life in lives if len(life) < most]).append(trouble)
        return list(zip(lives, ends, strict=True))

    async def make(self, trouble: Trouble) -> None:
        """Wait until the bot is connected, let somebody use a command, and make that trouble."""
        await self.server.wait_for(lambda server: server.gateway.heard, CONNECTED_SECONDS)
        self.town.command()
        await asyncio.sleep(self.chance.uniform(0.0, 2 * self.size.pause[1]))
        await self.server.wait_for(lambda server: server.gateway.heard, CONNECTED_SECONDS)
        self.happened[trouble] += 1
        with self._noted():
            await self._happen(trouble)

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        begun = time.time()
        yield
        self.spans.append((begun, time.time()))

    async def _happen(self, trouble: Trouble) -> None:
        match trouble:
            case "outage":
                await self._outage()
            case "silence" | "long silence":
                await self._silence(trouble)
            case _:
                await self._disturb(trouble)

    async def end(self, how: End, *, newcomer: bool) -> None:
        """End the process, let somebody say something meanwhile, perhaps for the first time, and start it again."""
        with self._noted():
            if how == "kill":
                await self.program.kill()
                self.kills.append(time.time())
            else:
                await self._terminate()
        self.ends.append(time.time())
        self.town.ask()
        if newcomer:
            self.town.newcomer()
        self._starts = self.program.output.count(STARTED)
        await self.program.start()

    async def _terminate(self) -> None:
        await self.program.says(STARTED, self._starts + 1, CONNECTED_SECONDS)  # before that it has no say in it
        exiting = asyncio.create_task(self.program.terminate(30))
        self.town.ask()
        self.exits.append(await exiting)

    async def _disturb(self, trouble: Trouble) -> None:
        gateway = self.server.gateway
        match trouble:
            case "closed":
                await gateway.close(4000)
            case "op 7":
                gateway.reconnect()
            case "op 9" | "op 9, resumable":
                gateway.invalidate(resumable=trouble != "op 9")
            case "session forgotten":
                gateway.forget_sessions()
                gateway.drop()
            case "connections refused":
                gateway.refuse(1, self.chance.choice(("503", "reset")))
                gateway.drop()
            case _:
                gateway.drop()

    async def _silence(self, trouble: Trouble) -> None:
        self.server.gateway.fall_silent()
        for _ in range(2):
            self.town.ask()
            await asyncio.sleep(self.chance.uniform(*SILENT_SECONDS) / 2)
        if trouble == "silence":
            self.server.gateway.drop()

    async def _outage(self) -> None:
        await self.server.stop()
        for _ in range(IN_AN_OUTAGE):
            await asyncio.sleep(self.size.outage_seconds / IN_AN_OUTAGE)
            self.town.ask()
        await self.server.start()
