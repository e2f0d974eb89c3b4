"""The directory of a TIFF file: where its blocks are, how they are packed, and where its pixels lie.

Read by hand because opening through a library costs more than decoding a block. What is not
understood here makes `parse` return None, and the file goes through GDAL.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import SourceError

HEAD_BYTES = 65_536
MAX_DIRECTORIES = 64
MAX_ENTRIES = 4096
MAX_VALUES = 1 << 25

IMAGE_WIDTH, IMAGE_LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
SUBFILE, PIXEL_SCALE, TIEPOINT, TRANSFORMATION, GEO_KEYS, NODATA = 254, 33550, 33922, 34264, 34735, 42113
_WANTED = {
    *(IMAGE_WIDTH, IMAGE_LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP),
    *(
        STRIP_COUNTS,
        PLANAR,
        PREDICTOR,
        TILE_WIDTH,
        TILE_LENGTH,
        TILE_OFFSETS,
        TILE_COUNTS,
        EXTRA_SAMPLES,
        SAMPLE_FORMAT,
    ),
    *(SUBFILE, PIXEL_SCALE, TIEPOINT, TRANSFORMATION, GEO_KEYS, NODATA),
}

_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 11: "f4", 12: "f8"}
_TYPES |= {13: "u4", 16: "u8", 17: "i8", 18: "u8"}
CODECS = {1: "none", 5: "lzw", 8: "deflate", 32946: "deflate", 32773: "packbits", 34925: "lzma", 50000: "zstd"}
_FORMATS = {1: "u", 2: "i", 3: "f", 6: "c"}
_SUPPORTED = {"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "c8", "c16"}

Tags = dict[int, NDArray[Any]]


@dataclass(frozen=True)
class Image:
    """One directory: an image, an overview or a mask."""

    height: int
    width: int
    block_height: int
    block_width: int
    samples: int
    separate: bool
    dtype: np.dtype[Any]
    codec: str
    predictor: int
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    overview: bool
    tags: Tags


@dataclass(frozen=True)
class File:
    """Open file, its first bytes kept because directories usually stand there."""

    descriptor: int
    size: int
    head: bytes

    @classmethod
    def of(cls, descriptor: int) -> File:
        """Wrap a file descriptor; the caller closes it."""
        return cls(descriptor, os.fstat(descriptor).st_size, os.pread(descriptor, HEAD_BYTES, 0))

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes.

        Raises
        ------
        SourceError
            If the file ends before.
        """
        if offset < 0 or count < 0 or offset + count > self.size:
            raise SourceError(f"the file is truncated: it has {self.size} bytes, its directory points beyond")
        if offset + count <= len(self.head):
            return self.head[offset : offset + count]
        return os.pread(self.descriptor, count, offset)


def parse(file: File) -> list[Image] | None:
    """Return the images of a TIFF file; None where it is no TIFF, or one that only GDAL can read.

    Raises
    ------
    SourceError
        If the directory is damaged.
    """
    order = {b"II": "<", b"MM": ">"}.get(file.head[:2])
    if order is None or len(file.head) < 16:
        return None
    version = struct.unpack(order + "H", file.head[2:4])[0]
    if version not in (42, 43):
        return None
    try:
        images = [_image(tags, order) for tags in _directories(file, order, version == 43)]
    except (ValueError, OverflowError, struct.error) as error:
        raise SourceError("the TIFF directory is damaged: a tag holds no number") from error
    return None if not images or any(image is None for image in images) else [image for image in images if image]


def _directories(file: File, order: str, big: bool) -> Iterator[Tags]:
    pointer = "Q" if big else "I"
    offset = struct.unpack(order + pointer, file.head[8:16] if big else file.head[4:8])[0]
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= MAX_DIRECTORIES:
            raise SourceError("the TIFF directory is damaged: it goes round in circles")
        seen.add(offset)
        tags, offset = _directory(file, order, big, offset)
        yield tags


def _directory(file: File, order: str, big: bool, offset: int) -> tuple[Tags, int]:
    head, entry, pointer = (8, 20, "Q") if big else (2, 12, "I")
    count = struct.unpack(order + ("Q" if big else "H"), file.read(offset, head))[0]
    if count > MAX_ENTRIES:
        raise SourceError(f"the TIFF directory is damaged: it claims {count} entries")
    size = struct.calcsize(order + pointer)
    table = file.read(offset + head, count * entry + size)
    tags: Tags = {}
    for at in range(0, count * entry, entry):
        tag, kind, number = struct.unpack(order + "HH" + pointer, table[at : at + 4 + size])
        if tag not in _WANTED or kind not in _TYPES:
            continue
        dtype = np.dtype(order + _TYPES[kind])
        if number > MAX_VALUES:
            raise SourceError(f"the TIFF directory is damaged: tag {tag} claims {number} values")
        inline = table[at + 4 + size : at + entry]
        if number * dtype.itemsize > len(inline):
            inline = file.read(struct.unpack(order + pointer, inline)[0], number * dtype.itemsize)
        tags[tag] = np.frombuffer(inline, dtype, number)
    return tags, struct.unpack(order + pointer, table[-size:])[0]


def _first(tags: Tags, tag: int, default: int) -> int:
    values = tags.get(tag)
    return int(values[0]) if values is not None and len(values) else default


def _image(tags: Tags, order: str) -> Image | None:
    height, width = _first(tags, IMAGE_LENGTH, 0), _first(tags, IMAGE_WIDTH, 0)
    dtype, codec = _dtype(tags, order), CODECS.get(_first(tags, COMPRESSION, 1))
    predictor = _first(tags, PREDICTOR, 1)
    if height < 1 or width < 1:
        raise SourceError(f"the TIFF directory is damaged: the image is {width} x {height}")
    mask = bool(_first(tags, SUBFILE, 0) & 4)
    if mask or dtype is None or codec is None or predictor not in (1, 2, 3) or _first(tags, FILL_ORDER, 1) != 1:
        return None
    if _first(tags, PHOTOMETRIC, 1) not in (0, 1, 2, 3) or (predictor == 3 and dtype.kind != "f"):
        return None
    tiled = TILE_OFFSETS in tags
    block_height = _first(tags, TILE_LENGTH, 0) if tiled else min(_first(tags, ROWS_PER_STRIP, height), height)
    block_width = _first(tags, TILE_WIDTH, 0) if tiled else width
    offsets, counts = (
        tags.get(TILE_OFFSETS if tiled else STRIP_OFFSETS),
        tags.get(TILE_COUNTS if tiled else STRIP_COUNTS),
    )
    samples, separate = _first(tags, SAMPLES, 1), _first(tags, PLANAR, 1) == 2 and _first(tags, SAMPLES, 1) > 1
    if block_height < 1 or block_width < 1 or offsets is None or counts is None:
        raise SourceError("the TIFF directory is damaged: it does not say where the pixels are")
    blocks = -(-height // block_height) * -(-width // block_width) * (samples if separate else 1)
    if len(offsets) < blocks or len(counts) < blocks:
        raise SourceError(f"the TIFF directory is damaged: {blocks} blocks are expected, {len(offsets)} are listed")
    return Image(
        height=height,
        width=width,
        block_height=block_height,
        block_width=block_width,
        samples=samples,
        separate=separate,
        dtype=dtype,
        codec=codec,
        predictor=predictor,
        offsets=offsets.astype(np.int64),
        counts=counts.astype(np.int64),
        overview=bool(_first(tags, SUBFILE, 0) & 1),
        tags=tags,
    )


def _dtype(tags: Tags, order: str) -> np.dtype[Any] | None:
    bits = set(tags.get(BITS, np.array([1])).tolist())
    formats = set(tags.get(SAMPLE_FORMAT, np.array([1])).tolist())
    if len(bits) != 1 or len(formats) != 1:
        return None
    # Type 4 is "undefined"; GDAL takes it for unsigned.
    code = f"{_FORMATS.get(formats.pop(), 'x')}{bits.pop() / 8:g}"
    if code not in _SUPPORTED:
        return None
    return np.dtype(order + code)


def nodata(image: Image) -> float | None:
    """Return GDAL's nodata value of the file, None where it has none."""
    text = image.tags.get(NODATA)
    if text is None:
        return None
    try:
        return float(text.tobytes().split(b"\0")[0])
    except ValueError:
        return None


def affine(image: Image) -> tuple[float, float, float, float, float, float] | None:
    """Return x = a col + b row + c, y = d col + e row + f at pixel corners; None where the file has none."""
    matrix, scale, tie = (image.tags.get(tag) for tag in (TRANSFORMATION, PIXEL_SCALE, TIEPOINT))
    if scale is not None and tie is not None and len(scale) >= 2 and len(tie) == 6 and scale[0] and scale[1]:
        a, e = float(scale[0]), -abs(float(scale[1]))
        found = (a, 0.0, float(tie[3]) - a * float(tie[0]), 0.0, e, float(tie[4]) - e * float(tie[1]))
    elif matrix is not None and len(matrix) == 16:
        found = tuple(float(matrix[i]) for i in (0, 1, 3, 4, 5, 7))  # type: ignore[assignment]
    else:
        return None
    a, b, c, d, e, f = found
    if not all(math.isfinite(value) for value in found) or a * e - b * d == 0.0:
        raise SourceError("the TIFF directory is damaged: the geotransform makes no sense")
    if _geo_keys(image).get(1025) == 2:  # a pixel is its centre, not its area
        c, f = c - 0.5 * (a + b), f - 0.5 * (d + e)
    return a, b, c, d, e, f


def epsg(image: Image) -> str | None:
    """Return ``EPSG:n`` where the file names its reference system by a plain code, else None."""
    keys = _geo_keys(image)
    code = keys.get(3072) if keys.get(1024) == 1 else keys.get(2048) if keys.get(1024) == 2 else None
    return f"EPSG:{code}" if code and 1024 <= code < 32767 else None


def _geo_keys(image: Image) -> dict[int, int]:
    """Short keys of the GeoTIFF directory that stand in the directory itself."""
    table = image.tags.get(GEO_KEYS)
    if table is None or len(table) < 4:
        return {}
    rows = np.asarray(table[4 : 4 + 4 * int(table[3])], dtype=np.int64)
    rows = rows[: len(rows) // 4 * 4].reshape(-1, 4)
    return {int(key): int(value) for key, place, _, value in rows if place == 0}
