"""Values with their grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.grid import Grid

Array = NDArray[Any]


class Kind(Enum):
    """What a node yields; the value is the word used in messages and schemas."""

    BANDS = "bands"
    SERIES = "series"
    TABLE = "table"
    COLOUR = "colour"


@dataclass(frozen=True, slots=True)
class Raster:
    """An array of pixels and what its axes mean.

    Parameters
    ----------
    array : ndarray
        ``BANDS``: (band, y, x) float32 or complex64, NaN = nodata. ``SERIES``: (time, band, y, x).
        ``COLOUR``: (4, y, x) uint8 red, green, blue, alpha; or (1, y, x) uint8 with ``palette``.
    grid : Grid
        Where the pixels lie.
    kind : Kind
        See above.
    bands : tuple of str
        Names along the band axis.
    dates : tuple of str
        RFC 3339 times in UTC along the time axis of a series, else empty. A date whose scene does
        not touch the grid is left out.
    palette : (256, 4) uint8, optional
        Colour of each index; index 0 is transparent and means nodata.
    """

    array: Array
    grid: Grid
    kind: Kind
    bands: tuple[str, ...]
    dates: tuple[str, ...] = ()
    palette: Array | None = field(default=None, repr=False)

    def cut(self, grid: Grid) -> Raster:
        """The same values on a smaller grid of the same lattice; a view, not a copy."""
        if grid == self.grid:
            return self
        rows, cols = self.grid.window_of(grid)
        return replace(self, array=self.array[..., rows, cols], grid=grid)

    def select(self, bands: tuple[str, ...]) -> Raster:
        """The named bands in the named order."""
        if bands == self.bands:
            return self
        index = [self.bands.index(band) for band in bands]
        if self.kind is Kind.SERIES:
            array = self.array[:, index]
        elif index and index == list(range(index[0], index[0] + len(index))):
            # Neighbours are a view, no copy: an operator never writes into what it is given.
            array = self.array[index[0] : index[0] + len(index)]
        else:
            array = self.array[index]
        return replace(self, array=array, bands=bands)

    def rgba(self) -> Array:
        """Colour as (4, y, x) uint8."""
        if self.palette is None:
            return self.array
        return np.ascontiguousarray(self.palette[self.array[0]].transpose(2, 0, 1))

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return int(self.array.nbytes)


@dataclass(frozen=True, slots=True)
class Table:
    """A small named array, fitted once on a declared region (percentiles, thresholds ...).

    Parameters
    ----------
    values : dict of str to float64 array
        For instance ``{"quantile": [...], "B04": [...]}``, all small enough to be stored as JSON.
    """

    values: dict[str, NDArray[np.float64]]
