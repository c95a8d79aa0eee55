"""`python -m bench.stand_ins SCENARIO`: the stand-ins for a messenger and for the model, in a process of their own.

A line of JSON in, a line out; the first one comes unasked and is the bot's config.
{"do": "warm_up"}                                       one short answer in another chat
{"do": "ask", "first": 0, "count": 20, "seconds": 60}   ask in so many chats at once, wait for the answers: the record
{"do": "write", "first": 20, "count": 20}               everything is allowed now: how to write into these chats

All times in the record are of this process's clock.
"""

import asyncio
import gc
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.counting import STORY, WARM_UP, CountingModel, now, question
from bench.process import waited_seconds
from bench.scenarios import LIVE
from bench.sides import DiscordSide, Made, Side, TelegramSide

WARM_CHAT = -1
LOOK_SECONDS = 0.02


class StandIns:
    """Both, and what is done with them."""

    def __init__(self, side: Side, model: CountingModel) -> None:
        self._side = side
        self._model = model
        self.verbs: Mapping[str, Callable[..., Any]] = {"warm_up": self.warm_up, "ask": self.ask, "write": self.write}

    def config(self) -> dict[str, Any]:
        """The bot's."""
        return {
            **self._side.config(),
            "access": {"public": True, "admins": ["telegram:1999"]},
            "providers": {
                "local": {"type": "openai", "base_url": self._model.url, "api_key": "none", "max_concurrent": 10_000}
            },
            "models": {"main": {"provider": "local", "model": "stand-in"}},
        }

    async def warm_up(self) -> None:
        """One short answer in another chat."""
        async with asyncio.timeout(30):
            while not self._side.listening():
                await asyncio.sleep(LOOK_SECONDS)
            self._side.ask(WARM_CHAT, WARM_UP)
            while not self._side.finished(WARM_CHAT):
                await asyncio.sleep(LOOK_SECONDS)

    async def ask(self, first: int, count: int, seconds: float) -> dict[str, Any]:
        """Ask in all chats at once; what was said and shown until all answers were there, or the time was over."""
        chats, calls, refusals = range(first, first + count), len(list(self._side.made_calls())), self._side.refusals()
        begun, cpu = now(), time.process_time()
        waited, stalls = waited_seconds("self"), asyncio.create_task(_longest_stall(ended := asyncio.Event()))
        for number in chats:
            self._side.ask(number, question(number))
        while now() < begun + seconds and not all(map(self._finished, chats)):
            await asyncio.sleep(LOOK_SECONDS * (1 + count / 50))
        ended.set()
        made = list(self._side.made_calls())[calls:]
        return {
            "seconds": now() - begun,
            "cpu_seconds": time.process_time() - cpu,
            "longest_stall": await stalls,
            "waited_seconds": waited_seconds("self") - waited,
            "refusals": self._side.refusals() - refusals,
            "calls": Counter(call.kind for call in made),
            "replies": [{"asked": begun, **self._reply(number, made)} for number in chats],
        }

    def _finished(self, number: int) -> bool:
        """Without its Stop button an answer may still grow: its beginning is sent before the rest is edited in."""
        return self._side.finished(number) and self._whole(number)

    def _whole(self, number: int) -> bool:
        return self._side.text(number).split() == STORY.split()

    def _reply(self, number: int, made: Sequence[Made]) -> dict[str, Any]:
        return {
            "left": self._model.left.get(number, []),
            "shown": self._shown(number),
            "whole": self._whole(number),
            "calls": [call.at for call in made if call.chat == number and call.kind in ("send", "edit")],
        }

    def _shown(self, number: int) -> list[float | None]:
        """When each word was first seen; None: never."""
        times: dict[str, float] = {}
        for version in sorted(self._side.versions(number), key=lambda version: version.at):
            for word in re.findall(r"\bw\d+\b", version.text):
                times.setdefault(word, version.at)
        return [times.get(word) for word in STORY.split()]

    async def write(self, first: int, count: int) -> dict[str, Any]:
        """For `bench.floor`."""
        self._side.calm()
        chats = range(first, first + count)
        return {"model": f"{self._model.url}/chat/completions", "chats": [self._side.writing(chat) for chat in chats]}


async def _longest_stall(ended: asyncio.Event) -> float:
    """Seconds that our event loop was late at most, of a look every 10 ms."""
    longest = 0.0
    while not ended.is_set():
        due = now() + 0.01
        await asyncio.sleep(0.01)
        longest = max(longest, now() - due)
    return longest


async def _serve(name: str) -> None:
    scenario = LIVE[name]
    kind = DiscordSide if scenario.messenger == "discord" else TelegramSide
    async with CountingModel() as model, kind(scenario, now) as side:
        stand_ins = StandIns(side, model)
        print(json.dumps(stand_ins.config()), flush=True)
        gc.freeze()  # what is there now stays: no need to look through it while others are timed
        while line := await asyncio.to_thread(sys.stdin.readline):
            wanted = json.loads(line)
            answer = await stand_ins.verbs[wanted.pop("do")](**wanted)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
