"""Providers that fall silent, break off, or don't end, while others want their answers: the real bot, over Telegram.

What a model sent until then stays, with Retry below it, as soon as it is clear that no more will come; an answer
without end is ended; none of it may cost the bot its memory, or the others their time.
"""

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from tests.chaos.figures import Figure, Setting, at_most, exactly
from tests.program import Program
from tests.servers.model import Answer, ModelServer, Request
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.conftest import FRIENDS, usual_config

WORDS = tuple(f"word{number} " for number in range(10))
WORDS_PER_SECOND = 20
TEN_MB = 10 * 2**20
TOO_LONG_A_LINE = 20 * 2**20  # the bot takes 16 MB
FRAGMENTED = " ".join(f"byte{number}" for number in range(150)) + " the end"

LATEST_SECONDS = 5.0  # after the deadline
LONGEST_LAG_SECONDS = 5.0  # of others' answers
# aiogram takes 165 MB to import, a body may have 64 MB, a line 16 MB: what is above that is a leak, or several copies.
MOST_MEMORY_MB = 300
DELIVERY_SECONDS = 150.0  # of an answer in fifty messages, one a second
BYSTANDERS = 6
RETRY, GO_ON = "🔁 Retry", "▶ Continue"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer that goes wrong, and how long it takes until that is clear (seconds), beside the words that come first.

    `kept`: words that stay. `ends`: the bot has to end it, and says so when all messages are there.
    """

    name: str
    answer: Answer
    seconds: float = 0.0
    kept: int = 0
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one. `late`: seconds from the deadline to the sentence, None where there was none.

    `closed`: seconds until the request of an answer without end was closed, None where it wasn't.
    """

    trouble: Trouble
    late: float | None = None
    kept: bool = False
    closed: float | None = None
    delivered: float | None = None


def troubles(idle: float, total: float) -> Sequence[Trouble]:
    """All of them."""
    some = Answer(pieces=WORDS, words_per_second=WORDS_PER_SECOND, after_words=5)
    endless = Answer(pieces=("and on " * 100,) * (TEN_MB // 700))
    slow = tuple("on " for _ in range(int(total * 10)))
    return (
        Trouble("silent from the start", Answer(fault="silent"), idle),
        Trouble("stalls in mid-stream", replace(some, fault="stall"), idle, 5),
        Trouble("an error in mid-stream", replace(some, fault="error"), 0, 5),
        Trouble("cut in mid-word", replace(some, fault="cut"), 0, 5),
        Trouble("cut between words", replace(some, fault="cut_cleanly"), 0, 5),
        Trouble("the connection is reset", replace(some, fault="reset"), 0, 5),
        Trouble("a line of 20 MB", replace(some, fault="huge_line", huge_bytes=TOO_LONG_A_LINE), 0, 5),
        Trouble("a trickle without end", Answer(pieces=slow, words_per_second=5), total, 5),
        Trouble("nothing but signs of life", Answer(pieces=("",) * len(slow), words_per_second=5), total),
        Trouble("10 MB in small pieces", endless, ends=True),
        Trouble("10 MB in one line", replace(some, fault="huge_line", huge_bytes=TEN_MB), ends=True),
        Trouble("10 MB as one JSON answer", Answer(text="word " * (TEN_MB // 5), fault="json"), ends=True),
        Trouble("a stream without end", Answer(fault="endless"), ends=True),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """All that was seen. Memory in MB; `lags`: seconds that others waited for their whole answers."""

    outcomes: Sequence[Outcome]
    whole: bool  # the answer that came byte by byte
    lags: Sequence[float]
    unanswered: int  # of others' questions
    idle_memory: float
    peak_memory: float
    tracebacks: int
    refusals: int  # 429s that the bot earned


async def run(setting: Setting) -> Sequence[Figure]:
    """The trial."""
    idle, total = (3.0, 6.0) if setting.short else (60.0, 120.0)
    wrong = {each.name: each for each in troubles(idle, total)}
    async with TelegramServer() as telegram, ModelServer() as model:
        model.rule = lambda request: _answer(request, wrong)
        async with Program(setting.folder, _config(telegram, model, idle, total)) as program:
            await program.started()
            idle_memory = program.peak_memory
            others = [telegram.private(FRIENDS[50 + number], f"B{number}") for number in range(BYSTANDERS)]
            over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                asking = [group.create_task(_asks(chat, over)) for chat in others]
                chats = [telegram.private(FRIENDS[number], f"P{number}") for number in range(len(wrong))]
                waiting = [
                    group.create_task(_suffers(chat, trouble, model, short=setting.short))
                    for chat, trouble in zip(chats, wrong.values(), strict=True)
                ]
                whole = await _is_whole(telegram.private(FRIENDS[49], "Fay"))
                await asyncio.wait(waiting)
                over.set()
            lags = [lag for task in asking for lag in task.result()]
            return figures(
                Found(
                    [task.result() for task in waiting],
                    whole,
                    [lag for lag in lags if lag is not None],
                    lags.count(None),
                    idle_memory,
                    program.peak_memory,
                    program.output.count("Traceback"),
                    sum(not refusal.injected for refusal in telegram.flood.refusals),
                )
            )


def _config(telegram: TelegramServer, model: ModelServer, idle: float, total: float) -> dict[str, object]:
    """One attempt, so that a deadline is the provider's own."""
    config = usual_config(telegram, model)
    silence = {"first_timeout_seconds": idle, "idle_timeout_seconds": idle}
    config["providers"]["local"] |= silence | {"total_timeout_seconds": total}
    return config | {"limits": {"attempts_per_turn": 1}}


def _answer(request: Request, wrong: Mapping[str, Trouble]) -> Answer:
    if request.question == "fragments":
        return Answer(text=FRAGMENTED, fragment_bytes=1)
    trouble = wrong.get(request.question)
    return trouble.answer if trouble else Answer(text=f"{request.question}: the end", words_per_second=WORDS_PER_SECOND)


async def _suffers(chat: Chat, trouble: Trouble, model: ModelServer, *, short: bool) -> Outcome:
    """Ask, and see what comes of it."""
    asked = chat.say(trouble.name).sent_at
    if trouble.ends:
        return await _sees_an_end(chat, trouble, model, asked, short=short)
    with suppress(AssertionError):
        await chat.wait_for(lambda each: _labelled(each, RETRY), trouble.seconds + 4 * LATEST_SECONDS)
    told = _labelled(chat, RETRY)
    if told is None:
        return Outcome(trouble)
    words = "".join(trouble.answer.pieces[: trouble.kept]).rstrip()
    late = told - asked - trouble.seconds - trouble.kept / WORDS_PER_SECOND
    return Outcome(trouble, late, chat.last.text.startswith(words))


async def _sees_an_end(chat: Chat, trouble: Trouble, model: ModelServer, asked: float, *, short: bool) -> Outcome:
    """The request of an answer that is too long is closed; at full size, until all of its messages are there."""
    clock = asyncio.get_running_loop().time
    began, closed, delivered = clock(), None, None
    with suppress(TimeoutError, AssertionError):
        async with asyncio.timeout(4 * LATEST_SECONDS):
            await chat.wait_for(lambda each: each.messages, 4 * LATEST_SECONDS)
            (request,) = [one for one in model.requests if one.question == trouble.name]
            await request.over(4 * LATEST_SECONDS)
            closed = clock() - began
        if not short:
            await chat.wait_for(lambda each: _labelled(each, GO_ON), DELIVERY_SECONDS)
            delivered = (_labelled(chat, GO_ON) or asked) - asked
    return Outcome(trouble, closed=closed, delivered=delivered)


def _labelled(chat: Chat, label: str) -> float | None:
    """Since when a message of the bot's has that button."""
    for message in chat.messages:
        for version in message.versions:
            rows = (version.markup or {}).get("inline_keyboard", [])
            if any(button["text"] == label for row in rows for button in row):
                return version.at
    return None


async def _asks(chat: Chat, over: asyncio.Event) -> Sequence[float | None]:
    """Somebody who asks one thing after the other until it is over; how long each answer took, None for none."""
    lags: list[float | None] = []
    while not over.is_set():
        asked, whole = chat.say(f"question {len(lags)}"), f"question {len(lags)}: the end"
        lag = None
        with suppress(AssertionError):
            await chat.wait_for(partial(_shows, text=whole), 30)
            lag = chat.last.versions[-1].at - asked.sent_at
        lags.append(lag)
        await asyncio.sleep(1.5)
    return lags


def _shows(chat: Chat, text: str) -> bool:
    return bool(chat.messages) and chat.last.text == text


async def _is_whole(chat: Chat) -> bool:
    """Whether what comes byte by byte is shown as it was said."""
    chat.say("fragments")
    with suppress(AssertionError):
        await chat.wait_for(partial(_shows, text=FRAGMENTED), 30)
        return True
    return False


def figures(found: Found) -> Sequence[Figure]:
    """What it came to."""
    told = [one for one in found.outcomes if not one.trouble.ends]
    ended = [one for one in found.outcomes if one.trouble.ends]
    return (
        *(_told(one) for one in told),
        exactly("failed answers whose text was kept, with Retry", sum(one.kept for one in told), len(told)),
        *(_closed(one) for one in ended),
        *(
            Figure(f"{one.trouble.name}: until what was taken of it is there", f"{one.delivered:.0f} s")
            for one in ended
            if one.delivered is not None
        ),
        Figure("an answer in fragments of one byte", "whole" if found.whole else "not whole", "whole", found.whole),
        Figure("memory before all this", f"{found.idle_memory:.0f} MB"),
        at_most("memory at its peak", round(found.peak_memory), MOST_MEMORY_MB, " MB"),
        exactly("others' questions, answered meanwhile", len(found.lags), len(found.lags) + found.unanswered),
        Figure("how long they waited, median", f"{statistics.median(found.lags or [0]):.1f} s"),
        at_most("how long they waited, at most", round(max(found.lags, default=0), 1), LONGEST_LAG_SECONDS, " s"),
        Figure("429s that the bot earned", f"{found.refusals}"),
        exactly("tracebacks", found.tracebacks),
    )


def _told(one: Outcome) -> Figure:
    name = f"{one.trouble.name}: told after its deadline"
    if one.late is None:
        return Figure(name, "never", f"≤ {LATEST_SECONDS:g} s", met=False)
    return at_most(name, round(one.late, 1), LATEST_SECONDS, " s")


def _closed(one: Outcome) -> Figure:
    name = f"{one.trouble.name}: no more was read after"
    if one.closed is None:
        return Figure(name, "never", f"≤ {LATEST_SECONDS:g} s", met=False)
    return at_most(name, round(one.closed, 1), LATEST_SECONDS, " s")
