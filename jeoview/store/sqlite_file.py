"""The file of `jeoview.store.sqlite`: made whole or not at all, and recognised when it is opened."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from jeoview.errors import StoreError

# "jeov" in ASCII, in the header of every store: another program's database is not written into
APPLICATION_ID = 0x6A656F76
VERSION = 1

_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE entry (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL);
"""

_READ_ONLY = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
# what -wal shrinks to after a checkpoint
_MAX_WAL_BYTES = 64 * 1024 * 1024


def create(path: Path) -> None:
    """Make an empty store where there is no file; of several processes one makes it.

    The file appears under its name when it is complete. So an empty or half-written file is never
    a store that is being made, but one that was damaged.

    Raises
    ------
    OSError, sqlite3.Error
        If it cannot be written.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(_beside(path, ".lock")):
        if not path.exists():
            _create(path)


def connect(path: Path, timeout: float) -> sqlite3.Connection:
    """Open a store for one caller at a time, in autocommit.

    Raises
    ------
    StoreError
        If the file is a database of something else or of another version.
    sqlite3.Error
        If the file cannot be opened or is damaged.
    """
    # "rw" never makes a file: SQLite would take an empty one for a new database
    try:
        return _open(path, "mode=rw", timeout)
    except sqlite3.OperationalError as error:
        # Where nothing may be written, SQLite cannot make the files beside a database that was closed; then nobody writes it.
        if error.sqlite_errorcode & 0xFF not in _READ_ONLY or _beside(path, "-wal").exists():
            raise
        return _open(path, "mode=ro&immutable=1", timeout)


def _open(path: Path, how: str, timeout: float) -> sqlite3.Connection:
    address = f"{path.as_uri()}?{how}"
    connection = sqlite3.connect(address, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _recognise(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_MAX_WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def identity(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is replaced, or None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _create(path: Path) -> None:
    # logs of a database that was removed must not be replayed into the new one
    for leftover in ("-wal", "-shm"):
        _beside(path, leftover).unlink(missing_ok=True)
    temporary = _beside(path, f".{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(temporary)) as connection:
            connection.executescript(_SCHEMA)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        what = "is empty: it was damaged" if path.stat().st_size == 0 else "is not a store of jeoview"
        raise StoreError(f"the store's file {path.name!r} {what}; move it away, or set JEOVIEW_STORE to another one")
    if version != VERSION:
        raise StoreError(f"the store's file {path.name!r} is of version {version}; this jeoview writes {VERSION}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
