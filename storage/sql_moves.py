"""Places that got another name: as SQL over one open transaction."""

import re
import sqlite3

Connection = sqlite3.Connection

# `telegram:-555` of `telegram:-555/11` and of `discord:5:77`: see `chat.incoming.Address`.
_PLACE = re.compile(r"[^:]*:?[^/:]*")


def current(connection: Connection, conversation: str) -> str:
    """What a conversation, or a room, is called now."""
    place = _place_of(conversation)
    row = connection.execute("SELECT now FROM moves WHERE place = ?", (place,)).fetchone()
    return row[0] + conversation.removeprefix(place) if row else conversation


def moved(connection: Connection) -> dict[str, str]:
    """Former names → the names now."""
    return dict(connection.execute("SELECT place, now FROM moves"))


def move(connection: Connection, place: str, to: str) -> None:
    """All of a place is another's from now on. Turns keep their addresses: messages are numbered place by place."""
    if place == to:
        return
    for conversation in _conversations(connection, place):
        _rename(connection, conversation, to + conversation.removeprefix(place))
    # One step leads from every former name to the one now, also after a second move.
    connection.execute("UPDATE moves SET now = ? WHERE now = ?", (to, place))
    connection.execute("DELETE FROM moves WHERE place = ?", (to,))
    connection.execute("INSERT OR REPLACE INTO moves (place, now) VALUES (?, ?)", (place, to))


def _place_of(conversation: str) -> str:
    match = _PLACE.match(conversation)
    return match[0] if match else ""


def _conversations(connection: Connection, place: str) -> list[str]:
    """The place's own, its threads and its chains of replies: `;` comes right after `/`, the digits and `:`."""
    rows = connection.execute(
        "SELECT conversation FROM turns WHERE conversation >= :place AND conversation < :place || ';'"
        " UNION SELECT conversation FROM conversations WHERE conversation >= :place AND conversation < :place || ';'",
        {"place": place},
    )
    return [conversation for (conversation,) in rows if _place_of(conversation) == place]


def _rename(connection: Connection, conversation: str, to: str) -> None:
    connection.execute("UPDATE turns SET conversation = ? WHERE conversation = ?", (to, conversation))
    connection.execute("UPDATE history SET conversation = ? WHERE conversation = ?", (to, conversation))
    connection.execute(
        "INSERT INTO conversations (conversation, begins_after, model, system_prompt)"
        " SELECT ?, begins_after, model, system_prompt FROM conversations WHERE conversation = ?"
        " ON CONFLICT (conversation) DO UPDATE SET begins_after = max(begins_after, excluded.begins_after),"
        " model = coalesce(nullif(model, ''), excluded.model),"
        " system_prompt = coalesce(nullif(system_prompt, ''), excluded.system_prompt)",
        (to, conversation),
    )
    connection.execute("DELETE FROM conversations WHERE conversation = ?", (conversation,))
