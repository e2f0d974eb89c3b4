"""Ratios of two bands in one pass; numpy makes an array of every step."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@njit(cache=True, nogil=True, error_model="numpy")
def difference_over_sum(a: Floats, b: Floats, out: Floats) -> None:
    """Write (a - b) / (a + b) of (y, x) arrays, in float32 as numpy does; NaN where it is not finite."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            value = (a[i, j] - b[i, j]) / (a[i, j] + b[i, j])
            out[i, j] = np.float32(np.nan) if np.isinf(value) else value
