"""Stack stores: many layers of one band, all of them side by side for a small square of the ground.

A folder of Zarr version 3, one array for each band and resolution, each in one file (a shard) of chunks
(layer, 64, 64), packed by Blosc. A tile of 400 interferograms is a few reads, where 400 files would
be asked one by one. The directory is read by hand: opening it through a library costs more than a tile.
Blosc has no check sums, so that damage might come out as other numbers: each array has a file of them (CRC-32).

Source: Zarr core specification version 3, and its sharding codec, version 1.0; C-Blosc 1 chunk format.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from jeoview.errors import SourceError
from jeoview.io import access
from jeoview.io.blocks import Level
from jeoview.io.etag import stat_etag
from jeoview.warp import Placement

Array = NDArray[Any]
CHUNK = 64
KIND = "jeoview stack"
ABSENT = np.iinfo(np.uint64).max
DTYPES = ("uint8", "int16", "float32", "complex64")
_BLOSC_HEADER = 16
# The check sums of an array: one a chunk, and one of these, the index and the description together.
SUMS = "sums"


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """The file of one array, and where its chunks are in it.

    Parameters
    ----------
    path : Path
        The file.
    etag : str
        Its version.
    index : (chunk rows, chunk columns, 2) uint64
        Offset and size of every chunk; `ABSENT` where a chunk holds nothing.
    sums : (chunk rows, chunk columns) uint32
        CRC-32 of the bytes of every chunk.
    """

    path: Path
    etag: str
    index: NDArray[np.uint64]
    sums: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class StackSource:
    """One band of a stack store as a `BlockSource`, whose bands are the layers; it holds no open file."""

    store: Path
    placement: Placement
    levels: tuple[Level, ...]
    bands: int
    dtype: np.dtype[Any]
    shards: tuple[Shard, ...]

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:  # noqa: ARG002 - a block holds all
        """Decode a block of all layers: see `BlockSource`."""
        shard = self.shards[level]
        offset, size = (int(number) for number in shard.index[row, col])
        if offset == ABSENT:
            return None
        data = _read(shard, offset, size)
        if zlib.crc32(data) != shard.sums[row, col]:
            raise _damaged(self.store)
        return unpacked(data, (self.bands, CHUNK, CHUNK), self.dtype)


def is_stack(folder: Path) -> bool:
    """Whether a folder is a stack store."""
    return _about(folder) is not None


def open_stack(version: access.Version, band: str | None) -> StackSource | None:
    """Open one band of a stack store; None where a folder is something else.

    Raises
    ------
    SourceError
        If it is damaged, or has no such band.
    """
    about = _about(version.path)
    if about is None:
        return None
    if band not in about["bands"]:
        raise SourceError(f"the stack store has no band {band!r}")
    try:
        return _open(version.path, str(band), about)
    except OSError as error:
        raise SourceError(access.gone(error)) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _damaged(version.path) from error


@dataclass(frozen=True, slots=True)
class StoredBand:
    """How the numbers of a band are stored.

    Parameters
    ----------
    dtype : str
        Of a number.
    scale : float
        Value = scale * number.
    nodata : float, optional
        Number that stands for NaN.
    shape : (int, int)
        Rows and columns.
    transform : six floats
        Where they lie.
    """

    dtype: str
    scale: float
    nodata: float | None
    shape: tuple[int, int]
    transform: tuple[float, ...]


def stored_bands(folder: Path) -> dict[str, StoredBand]:
    """The bands of a stack store.

    Raises
    ------
    SourceError
        If it is damaged.
    """
    try:
        about = json.loads((folder / "zarr.json").read_bytes())["attributes"]
        return {band: _stored(folder / band / "0", about) for band in about["bands"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(_DAMAGED) from error


def _stored(folder: Path, about: dict[str, Any]) -> StoredBand:
    array = json.loads((folder / "zarr.json").read_bytes())
    _, height, width = array["shape"]
    fill, scale = array["fill_value"], float(array["attributes"]["scale_factor"])
    nodata = float(fill) if isinstance(fill, int) else None
    return StoredBand(array["data_type"], scale, nodata, (height, width), tuple(about["transform"]))


def mark_of(store: Path) -> Path:
    """The file beside a store that says that a reader has found damage; `cache_stack` looks for it."""
    return store.with_name(f".{store.name}.damaged")


_DAMAGED = "the copy of the stack is damaged; the same cache_stack() again makes the damaged part anew"


def _damaged(store: Path) -> SourceError:
    # Who may not write here cannot mend it either.
    with suppress(OSError):
        mark_of(store).touch()
    return SourceError(_DAMAGED)


def _about(folder: Path) -> dict[str, Any] | None:
    try:
        attributes = json.loads((folder / "zarr.json").read_bytes()).get("attributes", {})
        return attributes if attributes.get("kind") == KIND else None
    except (OSError, ValueError, AttributeError):
        return None


def _open(store: Path, band: str, about: dict[str, Any]) -> StackSource:
    shards, levels = [], []
    for level in range(int(about["bands"][band])):
        folder = store / band / str(level)
        array = json.loads((folder / "zarr.json").read_bytes())
        layers, height, width = (int(size) for size in array["shape"])
        shards.append(open_shard(folder, -(-height // CHUNK), -(-width // CHUNK)))
        levels.append(Level(height, width, CHUNK, CHUNK, layers, CHUNK, 1, CHUNK * CHUNK))
    if array["data_type"] not in DTYPES:
        raise ValueError(array["data_type"])
    a, b, c, d, e, f = (float(number) for number in about["transform"])
    placement = Placement(str(about["crs"]), (a, b, c, d, e, f), levels[0].height, levels[0].width)
    return StackSource(store, placement, tuple(levels), layers, np.dtype(array["data_type"]), tuple(shards))


def open_shard(folder: Path, rows: int, cols: int) -> Shard:
    """The shard of an array, by its folder and numbers of chunks.

    Raises
    ------
    OSError
        If there is none.
    ValueError
        If its index is damaged.
    """
    path = folder / "c" / "0" / "0" / "0"
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        size = rows * cols * 16
        stream.seek(max(status.st_size - size, 0))
        table = stream.read()
    *sums, last = np.frombuffer((folder / SUMS).read_bytes(), dtype="<u4")
    chunks = np.array(sums, dtype="<u4").reshape(rows, cols)
    if last_sum(chunks, table, (folder / "zarr.json").read_bytes()) != last:
        raise ValueError("the index or the description is not that of the check sums")
    index = np.frombuffer(table, dtype="<u8").astype(np.uint64).reshape(rows, cols, 2)
    return Shard(path, stat_etag(status.st_size, status.st_mtime_ns), index, chunks)


def last_sum(sums: NDArray[np.uint32], index: bytes, about: bytes) -> int:
    """The last check sum of an array: of those of its chunks, of its index and of its description."""
    return zlib.crc32(about, zlib.crc32(index, zlib.crc32(sums.tobytes())))


def _read(shard: Shard, offset: int, size: int) -> bytes:
    try:
        descriptor = os.open(shard.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(access.gone(error)) from error
    try:
        access.check_descriptor(descriptor, access.Version(shard.path, shard.etag))
        data = os.pread(descriptor, size, offset) if size < 1 << 31 else b""
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise SourceError(_DAMAGED)
    return data


def unpacked(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """The numbers of a chunk.

    Raises
    ------
    SourceError
        If it is damaged.
    """
    block = np.empty(shape, dtype)
    # Its own header says how much comes out; a damaged one must not write beyond the block.
    said = int.from_bytes(data[4:8], "little") if len(data) >= _BLOSC_HEADER else -1
    if said != block.nbytes:
        raise SourceError(_DAMAGED)
    try:
        imagecodecs.blosc_decode(data, numthreads=1, out=block.reshape(-1).view(np.uint8).data)
    except (RuntimeError, ValueError) as error:
        raise SourceError(_DAMAGED) from error
    return block
