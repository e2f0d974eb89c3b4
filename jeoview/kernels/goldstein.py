"""Goldstein's filter: every patch's spectrum weighed by a power of its own smoothed amplitude.

Source: Goldstein and Werner, "Radar interferogram filtering for geophysical applications", Geophysical Research
Letters 25 (1998).

Patches stand at multiples of one step on the absolute lattice and are laid over each other with one fixed window, in
one order, so that every tile adds up the same numbers. Patches are transformed in batches of a multiple of sixteen
lines: the library then does every line in full vectors, and rounds none of them in another way for lack of neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.angles import phasors_of

Complexes = NDArray[np.complex64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# Chebyshev interpolation on 0 .. 1 of log2(1 + m) / m, |error| 1.7e-7, and of 2**f, relative error 1.1e-7.
LOG2 = (
    1.4426947245903454,
    -0.7213067574280267,
    0.480012460795403,
    -0.35309635334128303,
    0.25517634921258103,
    -0.15415200642834923,
    0.06274843356738603,
    -0.012077020267953317,
)
EXP2 = (
    0.9999998983500249,
    0.6931544896632218,
    0.24014181820147978,
    0.055860337077199805,
    0.008949590423344964,
    0.0018937540582163407,
)
LINES = 16
# Of the patches that are transformed together: the more they overlap, the more of them there are.
BATCH_BYTES = 32 << 20


@njit(cache=True, nogil=True)
def _gather(
    values: Complexes, step: int, first: int, count: int, patches: Complexes
) -> None:  # pragma: no cover - compiled
    """Cut the patches of some rows of them out; NaN becomes 0."""
    size = patches.shape[1]
    across = (values.shape[1] - size) // step + 1
    for p in range(count):
        for q in range(across):
            top, left = (first + p) * step, q * step
            for y in range(size):
                for x in range(size):
                    value = values[top + y, left + x]
                    valid = value.real == value.real and value.imag == value.imag
                    patches[p * across + q, y, x] = value if valid else np.complex64(0.0)


@njit(cache=True, nogil=True)
def _amplitudes(spectrum: Complexes, frame: Floats) -> None:  # pragma: no cover - compiled
    """Amplitudes with one more line on every side, those of the other end: a spectrum has no border."""
    size = spectrum.shape[0]
    for y in range(size):
        row, line = spectrum[y], frame[y + 1]
        for x in range(size):
            real, imag = row[x].real, row[x].imag
            line[x + 1] = np.sqrt(real * real + imag * imag)
        line[0], line[size + 1] = line[size], line[1]
    frame[0, :] = frame[size, :]
    frame[size + 1, :] = frame[1, :]


@njit(cache=True, nogil=True)
def _smooth(frame: Floats, out: Floats) -> None:  # pragma: no cover - compiled
    """Means of 3 x 3."""
    size = out.shape[0]
    ninth = np.float32(1.0 / 9.0)
    for y in range(size):
        above, here, below, line = frame[y], frame[y + 1], frame[y + 2], out[y]
        for x in range(size):
            left = above[x] + here[x] + below[x]
            middle = above[x + 1] + here[x + 1] + below[x + 1]
            right = above[x + 2] + here[x + 2] + below[x + 2]
            line[x] = (left + middle + right) * ninth


@njit(cache=True, nogil=True)
def _power(values: Floats, bits: Ints, alpha: Any, exponents: Floats) -> None:  # pragma: no cover - compiled
    """``values ** alpha`` in place; ``bits`` is the same memory as whole numbers. 0 becomes next to nothing."""
    for i in range(values.size):
        exponents[i] = np.float32((bits[i] >> 23) - 127)
        bits[i] = (bits[i] & 0x007FFFFF) | 0x3F800000
    for i in range(values.size):
        m = values[i] - np.float32(1.0)
        log = np.float32(LOG2[7])
        log = log * m + np.float32(LOG2[6])
        log = log * m + np.float32(LOG2[5])
        log = log * m + np.float32(LOG2[4])
        log = log * m + np.float32(LOG2[3])
        log = log * m + np.float32(LOG2[2])
        log = log * m + np.float32(LOG2[1])
        log = log * m + np.float32(LOG2[0])
        exponents[i] = alpha * (exponents[i] + log * m)
    for i in range(values.size):
        whole = np.floor(exponents[i])
        f = exponents[i] - whole
        power = np.float32(EXP2[5])
        power = power * f + np.float32(EXP2[4])
        power = power * f + np.float32(EXP2[3])
        power = power * f + np.float32(EXP2[2])
        power = power * f + np.float32(EXP2[1])
        exponents[i] = power * f + np.float32(EXP2[0])
        bits[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
    for i in range(values.size):
        values[i] = values[i] * exponents[i]


@njit(cache=True, nogil=True)
def _weigh(
    patches: Complexes, alpha: Any, frame: Floats, weight: Floats, bits: Ints, flat: Floats
) -> None:  # pragma: no cover - compiled
    size = patches.shape[1]
    line = weight.reshape(size * size)
    for p in range(patches.shape[0]):
        _amplitudes(patches[p], frame)
        _smooth(frame, weight)
        _power(line, bits, alpha, flat)
        for y in range(size):
            for x in range(size):
                patches[p, y, x] = patches[p, y, x] * weight[y, x]


@njit(cache=True, nogil=True)
def _scatter(
    patches: Complexes, window: Floats, step: int, first: int, count: int, out: Complexes
) -> None:  # pragma: no cover - compiled
    """Add the patches of some rows of them up, one after the other, under the window."""
    size = patches.shape[1]
    across = (out.shape[1] - size) // step + 1
    for p in range(count):
        for q in range(across):
            top, left = (first + p) * step, q * step
            for y in range(size):
                vertical = window[y]
                for x in range(size):
                    out[top + y, left + x] += patches[p * across + q, y, x] * (vertical * window[x])


def triangle(size: int) -> Floats:
    """Weights of a line of a patch; those of two patches that overlap by half are 1 together. Only the angle counts."""
    return np.asarray(1.0 - np.abs(np.arange(size) - (size - 1) / 2) / (size / 2), dtype=np.float32)


def goldstein(values: NDArray[Any], row: int, col: int, alpha: float, size: int, step: int) -> Complexes:
    """Filter one interferogram.

    Parameters
    ----------
    values : (y, x) float32 or complex64
        Phase in rad, or complex values; NaN weighs nothing.
    row, col : int
        Absolute position of the first pixel.
    alpha : float
        Power of the smoothed amplitude.
    size : int
        Side of a patch in pixels, a power of two.
    step : int
        Pixels from a patch to the next one, at most half of ``size``.

    Returns
    -------
    (y, x) complex64
        Filtered values, of which the angle is meant; true for pixels with all their patches inside ``values``, 0 for
        those with none.
    """
    from scipy import fft  # a tenth of a second that no other chain should wait for

    # The first pixel on the raster of the patches; those that stand out over the edge are nobody's.
    top, left = -row % step, -col % step
    down, across = (
        max((count - first - size) // step + 1, 0) for first, count in zip((top, left), values.shape, strict=True)
    )
    out = np.zeros(values.shape, dtype=np.complex64)
    if not down * across:
        return out
    area = np.s_[top : top + (down - 1) * step + size, left : left + (across - 1) * step + size]
    phasors = np.ascontiguousarray(values[area] if np.iscomplexobj(values) else phasors_of(values[area]))
    full, rows = max(LINES // size, 1), max(BATCH_BYTES // (8 * size * size * across), 1)
    weight = np.empty((size, size), dtype=np.float32)
    frame, flat = np.empty((size + 2, size + 2), dtype=np.float32), np.empty(size * size, dtype=np.float32)
    for first in range(0, down, rows):
        count = min(rows, down - first)
        patches = np.zeros((-(-count * across // full) * full, size, size), dtype=np.complex64)
        _gather(phasors, step, first, count, patches)
        spectra = fft.fft2(patches, axes=(1, 2), overwrite_x=True)
        _weigh(spectra, np.float32(alpha), frame, weight, weight.reshape(-1).view(np.int32), flat)
        _scatter(fft.ifft2(spectra, axes=(1, 2), overwrite_x=True), triangle(size), step, first, count, out[area])
    return out
