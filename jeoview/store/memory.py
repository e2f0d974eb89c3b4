"""A store in the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from jeoview.errors import ParameterError, StoreError
from jeoview.store.check import check_key, check_keys, check_prefix, check_value


class MemoryStore:
    """Values in a dict; with a budget, the values unused for the longest time are dropped first.

    Parameters
    ----------
    max_bytes : int, optional
        Largest sum of the sizes of all values. Without it nothing is ever dropped, which is what a
        store of chains needs; with it the store is a cache, and a value above the budget is not kept.
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        if max_bytes is not None and max_bytes <= 0:
            raise ParameterError(f"max_bytes is {max_bytes}; expected a positive number of bytes")
        self._max_bytes = max_bytes
        self._values: OrderedDict[str, bytes] | None = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return the value, or None."""
        check_key(key)
        with self._lock:
            return self._touch(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; within a budget, drop what was unused for the longest time."""
        check_key(key)
        check_value(value)
        with self._lock:
            self._forget(key)
            self._open()[key] = value
            self._size += len(value)
            self._shrink()

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the values that exist."""
        wanted = check_keys(keys)
        with self._lock:
            found = {key: self._touch(key) for key in wanted}
        return {key: value for key, value in found.items() if value is not None}

    def contains(self, key: str) -> bool:
        """Tell whether there is a value; does not count as a use."""
        check_key(key)
        with self._lock:
            return key in self._open()

    def delete(self, key: str) -> None:
        """Forget a value."""
        check_key(key)
        with self._lock:
            self._forget(key)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, sorted."""
        check_prefix(prefix)
        with self._lock:
            return sorted(key for key in self._open() if key.startswith(prefix))

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values = None
            self._size = 0

    def _open(self) -> OrderedDict[str, bytes]:
        if self._values is None:
            raise StoreError("the store in memory was closed")
        return self._values

    def _touch(self, key: str) -> bytes | None:
        values = self._open()
        if key in values:
            values.move_to_end(key)
        return values.get(key)

    def _forget(self, key: str) -> None:
        self._size -= len(self._open().pop(key, b""))

    def _shrink(self) -> None:
        while self._max_bytes is not None and self._size > self._max_bytes:
            _, dropped = self._open().popitem(last=False)
            self._size -= len(dropped)
