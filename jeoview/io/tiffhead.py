"""The head of a cloud-optimised GeoTIFF: everything that stands before its first tile.

Source: TIFF 6.0 (Adobe, 1992), BigTIFF, OGC GeoTIFF 1.1, and for the first bytes after the header GDAL's
"Cloud Optimized GeoTIFF" driver notes (LAYOUT=IFDS_BEFORE_DATA).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import rasterio
import tifffile
from rasterio.io import MemoryFile

from jeoview.io.write import CogProfile

TILE = 512
BITS, PHOTOMETRIC, SAMPLES, PLANES, SOFTWARE, PREDICTOR, COLOURS = 258, 262, 277, 284, 305, 317, 320
EXTRA_SAMPLES, SAMPLE_FORMAT, NODATA = 338, 339, 42113
PALETTE = 3
_GEO_TAGS = (34735, 34736, 34737)
_DEFLATE = 8
_CLASSIC_LIMIT = (1 << 32) - (1 << 16)
_SHORT, _LONG, _DOUBLE, _ASCII, _LONG8 = 3, 4, 12, 2, 16
_CODES = {_SHORT: "H", _LONG: "I", _DOUBLE: "d", _LONG8: "Q"}
# Size before and last bytes after each tile, see `jeoview.io.cog`.
_RECORD = 8
# The blank at the end leaves room for YES, which a program writes that edits the file in place.
_STRUCTURE = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_GHOST = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_STRUCTURE) + _STRUCTURE
_GHOST += b"\0" * (len(_GHOST) % 2)


class Tag(NamedTuple):
    """One entry of a directory: number, type, count of values, their bytes."""

    number: int
    type: int
    length: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Directory:
    """One image of the file.

    Parameters
    ----------
    size : (int, int)
        Height and width in pixels.
    counts : list of int
        Compressed bytes of each tile, row by row, plane after plane.
    tags : list of Tag
        What is not about size and tiles.
    """

    size: tuple[int, int]
    counts: list[int]
    tags: list[Tag]


def short(number: int, *values: int) -> Tag:
    """A tag of 16-bit whole numbers."""
    return _numbers(number, _SHORT, values)


def text(number: int, value: str) -> Tag:
    """A tag of text."""
    data = value.encode() + b"\0"
    return Tag(number, _ASCII, len(data), data)


def _numbers(number: int, kind: int, values: tuple[float, ...] | list[int]) -> Tag:
    return Tag(number, kind, len(values), struct.pack(f"<{len(values)}{_CODES[kind]}", *values))


OVERVIEW = _numbers(254, _LONG, [1])


def described(profile: CogProfile) -> list[Tag]:
    """Where the image lies, what its bands are called, and its metadata."""
    dx, dy = profile.grid.lattice.resolution
    west, _, _, north = profile.grid.bounds
    place = [_numbers(33550, _DOUBLE, (dx, dy, 0.0)), _numbers(33922, _DOUBLE, (0.0, 0.0, 0.0, west, north, 0.0))]
    return [*place, *_geo_tags(profile.grid.crs), text(42112, _metadata(profile)), text(SOFTWARE, "jeoview")]


@lru_cache(maxsize=32)
def _geo_tags(crs: str) -> tuple[Tag, ...]:
    """The reference system as GeoKeys, as GDAL writes them: it knows every system there is."""
    profile = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8", "crs": crs}
    with MemoryFile() as memory:
        with memory.open(**profile, transform=rasterio.Affine(1, 0, 2, 0, -1, 2)):
            pass
        data = bytes(memory.getbuffer())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        found = [file.pages.first.tags.get(number) for number in _GEO_TAGS]
        return tuple(
            text(tag.code, str(tag.value))
            if tag.dtype == _ASCII
            else _numbers(tag.code, int(tag.dtype), np.atleast_1d(tag.value).tolist())
            for tag in found
            if tag is not None
        )


def _metadata(profile: CogProfile) -> str:
    """GDAL's own XML."""
    items = [f"<Item name={quoteattr(name)}>{_escaped(value)}</Item>" for name, value in (profile.tags or {}).items()]
    for index, band in enumerate(profile.bands):
        about = (("DESCRIPTION", band.description), ("UNITTYPE", band.unit))
        items += [
            f'<Item name="{name}" sample="{index}" role="{name.lower()}">{_escaped(value)}</Item>'
            for name, value in about
            if value
        ]
    return "<GDALMetadata>\n  " + "\n  ".join(items) + "\n</GDALMetadata>\n"


def _escaped(value: str) -> str:
    """Escaped twice: GDAL undoes it once for XML and once more for itself."""
    return escape(escape(value, {'"': "&quot;"}))


def head(directories: list[Directory]) -> bytes:
    """Return header and directories, the full image first.

    The tiles are expected right behind, those of the last directory first, each with four bytes before
    and four after it.
    """
    room = sum(sum(directory.counts) + _RECORD * len(directory.counts) for directory in directories)
    size = len(_assembled(directories, big=False, first_tile=0))
    big = size + room > _CLASSIC_LIMIT
    if big:
        size = len(_assembled(directories, big=True, first_tile=0))
    return _assembled(directories, big=big, first_tile=size)


def _assembled(directories: list[Directory], *, big: bool, first_tile: int) -> bytes:
    first = (16 if big else 8) + len(_GHOST)
    header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, first) if big else struct.pack("<2sHI", b"II", 42, first)
    data = header + _GHOST
    for index, (directory, offsets) in enumerate(zip(directories, _offsets(directories, first_tile), strict=True)):
        last = index == len(directories) - 1
        data += _directory(_tags(directory, offsets, big=big), len(data), big=big, last=last)
    return data


def _offsets(directories: list[Directory], first_tile: int) -> list[list[int]]:
    position, found = first_tile, []
    for directory in reversed(directories):
        offsets = []
        for count in directory.counts:
            offsets.append(position + 4)
            position += count + _RECORD
        found.append(offsets)
    return found[::-1]


def _tags(directory: Directory, offsets: list[int], *, big: bool) -> list[Tag]:
    height, width = directory.size
    own = [
        _numbers(256, _LONG, [width]),
        _numbers(257, _LONG, [height]),
        short(259, _DEFLATE),
        short(322, TILE),
        short(323, TILE),
        # Before the sizes are known to need it, a position may not fit four bytes: only the length counts then.
        _numbers(324, _LONG8, offsets) if big else _numbers(324, _LONG, [offset & 0xFFFFFFFF for offset in offsets]),
        _numbers(325, _LONG, directory.counts),
    ]
    return sorted([*own, *directory.tags])


def _directory(tags: list[Tag], position: int, *, big: bool, last: bool) -> bytes:
    """Entries, the place of the next directory, and the values that do not fit an entry."""
    inline, count, entry = (8, "<Q", "<HHQ") if big else (4, "<H", "<HHI")
    pointer = "<Q" if big else "<I"
    size = struct.calcsize(count) + len(tags) * (struct.calcsize(entry) + inline) + inline
    entries, values = struct.pack(count, len(tags)), b""
    for tag in tags:
        entries += struct.pack(entry, tag.number, tag.type, tag.length)
        if len(tag.data) <= inline:
            entries += tag.data.ljust(inline, b"\0")
        else:
            entries += struct.pack(pointer, position + size + len(values))
            values += tag.data + b"\0" * (-len(tag.data) % 8)
    end = position + size + len(values)
    end += -end % 8
    body = entries + struct.pack(pointer, 0 if last else end) + values
    return body.ljust(end - position, b"\0")
