"""Pictures of half the size, for overviews."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.kernels.angles import angles_of, phasors_of

Array = NDArray[Any]


def mean(tile: Array) -> Array:
    """Mean of the valid pixels of each 2 x 2 of (y, x, sample) floating-point or complex numbers; NaN where none is."""
    a, b, c, d = tile[::2, ::2], tile[::2, 1::2], tile[1::2, ::2], tile[1::2, 1::2]
    out = ((a + b) + (c + d)) * tile.real.dtype.type(0.25)
    gaps = np.isnan(out)
    if gaps.any():
        four = np.stack([part[gaps] for part in (a, b, c, d)])
        valid = ~np.isnan(four)
        count = valid.sum(axis=0)
        total = np.where(valid, four, 0).sum(axis=0)
        out[gaps] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.ascontiguousarray(out, dtype=tile.dtype)


def angle(tile: Array) -> Array:
    """Angle of the mean phasor of the valid pixels of each 2 x 2 of (y, x, sample) phases in rad; NaN where none is."""
    return np.asarray(angles_of(mean(phasors_of(tile))), dtype=tile.dtype)


def colour(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean colour of each 2 x 2 of (y, x, 4) red, green, blue and alpha; the transparent has no colour to give."""
    height, width, _ = tile.shape
    four = tile.reshape(height // 2, 2, width // 2, 2, 4).astype(np.float32)
    weight = four[..., 3:]
    total = weight.sum(axis=(1, 3))
    out = np.empty((height // 2, width // 2, 4), dtype=np.uint8)
    out[..., :3] = np.rint((four[..., :3] * weight).sum(axis=(1, 3)) / np.maximum(total, 1))
    out[..., 3:] = np.rint(total / 4)
    return out
