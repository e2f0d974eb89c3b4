"""Plain binary rasters: numbers row by row, nothing else; how they lie in the file is said beside it.

A band of an item carries the layout as the name of its variable (``raw:`` and JSON).
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config

from jeoview.errors import ParameterError, SourceError
from jeoview.io import access
from jeoview.io.blocks import Level
from jeoview.io.decode import decoded_dtype
from jeoview.io.gdal import UNPLACED
from jeoview.projection import canonical_crs
from jeoview.warp import Affine, Placement

Array = NDArray[Any]
PREFIX = "raw:"
# About a megabyte of complex numbers: few system calls for a part of a wide image.
BLOCK = (128, 1024)
_ITEMS = {
    "complex_float32": "c8",
    "complex_int16": "i2",
    "float32": "f4",
    "float64": "f8",
    "int16": "i2",
    "uint8": "u1",
}
Size = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]


def _with_an_area(values: Affine) -> Affine:
    a, b, _, d, e, _ = values
    if not all(map(math.isfinite, values)) or a * e - b * d == 0.0:
        raise ValueError("expected six finite numbers (a, b, c, d, e, f) of pixels that have an area")
    return values


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class RawLayout:
    """How a raster lies in a plain binary file.

    Parameters
    ----------
    type : str
        ``complex_float32``, ``complex_int16`` (real and imaginary part in turns), ``float32``, ``float64``, ``int16``
        or ``uint8``.
    lines, samples : int
        Rows and columns.
    byte_order : {"little", "big"}
        GAMMA writes big-endian numbers, DORIS and ISCE those of the machine, little-endian today.
    offset : int
        Bytes before the first number.
    crs : str, optional
        Reference system of a raster on a map.
    transform : six floats, optional
        (a, b, c, d, e, f): x = a col + b row + c, y = d col + e row + f, at pixel corners.
    """

    type: Literal["complex_float32", "complex_int16", "float32", "float64", "int16", "uint8"]
    lines: Size
    samples: Size
    byte_order: Literal["little", "big"] = "little"
    offset: Annotated[int, Field(ge=0, le=1 << 40, strict=True)] = 0
    crs: Annotated[str, AfterValidator(canonical_crs)] | None = None
    transform: Annotated[Affine, AfterValidator(_with_an_area)] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.lines, self.samples

    @property
    def is_complex(self) -> bool:
        """Whether the pixels are complex numbers."""
        return self.type.startswith("complex")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers; of complex integers that of one part."""
        return np.dtype(_ITEMS[self.type]).newbyteorder("<" if self.byte_order == "little" else ">")

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel."""
        return self.dtype.itemsize * (2 if self.type == "complex_int16" else 1)

    @property
    def place(self) -> dict[str, Any] | None:
        """STAC's projection properties, where it lies on a map."""
        if self.crs is None or self.transform is None:
            return None
        crs = {"proj:code": self.crs} if self.crs.startswith("EPSG:") else {"proj:code": None, "proj:wkt2": self.crs}
        return {**crs, "proj:shape": list(self.shape), "proj:transform": list(self.transform)}

    @property
    def variable(self) -> str:
        """The layout as a band's variable says it."""
        return PREFIX + json.dumps({name: value for name, value in asdict(self).items() if value is not None})


_LAYOUT = TypeAdapter(RawLayout)


def layout_of(variable: str | None) -> RawLayout | None:
    """The layout that the name of a variable says; None where it says none.

    Raises
    ------
    SourceError
        If it is malformed.
    """
    if variable is None or not variable.startswith(PREFIX):
        return None
    try:
        return _LAYOUT.validate_json(variable.removeprefix(PREFIX))
    except (ValidationError, ParameterError) as error:
        raise SourceError("what is said of the layout of a plain binary file is not well formed") from error


def check_raw(path: Path, layout: RawLayout) -> None:
    """Make sure that a file holds as many bytes as its layout says.

    Raises
    ------
    SourceError
        If not.
    """
    found, wanted = path.stat().st_size, layout.offset + layout.lines * layout.samples * layout.pixel_bytes
    if found != wanted:
        raise SourceError(
            f"{path.name} has {found:,} bytes; {layout.lines} lines of {layout.samples} samples of {layout.type} after "
            f"{layout.offset} bytes are {wanted:,}"
        )


@dataclass(frozen=True)
class RawRaster:
    """A `BlockSource` of a plain binary file, read by windows."""

    version: access.Version
    layout: RawLayout
    placement: Placement
    levels: tuple[Level, ...]
    dtype: np.dtype[Any]
    bands: int = 1

    def load(self, level: int, row: int, col: int, band: int) -> Array | None:  # noqa: ARG002 - one of each
        """Decode a block: see `BlockSource`."""
        shape, about = self.levels[0], self.layout
        top, left = row * shape.block_height, col * shape.block_width
        height, width = min(shape.block_height, shape.height - top), min(shape.block_width, shape.width - left)
        block = np.zeros((shape.block_height, shape.block_width), self.dtype)
        block[:height, :width] = _numbers(b"".join(self._rows(top, left, height, width)), about).reshape(height, width)
        return block

    def _rows(self, top: int, left: int, height: int, width: int) -> list[bytes]:
        """A window row by row. Not mapped into memory: a file that is cut off meanwhile would end the process."""
        about = self.layout
        size, stride = width * about.pixel_bytes, about.samples * about.pixel_bytes
        first = about.offset + top * stride + left * about.pixel_bytes
        try:
            descriptor = os.open(self.version.path, os.O_RDONLY)
            try:
                access.check_descriptor(descriptor, self.version)
                rows = [os.pread(descriptor, size, first + i * stride) for i in range(height)]
            finally:
                os.close(descriptor)
        except SourceError:
            raise
        except OSError as error:
            raise SourceError(access.gone(error)) from error
        if any(len(row) < size for row in rows):
            raise SourceError("the file is truncated: it holds fewer bytes than its description says")
        return rows


def _numbers(data: bytes, about: RawLayout) -> Array:
    stored = np.frombuffer(data, about.dtype)
    if about.type == "complex_int16":
        return stored.astype(np.float32).view(np.complex64)
    return stored


def open_raw(version: access.Version, layout: RawLayout) -> RawRaster:
    """Open a plain binary file.

    Raises
    ------
    SourceError
        If it is not as long as its layout says.
    """
    check_raw(version.path, layout)
    by_pixel: Affine = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
    placed = layout.crs is not None and layout.transform is not None
    crs, affine = (layout.crs, layout.transform) if placed else (UNPLACED, by_pixel)
    height, width = min(BLOCK[0], layout.lines), min(BLOCK[1], layout.samples)
    dtype = np.dtype(np.complex64) if layout.is_complex else decoded_dtype(layout.dtype.newbyteorder("="))
    level = Level(layout.lines, layout.samples, height, width, 1, width, 1, 0)
    placement = Placement(str(crs), affine or by_pixel, layout.lines, layout.samples)
    return RawRaster(version, layout, placement, (level,), dtype)
