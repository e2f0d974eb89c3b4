"""A model of time, linear in its parameters, fitted to the series of every pixel with its own gaps.

The columns of the model are made orthonormal over all dates first, so that the normal equations of a
pixel with few gaps are close to the identity whatever the units of time are. Sixteen pixels go side
by side, see `jeoview.kernels.lanes`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.lanes import WIDTH as LANES
from jeoview.kernels.lanes import (
    any_positive,
    fma,
    inner,
    load,
    magnitude,
    pack,
    splat,
    sqrt,
    store,
    unpack,
    where_number,
    where_positive,
)
from jeoview.kernels.stack import BLOCK, Stack, fetch, flush

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

# A parameter whose column keeps less than this share of its square beside the others is not known.
SMALLEST = 1e-10
HUBER = 1.345  # 95 % efficiency on normal residuals
SIGMA_OF_MEDIAN = 1.4826  # from the median of abs(residual) to sigma
HALVINGS = 24
ROUNDS = 8


class Design(NamedTuple):
    """A model over given dates.

    Parameters
    ----------
    basis : (date, parameter) float64
        Orthonormal columns Q of the model's matrix G = Q R.
    inverse : (parameter, parameter) float64
        Inverse of R.
    slope : int
        The parameter whose standard error is wanted.
    """

    basis: Doubles
    inverse: Doubles
    slope: int

    @classmethod
    def of(cls, matrix: Doubles, slope: int) -> Design:
        """The design of a matrix (date, parameter); with fewer dates than parameters nothing can be fitted."""
        length = np.linalg.norm(matrix, axis=0)
        if len(matrix) < matrix.shape[1] or not length.all():
            return cls(np.zeros(matrix.shape), np.eye(matrix.shape[1]), slope)
        basis, upper = np.linalg.qr(matrix / length)
        if np.linalg.cond(upper) ** 2 > 1 / SMALLEST:
            basis, upper = np.zeros(matrix.shape), np.eye(matrix.shape[1])
        inverse = np.linalg.inv(upper) / length[:, None]
        return cls(np.ascontiguousarray(basis), np.ascontiguousarray(inverse), slope)


class _Room(NamedTuple):
    """Rows of sixteen pixels that a group works in; matrices as lower triangles, row by row."""

    own: Doubles
    whole: Doubles
    right: Doubles
    value: Doubles
    weight: Doubles
    rest: Doubles


@inner
def _at(row: int, col: int) -> int:  # pragma: no cover - compiled
    return row * (row + 1) // 2 + col


@inner
def _cholesky(lower: Doubles, weight: Doubles, basis: Doubles) -> None:  # pragma: no cover - compiled
    """Factor of the normal matrix; its diagonal holds 1 / pivot, NaN where a parameter is not known."""
    dates, size = basis.shape
    for i in range(size):
        for j in range(i + 1):
            total = splat(0.0)
            for t in range(dates):
                total = fma(load(weight, t), splat(basis[t, i] * basis[t, j]), total)
            diagonal = total
            for k in range(j):
                total = total - load(lower, _at(i, k)) * load(lower, _at(j, k))
            if i == j:
                known = where_positive(total - diagonal * splat(SMALLEST), total, splat(np.nan))
                store(lower, _at(i, i), splat(1.0) / sqrt(known))
            else:
                store(lower, _at(i, j), total * load(lower, _at(j, j)))


@inner
def _fit(room: _Room, lower: Doubles, basis: Doubles) -> None:  # pragma: no cover - compiled
    """Coefficients of the basis in ``right``, residuals of the dates in ``rest``."""
    dates, size = basis.shape
    for i in range(size):
        total = splat(0.0)
        for t in range(dates):
            total = fma(load(room.weight, t) * load(room.value, t), splat(basis[t, i]), total)
        for k in range(i):
            total = total - load(lower, _at(i, k)) * load(room.right, k)
        store(room.right, i, total * load(lower, _at(i, i)))
    for i in range(size - 1, -1, -1):
        total = load(room.right, i)
        for k in range(i + 1, size):
            total = total - load(lower, _at(k, i)) * load(room.right, k)
        store(room.right, i, total * load(lower, _at(i, i)))
    for t in range(dates):
        rest = load(room.value, t)
        for i in range(size):
            rest = rest - load(room.right, i) * splat(basis[t, i])
        store(room.rest, t, rest)


@inner
def _median(room: _Room, valid: Floats, group: int) -> Any:  # pragma: no cover - compiled
    """Median of abs(residual) over the valid dates, by halving the interval that holds it."""
    dates = room.value.shape[0]
    zero, one, half = splat(0.0), splat(1.0), splat(0.5)
    low, high, count = zero, zero, zero
    for t in range(dates):
        size = magnitude(load(room.rest, t))
        seen = where_number(unpack(valid, t * BLOCK + group), one, zero)
        count = count + seen
        high = where_positive(seen * (size - high), size, high)
    for _ in range(HALVINGS):
        middle = (low + high) * half
        below = zero
        for t in range(dates):
            seen = where_number(unpack(valid, t * BLOCK + group), one, zero)
            below = below + where_positive(middle - magnitude(load(room.rest, t)), seen, zero)
        enough = below - count * half
        low, high = where_positive(enough, low, middle), where_positive(enough, middle, high)
    return high


@inner
def _reweigh(room: _Room, valid: Floats, group: int) -> None:  # pragma: no cover - compiled
    """Huber's weights: 1 within 1.345 sigma, falling with the distance beyond; sigma from the median."""
    bound = _median(room, valid, group) * splat(SIGMA_OF_MEDIAN * HUBER)
    for t in range(room.value.shape[0]):
        size = magnitude(load(room.rest, t))
        seen = where_number(unpack(valid, t * BLOCK + group), splat(1.0), splat(0.0))
        store(room.weight, t, seen * where_positive(size - bound, bound / size, splat(1.0)))


@inner
def _write(
    block: Floats, group: int, room: _Room, lower: Doubles, design: Design
) -> None:  # pragma: no cover - compiled
    """Parameters, standard error of the slope, rmse and the number of dates."""
    size = design.basis.shape[1]
    zero, none = splat(0.0), splat(np.nan)
    squares, dates, plain = zero, zero, zero
    for t in range(room.value.shape[0]):
        rest, weight = load(room.rest, t), load(room.weight, t)
        seen = where_positive(weight, splat(1.0), zero)
        squares, plain, dates = fma(weight, rest * rest, squares), fma(seen, rest * rest, plain), dates + seen
    for i in range(size):
        parameter = zero
        for k in range(i, size):
            parameter = fma(splat(design.inverse[i, k]), load(room.right, k), parameter)
        pack(block, i * BLOCK + group, parameter)
    variance = zero
    for i in range(size):
        value = splat(design.inverse[design.slope, i])
        for k in range(i):
            value = value - load(lower, _at(i, k)) * load(room.right, k)
        value = value * load(lower, _at(i, i))
        store(room.right, i, value)
        variance = fma(value, value, variance)
    free = dates - splat(float(size))
    error = where_positive(free, sqrt(squares / free * variance), none)
    pack(block, size * BLOCK + group, error)
    pack(block, (size + 1) * BLOCK + group, sqrt(plain / dates))
    pack(block, (size + 2) * BLOCK + group, dates)


@inner
def _read(room: _Room, values: Floats, group: int) -> bool:  # pragma: no cover - compiled
    """Values, 0 where there is none, and weights; whether all are there."""
    zero, one = splat(0.0), splat(1.0)
    missing = zero
    for t in range(room.value.shape[0]):
        value = unpack(values, t * BLOCK + group)
        weight = where_number(value, one, zero)
        missing = missing + (one - weight)
        store(room.value, t, where_number(value, value, zero))
        store(room.weight, t, weight)
    return not any_positive(missing)


@njit(cache=True, nogil=True)
def _fit_all(series: Stack, design: Design, robust: bool, out: Floats) -> None:  # pragma: no cover - compiled
    dates, size = design.basis.shape
    triangle = size * (size + 1) // 2
    values, block = np.empty(dates * BLOCK, np.float32), np.empty((size + 3) * BLOCK, np.float32)
    room = _Room(
        np.zeros((triangle, LANES)),
        np.zeros((triangle, LANES)),
        np.zeros((size, LANES)),
        np.zeros((dates, LANES)),
        np.ones((dates, LANES)),
        np.zeros((dates, LANES)),
    )
    _cholesky(room.whole, room.weight, design.basis)
    for first in range(0, series.pixels, BLOCK):
        width = min(BLOCK, series.pixels - first)
        fetch(series, first, width, values)
        for group in range(0, width, LANES):
            # Without gaps every pixel has the same factor, made once: the same numbers, so the same bits.
            complete = _read(room, values, group)
            lower = room.whole if complete else room.own
            if not complete:
                _cholesky(lower, room.weight, design.basis)
            _fit(room, lower, design.basis)
            for _ in range(ROUNDS if robust else 0):
                lower = room.own
                _reweigh(room, values, group)
                _cholesky(lower, room.weight, design.basis)
                _fit(room, lower, design.basis)
            _write(block, group, room, lower, design)
        flush(block, out, first, width, series.pixels)


def fit(series: Stack, design: Design, *, robust: bool = False) -> Floats:
    """Fit a model to every pixel.

    Parameters
    ----------
    series : Stack
        A layer for each date; NaN is left out.
    design : Design
        The model at these dates.
    robust : bool
        Weigh dates down whose residual is large (Huber 1964, with sigma from the median, eight rounds).

    Returns
    -------
    (parameter + 3, pixel) float32
        The parameters; sqrt(RSS / (n - P) * inv(G'G)[slope, slope]), NaN without a date to spare; the root of
        the mean squared residual; and the number n of dates. All but n are NaN where the dates do not
        determine every parameter.
    """
    rows = design.basis.shape[1] + 3
    out = np.empty(rows * series.pixels, dtype=np.float32)
    _fit_all(series, design, robust, out)
    return out.reshape(rows, -1)


@njit(cache=True, nogil=True)
def forget_short(
    rows: Floats, series: Stack, years: Doubles, least: int, span: float
) -> None:  # pragma: no cover - compiled
    """Set the fit of pixels with few dates, or dates close together, to NaN, in place.

    Parameters
    ----------
    rows : (row, pixel) float32
        What `fit` gave, the number of dates last.
    series : Stack
        What was fitted.
    years : (date,) float64
        Time of each date.
    least : int
        Dates that a pixel must have.
    span : float
        Years from its first to its last date that it must have.
    """
    last = series.layers - 1
    for p in range(series.pixels):
        lower, upper = 0, last
        # A date is missing, else the ends are the ends of the series.
        if rows[-1, p] <= last:
            while lower < last and np.isnan(series.values[series.start + lower * series.step + p]):
                lower += 1
            while upper > lower and np.isnan(series.values[series.start + upper * series.step + p]):
                upper -= 1
        if rows[-1, p] < least or years[upper] - years[lower] < span:
            rows[:-1, p] = np.nan


@njit(cache=True, nogil=True)
def harmonic(cosine: Floats, sine: Floats, period: float) -> tuple[Floats, Floats]:  # pragma: no cover - compiled
    """Amplitude of c cos + s sin, and when in its period it is highest, from 0 to ``period``.

    Parameters
    ----------
    cosine, sine : (pixel,) float32
        Coefficients.
    period : float
        In the unit of the second result.
    """
    amplitude, peak = np.empty_like(cosine), np.empty_like(cosine)
    for i in range(cosine.size):
        c, s = np.float64(cosine[i]), np.float64(sine[i])
        amplitude[i] = np.sqrt(c * c + s * s)
        turn = np.arctan2(s, c) / (2.0 * np.pi)
        peak[i] = (turn + 1.0 if turn < 0.0 else turn) * period
    return amplitude, peak
