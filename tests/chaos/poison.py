"""Poison: updates that nobody can handle, among those of people who only want their answers.

Each of the bad updates must end as a dead letter that an operator finds with its payload (`bot.py dead`), and delay
nobody. Updates that are odd and nothing more must end as they should: answered, told why not, or passed over.
"""

import asyncio
import json
import random
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos.figures import Figure, Setting, at_most, exactly
from tests.program import ROOT, Program
from tests.servers.model import Answer, ModelServer
from tests.servers.telegram import Chat, TelegramServer
from tests.whole.conftest import FRIENDS, usual_config

Json = dict[str, Any]

LONGEST_LAG_SECONDS = 5.0
PAUSE_SECONDS = (0.2, 1.0)  # between an answer and the next question
PATIENCE_SECONDS = 30.0
DEEP = 600  # more than pydantic follows
LONG = 300_000  # characters
ODD_ONES = FRIENDS[60:]  # in whose chats the odd things happen
EVE: Json = {"id": FRIENDS[50], "is_bot": False, "first_name": "Eve"}


def message(**changes: object) -> Json:
    """An update with a message; what is `...` is left out of it."""
    whole: Json = {"message_id": 1, "date": 1_700_000_000, "chat": {"id": EVE["id"], "type": "private"}, "from": EVE}
    whole |= {"text": "poison", **changes}
    return {"message": {name: value for name, value in whole.items() if value is not ...}}


def nested(depth: int) -> Json:
    """A message that answers one that answers one …"""
    innermost: Json = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}}
    whole = innermost
    for _ in range(depth):
        whole = innermost | {"reply_to_message": whole}
    return {"message": whole}


MEMBER: Json = {"chat": {"id": EVE["id"], "type": "private"}, "from": EVE, "date": 1}

BAD: Mapping[str, Json] = {
    "a message that is a list": {"message": []},
    "a message that is a text": {"message": "hello"},
    "a message's number that is none": message(message_id="first"),
    "no chat": message(chat=...),
    "a chat that is a number": message(chat=7),
    "no date": message(date=...),
    "a date after the end of all calendars": message(date=10**18),
    "a date that is no number": message(date=float("nan")),
    "a text that is an object": message(text={"text": "x"}),
    "a text that is a number": message(text=7),
    "a photo of nothing": message(text=..., photo=[None]),
    "a document without an id": message(text=..., document={"file_name": "a.txt"}),
    "entities that are a text": message(entities="bold"),
    "a sender without an id": message(**{"from": {"is_bot": False, "first_name": "Eve"}}),
    "answers nested too deep": nested(DEEP),
    "a press by nobody": {"callback_query": {"id": "1", "chat_instance": "1", "data": "stop:1"}},
    "a press on a number": {"callback_query": {"id": "2", "chat_instance": "1", "from": EVE, "message": 5}},
    "a membership of an unknown kind": {"my_chat_member": MEMBER | {"old_chat_member": {}, "new_chat_member": {}}},
    "an update's number that is a text": {"update_id": "poison", **message()},
    "an update's number that is nothing": {"update_id": None, **message()},
}


@dataclass(frozen=True, slots=True)
class Odd:
    """Something unusual that somebody does in a chat of their own, and what they are to see of the bot then."""

    name: str
    does: Callable[[TelegramServer, Chat], object]
    sees: Callable[[str], bool]


def _is_answered(shown: str) -> bool:
    return shown.endswith("the end")


def _is_told(shown: str) -> bool:
    return bool(shown) and "the end" not in shown


def _is_usage(shown: str) -> bool:
    """The command's answer alone: nothing came of the press."""
    return shown.startswith("Today you used") and shown.count("\n") == 1


def _press(data: str) -> Callable[[TelegramServer, Chat], object]:
    return lambda server, chat: chat.press(chat.say("/usage"), data=data)


def _of(chat: Chat, **changes: object) -> Json:
    person: Json = {"id": chat.id, "is_bot": False, "first_name": "Odd"}
    return message(**{"chat": chat.body, "from": person, **changes})


ENTITIES: Sequence[Json] = [
    {"type": "mention", "offset": 10**9, "length": -5},
    {"type": "bold", "offset": -7, "length": 10**15},
]

ODD: Sequence[Odd] = (
    Odd("half an emoji in a text", lambda _, chat: chat.say("half \ud83d"), _is_answered),
    Odd("NULs in a text", lambda _, chat: chat.say("nul \0\0"), _is_answered),
    Odd("a text far too long", lambda server, chat: server.push_raw(_of(chat, text="x" * LONG)), _is_told),
    Odd("a text file of noise", lambda _, chat: chat.document(bytes(range(256)) * 9), _is_told),
    Odd(
        "a file that isn't there",
        lambda server, chat: server.push_raw(_of(chat, text=..., document={"file_id": "gone", "file_unique_id": "u"})),
        _is_told,
    ),
    Odd("entities beyond all text", lambda server, chat: server.push_raw(_of(chat, entities=ENTITIES)), _is_answered),
    Odd("a message of nothing", lambda server, chat: server.push_raw({"message": None}), lambda shown: not shown),
    Odd("an unknown kind of update", lambda server, _: server.push_raw({"telepathy": {}}), lambda shown: not shown),
    Odd("a forged press", _press("retry:999999999999999999"), _is_usage),
    Odd("a press of nonsense", _press("\0drop table"), _is_usage),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it all. Seconds from a question to the first of its answer, and to its end."""

    asked: int
    answered: int
    first: Sequence[float]
    whole: Sequence[float]
    bad: int
    letters: int  # as `bot.py dead list` lists them
    payloads: int  # bad updates that are in them as they were
    strange: Sequence[str]  # odd things that ended otherwise than they should
    running: bool


async def run(setting: Setting) -> Sequence[Figure]:
    """The trial."""
    chats, rounds = (10, 3) if setting.short else (30, 6)
    chance = random.Random(setting.seed)
    async with TelegramServer() as telegram, ModelServer() as model:
        model.rule = lambda request: Answer(text=f"Answer to {request.question}: the end")
        async with Program(setting.folder, usual_config(telegram, model)) as program:
            await program.started()
            people = [telegram.private(FRIENDS[number], f"P{number}") for number in range(chats)]
            async with asyncio.TaskGroup() as group:
                asking = [group.create_task(_asks(chat, rounds, chance.random())) for chat in people]
                group.create_task(_poisons(telegram, chance, rounds))
                group.create_task(_oddities(telegram))
            await telegram.settled(quiet=2)
            await program.says("update was put aside", len(BAD))
            answers = [answer for task in asking for answer in task.result()]
            listed = await _verb(setting, "list")
            return figures(
                Found(
                    chats * rounds,
                    len(answers),
                    [first for first, _ in answers],
                    [whole for _, whole in answers],
                    len(BAD),
                    len(listed.splitlines()),
                    payloads(setting),
                    _strange(telegram),
                    program.running,
                )
            )


def _shows(chat: Chat, text: str) -> bool:
    return bool(chat.messages) and chat.last.text == text


async def _asks(chat: Chat, rounds: int, chance: float) -> list[tuple[float, float]]:
    """Somebody asks one thing after the other; for each that is answered, how long that took."""
    found = []
    for number in range(rounds):
        asked = chat.say(f"question {number}")
        whole = f"Answer to question {number}: the end"
        try:
            await chat.wait_for(partial(_shows, text=whole), PATIENCE_SECONDS)
        except AssertionError:
            continue
        found.append((chat.last.sent_at - asked.sent_at, chat.last.versions[-1].at - asked.sent_at))
        await asyncio.sleep(PAUSE_SECONDS[0] + chance * (PAUSE_SECONDS[1] - PAUSE_SECONDS[0]))
    return found


async def _poisons(telegram: TelegramServer, chance: random.Random, rounds: int) -> None:
    """All bad updates in any order, alone and in heaps, while people ask."""
    kinds = list(BAD.values())
    chance.shuffle(kinds)
    while kinds:
        for bad in kinds[-chance.randint(1, 4) :]:
            telegram.push_raw(bad)
            kinds.remove(bad)
        await asyncio.sleep(chance.uniform(0, rounds / 5))


async def _oddities(telegram: TelegramServer) -> None:
    """The odd things, one after the other."""
    for odd, chat in _odd_chats(telegram):
        odd.does(telegram, chat)
        await asyncio.sleep(0.2)


def _strange(telegram: TelegramServer) -> Sequence[str]:
    """The odd things that ended otherwise than they should."""
    shown = [(odd, chat.shown_text()) for odd, chat in _odd_chats(telegram)]
    return [f"{odd.name}: {text!r}" for odd, text in shown if not odd.sees(text)]


def _odd_chats(telegram: TelegramServer) -> Sequence[tuple[Odd, Chat]]:
    return [(odd, telegram.private(person, "Odd")) for odd, person in zip(ODD, ODD_ONES, strict=False)]


async def _verb(setting: Setting, *words: str) -> str:
    """What `python bot.py dead …` prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "bot.py", "--config", str(setting.folder / "config.yaml"), "dead", *words, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return output.decode()


def payloads(setting: Setting) -> int:
    """How many bad updates are kept as they were."""
    with closing(sqlite3.connect(setting.folder / "data/bot.db")) as connection:
        rows = connection.execute("SELECT json_extract(incoming, '$.payload') FROM turns WHERE state = 'dead'")
        kept = [json.loads(payload) for (payload,) in rows if payload]
    return sum(any(_is_kept(bad, each) for each in kept) for bad in BAD.values())


def _is_kept(bad: Json, kept: Json) -> bool:
    """By its text: NaN isn't equal to itself."""
    return json.dumps(bad | {"update_id": 0}, sort_keys=True) == json.dumps(
        kept | {"update_id": 0}, sort_keys=True
    ) and bad.get("update_id", ...) in (..., kept["update_id"])


def figures(found: Found) -> Sequence[Figure]:
    """What it came to."""
    return (
        Figure("updates, bad ones among them", f"{found.asked + found.bad:,}, {found.bad}"),
        exactly("answered", found.answered, found.asked),
        exactly("dead letters, as `bot.py dead list` shows them", found.letters, found.bad),
        exactly("bad updates that are kept as they came", found.payloads, found.bad),
        at_most(
            "longest wait for the first of an answer", round(max(found.first, default=0), 2), LONGEST_LAG_SECONDS, " s"
        ),
        at_most("longest wait for all of it", round(max(found.whole, default=0), 2), LONGEST_LAG_SECONDS, " s"),
        Figure("odd updates besides, none of them bad", f"{len(ODD)}"),
        exactly("odd updates that ended otherwise than they should", len(found.strange)),
        *(Figure("that is", one[:200]) for one in found.strange),
        Figure("the bot", "went on" if found.running else "ended", "goes on", found.running),
    )
