"""What each call of a store does, as SQL over one open transaction."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Any

from chat.incoming import Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState
from storage import codec
from storage.base import Turn

Connection = sqlite3.Connection

_COLUMNS = "id, incoming, state, reply, final, failed, interruptions"


def statements(script: str) -> Iterator[str]:
    """The statements of a migration, one by one: `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _to_turn(row: tuple[Any, ...]) -> Turn:
    number, incoming, state, reply, final, failed, interruptions = row
    return Turn(
        number,
        codec.load_incoming(incoming),
        state,
        codec.load_reply(reply),
        codec.load_final(final),
        bool(failed),
        interruptions,
    )


def receive(connection: Connection, incoming: Incoming) -> Turn | None:
    """Store what came in; None for a repeat."""
    now = time.time()
    cursor = connection.execute(
        "INSERT INTO turns (key, conversation, place, incoming, received_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO NOTHING",
        (
            codec.storable(incoming.key),
            incoming.address.conversation,
            incoming.address.budget,
            codec.dump_incoming(incoming),
            now,
            now,
        ),
    )
    return Turn(int(cursor.lastrowid or 0), incoming) if cursor.rowcount else None


def turn(connection: Connection, number: int) -> Turn | None:
    """The turn of that number."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM turns WHERE id = ?", (number,)).fetchone()
    return _to_turn(row) if row else None


def unfinished(connection: Connection) -> list[Turn]:
    """All that is not done or dead, oldest first; what was running counts one interruption more."""
    connection.execute("UPDATE turns SET interruptions = interruptions + 1 WHERE state = 'running'")
    rows = connection.execute(f"SELECT {_COLUMNS} FROM turns WHERE state IN ('new', 'running', 'answered') ORDER BY id")
    return [_to_turn(row) for row in rows]


def begin(connection: Connection, number: int) -> None:
    """It is being answered."""
    _update(connection, number, "state = 'running'")


def checkpoint(connection: Connection, number: int, reply: ReplyState) -> None:
    """Where it is shown, and how far it came."""
    _update(connection, number, "reply = ?", codec.dump_reply(reply))


def answer(
    connection: Connection,
    number: int,
    reply: ReplyState,
    final: Final | None,
    history: Sequence[Message],
    *,
    failed: bool,
) -> None:
    """The answer is complete: its final form and its entries of history, together."""
    _update(connection, number, "failed = ?", int(failed))
    if final:
        text = codec.dump_final(final)
        _update(connection, number, "state = 'answered', reply = ?, final = ?", codec.dump_reply(reply), text)
    else:
        finish(connection, number, reply.parts, dead=failed)
    connection.execute("DELETE FROM history WHERE turn = ?", (number,))
    connection.executemany(
        "INSERT INTO history (turn, position, conversation, role, text)"
        " SELECT id, ?, conversation, ?, ? FROM turns WHERE id = ?",
        [(position, message.role, codec.storable(message.text), number) for position, message in enumerate(history)],
    )


def finish(connection: Connection, number: int, parts: Sequence[str], *, dead: bool) -> None:
    """It is delivered, or given up. The text is in the history by now: only the messages are kept."""
    reply = codec.dump_reply(ReplyState(tuple(parts)))
    _update(connection, number, "state = ?, reply = ?, final = NULL", "dead" if dead else "done", reply)


def reopen(connection: Connection, number: int) -> Turn | None:
    """Make it new again where it is finished."""
    known = turn(connection, number)
    if known is None or known.state not in {"done", "dead"}:
        return None
    connection.execute("DELETE FROM history WHERE turn = ?", (number,))
    _update(connection, number, "state = 'new', failed = 0, interruptions = 0")
    return turn(connection, number)


def history(connection: Connection, conversation: str, before: int) -> list[Message]:
    """What was said before that turn, oldest first."""
    rows = connection.execute(
        "SELECT role, text FROM history WHERE conversation = ? AND turn < ? ORDER BY turn, position",
        (conversation, before),
    )
    return [Message(role, text) for role, text in rows]


def recent_places(connection: Connection, seconds: float) -> frozenset[str]:
    """Places with turns that changed within the last `seconds`."""
    rows = connection.execute("SELECT DISTINCT place FROM turns WHERE updated_at > ?", (time.time() - seconds,))
    return frozenset(place for (place,) in rows)


def _update(connection: Connection, number: int, change: str, *values: object) -> None:
    connection.execute(f"UPDATE turns SET {change}, updated_at = ? WHERE id = ?", (*values, time.time(), number))
