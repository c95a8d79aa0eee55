"""kill -9 while Discord conversations stream, with sends that fail after they were done: each gets one whole answer."""

import asyncio
import random
import re
from dataclasses import dataclass, field

import pytest

from tests.program import Program
from tests.servers.discord_server import CREATE, EDIT, Channel, DiscordServer, Fault, Message, Person, RateRules
from tests.servers.model import Answer, ModelServer
from tests.servers.streaming import Request
from tests.whole.test_discord import config, finished

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 20261121
KILLS = 3
FAULTS = {Fault.applied_then_reset(): 0.05, Fault.html(502): 0.03}


@dataclass
class Town:
    """People who ask in channels and in private, by words and by commands; what they asked, by its number."""

    server: DiscordServer
    chance: random.Random
    asked: dict[int, Channel] = field(default_factory=dict)

    def ask(self) -> None:
        person, place = self.chance.choice(self._talks())
        person.say(place, f"question {len(self.asked)}!", mention_bot=True)
        self.asked[len(self.asked)] = place

    async def command(self) -> None:
        """By a command, which reaches the bot only while it is there."""
        person, place = self.chance.choice(self._talks())
        await person.slash(place, "ask", {"question": f"question {len(self.asked)}!"}).answered()
        self.asked[len(self.asked)] = place

    def _talks(self) -> list[tuple[Person, Channel]]:
        anna, bob = self.server.person("Anna"), self.server.person("Bob")
        channels = [self.server.channel(name) for name in ("one", "two", "three")]
        return [*((each, place) for each in (anna, bob) for place in channels), (anna, anna.dm), (bob, bob.dm)]

    def answers(self, number: int) -> list[Message]:
        return [each for each in self._said() if f"begin{number}" in each.text.split()]

    def finals(self, number: int) -> list[Message]:
        return [each for each in self.answers(number) if f"end{number}" in each.text.split() and finished(each)]

    def frozen(self) -> list[str]:
        return [each.text for each in self._said() if not finished(each) or each.thinking]

    def _said(self) -> list[Message]:
        return [each for place in set(self.asked.values()) for each in place.messages if each.author.is_bot]


def story(request: Request) -> Answer:
    """Every other answer is there nearly at once: its first send is soon followed by the final one."""
    number = re.findall(r"question (\d+)!", str(request.question))[-1]
    return Answer(text=f"begin{number} {'word ' * 25}end{number}", words_per_second=(40, 500)[int(number) % 2])


async def test_three_kills_while_five_places_stream_lose_double_and_freeze_nothing(
    tmp_path_factory: pytest.TempPathFactory, model: ModelServer
) -> None:
    model.rule = story
    async with DiscordServer(rates=RateRules()) as server:
        town = Town(server, random.Random(SEED))
        server.faults.at_random(FAULTS, seed=SEED, patterns=(CREATE, EDIT))
        async with Program(tmp_path_factory.mktemp("kills"), config(server, model)) as program:
            for starts in range(1, KILLS + 2):
                await program.started(starts)
                await server.wait_for(lambda each: each.ready and each.commands.registered(None), 20)
                server.faults.next(CREATE, Fault.applied_then_reset())
                await town.command()
                for _ in range(3 * (starts <= KILLS)):
                    town.ask()
                    await asyncio.sleep(town.chance.uniform(0.0, 0.4))
                if starts <= KILLS:
                    await program.kill()
                    town.ask()
                    await program.start()
            async with asyncio.timeout(40):
                while not all(town.finals(number) for number in town.asked) or town.frozen():
                    await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
        lost = [number for number in town.asked if not town.finals(number)]
        finals = [len(town.finals(number)) for number in town.asked]
        messages = [len(town.answers(number)) for number in town.asked]
        repeated, ambiguous = len(server.repeated), len(server.faults.ambiguous_sends)
        print(f"kills {KILLS}, asked {len(town.asked)}: lost {lost}, finals {finals}, frozen {town.frozen()}")
        print(f"messages {messages}; sends done though they seemed to fail {ambiguous}, names repeated {repeated}")
        assert (lost, town.frozen()) == ([], [])
        assert finals == messages == [1] * len(town.asked)
        assert ambiguous, "the faults did something"
        assert repeated
        assert "Traceback" not in program.output
