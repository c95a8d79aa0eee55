"""A SQLite database as a file: opened, looked through, brought up to date, copied while it is used."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from storage import sql
from storage.base import DamagedError, StorageError

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")
WAIT_SECONDS = 10.0  # for another program's transaction
BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create the file. Raises `sqlite3.Error` or `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS)
    try:
        # secure_delete: what is deleted is overwritten (sqlite.org/pragma.html#pragma_secure_delete)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def check(connection: sqlite3.Connection) -> None:
    """Look through the whole file. Raises `sqlite3.DatabaseError` for what doesn't hold together."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        fault = sqlite3.DatabaseError(" ".join(finding.split()))
        fault.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise fault


def empty_log(connection: sqlite3.Connection, seconds: float) -> bool:
    """Move the write-ahead log into the database and cut it to nothing, so that no deleted text is left in it.

    False: another program reads or writes just now, also after waiting that long.
    """
    try:
        connection.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute(f"PRAGMA busy_timeout={int(WAIT_SECONDS * 1000)}")
    except sqlite3.Error as error:
        log.warning("what was deleted is still in the database's log: %s", error)
        return False
    return not busy


def explained(error: Exception, path: Path) -> StorageError:
    """What the caller is told. The database's whole path: it is for the operator, who must find the file."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN:
        return DamagedError(
            f"the database {path} is damaged ({error}): restore a backup in its place, or move it away to begin with "
            "an empty one (docs/operating.md)"
        )
    return StorageError(f"the database {path.name} failed: {error}")


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Bring the database to the newest version. Raises `StorageError` for one that is newer than this program."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = sorted(folder.glob("*.sql"))
    if version > len(scripts):
        raise StorageError(
            f"the database is of version {version}, this program knows versions up to {len(scripts)}: "
            "start the newer program again, or restore an older backup"
        )
    for number, script in enumerate(scripts[version:], version + 1):
        for statement in sql.statements(script.read_text("utf-8")):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={number}")


def compact(connection: sqlite3.Connection) -> None:
    """Write the file anew. Even with `secure_delete` a page that was rearranged can hold a piece of what was in it."""
    connection.execute("VACUUM")


def backup(path: Path, file: Path, *, overwrite: bool = False) -> int:
    """Copy the database into one file that only its owner can read, while others use it; its size in bytes.

    The copy is looked through before it gets its name: there is a whole backup, or none. Raises `FileExistsError`,
    `FileNotFoundError` where there is no database, `StorageError`.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    if file.exists() and not overwrite:
        raise FileExistsError(file)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(path, beside)
        size = beside.stat().st_size
        beside.replace(file)
    except sqlite3.Error as error:
        raise explained(error, path) from error
    finally:
        beside.unlink(missing_ok=True)
    return size


def _copy(path: Path, file: Path) -> None:
    with (
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS)) as source,
        closing(sqlite3.connect(file)) as copy,
    ):
        source.backup(copy)  # in one step: a single reading transaction, which nobody who writes waits for
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        check(copy)
