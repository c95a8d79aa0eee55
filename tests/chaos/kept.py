"""Numbered questions, the stand-in model's answers to them, and what the bot's own store has of both."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.ledger import story
from tests.servers.model import Answer
from tests.servers.streaming import Request

SHORT_WORDS, LONG_WORDS = 30, 330  # a long answer needs two of Discord's messages
LONG_EVERY = 7
SLOW, FAST = 40, 700  # words a second

_ASKED = re.compile(r"question (\d+)!")


def question(number: int) -> str:
    """What is asked."""
    return f"question {number}!"


def number_of(text: str) -> int | None:
    """Which question that is; None for none."""
    found = _ASKED.findall(text)
    return int(found[-1]) if found else None


def words_of(number: int) -> int:
    """How many words the answer has."""
    return LONG_WORDS if number % LONG_EVERY == LONG_EVERY - 1 else SHORT_WORDS


def answer(request: Request) -> Answer:
    """Every other answer is there nearly at once: its first send is soon followed by the final one."""
    number = number_of(request.question)
    assert number is not None, request.question
    slowly = number % 2 and words_of(number) == SHORT_WORDS
    return Answer(text=story(number, words_of(number)), words_per_second=SLOW if slowly else FAST)


@dataclass(frozen=True, slots=True)
class Kept:
    """One turn as the bot's store has it: the key of what came in, the question, the state, its rows of history."""

    key: str
    number: int | None
    state: str
    rows: int


def kept(database: Path) -> list[Kept]:
    """All turns of a store that nobody writes to."""
    select = (
        "SELECT key, coalesce(json_extract(incoming, '$.text'), ''), state,"
        " (SELECT count(*) FROM history WHERE turn = turns.id) FROM turns ORDER BY id"
    )
    connection = sqlite3.connect(database)
    try:
        return [Kept(key, number_of(text), state, rows) for key, text, state, rows in connection.execute(select)]
    finally:
        connection.close()


def wrongly_kept(turns: Iterable[Kept], asked: Iterable[int]) -> list[int]:
    """Questions of which the history doesn't have just two rows."""
    rows: Counter[int | None] = Counter()
    for turn in turns:
        rows[turn.number] += turn.rows
    return [number for number in asked if rows[number] != 2]
