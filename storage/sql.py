"""What each call of a store does, as SQL over one open transaction."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from chat.incoming import Address, Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState
from storage import codec
from storage.base import Activity, Spent, Standing, Turn
from storage.sql_moves import current
from storage.sql_people import spend

Connection = sqlite3.Connection

_COLUMNS = "id, incoming, state, reply, final, failed, interruptions, drawn, received_at, runs, model, reason"
# A conversation, and the chains of replies in it (`Address.branch`): `;` comes right after `:`.
_AND_BRANCHES = (
    "(conversation = :conversation OR conversation > :conversation || ':' AND conversation < :conversation || ';')"
)
_MESSENGER = "json_extract(incoming, '$.address.messenger')"
_PLACE = "json_extract(incoming, '$.address.place')"
_NUMBER = "nullif(CAST(json_extract(incoming, '$.address.message') AS INTEGER), 0)"
# What came with a token (Discord's commands) is stored at once, while messages before it may still have to be fetched:
# it says nothing of them. Where there was never anything else, the first one tells from when on the bot was there.
_COMMANDED = "json_extract(incoming, '$.address.token') <> ''"
_SEEN = f"CASE WHEN NOT {_COMMANDED} THEN {_NUMBER} END"
_LONGEST_REASON = 300  # characters
_LONGEST_HISTORY = 400  # entries; a model's context ends long before


def statements(script: str) -> Iterator[str]:
    """The statements of a migration, one by one: `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _to_turn(row: tuple[Any, ...]) -> Turn:
    number, incoming, state, reply, final, failed, *others = row
    return Turn(
        number,
        codec.load_incoming(incoming),
        state,
        codec.load_reply(reply),
        codec.load_final(final),
        bool(failed),
        *others,
    )


def receive(connection: Connection, incoming: Incoming) -> Turn | None:
    """Store what came in; None for a repeat."""
    now = time.time()
    cursor = connection.execute(
        "INSERT INTO turns (key, conversation, place, incoming, received_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO NOTHING",
        (
            codec.storable(incoming.key),
            current(connection, incoming.address.conversation),
            incoming.address.budget,
            codec.dump_incoming(incoming),
            now,
            now,
        ),
    )
    return Turn(int(cursor.lastrowid or 0), incoming, received_at=now) if cursor.rowcount else None


def turn(connection: Connection, number: int) -> Turn | None:
    """The turn of that number."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM turns WHERE id = ?", (number,)).fetchone()
    return _to_turn(row) if row else None


def unfinished(connection: Connection) -> list[Turn]:
    """All that is not done or dead, oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM turns WHERE state IN ('new', 'running', 'answered') ORDER BY id")
    return [_to_turn(row) for row in rows]


def begin(connection: Connection, number: int) -> None:
    """It is being answered; where it was already, our own death interrupted it."""
    _update(connection, number, "interruptions = interruptions + (state = 'running'), state = 'running'")


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
    spent: Spent | None = None,
    reason: str = "",
) -> None:
    """The answer is complete: its final form, its entries of history and what it cost, together."""
    if spent:
        spend(connection, spent)
    _update(connection, number, "failed = ?, reason = ?", int(failed), codec.storable(reason)[:_LONGEST_REASON])
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


def finish(connection: Connection, number: int, parts: Sequence[str], *, dead: bool, reason: str = "") -> None:
    """It is delivered, or given up. The text is in the history by now: only the messages are kept."""
    reply, why = codec.dump_reply(ReplyState(tuple(parts))), codec.storable(reason)[:_LONGEST_REASON]
    change = "state = ?, reply = ?, final = NULL, reason = CASE reason WHEN '' THEN ? ELSE reason END"
    _update(connection, number, change, "dead" if dead else "done", reply, why)


def drew(connection: Connection, number: int) -> None:
    """One more picture was sent."""
    _update(connection, number, "drawn = drawn + 1")


def reopen(
    connection: Connection,
    number: int,
    *,
    fresh: bool = False,
    model: str = "",
    address: Address | None = None,
    continues: bool = False,
) -> Turn | None:
    """Make it new again where it is finished."""
    known = turn(connection, number)
    if known is None or known.state not in {"done", "dead"}:
        return None
    row = connection.execute("SELECT text FROM history WHERE turn = ? AND role = 'assistant'", (number,)).fetchone()
    # What was shown stays shown until there is something better: a retry may fail.
    reply = ReplyState() if fresh else ReplyState(known.reply.parts, row[0] if row else "", continues=continues)
    if not continues:
        connection.execute("DELETE FROM history WHERE turn = ?", (number,))
    change = (
        "state = 'new', failed = 0, interruptions = 0, drawn = 0, reason = '', reply = ?, runs = runs + ?, model = ?"
    )
    _update(connection, number, change, codec.dump_reply(reply), int(fresh), model)
    if address:
        _update(connection, number, "incoming = ?", codec.dump_incoming(replace(known.incoming, address=address)))
    return turn(connection, number)


def latest(connection: Connection, conversation: str, before: int) -> Turn | None:
    """The newest turn before that one that can be asked again."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM turns WHERE {_AND_BRANCHES} AND id < :before AND part_of IS NULL"
        " AND id > coalesce((SELECT begins_after FROM conversations WHERE conversation = :conversation), 0)"
        " AND (json_extract(incoming, '$.kind') = 'said' OR json_extract(incoming, '$.command') = 'image')"
        " ORDER BY id DESC LIMIT 1",
        {"conversation": current(connection, conversation), "before": before},
    ).fetchone()
    return _to_turn(row) if row else None


def join(connection: Connection, number: int, joined: Incoming, others: Sequence[int]) -> None:
    """One turn instead of several."""
    _update(connection, number, "incoming = ?", codec.dump_incoming(joined))
    for other in others:
        finish(connection, other, (), dead=False)
        _update(connection, other, "part_of = ?", number)


def history(connection: Connection, conversation: str, before: int) -> list[Message]:
    """What was said before that turn and since the conversation began anew, oldest first; at most so much."""
    rows = connection.execute(
        "SELECT role, text FROM history WHERE conversation = :conversation AND turn < :before AND turn > coalesce("
        " (SELECT begins_after FROM conversations WHERE conversation = :conversation), 0)"
        " ORDER BY turn DESC, position DESC LIMIT :most",
        {"conversation": current(connection, conversation), "before": before, "most": _LONGEST_HISTORY},
    )
    return [Message(role, text) for role, text in rows][::-1]


def begin_anew(connection: Connection, conversation: str, after: int) -> None:
    """The history begins after that turn."""
    connection.execute(
        "INSERT INTO conversations (conversation, begins_after) VALUES (?, ?)"
        " ON CONFLICT (conversation) DO UPDATE SET begins_after = excluded.begins_after",
        (current(connection, conversation), after),
    )


def forget(connection: Connection, conversation: str, before: int | None = None) -> int:
    """Delete all of a conversation before that turn; what came after it still waits for its answer."""
    values = {"conversation": current(connection, conversation), "before": before}
    for table in ("history", "conversations"):
        connection.execute(f"DELETE FROM {table} WHERE {_AND_BRANCHES}", values)
    which = f"{_AND_BRANCHES} AND (:before IS NULL OR id < :before)"
    _keep_seen(connection, which, values)
    return connection.execute(f"DELETE FROM turns WHERE {which}", values).rowcount


def turns_of(connection: Connection, conversation: str) -> int:
    """How many turns are stored of a conversation and its branches."""
    counting = f"SELECT count(*) FROM turns WHERE {_AND_BRANCHES}"
    return int(connection.execute(counting, {"conversation": current(connection, conversation)}).fetchone()[0])


def prune(connection: Connection, before: float, day: str, most: int) -> int:
    """Delete turns that are over for long, at most so many, and figures of days before that one."""
    connection.execute("DELETE FROM usage WHERE day < ?", (day,))
    over = (
        "SELECT id FROM turns WHERE updated_at < :before AND state IN ('done', 'dead') ORDER BY updated_at LIMIT :most"
    )
    turns = [number for (number,) in connection.execute(over, {"before": before, "most": most})]
    for number in turns:
        connection.execute("DELETE FROM history WHERE turn = ?", (number,))
        _keep_seen(connection, "id = :id", {"id": number})
        connection.execute("DELETE FROM turns WHERE id = ?", (number,))
    return len(turns)


def _keep_seen(connection: Connection, which: str, values: dict[str, Any]) -> None:
    """Turns are about to be deleted: note what they tell of the newest message of their places."""
    connection.execute(
        f"INSERT INTO seen (messenger, place, message) SELECT {_MESSENGER}, {_PLACE}, max({_SEEN}) FROM turns"
        f" WHERE {which} GROUP BY 1, 2 HAVING max({_SEEN}) > 0"
        " ON CONFLICT (messenger, place) DO UPDATE SET message = max(message, excluded.message)",
        values,
    )
    by_token = connection.execute(
        f"SELECT DISTINCT place FROM turns WHERE {which} AND {_COMMANDED}"
        f" AND NOT EXISTS (SELECT 1 FROM seen WHERE messenger = {_MESSENGER} AND seen.place = {_PLACE})",
        values,
    )
    connection.executemany(
        f"INSERT INTO seen (messenger, place, message) SELECT {_MESSENGER}, {_PLACE}, min({_NUMBER}) FROM turns"
        f" WHERE place = ? GROUP BY 1, 2 HAVING min({_NUMBER}) > 0",
        by_token.fetchall(),
    )


def activity(connection: Connection, most: int) -> list[Activity]:
    """The conversations, the latest first."""
    rows = connection.execute(
        "SELECT conversation, count(*), max(updated_at) FROM turns GROUP BY conversation"
        " ORDER BY max(updated_at) DESC LIMIT ?",
        (most,),
    )
    return [Activity(*row) for row in rows]


def dead(connection: Connection) -> int:
    """How many turns were given up."""
    return int(connection.execute("SELECT count(*) FROM turns WHERE state = 'dead'").fetchone()[0])


def given_up(connection: Connection, most: int) -> list[Turn]:
    """Those that were given up, the latest ones, oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM turns WHERE state = 'dead' ORDER BY id DESC LIMIT ?", (most,))
    return [_to_turn(row) for row in rows][::-1]


def drop(connection: Connection, number: int) -> bool:
    """One that was given up is done."""
    known = turn(connection, number)
    if known is None or known.state != "dead":
        return False
    _update(connection, number, "state = 'done'")
    return True


def standing(connection: Connection) -> Standing:
    """How many turns are in which state. Two queries, for which there are indexes; the many that are done have none."""
    unfinished_ones = connection.execute(
        "SELECT state, count(*), min(received_at) FROM turns WHERE state IN ('new', 'running', 'answered')"
        " GROUP BY state"
    )
    found = {state: (count, oldest) for state, count, oldest in unfinished_ones}
    counts = {state: count for state, (count, _) in found.items()}
    return Standing(**counts, dead=dead(connection), waiting_since=found["new"][1] if "new" in found else None)


def data_version(connection: Connection) -> int:
    """A number that is another one after somebody else's commit (sqlite.org/pragma.html#pragma_data_version)."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def recent_places(connection: Connection, seconds: float) -> frozenset[str]:
    """Places with turns that changed within the last `seconds`."""
    rows = connection.execute("SELECT DISTINCT place FROM turns WHERE updated_at > ?", (time.time() - seconds,))
    return frozenset(place for (place,) in rows)


def last_seen(connection: Connection, messenger: str) -> dict[str, str]:
    """Place → the highest message number."""
    rows = connection.execute(
        "SELECT place, coalesce(max(message), min(other)) FROM ("
        f"SELECT {_PLACE} AS place, {_SEEN} AS message, {_NUMBER} AS other FROM turns WHERE {_MESSENGER} = :messenger"
        " UNION ALL SELECT place, message, NULL FROM seen WHERE messenger = :messenger) GROUP BY 1",
        {"messenger": messenger},
    )
    return {place: str(message) for place, message in rows if message}


def _update(connection: Connection, number: int, change: str, *values: object) -> None:
    connection.execute(f"UPDATE turns SET {change}, updated_at = ? WHERE id = ?", (*values, time.time(), number))
