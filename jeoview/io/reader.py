"""The reader: pixels of catalogued items on any grid."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import BandError, RefusedError, SourceError, choices
from jeoview.grid import Grid, Lattice
from jeoview.io import access
from jeoview.io.blocks import Block, BlockCache, BlockSource, Level
from jeoview.io.gdal import Handles, open_gdal
from jeoview.io.geotiff import open_geotiff
from jeoview.kernels import warp as kernel
from jeoview.projection import Bounds
from jeoview.warp import Placement, Positions, check_method, choose_level, gather, positions

Array = NDArray[Any]
MAX_SOURCES = 1024


class BandLike(Protocol):
    """What the reader needs to know of a band: see `jeoview.catalog`."""

    @property
    def name(self) -> str:
        """Name within the item."""

    @property
    def href(self) -> str:
        """Path of the file."""

    @property
    def index(self) -> int:
        """Band in the file, from 1."""

    @property
    def scale(self) -> float:
        """Value = scale * number + offset."""

    @property
    def offset(self) -> float:
        """Value = scale * number + offset."""

    @property
    def nodata(self) -> float | None:
        """Number that stands for nothing."""

    @property
    def role(self) -> str:
        """``quality`` for classes, which are never averaged."""

    @property
    def etag(self) -> str:
        """Version of the file."""

    @property
    def subdataset(self) -> str | None:
        """Variable in a file that holds many."""


class ItemLike(Protocol):
    """What the reader needs to know of an item: see `jeoview.catalog`."""

    @property
    def collection(self) -> str:
        """Name of its collection."""

    @property
    def id(self) -> str:
        """Name within the collection."""

    @property
    def bbox(self) -> Bounds:
        """(west, south, east, north) in degrees; west > east across the antimeridian."""

    @property
    def bands(self) -> Mapping[str, BandLike]:
        """Bands by name."""


class ItemSource(Protocol):
    """Where items are looked up: the catalogue."""

    def item(self, collection: str, id: str) -> ItemLike:  # noqa: A002 - the catalogue's own word
        """Return an item, or raise `SourceError`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source and the file that it was opened from."""

    source: BlockSource
    version: access.Version
    stat: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one band needs on one grid."""

    info: BandLike
    opened: Opened
    level: int
    placement: Placement
    where: Positions
    method: str

    @property
    def shape(self) -> Level:
        """The level that is read."""
        return self.opened.source.levels[self.level]


class Reader:
    """Reads bands of items on any grid, from a cache of decoded blocks; safe in many threads.

    Parameters
    ----------
    catalog : ItemSource
        Where `frozen` looks items up.
    cache_bytes : int
        Memory for decoded blocks.
    roots : tuple of Path
        Folders below which files may lie, links resolved; none means anywhere.
    virtual : bool
        Whether VRT files are opened, which may name any other file.
    """

    def __init__(
        self, catalog: ItemSource, *, cache_bytes: int, roots: tuple[Path, ...] = (), virtual: bool = False
    ) -> None:
        self._catalog = catalog
        self._roots = roots
        self._virtual = virtual
        self._sources: OrderedDict[tuple[str, str | None], Opened] = OrderedDict()
        self._lock = threading.Lock()
        self._handles = Handles()
        self.cache = BlockCache(cache_bytes)

    def frozen(self, collection: str, id: str, etags: Mapping[str, str]) -> ItemLike:  # noqa: A002 - as `ItemLike`
        """Look up an item of a frozen collection.

        Parameters
        ----------
        collection, id : str
            Its name.
        etags : mapping of band name to etag
            The versions of its files when it was frozen.

        Raises
        ------
        SourceError
            If it is not there any more, or one of its files is another version now.
        """
        item = self._catalog.item(collection, id)
        for band, etag in etags.items():
            if band not in item.bands:
                raise SourceError(f"item {id!r}: it has no band {band!r} any more; make the chain again")
            if item.bands[band].etag != etag:
                raise SourceError(f"item {id!r}, band {band!r}: {access.changed()}")
        return item

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
        check_method(resampling)
        plans = [self._plan(item, band, grid, resampling) for band in bands]
        is_complex = any(plan.opened.source.dtype.kind == "c" for plan in plans)
        out = np.empty((len(bands), *grid.shape), dtype=np.complex64 if is_complex else np.float32)
        for first, last in _runs(plans):
            with _named(item, plans[first].info):
                self._gather(plans[first:last], grid, out[first:last])
        return out

    def touches(self, item: ItemLike, grid: Grid) -> bool:
        """Whether an item may have pixels on a grid, by bounding boxes alone: never wrongly False."""
        west, south, east, north = _wide_bbox(grid)
        item_west, item_south, item_east, item_north = item.bbox
        if item_south > north or item_north < south:
            return False
        if item_west <= item_east:
            return any(item_west <= east + turn and item_east >= west + turn for turn in (-360.0, 0.0, 360.0))
        return item_west <= east or item_east >= west or item_west <= east + 360.0 or item_east >= west - 360.0

    def cost(self, item: ItemLike, bands: Sequence[str], grid: Grid) -> int:
        """Bytes that would be decoded for a read when nothing is cached.

        Raises
        ------
        BandError, SourceError, RefusedError
            As `read`.
        """
        plans = [self._plan(item, band, grid, "bilinear") for band in bands]
        total = 0
        for first, _ in _runs(plans):
            plan = plans[first]
            size = plan.shape.block_height * plan.shape.row_stride * plan.opened.source.dtype.itemsize
            total += size * len(_touched(plan, grid))
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
            placement = self._open(info).source.placement
            a, b, c, d, e, f = placement.transform
            if b or d or a <= 0.0 or e >= 0.0:
                raise SourceError("the file is not north-up, so it has no grid of its own")
        return Grid(Lattice(placement.crs, (a, -e), c, f), 0, 0, placement.height, placement.width)

    def close(self) -> None:
        """Forget everything and close all files; the reader can still be used."""
        self._handles.close()
        self.cache.clear()
        with self._lock:
            self._sources.clear()

    def _plan(self, item: ItemLike, band: str, grid: Grid, resampling: str) -> Plan:
        info = _band(item, band)
        with _named(item, info):
            opened = self._open(info)
            source = opened.source
            if not 1 <= info.index <= source.bands:
                raise SourceError(f"the file has {source.bands} bands, not number {info.index}")
        shapes = tuple((level.height, level.width) for level in source.levels)
        level = choose_level(source.placement, shapes, grid.lattice)
        placement = source.placement.at_level(*shapes[level])
        method = "nearest" if info.role == "quality" else resampling
        return Plan(info, opened, level, placement, positions(placement, grid), method)

    def _open(self, info: BandLike) -> Opened:
        key = (info.href, info.subdataset)
        with self._lock:
            opened = self._sources.get(key)
        if opened is None or not _is_current(opened):
            opened = self._open_anew(info)
            with self._lock:
                self._sources[key] = opened
                while len(self._sources) > MAX_SOURCES:
                    self._sources.popitem(last=False)
        if info.etag and info.etag != opened.version.etag:
            raise SourceError(access.changed())
        return opened

    def _open_anew(self, info: BandLike) -> Opened:
        path = access.resolve(info.href, self._roots)
        version = access.Version(path, access.current_etag(path))
        if info.etag and info.etag != version.etag:
            raise SourceError(access.changed())
        source: BlockSource | None = None
        if info.subdataset is None and path.is_file():
            source = open_geotiff(version)
        if source is None:
            source = open_gdal(version, info.subdataset, self._handles, virtual=self._virtual)
        return Opened(source, version, _stat(path))

    def _gather(self, plans: list[Plan], grid: Grid, out: Array) -> None:
        plan, shape = plans[0], plans[0].shape
        source = plan.opened.source
        touched = _touched(plan, grid)
        if not len(touched):
            out[...] = np.nan
            return
        first, last = touched.min(axis=0), touched.max(axis=0)
        table = np.zeros(last - first + 1, dtype=np.int64)
        # Held until the kernel is through: it reads by address.
        blocks = [self._block(plan, int(i), int(j)) for i, j in touched]
        for (i, j), block in zip(touched - first, blocks, strict=True):
            table[i, j] = block.address
        offsets = [(p.info.index - 1) * shape.band_stride if shape.bands > 1 else 0 for p in plans]
        described = (
            table,
            _layout(plan.placement, shape, int(first[0]), int(first[1])),
            np.array(offsets, dtype=np.int64),
            np.array([_calibration(p.info, source.dtype) for p in plans]),
        )
        gather(plan.method, plan.where)(out, np.zeros(1, source.dtype), described, plan.where.where)

    def _block(self, plan: Plan, row: int, col: int) -> Block:
        band = 0 if plan.shape.bands > 1 else plan.info.index - 1
        version = plan.opened.version
        # The path too: two files may share size and time of change.
        key = (version.path, version.etag, plan.info.subdataset, plan.level, row, col, band)
        return self.cache.get(key, lambda: plan.opened.source.load(plan.level, row, col, band))


def _is_current(opened: Opened) -> bool:
    try:
        if opened.stat != _stat(opened.version.path):
            return False
        return not opened.version.path.is_dir() or access.current_etag(opened.version.path) == opened.version.etag
    except OSError:
        return False


def _stat(path: Path) -> tuple[int, int]:
    status = os.stat(path)  # noqa: PTH116 - on the hot path
    return status.st_size, status.st_mtime_ns


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


def _runs(plans: list[Plan]) -> list[tuple[int, int]]:
    """First and last + 1 of neighbours that one pass of the kernel reads: bands of the same blocks."""
    starts = [i for i, plan in enumerate(plans) if i == 0 or not _together(plans[i - 1], plan)]
    return list(zip(starts, [*starts[1:], len(plans)], strict=True))


def _together(one: Plan, other: Plan) -> bool:
    return one.opened is other.opened and one.shape.bands > 1 and one.method == other.method


def _touched(plan: Plan, grid: Grid) -> NDArray[np.int64]:
    """(n, 2) rows and columns of the blocks that the grid reads."""
    flags = np.zeros(plan.shape.blocks, dtype=np.bool_)
    margin = 1e-3 if plan.method == "nearest" else 0.501
    layout = _layout(plan.placement, plan.shape, 0, 0)
    kernel.touched_blocks(flags, grid.shape, layout, plan.where.where, margin)
    return np.argwhere(flags)


def _layout(placement: Placement, shape: Level, row: int, col: int) -> NDArray[np.int64]:
    place = (placement.row, placement.col, shape.height, shape.width, row, col)
    block = (shape.block_height, shape.block_width, shape.row_stride, shape.col_stride)
    return np.array(place + block, dtype=np.int64)


def _calibration(info: BandLike, dtype: np.dtype[Any]) -> tuple[float, float, float, float]:
    if info.nodata is None or np.isnan(info.nodata):
        return 0.0, 0.0, info.scale, info.offset
    # As the file holds it: 3.4e38 in decimals is not the float32 that was written.
    nodata = float(np.float32(info.nodata)) if dtype == np.float32 else float(info.nodata)
    return 1.0, nodata, info.scale, info.offset


@lru_cache(maxsize=4096)
def _wide_bbox(grid: Grid) -> Bounds:
    """Bounding box with a margin for what lies between the points that it is measured at."""
    west, south, east, north = grid.bbox
    x, y = 0.02 * (east - west) + 1e-3, 0.02 * (north - south) + 1e-3
    return west - x, south - y, east + x, north + y
