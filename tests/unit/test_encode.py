"""Pictures and files decode, by other libraries, to exactly what was encoded."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from rasterio.io import MemoryFile

from jeoview.errors import ParameterError
from jeoview.grid import Grid, Lattice, tile_grid
from jeoview.io import encode
from jeoview.io.png import palette_png, rgba_png
from jeoview.raster import Kind, Raster

Array = NDArray[Any]


def random(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def pillow(data: bytes) -> Array:
    """RGBA (4, height, width) by Pillow."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")).transpose(2, 0, 1)


def grid(height: int = 64, width: int = 64) -> Grid:
    return Grid(Lattice("EPSG:32632", (10.0, 20.0), 600_000.0, 5_100_000.0), 3, 5, height, width)


def bands(array: Array, names: tuple[str, ...]) -> Raster:
    return Raster(array, grid(*array.shape[-2:]), Kind.BANDS, names)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000), st.booleans())
def test_palette_png_is_pixel_exact(height: int, width: int, seed: int, opaque: bool) -> None:
    index, palette = random((height, width), seed), random((256, 4), seed + 1)
    if opaque:
        palette[:, 3] = 255
    data = palette_png(index, palette)
    np.testing.assert_array_equal(pillow(data), palette[index].transpose(2, 0, 1))
    assert Image.open(io.BytesIO(data)).mode == "P"


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000), st.booleans())
def test_rgba_png_is_pixel_exact(height: int, width: int, seed: int, opaque: bool) -> None:
    rgba = random((4, height, width), seed)
    if opaque:
        rgba[3] = 255
    data = rgba_png(rgba)
    np.testing.assert_array_equal(pillow(data), rgba)
    assert Image.open(io.BytesIO(data)).mode == ("RGB" if opaque else "RGBA")


def test_png_of_a_view_of_a_larger_array() -> None:
    index, rgba, palette = random((64, 64)), random((4, 64, 64)), random((256, 4))
    np.testing.assert_array_equal(
        pillow(palette_png(index[3:40, 5:50], palette)), palette[index[3:40, 5:50]].transpose(2, 0, 1)
    )
    np.testing.assert_array_equal(pillow(rgba_png(rgba[:, 3:40, 5:50])), rgba[:, 3:40, 5:50])


def test_png_checksums_hold() -> None:
    """Pillow ignores some damage; libpng's own check does not."""
    data = palette_png(random((256, 256)), random((256, 4)))
    with Image.open(io.BytesIO(data)) as picture:
        picture.verify()
    with MemoryFile(data) as memory, pytest.warns(rasterio.errors.NotGeoreferencedWarning), memory.open() as file:
        assert file.shape == (256, 256)


def test_webp_is_exact_where_it_is_seen() -> None:
    rgba = random((4, 64, 64))
    rgba[3] = np.where(rgba[3] > 128, 255, 0)
    found = pillow(encode.encode(Raster(rgba, grid(), Kind.COLOUR, ()), "webp"))
    seen = rgba[3] > 0
    np.testing.assert_array_equal(found[3], rgba[3])
    np.testing.assert_array_equal(found[:, seen], rgba[:, seen])


def test_webp_of_a_palette() -> None:
    index, palette = random((32, 32)), random((256, 4))
    palette[:, 3] = 255
    raster = Raster(index[None], grid(32, 32), Kind.COLOUR, (), palette=palette)
    np.testing.assert_array_equal(pillow(encode.encode_webp(raster)), palette[index].transpose(2, 0, 1))


@pytest.mark.parametrize("format_name", ["png", "webp"])
def test_values_are_no_picture(format_name: str) -> None:
    with pytest.raises(ParameterError, match=r"values \(bands: B04, B08\); add \.colormap"):
        encode.encode(bands(np.zeros((2, 4, 4), np.float32), ("B04", "B08")), format_name)


def test_unknown_format() -> None:
    with pytest.raises(ParameterError, match="'gif'; expected one of png, webp, npy, tif"):
        encode.encode(bands(np.zeros((1, 4, 4), np.float32), ("a",)), "gif")


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_npy(dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    array[0, 0, 0] = np.nan
    found = np.load(io.BytesIO(encode.encode(bands(array, ("a", "b")), "npy")), allow_pickle=False)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == dtype


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_geotiff_of_bands(dtype: str) -> None:
    array = np.arange(40).reshape(2, 4, 5).astype(dtype)
    array[1, 2, 3] = np.nan
    raster = bands(array, ("red", "nir"))
    with MemoryFile(encode.encode_geotiff(raster, {"chain": "{}"})) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(), array)
        assert file.descriptions == ("red", "nir")
        assert file.crs.to_epsg() == 32632
        assert tuple(file.bounds) == raster.grid.bounds
        assert np.isnan(file.nodata)
        assert file.tags()["chain"] == "{}"


def test_geotiff_of_a_series_and_of_colour() -> None:
    series = Raster(
        np.arange(24, dtype=np.float32).reshape(3, 2, 2, 2), grid(2, 2), Kind.SERIES, ("a", "b"), ("d1", "d2", "d3")
    )
    with MemoryFile(encode.encode(series, "tif")) as memory, memory.open() as file:
        assert file.descriptions == ("d1 a", "d1 b", "d2 a", "d2 b", "d3 a", "d3 b")
        np.testing.assert_array_equal(file.read(), series.array.reshape(6, 2, 2))
    rgba = random((4, 256, 256))
    data = encode.encode(Raster(rgba, tile_grid(3, 1, 2), Kind.COLOUR, ()), "tif")
    with MemoryFile(data) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(), rgba)
        assert file.colorinterp[3].name == "alpha"
