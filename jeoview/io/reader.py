"""The reader: pixels of catalogued items on any grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import BandError, RefusedError, SourceError, choices
from jeoview.grid import Grid, Lattice
from jeoview.io import access, stack_read
from jeoview.io.blocks import Block, ByteCache
from jeoview.io.frames import check_placed, framed
from jeoview.io.geometry import Geometry, Job, calibration_of, calibrations_of, decoded_bytes, geometry_of, wide_bbox
from jeoview.io.items import BandLike, ItemLike
from jeoview.io.phasors import as_phasors, is_phase
from jeoview.io.sources import Sources, check_etag
from jeoview.kernels.angles import angles_of
from jeoview.progress import check_wanted, passed
from jeoview.projection import is_sensor
from jeoview.warp import check_method, choose_level, gather

Array = NDArray[Any]
# Threads of one reader that decode blocks of one tile.
DECODERS = 2
MAX_PLACES = 1 << 18
GEOMETRY_BYTES = 16 << 20


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
        self._places: ByteCache[stack_read.Places] = ByteCache(GEOMETRY_BYTES)
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

    def read_stack(self, items: Sequence[ItemLike], bands: Sequence[str], grid: Grid, resampling: str) -> Array:
        """Read bands of many items on a grid: the same values as `read`, with what they share done once.

        Parameters
        ----------
        items : sequence of Item
            Layers, in the wanted order; one may lack a band.
        bands, grid, resampling
            As `read`.

        Returns
        -------
        ndarray
            (item, band, y, x), NaN where an item has no such band.

        Raises
        ------
        SourceError, RefusedError
            As `read`.
        """
        parts = self._parts(items, bands, grid, check_method(resampling))
        jobs = [part.job for part in parts]
        is_complex = any(job.opened.source.dtype.kind == "c" and not job.by_phasors for job in jobs)
        shape = (len(items), len(bands), *grid.shape)
        out = np.empty(shape, dtype=np.complex64 if is_complex else np.float32)
        there = {(layer, part.band) for part in parts for layer in part.layers}
        for layer, band in {(layer, band) for layer in range(len(items)) for band in range(len(bands))} - there:
            out[layer, band] = np.nan
        for group in stack_read.together(parts):
            check_wanted()
            self._fill_layers(group, items, out)
            passed(sum(len(part.layers) for part in group))
        return out

    def touches(self, item: ItemLike, grid: Grid) -> bool:
        """Whether an item may have pixels on a grid, by bounding boxes alone: never wrongly False."""
        if is_sensor(grid.crs):
            return True
        west, south, east, north = wide_bbox(grid)
        item_west, item_south, item_east, item_north = item.bbox
        if item_south > north or item_north < south:
            return False
        if item_west > item_east:
            item_east += 360.0
        return any(item_west + turn <= east and item_east + turn >= west for turn in (-360.0, 0.0, 360.0))

    def cost_stack(
        self, items: Sequence[ItemLike], bands: Sequence[str], grid: Grid, resampling: str = "bilinear"
    ) -> tuple[int, int]:
        """Bytes that `read_stack` would decode when nothing is cached, and the most that it would hold at a time.

        A block that items share counts once.

        Raises
        ------
        SourceError, RefusedError
            As `read`.
        """
        groups = stack_read.together(self._parts(items, bands, grid, resampling))
        each = [sum(decoded_bytes(part.job) for part in group) for group in groups]
        return sum(each), max(each, default=0)

    def cost(self, item: ItemLike, bands: Sequence[str], grid: Grid, resampling: str = "bilinear") -> int:
        """Bytes that would be decoded for a read when nothing is cached.

        Raises
        ------
        BandError, SourceError, RefusedError
            As `read`.
        """
        return sum(decoded_bytes(job) for job in self._jobs(item, bands, grid, resampling))

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
            check_placed(placement)
            a, b, c, d, e, f = placement.transform
            if b or d or a <= 0.0 or e >= 0.0:
                raise SourceError("the file is not north-up, so it has no grid of its own")
        return Grid(Lattice(placement.crs, (a, -e), c, f), 0, 0, placement.height, placement.width)

    def block_shape(self, item: ItemLike, band: str) -> tuple[int, int]:
        """Height and width of the blocks of a band's file.

        Raises
        ------
        BandError, SourceError, RefusedError
            As `read`.
        """
        info = _band(item, band)
        with _named(item, info):
            level = self._sources.open(info).source.levels[0]
        return level.block_height, level.block_width

    def close(self) -> None:
        """Forget everything and close all files; the reader can still be used."""
        self._sources.close()
        self._geometries.clear()
        self._places.clear()
        self.cache.clear()

    def _jobs(self, item: ItemLike, bands: Sequence[str], grid: Grid, resampling: str) -> list[Job]:
        infos = [_band(item, band) for band in bands]
        return [self._job(item, infos[first:last], grid, resampling) for first, last in _runs(infos)]

    def _parts(
        self, items: Sequence[ItemLike], bands: Sequence[str], grid: Grid, resampling: str
    ) -> list[stack_read.Part]:
        parts = []
        for band, name in enumerate(bands):
            here = [
                (layer, item) for layer, item in enumerate(items) if name in item.bands and self.touches(item, grid)
            ]
            infos = [item.bands[name] for _, item in here]
            for first, last in _runs(infos):
                layers = tuple(layer for layer, _ in here[first:last])
                job = self._job(here[first][1], infos[first:last], grid, resampling)
                parts.extend(stack_read.parts_of(band, layers, job))
        return parts

    def _fill_layers(self, parts: list[stack_read.Part], items: Sequence[ItemLike], out: Array) -> None:
        geometry = parts[0].job.geometry
        # The place of every pixel takes several times the memory of its value: for a tile, not for a whole sensor.
        if parts[0].nearest and geometry.blocks and out.shape[2] * out.shape[3] <= MAX_PLACES:
            loads = [load for part in parts for load in part.loads]
            unknown = sum(_key(part.job, row, col, band) not in self.cache for part, row, col, band in loads)
            # To hand over what is in memory takes longer than to take it.
            apply = map if unknown < 2 else self._decoders.map
            blocks = list(apply(lambda load: self._load_of(items, *load), loads))
            places = self._places.get(geometry, lambda: stack_read.Places.of(geometry, out.shape[2:]))
            stack_read.fill(out, parts, places, blocks, calibrations_of)
            return
        for part in parts:
            layers = np.empty((len(part.layers), *out.shape[2:]), dtype=out.dtype)
            with _named(items[part.layers[0]], part.job.infos[0]):
                self._fill(part.job, layers)
            out[list(part.layers), part.band] = layers

    def _load_of(self, items: Sequence[ItemLike], part: stack_read.Part, row: int, col: int, band: int) -> Block:
        with _named(items[part.layers[0]], part.job.infos[0]):
            return self._block(part.job, row, col, band)

    def _job(self, item: ItemLike, infos: list[BandLike], grid: Grid, resampling: str) -> Job:
        with _named(item, infos[0]):
            opened = framed(self._sources.open(infos[0]), grid)
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
            (source.placement, shape, grid, method), lambda: geometry_of(source.placement, shape, grid, method)
        )
        # Where pixels coincide, nothing is averaged and the file's own numbers stay.
        if method == "bilinear" and is_phase(infos[0]) and not geometry.where.aligned:
            opened = as_phasors(opened, calibration_of(infos[0], source.dtype))
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
        calibration = np.array([plain if job.by_phasors else calibration_of(info, source.dtype) for info in infos])
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


def _runs(infos: Sequence[BandLike]) -> Iterator[tuple[int, int]]:
    """First and end of neighbours that one job may read."""
    cuts = [i for i in range(1, len(infos)) if not _same_file(infos[i - 1], infos[i])]
    return pairwise([0, *cuts, len(infos)] if infos else [0])


def _same_file(one: BandLike, other: BandLike) -> bool:
    if is_phase(one) or is_phase(other) or one.parts or other.parts:
        return False
    return one.href == other.href and one.subdataset == other.subdataset and one.role == other.role
