"""The archive's statements about files: each function is a part of one transaction."""

import sqlite3
from collections.abc import Iterable, Sequence

from messengers.playground.entries import File


def add(connection: sqlite3.Connection, file: File, at: int) -> None:
    """Note a file that belongs to no message yet."""
    connection.execute(
        "INSERT INTO files VALUES (?, '', '', ?, ?, ?, ?)", (file.id, file.name, file.media_type, file.size, at)
    )


def make_room(connection: sqlite3.Connection, most_bytes: int) -> Sequence[str]:
    """Forget the oldest files until the rest is small enough; the ones that can go now."""
    (total,) = connection.execute("SELECT coalesce(sum(size), 0) FROM files").fetchone()
    dropped: list[str] = []
    while total > most_bytes:
        file, size = connection.execute("SELECT id, size FROM files ORDER BY at, id LIMIT 1").fetchone()
        dropped += drop(connection, "id", file)
        total -= size
    return dropped


def drop(connection: sqlite3.Connection, column: str, value: str) -> Sequence[str]:
    """Forget the files that have this in that column; their ids."""
    assert column in {"id", "message", "conversation"}
    rows = connection.execute(f"DELETE FROM files WHERE {column} = ? RETURNING id", (value,))  # noqa: S608 - see above
    return [file for (file,) in rows.fetchall()]


def find(connection: sqlite3.Connection, ids: Iterable[str]) -> Sequence[File]:
    """Those of these files that there are, in that order."""
    select = "SELECT id, name, media_type, size FROM files WHERE id = ?"
    rows = [connection.execute(select, (file,)).fetchone() for file in ids]
    return [File(*row) for row in rows if row]


def sweep(connection: sqlite3.Connection, unused_since: int) -> frozenset[str]:
    """The ids of all files, once those are forgotten that were uploaded before then and never said."""
    connection.execute("DELETE FROM files WHERE message = '' AND at < ?", (unused_since,))
    return frozenset(file for (file,) in connection.execute("SELECT id FROM files"))
