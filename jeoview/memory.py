"""Results that an engine keeps: arrays and barriers in memory, fitted tables in the store as well."""

from __future__ import annotations

import io
import json
import threading
import zlib
from collections import OrderedDict
from contextlib import suppress

import numpy as np

from jeoview.describe import describe
from jeoview.errors import ParameterError, StoreError
from jeoview.executor import Value
from jeoview.graph import digest
from jeoview.operator import Mode
from jeoview.planner import Step
from jeoview.raster import Array, Kind, Raster, Table
from jeoview.store import Store

Key = tuple[object, ...]
# A whole area that took longer than this, of a fixed region, is worth its place in the store.
SLOW_SECONDS = 5.0


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
        if _is_lasting(step):
            return self._stored_area(step)
        return self._stored_table(step) if _is_table(step) else None

    def put(self, step: Step, value: Value, seconds: float = 0.0) -> None:
        """Keep a result; an array larger than a quarter of the memory is not kept unless it is a barrier.

        One barrier is kept whatever its size: its tiles would each compute it anew. That of a fixed region goes into
        the store as well where it took long.
        """
        if isinstance(value, Table):
            self._put_table(step, value)
            return
        if seconds > SLOW_SECONDS and _is_lasting(step):
            with suppress(StoreError, ParameterError):
                self._store.put(_area_key(step), _packed(value))
        self._keep(step, value)

    def _keep(self, step: Step, value: Raster) -> None:
        value.array.flags.writeable = False
        if value.nbytes > self._max_bytes // 4 and not step.stage:
            return
        with self._lock:
            key = _key(step)
            if key in self._arrays:
                return
            self._arrays[key] = value
            self._bytes += value.nbytes
            while self._bytes > self._max_bytes and len(self._arrays) > 1:
                _, old = self._arrays.popitem(last=False)
                self._bytes -= old.nbytes

    def clear(self) -> None:
        """Let go of everything in memory; the store keeps its tables."""
        with self._lock:
            self._arrays.clear()
            self._tables.clear()
            self._bytes = 0

    def _stored_area(self, step: Step) -> Raster | None:
        """The array of a barrier from the store; a broken entry counts as none and is computed again."""
        with suppress(StoreError):
            stored = self._store.get(_area_key(step))
            array = None if stored is None else _unpacked(stored, (len(step.bands), *step.grid.shape))
            if array is not None:
                value = Raster(array, step.grid, Kind.BANDS, step.bands)
                self._keep(step, value)
                return value
        return None

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


def _is_lasting(step: Step) -> bool:
    """Whether a step is a full-extent barrier that does not hang on what somebody looks at."""
    whole = step.is_barrier and step.operator.mode is Mode.FULL and step.view is None
    return whole and step.operator.kind is Kind.BANDS and describe(step.node).kind is Kind.BANDS


def _area_key(step: Step) -> str:
    return f"area:{digest(repr((step.node.key, step.grid, step.bands)))}"


def _packed(value: Raster) -> bytes:
    """The array with its shape and type, and a sum over all of it (zlib's own)."""
    stream = io.BytesIO()
    np.save(stream, value.array, allow_pickle=False)
    return zlib.compress(stream.getbuffer(), 1)


def _unpacked(stored: bytes, shape: tuple[int, ...]) -> Array | None:
    try:
        array = np.load(io.BytesIO(zlib.decompress(stored)), allow_pickle=False)
    except (zlib.error, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.float32 else None
