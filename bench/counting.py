"""The stand-in model that counts aloud, one word at a time at an even pace, and remembers when each word left it."""

import asyncio
import re
import time
from dataclasses import replace

from aiohttp import web

from tests.servers.model import Answer, ModelServer, Request
from tests.servers.model_answers import chunks

WORDS = 200
WORDS_PER_SECOND = 50.0
STORY = " ".join(f"w{number}" for number in range(WORDS))
WARM_UP = "warm up"

_BEGUN = time.time() - time.monotonic()


def now() -> float:
    """Unix seconds that don't jump: the clock of all stand-ins of one process."""
    return _BEGUN + time.monotonic()


def question(number: int) -> str:
    """What the chat with this number asks."""
    return f"question {number}"


class CountingModel(ModelServer):
    """The stand-in. `left`: the times when the words left it, by the number in the question.

    Words that are late, as the machine is busy, are caught up with: the pace is an average.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left: dict[int, list[float]] = {}
        self.rule = lambda request: Answer(text="Ready.") if WARM_UP in request.question else None
        self.default = Answer(text=STORY, words_per_second=WORDS_PER_SECOND)

    async def _stream(
        self, http: web.Request, response: web.StreamResponse, request: Request, answer: Answer, text: str
    ) -> None:
        number = re.search(r"question (\d+)", request.question)
        left = self.left[int(number[1]) if number else -1] = []
        begun = now()
        async for chunk in chunks(http, request, replace(answer, words_per_second=0.0), text):
            if answer.words_per_second and request.words > len(left):
                await asyncio.sleep(begun + request.words / answer.words_per_second - now())
                left.append(now())
            await response.write(chunk)
