"""What a stack store is to hold: its pixels, its layers, and how their numbers are packed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.grid import Grid
from jeoview.io.stack import CHUNK
from jeoview.kernels import pyramid

Array = NDArray[Any]
# Overviews are made until one chunk holds the whole stack.
MAX_OVERVIEWS = 12


@dataclass(frozen=True)
class Packing:
    """How numbers of one band are stored.

    Parameters
    ----------
    dtype : str
        ``uint8`` or ``int16`` (multiples of ``scale``), ``float32`` or ``complex64`` (as they are).
    scale : float
        Value of one step; half of it is the largest error at full resolution, a whole one in the overviews, which are means
        of the stored numbers and are rounded once more.
    nodata : int, optional
        Number that stands for NaN.
    """

    dtype: str
    scale: float = 1.0
    nodata: int | None = None

    def pack(self, values: Array) -> Array | None:
        """Values as they are stored; None where one does not fit."""
        if self.nodata is None:
            return np.ascontiguousarray(values, dtype=self.dtype)
        limits = np.iinfo(self.dtype)
        low, high = limits.min + (self.nodata == limits.min), limits.max - (self.nodata == limits.max)
        packed = np.empty(values.shape, self.dtype)
        fits = pyramid.pack(np.ascontiguousarray(values), self.scale, (low, high, self.nodata), packed)
        return packed if fits else None

    def unpack(self, packed: Array) -> Array:
        """The values of stored numbers, as a reader has them."""
        if self.nodata is None:
            return packed
        values = np.empty(packed.shape, np.float32)
        pyramid.unpack(packed, self.scale, self.nodata, values)
        return values

    @property
    def values(self) -> np.dtype[Any]:
        """Type of the unpacked values."""
        return np.dtype("complex64" if self.dtype == "complex64" else "float32")


FLOAT, COMPLEX = Packing("float32"), Packing("complex64")
# Half a step is 0.001 rad, 4 micrometres of Sentinel-1; 32,767 steps are 65 rad.
PHASE = Packing("int16", 1 / 500, -32768)
# Half a step is 0.002.
COHERENCE = Packing("uint8", 1 / 254, 255)


@dataclass(frozen=True)
class StackPlan:
    """What a store is to hold.

    Parameters
    ----------
    grid : Grid
        Pixels of full resolution.
    layers : mapping of str to int
        Number of layers of each band.
    packings : mapping of str to Packing
        How each band is stored where the values fit, else as float32.
    attributes : mapping
        More to write into the store's metadata, or other words for what stands there.
    reduced : bool
        Whether overviews are made.
    """

    grid: Grid
    layers: Mapping[str, int]
    packings: Mapping[str, Packing]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    reduced: bool = True

    @property
    def overviews(self) -> int:
        """Number of overviews."""
        longest = max(self.grid.shape) if self.reduced else 1
        return min(max((longest - 1) // CHUNK, 0).bit_length(), MAX_OVERVIEWS)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, filled up with NaN so that every overview has whole pixels."""
        step = 1 << self.overviews
        height, width = (-(-size // step) * step for size in self.grid.shape)
        return height, width

    def windows(self, rows: int, cols: int) -> Iterator[Grid]:
        """Windows of full resolution; ``rows`` and ``cols`` are multiples of a chunk.

        Square by square of 2, 4, 8 ... windows, so that a block of a source, and of an overview, is soon done with.
        """
        height, width = self.shape
        corners = ((row, col) for row in range(-(-height // rows)) for col in range(-(-width // cols)))
        for row, col in sorted(corners, key=_by_squares):
            top, left = row * rows, col * cols
            size = min(rows, height - top), min(cols, width - left)
            yield Grid(self.grid.lattice, self.grid.row + top, self.grid.col + left, *size)


def _by_squares(place: tuple[int, int]) -> int:
    """The bits of row and column, one by turns (Morton's order)."""
    row, col = place
    return sum((row >> bit & 1) << 2 * bit + 1 | (col >> bit & 1) << 2 * bit for bit in range(max(place).bit_length()))
