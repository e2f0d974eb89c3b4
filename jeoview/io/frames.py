"""Files at the sensor's own pixels: by row and column, wherever these lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import SourceError
from jeoview.grid import Grid
from jeoview.io.blocks import BlockSource, Level
from jeoview.io.gdal import UNPLACED
from jeoview.io.sources import Opened
from jeoview.projection import is_sensor
from jeoview.warp import Placement

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class FramedSource:
    """A source by row and column: its overviews, and its place on the Earth, are left aside."""

    inner: BlockSource
    placement: Placement

    @property
    def levels(self) -> tuple[Level, ...]:
        """Full resolution."""
        return self.inner.levels[:1]

    @property
    def bands(self) -> int:
        """Number of bands in the file."""
        return self.inner.bands

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the decoded values."""
        return self.inner.dtype

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:
        """Decode a block: see `BlockSource`."""
        return self.inner.load(level, row, col, band)


def framed(opened: Opened, grid: Grid) -> Opened:
    """The file as a grid needs it: by row and column where that is of the sensor's pixels.

    Raises
    ------
    SourceError
        If the file has no place on the Earth, and the grid has.
    """
    placement = opened.source.placement
    if is_sensor(grid.crs):
        by_pixel = Placement(grid.crs, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), placement.height, placement.width)
        return replace(opened, source=FramedSource(opened.source, by_pixel))
    check_placed(placement)
    return opened


def check_placed(placement: Placement) -> None:
    """Refuse a file that has no place on the Earth.

    Raises
    ------
    SourceError
        Which says what is missing.
    """
    if placement.crs == UNPLACED:
        raise SourceError(
            "the file has no place on the Earth: no coordinate reference system or no geotransform; geocode it first"
        )
