"""How a stack of layers reaches a kernel: a block of neighbouring pixels at a time, from every layer.

Layers lie far apart in memory, often at the same place of the processor's caches. A block of 128 pixels
is copied once from every layer and then read in groups of sixteen; results
go the same way back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jeoview.kernels.lanes import WIDTH as LANES
from jeoview.kernels.lanes import inner, pack, unpack

Floats = NDArray[np.float32]
BLOCK = 128


class Stack(NamedTuple):
    """One band of every layer, in a flat array.

    Parameters
    ----------
    values : (n,) float32
        All layers and bands.
    start : int
        Where the band of the first layer starts.
    step : int
        From a layer to the next.
    layers, pixels : int
        Their numbers.
    """

    values: Floats
    start: int
    step: int
    layers: int
    pixels: int

    @classmethod
    def of(cls, array: Floats, band: int = 0) -> Stack:
        """A band of (layer, band, y, x); a view of a C-contiguous array, else a copy."""
        layers, bands, height, width = array.shape
        pixels = height * width
        flat = np.ascontiguousarray(array, dtype=np.float32).reshape(-1)
        return cls(flat, band * pixels, bands * pixels, layers, pixels)


@inner
def fetch(stack: Stack, first: int, count: int, block: Floats) -> None:  # pragma: no cover - compiled
    """Copy pixels ``first`` to ``first + count`` of every layer; NaN fills a block that is not full."""
    whole = count - count % LANES
    for layer in range(stack.layers):
        source, target = stack.start + layer * stack.step + first, layer * BLOCK
        for q in range(0, whole, LANES):
            pack(block, target + q, unpack(stack.values, source + q))
        for q in range(whole, count):
            block[target + q] = stack.values[source + q]
        for q in range(count, BLOCK):
            block[target + q] = np.nan


@inner
def flush(block: Floats, out: Floats, first: int, count: int, step: int) -> None:  # pragma: no cover - compiled
    """Write the first ``count`` pixels of every row of a block from pixel ``first`` on, rows ``step`` apart."""
    whole = count - count % LANES
    for row in range(block.size // BLOCK):
        source, target = row * BLOCK, row * step + first
        for q in range(0, whole, LANES):
            pack(out, target + q, unpack(block, source + q))
        for q in range(whole, count):
            out[target + q] = block[source + q]
