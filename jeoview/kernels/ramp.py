"""Planes and quadratic surfaces of every layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.network import Network

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def terms(x: Doubles, y: Doubles, degree: int) -> Doubles:
    """1, x, y and, of degree 2, x**2, xy, y**2: (term, pixel) of flat coordinates."""
    columns = [np.ones_like(x), x, y] + ([x * x, x * y, y * y] if degree == 2 else [])
    return np.stack(columns)


def fit_surface(layers: Floats, columns: Doubles) -> Doubles:
    """Least-squares coefficients of every layer over its valid pixels.

    Parameters
    ----------
    layers : (layer, pixel) float32
        NaN is left out.
    columns : (term, pixel) float64
        See `terms`; coordinates of about -1 to 1.

    Returns
    -------
    (layer, term) float64
        NaN where the valid pixels do not determine the surface.
    """
    size = len(columns)
    out = np.full((len(layers), size), np.nan)
    for index, layer in enumerate(layers):
        normal, right = _normal_equations(layer, columns)
        if _determined(normal):
            out[index] = np.linalg.solve(normal, right)
    return out


def _normal_equations(layer: Floats, columns: Doubles) -> tuple[Doubles, Doubles]:
    valid = ~np.isnan(layer)
    matrix = columns[:, valid]
    return matrix @ matrix.T, matrix @ layer[valid].astype(np.float64)


def _determined(normal: Doubles) -> bool:
    return int(np.linalg.matrix_rank(normal, hermitian=True)) == len(normal)


def fit_network(layers: Floats, columns: Doubles, network: Network) -> tuple[Doubles, Doubles]:
    """Surfaces of the dates that all pairs together say, and of every pair the difference of those of its dates.

    Parameters
    ----------
    layers : (pair, pixel) float32
        NaN is left out.
    columns : (term, pixel) float64
        See `terms`; the first term is the constant, of which every pair has one of its own.
    network : Network
        The dates of the pairs.

    Returns
    -------
    pairs : (pair, term) float64
        NaN where no pairs with a surface connect the two dates, or the pair has no valid pixel.
    dates : (date, term - 1) float64
        All terms but the constant, from those of the first date that is connected; NaN of dates without a pair.
    """
    size, equations = len(columns) - 1, [_normal_equations(layer, columns) for layer in layers]
    good = [k for k, (normal, _) in enumerate(equations) if _determined(normal)]
    matrix, right = np.zeros((network.dates, size, network.dates, size)), np.zeros((network.dates, size))
    for k in good:
        (normal, sums), one, other = equations[k], int(network.earlier[k]), int(network.later[k])
        # Without the constant of the pair: terms less their mean over its pixels.
        slopes = normal[1:, 1:] - np.outer(normal[1:, 0], normal[0, 1:]) / normal[0, 0]
        part = sums[1:] - normal[1:, 0] * sums[0] / normal[0, 0]
        for date, sign in ((one, -1.0), (other, 1.0)):
            right[date] += sign * part
            matrix[date, :, one] -= sign * slopes
            matrix[date, :, other] += sign * slopes
    first = _first_of_each(network, good)
    dates, free = np.full((network.dates, size), np.nan), np.flatnonzero(first != np.arange(network.dates))
    free = free[first[free] >= 0]
    whole = matrix[free][:, :, free].reshape(free.size * size, free.size * size)
    dates[free] = np.linalg.solve(whole, right[free].reshape(-1)).reshape(-1, size)
    dates[first == np.arange(network.dates)] = 0.0
    pairs = np.full((len(layers), size + 1), np.nan)
    for k, (one, other) in enumerate(network.pairs):
        (normal, sums), joined = equations[k], first[one] == first[other] >= 0
        if joined and normal[0, 0]:
            pairs[k, 1:] = dates[other] - dates[one]
            pairs[k, 0] = (sums[0] - normal[0, 1:] @ pairs[k, 1:]) / normal[0, 0]
    return pairs, dates


def _first_of_each(network: Network, pairs: Sequence[int]) -> NDArray[np.int64]:
    """For each date the first one that some of the pairs connect it with; -1 where it has none of them."""
    first = np.full(network.dates, -1, dtype=np.int64)
    for k in pairs:
        one, other = int(network.earlier[k]), int(network.later[k])
        for date in (one, other):
            first[date] = date if first[date] < 0 else first[date]
        low, high = sorted((first[one], first[other]))
        first[first == high] = low
    return first


@njit(cache=True, nogil=True)
def subtract_surface(
    stack: Floats, band: int, coefficients: Doubles, x: Doubles, y: Doubles
) -> None:  # pragma: no cover - compiled
    """Subtract from one band of every layer its surface, in place.

    Parameters
    ----------
    stack : (layer, band, y, x) float32
        Written to.
    band : int
        The band.
    coefficients : (layer, 3 or 6) float64
        See `terms`.
    x, y : (y, x) float64
        Coordinates of the pixels.
    """
    for k in range(stack.shape[0]):
        c = np.zeros(6)
        for term in range(coefficients.shape[1]):
            c[term] = coefficients[k, term]
        for row in range(stack.shape[2]):
            for col in range(stack.shape[3]):
                u, v = x[row, col], y[row, col]
                surface = c[0] + u * (c[1] + u * c[3]) + v * (c[2] + u * c[4] + v * c[5])
                stack[k, band, row, col] -= surface


def fit_line(layers: Floats, height: Floats) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Least-squares line of every layer over height, over its valid pixels.

    Parameters
    ----------
    layers : (layer, pixel) float32
        NaN is left out.
    height : (pixel,) float32
        NaN is left out.

    Returns
    -------
    slope, offset, correlation, count : (layer,) float64
        NaN (but the count) with fewer than three pixels, or where height or layer is constant.
    """
    out = np.full((4, len(layers)), np.nan)
    for index, layer in enumerate(layers):
        valid = ~np.isnan(layer) & ~np.isnan(height)
        out[3, index] = valid.sum()
        if valid.sum() < 3:
            continue
        x, y = height[valid].astype(np.float64), layer[valid].astype(np.float64)
        u, v = x - x.mean(), y - y.mean()
        if (u**2).sum() > 0 and (v**2).sum() > 0:
            slope = (u * v).sum() / (u**2).sum()
            correlation = (u * v).sum() / np.sqrt((u**2).sum() * (v**2).sum())
            out[:3, index] = slope, y.mean() - slope * x.mean(), correlation
    return out[0], out[1], out[2], out[3]


@njit(cache=True, nogil=True)
def subtract_line(
    stack: Floats, band: int, slope: Doubles, offset: Doubles, strong: Flags, height: Floats
) -> None:  # pragma: no cover - compiled
    """Subtract from one band of the chosen layers ``slope * height + offset``, in place.

    Parameters
    ----------
    stack : (layer, band, y, x) float32
        Written to.
    band : int
        The band.
    slope, offset : (layer,) float64
        The lines.
    strong : (layer,) bool
        The layers that are changed.
    height : (y, x) float32
        NaN there is NaN in the layers that are changed.
    """
    for k in range(stack.shape[0]):
        if not strong[k]:
            continue
        for row in range(stack.shape[2]):
            for col in range(stack.shape[3]):
                stack[k, band, row, col] -= slope[k] * height[row, col] + offset[k]
