"""Every way a raster is packed, decoded as rasterio decodes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import tifffile
from rasterio.enums import Resampling
from rasterio.transform import from_origin

from jeoview.errors import RefusedError
from jeoview.grid import Grid, Lattice
from jeoview.io.gdal import GdalRaster
from jeoview.io.geotiff import GeoTiff
from jeoview.projection import transform
from tests.unit.reader_world import item_of, kind_of, numbers, reader, write

# ------------------------------------------------------------------ every way a TIFF is packed

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64", "complex64", "complex128"]
# GDAL writes differences of numbers of up to 64 bits, and floating point differences of real numbers.
PREDICTED = {1: DTYPES, 2: DTYPES[:-1], 3: ["float32", "float64"]}
PACKED = [
    (compression, predictor, dtype)
    for compression in ("none", "deflate", "lzw", "zstd", "packbits")
    for predictor in ((1,) if compression in ("none", "packbits") else (1, 2, 3))
    for dtype in PREDICTED[predictor]
]


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("tiled", [True, False])
@pytest.mark.parametrize(("compression", "predictor", "dtype"), PACKED)
def test_decodes_as_gdal_does(
    tmp_path: Path, compression: str, predictor: int, dtype: str, tiled: bool, interleave: str
) -> None:
    array = numbers(dtype, (3, 75, 97))
    options: dict[str, Any] = {"interleave": interleave, "compress": compression, "nodata": None}
    if predictor > 1:
        options["predictor"] = predictor
    options |= {"tiled": True, "blockxsize": 32, "blockysize": 16} if tiled else {"blockysize": 20}
    path = write(tmp_path / "a.tif", array, **options)
    item, read = item_of(path, 3), reader()
    found = read.read(item, ["b3", "b1", "b2"], read.native_grid(item, "b1"), "bilinear")
    assert kind_of(read, item) is GeoTiff
    with rasterio.open(path) as file:
        expected = file.read([3, 1, 2])
    np.testing.assert_array_equal(found, expected.astype(found.dtype))
    assert found.dtype == ("complex64" if dtype.startswith("complex") else "float32")


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("big", [True, False])
@pytest.mark.parametrize(("dtype", "predictor"), [("uint16", None), ("uint16", 2), ("float32", 3), ("complex64", None)])
def test_byte_orders_and_bigtiff(
    tmp_path: Path, byteorder: Literal["<", ">"], big: bool, dtype: str, predictor: int | None
) -> None:
    """Written by tifffile, another author's hand."""
    array = numbers(dtype, (64, 80))
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)
    tifffile.imwrite(
        tmp_path / "a.tif", array, byteorder=byteorder, bigtiff=big, tile=(32, 32), predictor=predictor or False,
        compression="deflate", metadata=None,
        extratags=[(33550, "d", 3, (10.0, 10.0, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 5e5, 5e6, 0.0), True), (34735, "H", 16, keys, True)],
    )  # fmt: skip
    item, read = item_of(tmp_path / "a.tif"), reader()
    grid = read.native_grid(item, "b1")
    assert kind_of(read, item) is GeoTiff
    assert grid == Grid(Lattice("EPSG:32632", (10.0, 10.0), 5e5, 5e6), 0, 0, 64, 80)
    np.testing.assert_array_equal(read.read(item, ["b1"], grid, "nearest")[0], array)


def test_sparse_blocks_are_nodata_or_zero(tmp_path: Path) -> None:
    for nodata, expected in ((None, 0.0), (7.0, np.nan)):
        path = tmp_path / f"{nodata}.tif"
        profile = {"driver": "GTiff", "count": 1, "height": 64, "width": 64, "dtype": "uint8", "crs": "EPSG:32632"}
        options = {"tiled": True, "blockxsize": 16, "blockysize": 16, "sparse_ok": True, "nodata": nodata}
        with rasterio.open(path, "w", transform=from_origin(0, 640, 10, 10), **profile, **options) as file:
            file.write(np.full((16, 16), 9, np.uint8), 1, window=((16, 32), (16, 32)))
        item, read = item_of(path, nodata=nodata), reader()
        found = read.read(item, ["b1"], read.native_grid(item, "b1"), "nearest")[0]
        wanted = np.full((64, 64), expected)
        wanted[16:32, 16:32] = 9.0
        np.testing.assert_array_equal(found, wanted)


def test_pixel_is_point_and_a_named_datum(tmp_path: Path) -> None:
    """Half a pixel, and EPSG:3035, as GDAL reads them."""
    path = tmp_path / "a.tif"
    array = numbers("int16", (1, 40, 50))
    with rasterio.Env(GTIFF_POINT_GEO_IGNORE="NO"):
        write(path, array, crs="EPSG:3035", transform=from_origin(4_300_000.0, 2_700_000.0, 25.0, 50.0))
        with rasterio.open(path, "r+") as file:
            file.update_tags(AREA_OR_POINT="Point")
    with rasterio.open(path) as file:
        bounds = tuple(file.bounds)
    item, read = item_of(path), reader()
    assert read.native_grid(item, "b1").bounds == bounds
    assert read.native_grid(item, "b1").crs == "EPSG:3035"
    assert kind_of(read, item) is GeoTiff


def test_a_reference_system_without_a_code(tmp_path: Path) -> None:
    proj = "+proj=laea +lat_0=10 +lon_0=20 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
    path = write(tmp_path / "a.tif", numbers("int16", (1, 40, 50)), crs=proj, transform=from_origin(0, 0, 10, 10))
    item, read = item_of(path), reader()
    grid = read.native_grid(item, "b1")
    assert kind_of(read, item) is GdalRaster
    np.testing.assert_allclose(transform(grid.crs, "EPSG:4326", 0.0, 0.0), (20.0, 10.0), atol=1e-9)


# ------------------------------------------------------------------ other formats, masks, variables


@pytest.mark.parametrize(
    ("driver", "suffix", "dtype"),
    [
        ("PNG", ".png", "uint8"), ("JP2OpenJPEG", ".jp2", "uint16"), ("ENVI", ".img", "float32"), ("HFA", ".img", "int16"),
        ("EHdr", ".bil", "int16"), ("AAIGrid", ".asc", "float32"), ("ERS", ".ers", "int16"), ("netCDF", ".nc", "float32"),
        ("Zarr", ".zarr", "float32"),
    ],
)  # fmt: skip
def test_other_formats(tmp_path: Path, driver: str, suffix: str, dtype: str) -> None:
    array = numbers(dtype, (1, 130, 90))
    source = write(tmp_path / "source.tif", array)
    path = tmp_path / f"a{suffix}"
    options = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    rasterio.shutil.copy(source, path, driver=driver, **options)
    with rasterio.open(path if driver != "Zarr" else f'ZARR:"{path}"') as file:
        expected = file.read(1)
    item, read = item_of(path), reader()
    try:
        grid = read.native_grid(item, "b1")
        np.testing.assert_array_equal(read.read(item, ["b1"], grid, "nearest")[0], expected.astype(np.float32))
        # Some formats have no room for the code.
        np.testing.assert_allclose(transform(grid.crs, "EPSG:32632", 6e5, 5.2e6), (6e5, 5.2e6), rtol=0, atol=1e-3)
        assert kind_of(read, item) is GdalRaster
    finally:
        read.close()


def test_a_variable_of_a_netcdf_file(tmp_path: Path) -> None:
    import xarray as xr

    x, y = 600_005.0 + 10 * np.arange(30), 5_000_000.0 - 10 * np.arange(20)
    first, second = numbers("float32", (20, 30)), numbers("float32", (20, 30), 5)
    dataset = xr.Dataset({"a": (("y", "x"), first), "b": (("y", "x"), second)}, coords={"x": x, "y": y})
    crs = rasterio.crs.CRS.from_epsg(32632)
    dataset["crs"] = ((), 0, {"grid_mapping_name": "transverse_mercator", "spatial_ref": crs.to_wkt()})
    for name in ("a", "b"):
        dataset[name].attrs["grid_mapping"] = "crs"
    for name in ("x", "y"):
        dataset[name].attrs |= {"standard_name": f"projection_{name}_coordinate", "units": "m"}
    dataset.to_netcdf(tmp_path / "a.nc", engine="scipy")
    item, read = item_of(tmp_path / "a.nc", subdataset="b"), reader()
    grid = read.native_grid(item, "b1")
    np.testing.assert_array_equal(read.read(item, ["b1"], grid, "nearest")[0], second)
    assert grid.bounds == (600_000.0, 4_999_805.0, 600_300.0, 5_000_005.0)
    with pytest.raises(RefusedError, match="quotation mark"):
        read.native_grid(item_of(tmp_path / "a.nc", subdataset='b":x'), "b1")
    read.close()


def test_masks_and_alpha_become_nan(tmp_path: Path) -> None:
    array = numbers("uint8", (3, 40, 50))
    mask = np.zeros((40, 50), np.uint8)
    mask[5:20, 10:30] = 255
    internal = write(tmp_path / "internal.tif", array)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(internal, "r+") as file:
        file.write_mask(mask)
    alpha = write(tmp_path / "alpha.tif", np.concatenate([array, mask[None]]), photometric="RGB", alpha="YES")
    for path in (internal, alpha):
        item, read = item_of(path, 3), reader()
        found = read.read(item, ["b1", "b2", "b3"], read.native_grid(item, "b1"), "nearest")
        np.testing.assert_array_equal(found, np.where(mask > 0, array, np.nan))


def test_overviews_beside_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", numbers("uint16", (1, 512, 512)), tiled=True, blockxsize=128, blockysize=128)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    assert (tmp_path / "a.tif.ovr").exists()
    item, read = item_of(path), reader()
    grid = Grid(Lattice("EPSG:32632", (40.0, 40.0), 600_000.0, 5_200_000.0), 0, 0, 128, 128)
    with rasterio.open(path, overview_level=1) as file:
        np.testing.assert_array_equal(read.read(item, ["b1"], grid, "nearest")[0], file.read(1))
    read.close()
