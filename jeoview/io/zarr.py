"""Plain Zarr arrays, by row and column: complex numbers and version 3, which GDAL does not read.

Source: Zarr storage specification 2; Zarr core specification 3.0 with the codecs bytes, gzip, zstd, blosc, crc32c. What is
stored in another way (shards, filters, Fortran order) is left to GDAL.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from jeoview.errors import SourceError
from jeoview.io import access
from jeoview.io.blocks import Level
from jeoview.io.decode import decoded_dtype
from jeoview.io.gdal import UNPLACED
from jeoview.warp import Placement

Array = NDArray[Any]
MAX_TEXT = 1 << 20
MAX_CHUNK_BYTES = 1 << 28
_DECODERS: Mapping[str, Callable[..., Any]] = {
    "zlib": imagecodecs.zlib_decode,
    "gzip": imagecodecs.gzip_decode,
    "zstd": imagecodecs.zstd_decode,
    "blosc": imagecodecs.blosc_decode,
    "lz4": imagecodecs.lz4_decode,
}


@dataclass(frozen=True, slots=True)
class ZarrArray:
    """How a two-dimensional array is stored.

    Parameters
    ----------
    shape, chunks : (int, int)
        Rows and columns.
    dtype : numpy dtype
        As stored, with its order of bytes.
    codecs : tuple of str
        What undoes the packing of a chunk, first step first; ``crc32c`` is four bytes at the end.
    fill : complex
        Value of a chunk that was never written.
    prefix, separator : str
        Name of a chunk: prefix, row, separator, column.
    """

    shape: tuple[int, int]
    chunks: tuple[int, int]
    dtype: np.dtype[Any]
    codecs: tuple[str, ...]
    fill: complex
    prefix: str
    separator: str

    @property
    def is_complex(self) -> bool:
        """Whether the pixels are complex numbers."""
        return self.dtype.kind == "c"


@dataclass(frozen=True)
class ZarrRaster:
    """A `BlockSource` whose blocks are the chunks of an array."""

    folder: Path
    about: ZarrArray
    placement: Placement
    levels: tuple[Level, ...]
    dtype: np.dtype[Any]
    bands: int = 1

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:  # noqa: ARG002 - one of each
        """Decode a block: see `BlockSource`."""
        about = self.about
        path = self.folder / f"{about.prefix}{row}{about.separator}{col}"
        if not path.is_file():
            return np.full(about.chunks, about.fill if about.is_complex else about.fill.real).astype(self.dtype)
        needed = about.chunks[0] * about.chunks[1] * about.dtype.itemsize
        try:
            packed = path.read_bytes()
            for codec in about.codecs:
                packed = packed[:-4] if codec == "crc32c" else bytes(_DECODERS[codec](packed))
        except OSError as error:
            raise SourceError(access.gone(error)) from error
        except (RuntimeError, ValueError) as error:
            raise SourceError("the file is corrupt: a Zarr chunk does not decode") from error
        if len(packed) != needed:
            raise SourceError(f"the file is corrupt: a Zarr chunk holds {len(packed)} bytes of {needed}")
        return np.frombuffer(packed, about.dtype).reshape(about.chunks).astype(self.dtype)


def open_zarr(version: access.Version, variable: str | None) -> ZarrRaster | None:
    """Open an array of a group; None where it is not one that is read here.

    Raises
    ------
    SourceError
        If its description is damaged.
    """
    about = None if variable is None else describe_zarr(version.path, variable)
    if about is None or variable is None:
        return None
    height, width = about.shape
    placement = Placement(UNPLACED, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), height, width)
    level = Level(height, width, *about.chunks, 1, about.chunks[1], 1, 0)
    return ZarrRaster(version.path / variable, about, placement, (level,), decoded_dtype(about.dtype.newbyteorder("=")))


def describe_zarr(group: Path, variable: str) -> ZarrArray | None:
    """How an array of a group is stored; None where it is not one that is read here.

    Raises
    ------
    SourceError
        If its description is damaged.
    """
    folder = (group / variable).resolve()
    if not folder.is_relative_to(group.resolve()):
        return None
    for name, parse in ((".zarray", _version_2), ("zarr.json", _version_3)):
        text = folder / name
        if text.is_file() and text.stat().st_size <= MAX_TEXT:
            try:
                about = parse(json.loads(text.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise SourceError(f"the description of the Zarr array {variable!r} is damaged") from error
            return about if about is not None and _is_readable(about) else None
    return None


def _is_readable(about: ZarrArray) -> bool:
    size = about.chunks[0] * about.chunks[1] * about.dtype.itemsize
    sound = min(about.shape) > 0 and min(about.chunks) > 0 and size <= MAX_CHUNK_BYTES
    return sound and about.dtype.kind in "uifc" and all(codec in (*_DECODERS, "crc32c") for codec in about.codecs)


def _version_2(about: Mapping[str, Any]) -> ZarrArray | None:
    if len(about["shape"]) != 2 or about.get("filters") or about["order"] != "C":
        return None
    codecs = () if about["compressor"] is None else (str(about["compressor"]["id"]),)
    fill, separator = _fill(about["fill_value"]), str(about.get("dimension_separator", "."))
    return ZarrArray(
        _pair(about["shape"]), _pair(about["chunks"]), np.dtype(about["dtype"]), codecs, fill, "", separator
    )


def _version_3(about: Mapping[str, Any]) -> ZarrArray | None:
    grid, keys, codecs = about["chunk_grid"], about["chunk_key_encoding"], about["codecs"]
    if about["node_type"] != "array" or len(about["shape"]) != 2 or grid["name"] != "regular":
        return None
    if codecs[0]["name"] != "bytes" or about.get("storage_transformers"):
        return None
    big = codecs[0].get("configuration", {}).get("endian") == "big"
    dtype = np.dtype(about["data_type"]).newbyteorder(">" if big else "<")
    default = keys["name"] == "default"
    separator = str(keys.get("configuration", {}).get("separator", "/" if default else "."))
    packing = tuple(str(codec["name"]) for codec in reversed(codecs[1:]))
    chunks = _pair(grid["configuration"]["chunk_shape"])
    prefix = f"c{separator}" if default else ""
    return ZarrArray(_pair(about["shape"]), chunks, dtype, packing, _fill(about["fill_value"]), prefix, separator)


def _pair(values: Any) -> tuple[int, int]:
    rows, cols = values
    return int(rows), int(cols)


def _fill(value: Any) -> complex:
    """A fill value as JSON has it: a number, null, text such as NaN, or two of these for a complex number."""
    if isinstance(value, list):
        real, imaginary = value
        return complex(float(real), float(imaginary))
    return complex(0.0 if value is None else float(value))
