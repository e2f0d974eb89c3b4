"""How a grid lies on a file, and what is to be read for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.grid import Grid
from jeoview.io.blocks import Level
from jeoview.io.items import BandLike
from jeoview.io.phasors import Calibration, PhasorSource
from jeoview.io.sources import Opened
from jeoview.kernels import warp as kernel
from jeoview.projection import Bounds
from jeoview.warp import Placement, Positions, positions

Ints = NDArray[np.int64]
MARGIN = {"nearest": 1e-3, "bilinear": 0.501}


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """How a grid lies on one level of a source: the same for all files of equal placement.

    Parameters
    ----------
    where : Positions
        Source positions of the grid's pixels.
    shape : Level
        The level.
    blocks : tuple of (int, int)
        Row and column of every block that is read.
    first : (int, int)
        The first block row and column among them.
    table : (int, int)
        Number of block rows and columns from there to the last.
    layout : (10,) int64
        See `jeoview.kernels.warp`.
    """

    where: Positions
    shape: Level
    blocks: tuple[tuple[int, int], ...]
    first: tuple[int, int]
    table: tuple[int, int]
    layout: Ints

    @property
    def nbytes(self) -> int:
        """Bytes of memory, about."""
        return 1000 + 64 * len(self.blocks) + sum(axis.nbytes for axis in self.where.nodes)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Bands of one file on one grid."""

    infos: list[BandLike]
    opened: Opened
    level: int
    geometry: Geometry
    method: str

    @property
    def by_phasors(self) -> bool:
        """Whether phasors are read for phases."""
        return isinstance(self.opened.source, PhasorSource)


def geometry_of(full: Placement, shape: Level, grid: Grid, method: str) -> Geometry:
    """Where a grid lies on a level of a file, and which blocks it reads."""
    where = positions(full.at_level(shape.height, shape.width), grid)
    flags = np.zeros(shape.blocks, dtype=np.bool_)
    kernel.touched_blocks(flags, grid.shape, _layout(shape, (0, 0)), where.where, MARGIN[method])
    found = np.argwhere(flags)
    if not len(found):
        return Geometry(where, shape, (), (0, 0), (0, 0), _layout(shape, (0, 0)))
    first, last = found.min(axis=0), found.max(axis=0)
    corner, table = (int(first[0]), int(first[1])), (int(last[0] - first[0]) + 1, int(last[1] - first[1]) + 1)
    blocks = tuple((int(row), int(col)) for row, col in found)
    return Geometry(where, shape, blocks, corner, table, _layout(shape, corner))


def _layout(shape: Level, first: tuple[int, int]) -> Ints:
    block = (shape.block_height, shape.block_width, shape.row_stride, shape.col_stride)
    return np.array((0, 0, shape.height, shape.width, *first, *block), dtype=np.int64)


def calibration_of(info: BandLike, dtype: np.dtype[Any]) -> Calibration:
    """Has nodata, nodata, scale and offset of a band."""
    # Classes have no scale.
    scale, offset = (1.0, 0.0) if info.role == "quality" else (info.scale, info.offset)
    if info.nodata is None or np.isnan(info.nodata):
        return 0.0, 0.0, scale, offset
    # As the file holds it: 3.4e38 in decimals is not the float32 that was written.
    nodata = float(np.float32(info.nodata)) if dtype == np.float32 else float(info.nodata)
    return 1.0, nodata, scale, offset


def decoded_bytes(job: Job) -> int:
    """Bytes of the blocks of a job."""
    shape = job.geometry.shape
    blocks = len(job.geometry.blocks) * (1 if shape.bands > 1 else len(job.infos))
    return blocks * shape.block_items * job.opened.source.dtype.itemsize


@lru_cache(maxsize=4096)
def wide_bbox(grid: Grid) -> Bounds:
    """Bounding box with a margin for what lies between the points that it is measured at."""
    west, south, east, north = grid.bbox
    x, y = 0.02 * (east - west) + 1e-3, 0.02 * (north - south) + 1e-3
    return west - x, south - y, east + x, north + y


def calibrations_of(job: Job) -> list[Calibration]:
    """The same for each band of a job."""
    return [calibration_of(info, job.opened.source.dtype) for info in job.infos]
