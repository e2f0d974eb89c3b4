"""Sums over square windows whose rounding depends on absolute position only."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _line_sums(
    line: Doubles, radius: int, start: int, prefix: Doubles, suffix: Doubles, out: Doubles
) -> None:  # pragma: no cover - compiled
    """Window sums along a line by blocks of one window's length, anchored at absolute multiples of it.

    A window is the end of one block and the start of the next (van Herk 1992, here for sums): nothing
    is subtracted, and the order of additions is the same for every tile.
    """
    n, width = line.size, 2 * radius + 1
    total = 0.0
    for i in range(n):
        total = line[i] if (start + i) % width == 0 else total + line[i]
        prefix[i] = total
    total = 0.0
    for i in range(n - 1, -1, -1):
        total = line[i] if (start + i + 1) % width == 0 else total + line[i]
        suffix[i] = total
    for i in range(radius, n - radius):
        first, last = i - radius, i + radius
        out[i] = prefix[last] if (start + first) % width == 0 else suffix[first] + prefix[last]


@njit(cache=True, nogil=True)
def box_sums(values: Doubles, radius: int, row: int, col: int) -> Doubles:  # pragma: no cover - compiled
    """Sum of the square window of ``2 radius + 1`` pixels around each pixel.

    Parameters
    ----------
    values : (y, x) float64
        Without NaN.
    radius : int
        Half the window; the outermost ``radius`` pixels of the result are not defined.
    row, col : int
        Absolute position of ``values[0, 0]``.
    """
    height, width = values.shape
    across = np.zeros((height, width))
    out = np.zeros((height, width))
    prefix, suffix = np.empty(max(height, width)), np.empty(max(height, width))
    for y in range(height):
        _line_sums(values[y], radius, col, prefix[:width], suffix[:width], across[y])
    column, summed = np.empty(height), np.zeros(height)
    for x in range(radius, width - radius):
        for y in range(height):
            column[y] = across[y, x]
        _line_sums(column, radius, row, prefix[:height], suffix[:height], summed)
        for y in range(radius, height - radius):
            out[y, x] = summed[y]
    return out
