"""Where pixels lie, in whole pixels.

A zoom level is one lattice; a tile is a window of 256 x 256 pixels of it. Padding and trimming are
integer arithmetic, so two tiles can only ever agree on the pixels that they share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import ParameterError
from jeoview.projection import WEB_MERCATOR, WGS84, Bounds, sensor_crs, transform_bounds

TILE_SIZE = 256
MAX_ZOOM = 24
EARTH_HALF = math.pi * 6_378_137.0
MERCATOR_LATITUDE = 85.0511287798066
# Share of a pixel by which an area may miss a whole number of pixels.
SAME_PIXEL = 1e-3


@dataclass(frozen=True, slots=True)
class Lattice:
    """All pixels of a map, without end.

    Pixel (row, col) has its upper left corner at ``(left + col * dx, top - row * dy)``.

    Parameters
    ----------
    crs : str
        ``EPSG:n`` or WKT, canonical (see `jeoview.projection.canonical_crs`).
    resolution : (float, float)
        Pixel width and height, positive, in units of the CRS.
    left, top : float
        Upper left corner of pixel (0, 0), in units of the CRS.
    """

    crs: str
    resolution: tuple[float, float]
    left: float
    top: float

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Affine coefficients (a, b, c, d, e, f): x = a col + b row + c, y = d col + e row + f."""
        return (self.resolution[0], 0.0, self.left, 0.0, -self.resolution[1], self.top)


@dataclass(frozen=True, slots=True)
class Grid:
    """A window of a lattice: ``height`` x ``width`` pixels from pixel (row, col) on."""

    lattice: Lattice
    row: int
    col: int
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.height, self.width

    @property
    def crs(self) -> str:
        """Reference system of the lattice."""
        return self.lattice.crs

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north) in units of the CRS."""
        (dx, dy), left, top = self.lattice.resolution, self.lattice.left, self.lattice.top
        # From the lattice's origin, not from the other edge: neighbours share their edge to the last bit.
        right, bottom = left + (self.col + self.width) * dx, top - (self.row + self.height) * dy
        return left + self.col * dx, bottom, right, top - self.row * dy

    @property
    def bbox(self) -> Bounds:
        """(west, south, east, north) in degrees of EPSG:4326."""
        return transform_bounds(self.crs, WGS84, self.bounds)

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Affine coefficients (a, b, c, d, e, f) of this window, as rasterio's ``Affine(*...)``."""
        dx, dy = self.lattice.resolution
        return (dx, 0.0, self.lattice.left + self.col * dx, 0.0, -dy, self.lattice.top - self.row * dy)

    @property
    def x(self) -> NDArray[np.float64]:
        """Pixel-centre coordinates of the columns."""
        columns = np.arange(self.col, self.col + self.width, dtype=np.float64)
        return np.asarray(self.lattice.left + (columns + 0.5) * self.lattice.resolution[0], dtype=np.float64)

    @property
    def y(self) -> NDArray[np.float64]:
        """Pixel-centre coordinates of the rows, from the top."""
        rows = np.arange(self.row, self.row + self.height, dtype=np.float64)
        return np.asarray(self.lattice.top - (rows + 0.5) * self.lattice.resolution[1], dtype=np.float64)

    def pad(self, pixels: int) -> Grid:
        """Grow by ``pixels`` on every side (shrink where negative)."""
        return Grid(
            self.lattice, self.row - pixels, self.col - pixels, self.height + 2 * pixels, self.width + 2 * pixels
        )

    def coarser(self, rows: int, cols: int) -> Grid:
        """The whole blocks of ``rows`` x ``cols`` pixels in this window, counted from the lattice's origin."""
        (dx, dy), top, left = self.lattice.resolution, -(-self.row // rows), -(-self.col // cols)
        lattice = Lattice(self.crs, (dx * cols, dy * rows), self.lattice.left, self.lattice.top)
        bottom, right = (self.row + self.height) // rows, (self.col + self.width) // cols
        return Grid(lattice, top, left, max(bottom - top, 0), max(right - left, 0))

    def within(self, factor: int) -> Grid:
        """The blocks of ``factor`` x ``factor`` pixels, counted from the lattice's origin, that hold this window."""
        (dx, dy), top, left = self.lattice.resolution, self.row // factor, self.col // factor
        lattice = Lattice(self.crs, (dx * factor, dy * factor), self.lattice.left, self.lattice.top)
        bottom, right = -(-(self.row + self.height) // factor), -(-(self.col + self.width) // factor)
        return Grid(lattice, top, left, bottom - top, right - left)

    def parts(self, factor: int) -> Grid:
        """The pixels of which ``factor`` x ``factor`` make one of this window: the other way of `within`."""
        (dx, dy), lattice = self.lattice.resolution, self.lattice
        finer = Lattice(self.crs, (dx / factor, dy / factor), lattice.left, lattice.top)
        return Grid(finer, self.row * factor, self.col * factor, self.height * factor, self.width * factor)

    def overlap(self, other: Grid) -> Grid | None:
        """The pixels that are in both windows of a lattice; None if there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        bottom = min(self.row + self.height, other.row + other.height)
        right = min(self.col + self.width, other.col + other.width)
        return Grid(self.lattice, row, col, bottom - row, right - col) if row < bottom and col < right else None

    def contains(self, other: Grid) -> bool:
        """Whether every pixel of ``other`` is one of this window."""
        return (
            self.lattice == other.lattice
            and self.row <= other.row
            and self.col <= other.col
            and other.row + other.height <= self.row + self.height
            and other.col + other.width <= self.col + self.width
        )

    def window_of(self, inner: Grid) -> tuple[slice, slice]:
        """Row and column slices that cut ``inner`` out of an array on this grid.

        Raises
        ------
        ValueError
            If ``inner`` is not inside: a fault of the planner, never of a user.
        """
        if not self.contains(inner):
            raise ValueError(f"{inner} does not lie inside {self}")
        row, col = inner.row - self.row, inner.col - self.col
        return slice(row, row + inner.height), slice(col, col + inner.width)

    def union(self, other: Grid) -> Grid:
        """The smallest window that holds both; they must share the lattice."""
        row, col = min(self.row, other.row), min(self.col, other.col)
        bottom = max(self.row + self.height, other.row + other.height)
        right = max(self.col + self.width, other.col + other.width)
        return Grid(self.lattice, row, col, bottom - row, right - col)

    def blocks(self, size: int) -> list[Grid]:
        """Cut into windows of at most ``size`` pixels a side, row by row, anchored on this grid."""
        return [
            Grid(
                self.lattice,
                self.row + r,
                self.col + c,
                min(size, self.height - r),
                min(size, self.width - c),
            )
            for r in range(0, self.height, size)
            for c in range(0, self.width, size)
        ]


@dataclass(frozen=True, slots=True)
class Frame:
    """The pixels of a sensor: a source's own lattice, or blocks of whole pixels of it.

    Parameters
    ----------
    name : str
        Equal for sources whose pixels lie alike: coregistered scenes.
    shape : (int, int)
        Rows and columns of the source at full resolution.
    looks : (int, int)
        Rows and columns of the source in one pixel of the frame, counted from the source's first pixel.
    """

    name: str
    shape: tuple[int, int]
    looks: tuple[int, int] = (1, 1)

    @property
    def lattice(self) -> Lattice:
        """Rows and columns as a lattice; where they lie on the Earth is not said."""
        return Lattice(sensor_crs(self.name), (float(self.looks[1]), float(self.looks[0])), 0.0, 0.0)

    @property
    def extent(self) -> Grid:
        """All pixels that hold data, the last ones perhaps in part."""
        height, width = (-(-size // looks) for size, looks in zip(self.shape, self.looks, strict=True))
        return Grid(self.lattice, 0, 0, height, width)

    def coarser(self, rows: int, cols: int) -> Frame:
        """The frame whose pixels are blocks of ``rows`` x ``cols`` pixels of this one."""
        return Frame(self.name, self.shape, (self.looks[0] * rows, self.looks[1] * cols))

    def finer(self, grid: Grid, rows: int, cols: int) -> Grid:
        """The pixels of this frame in a window of ``coarser(rows, cols)``."""
        return Grid(self.lattice, grid.row * rows, grid.col * cols, grid.height * rows, grid.width * cols)


def web_mercator(zoom: object) -> Lattice:
    """The lattice of a zoom level of Web Mercator (EPSG:3857), 256-pixel tiles.

    Raises
    ------
    ParameterError
        If the zoom is not a whole number from 0 to 24.
    """
    if isinstance(zoom, bool) or not isinstance(zoom, int) or not 0 <= zoom <= MAX_ZOOM:
        raise ParameterError(f"zoom is {zoom!r}; expected a whole number from 0 to {MAX_ZOOM}")
    return _web_mercator(zoom)


@lru_cache(maxsize=64)
def _web_mercator(zoom: int) -> Lattice:
    step = 2.0 * EARTH_HALF / (TILE_SIZE << zoom)
    return Lattice(WEB_MERCATOR, (step, step), -EARTH_HALF, EARTH_HALF)


def tile_grid(z: int, x: int, y: int) -> Grid:
    """The grid of a map tile, y counted from the north (XYZ).

    Raises
    ------
    ParameterError
        If there is no such tile.
    """
    lattice = web_mercator(z)
    if type(x) is not int or type(y) is not int or not (0 <= x < 1 << z and 0 <= y < 1 << z):
        raise ParameterError(f"there is no tile {z}/{x}/{y}: at zoom {z}, x and y go from 0 to {(1 << z) - 1}")
    return Grid(lattice, y * TILE_SIZE, x * TILE_SIZE, TILE_SIZE, TILE_SIZE)


def tiles_grid(z: int, west: int, north: int, east: int, south: int) -> Grid:
    """The grid of a block of tiles, corner tiles included: the area that a map has in view."""
    first, last = tile_grid(z, west, north), tile_grid(z, east, south)
    if last.row < first.row or last.col < first.col:
        raise ParameterError(f"the tiles {west}..{east}, {north}..{south} at zoom {z} are not in order")
    return first.union(last)
