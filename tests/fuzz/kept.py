"""What was handed in must survive the store: kept as a turn, and read back as it was."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from chat.incoming import Incoming
from storage import sql
from storage.sqlite_file import MIGRATIONS, migrate


@contextmanager
def store() -> Iterator[sqlite3.Connection]:
    """The store's database, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection, MIGRATIONS)
        yield connection
    finally:
        connection.close()


def assert_kept(connection: sqlite3.Connection, incoming: Incoming) -> None:
    """It is stored once, read back equal, and in nobody's way when the store is asked about all that it has."""
    connection.execute("BEGIN")
    try:
        turn = sql.receive(connection, incoming)
        assert turn, "an empty store knows its key"
        found = sql.turn(connection, turn.id)
        assert found
        assert found.incoming == incoming
        assert sql.receive(connection, incoming) is None, "it is stored twice"
        assert sql.unfinished(connection)[0].incoming == incoming
        sql.last_seen(connection, incoming.address.messenger)
    finally:
        connection.execute("ROLLBACK")
