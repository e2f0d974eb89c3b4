"""Overviews of stacks: means of the valid pixels, and numbers packed into fewer bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Counts = NDArray[np.uint32]


@njit(cache=True, nogil=True)
def count_valid(values: NDArray[Any], counts: Counts) -> None:
    """Write 1 where (layer, y, x) is a number, 0 where it is NaN."""
    for t in range(values.shape[0]):
        for i in range(values.shape[1]):
            for j in range(values.shape[2]):
                counts[t, i, j] = values[t, i, j] == values[t, i, j]


@njit(cache=True, nogil=True)
def halve(values: NDArray[Any], counts: Counts, zero: NDArray[Any], means: NDArray[Any], totals: Counts) -> None:
    """Write the means of 2 x 2 pixels, each weighted with the pixels of full resolution that are valid in it.

    ``values`` and ``counts`` are (layer, 2 height, 2 width), ``means`` and ``totals`` (layer, height, width), ``zero``
    one 0 of double precision. What comes out is the mean over all valid pixels of full resolution, of complex
    numbers as such; NaN where there is none.
    """
    for t in range(means.shape[0]):
        for i in range(means.shape[1]):
            for j in range(means.shape[2]):
                total, number = zero[0], np.uint32(0)
                for k in range(4):
                    count = counts[t, 2 * i + k // 2, 2 * j + k % 2]
                    if count > 0:
                        total += values[t, 2 * i + k // 2, 2 * j + k % 2] * np.float64(count)
                        number += count
                means[t, i, j] = total / number if number > 0 else zero[0] * np.nan
                totals[t, i, j] = number


@njit(cache=True, nogil=True)
def pack(values: NDArray[np.float32], step: float, limits: tuple[int, int, int], out: NDArray[Any]) -> bool:
    """Write the nearest multiple of ``step`` as a whole number; False where one lies outside.

    ``limits`` are the smallest and the largest number, and the one that stands for NaN.
    """
    low, high, nothing = limits
    flat, packed = values.ravel(), out.ravel()
    fits = True
    for i in range(flat.size):
        number = np.rint(np.float64(flat[i]) / step)
        if flat[i] != flat[i]:
            packed[i] = nothing
        elif low <= number <= high:
            packed[i] = int(number)
        else:
            fits = False
    return fits


@njit(cache=True, nogil=True)
def unpack(packed: NDArray[Any], step: float, nothing: int, out: NDArray[np.float32]) -> None:
    """Write the values of whole numbers that `pack` made; NaN for ``nothing``."""
    flat, values = packed.ravel(), out.ravel()
    for i in range(flat.size):
        values[i] = np.nan if flat[i] == nothing else flat[i] * step
