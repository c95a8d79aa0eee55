"""What was learned of places' limits: as SQL over one open transaction."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import astuple

from storage.base import Learned

Connection = sqlite3.Connection


def learned(connection: Connection) -> list[Learned]:
    """All of it."""
    rows = connection.execute(
        "SELECT place, burst, per_second, refusals, learned_at, blocked_until FROM learned ORDER BY place"
    )
    return [Learned(*row) for row in rows]


def learn(connection: Connection, lessons: Sequence[Learned], over: Collection[str]) -> None:
    """Put these in the place of what was known, and forget what is over."""
    connection.executemany("DELETE FROM learned WHERE place IS ?", [(place,) for place in over])
    connection.executemany(
        "INSERT OR REPLACE INTO learned (place, burst, per_second, refusals, learned_at, blocked_until)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [astuple(lesson) for lesson in lessons],
    )
