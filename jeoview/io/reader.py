"""The reader: pixels of catalogued items on any grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import BandError, RefusedError, SourceError, choices
from jeoview.grid import Grid, Lattice
from jeoview.io import access
from jeoview.io.blocks import Block, ByteCache, Level
from jeoview.io.items import BandLike, ItemLike
from jeoview.io.phasors import PhasorSource, as_phasors, is_phase
from jeoview.io.sources import Opened, Sources, check_etag
from jeoview.kernels import warp as kernel
from jeoview.kernels.angles import angles_of
from jeoview.projection import Bounds
from jeoview.warp import Placement, Positions, check_method, choose_level, gather, positions

Array = NDArray[Any]
Ints = NDArray[np.int64]
# Threads of one reader that decode blocks of one tile.
DECODERS = 2
GEOMETRY_BYTES = 16 << 20
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


class Reader:
    """Reads bands of items on any grid, from a cache of decoded blocks; safe in many threads.

    Parameters
    ----------
    cache_bytes : int
        Memory for decoded blocks.
    roots : tuple of Path
        Folders below which files may lie, links resolved; none means anywhere.
    virtual : bool
        Whether VRT files are opened, which may name any other file.
    """

    def __init__(self, *, cache_bytes: int, roots: tuple[Path, ...] = (), virtual: bool = False) -> None:
        self._sources = Sources(roots, virtual=virtual)
        self._geometries: ByteCache[Geometry] = ByteCache(GEOMETRY_BYTES)
        self.cache: ByteCache[Block] = ByteCache(cache_bytes)
        self._decoders = ThreadPoolExecutor(DECODERS, "jeoview-decode")

    def read(self, item: ItemLike, bands: Sequence[str], grid: Grid, resampling: str) -> Array:
        """Read bands of an item on a grid.

        Parameters
        ----------
        item : Item
            Of the catalogue.
        bands : sequence of str
            Names, in the wanted order.
        grid : Grid
            Wanted pixels.
        resampling : {"nearest", "bilinear"}
            Bands of role ``quality`` are always read by ``nearest``.

        Returns
        -------
        ndarray
            (band, y, x) float32 (complex64 where a file is complex), scale and offset applied, NaN = nodata
            or outside.

        Raises
        ------
        BandError
            If the item has no such band.
        SourceError
            If a file is gone, replaced, truncated or corrupt; the message names item and band.
        RefusedError
            If a file lies outside the roots or is of a kind that is not opened.
        """
        jobs = self._jobs(item, bands, grid, check_method(resampling))
        is_complex = any(job.opened.source.dtype.kind == "c" and not job.by_phasors for job in jobs)
        out = np.empty((len(bands), *grid.shape), dtype=np.complex64 if is_complex else np.float32)
        first = 0
        for job in jobs:
            with _named(item, job.infos[0]):
                self._fill(job, out[first : first + len(job.infos)])
            first += len(job.infos)
        return out

    def touches(self, item: ItemLike, grid: Grid) -> bool:
        """Whether an item may have pixels on a grid, by bounding boxes alone: never wrongly False."""
        west, south, east, north = _wide_bbox(grid)
        item_west, item_south, item_east, item_north = item.bbox
        if item_south > north or item_north < south:
            return False
        if item_west > item_east:
            item_east += 360.0
        return any(item_west + turn <= east and item_east + turn >= west for turn in (-360.0, 0.0, 360.0))

    def cost(self, item: ItemLike, bands: Sequence[str], grid: Grid) -> int:
        """Bytes that would be decoded for a read when nothing is cached.

        Raises
        ------
        BandError, SourceError, RefusedError
            As `read`.
        """
        total = 0
        for job in self._jobs(item, bands, grid, "bilinear"):
            shape = job.geometry.shape
            blocks = len(job.geometry.blocks) * (1 if shape.bands > 1 else len(job.infos))
            total += blocks * shape.block_items * job.opened.source.dtype.itemsize
        return total

    def native_grid(self, item: ItemLike, band: str) -> Grid:
        """The full-resolution grid of a band's file.

        Raises
        ------
        BandError, SourceError, RefusedError
            As `read`; SourceError also where the file is rotated or upside down.
        """
        info = _band(item, band)
        with _named(item, info):
            placement = self._sources.open(info).source.placement
            a, b, c, d, e, f = placement.transform
            if b or d or a <= 0.0 or e >= 0.0:
                raise SourceError("the file is not north-up, so it has no grid of its own")
        return Grid(Lattice(placement.crs, (a, -e), c, f), 0, 0, placement.height, placement.width)

    def close(self) -> None:
        """Forget everything and close all files; the reader can still be used."""
        self._sources.close()
        self._geometries.clear()
        self.cache.clear()

    def _jobs(self, item: ItemLike, bands: Sequence[str], grid: Grid, resampling: str) -> list[Job]:
        infos = [_band(item, band) for band in bands]
        cuts = [i for i in range(1, len(infos)) if not _same_file(infos[i - 1], infos[i])]
        return [
            self._job(item, infos[first:last], grid, resampling)
            for first, last in pairwise([0, *cuts, len(infos)])
            if first < last
        ]

    def _job(self, item: ItemLike, infos: list[BandLike], grid: Grid, resampling: str) -> Job:
        with _named(item, infos[0]):
            opened = self._sources.open(infos[0])
        for info in infos:
            with _named(item, info):
                check_etag(info, opened)
                if not 1 <= info.index <= opened.source.bands:
                    raise SourceError(f"the file has {opened.source.bands} bands, not number {info.index}")
        source = opened.source
        shapes = tuple((level.height, level.width) for level in source.levels)
        level = choose_level(source.placement, shapes, grid.lattice)
        method = "nearest" if infos[0].role == "quality" else resampling
        shape = source.levels[level]
        geometry = self._geometries.get(
            (source.placement, shape, grid, method), lambda: _geometry(source.placement, shape, grid, method)
        )
        # Where pixels coincide, nothing is averaged and the file's own numbers stay.
        if method == "bilinear" and is_phase(infos[0]) and not geometry.where.aligned:
            opened = as_phasors(opened, _calibration(infos[0], source.dtype))
        return Job(infos, opened, level, geometry, method)

    def _fill(self, job: Job, out: Array) -> None:
        geometry, shape = job.geometry, job.geometry.shape
        if not geometry.blocks:
            out[...] = np.nan
        elif job.by_phasors:
            number = job.infos[0].index - 1
            band, offset = (0, number * shape.band_stride) if shape.bands > 1 else (number, 0)
            mixed = np.empty(out.shape, dtype=np.complex64)
            self._gather(job, band, [offset], job.infos, mixed)
            out[...] = angles_of(mixed)
        elif shape.bands > 1:
            offsets = [(info.index - 1) * shape.band_stride for info in job.infos]
            self._gather(job, 0, offsets, job.infos, out)
        else:
            for i, info in enumerate(job.infos):
                self._gather(job, info.index - 1, [0], [info], out[i : i + 1])

    def _gather(self, job: Job, band: int, offsets: list[int], infos: list[BandLike], out: Array) -> None:
        geometry, source = job.geometry, job.opened.source
        # Held until the kernel is through: it reads by address.
        blocks = self._blocks(job, band)
        table = np.zeros(geometry.table, dtype=np.int64)
        top, left = geometry.first
        for (row, col), block in zip(geometry.blocks, blocks, strict=True):
            table[row - top, col - left] = block.address
        # Phasors were calibrated before they were made.
        plain = (0.0, 0.0, 1.0, 0.0)
        calibration = np.array([plain if job.by_phasors else _calibration(info, source.dtype) for info in infos])
        described = (table, geometry.layout, np.array(offsets, dtype=np.int64), calibration)
        gather(job.method, geometry.where)(out, np.zeros(1, source.dtype), described, geometry.where.where)

    def _blocks(self, job: Job, band: int) -> list[Block]:
        places = job.geometry.blocks
        unknown = sum(_key(job, row, col, band) not in self.cache for row, col in places)
        if unknown < 2:
            return [self._block(job, row, col, band) for row, col in places]
        # Decoding lets go of the interpreter: what a cold tile waits for is halved on two cores.
        return list(self._decoders.map(lambda place: self._block(job, place[0], place[1], band), places))

    def _block(self, job: Job, row: int, col: int, band: int) -> Block:
        load = job.opened.source.load
        return self.cache.get(_key(job, row, col, band), lambda: Block.of(load(job.level, row, col, band)))


def _key(job: Job, row: int, col: int, band: int) -> tuple[object, ...]:
    return job.opened.name, job.level, row, col, band


def _band(item: ItemLike, band: str) -> BandLike:
    if band not in item.bands:
        raise BandError(f"item {item.id!r} has no band {band!r}; {choices(band, item.bands)}")
    return item.bands[band]


@contextmanager
def _named(item: ItemLike, info: BandLike) -> Iterator[None]:
    """Say of which item and band an error speaks."""
    try:
        yield
    except (SourceError, RefusedError) as error:
        raise type(error)(f"item {item.id!r}, band {info.name!r}: {error}") from error
    except OSError as error:
        raise SourceError(f"item {item.id!r}, band {info.name!r}: {access.gone(error)}") from error


def _same_file(one: BandLike, other: BandLike) -> bool:
    if is_phase(one) or is_phase(other):
        return False
    return one.href == other.href and one.subdataset == other.subdataset and one.role == other.role


def _geometry(full: Placement, shape: Level, grid: Grid, method: str) -> Geometry:
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


def _calibration(info: BandLike, dtype: np.dtype[Any]) -> tuple[float, float, float, float]:
    # Classes have no scale.
    scale, offset = (1.0, 0.0) if info.role == "quality" else (info.scale, info.offset)
    if info.nodata is None or np.isnan(info.nodata):
        return 0.0, 0.0, scale, offset
    # As the file holds it: 3.4e38 in decimals is not the float32 that was written.
    nodata = float(np.float32(info.nodata)) if dtype == np.float32 else float(info.nodata)
    return 1.0, nodata, scale, offset


@lru_cache(maxsize=4096)
def _wide_bbox(grid: Grid) -> Bounds:
    """Bounding box with a margin for what lies between the points that it is measured at."""
    west, south, east, north = grid.bbox
    x, y = 0.02 * (east - west) + 1e-3, 0.02 * (north - south) + 1e-3
    return west - x, south - y, east + x, north + y
