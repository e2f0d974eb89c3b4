"""The catalogue's file: opened, checked, and laid out where it is new."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from jeoview.catalog.sql import add_functions
from jeoview.errors import StoreError

APPLICATION = 0x6A656F76  # "jeov"
SCHEMA = 1
WAIT_SECONDS = 30.0
_TABLES = """
CREATE TABLE collections (name TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE items (
    number INTEGER PRIMARY KEY, collection TEXT NOT NULL REFERENCES collections ON DELETE CASCADE, id TEXT NOT NULL,
    time INTEGER NOT NULL, footprint BLOB NOT NULL, document TEXT NOT NULL, UNIQUE (collection, id));
CREATE INDEX items_by_time ON items (collection, time, id);
CREATE VIRTUAL TABLE boxes USING rtree (number, west, east, south, north);
CREATE TABLE bands (number INTEGER PRIMARY KEY, collection TEXT NOT NULL REFERENCES collections ON DELETE CASCADE,
    name TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (collection, name));
CREATE TABLE properties (collection TEXT NOT NULL REFERENCES collections ON DELETE CASCADE, name TEXT NOT NULL,
    type TEXT NOT NULL, PRIMARY KEY (collection, name, type)) WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, or make it.

    Raises
    ------
    StoreError
        If it is the database of another program or of another version.
    sqlite3.DatabaseError
        If it is no SQLite file, or stays locked.
    """
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path.name)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, name: str) -> None:
    if _application(connection) != APPLICATION:
        _create(connection, name)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA:
        raise StoreError(f"the catalogue {name!r} has layout {version}, this jeoview reads {SCHEMA}; ingest anew")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    add_functions(connection)


def _application(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _create(connection: sqlite3.Connection, name: str) -> None:
    """Lay out a new file; another process may be doing the same at this moment."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        _use_log(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _application(connection) != APPLICATION:
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise StoreError(f"{name!r} is a database of another program, not a catalogue of jeoview")
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait for a lock here, so we do."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
