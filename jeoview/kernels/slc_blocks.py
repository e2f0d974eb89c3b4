"""Means of blocks of pixels: looks, and what a coarse map shows of fine pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def block_means(array: NDArray[Any], rows: int, cols: int) -> NDArray[Any]:
    """Mean of the valid pixels of each block.

    Parameters
    ----------
    array : ndarray
        (..., y, x) float32 or complex64; height and width whole multiples of the block's.
    rows, cols : int
        Size of a block.

    Returns
    -------
    ndarray
        (..., y / rows, x / cols) of the same type, added up in float64 from the upper left; NaN where no pixel of the
        block is valid.
    """
    height, width = array.shape[-2:]
    layers = np.ascontiguousarray(array).reshape(-1, height, width)
    out = np.empty((len(layers), height // rows, width // cols), dtype=array.dtype)
    for layer, means in zip(layers, out, strict=True):
        _means(layer, rows, cols, np.zeros(means.shape[1], np.result_type(array.dtype, np.float64)), means)
    return out.reshape(*array.shape[:-2], *out.shape[1:])


@njit(cache=True, nogil=True)
def _means(layer: NDArray[Any], rows: int, cols: int, sums: NDArray[Any], out: NDArray[Any]) -> None:
    counts = np.zeros(sums.size, np.int64)
    for i in range(out.shape[0]):
        sums[:] = 0
        counts[:] = 0
        for y in range(i * rows, (i + 1) * rows):
            for j in range(out.shape[1]):
                total, count = sums[j], counts[j]
                for x in range(j * cols, (j + 1) * cols):
                    value = layer[y, x]
                    if value == value:
                        total += value
                        count += 1
                sums[j], counts[j] = total, count
        for j in range(out.shape[1]):
            out[i, j] = sums[j] / counts[j] if counts[j] else sums[j] * np.nan
