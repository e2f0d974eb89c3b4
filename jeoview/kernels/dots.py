"""The nearest valid pixel around each."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Integers = NDArray[np.int64]


@njit(cache=True, nogil=True)
def nearest(values: Singles, places: Integers, out: Singles) -> None:  # pragma: no cover - compiled
    """Give each pixel the value of the first valid one among those around it.

    Parameters
    ----------
    values : (y, x) float32
        NaN where there is none.
    places : (n, 2) int64
        Rows and columns from the pixel, in the order in which they are asked.
    out : (y, x) float32
        Gets the result; NaN where none is valid.
    """
    height, width = values.shape
    for y in range(height):
        for x in range(width):
            out[y, x] = np.nan
            for place in range(len(places)):
                row, col = y + places[place, 0], x + places[place, 1]
                if 0 <= row < height and 0 <= col < width and not np.isnan(values[row, col]):
                    out[y, x] = values[row, col]
                    break
