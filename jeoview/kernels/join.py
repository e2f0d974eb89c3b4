"""Values of a file written where those of the files before it leave nothing."""

from __future__ import annotations

from typing import Any

from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]
# Row and column in the target, row and column in the source, rows and columns.
Where = tuple[int, int, int, int, int, int]


@njit(cache=True, nogil=True)
def fill(
    out: Array, stored: Array, where: Where, flag: float, nodata: float, scale: float, classes: Array, offsets: Array
) -> None:
    """Write ``scale * stored + offset`` where ``out`` is NaN.

    Parameters
    ----------
    out : ndarray
        (y, x) float32, changed.
    stored : ndarray
        (y, x) numbers of a file.
    where : six int
        Window of both.
    flag, nodata : float
        Whether there is a number that stands for nothing, and which.
    scale : float
        As said.
    classes : ndarray
        (y, x) float64 as ``out``; of any size where there is one offset.
    offsets : ndarray
        (class, 2) float64: a class and its offset; the last row's offset is that of every other class.
    """
    row, col, first_row, first_col, height, width = where
    last = len(offsets) - 1
    for y in range(height):
        for x in range(width):
            raw = stored[first_row + y, first_col + x]
            value = out[row + y, col + x]
            if value != value and raw == raw and (flag == 0.0 or raw != nodata):
                at = 0
                while at < last and offsets[at, 0] != classes[row + y, col + x]:
                    at += 1
                out[row + y, col + x] = raw * scale + offsets[at, 1]
