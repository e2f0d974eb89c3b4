"""The relief: mountains carved by rivers, a plain, a river and a lake.

The mountains are the state of a stream-power law, dh/dt = U - K A^m S (uplift U, drainage area A,
slope S), solved implicitly along the drainage tree (Braun and Willett 2013, Geomorphology 180-181):
valleys join, ridges divide, and streams reach the plain, as in real relief.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from jeoview.demo.noise import Field, chance, coarse, fractal, noise, ramp, spline
from jeoview.grid import Grid, Lattice
from jeoview.projection import canonical_crs

# A transverse Mercator of our own, true to scale at the town of Montebelluna's surroundings: metres of the ground.
GROUND = canonical_crs("+proj=tmerc +lat_0=45.782 +lon_0=12.04 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +type=crs")
STEP = 10.0
PLAIN = 142.0
SUMMIT = 1720.0
LAKE_LEVEL = 158.0
LAKE = (-8200.0, -700.0, 1500.0)
# The river from the mountains to the plain, in metres of the ground.
COURSE = np.array(
    [
        (-800, 19000), (-2000, 13500), (-600, 9000), (-1900, 5600), (-300, 2600),
        (3300, 1300), (8000, 1900), (13000, -400), (17500, -3800), (24000, -7500),
    ],
    dtype=np.float64,
)  # fmt: skip
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
_CELL = 160.0
_TALUS = 0.8
_AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)
_WORLD = (-20500.0, -13500.0, 20500.0, 15500.0)


def ground(step: float, bounds: tuple[float, float, float, float]) -> Grid:
    """The window of the ground's lattice of ``step`` metres that covers the bounds (metres of `GROUND`)."""
    west, south, east, north = (int(np.floor(value / step)) for value in bounds)
    return Grid(Lattice(GROUND, (step, step), 0.0, 0.0), -north - 1, west, north - south + 1, east - west + 1)


def height(grid: Grid) -> Field:
    """Elevation in metres at the pixels of a window of the ground."""
    source, values = relief()
    z = spline(source, values, grid)
    rough = coarse(grid, 40.0, lambda part: ramp(spline(source, _steepness(), part), 0.04, 0.5))
    z += rough * 18 * fractal(grid, 420.0, 5, 101, gain=0.55)
    z += np.float32(0.5) * noise(grid, 900.0, 102) + np.float32(0.3) * noise(grid, 70.0, 103)
    shore = np.hypot(grid.x[None, :] - LAKE[0], grid.y[:, None] - LAKE[1]).astype(np.float32) - _lake_radius(grid)
    beach = LAKE_LEVEL + np.float32(0.03) * np.maximum(shore, 0)
    return np.where(shore < 0, np.float32(LAKE_LEVEL), z + (beach - z) * ramp(shore, 500, 0)).astype(np.float32)


def lake_shore(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in metres of the lake's shore from its centre, in a direction (radians from east)."""
    wobble = 1 + 0.35 * np.cos(2 * (angle - 0.25)) + 0.09 * np.sin(3 * angle + 1) + 0.05 * np.cos(5 * angle)
    return np.asarray(LAKE[2] * 0.62 * wobble + 20 * np.cos(13 * angle))


def lake(grid: Grid) -> NDArray[np.bool_]:
    """Whether a pixel is lake."""
    distance = np.hypot(grid.x[None, :] - LAKE[0], grid.y[:, None] - LAKE[1])
    return np.asarray(distance < _lake_radius(grid))


def _lake_radius(grid: Grid) -> Field:
    def shore(part: Grid) -> Field:
        return lake_shore(np.arctan2(part.y[:, None] - LAKE[1], part.x[None, :] - LAKE[0])).astype(np.float32)

    return coarse(grid, 40.0, shore)


@lru_cache(maxsize=1)
def _course() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points every 25 m of the smoothed course, and the length from the start to each."""
    knots = np.r_[0, np.cumsum(np.hypot(*np.diff(COURSE, axis=0).T))]
    length = np.arange(0, knots[-1], 25.0)
    return CubicSpline(knots, COURSE)(length), length


def river_line() -> NDArray[np.float64]:
    """Points every 25 m of the river's axis, (point, 2) metres of the ground."""
    return _course()[0]


def river_place(grid: Grid) -> tuple[Field, Field]:
    """Distance from the river's axis (positive to the right of the flow) and length along it, in metres."""
    world, offset, length = _river()
    return spline(world, offset, grid), spline(world, length, grid)


@lru_cache(maxsize=1)
def _river() -> tuple[Grid, Field, Field]:
    grid = ground(160.0, _WORLD)
    points, length = _course()
    x, y = np.broadcast_arrays(grid.x[None, :], grid.y[:, None])
    distance, nearest = cKDTree(points).query(np.column_stack([x.ravel(), y.ravel()]))
    nearest = np.clip(nearest, 1, len(points) - 2)
    along = points[nearest + 1] - points[nearest - 1]
    away_x, away_y = x.ravel() - points[nearest, 0], y.ravel() - points[nearest, 1]
    side = np.sign(along[:, 1] * away_x - along[:, 0] * away_y)
    offset = (side * distance).reshape(x.shape).astype(np.float32)
    return grid, offset, length[nearest].reshape(x.shape).astype(np.float32)


@lru_cache(maxsize=1)
def relief() -> tuple[Grid, Field]:
    """The carved relief on its own lattice: 160 m first, refined at 80 m."""
    world = ground(_CELL, _WORLD)
    z = _carve(world, _floor(world) + 90 * _uplift(world) * (1.5 + fractal(world, 2600.0, 5, 20)), 120)
    fine = ground(_CELL / 2, _WORLD)
    z = _carve(fine, np.maximum(spline(world, z, fine), _floor(fine)), 24)
    # Soil creeps: the facets of the lattice are rounded.
    excess = np.asarray(ndimage.gaussian_filter(z - _floor(fine), 0.65), dtype=np.float32)
    seen = (np.abs(fine.y) < 11000)[:, None] & (np.abs(fine.x) < 17000)[None, :]
    scale = np.float32(SUMMIT - PLAIN) / excess[seen].max()
    return fine, (_floor(fine) + excess * scale).astype(np.float32)


@lru_cache(maxsize=1)
def _steepness() -> Field:
    source, z = relief()
    down, across = np.gradient(z, source.lattice.resolution[0])
    return np.asarray(ndimage.gaussian_filter(np.hypot(down, across), 1.5), dtype=np.float32)


def _floor(grid: Grid) -> Field:
    """The level that streams cut down to: the plain and the valley's floor."""
    offset, _ = river_place(grid)
    north = np.broadcast_to(grid.y[:, None], grid.shape).astype(np.float32)
    rise = np.where(north < 0, 0.0042, 0.0055) * north
    return np.asarray(PLAIN + rise + 4 * np.minimum(np.abs(offset) / 3000, 1), dtype=np.float32)


def _uplift(grid: Grid) -> Field:
    """Relative rate of uplift, 0 in the plain."""
    x, y = grid.x[None, :] / 1000, grid.y[:, None] / 1000
    bend = noise(grid, 3500.0, 11) * 0.45 + noise(grid, 1500.0, 12) * 0.2
    foot = np.interp(x, [-24, -14, -9, -4, -1, 3, 9, 15, 24], [-2.5, -1.0, 0.6, 0.4, 2.0, 6.8, 7.2, 6.4, 5.0])
    hills = np.interp(x, [-24, -14, -9, -4, -1, 3, 9, 15, 24], [-4.5, -2.6, 0.4, 0.2, 1.6, 3.6, 4.2, 3.4, 2.0])
    dome = 1 - np.hypot((x - 9.8) / 5.6, (y + 3.2) / 2.0)
    mountain = ramp((y - foot + bend).astype(np.float32), 0.0, 4.5)
    hill = ramp((y - hills + bend).astype(np.float32), 0.0, 0.8)
    swell = ramp((dome + 0.1 * bend).astype(np.float32), 0.0, 0.25)
    return np.asarray(np.maximum(np.maximum(mountain, 0.13 * hill), 0.075 * swell), dtype=np.float32)


def _carve(grid: Grid, start: Field, steps: int) -> Field:
    """Let uplift and streams work for a number of time steps."""
    offset, _ = river_place(grid)
    floor, cell = _floor(grid), grid.lattice.resolution[0]
    uplift = _uplift(grid) * ramp(np.abs(offset), 450, 1500) * ~lake(grid)
    fixed = uplift <= 0.004
    free = (~fixed).astype(np.float32)
    uplift *= (1 + np.float32(0.06) * fractal(grid, 4000.0, 4, 21)) * free
    z = start + free * (4 * noise(grid, 2 * cell, 22) + 10)
    # Rock is not even: without it, valleys would follow the axes of the lattice. It never wears where the level is fixed.
    index = np.arange(z.size).reshape(z.shape)
    rock = [(np.float32(0.6) + np.float32(0.8) * chance(23, n, index)) * free for n in range(len(_NEIGHBOURS))]
    for step in range(steps):
        if step % 60 == 0:
            z = _filled(z, fixed)
        z = _streams(z + np.float32(16) * uplift, rock, cell)
        z += np.float32(0.06) * np.asarray(ndimage.laplace(z)) * free
        z[fixed] = floor[fixed]
    return z


def _filled(z: Field, fixed: NDArray[np.bool_]) -> Field:
    """Raise hollows until every cell has a way down to a fixed one (Planchon and Darboux 2002, Catena 46)."""
    level = np.where(fixed, z, np.float32(1e6))
    while True:
        lower = np.where(fixed, z, np.maximum(z, ndimage.minimum_filter(level, footprint=_AROUND) + np.float32(0.3)))
        if np.array_equal(lower, level):
            return level
        level = lower


def _streams(z: Field, rock: list[Field], cell: float) -> Field:
    """One implicit step of the stream-power law with K dt = 0.16, m = 0.45 (A in km2, slope in m/m)."""
    receiver, length = _receivers(z, rock, cell)
    levels = _levels(receiver)
    area = np.full(z.size, (cell / 1000) ** 2)
    for level in reversed(levels):
        np.add.at(area, receiver[level], area[level])
    factor = 0.16 * 1000 * area**0.45 / length
    flat = z.ravel().astype(np.float64)
    for level in levels:
        pull, base = factor[level], flat[receiver[level]]
        flat[level] = np.minimum((flat[level] + pull * base) / (1 + pull), base + _TALUS * length[level])
    return flat.reshape(z.shape).astype(np.float32)


def _receivers(z: Field, rock: list[Field], cell: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The steepest lower neighbour of each cell (itself in a pit and where the level is fixed), and its distance.

    A slope counts as much as ``rock`` (one field a neighbour, 0 where the level is fixed) says.
    """
    rows, cols = z.shape
    padded = np.pad(z, 1, constant_values=np.inf)
    best, which = np.zeros(z.shape, np.float32), np.full(z.shape, len(_NEIGHBOURS))
    for number, (down, right) in enumerate(_NEIGHBOURS):
        ahead = padded[1 + down : 1 + down + rows, 1 + right : 1 + right + cols]
        # Off the edge it would be minus infinity times zero.
        slope = np.maximum(z - ahead, 0) * (rock[number] / np.float32(np.hypot(down, right)))
        np.copyto(which, number, where=slope > best)
        np.maximum(best, slope, out=best)
    steps = np.array([down * cols + right for down, right in _NEIGHBOURS] + [0])
    far = np.array([np.hypot(*step) for step in _NEIGHBOURS] + [1]) * cell
    return (np.arange(z.size).reshape(z.shape) + steps[which]).ravel(), far[which].ravel()


def _levels(receiver: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cells by the number of steps to the outlet, from 1 on."""
    here = np.arange(receiver.size)
    depth, jump = (receiver != here).astype(np.int64), receiver.copy()
    while True:
        ahead = depth[jump]
        if not ahead.any():
            break
        depth, jump = depth + ahead, jump[jump]
    order = np.argsort(depth, kind="stable")
    edges = np.searchsorted(depth[order], np.arange(1, depth.max() + 2))
    return [order[start:stop] for start, stop in pairwise(edges)]
