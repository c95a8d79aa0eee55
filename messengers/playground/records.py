"""The archive's statements: each function is a part of one transaction."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from messengers.base import MessageGone, PlaceGone
from messengers.playground.entries import Changed, Conversation, Entry, File, Label, Stretch
from messengers.playground.file_records import drop

SCHEMA = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, at INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE messages (
    id TEXT PRIMARY KEY, conversation TEXT NOT NULL, who TEXT NOT NULL, text TEXT NOT NULL,
    at INTEGER NOT NULL, revision INTEGER NOT NULL, buttons TEXT NOT NULL, files TEXT NOT NULL, image TEXT NOT NULL,
    writing INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0, nonce TEXT
);
CREATE INDEX by_time ON messages (conversation, at);
CREATE INDEX by_revision ON messages (revision);
CREATE INDEX being_written ON messages (conversation) WHERE writing;
CREATE UNIQUE INDEX by_nonce ON messages (conversation, nonce);
CREATE TABLE files (
    id TEXT PRIMARY KEY, conversation TEXT NOT NULL, message TEXT NOT NULL, name TEXT NOT NULL,
    media_type TEXT NOT NULL, size INTEGER NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE sessions (digest TEXT PRIMARY KEY, expires INTEGER NOT NULL);
PRAGMA user_version=1
"""
VERSION = 1
LATEST = 2**63 - 1  # later than every stamp
MAIN = "main"  # the conversation that there is from the start

_ENTRY = "id, conversation, who, text, at, revision, buttons, files, image, gone"
_BUSY = "EXISTS (SELECT 1 FROM messages WHERE conversation = conversations.id AND writing)"


class TooNewError(OSError):
    """A newer program made the archive."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables if the file is new. Raises `TooNewError`."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise TooNewError(f"it is of version {version}, this program knows versions up to {VERSION}")
    if not version:
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute("INSERT INTO conversations (id, title, at) VALUES (?, '', 0)", (MAIN,))


def latest_stamp(connection: sqlite3.Connection) -> int:
    """The highest stamp that was given."""
    select = "SELECT max((SELECT coalesce(max(revision), 0) FROM messages), (SELECT max(at) FROM conversations))"
    (latest,) = connection.execute(select).fetchone()
    return int(latest or 0)


def conversations(connection: sqlite3.Connection, most: int) -> Mapping[str, Conversation | None]:
    """The latest ones; None: deleted."""
    rows = connection.execute(
        f"SELECT id, title, at, {_BUSY}, gone FROM conversations ORDER BY at DESC LIMIT ?",  # noqa: S608 - a constant
        (most,),
    )
    return {
        place: None if gone else Conversation(place, title, at, bool(busy)) for place, title, at, busy, gone in rows
    }


def messages(
    connection: sqlite3.Connection, place: str, most: int, most_characters: int, before: int = LATEST
) -> Stretch:
    """A conversation's latest messages of those before then; what was deleted among them doesn't count."""
    rows = connection.execute(
        f"SELECT {_ENTRY} FROM messages WHERE conversation = ? AND at < ? ORDER BY at DESC, id DESC",  # noqa: S608
        (place, before),
    )
    latest: dict[str, Entry | None] = {}
    for row in rows:
        entry, gone = _entry(row), bool(row[-1])
        most -= not gone
        most_characters -= len(entry.text)
        if latest and (most < 0 or most_characters < 0):
            return Stretch(dict(reversed(latest.items())), entry.at + 1)
        latest[entry.id] = None if gone else entry
    return Stretch(dict(reversed(latest.items())), 0)


def add(connection: sqlite3.Connection, entry: Entry, title: str) -> Changed | None:
    """What a person says. None: it is there already. A conversation that was deleted begins again."""
    if _find(connection, entry.id):
        return None
    _insert(connection, entry)
    connection.execute(
        "INSERT INTO conversations (id, title, at) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET at = excluded.at, gone = 0, title = CASE title WHEN '' THEN excluded.title ELSE title END",
        (entry.conversation, title, entry.at),
    )
    return _changed(connection, entry.conversation, entry)


def withdraw(connection: sqlite3.Connection, message: str) -> Changed | None:
    """Take back what `add` added: it wasn't handed in. A conversation that only had this goes, too."""
    entry = _find(connection, message)
    if entry is None:
        return None
    connection.execute("UPDATE files SET conversation = '', message = '' WHERE message = ?", (message,))
    _bury(connection, message)
    place = entry.conversation
    if not connection.execute("SELECT 1 FROM messages WHERE conversation = ? AND NOT gone", (place,)).fetchone():
        connection.execute("UPDATE conversations SET title = '', gone = id <> ? WHERE id = ?", (MAIN, place))
    return _changed(connection, place, message)


def send(connection: sqlite3.Connection, entry: Entry, nonce: str) -> tuple[str, Changed | None]:
    """A new message of the bot's; its id. With a nonce that is known, the message that has it is changed instead.

    Raises `PlaceGone` where the conversation was deleted.
    """
    _insist(connection, entry.conversation)
    known = connection.execute(
        "SELECT id FROM messages WHERE conversation = ? AND nonce = ?", (entry.conversation, nonce)
    ).fetchone()
    if known:
        return known[0], edit(connection, replace(entry, id=known[0]))
    _insert(connection, entry, nonce)
    connection.execute(
        "INSERT INTO conversations (id, title, at) VALUES (?, '', ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
        (entry.conversation, entry.at),
    )
    return entry.id, _changed(connection, entry.conversation, entry)


def edit(connection: sqlite3.Connection, entry: Entry) -> Changed | None:
    """Give a message of the bot's this text and these buttons. None: it has them already.

    One that isn't known (the archive was lost) comes back at its old place. Raises `MessageGone` where it was
    deleted, `PlaceGone` where its conversation was.
    """
    _insist(connection, entry.conversation)
    known = _find(connection, entry.id)
    if known is None:
        if connection.execute("SELECT 1 FROM messages WHERE id = ?", (entry.id,)).fetchone():
            raise MessageGone(entry.id)
        return send(connection, entry, "")[1]
    if (known.text, known.buttons) == (entry.text, entry.buttons):
        return None
    shown = replace(known, text=entry.text, buttons=entry.buttons, revision=entry.revision)
    connection.execute(
        "UPDATE messages SET text = ?, buttons = ?, writing = ?, revision = ? WHERE id = ?",
        (shown.text, _list(shown.buttons), shown.is_being_written, shown.revision, shown.id),
    )
    return _changed(connection, shown.conversation, shown)


def delete(connection: sqlite3.Connection, message: str) -> tuple[Changed | None, Sequence[str]]:
    """Take a message away, and its picture; the files that can go now."""
    entry = _find(connection, message)
    if entry is None:
        return None, ()
    _bury(connection, message)
    return _changed(connection, entry.conversation, message), drop(connection, "message", message)


def rename(connection: sqlite3.Connection, place: str, title: str) -> Changed | None:
    """Give a conversation a title. None: there is none."""
    done = connection.execute("UPDATE conversations SET title = ? WHERE id = ? AND NOT gone", (title, place))
    return _changed(connection, place) if done.rowcount else None


def delete_conversation(connection: sqlite3.Connection, place: str, at: int) -> tuple[Changed, Sequence[str]]:
    """Delete it and all that is in it; the files that can go now.

    Of what is being written just now the id stays, so that its reply ends instead of making it anew.
    """
    connection.execute("DELETE FROM messages WHERE conversation = ? AND NOT writing", (place,))
    rest = connection.execute("SELECT id FROM messages WHERE conversation = ?", (place,)).fetchall()
    for (message,) in rest:
        _bury(connection, message)
    connection.execute("UPDATE conversations SET title = '', gone = 1, at = ? WHERE id = ?", (at, place))
    return _changed(connection, place), drop(connection, "conversation", place)


def _insist(connection: sqlite3.Connection, place: str) -> None:
    if connection.execute("SELECT 1 FROM conversations WHERE id = ? AND gone", (place,)).fetchone():
        raise PlaceGone(place)


def _find(connection: sqlite3.Connection, message: str) -> Entry | None:
    row = connection.execute(f"SELECT {_ENTRY} FROM messages WHERE id = ? AND NOT gone", (message,)).fetchone()  # noqa: S608
    return _entry(row) if row else None


def _insert(connection: sqlite3.Connection, entry: Entry, nonce: str = "") -> None:
    connection.execute(
        "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (
            entry.id, entry.conversation, entry.who, entry.text, entry.at, entry.revision, _list(entry.buttons),
            _list(entry.files), entry.image, entry.is_being_written, nonce or None,
        ),
    )  # fmt: skip
    connection.executemany(
        "UPDATE files SET conversation = ?, message = ? WHERE id = ? AND message = ''",
        [(entry.conversation, entry.id, file) for file in (*(each.id for each in entry.files), entry.image)],
    )


def _bury(connection: sqlite3.Connection, message: str) -> None:
    """Of a deleted message its id and place stay: browsers that were away are told."""
    connection.execute(
        "UPDATE messages SET gone = 1, text = '', buttons = '[]', files = '[]', image = '', writing = 0, nonce = NULL"
        " WHERE id = ?",
        (message,),
    )


def _changed(connection: sqlite3.Connection, place: str, message: Entry | str = "") -> Changed:
    select = f"SELECT id, title, at, {_BUSY} FROM conversations WHERE id = ? AND NOT gone"  # noqa: S608 - a constant
    row = connection.execute(select, (place,)).fetchone()
    conversation = Conversation(row[0], row[1], row[2], bool(row[3])) if row else None
    if isinstance(message, Entry):
        return Changed(place, conversation, {message.id: message})
    return Changed(place, conversation, {message: None} if message else {})


def _list(values: Sequence[Label] | Sequence[File]) -> str:
    return json.dumps([asdict(each) for each in values], ensure_ascii=False)


def _entry(row: Sequence[Any]) -> Entry:
    message, place, who, text, at, revision, buttons, files, image, _ = row
    return Entry(
        message,
        place,
        who,
        text,
        at,
        revision,
        buttons=tuple(Label(**each) for each in json.loads(buttons)),
        files=tuple(File(**each) for each in json.loads(files)),
        image=image,
    )
