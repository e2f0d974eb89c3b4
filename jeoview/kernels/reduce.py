"""Per-pixel statistics over time; NaN is left out."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@njit(cache=True, nogil=True)
def quantile(stack: Floats, q: float) -> Floats:  # pragma: no cover - compiled
    """Quantile over axis 0 of (time, band, y, x), linear between ranks as numpy; NaN where nothing is valid."""
    times, bands, height, width = stack.shape
    out = np.empty((bands, height, width), np.float32)
    values = np.empty(times, np.float32)
    for b in range(bands):
        for y in range(height):
            for x in range(width):
                n = 0
                for t in range(times):
                    v = stack[t, b, y, x]
                    if v == v:
                        # Insertion keeps the values sorted; stacks are short and mostly in order.
                        k = n
                        while k > 0 and values[k - 1] > v:
                            values[k] = values[k - 1]
                            k -= 1
                        values[k] = v
                        n += 1
                if n == 0:
                    out[b, y, x] = np.nan
                    continue
                rank = q * (n - 1)
                low = int(rank)
                high = min(low + 1, n - 1)
                below, above = np.float64(values[low]), np.float64(values[high])
                out[b, y, x] = below if low == rank else below + (above - below) * (rank - low)
    return out


@njit(cache=True, nogil=True)
def moments(stack: Floats) -> tuple[Floats, Floats, Floats]:  # pragma: no cover - compiled
    """Mean, population standard deviation and count over axis 0 of (time, band, y, x), summed in float64."""
    times, bands, height, width = stack.shape
    mean = np.empty((bands, height, width), np.float32)
    std = np.empty((bands, height, width), np.float32)
    count = np.zeros((bands, height, width), np.float32)
    for b in range(bands):
        for y in range(height):
            for x in range(width):
                total, n = 0.0, 0
                for t in range(times):
                    v = stack[t, b, y, x]
                    if v == v:
                        total += v
                        n += 1
                count[b, y, x] = n
                if n == 0:
                    mean[b, y, x] = np.nan
                    std[b, y, x] = np.nan
                    continue
                centre, squares = total / n, 0.0
                for t in range(times):
                    v = stack[t, b, y, x]
                    if v == v:
                        squares += (v - centre) ** 2
                mean[b, y, x] = centre
                std[b, y, x] = np.sqrt(squares / n)
    return mean, std, count


@njit(cache=True, nogil=True)
def extremes(stack: Floats) -> tuple[Floats, Floats]:  # pragma: no cover - compiled
    """Minimum and maximum over axis 0 of (time, band, y, x)."""
    times, bands, height, width = stack.shape
    low = np.full((bands, height, width), np.nan, np.float32)
    high = np.full((bands, height, width), np.nan, np.float32)
    for t in range(times):
        for b in range(bands):
            for y in range(height):
                for x in range(width):
                    v = stack[t, b, y, x]
                    if v == v:
                        if not low[b, y, x] <= v:
                            low[b, y, x] = v
                        if not high[b, y, x] >= v:
                            high[b, y, x] = v
    return low, high
