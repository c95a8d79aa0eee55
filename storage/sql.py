"""What each call of a store does, as SQL over one open transaction."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any

from chat.incoming import Incoming
from chat.messages import Message
from chat.replies import Final, ReplyState
from storage import codec
from storage.base import Activity, Amount, Choices, Spent, Turn

Connection = sqlite3.Connection

_COLUMNS = "id, incoming, state, reply, final, failed, interruptions, drawn, received_at, runs, model"
# A conversation, and the chains of replies in it (`Address.branch`): `;` comes right after `:`.
_AND_BRANCHES = (
    "(conversation = :conversation OR conversation > :conversation || ':' AND conversation < :conversation || ';')"
)
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
            incoming.address.conversation,
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
) -> None:
    """The answer is complete: its final form, its entries of history and what it cost, together."""
    if spent:
        _spend(connection, spent)
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


def drew(connection: Connection, number: int) -> None:
    """One more picture was sent."""
    _update(connection, number, "drawn = drawn + 1")


def reopen(connection: Connection, number: int, *, fresh: bool = False, model: str = "") -> Turn | None:
    """Make it new again where it is finished."""
    known = turn(connection, number)
    if known is None or known.state not in {"done", "dead"}:
        return None
    row = connection.execute("SELECT text FROM history WHERE turn = ? AND role = 'assistant'", (number,)).fetchone()
    # What was shown stays shown until there is something better: a retry may fail.
    reply = ReplyState() if fresh else ReplyState(known.reply.parts, row[0] if row else "")
    connection.execute("DELETE FROM history WHERE turn = ?", (number,))
    change = "state = 'new', failed = 0, interruptions = 0, drawn = 0, reply = ?, runs = runs + ?, model = ?"
    _update(connection, number, change, codec.dump_reply(reply), int(fresh), model)
    return turn(connection, number)


def latest(connection: Connection, conversation: str, before: int) -> Turn | None:
    """The newest turn before that one that can be asked again."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM turns WHERE {_AND_BRANCHES} AND id < :before AND part_of IS NULL"
        " AND id > coalesce((SELECT begins_after FROM conversations WHERE conversation = :conversation), 0)"
        " AND (json_extract(incoming, '$.kind') = 'said' OR json_extract(incoming, '$.command') = 'image')"
        " ORDER BY id DESC LIMIT 1",
        {"conversation": conversation, "before": before},
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
        {"conversation": conversation, "before": before, "most": _LONGEST_HISTORY},
    )
    return [Message(role, text) for role, text in rows][::-1]


def begin_anew(connection: Connection, conversation: str, after: int) -> None:
    """The history begins after that turn."""
    connection.execute(
        "INSERT INTO conversations (conversation, begins_after) VALUES (?, ?)"
        " ON CONFLICT (conversation) DO UPDATE SET begins_after = excluded.begins_after",
        (conversation, after),
    )


def choices(connection: Connection, conversation: str) -> Choices:
    """What is chosen for a conversation."""
    row = connection.execute(
        "SELECT model, system_prompt FROM conversations WHERE conversation = ?", (conversation,)
    ).fetchone()
    return Choices(*row) if row else Choices()


def choose(connection: Connection, conversation: str, *, model: str | None, system_prompt: str | None) -> None:
    """Remember what is chosen; None leaves it as it is."""
    connection.execute("INSERT INTO conversations (conversation) VALUES (?) ON CONFLICT DO NOTHING", (conversation,))
    prompt = system_prompt if system_prompt is None else codec.storable(system_prompt)
    connection.execute(
        "UPDATE conversations SET model = coalesce(?, model), system_prompt = coalesce(?, system_prompt)"
        " WHERE conversation = ?",
        (model, prompt, conversation),
    )


def used(connection: Connection, day: str, who: str) -> Amount:
    """What somebody, or everybody, used on a day."""
    row = connection.execute(
        "SELECT coalesce(sum(messages), 0), coalesce(sum(images), 0), coalesce(sum(input_tokens), 0),"
        " coalesce(sum(output_tokens), 0) FROM usage WHERE day = :day AND (:who = '' OR who = :who)",
        {"day": day, "who": who},
    ).fetchone()
    return Amount(*row)


def forget(connection: Connection, conversation: str, before: int) -> None:
    """Delete all of a conversation before that turn; what came after it still waits for its answer."""
    values = {"conversation": conversation, "before": before}
    for table in ("history", "conversations"):
        connection.execute(f"DELETE FROM {table} WHERE {_AND_BRANCHES}", values)
    connection.execute(f"DELETE FROM turns WHERE {_AND_BRANCHES} AND id < :before", values)


def forget_usage(connection: Connection, who: str, before: str) -> None:
    """Delete what somebody used before that day."""
    connection.execute("DELETE FROM usage WHERE who = ? AND day < ?", (who, before))


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


def _spend(connection: Connection, spent: Spent) -> None:
    connection.execute(
        "INSERT INTO usage (day, who, messages, images, input_tokens, output_tokens) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (day, who) DO UPDATE SET messages = messages + excluded.messages,"
        " images = images + excluded.images, input_tokens = input_tokens + excluded.input_tokens,"
        " output_tokens = output_tokens + excluded.output_tokens",
        (spent.day, spent.who, *astuple(spent.amount)),
    )


def recent_places(connection: Connection, seconds: float) -> frozenset[str]:
    """Places with turns that changed within the last `seconds`."""
    rows = connection.execute("SELECT DISTINCT place FROM turns WHERE updated_at > ?", (time.time() - seconds,))
    return frozenset(place for (place,) in rows)


def last_seen(connection: Connection, messenger: str) -> dict[str, str]:
    """Place → the highest message number."""
    rows = connection.execute(
        "SELECT json_extract(incoming, '$.address.place'),"
        " max(CAST(json_extract(incoming, '$.address.message') AS INTEGER)) FROM turns"
        " WHERE json_extract(incoming, '$.address.messenger') = ? GROUP BY 1",
        (messenger,),
    )
    return {place: str(message) for place, message in rows if message}


def _update(connection: Connection, number: int, change: str, *values: object) -> None:
    connection.execute(f"UPDATE turns SET {change}, updated_at = ? WHERE id = ?", (*values, time.time(), number))
