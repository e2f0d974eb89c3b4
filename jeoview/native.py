"""From the pixels of a sensor onto the map: averaged where the map's pixels are larger, then resampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from jeoview.describe import options_of
from jeoview.errors import ParameterError, SourceError
from jeoview.geolocation import Geolocation
from jeoview.graph import Node
from jeoview.grid import Frame, Grid, Lattice
from jeoview.kernels.angles import angles_of, phasors_of
from jeoview.kernels.slc_blocks import block_means
from jeoview.locators import Locator, slopes
from jeoview.operator import Schema
from jeoview.projection import Floats, canonical_crs, transform
from jeoview.quantities import WRAPPED
from jeoview.raster import Array, Raster
from jeoview.warp import MAX_OVERSAMPLING, Placement, Positions, pixels_of, positions, sample

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
    wrapped : frozenset of str
        Bands whose real numbers are phases in rad, which are averaged and sampled as phasors.
    """

    factor: tuple[int, int]
    window: Grid
    fine: Grid
    where: Positions = field(compare=False)
    method: str
    wrapped: frozenset[str] = frozenset()

    def bring(self, value: Raster, target: Grid) -> Raster:
        """The result on a grid; complex values are averaged and resampled as such."""
        array = value.cut(self.fine).array
        turning = np.array([band in self.wrapped for band in value.bands])
        if np.iscomplexobj(array) or not turning.any():
            found = self._sampled(array, target)
        else:
            found = np.empty((*array.shape[:-2], *target.shape), dtype=array.dtype)
            for chosen, turns in ((turning, True), (~turning, False)):
                if chosen.any():
                    part = array[..., chosen, :, :]
                    found[..., chosen, :, :] = (
                        angles_of(self._sampled(phasors_of(part), target)) if turns else self._sampled(part, target)
                    )
        return Raster(found, target, value.kind, value.bands, value.dates)

    def _sampled(self, array: Array, target: Grid) -> Array:
        if self.factor != (1, 1):
            array = block_means(array, *self.factor)
        return sample(np.ascontiguousarray(array), self.window, target, self.where, self.method)


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
    wrapped = frozenset(band for band, unit in schema.units.items() if unit == WRAPPED)
    return Landing(factor, window, frame.finer(window, *factor), where, method, wrapped)


def _factor(locator: Locator, frame: Frame, lattice: Lattice) -> tuple[int, int]:
    """Pixels of the frame in one of the lattice, down and across, in the middle of the source; whole numbers."""
    sizes = zip(slopes(locator, lattice), frame.looks, frame.extent.shape, strict=True)
    down, right = (min(max(math.floor(slope / looks * MAX_OVERSAMPLING), 1), most) for slope, looks, most in sizes)
    return down, right


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
