"""Bytes by key: the only meeting point of notebook and tile server.

Keys are names of content (``chain:{hash}``, ``items:{hash}``, ...), so that a second write under a
key brings the same bytes and needs no coordination. Values are data, never code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from jeoview.errors import ParameterError


class Store(Protocol):
    """What every store can do, from any number of threads.

    A key is text without NUL, not empty; a value is ``bytes`` of at most
    `jeoview.store.check.MAX_VALUE_BYTES`; anything else is a ``ParameterError``. All methods raise
    ``StoreError`` when the store cannot be reached, is damaged or was closed.
    """

    def get(self, key: str) -> bytes | None:
        """Return the value, or None where there is none."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; the last write wins, and a reader sees the old or the new, never a part."""

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the values of those keys that exist."""

    def contains(self, key: str) -> bool:
        """Tell whether there is a value."""

    def delete(self, key: str) -> None:
        """Forget a value; a missing key is no error."""

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted by code point."""

    def close(self) -> None:
        """Give back connections; a second call does nothing."""


@lru_cache(maxsize=8)
def shared_store(url: str) -> Store:
    """The one store of this process at an address: collections, exports and engine meet in it.

    Raises
    ------
    ParameterError, StoreError
        As `open_store`.
    """
    return open_store(url)


def open_store(url: str) -> Store:
    """Open the store that an address names.

    Parameters
    ----------
    url : str
        ``memory:`` (this process alone, gone with it), ``sqlite:///`` and a path (processes of one
        machine), ``redis://host:port/db`` or ``rediss://...`` (processes of several machines).

    Raises
    ------
    ParameterError
        If the address is none of these.
    StoreError
        If a database file is damaged or cannot be made. Redis is first contacted by the first request.
    """
    if not isinstance(url, str):
        raise ParameterError(f"the store's address is {url!r}; expected text such as 'memory:'")
    if url == "memory:":
        from jeoview.store.memory import MemoryStore

        return MemoryStore()
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        from jeoview.store.sqlite import SqliteStore

        return SqliteStore(Path(url.removeprefix("sqlite:///")).expanduser())
    if url.startswith(("redis://", "rediss://")):
        from jeoview.store.redis import RedisStore

        return RedisStore(url)
    # only the scheme is repeated: the rest may hold a password
    scheme = url.partition(":")[0]
    raise ParameterError(
        f"the store's address begins with {scheme!r}; expected 'memory:', 'sqlite:///path' or 'redis://host:port/db'"
    )
