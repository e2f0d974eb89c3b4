"""From the pixels of a sensor onto the map: averaged where the map's pixels are larger, then resampled."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np

from jeoview.describe import options_of
from jeoview.errors import ParameterError, SourceError
from jeoview.geolocation import Geolocation, LookupTable, dense_positions, nodes_of, widened
from jeoview.graph import Node
from jeoview.grid import Frame, Grid, Lattice
from jeoview.kernels.angles import angles_of, phasors_of
from jeoview.kernels.slc_blocks import block_means
from jeoview.operator import Schema
from jeoview.projection import Floats, canonical_crs, transform
from jeoview.quantities import WRAPPED
from jeoview.raster import Array, Raster
from jeoview.warp import MAX_OVERSAMPLING, Placement, Positions, pixels_of, positions, sample, sampling


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


Locate = Callable[[Node], Locator]


@dataclass(frozen=True)
class Placed:
    """A source in a map projection."""

    placement: Placement

    def middle(self, crs: str) -> tuple[Floats, Floats]:
        """See `Locator`."""
        a, b, c, d, e, f = self.placement.transform
        row, col = self.placement.height / 2, self.placement.width / 2
        return transform(self.placement.crs, crs, [a * col + b * row + c], [d * col + e * row + f])

    def locate(self, crs: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """See `Locator`."""
        return pixels_of(self.placement, *transform(crs, self.placement.crs, x, y))

    def positions(self, target: Grid) -> Positions:
        """See `Locator`."""
        return positions(self.placement, target)


def locate_in_chain(node: Node) -> Locator:
    """The locator of a source whose chain says where its pixels lie.

    Raises
    ------
    SourceError
        If that stands in a raster, which only an engine can read.
    """
    options = options_of(node)
    if options["crs"] is not None and options["transform"] is not None:
        return Placed(Placement(canonical_crs(options["crs"]), options["transform"], *options["shape"]))
    if options["points"]:
        return _of_points(options["points"], options["shape"])
    raise SourceError("the places of these pixels stand in a raster of longitudes and latitudes, which was not read")


_of_points = lru_cache(maxsize=16)(Geolocation.of_points)


# A tile that is planned anew, or for several results at once, has its positions ready: a megabyte each.
@lru_cache(maxsize=8)
def _positions(locator: Locator, target: Grid) -> Positions:
    return locator.positions(target)


# Bands that say where each pixel lies, degrees.
PLACES = ("longitude", "latitude")
# Bands of a table on a map: complex (sample, line), or one of each.
LOOKUPS = (("lookup",), ("lookup_range", "lookup_azimuth"))
MAX_NODES = 1 << 20
MAX_TABLE = 1 << 22
# Nodes of a large table that are read for a pixel of the map, down and across, where it is larger than they lie apart.
NODES_A_PIXEL = 2
STRIP = 1 << 22


def located(read: Callable[[Grid], Array], frame: Frame) -> Geolocation:
    """The geolocation of rasters of longitude and latitude, thinned out to about a million nodes.

    Parameters
    ----------
    read : callable
        From a grid of the frame to (longitude, latitude), (2, y, x).
    frame : Frame
        The sensor's pixels at full resolution.

    Raises
    ------
    SourceError
        If no places stand there.
    """
    every, places = _thinned(read, frame.extent, MAX_NODES)
    lon, lat = places.astype(np.float64)
    unknown = (lon == 0.0) & (lat == 0.0)
    lon[unknown] = lat[unknown] = np.nan
    lon = lon[0, 0] + (lon - lon[0, 0] + 180.0) % 360.0 - 180.0 if np.isfinite(lon[0, 0]) else lon
    first = 0.5 - every
    return Geolocation.of(widened(lon), widened(lat), (first, first), (float(every), float(every)), frame.shape)


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


@dataclass(frozen=True, slots=True)
class Landing:
    """How a result at the sensor's pixels comes onto a grid.

    Parameters
    ----------
    factor : (int, int)
        Rows and columns that are averaged.
    window : Grid
        The averaged pixels that the grid needs.
    fine : Grid
        The same before averaging.
    where : Positions
        Of the grid's pixels among the averaged ones.
    method : {"nearest", "bilinear"}
        How they are sampled.
    wrapped : bool
        Whether real numbers are phases in rad, which are averaged and sampled as phasors.
    """

    factor: tuple[int, int]
    window: Grid
    fine: Grid
    where: Positions = field(compare=False)
    method: str
    wrapped: bool = False

    def bring(self, value: Raster, target: Grid) -> Raster:
        """The result on a grid; complex values are averaged and resampled as such."""
        array = value.cut(self.fine).array
        turns = self.wrapped and not np.iscomplexobj(array)
        if turns:
            array = phasors_of(array)
        if self.factor != (1, 1):
            array = block_means(array, *self.factor)
        array = sample(np.ascontiguousarray(array), self.window, target, self.where, self.method)
        return Raster(angles_of(array) if turns else array, target, value.kind, value.bands, value.dates)


def landing(locator: Locator, schema: Schema, target: Grid, method: str) -> Landing:
    """How a result at a sensor's pixels comes onto a grid.

    The number of pixels that are averaged is a function of the source and of the grid's lattice, and the blocks
    count from the source's first pixel: tiles agree on all that they share.

    Raises
    ------
    ParameterError
        If the result has no such pixels.
    """
    frame = schema.frame
    if frame is None:
        raise ParameterError("the image has no pixels of a sensor")
    factor = _factor(locator, frame, target.lattice)
    coarse = frame.coarser(*factor)
    where = _scaled(_positions(locator, target), coarse.looks)
    window = _window(where, coarse.extent)
    return Landing(factor, window, frame.finer(window, *factor), where, method, schema.unit == WRAPPED)


def _factor(locator: Locator, frame: Frame, lattice: Lattice) -> tuple[int, int]:
    """Pixels of the frame in one of the lattice, down and across, in the middle of the source; whole numbers."""
    (x,), (y,) = locator.middle(lattice.crs)
    dx, dy = lattice.resolution
    # Where a pixel of the map is larger than the source, its ends lie outside; the slope is measured well inside.
    for part in (0.5, 0.05, 0.002, 5e-5):
        around = part * np.array([-dx, dx, 0.0, 0.0]), part * np.array([0.0, 0.0, -dy, dy])
        rows, cols = locator.locate(lattice.crs, x + around[0], y + around[1])
        slopes = [math.hypot(axis[1] - axis[0], axis[3] - axis[2]) / (2 * part) for axis in (rows, cols)]
        if all(math.isfinite(slope) for slope in slopes):
            sizes = zip(slopes, frame.looks, frame.extent.shape, strict=True)
            down, right = (
                min(max(math.floor(slope / looks * MAX_OVERSAMPLING), 1), most) for slope, looks, most in sizes
            )
            return down, right
    return 1, 1


def _scaled(where: Positions, looks: tuple[int, int]) -> Positions:
    if looks == (1, 1):
        return where
    rows, cols = where.nodes
    return Positions((rows / looks[0], cols / looks[1]), where.window, where.period / looks[1])


def _window(where: Positions, extent: Grid) -> Grid:
    """The pixels of the source that positions need; its first one where they need none."""
    low_row, high_row = _range(where.nodes[0], extent.height)
    low_col, high_col = _range(where.nodes[1], extent.width)
    if where.period and high_col >= low_col and not 0 <= low_col <= high_col < where.period:
        low_col, high_col = 0, extent.width - 1
    low_row, low_col = max(low_row, 0), max(low_col, 0)
    high_row, high_col = min(high_row, extent.height - 1), min(high_col, extent.width - 1)
    if low_row > high_row or low_col > high_col:
        return Grid(extent.lattice, 0, 0, 1, 1)
    return Grid(extent.lattice, low_row, low_col, high_row - low_row + 1, high_col - low_col + 1)


def _range(values: Floats, size: int) -> tuple[int, int]:
    """First and last pixel along one axis, with one more on each side for what lies between two pixels."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0, -1
    # A place on the other side of the Earth may have any number.
    low, high = np.clip([finite.min(), finite.max()], -2.0, size + 2.0)
    return math.floor(low) - 1, math.floor(high) + 1
