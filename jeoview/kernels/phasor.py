"""Sine and cosine of sixteen phases at once."""

from __future__ import annotations

from typing import Any

from jeoview.kernels.lanes import fma, inner, rint, splat

# Chebyshev interpolation in x**2 on 0 .. (pi / 2)**2: |error| of sine 7e-9, of cosine 5e-8.
SINE = (
    0.9999999957158399,
    -0.16666657969904708,
    0.008333050617328029,
    -0.00019809046357394485,
    2.6051662760649053e-06,
)
COSINE = (
    0.9999999532476082,
    -0.4999990506281048,
    0.04166357893069659,
    -0.0013853666933029652,
    2.3153174155733942e-05,
)
HALF_CYCLES = 0.15915494309189535  # 1 / (2 pi)
HALF_TURN = 3.141592653589793


@inner
def add_phasor(phase: Any, weight: Any, cosine: Any, sine: Any) -> Any:  # pragma: no cover - compiled
    """``cosine + weight cos(phase), sine + weight sin(phase)``, lane by lane; within 1e-7.

    The phase is brought to half of itself within a quarter turn, and doubled by cos 2x = 1 - 2 sin(x)**2.
    """
    turns = phase * splat(HALF_CYCLES)
    half = (turns - rint(turns)) * splat(HALF_TURN)
    square = half * half
    s, c = splat(SINE[4]), splat(COSINE[4])
    for k in (3, 2, 1, 0):
        s = fma(s, square, splat(SINE[k]))
        c = fma(c, square, splat(COSINE[k]))
    s = s * half
    twice = s + s
    return fma(fma(splat(0.0) - twice, s, splat(1.0)), weight, cosine), fma(twice * c, weight, sine)
