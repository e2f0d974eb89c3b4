"""Planes and quadratic surfaces of every layer."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
        valid = ~np.isnan(layer)
        matrix = columns[:, valid]
        if np.linalg.matrix_rank(normal := matrix @ matrix.T, hermitian=True) == size:
            out[index] = np.linalg.solve(normal, matrix @ layer[valid].astype(np.float64))
    return out


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
