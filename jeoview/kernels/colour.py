"""Values to palette indices."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def gradient_index(
    values: NDArray[np.float32], vmin: float, vmax: float, cyclic: bool
) -> NDArray[np.uint8]:  # pragma: no cover - compiled
    """Index 1..255 of (y, x) values between vmin and vmax, clamped or wrapped; 0 for NaN."""
    height, width = values.shape
    out = np.empty((height, width), np.uint8)
    scale = 255.0 / (vmax - vmin)
    for y in range(height):
        for x in range(width):
            v = values[y, x]
            if v != v:
                out[y, x] = 0
                continue
            position = (v - vmin) * scale
            if cyclic:
                position -= 255.0 * np.floor(position / 255.0)
            out[y, x] = np.uint8(1.0 + min(max(position, 0.0), 254.0))
    return out


@njit(cache=True, nogil=True)
def class_index(
    values: NDArray[np.float32], classes: NDArray[np.float64]
) -> NDArray[np.uint8]:  # pragma: no cover - compiled
    """Index 1..n of (y, x) values that equal a class; 0 for NaN and for what is in no class."""
    height, width = values.shape
    out = np.zeros((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            for k in range(classes.size):
                if values[y, x] == classes[k]:
                    out[y, x] = k + 1
                    break
    return out
