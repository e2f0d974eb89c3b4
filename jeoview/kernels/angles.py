"""Angles and phasors by polynomials that the compiler turns into vectors: numba's own sine and arctan are scalar.

Every value is the same sum of the same products wherever it stands in an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.phasor import COSINE, HALF_CYCLES, HALF_TURN, SINE

Floats = NDArray[np.float32]
Complexes = NDArray[np.complex64]

# Chebyshev interpolation of atan(x) / x in x**2 on 0 .. 1: |error| of the angle 1e-8.
ARCTAN = (
    0.9999999817886562,
    -0.33333036709287395,
    0.19991872029133478,
    -0.1419779779427397,
    0.10618370637663439,
    -0.07456854827461762,
    0.042137623605949366,
    -0.015731249132328082,
    0.0027662835042828226,
)
# The largest number of float32 that is not above pi: an angle rounded up to 3.1415927 would lie beyond half a turn.
PI_BELOW = np.float32(3.1415925)


@njit(cache=True, nogil=True)
def phasor(phase: float) -> tuple[float, float]:  # pragma: no cover - compiled
    """Cosine and sine of an angle in rad, within 1e-7; NaN of NaN."""
    turns = phase * HALF_CYCLES
    half = (turns - np.floor(turns + 0.5)) * HALF_TURN
    square = half * half
    s = SINE[3] + square * SINE[4]
    c = COSINE[3] + square * COSINE[4]
    s, c = SINE[2] + square * s, COSINE[2] + square * c
    s, c = SINE[1] + square * s, COSINE[1] + square * c
    s, c = (SINE[0] + square * s) * half, COSINE[0] + square * c
    return 1.0 - 2.0 * s * s, 2.0 * s * c


@njit(cache=True, nogil=True)
def angle(real: float, imag: float) -> Any:  # pragma: no cover - compiled
    """The angle of a phasor, float32 above -pi and up to pi, within 2.4e-7; 0 of 0, NaN of NaN."""
    x, y = abs(real), abs(imag)
    high, low = max(x, y), min(x, y)
    ratio = low / (high if high > 0.0 else 1.0)
    square = ratio * ratio
    value = ARCTAN[7] + square * ARCTAN[8]
    value = ARCTAN[6] + square * value
    value = ARCTAN[5] + square * value
    value = ARCTAN[4] + square * value
    value = ARCTAN[3] + square * value
    value = ARCTAN[2] + square * value
    value = ARCTAN[1] + square * value
    value = (ARCTAN[0] + square * value) * ratio
    value = 0.5 * np.pi - value if y > x else value
    value = np.pi - value if real < 0.0 else value
    value = -value if imag < 0.0 else value
    # max() and min() may lose a NaN.
    within: Any = min(max(value, -PI_BELOW), PI_BELOW)
    return np.float32(within) + np.float32(0.0 * (real + imag))


@njit(cache=True, nogil=True)
def to_phasors(phase: Floats, out: Complexes) -> None:  # pragma: no cover - compiled
    """Write exp(j phase) of flat arrays; NaN of NaN."""
    for i in range(phase.size):
        c, s = phasor(phase[i])
        out[i] = np.complex64(complex(c, s))


@njit(cache=True, nogil=True)
def to_angles(values: Complexes, out: Floats) -> None:  # pragma: no cover - compiled
    """Write the angles of flat arrays; NaN of NaN."""
    for i in range(values.size):
        out[i] = angle(values[i].real, values[i].imag)


def phasors_of(phase: NDArray[Any]) -> Complexes:
    """exp(j phase) of angles in rad, complex64 of the same shape; NaN of NaN."""
    out = np.empty(phase.shape, dtype=np.complex64)
    to_phasors(np.ascontiguousarray(phase, dtype=np.float32).ravel(), out.ravel())
    return out


def angles_of(values: NDArray[Any]) -> Floats:
    """Angles of complex numbers in rad, above -pi and up to pi, float32 of the same shape; NaN of NaN, 0 of 0."""
    out = np.empty(values.shape, dtype=np.float32)
    to_angles(np.ascontiguousarray(values, dtype=np.complex64).ravel(), out.ravel())
    return out


def wrapped(values: NDArray[Any], cycle: float) -> Floats:
    """Values less whole cycles, above -cycle / 2 and up to cycle / 2, float32."""
    numbers = values.astype(np.float64)
    # Counted from above, so that half a cycle stays and minus half a cycle becomes half a cycle.
    rest = numbers - cycle * np.ceil(numbers / cycle - 0.5)
    limit = np.float32(cycle / 2)
    if float(limit) > cycle / 2:
        limit = np.nextafter(limit, np.float32(0.0))
    return np.clip(rest.astype(np.float32), -limit, limit)


@njit(cache=True, nogil=True)
def _add_phasors(
    phase: Floats, cosines: NDArray[np.float64], sines: NDArray[np.float64], counts: NDArray[np.float64]
) -> None:  # pragma: no cover - compiled
    for i in range(phase.size):
        valid = phase[i] == phase[i]
        c, s = phasor(phase[i])
        cosines[i] += c if valid else 0.0
        sines[i] += s if valid else 0.0
        counts[i] += 1.0 if valid else 0.0


@njit(cache=True, nogil=True)
def _results(
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    counts: NDArray[np.float64],
    phase: Floats,
    length: Floats,
) -> None:  # pragma: no cover - compiled
    for i in range(counts.size):
        there = counts[i] > 0.0
        number = counts[i] if there else 1.0
        phase[i] = angle(cosines[i], sines[i]) if there else np.float32(np.nan)
        total = np.sqrt(cosines[i] * cosines[i] + sines[i] * sines[i])
        length[i] = np.float32(min(total / number, 1.0)) if there else np.float32(np.nan)


def mean_phasor(stack: NDArray[Any]) -> tuple[Floats, Floats]:
    """Angle and length of the mean phasor along the first axis, NaN left out; NaN where there is nothing."""
    shape = stack.shape[1:]
    cosines, sines, counts = np.zeros((3, int(np.prod(shape))))
    for layer in stack:
        _add_phasors(np.ascontiguousarray(layer, dtype=np.float32).ravel(), cosines, sines, counts)
    phase, length = np.empty((2, counts.size), dtype=np.float32)
    _results(cosines, sines, counts, phase, length)
    return phase.reshape(shape), length.reshape(shape)
