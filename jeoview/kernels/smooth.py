"""Gaussian means over the dates of a series, pixel by pixel with its own gaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.lanes import WIDTH as LANES
from jeoview.kernels.lanes import fma, inner, load, pack, splat, store, unpack, where_number
from jeoview.kernels.stack import BLOCK, Stack, fetch, flush

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
# Beyond so many standard deviations a weight is below 0.0004.
REACH = 4.0


class Kernel(NamedTuple):
    """Weights of dates.

    Parameters
    ----------
    weight : (date, date) float64
        Of the second date in the mean of the first.
    first, last : (date,) int64
        The dates of a mean are ``first`` to ``last``, which is not part of it.
    """

    weight: Doubles
    first: Integers
    last: Integers

    @classmethod
    def of(cls, days: Doubles, sigma: float) -> Kernel:
        """Gaussian weights exp(-dt**2 / (2 sigma**2)) of days in any order, 0 from 4 sigma on."""
        apart = np.abs(days[None, :] - days[:, None]) / sigma
        weight = np.where(apart < REACH, np.exp(-0.5 * apart**2), 0.0)
        size = len(days)
        return cls(weight, np.argmax(weight > 0, axis=1), size - np.argmax(weight[:, ::-1] > 0, axis=1))


@inner
def _means(
    values: Floats, group: int, kernel: Kernel, rows: Doubles, flags: Doubles, high: bool, out: Floats
) -> None:  # pragma: no cover - compiled
    zero, one = splat(0.0), splat(1.0)
    dates = kernel.first.size
    for t in range(dates):
        value = unpack(values, t * BLOCK + group)
        store(rows, t, where_number(value, value, zero))
        store(flags, t, where_number(value, one, zero))
    for i in range(dates):
        total, weights = zero, zero
        for t in range(kernel.first[i], kernel.last[i]):
            weight = splat(kernel.weight[i, t])
            total, weights = fma(weight, load(rows, t), total), fma(weight, load(flags, t), weights)
        value, mean = unpack(values, i * BLOCK + group), total / weights
        shown = value - mean if high else mean
        pack(out, i * BLOCK + group, where_number(value, shown, value))


@njit(cache=True, nogil=True)
def _smooth(series: Stack, kernel: Kernel, high: bool, out: Floats) -> None:  # pragma: no cover - compiled
    values, means = np.empty(series.layers * BLOCK, np.float32), np.empty(series.layers * BLOCK, np.float32)
    rows, flags = np.empty((series.layers, LANES)), np.empty((series.layers, LANES))
    for first in range(0, series.pixels, BLOCK):
        width = min(BLOCK, series.pixels - first)
        fetch(series, first, width, values)
        for group in range(0, width, LANES):
            _means(values, group, kernel, rows, flags, high, means)
        flush(means, out, first, width, series.pixels)


def smooth(series: Stack, kernel: Kernel, *, high: bool = False) -> Floats:
    """Weighted mean of the valid dates around each date, or what it leaves of the values.

    Parameters
    ----------
    series : Stack
        A layer for each date; NaN is left out.
    kernel : Kernel
        Of these dates.
    high : bool
        Give the values less their mean.

    Returns
    -------
    (date, pixel) float32
        NaN where the value is.
    """
    out = np.empty(series.layers * series.pixels, dtype=np.float32)
    _smooth(series, kernel, high, out)
    return out.reshape(series.layers, series.pixels)
