"""Results that an engine keeps: arrays and barriers in memory, fitted tables in the store as well."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from contextlib import suppress

import numpy as np

from jeoview.errors import StoreError
from jeoview.executor import Value
from jeoview.planner import Step
from jeoview.raster import Raster, Table
from jeoview.store import Store

Key = tuple[object, ...]


class ResultMemory:
    """A bounded memory of arrays, least recently used out first; safe for threads.

    Parameters
    ----------
    store : Store
        Where tables are shared with other processes; a store that fails is passed over.
    max_bytes : int
        Bytes of arrays held at the most.
    """

    def __init__(self, store: Store, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._arrays: OrderedDict[Key, Raster] = OrderedDict()
        self._tables: dict[str, Table] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of arrays held."""
        return self._bytes

    def get(self, step: Step) -> Value | None:
        """The kept result of an equal step, or None."""
        with self._lock:
            if step.node.key in self._tables:
                return self._tables[step.node.key]
            key = _key(step)
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        return self._stored_table(step) if _is_table(step) else None

    def put(self, step: Step, value: Value) -> None:
        """Keep a result; an array larger than a quarter of the memory is not kept unless it is a barrier."""
        if isinstance(value, Table):
            self._put_table(step, value)
            return
        value.array.flags.writeable = False
        if value.nbytes > self._max_bytes // (1 if step.stage else 4):
            return
        with self._lock:
            key = _key(step)
            if key in self._arrays:
                return
            self._arrays[key] = value
            self._bytes += value.nbytes
            while self._bytes > self._max_bytes:
                _, old = self._arrays.popitem(last=False)
                self._bytes -= old.nbytes

    def clear(self) -> None:
        """Let go of everything in memory; the store keeps its tables."""
        with self._lock:
            self._arrays.clear()
            self._tables.clear()
            self._bytes = 0

    def _put_table(self, step: Step, table: Table) -> None:
        with self._lock:
            self._tables[step.node.key] = table
        text = json.dumps({name: [_text(number) for number in values] for name, values in table.values.items()})
        with suppress(StoreError):
            self._store.put(f"table:{step.node.key}", text.encode())

    def _stored_table(self, step: Step) -> Table | None:
        """A table from the store; a broken entry counts as none and is computed again."""
        with suppress(StoreError, ValueError, AttributeError, TypeError):
            stored = self._store.get(f"table:{step.node.key}")
            if stored is not None:
                values = {name: np.array(v, dtype=np.float64) for name, v in json.loads(stored).items()}
                table = Table(values)
                with self._lock:
                    self._tables[step.node.key] = table
                return table
        return None


def _text(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _is_table(step: Step) -> bool:
    return step.operator.kind.value == "table"


def _key(step: Step) -> Key:
    return step.node.key, step.grid, step.bands, step.view
