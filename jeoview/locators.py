"""Where the pixels of a sensor lie, from rasters and tables of files: held in memory, or read around a tile where they are large."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from jeoview.geolocation import Geolocation, LookupTable, dense_positions, nodes_of, only_inside, widened
from jeoview.grid import Frame, Grid, Lattice
from jeoview.kernels import slc_geolocation as kernel
from jeoview.projection import WGS84, Floats, transform
from jeoview.raster import Array
from jeoview.warp import Placement, Positions, pixels_of, sampling

# Bands that say where each pixel lies, degrees.
PLACES = ("longitude", "latitude")
# Bands of a table on a map: complex (sample, line), or one of each.
LOOKUPS = (("lookup",), ("lookup_range", "lookup_azimuth"))
MAX_NODES = 1 << 20
MAX_TABLE = 1 << 22
# Nodes of a large raster that are read for a pixel of the map, down and across, where it is larger than they lie apart.
NODES_A_PIXEL = 2
# How far places may move when they are made exact, in thinned pixels; what would move farther lies in layover.
REACH = 4.0
STRIP = 1 << 22


class Locator(Hashable, Protocol):
    """Where the pixels of a sensor lie. Rows and columns are of its full resolution, edge convention."""

    def middle(self, crs: str) -> tuple[Floats, Floats]:
        """A place in the middle of the source, in a reference system."""
        ...

    def locate(self, crs: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Rows and columns of places; NaN where there is none."""
        ...

    def positions(self, target: Grid) -> Positions:
        """Rows and columns of all pixel centres of a grid, each a function of the pixel alone."""
        ...


def slopes(locator: Locator, lattice: Lattice) -> tuple[float, float]:
    """Rows and columns of the sensor in a pixel of a lattice, in the middle of the source; 0 where that is not known."""
    (x,), (y,) = locator.middle(lattice.crs)
    dx, dy = lattice.resolution
    # Where a pixel of the map is larger than the source, its ends lie outside; the slope is measured well inside.
    for part in (0.5, 0.05, 0.002, 5e-5):
        around = part * np.array([-dx, dx, 0.0, 0.0]), part * np.array([0.0, 0.0, -dy, dy])
        ends = locator.locate(lattice.crs, x + around[0], y + around[1])
        down, right = (math.hypot(axis[1] - axis[0], axis[3] - axis[2]) / (2 * part) for axis in ends)
        if math.isfinite(down) and math.isfinite(right):
            return down, right
    return 0.0, 0.0


def located(read: Callable[[Grid], Array], frame: Frame) -> Geolocation | LargePlaces:
    """The geolocation of rasters of longitude and latitude; in memory where they have no more than about a million pixels.

    Parameters
    ----------
    read : callable
        From a grid of the frame to (longitude, latitude), (2, y, x). Kept for large rasters.
    frame : Frame
        The sensor's pixels at full resolution.

    Raises
    ------
    SourceError
        If no places stand there.
    """
    every, places = _thinned(read, frame.extent, MAX_NODES)
    lon, lat = _degrees(places)
    lon = lon[0, 0] + (lon - lon[0, 0] + 180.0) % 360.0 - 180.0 if np.isfinite(lon[0, 0]) else lon
    first = 0.5 - every
    found = Geolocation.of(widened(lon), widened(lat), (first, first), (float(every), float(every)), frame.shape)
    return found if every == 1 else LargePlaces(found, every, read, frame)


@dataclass(frozen=True, eq=False)
class LargePlaces:
    """Rasters of places too large for memory: what every so many-th pixel says is made exact by those around a tile.

    On 5000 x 5000 pixels of 20 m in mountains of 2000 m every fifth pixel alone errs by up to 0.6 pixels (decision 091).

    Parameters
    ----------
    thin : Geolocation
        Of every so many-th pixel, which is enough where the map's pixels are as large.
    every : int
        How many.
    read, frame
        See `located`.
    """

    thin: Geolocation
    every: int
    read: Callable[[Grid], Array]
    frame: Frame

    def middle(self, crs: str) -> tuple[Floats, Floats]:
        """See `Locator`."""
        return self.thin.middle(crs)

    def outline(self) -> tuple[Floats, Floats]:
        """See `Geolocation`."""
        return self.thin.outline()

    def locate(self, crs: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """See `Locator`; by all pixels for places that lie close together."""
        return self._at(*transform(crs, WGS84, x, y), 1, MAX_NODES)

    def positions(self, target: Grid) -> Positions:
        """See `Locator`."""
        # A function of the lattice alone: two tiles agree.
        every = max(math.floor(min(slopes(self.thin, target.lattice)) / NODES_A_PIXEL), 1)
        return Positions(self._at(*self.thin.degrees(target), every), (1, 0, 0), 0.0)

    def _at(self, lon: Floats, lat: Floats, every: int, most: float = math.inf) -> tuple[Floats, Floats]:
        about = self.thin.around(lon, lat)
        if every >= self.every or not np.isfinite(about[0]).any():
            return only_inside(*about, self.frame.shape)
        # In nodes, of which the first stands before the first pixel and the last behind the last.
        reach, shape = (
            REACH * self.every / every,
            ((self.frame.shape[0] - 1) // every + 3, (self.frame.shape[1] - 1) // every + 3),
        )
        rows, cols = ((axis - 0.5) / every + 1.0 for axis in about)
        (top, bottom), (left, right) = (
            _nodes_within(axis, reach, count) for axis, count in zip((rows, cols), shape, strict=True)
        )
        if (bottom - top) * (right - left) > most:
            return only_inside(*about, self.frame.shape)
        nodes = self._nodes((top, bottom, shape[0]), (left, right, shape[1]), every)
        kernel.refine(*self._local(lon, lat), nodes, (top, left, *shape), reach, rows.reshape(-1), cols.reshape(-1))
        return only_inside((rows - 1.0) * every + 0.5, (cols - 1.0) * every + 0.5, self.frame.shape)

    def _nodes(self, down: tuple[int, int, int], across: tuple[int, int, int], every: int) -> tuple[Floats, Floats]:
        """East and north at the nodes from one to another of so many, down and across."""
        # Those that are pixels.
        (top, rows), (left, cols) = (
            (max(first, 1) - 1, min(last, count - 2) - max(first, 1)) for first, last, count in (down, across)
        )
        window = Grid(self.frame.lattice, top * every, left * every, rows * every + 1, cols * every + 1)
        wanted = np.s_[down[0] - top : down[1] - top + 1, across[0] - left : across[1] - left + 1]
        east, north = self.thin.local(*_degrees(_every(self.read, window, every)))
        return np.ascontiguousarray(widened(east)[wanted]), np.ascontiguousarray(widened(north)[wanted])

    def _local(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        east, north = self.thin.local(lon, lat)
        return east.ravel(), north.ravel()


def _nodes_within(places: Floats, reach: float, count: int) -> tuple[int, int]:
    """The first and the last node that are needed around places along one axis of so many; two pixels at least."""
    low, high = math.floor(np.nanmin(places) - reach), math.floor(np.nanmax(places) + reach) + 1
    return min(max(low, 0), count - 3), max(min(high, count - 1), 2)


def _degrees(places: Array) -> tuple[Floats, Floats]:
    lon, lat = places.astype(np.float64)
    unknown = (lon == 0.0) & (lat == 0.0)
    lon[unknown] = lat[unknown] = np.nan
    return lon, lat


def tabulated(
    read: Callable[[Grid], Array], grid: Grid, shape: tuple[int, int], looks: tuple[int, int] = (1, 1)
) -> LookupTable | LargeTable:
    """The look-up table that a file holds; in memory where it has no more than about four million pixels.

    Parameters
    ----------
    read : callable
        From a window of the table to (1, y, x) complex numbers, sample + i line, or (2, y, x) samples and lines. Kept
        for a large table.
    grid : Grid
        All of the table, on the map.
    shape : (int, int)
        Rows and columns of the sensor.
    looks : (int, int)
        Rows and columns of the sensor in a line and a sample of the table.

    Raises
    ------
    SourceError
        If no place of it lies in the images.
    """
    every, found = _thinned(read, grid, MAX_TABLE)
    placement = Placement(grid.crs, grid.transform, *grid.shape)
    table = LookupTable.of(_lines_and_samples(found), placement, shape, looks, every)
    return table if every == 1 else LargeTable(table, read, grid, looks)


@dataclass(frozen=True, eq=False)
class LargeTable:
    """A look-up table too large for memory: around a tile it is read, where the map's pixels are large not all of it.

    On a table of 5000 x 5000 of 20 m with the displacements of mountains of 2000 m, a position differs from that of the whole
    table by nothing where the map's pixels are less than four of the table's, else by 0.03 averaged pixels at the most; every third
    pixel alone would err by up to 0.3 pixels of multilooked and 1 of single-look images (decision 091).

    Parameters
    ----------
    thin : LookupTable
        Every so many-th pixel of it, which is enough where the map's pixels are as large.
    read, grid, looks
        See `tabulated`.
    """

    thin: LookupTable
    read: Callable[[Grid], Array]
    grid: Grid
    looks: tuple[int, int]

    def middle(self, crs: str) -> tuple[Floats, Floats]:
        """See `Locator`."""
        return self.thin.middle(crs)

    def outline(self) -> tuple[Floats, Floats]:
        """See `LookupTable`."""
        return self.thin.outline()

    def locate(self, crs: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """See `Locator`; by the table itself for places that lie close together."""
        return self._at(*pixels_of(self.thin.placement, *transform(crs, self.grid.crs, x, y)), 1, MAX_TABLE)

    def positions(self, target: Grid) -> Positions:
        """See `Locator`."""
        # A function of the lattice alone: two tiles agree.
        every = max(math.floor(sampling(self.thin.placement, target.lattice) / NODES_A_PIXEL), 1)
        return Positions(self._at(*dense_positions(self.thin.placement, target), every), (1, 0, 0), 0.0)

    def _at(self, down: Floats, right: Floats, every: int, most: float = math.inf) -> tuple[Floats, Floats]:
        period = self.thin.placement.period
        axes = zip((down, right % period if period else right), self.grid.shape, strict=True)
        (top, rows), (left, cols) = (_nodes_around(axis, size, every) for axis, size in axes)
        if every >= self.thin.every or rows * cols > most:
            return self.thin.at(down, right)
        size = (rows - 1) * every + 1, (cols - 1) * every + 1
        window = Grid(self.grid.lattice, self.grid.row + top * every, self.grid.col + left * every, *size)
        nodes = nodes_of(_lines_and_samples(_every(self.read, window, every)), self.thin.shape, self.looks)
        return LookupTable(self.thin.placement, nodes, self.thin.shape, every, (top, left)).at(down, right)


def _nodes_around(places: Floats, size: int, every: int) -> tuple[int, int]:
    """The first node that places along one axis need, and how many; at least two."""
    last = (size - 1) // every
    inside = places[(places >= 0.0) & (places <= size)]
    if not inside.size:
        return 0, 2
    low, high = ((float(end) - 0.5) / every for end in (inside.min(), inside.max()))
    first = min(max(math.floor(low), 0), last - 1)
    return first, max(min(math.floor(high) + 1, last) - first, 1) + 1


def _lines_and_samples(found: Array) -> tuple[Array, Array]:
    return (found[0].imag, found[0].real) if np.iscomplexobj(found) else (found[1], found[0])


def _thinned(read: Callable[[Grid], Array], grid: Grid, most: int) -> tuple[int, Array]:
    """Every how many-th pixel is kept, down and across, that no more than ``most`` remain; and these."""
    height, width = grid.shape
    every = max(1, math.ceil(math.sqrt(height * width / most)))
    return every, _every(read, grid, every)


def _every(read: Callable[[Grid], Array], grid: Grid, every: int) -> Array:
    """Every so many-th pixel of a window, down and across, from its first one."""
    height, width = grid.shape
    # As many rows at once as memory is meant for; of a very wide source the one row of each that is kept.
    rows = STRIP // width // every * every
    windows = (
        Grid(grid.lattice, grid.row + row, grid.col, min(rows or 1, height - row), width)
        for row in range(0, height, rows or every)
    )
    # Copied, as a view would hold on to what was left out.
    return np.concatenate([read(one)[:, ::every, ::every].copy() for one in windows], axis=1)
