"""A store in one SQLite file, for all processes of one machine."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jeoview.errors import StoreError
from jeoview.store.check import check_key, check_keys, check_prefix, check_value
from jeoview.store.sqlite_file import connect, create, identity
from jeoview.store.sqlite_pool import Pool

# below the number of parameters that the oldest builds of SQLite take
_AT_ONCE = 500

_PUT = (
    "INSERT INTO entry (key, value, crc) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, crc = excluded.crc"
)

_WHY = {
    sqlite3.SQLITE_BUSY: "was locked by another process for too long",
    sqlite3.SQLITE_LOCKED: "was locked by another process for too long",
    sqlite3.SQLITE_CORRUPT: "is damaged; move it away, and run the notebooks again to fill a new one",
    sqlite3.SQLITE_NOTADB: "is damaged; move it away, and run the notebooks again to fill a new one",
    sqlite3.SQLITE_READONLY: "may only be read",
    sqlite3.SQLITE_FULL: "cannot be written: the disk is full",
}


class SqliteStore:
    """Values in a table with a checksum each, written ahead (WAL): readers never wait for a writer.

    Any number of threads and processes may use one file. A connection serves one caller at a time,
    and none is taken across a fork.

    Parameters
    ----------
    path : Path
        The database file; it is made, with its folder, where it is missing.
    timeout : float
        Seconds to wait for another process that is writing.

    Raises
    ------
    StoreError
        If the file is damaged, is something else, or cannot be made.
    """

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._path = path.absolute()
        self._timeout = timeout
        self._pool = Pool(self._connect, lambda: identity(self._path))
        # a damaged file is an error of this line, not of the first tile
        self.contains("-")

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        rows = self._ask("SELECT key, value, crc FROM entry WHERE key = ?", [check_key(key)])
        return self._checked(*rows[0]) if rows else None

    def put(self, key: str, value: bytes) -> None:
        """Keep a value."""
        self._ask(_PUT, [check_key(key), check_value(value), zlib.crc32(value)])

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the values that exist."""
        wanted = check_keys(keys)
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._ask(f"SELECT key, value, crc FROM entry WHERE key IN ({marks})", part)
            found.update((row[0], self._checked(*row)) for row in rows)
        return found

    def contains(self, key: str) -> bool:
        """Tell whether there is a value."""
        return bool(self._ask("SELECT 1 FROM entry WHERE key = ?", [check_key(key)]))

    def delete(self, key: str) -> None:
        """Forget a value."""
        self._ask("DELETE FROM entry WHERE key = ?", [check_key(key)])

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        query, bounds = "SELECT key FROM entry WHERE key >= ?", [check_prefix(prefix)]
        after = _successor(prefix)
        if after:
            query, bounds = f"{query} AND key < ?", [prefix, after]
        return [key for (key,) in self._ask(f"{query} ORDER BY key", bounds)]

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _connect(self) -> sqlite3.Connection:
        create(self._path)
        return connect(self._path, self._timeout)

    def _ask(self, query: str, values: Sequence[str | bytes | int]) -> list[tuple[Any, ...]]:
        with self._readable(), self._pool.connection() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # the low byte is the class of an extended code
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            raise self._error(_WHY.get(code, f"cannot be used: {error}")) from error
        except OSError as error:
            # its own text would hold the path
            raise self._error(f"cannot be used: {error.strerror}") from error

    def _checked(self, key: str, value: object, crc: object) -> bytes:
        if isinstance(value, bytes) and zlib.crc32(value) == crc:
            return value
        raise self._error(f"is damaged: the value of {key!r} is not what was written")

    def _error(self, what: str) -> StoreError:
        return StoreError(f"the store's file {self._path.name!r} {what}")


def _successor(prefix: str) -> str:
    """Return the first text after all that begin with ``prefix``; empty where nothing comes after.

    SQLite compares the bytes of UTF-8, whose order is that of the code points.
    """
    shorter = prefix.rstrip("\U0010ffff")
    if not shorter:
        return ""
    following = ord(shorter[-1]) + 1
    # the surrogates are no characters
    return shorter[:-1] + chr(0xE000 if following == 0xD800 else following)
