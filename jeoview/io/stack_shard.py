"""Writes the files of a stack store: one array, chunk by chunk, and all resolutions of a band.

A block of an overview is made when its four parts are, so that memory holds few unfinished blocks of each overview,
whatever the number of pixels. An overview's pixel is the mean of the valid pixels of full resolution, as they are
stored, in its square of 2, 4, 8 ... pixels, counted from the upper left corner of the stack: so the overviews can be
made again from what is stored, to the bit.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from jeoview.io.stack import ABSENT, CHUNK, SUMS, last_sum
from jeoview.io.stack_plan import Packing
from jeoview.kernels import pyramid

Array = NDArray[Any]


class TooLargeError(Exception):
    """A number does not fit into the packing of its band."""


class Record(NamedTuple):
    """A chunk that was written: which one, where in its file, and the check sum (CRC-32) of its bytes."""

    level: int
    row: int
    col: int
    offset: int
    size: int
    crc: int


def shard_file(band: Path, level: int) -> Path:
    """The one file of the chunks of a resolution."""
    return band / str(level) / "c" / "0" / "0" / "0"


def is_as_written(file: BinaryIO, one: Record) -> bool:
    """Whether the bytes of a chunk are those of its check sum."""
    return zlib.crc32(os.pread(file.fileno(), one.size, one.offset)) == one.crc


def write_json(path: Path, about: Any) -> None:
    """Write a small file, and wait until it is on the disk."""
    _write(path, json.dumps(about).encode())


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class ShardWriter:
    """One array: chunks one after the other, the index at the end.

    Parameters
    ----------
    band : Path
        Folder of the band.
    level : int
        Number of the resolution.
    shape : (int, int, int)
        Layers, height, width.
    packing : Packing
        How the numbers are stored.
    known : iterable of Record
        Chunks that are there already; what follows them in the file is cut off.
    """

    def __init__(
        self, band: Path, level: int, shape: tuple[int, int, int], packing: Packing, known: Iterable[Record] = ()
    ) -> None:
        self._level, self._folder = level, band / str(level)
        self._about = array_metadata(level, shape, packing)
        self._index = np.full((-(-shape[1] // CHUNK), -(-shape[2] // CHUNK), 2), ABSENT, dtype="<u8")
        self._sums = np.zeros(self._index.shape[:2], dtype="<u4")
        for one in known:
            self._note(one)
        file = shard_file(band, level)
        file.parent.mkdir(parents=True, exist_ok=True)
        held = self._index[self._index[..., 0] != ABSENT]
        # Counted here: to ask the file would empty its buffer.
        self._end = int(held.sum(axis=1).max(initial=0))
        self._stream: BinaryIO = file.open("r+b" if file.exists() else "w+b")
        self._stream.truncate(self._end)
        self._stream.seek(self._end)

    def put(self, row: int, col: int, packed: Array) -> Record:
        """Append a chunk of stored numbers."""
        data = imagecodecs.blosc_encode(
            packed.tobytes(), level=5, compressor="lz4", shuffle="bitshuffle", typesize=packed.itemsize, numthreads=1
        )
        record = Record(self._level, row, col, self._end, len(data), zlib.crc32(data))
        self._stream.write(data)
        self._note(record)
        self._end += len(data)
        return record

    def _note(self, one: Record) -> None:
        self._index[one.row, one.col] = one.offset, one.size
        self._sums[one.row, one.col] = one.crc

    def has(self, row: int, col: int) -> bool:
        """Whether a chunk is there."""
        return bool(self._index[row, col, 0] != ABSENT)

    def flush(self) -> None:
        """Hand what was put to the system."""
        self._stream.flush()

    def finish(self) -> None:
        """Write the index, the check sums and the description, and wait until all is on the disk."""
        index = self._index.tobytes()
        self._stream.write(index)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        about = json.dumps(self._about).encode()
        last = last_sum(self._sums, index, about)
        _write(self._folder / SUMS, self._sums.tobytes() + last.to_bytes(4, "little"))
        _write(self._folder / "zarr.json", about)

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
    """All resolutions of a band, fed with windows of full resolution; what is there already is not written again.

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
    known : sequence of Record
        Chunks that are there.
    """

    def __init__(
        self, folder: Path, shape: tuple[int, int, int], levels: int, packing: Packing, known: Sequence[Record] = ()
    ) -> None:
        layers, height, width = shape
        self._layers, self._packing = layers, packing
        self._shapes = [(layers, height >> k, width >> k) for k in range(levels)]
        self._writers = [
            ShardWriter(folder, k, size, packing, [one for one in known if one.level == k])
            for k, size in enumerate(self._shapes)
        ]
        self._parts: dict[tuple[int, int, int], _Part] = {}
        self._written: list[Record] = []

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with ExitStack() as closing:
            for writer in self._writers:
                # On a full disk to close one fails too, and the others are to be closed all the same.
                closing.callback(writer.close)
            if kind is None:
                for writer in self._writers:
                    writer.finish()

    def add(self, values: Array, top: int, left: int) -> list[Record]:
        """Add (layer, y, x) values of full resolution, whose corner lies on a chunk's; the chunks that were written.

        Raises
        ------
        TooLargeError
            If a number does not fit.
        """
        self._written = []
        for row in range(0, values.shape[1], CHUNK):
            for col in range(0, values.shape[2], CHUNK):
                block = np.full((self._layers, CHUNK, CHUNK), np.nan, self._packing.values)
                part = values[:, row : row + CHUNK, col : col + CHUNK]
                block[:, : part.shape[1], : part.shape[2]] = part
                self._start((top + row) // CHUNK, (left + col) // CHUNK, block)
        for writer in self._writers:
            writer.flush()
        return self._written

    def _start(self, row: int, col: int, values: Array) -> None:
        writer = self._writers[0]
        counts = np.empty(values.shape, np.uint32)
        pyramid.count_valid(values, counts)
        if not writer.has(row, col) and counts.any():
            packed = self._packed(values)
            self._written.append(writer.put(row, col, packed))
            values = self._packing.unpack(packed)
        self._hand_up(0, row, col, _Part(values, counts, 0))

    def _put(self, level: int, row: int, col: int, block: _Part) -> None:
        writer = self._writers[level]
        if not writer.has(row, col) and block.counts.any():
            self._written.append(writer.put(row, col, self._packed(block.values)))
        self._hand_up(level, row, col, block)

    def _hand_up(self, level: int, row: int, col: int, block: _Part) -> None:
        if level + 1 == len(self._writers):
            return
        key = level + 1, row // 2, col // 2
        parent = self._parts.pop(key, None) or self._begin(*key)
        quarter = np.s_[:, row % 2 * 32 : row % 2 * 32 + 32, col % 2 * 32 : col % 2 * 32 + 32]
        zero = np.zeros(1, np.result_type(self._packing.values, np.float64))
        pyramid.halve(block.values, block.counts, zero, parent.values[quarter], parent.counts[quarter])
        parent.missing -= 1
        if parent.missing:
            self._parts[key] = parent
        else:
            self._put(*key, parent)

    def _packed(self, values: Array) -> Array:
        packed = self._packing.pack(values)
        if packed is None:
            raise TooLargeError
        return packed

    def _begin(self, level: int, row: int, col: int) -> _Part:
        below = self._shapes[level - 1]
        rows, cols = (min(2, -(-size // CHUNK) - 2 * at) for size, at in zip(below[1:], (row, col), strict=True))
        shape = (self._layers, CHUNK, CHUNK)
        return _Part(np.full(shape, np.nan, self._packing.values), np.zeros(shape, np.uint32), rows * cols)


def array_metadata(level: int, shape: Sequence[int], packing: Packing) -> dict[str, Any]:
    """The description of an array, by the rules of Zarr.

    Parameters
    ----------
    level : int
        Number of the resolution, of which the names of the dimensions tell: in one group a name has one length.
    shape : sequence of int
        Layers, height, width.
    packing : Packing
        How the numbers are stored.
    """
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
        "dimension_names": ["layer", *(f"{name}_{1 << level}" if level else name for name in "yx")],
    }
