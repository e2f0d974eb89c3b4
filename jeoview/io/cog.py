"""Cloud-optimised GeoTIFFs from blocks that come in any order and from any thread.

Every block is compressed once, as it comes, by the thread that brings it; its half-size picture is
put aside, so that overviews are made without reading anything again. At the end the compressed tiles
are laid out as the COG format wants them: directories first, then overviews, then the full image.
Memory does not grow with the file. `jeoview.io.write.CogWriter` needs no alignment of blocks and knows
every type that GDAL does; this one writes what a chain yields, several times as fast.

Source: OGC Cloud Optimized GeoTIFF Standard 21-026; TIFF 6.0; GDAL's "Cloud Optimized GeoTIFF" notes on
the structural metadata at the head of the file.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from jeoview.errors import JeoviewError, ParameterError
from jeoview.grid import Grid
from jeoview.io import halve, tiffhead
from jeoview.io.write import CogProfile

TILE = 512
HALF = TILE // 2
# isal's second of four levels: 3 ms for a block of float32, a third of GDAL's time, for files of equal size.
LEVEL = 2
Array = NDArray[Any]


class Place(NamedTuple):
    """One tile: level 0 is the full image; plane counts bands that are stored apart."""

    level: int
    plane: int
    row: int
    col: int


class CogStream:
    """A COG that threads fill block by block; the file appears when the ``with`` block ends without an error.

    Parameters
    ----------
    path : Path
        The file to make; an existing one is replaced at the end.
    profile : CogProfile
        Grid, bands, type and metadata. Type float32 or complex64 with NaN as nodata, or uint8 with ``photometric``
        ``"RGB"`` (four bands, the last is alpha) or with ``palette``.
    palette : (256, 4) uint8, optional
        Colours of one band; index 0 is transparent, all others are opaque.
    threads : int
        Threads that make the overviews.

    Raises
    ------
    ParameterError
        If the folder does not exist.
    JeoviewError
        If the disk is full or the folder locked.
    """

    def __init__(self, path: Path, profile: CogProfile, *, palette: Array | None = None, threads: int = 2) -> None:
        self.path = Path(path)
        self.profile = profile
        self._palette = palette
        self._threads = threads
        self._dtype = np.dtype(profile.dtype)
        self._together = len(profile.bands) if profile.photometric == "RGB" else 1
        self._planes = len(profile.bands) // self._together
        self._sizes = list(_sizes(*profile.grid.shape))
        self._tables = [np.zeros((2, self._planes, *_tiles(size)), dtype=np.int64) for size in self._sizes]
        self._lock = threading.Lock()
        self._end = 0
        self._stack = ExitStack()

    def __enter__(self) -> CogStream:
        if not self.path.parent.is_dir():
            raise ParameterError(f"the folder of {self.path.name!r} does not exist; make it first")
        with ExitStack() as stack:
            try:
                folder = tempfile.mkdtemp(prefix=f".{self.path.name}.", suffix=".part", dir=self.path.parent)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                self._folder = Path(folder)
                self._data = self._open(stack, "tiles")
                self._halves = self._open(stack, "halves")
            except OSError as error:
                raise self._failure(error) from error
            self._stack = stack.pop_all()
        return self

    def _open(self, stack: ExitStack, name: str) -> int:
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        stack.callback(os.close, descriptor)
        return descriptor

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                try:
                    self._finish()
                except OSError as problem:
                    raise self._failure(problem) from problem

    def write(self, block: Grid, array: Array) -> None:
        """Store one block; any thread may call this at any time.

        Parameters
        ----------
        block : Grid
            A window of the profile's grid whose upper left corner lies on a multiple of 512 pixels, and whose lower
            right one does or lies on the image's edge.
        array : ndarray
            (band, y, x) of the profile's type.

        Raises
        ------
        ParameterError
            If block or array do not fit the profile.
        JeoviewError
            If the disk is full.
        """
        row, col = self._checked(block, array)
        parts = array[:, None] if self._together == 1 else array[None]
        try:
            for plane, part in enumerate(parts):
                for y in range(0, block.height, TILE):
                    for x in range(0, block.width, TILE):
                        place = Place(0, plane, (row + y) // TILE, (col + x) // TILE)
                        self._put(place, self._whole(part[:, y : y + TILE, x : x + TILE]))
        except OSError as error:
            raise self._failure(error) from error

    def _checked(self, block: Grid, array: Array) -> tuple[int, int]:
        grid = self.profile.grid
        if not grid.contains(block):
            raise ParameterError(f"the block {block} lies outside the file's grid {grid}")
        row, col = block.row - grid.row, block.col - grid.col
        ends = (row + block.height, grid.height), (col + block.width, grid.width)
        if row % TILE or col % TILE or any(end % TILE and end != edge for end, edge in ends):
            raise ParameterError(f"the block {block} does not lie on multiples of {TILE} pixels")
        expected = (len(self.profile.bands), *block.shape)
        if array.shape != expected or not np.can_cast(array.dtype, self._dtype, "safe"):
            raise ParameterError(
                f"the block is {array.dtype} {array.shape}; expected {self._dtype} {expected}, as the first one was"
            )
        return row, col

    @property
    def _empty(self) -> Any:
        return np.nan if self._dtype.kind in "fc" else 0

    def _whole(self, part: Array) -> Array:
        """(y, x, sample) of a full tile; nodata beyond the image's edge."""
        pixels = part.transpose(1, 2, 0)
        if pixels.shape[:2] == (TILE, TILE):
            return np.ascontiguousarray(pixels, dtype=self._dtype)
        tile = np.full((TILE, TILE, self._together), self._empty, dtype=self._dtype)
        tile[: pixels.shape[0], : pixels.shape[1]] = pixels
        return tile

    def _put(self, place: Place, tile: Array) -> None:
        data = self._encode(tile)
        # GDAL reads a tile in one request where its size stands before it and its last bytes stand twice.
        record = struct.pack("<I", len(data)) + data + data[-4:]
        with self._lock:
            offset = self._end
            self._end += len(record)
        _write_all(self._data, record, offset)
        self._tables[place.level][:, place.plane, place.row, place.col] = offset, len(data)
        if place.level + 1 < len(self._sizes):
            half = self._halved(tile, place.plane)
            _write_all(self._halves, half.tobytes(), self._half_offset(place) * half.nbytes)

    def _encode(self, tile: Array) -> bytes:
        kind = self._dtype.kind
        if kind == "f":
            tile = imagecodecs.floatpred_encode(tile[..., 0], axis=-1)
        elif self._predictor == 2:
            tile = imagecodecs.delta_encode(tile, axis=1)
        return bytes(isal_zlib.compress(tile.tobytes(), LEVEL))

    @property
    def _predictor(self) -> int:
        """3 for bytes of floating-point numbers, 2 for differences, 1 for none."""
        return 3 if self._dtype.kind == "f" else 2 if self._together > 1 else 1

    def _halved(self, tile: Array, plane: int) -> Array:
        content = self.profile.bands[plane].content or self.profile.content
        if content == "classes" or self._palette is not None:
            return np.ascontiguousarray(tile[::2, ::2])
        if content == "angles":
            return halve.angle(tile)
        return halve.colour(tile) if self._together > 1 else halve.mean(tile)

    def _half_offset(self, place: Place) -> int:
        """Number of the half-size picture of a tile: the four of one tile of the next level side by side."""
        before = sum(int(table[1].size) for table in self._tables[1 : place.level + 1])
        rows, cols = _tiles(self._sizes[place.level + 1])
        parent = before + (place.plane * rows + place.row // 2) * cols + place.col // 2
        return parent * 4 + place.row % 2 * 2 + place.col % 2

    def _finish(self) -> None:
        if not self._tables[0][1].all():
            raise ParameterError(f"{self.path.name!r} is not complete: blocks are missing")
        with ThreadPoolExecutor(self._threads) as pool:
            for level in range(1, len(self._sizes)):
                for _ in pool.map(self._overview, self._places(level)):
                    pass
        target = self._folder / self.path.name
        with target.open("wb") as file:
            head, order = self._head()
            file.write(head)
            for level, index in order:
                offset, size = self._tables[level].reshape(2, -1)[:, index].tolist()
                file.write(os.pread(self._data, size + 8, offset))
        target.replace(self.path)

    def _places(self, level: int) -> Iterator[Place]:
        rows, cols = _tiles(self._sizes[level])
        return (Place(level, p, r, c) for p in range(self._planes) for r in range(rows) for c in range(cols))

    def _overview(self, place: Place) -> None:
        tile = np.full((TILE, TILE, self._together), self._empty, dtype=self._dtype)
        rows, cols = _tiles(self._sizes[place.level - 1])
        for row in range(2 * place.row, min(2 * place.row + 2, rows)):
            for col in range(2 * place.col, min(2 * place.col + 2, cols)):
                child = Place(place.level - 1, place.plane, row, col)
                part = tile[row % 2 * HALF :, col % 2 * HALF :][:HALF, :HALF]
                stored = os.pread(self._halves, part.nbytes, self._half_offset(child) * part.nbytes)
                part[...] = np.frombuffer(stored, self._dtype).reshape(part.shape)
        self._put(place, tile)

    def _head(self) -> tuple[bytes, list[tuple[int, int]]]:
        """The bytes before the first tile, and the order of the tiles: coarsest overview first, each row by row."""
        levels = range(len(self._sizes))
        order = [(level, index) for level in reversed(levels) for index in range(self._tables[level][1].size)]
        directories = [
            tiffhead.Directory(size, table[1].ravel().tolist(), self._tags(level))
            for level, (size, table) in enumerate(zip(self._sizes, self._tables, strict=True))
        ]
        return tiffhead.head(directories), order

    def _tags(self, level: int) -> list[tiffhead.Tag]:
        bands = len(self.profile.bands)
        form = {"u": 1, "f": 3, "c": 6}[self._dtype.kind]
        photometric = tiffhead.PALETTE if self._palette is not None else 2 if self._together > 1 else 1
        tags = [
            tiffhead.short(tiffhead.BITS, *[8 * self._dtype.itemsize] * bands),
            tiffhead.short(tiffhead.PHOTOMETRIC, photometric),
            tiffhead.short(tiffhead.SAMPLES, bands),
            tiffhead.short(tiffhead.PLANES, 1 if self._planes == 1 else 2),
            tiffhead.short(tiffhead.PREDICTOR, self._predictor),
            tiffhead.short(tiffhead.SAMPLE_FORMAT, *[form] * bands),
        ]
        if self._palette is not None:
            tags.append(tiffhead.short(tiffhead.COLOURS, *(self._palette[:, :3].T.ravel().astype(int) * 257).tolist()))
        elif bands > 1:
            # What stands beside grey, or beside red, green and blue: 2 is alpha, 0 just another band.
            others = [2] if self._together > 1 else [0] * (bands - 1)
            tags.append(tiffhead.short(tiffhead.EXTRA_SAMPLES, *others))
        if self.profile.nodata is not None:
            tags.append(tiffhead.text(tiffhead.NODATA, f"{self.profile.nodata:g}"))
        return [*tags, *(tiffhead.described(self.profile) if level == 0 else [tiffhead.OVERVIEW])]

    def _failure(self, error: OSError) -> JeoviewError:
        reason = error.strerror or type(error).__name__
        return JeoviewError(f"the file {self.path.name!r} cannot be written: {reason}. Nothing was left behind")


def _sizes(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Height and width of the image and of its overviews, down to one tile."""
    yield height, width
    while max(height, width) > TILE:
        height, width = -(-height // 2), -(-width // 2)
        yield height, width


def _tiles(size: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // TILE), -(-size[1] // TILE)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    done = os.pwrite(descriptor, data, offset)
    while done < len(data):
        done += os.pwrite(descriptor, data[done:], offset + done)
