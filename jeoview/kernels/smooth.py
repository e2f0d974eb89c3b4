"""Gaussian means over the dates of a series, pixel by pixel with its own gaps."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.lanes import WIDTH as LANES
from jeoview.kernels.lanes import fma, inner, load, pack, splat, store, unpack, where_number, where_positive
from jeoview.kernels.stack import BLOCK, Stack, fetch, flush

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
# Squares of days below which the dates of a pixel are one, and no line is known.
ONE_DATE = 1e-6
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
    days : (date,) float64
        The dates themselves, about their middle.
    """

    weight: Doubles
    first: Integers
    last: Integers
    days: Doubles

    @classmethod
    def of(cls, days: Doubles, sigma: float) -> Kernel:
        """Gaussian weights exp(-dt**2 / (2 sigma**2)) of days in any order, 0 from 4 sigma on."""
        apart = np.abs(days[None, :] - days[:, None]) / sigma
        weight = np.where(apart < REACH, np.exp(-0.5 * apart**2), 0.0)
        size = len(days)
        first, last = np.argmax(weight > 0, axis=1), size - np.argmax(weight[:, ::-1] > 0, axis=1)
        return cls(weight, first, last, np.asarray(days - days.mean(), dtype=np.float64))


@inner
def _line(rows: Doubles, flags: Doubles, days: Doubles) -> Any:  # pragma: no cover - compiled
    """Value at day 0 and slope of the straight line through the valid dates; slope 0 through one date."""
    number, total, middle = splat(0.0), splat(0.0), splat(0.0)
    for t in range(days.size):
        flag = load(flags, t)
        number, total, middle = number + flag, total + load(rows, t), fma(splat(days[t]), flag, middle)
    total, middle = total / number, middle / number
    square, product = splat(0.0), splat(0.0)
    for t in range(days.size):
        apart = (splat(days[t]) - middle) * load(flags, t)
        square, product = fma(apart, apart, square), fma(apart, load(rows, t) - total, product)
    slope = where_positive(square - splat(ONE_DATE), product / square, splat(0.0))
    return total - slope * middle, slope


@inner
def _means(
    values: Floats, group: int, kernel: Kernel, rows: Doubles, flags: Doubles, detrend: bool, high: bool, out: Floats
) -> None:  # pragma: no cover - compiled
    zero, one = splat(0.0), splat(1.0)
    dates = kernel.first.size
    for t in range(dates):
        value = unpack(values, t * BLOCK + group)
        store(rows, t, where_number(value, value, zero))
        store(flags, t, where_number(value, one, zero))
    level, slope = zero, zero
    if detrend:
        level, slope = _line(rows, flags, kernel.days)
        for t in range(dates):
            rest = load(rows, t) - fma(slope, splat(kernel.days[t]), level)
            store(rows, t, where_number(unpack(values, t * BLOCK + group), rest, zero))
    for i in range(dates):
        total, weights = zero, zero
        for t in range(kernel.first[i], kernel.last[i]):
            weight = splat(kernel.weight[i, t])
            total, weights = fma(weight, load(rows, t), total), fma(weight, load(flags, t), weights)
        value, mean = unpack(values, i * BLOCK + group), total / weights
        if detrend:
            mean = mean + fma(slope, splat(kernel.days[i]), level)
        shown = value - mean if high else mean
        pack(out, i * BLOCK + group, where_number(value, shown, value))


@njit(cache=True, nogil=True)
def _smooth(
    series: Stack, kernel: Kernel, detrend: bool, high: bool, out: Floats
) -> None:  # pragma: no cover - compiled
    values, means = np.empty(series.layers * BLOCK, np.float32), np.empty(series.layers * BLOCK, np.float32)
    rows, flags = np.empty((series.layers, LANES)), np.empty((series.layers, LANES))
    for first in range(0, series.pixels, BLOCK):
        width = min(BLOCK, series.pixels - first)
        fetch(series, first, width, values)
        for group in range(0, width, LANES):
            _means(values, group, kernel, rows, flags, detrend, high, means)
        flush(means, out, first, width, series.pixels)


def smooth(series: Stack, kernel: Kernel, *, detrend: bool = False, high: bool = False) -> Floats:
    """Weighted mean of the valid dates around each date, or what it leaves of the values.

    Parameters
    ----------
    series : Stack
        A layer for each date; NaN is left out.
    kernel : Kernel
        Of these dates.
    detrend : bool
        Take the straight line through the valid dates out before, and add it to the mean again.
    high : bool
        Give the values less their mean.

    Returns
    -------
    (date, pixel) float32
        NaN where the value is.
    """
    out = np.empty(series.layers * series.pixels, dtype=np.float32)
    _smooth(series, kernel, detrend, high, out)
    return out.reshape(series.layers, series.pixels)
