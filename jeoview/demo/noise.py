"""Random fields that are functions of the ground: the value at a place never depends on the window.

Each lattice point has a value that is a hash of its position and a seed; between the points the
field is a cubic B-spline, so it is twice differentiable. Sums of octaves give fractal fields.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from jeoview.grid import Grid, Lattice

Field = NDArray[np.float32]
Numbers = NDArray[np.uint32]
# Standard deviation of a uniform variable on -1..1, times the mean of the sum of squared 2-D B-spline weights.
_SPREAD = 0.57735 * 151.0 / 315.0


def scramble(*parts: NDArray[np.int64] | int) -> Numbers:
    """Mix whole numbers into evenly distributed 32-bit numbers (the finaliser of MurmurHash3)."""
    mixed: Numbers = np.zeros(1, np.uint32)
    with np.errstate(over="ignore"):
        for part in parts:
            mixed = (mixed ^ np.asarray(part).astype(np.uint32)) * np.uint32(0x9E3779B1)
            mixed ^= mixed >> np.uint32(16)
            mixed = mixed * np.uint32(0x85EBCA6B)
            mixed ^= mixed >> np.uint32(13)
        mixed = mixed * np.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> np.uint32(16))


def chance(*parts: NDArray[np.int64] | int) -> Field:
    """Evenly distributed numbers from 0 to below 1, one for each combination of the parts."""
    return unit(scramble(*parts))


def unit(number: NDArray[np.int64] | Numbers) -> Field:
    """A 32-bit number as one from 0 to below 1."""
    return (number >> 8).astype(np.float32) * np.float32(2.0**-24)


def noise(grid: Grid, spacing: float, seed: int) -> Field:
    """Smooth noise of mean 0 and standard deviation 1 whose features are about ``spacing`` metres apart.

    Parameters
    ----------
    grid : Grid
        Where it is wanted.
    spacing : float
        Distance of the lattice points in metres.
    seed : int
        Another number, another field.

    Returns
    -------
    (y, x) float32
    """
    across, first_col, cols = _weights(grid.x, spacing)
    down, first_row, rows = _weights(grid.y, spacing)
    col, row = np.arange(first_col, first_col + cols), np.arange(first_row, first_row + rows)
    values = chance(seed, row[:, None], col[None, :]) * np.float32(2.0 / _SPREAD) - np.float32(1.0 / _SPREAD)
    return _apply(down, across, values)


def fractal(grid: Grid, spacing: float, octaves: int, seed: int, gain: float = 0.5) -> Field:
    """Sum of octaves of noise, each at half the spacing and ``gain`` times the height of the one before.

    Mean 0, standard deviation 1.
    """
    total = noise(grid, spacing, seed)
    for octave in range(1, octaves):
        total += np.float32(gain**octave) * noise(grid, spacing / 2**octave, seed + 7919 * octave)
    return total / np.float32(np.sqrt(sum(gain ** (2 * octave) for octave in range(octaves))))


def ramp(value: Field, low: float, high: float) -> Field:
    """Smooth step: 0 below ``low``, 1 above ``high`` (or the reverse where low > high)."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def coarse(grid: Grid, step: float, function: Callable[[Grid], Field]) -> Field:
    """Evaluate a smooth function on a coarser lattice and interpolate it with cubic splines.

    Parameters
    ----------
    grid : Grid
        Where it is wanted.
    step : float
        Pixel size in metres of the evaluation; the coarse lattice is anchored on the ground, so
        that every window gets the same values.
    function : callable
        Takes a grid, returns (y, x) float32.
    """
    source = cover(grid, step)
    return spline(source, function(source), grid)


def cover(grid: Grid, step: float, margin: int = 8) -> Grid:
    """The window of a lattice of ``step`` metres through the origin that covers ``grid`` with a margin."""
    west, south, east, north = grid.bounds
    row, col = int(np.floor(-north / step)) - margin, int(np.floor(west / step)) - margin
    height = int(np.ceil(-south / step)) + margin - row
    return Grid(Lattice(grid.crs, (step, step), 0.0, 0.0), row, col, height, int(np.ceil(east / step)) + margin - col)


def spline(source: Grid, values: Field, grid: Grid) -> Field:
    """Cubic-spline interpolation from one window to another of the same reference system."""
    coefficients = ndimage.spline_filter(values, order=3, output=np.float32, mode="nearest")
    step = source.lattice.resolution[0]
    west, _, _, north = source.bounds
    across = _matrix((grid.x - west) / step - 0.5, source.width)
    down = _matrix((north - grid.y) / step - 0.5, source.height)
    return _apply(down, across, coefficients)


def _weights(places: NDArray[np.float64], spacing: float) -> tuple[sparse.csr_array, int, int]:
    position = places / spacing
    first = int(np.floor(position.min())) - 1
    count = int(np.floor(position.max())) + 3 - first
    return _matrix(position - first, count), first, count


def _matrix(position: NDArray[np.float64], count: int) -> sparse.csr_array:
    """Rows of the four cubic B-spline weights around each position, in units of the lattice."""
    base = np.floor(position).astype(np.int64)
    t = position - base
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    columns = np.clip(base[:, None] + np.arange(-1, 3), 0, count - 1)
    rows = np.repeat(np.arange(position.size), 4)
    return sparse.csr_array((weights.ravel().astype(np.float32), (rows, columns.ravel())), shape=(position.size, count))


def _apply(down: sparse.csr_array, across: sparse.csr_array, values: Field) -> Field:
    lines = np.ascontiguousarray((across @ np.ascontiguousarray(values.T)).T)
    result: Field = down @ lines
    return result
