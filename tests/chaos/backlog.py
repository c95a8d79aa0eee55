"""A backlog: people wrote while the bot was away, and all of it waits at Telegram when it starts.

One of them wrote more than may wait in a chat (`limits.waiting_per_chat`): what was said while nobody was there to say
"please wait" is never refused. Flood control is on; the bot must work all of it off without earning a 429.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tests.chaos.figures import Figure, Setting, at_least, exactly
from tests.program import Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.conftest import FRIENDS, usual_config

WORDS_PER_SECOND = 10  # a model that takes its time, so that questions pile up
PATIENCE_SECONDS = 30.0, 400.0  # for all of it: short, and at full size


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen of it. By chat, the numbers of its questions in order, and those of the answers as they stand."""

    asked: Sequence[Sequence[int]]
    answered: Sequence[Sequence[int]]
    limit: int  # that may wait in a chat
    others: int  # messages that are no answer: refusals
    refusals: int  # 429s that the bot earned
    seconds: float
    peak_memory: float
    tracebacks: int

    @property
    def lost(self) -> int:
        """Questions without an answer."""
        return sum(len(set(asked) - set(seen)) for asked, seen in zip(self.asked, self.answered, strict=True))

    @property
    def doubled(self) -> int:
        """Answers too many."""
        return sum(len(seen) - len(set(seen)) for seen in self.answered)

    @property
    def unordered(self) -> int:
        """Chats whose answers aren't in the order of the questions."""
        return sum(list(seen) != sorted(seen) for seen in self.answered)


async def run(setting: Setting) -> Sequence[Figure]:
    """The trial."""
    updates, chats, limit = (100, 20, 5) if setting.short else (1000, 40, 30)
    async with TelegramServer() as telegram, ModelServer() as model:
        model.rule = lambda request: Answer(text=f"{request.question}: the end", words_per_second=WORDS_PER_SECOND)
        people = [telegram.private(FRIENDS[number], f"P{number}") for number in range(chats)]
        asked = drawn(updates, chats, limit, random.Random(setting.seed))
        order = [chat for chat, numbers in enumerate(asked) for _ in numbers]
        random.Random(setting.seed).shuffle(order)
        left = [iter(numbers) for numbers in asked]
        for chat in order:
            people[chat].say(f"question {next(left[chat])}")
        config = usual_config(telegram, model) | {"limits": {"waiting_per_chat": limit, "messages_per_day": 10**6}}
        async with Program(setting.folder, config) as program:
            await program.started()
            began = time.monotonic()
            patience = PATIENCE_SECONDS[not setting.short]
            with suppress(AssertionError):
                await asyncio.gather(
                    *(
                        chat.wait_for(partial(_has, number=numbers[-1]), patience)
                        for chat, numbers in zip(people, asked, strict=True)
                    )
                )
            seconds = time.monotonic() - began
            await telegram.settled(quiet=2, timeout=20)
            return figures(
                Found(
                    asked,
                    [_answers(chat) for chat in people],
                    limit,
                    sum(len(chat.messages) - len(_answers(chat)) for chat in people),
                    sum(not refusal.injected for refusal in telegram.flood.refusals),
                    seconds,
                    program.peak_memory,
                    program.output.count("Traceback"),
                )
            )


def drawn(updates: int, chats: int, limit: int, chance: random.Random) -> Sequence[Sequence[int]]:
    """How many questions wait in each chat, and their numbers: one for everybody, more by chance, one far too many."""
    counts = [1] * chats
    counts[0] = limit + limit // 2 + 2  # the first one runs, the others wait
    while sum(counts) < updates:
        another = chance.randrange(1, chats)
        counts[another] += counts[another] < limit
    return [range(count) for count in counts]


def _has(chat: Chat, number: int) -> bool:
    return bool(chat.messages) and chat.last.text == f"question {number}: the end"


def _answers(chat: Chat) -> Sequence[int]:
    """The questions that are answered, as their answers stand there."""
    texts = [message.text.split() for message in chat.messages if message.text.endswith(": the end")]
    return [int(words[1].rstrip(":")) for words in texts]


def figures(found: Found) -> Sequence[Figure]:
    """What it came to."""
    longest = max(map(len, found.asked))
    return (
        Figure("updates that wait at the start, chats", f"{sum(map(len, found.asked)):,}, {len(found.asked)}"),
        at_least(f"of them in one chat, where {found.limit} may wait", longest, found.limit + 2),
        exactly("lost", found.lost),
        exactly("answered twice", found.doubled),
        exactly("chats with answers out of order", found.unordered),
        exactly("refusals, and anything else that is no answer", found.others),
        exactly("429s that the bot earned", found.refusals),
        Figure("until all are answered", f"{found.seconds:.0f} s"),
        Figure("memory at its peak", f"{found.peak_memory:.0f} MB"),
        exactly("tracebacks", found.tracebacks),
    )
