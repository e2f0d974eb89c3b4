"""Several files of one band as one source: the frames of an interferogram, joined where they overlap.

A block of it is put together from the blocks of the files when it is asked for. What a pixel holds is decided by the files
and their order alone, so that a tile has the same numbers as the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.catalog.items import Part
from jeoview.errors import SourceError
from jeoview.io.blocks import Block, BlockSource, ByteCache, Level
from jeoview.kernels import join as kernel
from jeoview.warp import Placement

Array = NDArray[Any]
SIDE = 256
_NO_CLASSES = np.empty((1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class FileBlocks:
    """Full resolution of one band of an open file.

    Parameters
    ----------
    source : BlockSource
        The file.
    name : str
        What its blocks are kept under.
    index : int
        The band, from 1.
    cache : ByteCache
        Where they are kept: one is needed for several of the joined blocks.
    """

    source: BlockSource
    name: str
    index: int
    cache: ByteCache[Block]

    @property
    def shape(self) -> Level:
        """How it is cut."""
        return self.source.levels[0]

    def pieces(self, rows: range, cols: range) -> Iterator[tuple[Array, kernel.Where]]:
        """The blocks of a window that lies inside, and which part of each lies where in the window."""
        level = self.shape
        height, width = level.block_height, level.block_width
        down = range(rows.start // height, (rows.stop - 1) // height + 1)
        across = range(cols.start // width, (cols.stop - 1) // width + 1)
        for row, col in product(down, across):
            block = self._block(row, col)
            if block is None:
                continue
            y, x = max(rows.start, row * height), max(cols.start, col * width)
            size = min(rows.stop, (row + 1) * height) - y, min(cols.stop, (col + 1) * width) - x
            yield block, (y - rows.start, x - cols.start, y - row * height, x - col * width, *size)

    def _block(self, row: int, col: int) -> Array | None:
        level = self.shape
        band = 0 if level.bands > 1 else self.index - 1
        block = self.cache.get(
            (self.name, 0, row, col, band), lambda: Block.of(self.source.load(0, row, col, band))
        ).array
        if block is None:
            return None
        first = (self.index - 1) * level.band_stride if level.bands > 1 else 0
        # The last strip of a file may hold fewer rows.
        rows = min(level.block_height, level.height - row * level.block_height)
        steps = (level.row_stride * block.itemsize, level.col_stride * block.itemsize)
        flat = block.reshape(-1)[first:]
        return np.lib.stride_tricks.as_strided(flat, (rows, level.block_width), steps, writeable=False)


@dataclass(frozen=True, slots=True, eq=False)
class OpenPart:
    """A part, its file, and that of its classes."""

    part: Part
    file: FileBlocks
    classes: FileBlocks | None

    @property
    def rows(self) -> range:
        """Where it lies in the joined band."""
        return range(self.part.row, self.part.row + self.file.shape.height)

    @property
    def cols(self) -> range:
        """Where it lies in the joined band."""
        return range(self.part.col, self.part.col + self.file.shape.width)

    def fill(self, out: Array, top: int, left: int) -> None:
        """Write its values where a block, whose first pixel is given, has none yet."""
        rows, cols = _common(self.rows, top, out.shape[0]), _common(self.cols, left, out.shape[1])
        if not (rows and cols):
            return
        place = rows.start - top, cols.start - left
        # What others cover is not decoded.
        if np.isnan(out[place[0] : place[0] + len(rows), place[1] : place[1] + len(cols)]).any():
            self._write(out, place, _shifted(rows, self.part.row), _shifted(cols, self.part.col))

    def _write(self, out: Array, place: tuple[int, int], rows: range, cols: range) -> None:
        part, classes = self.part, _NO_CLASSES
        other: tuple[tuple[int, float], ...] = ()
        if part.classes is not None and self.classes is not None:
            other, classes = part.classes.offsets, np.full(out.shape, np.nan)
            for stored, (row, col, y, x, height, width) in self.classes.pieces(rows, cols):
                top, left = row + place[0], col + place[1]
                classes[top : top + height, left : left + width] = stored[y : y + height, x : x + width]
        offsets = np.array([*other, (np.nan, part.offset)])
        flag, nodata = _nodata(part.nodata, self.file.source.dtype)
        for stored, (row, col, y, x, height, width) in self.file.pieces(rows, cols):
            where = row + place[0], col + place[1], y, x, height, width
            kernel.fill(out, stored, where, flag, nodata, part.scale, classes, offsets)


@dataclass(frozen=True, slots=True, eq=False)
class JoinedSource:
    """A `BlockSource` of several files whose pixels lie on one lattice: of each pixel the first file that has a value.

    Its numbers are values already, float32 with NaN where no file has one.
    """

    parts: tuple[OpenPart, ...]
    placement: Placement
    levels: tuple[Level, ...]
    bands: int = 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32."""
        return np.dtype(np.float32)

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:  # noqa: ARG002 - there is one of each
        """Put a block together: see `BlockSource`."""
        out = np.full((SIDE, SIDE), np.nan, dtype=np.float32)
        for part in self.parts:
            part.fill(out, row * SIDE, col * SIDE)
        return out


def join(parts: Sequence[OpenPart]) -> JoinedSource:
    """Return the source of open parts.

    Raises
    ------
    SourceError
        If their pixels do not lie on one lattice, or a file has fewer bands.
    """
    first = parts[0]
    base = first.file.source.placement
    for one in parts:
        other = one.file.source.placement
        if other.crs != base.crs or not same_pixels(base.transform, other.transform, (other.height, other.width)):
            raise SourceError("the files that it is joined from do not share their pixels; open the folder again")
        for blocks in (one.file, one.classes):
            if blocks is not None and not 1 <= blocks.index <= blocks.source.bands:
                raise SourceError(f"the file has {blocks.source.bands} bands, not number {blocks.index}")
    a, b, c, d, e, f = base.transform
    row, col = first.part.row, first.part.col
    height, width = max(one.rows.stop for one in parts), max(one.cols.stop for one in parts)
    placement = Placement(base.crs, (a, b, c - a * col - b * row, d, e, f - d * col - e * row), height, width)
    return JoinedSource(tuple(parts), placement, (Level(height, width, SIDE, SIDE, 1, SIDE, 1, 0),))


def same_pixels(one: Sequence[float], other: Sequence[float], shape: tuple[int, int]) -> bool:
    """Whether two files have north-up pixels of one size: those of the second stay within half a pixel to its far end."""
    (a, b, _, d, e, _), (width, skew, _, turn, height, _) = one[:6], other[:6]
    apart = abs(width - a) * shape[1] / abs(a), abs(height - e) * shape[0] / abs(e)
    return a > 0.0 > e and not (b or d or skew or turn) and max(apart) < 0.5


def _common(pixels: range, first: int, count: int) -> range:
    return range(max(pixels.start, first), min(pixels.stop, first + count))


def _shifted(pixels: range, origin: int) -> range:
    return range(pixels.start - origin, pixels.stop - origin)


def _nodata(nodata: float | None, dtype: np.dtype[Any]) -> tuple[float, float]:
    if nodata is None:
        return 0.0, 0.0
    # 3.4e38 in decimals is not the float32 that was written.
    return 1.0, float(np.float32(nodata)) if dtype == np.float32 else float(nodata)
