"""The nearest valid pixel around each."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Integers = NDArray[np.int64]


@njit(cache=True, nogil=True)
def nearest(values: Singles, places: Integers, radius: int, out: Singles) -> None:  # pragma: no cover - compiled
    """Give each pixel the value of the first valid one among those around it whose dot covers it.

    Parameters
    ----------
    values : (y, x) float32
        NaN where there is none.
    places : (n, 2) int64
        Rows and columns from the pixel, in the order in which they are asked.
    radius : int
        Of the dot of a pixel that stands alone. A pixel of a block of equal values, s pixels wide, reaches
        (s - 1) / 2 less far, so that the block becomes as wide as the dot.
    out : (y, x) float32
        Gets the result; NaN where none is valid.
    """
    height, width = values.shape
    rest = _rest(values, 2 * radius)
    for y in range(height):
        for x in range(width):
            out[y, x] = np.nan
            for place in range(len(places)):
                down, right = places[place, 0], places[place, 1]
                row, col = y + down, x + right
                if 0 <= row < height and 0 <= col < width and not np.isnan(values[row, col]):
                    # Within half of what is left, and half a pixel: the square of that, less a quarter.
                    left = rest[row, col]
                    if 4 * (down * down + right * right) <= left * (left + 2):
                        out[y, x] = values[row, col]
                        break


@njit(cache=True, nogil=True)
def _rest(values: Singles, most: int) -> Integers:  # pragma: no cover - compiled
    """How many pixels are missing to the width of a dot (most + 1) in the block of equal values around each; never less than 0."""
    height, width = values.shape
    out = np.zeros((height, width), dtype=np.int64)
    for y in range(height):
        for x in range(width):
            value = values[y, x]
            if np.isnan(value):
                continue
            across = down = 0
            for step in (-1, 1):
                col, row = x + step, y + step
                while across < most and 0 <= col < width and values[y, col] == value:
                    across += 1
                    col += step
                while down < most and 0 <= row < height and values[row, x] == value:
                    down += 1
                    row += step
            out[y, x] = most - min(across, down)
    return out
