"""Where the pixels of a sensor lie that has no map projection.

Rasters of longitude and latitude, control points, or a table on a map that says the pixel of every place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import SourceError
from jeoview.grid import Grid
from jeoview.kernels import slc_geolocation as kernel
from jeoview.kernels import warp as warp_kernel
from jeoview.projection import WGS84, Floats, transform
from jeoview.warp import Placement, Positions, pixels_of, positions

# Control points of a file become a raster of this many nodes a side.
NODES = 65
MAX_GUESSES = 1 << 18
# Degrees, in units that no half of which is near a place: see `jeoview.warp.SNAP`.
_UNIT = 1e-6
_DEGREES = Placement(WGS84, (_UNIT, 0.0, 0.0, 0.0, _UNIT, 0.0), 1, 1)
Point = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Geolocation:
    """A raster of places, and how to find a place in it.

    Parameters
    ----------
    places : (float64, float64)
        (row, column) of degrees east, shrunk with the cosine of the latitude, and north of ``origin``.
    origin : (lon, lat)
        Degrees.
    first, step : (float, float)
        Row and column of the sensor at the first node, and from node to node; edge convention: the centre of the
        first pixel has 0.5.
    shape : (int, int)
        Rows and columns of the sensor.
    guesses : tuple
        See `jeoview.kernels.slc_geolocation.first_guesses`.
    """

    places: tuple[Floats, Floats]
    origin: tuple[float, float]
    first: tuple[float, float]
    step: tuple[float, float]
    shape: tuple[int, int]
    guesses: tuple[NDArray[np.int64], tuple[float, float], float]

    @classmethod
    def of(
        cls, lon: Floats, lat: Floats, first: tuple[float, float], step: tuple[float, float], shape: tuple[int, int]
    ) -> Geolocation:
        """The geolocation of nodes with known places.

        Parameters
        ----------
        lon, lat : (row, column) float64
            Degrees at the nodes, NaN where they are not known.
        first, step, shape
            As of the class.

        Raises
        ------
        SourceError
            If fewer than 2 x 2 nodes are known.
        """
        known = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90.0)
        if min(lon.shape) < 2 or known.sum() < 4:
            raise SourceError("the places of the pixels are not known: fewer than 2 x 2 longitudes and latitudes")
        origin = float(lon[known][0]), float(np.median(lat[known]))
        east, north = _local(np.where(known, lon, np.nan), np.where(known, lat, np.nan), origin)
        return cls((east, north), origin, first, step, shape, _guesses(east, north))

    @classmethod
    def of_points(cls, points: Sequence[Point], shape: tuple[int, int]) -> Geolocation:
        """The geolocation of control points: bilinear where they form a raster, else a polynomial through them.

        Parameters
        ----------
        points : sequence of (row, col, lon, lat)
            Edge convention, degrees.
        shape : (int, int)
            Rows and columns of the sensor.

        Raises
        ------
        SourceError
            If there are fewer than four, or they lie on a line.
        """
        table = np.asarray(points, dtype=np.float64).reshape(-1, 4)
        if len(table) < 4:
            raise SourceError(f"{len(table)} control points; expected at least 4")
        # Longitudes run on across the antimeridian.
        table[:, 2] = table[0, 2] + (table[:, 2] - table[0, 2] + 180.0) % 360.0 - 180.0
        count = tuple(min(NODES, size + 1) for size in shape)
        rows, cols = (np.linspace(0.0, size, n) for size, n in zip(shape, count, strict=True))
        lon, lat = (_spread(table[:, :2], table[:, i], rows, cols) for i in (2, 3))
        return cls.of(lon, lat, (0.0, 0.0), (float(rows[1]), float(cols[1])), shape)

    @cached_property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the known node that is nearest to the middle."""
        east, north = self.places
        known = np.argwhere(np.isfinite(east))
        row, col = known[np.abs(known - np.array(east.shape) / 2).sum(axis=1).argmin()]
        lon, lat = self.origin
        return lon + float(east[row, col]) / math.cos(math.radians(lat)), lat + float(north[row, col])

    def middle(self, crs: str) -> tuple[Floats, Floats]:
        """A place near the middle of the source, in a reference system."""
        lon, lat = self.centre
        return transform(WGS84, crs, [lon], [lat])

    def locate(self, crs: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Rows and columns of places; NaN outside."""
        return self.at(*transform(crs, WGS84, x, y))

    def positions(self, target: Grid) -> Positions:
        """Rows and columns of all pixel centres of a grid."""
        return Positions(self.at(*self.degrees(target)), (1, 0, 0), 0.0)

    def degrees(self, target: Grid) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of the pixel centres of a grid."""
        lat, lon = dense_positions(_DEGREES, target)
        return lon * _UNIT, lat * _UNIT

    def local(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Degrees as the nodes have them."""
        return _local(lon, lat, self.origin)

    def outline(self) -> tuple[Floats, Floats]:
        """Longitudes and latitudes along the four edges of the nodes, round and back; those that are known."""
        edges = [np.concatenate([axis[0], axis[:, -1], axis[-1, ::-1], axis[::-1, 0]]) for axis in self.places]
        known = np.isfinite(edges[0])
        shrink = math.cos(math.radians(self.origin[1]))
        return self.origin[0] + edges[0][known] / shrink, self.origin[1] + edges[1][known]

    def at(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Rows and columns of degrees; NaN outside."""
        return only_inside(*self.around(lon, lat), self.shape)

    def around(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Rows and columns of degrees, also of those that lie outside of the sensor's pixels and inside of the nodes."""
        east, north = _local(lon, lat, self.origin)
        rows, cols = np.empty(east.shape), np.empty(east.shape)
        kernel.invert(east.ravel(), north.ravel(), self.places, self.guesses, rows.reshape(-1), cols.reshape(-1))
        return self.first[0] + rows * self.step[0], self.first[1] + cols * self.step[1]


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A table on a map that says for each of its pixels which of the sensor's lies there; all of it, or a part.

    Parameters
    ----------
    placement : Placement
        The whole table on the Earth.
    nodes : (2, y, x) float32
        Row and column of the sensor, edge convention, at the centres of the table's pixels that are held; NaN where none is known.
    shape : (int, int)
        Rows and columns of the sensor.
    every : int
        Pixels of the table from node to node, counted from its first pixel.
    corner : (int, int)
        Row and column of the first node, in nodes.
    """

    placement: Placement
    nodes: NDArray[np.float32]
    shape: tuple[int, int]
    every: int = 1
    corner: tuple[int, int] = (0, 0)

    @classmethod
    def of(
        cls,
        places: tuple[NDArray[np.float32], NDArray[np.float32]],
        placement: Placement,
        shape: tuple[int, int],
        looks: tuple[int, int] = (1, 1),
        every: int = 1,
    ) -> LookupTable:
        """The whole table of lines and samples as files hold them.

        Parameters
        ----------
        places : (float32, float32)
            (y, x) of lines and samples, see `nodes_of`.
        placement, shape, every
            As of the class.
        looks : (int, int)
            Rows and columns of the sensor in one line and sample.

        Raises
        ------
        SourceError
            If fewer than 2 x 2 pixels of the table lie in the images.
        """
        found = cls(placement, nodes_of(places, shape, looks), shape, every)
        if min(found.nodes.shape[1:]) < 2 or found._inside.sum() < 4:
            raise SourceError(
                f"the look-up table has {found._inside.sum()} places in the images of {shape[0]} x {shape[1]} pixels; "
                "expected the sample (range) and the line (azimuth), from 0, at every pixel of a map"
            )
        return found

    @cached_property
    def _inside(self) -> NDArray[np.bool_]:
        (rows, cols), (height, width) = self.nodes, self.shape
        return np.asarray((rows >= 0.0) & (rows < height) & (cols >= 0.0) & (cols < width))

    def middle(self, crs: str) -> tuple[Floats, Floats]:
        """The place of the pixel of the table that lies nearest to the middle of the sensor's."""
        away = sum(np.abs(axis / size - 0.5) for axis, size in zip(self.nodes, self.shape, strict=True))
        row, col = np.unravel_index(int(np.nanargmin(np.asarray(away))), self._inside.shape)
        return transform(self.placement.crs, crs, *self._places([row + 0.5], [col + 0.5]))

    def locate(self, crs: str, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Rows and columns of places; NaN outside."""
        return self.at(*pixels_of(self.placement, *transform(crs, self.placement.crs, x, y)))

    def positions(self, target: Grid) -> Positions:
        """Rows and columns of all pixel centres of a grid."""
        return Positions(self.at(*dense_positions(self.placement, target)), (1, 0, 0), 0.0)

    def outline(self) -> tuple[Floats, Floats]:
        """Longitudes and latitudes around the places that lie in the images, with a pixel of the table to spare."""
        rows = np.flatnonzero(self._inside.any(axis=1))
        # A place between two pixels of the table may lie in the images where the centre of one does not.
        first = self._inside[rows].argmax(axis=1) - 1
        last = self._inside.shape[1] - self._inside[rows, ::-1].argmax(axis=1) + 1
        down = np.stack([rows, rows + 1], axis=1).ravel().astype(np.float64)
        down[0], down[-1] = down[0] - 1, down[-1] + 1
        place = self._places([*down, *down[::-1]], [*first.repeat(2), *last.repeat(2)[::-1]])
        lon, lat = transform(self.placement.crs, WGS84, *place)
        return lon[0] + (lon - lon[0] + 180.0) % 360.0 - 180.0, lat

    def _places(self, rows: Sequence[float], cols: Sequence[float]) -> tuple[Floats, Floats]:
        a, b, c, d, e, f = self.placement.transform
        row, col = (
            (np.asarray(axis) - 0.5 + first) * self.every + 0.5
            for axis, first in zip((rows, cols), self.corner, strict=True)
        )
        return a * col + b * row + c, d * col + e * row + f

    def at(self, down: Floats, right: Floats) -> tuple[Floats, Floats]:
        """Rows and columns of the sensor at places among the pixels of the whole table; NaN outside of what is held."""
        if self.placement.period:
            right = right % self.placement.period
        if self.every > 1:
            down, right = ((axis - 0.5) / self.every + 0.5 for axis in (down, right))
        # To take a whole number away is exact: a place has the same bits whatever part of the table is held.
        down, right = down - self.corner[0], right - self.corner[1]
        rows, cols = np.empty(down.shape), np.empty(down.shape)
        kernel.look_up(down.ravel(), right.ravel(), self.nodes, rows.reshape(-1), cols.reshape(-1))
        return only_inside(rows, cols, self.shape)


def nodes_of(
    places: tuple[NDArray[np.float32], NDArray[np.float32]], shape: tuple[int, int], looks: tuple[int, int]
) -> NDArray[np.float32]:
    """(2, y, x) rows and columns of the sensor, edge convention, of lines and samples as files hold them.

    Parameters
    ----------
    places : (float32, float32)
        (y, x) of lines and samples: 0 is the centre of the first pixel. Both 0, or NaN: not known.
    shape : (int, int)
        Rows and columns of the sensor.
    looks : (int, int)
        Rows and columns of the sensor in one line and sample.
    """
    lines, samples = places
    table = np.stack([(axis + np.float32(0.5)) * np.float32(n) for axis, n in zip(places, looks, strict=True)])
    unknown = ((lines == 0.0) & (samples == 0.0)) | ~np.isfinite(lines) | ~np.isfinite(samples)
    # Far outside stand marks such as -9999, never a neighbour of a pixel.
    unknown |= np.logical_or.reduce([np.abs(axis / n - 0.5) > 1.0 for axis, n in zip(table, shape, strict=True)])
    table[:, unknown] = np.nan
    return np.ascontiguousarray(table, dtype=np.float32)


def dense_positions(source: Placement, target: Grid) -> tuple[Floats, Floats]:
    """Rows and columns among a source's pixels of every pixel centre of a grid."""
    where = positions(source, target)
    down, right = np.empty(target.shape), np.empty(target.shape)
    warp_kernel.dense(where.nodes, where.window, down, right)
    return down, right


def only_inside(rows: Floats, cols: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """The same places, NaN outside of the sensor's pixels; in place."""
    outside = ~((rows >= 0.0) & (rows < shape[0]) & (cols >= 0.0) & (cols < shape[1]))
    rows[outside] = cols[outside] = np.nan
    return rows, cols


def widened(values: Floats) -> Floats:
    """Nodes with one more on every side, as the last two go on: the outer half of the outermost pixels."""
    rows = np.vstack([2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1]])
    return np.hstack([2 * rows[:, :1] - rows[:, 1:2], rows, 2 * rows[:, -1:] - rows[:, -2:-1]])


def _local(lon: Floats, lat: Floats, origin: tuple[float, float]) -> tuple[Floats, Floats]:
    east = (lon - origin[0] + 180.0) % 360.0 - 180.0
    return np.ascontiguousarray(east * math.cos(math.radians(origin[1]))), np.ascontiguousarray(lat - origin[1])


def _guesses(east: Floats, north: Floats) -> tuple[NDArray[np.int64], tuple[float, float], float]:
    left, bottom = float(np.nanmin(east)), float(np.nanmin(north))
    width, height = float(np.nanmax(east)) - left, float(np.nanmax(north)) - bottom
    cells = min(max(east.size // 2, 16), MAX_GUESSES)
    spacing = math.sqrt(max(width * height, 1e-12) / cells)
    # A margin, so that a place just outside of the nodes is still looked for.
    corner = left - spacing, bottom - spacing
    table = np.full((int(height / spacing) + 3, int(width / spacing) + 3), -1, dtype=np.int64)
    kernel.first_guesses(east, north, corner, spacing, table)
    return table, corner, spacing


def _spread(places: Floats, values: Floats, rows: Floats, cols: Floats) -> Floats:
    """Values of control points on a raster of rows and columns."""
    from scipy.interpolate import RegularGridInterpolator  # slow to import

    at_rows, at_cols = np.unique(places[:, 0]), np.unique(places[:, 1])
    grid = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
    if len(at_rows) > 1 and len(at_cols) > 1 and len(at_rows) * len(at_cols) == len(places):
        table = np.empty((len(at_rows), len(at_cols)))
        table[np.searchsorted(at_rows, places[:, 0]), np.searchsorted(at_cols, places[:, 1])] = values
        found = RegularGridInterpolator((at_rows, at_cols), table, bounds_error=False, fill_value=None)(grid)
        return np.asarray(found, dtype=np.float64)
    centre, scale = places.mean(axis=0), np.ptp(places, axis=0)
    if not scale.all():
        raise SourceError("the control points lie on a line")
    degree = 3 if len(places) >= 20 else 2 if len(places) >= 10 else 1
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]

    def terms(at: Floats) -> Floats:
        p, q = ((at - centre) / scale).reshape(-1, 2).T
        return np.stack([p**i * q**j for i, j in powers], axis=1)

    fitted = np.linalg.lstsq(terms(places), values - values[0], rcond=None)[0]
    return np.asarray((terms(grid) @ fitted + values[0]).reshape(grid.shape[:2]), dtype=np.float64)
