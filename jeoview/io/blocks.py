"""What a source of pixels is: levels of blocks, decoded on demand and kept in memory by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from jeoview.warp import Placement

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a source, cut into blocks of equal size; the last ones may stand out over the edge.

    Parameters
    ----------
    height, width : int
        Size of the level in pixels.
    block_height, block_width : int
        Size of a block in pixels.
    bands : int
        Bands in one block: all of the file where pixels are interleaved, else 1.
    row_stride, col_stride, band_stride : int
        Distance of neighbours in a block, in items.
    """

    height: int
    width: int
    block_height: int
    block_width: int
    bands: int
    row_stride: int
    col_stride: int
    band_stride: int

    @property
    def blocks(self) -> tuple[int, int]:
        """Number of blocks down and across."""
        return -(-self.height // self.block_height), -(-self.width // self.block_width)

    @property
    def block_items(self) -> int:
        """Numbers in one block."""
        return max(self.block_height * self.row_stride, self.bands * self.band_stride)


class BlockSource(Protocol):
    """A raster file that is open, or can be opened again at any time, by any thread."""

    @property
    def placement(self) -> Placement:
        """Where the pixels of full resolution lie."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """Full resolution first, then ever coarser overviews."""

    @property
    def bands(self) -> int:
        """Number of bands in the file."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the decoded values: uint8, uint16, int16, float32, float64 or complex64."""

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:
        """Decode a block (``band`` counts from 0; 0 where blocks hold all bands); None where it holds nothing.

        Raises
        ------
        SourceError
            If the file is gone, was replaced, or does not decode. The message holds no path.
        """


class Block(NamedTuple):
    """A decoded block and where it lies in memory; address 0 for none."""

    array: Array | None
    address: int

    @classmethod
    def of(cls, array: Array | None) -> Block:
        """Wrap a decoded array."""
        return cls(array, 0 if array is None else array.ctypes.data)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return 64 if self.array is None else self.array.nbytes


class Sized(Protocol):
    """A value that knows how much memory it takes."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""


V = TypeVar("V", bound=Sized)


class ByteCache(Generic[V]):
    """Values by key, the least recently used dropped first; each is made by one thread at a time.

    Parameters
    ----------
    capacity : int
        Bytes of values that are kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._flights: dict[Hashable, Future[V]] = {}
        self.nbytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value, from memory or by ``make``; who asks meanwhile waits for the same answer or error."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
                self.hits += 1
                return value
            flight = self._flights.get(key)
            if flight is None:
                mine: Future[V] = Future()
                self._flights[key] = mine
                self.misses += 1
        return flight.result() if flight is not None else self._fly(key, make, mine)

    def _fly(self, key: Hashable, make: Callable[[], V], flight: Future[V]) -> V:
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._lock:
            del self._flights[key]
            self._keep(key, value)
        flight.set_result(value)
        return value

    def _keep(self, key: Hashable, value: V) -> None:
        if value.nbytes > self._capacity:
            return
        self._values[key] = value
        self.nbytes += value.nbytes
        while self.nbytes > self._capacity:
            self.nbytes -= self._values.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self.nbytes = 0
