"""What a source of pixels is: levels of blocks, decoded on demand and kept in memory by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

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


class BlockCache:
    """Decoded blocks by key, the least recently used dropped first; each is decoded by one thread at a time.

    Parameters
    ----------
    capacity : int
        Bytes of decoded blocks that are kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._blocks: OrderedDict[Hashable, Block] = OrderedDict()
        self._flights: dict[Hashable, Future[Block]] = {}
        self._bytes = 0
        self.hits = 0
        self.misses = 0

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        return self._bytes

    def get(self, key: Hashable, load: Callable[[], Array | None]) -> Block:
        """Return the block, from memory or by ``load``; whoever asks meanwhile waits for the same answer."""
        with self._lock:
            block = self._blocks.get(key)
            if block is not None:
                self._blocks.move_to_end(key)
                self.hits += 1
                return block
            flight = self._flights.get(key)
            if flight is None:
                mine: Future[Block] = Future()
                self._flights[key] = mine
                self.misses += 1
        if flight is not None:
            return flight.result()
        return self._fly(key, load, mine)

    def _fly(self, key: Hashable, load: Callable[[], Array | None], flight: Future[Block]) -> Block:
        try:
            array = load()
            block = Block(array, 0 if array is None else array.ctypes.data)
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._lock:
            del self._flights[key]
            self._keep(key, block)
        flight.set_result(block)
        return block

    def _keep(self, key: Hashable, block: Block) -> None:
        size = 64 if block.array is None else block.array.nbytes
        if size > self._capacity:
            return
        self._blocks[key] = block
        self._bytes += size
        while self._bytes > self._capacity:
            _, old = self._blocks.popitem(last=False)
            self._bytes -= 64 if old.array is None else old.array.nbytes

    def clear(self) -> None:
        """Forget all blocks."""
        with self._lock:
            self._blocks.clear()
            self._bytes = 0
