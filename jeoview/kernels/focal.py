"""Sums over square windows whose rounding depends on absolute position only."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


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
def box_sums(values: Doubles, down: int, across: int, row: int, col: int) -> Doubles:  # pragma: no cover - compiled
    """Sum of the window of ``2 down + 1`` rows and ``2 across + 1`` columns around each pixel.

    Parameters
    ----------
    values : (y, x) float64
        Without NaN.
    down, across : int
        Half the window; so many of the outermost pixels of the result are not defined.
    row, col : int
        Absolute position of ``values[0, 0]``.
    """
    height, width = values.shape
    rows = np.zeros((height, width))
    out = np.zeros((height, width))
    prefix, suffix = np.empty(max(height, width)), np.empty(max(height, width))
    for y in range(height):
        _line_sums(values[y], across, col, prefix[:width], suffix[:width], rows[y])
    column, summed = np.empty(height), np.zeros(height)
    for x in range(across, width - across):
        for y in range(height):
            column[y] = rows[y, x]
        _line_sums(column, down, row, prefix[:height], suffix[:height], summed)
        for y in range(down, height - down):
            out[y, x] = summed[y]
    return out


@njit(cache=True, nogil=True)
def add_parts(
    values: Floats, row: int, col: int, parts: int, total: Doubles, count: Doubles
) -> None:  # pragma: no cover - compiled
    """Add the valid pixels of each block to the pixel that they are parts of.

    Parameters
    ----------
    values : (y, x) float32
        NaN is left out.
    row, col : int
        Position of ``values[0, 0]``, counted in parts from the first part of ``total[0, 0]``.
    parts : int
        Rows and columns of a block; each is added up row by row, whichever part of it is given.
    total, count : (y, x) float64
        Their sums and their number; what lies outside is left out.
    """
    for y in range(values.shape[0]):
        down = (row + y) // parts
        if 0 <= down < total.shape[0]:
            for x in range(values.shape[1]):
                value, across = values[y, x], (col + x) // parts
                if value == value and 0 <= across < total.shape[1]:
                    total[down, across] += value
                    count[down, across] += 1.0
