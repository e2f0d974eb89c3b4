"""Rasters as the bytes of a picture or a file: PNG, WebP, NPY, GeoTIFF."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from jeoview.errors import ParameterError
from jeoview.io.png import palette_png, rgba_png
from jeoview.raster import Kind, Raster

MEDIA_TYPES = {"png": "image/png", "webp": "image/webp", "npy": "application/x-npy", "tif": "image/tiff"}


def encode(raster: Raster, format: str) -> bytes:  # noqa: A002 - the word of the tile's address
    """Encode a raster.

    Parameters
    ----------
    raster : Raster
        Colour for ``png`` and ``webp``; any kind for ``npy`` and ``tif``.
    format : {"png", "webp", "npy", "tif"}
        As at the end of a tile's address.

    Raises
    ------
    ParameterError
        If the format is not known, or a picture is asked of values.
    """
    if format not in _ENCODERS:
        raise ParameterError(f"the format is {format!r}; expected one of {', '.join(_ENCODERS)}")
    return _ENCODERS[format](raster)


def encode_png(raster: Raster) -> bytes:
    """Encode colour as PNG, with 8-bit palette where the raster has one; lossless.

    Raises
    ------
    ParameterError
        If the raster is not colour.
    """
    _check_colour(raster, "PNG")
    if raster.palette is not None:
        return palette_png(raster.array[0], raster.palette)
    return rgba_png(raster.array)


def encode_webp(raster: Raster) -> bytes:
    """Encode colour as lossless WebP (the colour under full transparency is not kept).

    Raises
    ------
    ParameterError
        If the raster is not colour.
    """
    _check_colour(raster, "WebP")
    pixels = np.ascontiguousarray(raster.rgba().transpose(1, 2, 0))
    return bytes(imagecodecs.webp_encode(pixels, level=0, lossless=True, method=0))


def encode_npy(raster: Raster) -> bytes:
    """Encode the array as numpy's NPY; colour as (4, y, x) red, green, blue, alpha."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(_values(raster)), allow_pickle=False)
    return stream.getvalue()


def encode_geotiff(raster: Raster, tags: Mapping[str, str] | None = None) -> bytes:
    """Encode as a small GeoTIFF with reference system, NaN as nodata, and band names.

    Parameters
    ----------
    raster : Raster
        The bands of a series follow each other date by date, named ``date band``.
    tags : mapping, optional
        Metadata of the file.
    """
    values = _values(raster)
    layers = values.reshape(-1, *raster.grid.shape)
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": len(layers),
        "height": raster.grid.height,
        "width": raster.grid.width,
        "dtype": layers.dtype.name,
        "crs": raster.grid.crs,
        "transform": Affine(*raster.grid.transform),
        "compress": "deflate",
        "interleave": "band",
    }
    if layers.dtype.kind in "fc":
        profile |= {"nodata": np.nan, "predictor": 3 if layers.dtype.kind == "f" else 1}
    if raster.kind is Kind.COLOUR:
        profile |= {"photometric": "RGB", "alpha": "YES"}
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(layers)
            file.descriptions = _names(raster)
            file.update_tags(**(tags or {}))
        return bytes(memory.getbuffer())


def _values(raster: Raster) -> NDArray[Any]:
    return raster.rgba() if raster.kind is Kind.COLOUR else raster.array


def _names(raster: Raster) -> tuple[str, ...]:
    if raster.kind is Kind.COLOUR:
        return ("red", "green", "blue", "alpha")
    if raster.kind is Kind.SERIES:
        return tuple(f"{date} {band}" for date in raster.dates for band in raster.bands)
    return raster.bands


def _check_colour(raster: Raster, format_name: str) -> None:
    if raster.kind is not Kind.COLOUR:
        raise ParameterError(
            f"a {format_name} shows colour, this chain ends in values ({raster.kind.value}: "
            f"{', '.join(raster.bands)}); add .colormap(...) or .rgb(...), or ask for npy or tif"
        )


_ENCODERS: dict[str, Callable[[Raster], bytes]] = {
    "png": encode_png,
    "webp": encode_webp,
    "npy": encode_npy,
    "tif": encode_geotiff,
}
