"""Writes stack stores: chunk by chunk, overviews on the way, whole or not at all.

A block of an overview is made when its four parts are, so that memory holds one window of the sources and one
unfinished row of blocks of each overview, whatever the number of pixels. An overview's pixel is the mean of
the valid pixels of full resolution in its square of 2, 4, 8 ... pixels, counted from the upper
left corner of the stack.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from jeoview.errors import JeoviewError
from jeoview.grid import Grid
from jeoview.io.stack import ABSENT, CHUNK, KIND
from jeoview.kernels import pyramid

Array = NDArray[Any]
Read = Callable[[str, Grid], Array]
# Overviews are made until one chunk holds the whole stack.
MAX_OVERVIEWS = 12


@dataclass(frozen=True)
class Packing:
    """How numbers of one band are stored.

    Parameters
    ----------
    dtype : str
        ``uint8`` or ``int16`` (multiples of ``scale``), ``float32`` or ``complex64`` (as they are).
    scale : float
        Value of one step; half of it is the largest error.
    nodata : int, optional
        Number that stands for NaN.
    """

    dtype: str
    scale: float = 1.0
    nodata: int | None = None

    def pack(self, values: Array) -> Array | None:
        """Values as they are stored; None where one does not fit."""
        if self.nodata is None:
            return np.ascontiguousarray(values, dtype=self.dtype)
        limits = np.iinfo(self.dtype)
        low, high = limits.min + (self.nodata == limits.min), limits.max - (self.nodata == limits.max)
        packed = np.empty(values.shape, self.dtype)
        fits = pyramid.pack(np.ascontiguousarray(values), self.scale, (low, high, self.nodata), packed)
        return packed if fits else None


FLOAT, COMPLEX = Packing("float32"), Packing("complex64")
# Half a step is 0.001 rad, 4 micrometres of Sentinel-1; 32,767 steps are 65 rad.
PHASE = Packing("int16", 1 / 500, -32768)
# Half a step is 0.002.
COHERENCE = Packing("uint8", 1 / 254, 255)


class TooLargeError(Exception):
    """A number does not fit into the packing of its band."""


@dataclass(frozen=True)
class StackPlan:
    """What a store is to hold.

    Parameters
    ----------
    grid : Grid
        Pixels of full resolution.
    layers : mapping of str to int
        Number of layers of each band.
    packings : mapping of str to Packing
        How each band is stored where the values fit, else as float32.
    attributes : mapping
        More to write into the store's metadata.
    """

    grid: Grid
    layers: Mapping[str, int]
    packings: Mapping[str, Packing]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def overviews(self) -> int:
        """Number of overviews."""
        longest = max(self.grid.shape)
        return min(max((longest - 1) // CHUNK, 0).bit_length(), MAX_OVERVIEWS)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, filled up with NaN so that every overview has whole pixels."""
        step = 1 << self.overviews
        height, width = (-(-size // step) * step for size in self.grid.shape)
        return height, width

    def windows(self, rows: int, cols: int) -> Iterator[Grid]:
        """Windows of full resolution, from the upper left; ``rows`` and ``cols`` are multiples of a chunk."""
        height, width = self.shape
        for top in range(0, height, rows):
            for left in range(0, width, cols):
                size = min(rows, height - top), min(cols, width - left)
                yield Grid(self.grid.lattice, self.grid.row + top, self.grid.col + left, *size)


def write_stack(
    target: Path, plan: StackPlan, read: Read, window: tuple[int, int], note: Callable[[Grid], object]
) -> dict[str, Packing]:
    """Write a store; its folder appears whole or not at all.

    Parameters
    ----------
    target : Path
        Folder to make.
    plan : StackPlan
        What it holds.
    read : callable
        From a band and a grid to (layer, y, x) values, NaN where there are none.
    window : (int, int)
        Rows and columns to read at a time, multiples of 64.
    note : callable
        Told of every window that is done.

    Returns
    -------
    dict
        The packing that each band got.

    Raises
    ------
    JeoviewError
        If the disk is full or the folder locked.
    """
    with _whole(target) as folder:
        used = {band: _write_band(folder / band, plan, band, read, window, note) for band in plan.layers}
        _write_group(folder, plan, used)
    return used


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        try:
            unfinished.chmod(0o755)
            yield unfinished
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    except JeoviewError:
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise JeoviewError(
            f"the stack store {target.name!r} cannot be written: {reason}. Nothing was left behind"
        ) from error


def _write_band(
    folder: Path, plan: StackPlan, band: str, read: Read, window: tuple[int, int], note: Callable[[Grid], object]
) -> Packing:
    """Write all resolutions of a band, as float32 where the numbers turn out not to fit its packing."""
    packing = plan.packings[band]
    try:
        _write_levels(folder, plan, band, packing, read, window, note)
        return packing
    except TooLargeError:
        shutil.rmtree(folder)
        _write_levels(folder, plan, band, FLOAT, read, window, note)
        return FLOAT


def _write_levels(
    folder: Path,
    plan: StackPlan,
    band: str,
    packing: Packing,
    read: Read,
    window: tuple[int, int],
    note: Callable[[Grid], object],
) -> None:
    layers = plan.layers[band]
    pyramid_of = Pyramid(folder, (layers, *plan.shape), plan.overviews + 1, packing)
    with pyramid_of:
        for grid in plan.windows(*window):
            pyramid_of.add(read(band, grid), grid.row - plan.grid.row, grid.col - plan.grid.col)
            note(grid)


class ShardWriter:
    """One array: chunks one after the other, the index at the end."""

    def __init__(self, folder: Path, shape: tuple[int, int, int], packing: Packing) -> None:
        self._shape, self._packing = shape, packing
        self._index = np.full((-(-shape[1] // CHUNK), -(-shape[2] // CHUNK), 2), ABSENT, dtype="<u8")
        file = folder / "c" / "0" / "0" / "0"
        file.parent.mkdir(parents=True)
        (folder / "zarr.json").write_text(json.dumps(_array_metadata(shape, packing)))
        self._stream: BinaryIO = file.open("wb")

    def put(self, row: int, col: int, values: Array) -> None:
        """Append a chunk.

        Raises
        ------
        TooLargeError
            If a number does not fit.
        """
        packed = self._packing.pack(values)
        if packed is None:
            raise TooLargeError
        data = imagecodecs.blosc_encode(
            packed.tobytes(), level=5, compressor="lz4", shuffle="bitshuffle", typesize=packed.itemsize, numthreads=1
        )
        self._index[row, col] = self._stream.tell(), len(data)
        self._stream.write(data)

    def finish(self) -> None:
        """Write the index."""
        self._stream.write(self._index.tobytes())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


@dataclass
class _Part:
    """A block of an overview whose four quarters are not all there yet."""

    values: Array
    counts: NDArray[np.uint32]
    missing: int


class Pyramid:
    """All resolutions of a band, fed with windows of full resolution.

    Parameters
    ----------
    folder : Path
        Of the band.
    shape : (int, int, int)
        Layers, height, width.
    levels : int
        Number of resolutions.
    packing : Packing
        How the numbers are stored.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], levels: int, packing: Packing) -> None:
        layers, height, width = shape
        self._layers = layers
        self._dtype = np.dtype("complex64" if packing.dtype == "complex64" else "float32")
        self._shapes = [(layers, height >> k, width >> k) for k in range(levels)]
        self._writers = [ShardWriter(folder / str(k), size, packing) for k, size in enumerate(self._shapes)]
        self._parts: dict[tuple[int, int, int], _Part] = {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                for writer in self._writers:
                    writer.finish()
        finally:
            for writer in self._writers:
                writer.close()

    def add(self, values: Array, top: int, left: int) -> None:
        """Add (layer, y, x) values of full resolution, whose corner lies on a chunk's."""
        for row in range(0, values.shape[1], CHUNK):
            for col in range(0, values.shape[2], CHUNK):
                block = np.full((self._layers, CHUNK, CHUNK), np.nan, self._dtype)
                part = values[:, row : row + CHUNK, col : col + CHUNK]
                block[:, : part.shape[1], : part.shape[2]] = part
                counts = np.empty(block.shape, np.uint32)
                pyramid.count_valid(block, counts)
                self._put(0, (top + row) // CHUNK, (left + col) // CHUNK, _Part(block, counts, 0))

    def _put(self, level: int, row: int, col: int, block: _Part) -> None:
        if block.counts.any():
            self._writers[level].put(row, col, block.values)
        if level + 1 == len(self._writers):
            return
        key = level + 1, row // 2, col // 2
        parent = self._parts.pop(key, None) or self._begin(*key)
        quarter = np.s_[:, row % 2 * 32 : row % 2 * 32 + 32, col % 2 * 32 : col % 2 * 32 + 32]
        zero = np.zeros(1, np.result_type(self._dtype, np.float64))
        pyramid.halve(block.values, block.counts, zero, parent.values[quarter], parent.counts[quarter])
        parent.missing -= 1
        if parent.missing:
            self._parts[key] = parent
        else:
            self._put(*key, parent)

    def _begin(self, level: int, row: int, col: int) -> _Part:
        below = self._shapes[level - 1]
        rows, cols = (min(2, -(-size // CHUNK) - 2 * at) for size, at in zip(below[1:], (row, col), strict=True))
        shape = (self._layers, CHUNK, CHUNK)
        return _Part(np.full(shape, np.nan, self._dtype), np.zeros(shape, np.uint32), rows * cols)


def _array_metadata(shape: Sequence[int], packing: Packing) -> dict[str, Any]:
    layers, height, width = shape
    whole = [layers, *(-(-size // CHUNK) * CHUNK for size in (height, width))]
    fill: Any = {"float32": "NaN", "complex64": ["NaN", "NaN"]}.get(packing.dtype, packing.nodata)
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    plain = {"name": "bytes"} if packing.dtype == "uint8" else little
    size = np.dtype(packing.dtype).itemsize
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle", "typesize": size, "blocksize": 0}
    sharding = {
        "chunk_shape": [layers, CHUNK, CHUNK],
        "codecs": [plain, {"name": "blosc", "configuration": blosc}],
        "index_codecs": [little],
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [layers, height, width],
        "data_type": packing.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": whole}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": {"scale_factor": packing.scale, "_FillValue": fill},
        "dimension_names": ["layer", "y", "x"],
    }


def _write_group(folder: Path, plan: StackPlan, used: Mapping[str, Packing]) -> None:
    attributes = {
        "kind": KIND,
        "crs": plan.grid.crs,
        "transform": plan.grid.transform,
        "bands": dict.fromkeys(plan.layers, plan.overviews + 1),
        "largest_error": {band: packing.scale / 2 for band, packing in used.items() if packing.nodata is not None},
        **plan.attributes,
    }
    text = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes})
    (folder / "zarr.json").write_text(text)
