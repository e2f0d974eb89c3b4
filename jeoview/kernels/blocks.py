"""Undo the predictors of TIFF blocks, in place.

Source: TIFF 6.0, section 14 (horizontal differencing); Adobe Photoshop TIFF Technical Note 3
(floating point predictor).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def undo_differences(block: NDArray[Any]) -> None:
    """Sum the differences along each row of an unsigned (row, column, sample) block, wrapping around."""
    for i in range(block.shape[0]):
        for k in range(block.shape[2]):
            # The sum stays in a register, which is three times as fast as reading it back.
            total = block[i, 0, k]
            for j in range(1, block.shape[1]):
                total = total + block[i, j, k]
                block[i, j, k] = total


@njit(cache=True, nogil=True)
def undo_float_differences(packed: NDArray[np.uint8], out: NDArray[np.uint8], samples: int) -> None:
    """Sum bytes along each row of ``packed`` (row, byte) and join the byte planes of each number.

    Planes stand most significant first; ``out`` (row, number, byte) is little-endian.
    """
    numbers, size = out.shape[1], out.shape[2]
    for i in range(packed.shape[0]):
        for k in range(samples):
            total = packed[i, k]
            for j in range(1, packed.shape[1] // samples):
                total = total + packed[i, j * samples + k]
                packed[i, j * samples + k] = total
        for plane in range(size):
            for j in range(numbers):
                out[i, j, size - 1 - plane] = packed[i, plane * numbers + j]
