"""The reader against rasterio and against the exact warp; files that vanish, break or change."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import from_origin

from jeoview.errors import BandError, JeoviewError, ParameterError, RefusedError, SourceError
from jeoview.grid import Grid, Lattice, tile_grid, web_mercator
from jeoview.io.blocks import Block, ByteCache
from jeoview.io.etag import file_etag
from jeoview.io.gdal import GdalRaster
from jeoview.io.geotiff import GeoTiff
from jeoview.io.reader import Reader
from jeoview.projection import Bounds, transform
from jeoview.warp import resample

Array = NDArray[Any]


@dataclass(frozen=True)
class Band:
    name: str
    href: str
    index: int = 1
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    role: str = "data"
    etag: str = ""
    subdataset: str | None = None


@dataclass(frozen=True)
class Item:
    bands: dict[str, Band]
    id: str = "scene-7"
    bbox: Bounds = (-180.0, -90.0, 180.0, 90.0)


def item_of(path: Path, count: int = 1, **options: Any) -> Item:
    etag = file_etag(path)
    return Item({f"b{i}": Band(f"b{i}", str(path), i, etag=etag, **options) for i in range(1, count + 1)})


def reader(**options: Any) -> Reader:
    return Reader(**{"cache_bytes": 1 << 26, **options})


def kind_of(read: Reader, item: Item) -> type:
    return type(read._sources.open(item.bands["b1"]).source)


def numbers(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Smooth enough to be packed, with the extremes of the type."""
    random = np.random.default_rng(seed)
    if dtype.startswith("complex"):
        return (numbers("float32", shape, seed) + 1j * numbers("float32", shape, seed + 1)).astype(dtype)
    if dtype.startswith("float"):
        return (np.cumsum(random.normal(size=shape), axis=-1) * 1e3).astype(dtype)
    limits = np.iinfo(dtype)
    top = min(limits.max, 2**31 - 1)
    array = (random.integers(max(limits.min, -(2**31)), top, shape[:1] + shape[1:], endpoint=True) // 7 * 7).astype(
        dtype
    )
    array[..., 0, 0], array[..., -1, -1] = limits.min, top
    return array


def write(path: Path, array: Array, **options: Any) -> Path:
    profile = {
        "driver": "GTiff", "count": len(array), "height": array.shape[1], "width": array.shape[2], "crs": "EPSG:32632",
        "dtype": array.dtype.name, "transform": from_origin(600_000.0, 5_200_000.0, 10.0, 10.0),
    }  # fmt: skip
    with rasterio.open(path, "w", **{**profile, **options}) as file:
        file.write(array)
    return path


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


# ------------------------------------------------------------------ values


@pytest.fixture(scope="module")
def cog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two interleaved bands with holes and overviews, 700 x 900 pixels of 10 m."""
    path = tmp_path_factory.mktemp("cog") / "scene.tif"
    array = np.clip(numbers("float32", (2, 900, 700)) + 20_000, 1, 60_000).astype(np.uint16)
    array[:, np.random.default_rng(1).random((900, 700)) < 0.02] = 0
    array[:, 300:420, 100:260] = 0
    write(
        path,
        array,
        tiled=True,
        blockxsize=128,
        blockysize=128,
        compress="deflate",
        predictor=2,
        interleave="pixel",
        nodata=0,
    )
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    return path


def scene(cog: Path) -> Item:
    return item_of(cog, 2, scale=1e-4, offset=-0.1, nodata=0.0)


def target(zoom: int) -> Grid:
    lattice = web_mercator(zoom)
    x, y = transform("EPSG:32632", "EPSG:3857", 603_500.0, 5_195_500.0)
    step = lattice.resolution[0]
    return Grid(
        lattice, int((lattice.top - float(y)) / step) - 150, int((float(x) - lattice.left) / step) - 150, 300, 300
    )


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize("zoom", [10, 11, 12, 13, 14, 15])
def test_the_file_path_equals_the_path_in_memory(cog: Path, zoom: int, method: str) -> None:
    """Gathered from blocks or warped from the whole level in memory: the same bits."""
    item, read, grid = scene(cog), reader(), target(zoom)
    found = read.read(item, ["b1", "b2"], grid, method)
    level = {10: 2, 11: 2, 12: 1}.get(zoom, 0)
    with rasterio.open(cog, **({"overview_level": level - 1} if level else {})) as file:
        raw, native = file.read(), read.native_grid(item, "b1")
        own = Lattice(native.crs, (7000.0 / file.width, 9000.0 / file.height), 600_000.0, 5_200_000.0)
        source = Grid(own, 0, 0, file.height, file.width)
    numbers_of = np.where(raw == 0, np.nan, raw.astype(np.float64))
    expected = resample(numbers_of, source, grid, method) * 1e-4 - 0.1
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert np.isfinite(found).any()
    assert np.isnan(found).any()


windows = st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(1, 100), st.integers(1, 100))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(9, 17), windows, st.sampled_from(["nearest", "bilinear"]))
def test_any_window_equals_the_whole(cog: Path, zoom: int, window: tuple[int, int, int, int], method: str) -> None:
    item, grid = scene(cog), target(zoom)
    row, col, height, width = window
    inner = Grid(grid.lattice, grid.row + row, grid.col + col, height, width)
    whole = reader().read(item, ["b1", "b2"], grid, method)
    rows, cols = grid.window_of(inner)
    np.testing.assert_array_equal(reader().read(item, ["b1", "b2"], inner, method), whole[:, rows, cols])


def test_quality_bands_are_never_averaged_nor_scaled(cog: Path) -> None:
    item, read, grid = scene(cog), reader(), target(15)
    classes = Item({"q": replace(item.bands["b1"], name="q", role="quality")})
    found = read.read(classes, ["q"], grid, "bilinear")
    plain = Item({"q": replace(item.bands["b1"], scale=1.0, offset=0.0)})
    np.testing.assert_array_equal(found, read.read(plain, ["q"], grid, "nearest"))


def test_ndvi_of_bolzano_on_its_own_grid(data_dir: Path) -> None:
    """The statistics of the data's README."""
    path = data_dir / "openeo-s2-bolzano" / "S2_L2A_sample.tif"
    item, read = item_of(path, 5, nodata=0.0), reader()
    red, near_infrared = read.read(item, ["b1", "b4"], read.native_grid(item, "b1"), "bilinear").astype(np.float64)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(np.nan_to_num(red), file.read(1))
    ndvi = (near_infrared - red) / (near_infrared + red)
    valid = ndvi[np.isfinite(ndvi)]
    assert valid.size == 659_153
    found = [valid.mean(), np.median(valid), *np.percentile(valid, [5, 95])]
    np.testing.assert_allclose(found, [0.68997, 0.81255, 0.07259, 0.91933], atol=6e-6)


def test_real_files_agree_with_rasterio(data_dir: Path) -> None:
    """All georeferenced TIFFs and the SRTM tiles of the real data, on their own grids."""
    paths = sorted([*data_dir.glob("*/*.tif"), *data_dir.glob("*/geotiffs/*.tif"), *data_dir.glob("*/*.hgt")])
    seen = 0
    for path in paths:
        with rasterio.open(path) as file:
            if file.crs is None or file.transform.e > 0:
                continue
            expected, mask = (
                file.read(1),
                file.dataset_mask() if file.mask_flag_enums[0][0].name == "per_dataset" else None,
            )
        item, read = item_of(path), reader()
        found = read.read(item, ["b1"], read.native_grid(item, "b1"), "bilinear")[0]
        wanted = expected.astype(found.dtype)
        if mask is not None:
            wanted[mask == 0] = np.nan
        np.testing.assert_array_equal(found, wanted, err_msg=path.name)
        read.close()
        seen += 1
    assert seen > 40


# ------------------------------------------------------------------ what can go wrong


def no_path(error: BaseException, path: Path) -> None:
    assert str(path) not in str(error)
    assert path.name not in str(error)


def usable(read: Reader, cog: Path) -> None:
    assert np.isfinite(read.read(scene(cog), ["b1"], target(14), "nearest")).any()


def vanish(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for i in range(len(data) // 4, len(data) * 3 // 4, 97):
        data[i] ^= 0xFF
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"II*\0\x08\0\0\0" + bytes(range(256)) * 40)


@pytest.mark.parametrize("damage", [cut_short, spoil, empty, garble])
def test_a_broken_file_is_named_by_item_and_band(tmp_path: Path, cog: Path, damage: Callable[[Path], None]) -> None:
    """Broken before it was catalogued, so its etag is right."""
    path = tmp_path / "secret-name.tif"
    shutil.copy(cog, path)
    damage(path)
    read = reader()
    with pytest.raises(SourceError, match=r"item 'scene-7', band 'b1': .*(corrupt|truncated|damaged)") as caught:
        read.read(item_of(path, 2), ["b1"], target(14), "nearest")
    no_path(caught.value, path)
    usable(read, cog)


@pytest.mark.parametrize("damage", [vanish, cut_short, spoil, empty, garble])
def test_a_file_that_breaks_while_it_is_open(tmp_path: Path, cog: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "secret-name.tif"
    shutil.copy(cog, path)
    item, read = item_of(path, 2), reader()
    read.read(item, ["b1"], target(14), "nearest")
    damage(path)
    with pytest.raises(SourceError, match=r"item 'scene-7', band 'b1': the file (is gone|has changed since)") as caught:
        read.read(item, ["b1"], target(14), "nearest")
    no_path(caught.value, path)
    usable(read, cog)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_replaced_file_is_noticed(tmp_path: Path, suffix: str) -> None:
    path, other = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    driver = "PNG" if suffix == ".png" else "GTiff"
    write(path, np.full((1, 64, 64), 3, np.uint8), driver=driver)
    write(other, np.full((1, 64, 64), 5, np.uint8), driver=driver)
    item, read = item_of(path), reader()
    grid = read.native_grid(item, "b1")
    assert (read.read(item, ["b1"], grid, "nearest") == 3).all()
    other.replace(path)
    os.utime(path, ns=(0, 1_700_000_000_000_000_000))
    with pytest.raises(SourceError, match="has changed since the chain was made"):
        read.read(item, ["b1"], grid, "nearest")
    with pytest.raises(SourceError, match="has changed since the chain was made"):
        reader().read(item, ["b1"], grid, "nearest")
    assert (read.read(item_of(path), ["b1"], grid, "nearest") == 5).all()
    read.close()


def test_two_files_of_one_size_and_time_are_two(tmp_path: Path) -> None:
    """Uncompressed products unpacked from an archive have equal etags."""
    items = []
    for value in (3, 5):
        path = write(tmp_path / f"{value}.tif", np.full((1, 32, 32), value, np.uint8))
        os.utime(path, ns=(0, 10**18))
        items.append(item_of(path))
    read = reader()
    assert items[0].bands["b1"].etag == items[1].bands["b1"].etag
    grid = read.native_grid(items[0], "b1")
    assert [float(read.read(item, ["b1"], grid, "nearest").mean()) for item in items] == [3.0, 5.0]


def test_etag_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    chunk = tmp_path / "store" / "c0"
    chunk.write_bytes(b"12")
    before = file_etag(tmp_path / "store"), file_etag(chunk)
    assert (file_etag(tmp_path / "store"), file_etag(chunk)) == before
    chunk.write_bytes(b"123")
    assert file_etag(tmp_path / "store") != before[0]
    assert file_etag(chunk) != before[1]
    assert len(before[0]) == len(before[1]) == 16
    with pytest.raises(FileNotFoundError):
        file_etag(tmp_path / "nothing")


def test_roots_hold_through_links_and_dots(tmp_path: Path, cog: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    shutil.copy(cog, outside / "scene.tif")
    shutil.copy(cog, inside / "scene.tif")
    (inside / "link.tif").symlink_to(outside / "scene.tif")
    (inside / "folder").symlink_to(outside)
    (inside / "fine.tif").symlink_to(inside / "scene.tif")
    read = reader(roots=(inside,))
    for good in (inside / "scene.tif", inside / "fine.tif", outside / ".." / "inside" / "scene.tif"):
        assert np.isfinite(read.read(item_of(good, 2), ["b1"], target(14), "nearest")).any()
    for bad in (
        outside / "scene.tif",
        inside / "link.tif",
        inside / "folder" / "scene.tif",
        inside / ".." / "outside/scene.tif",
    ):
        with pytest.raises(
            RefusedError, match="item 'scene-7', band 'b1': the file lies outside the folders"
        ) as caught:
            read.read(item_of(bad, 2), ["b1"], target(14), "nearest")
        no_path(caught.value, bad)


@pytest.mark.parametrize(
    "href",
    [
        "/vsicurl/http://127.0.0.1:9/a.tif", "/vsizip//tmp/a.zip/a.tif", "/vsimem/a", "http://127.0.0.1:9/a.tif", "s3://bucket/a.tif",
        "file://host\0/a.tif", 'NETCDF:"/tmp/a.nc":b', "GTIFF_DIR:1:/a.tif", "WCS:http://127.0.0.1:9/",
    ],
)  # fmt: skip
def test_addresses_are_refused(href: str) -> None:
    with pytest.raises(RefusedError, match="not that of a local file") as caught:
        reader().read(Item({"b1": Band("b1", href)}), ["b1"], target(14), "nearest")
    assert href not in str(caught.value)


@pytest.mark.parametrize("suffix", [".vrt", ".tif", ".png"])
def test_virtual_files_are_refused(tmp_path: Path, cog: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(
        f'<VRTDataset rasterXSize="700" rasterYSize="900"><SRS>EPSG:32632</SRS><GeoTransform>600000,10,0,5200000,0,-10</GeoTransform>'
        f'<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{cog}</SourceFilename><SourceBand>1</SourceBand>'
        f"</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(RefusedError, match="VRT"):
        reader().read(item_of(path), ["b1"], target(14), "nearest")
    allowed, plain = reader(virtual=True), reader()
    found = allowed.read(item_of(path), ["b1"], target(14), "nearest")
    np.testing.assert_array_equal(found, plain.read(item_of(cog), ["b1"], target(14), "nearest"))
    allowed.close()


def test_side_files_that_point_elsewhere_are_refused(tmp_path: Path, cog: Path) -> None:
    for name, suffix, content in (
        ("overviews", ".ovr", "<VRTDataset/>"),
        (
            "description",
            ".aux.xml",
            "<PAMDataset><Metadata><MDI key='OVERVIEW_FILE'>/vsicurl/x</MDI></Metadata></PAMDataset>",
        ),
    ):
        path = tmp_path / f"{name}.tif"
        shutil.copy(cog, path)
        Path(f"{path}{suffix}").write_text(content)
        with pytest.raises(RefusedError, match="beside it"):
            reader().read(item_of(path), ["b1"], target(14), "nearest")


def test_no_place_on_earth(tmp_path: Path) -> None:
    array = np.zeros((1, 20, 20), np.uint8)
    bare = write(tmp_path / "bare.tif", array, crs=None)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        nowhere = write(tmp_path / "nowhere.tif", array, transform=None)
    with pytest.raises(SourceError, match="no coordinate reference system"):
        reader().native_grid(item_of(bare), "b1")
    with pytest.raises(SourceError, match="no place on the Earth"):
        reader().native_grid(item_of(nowhere), "b1")
    upside = write(tmp_path / "up.tif", array, transform=rasterio.Affine(10, 0, 0, 0, 10, 0))
    with pytest.raises(SourceError, match="not north-up"):
        reader().native_grid(item_of(upside), "b1")


def test_wrong_names(cog: Path) -> None:
    item, read = scene(cog), reader()
    with pytest.raises(BandError, match=r"item 'scene-7' has no band 'b9'.*'b1', 'b2'"):
        read.read(item, ["b9"], target(14), "nearest")
    with pytest.raises(ParameterError, match="'lanczos'; expected"):
        read.read(item, ["b1"], target(14), "lanczos")
    beyond = Item({"b7": replace(item.bands["b1"], index=7)})
    with pytest.raises(SourceError, match="the file has 2 bands, not number 7"):
        read.read(beyond, ["b7"], target(14), "nearest")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_a_damaged_head_is_an_error_or_values_never_a_crash(
    tmp_path_factory: Any, cog: Path, at: int, junk: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.tif"
    data = bytearray(cog.read_bytes())
    data[at : at + len(junk)] = junk
    path.write_bytes(data)
    read = reader()
    try:
        found = read.read(item_of(path), ["b1"], target(12), "nearest")
        assert found.shape == (1, 300, 300)
    except JeoviewError as error:
        no_path(error, path)
    finally:
        read.close()


# ------------------------------------------------------------------ cost, touch, cache


def test_cost_counts_the_blocks_that_are_read(cog: Path) -> None:
    item, read = scene(cog), reader()
    block = 128 * 128 * 2 * 2
    native = read.native_grid(item, "b1")
    assert read.cost(item, ["b1", "b2"], native) == 6 * 8 * block
    one = Grid(native.lattice, 130, 130, 60, 60)
    assert read.cost(item, ["b1"], one) == block
    read.read(item, ["b1", "b2"], one, "bilinear")
    assert read.cache.misses == 1
    assert read.cache.nbytes == block
    assert read.cost(item, ["b1"], tile_grid(14, 0, 0)) == 0
    assert np.isnan(read.read(item, ["b1"], tile_grid(14, 0, 0), "nearest")).all()


@settings(max_examples=60)
@given(st.integers(3, 14), st.integers(0, 300), st.integers(0, 300), st.sampled_from([-179.97, 5.0, 179.98]))
def test_touches_is_never_wrongly_false(zoom: int, down: int, right: int, lon: float) -> None:
    zone = min(int((lon + 180) // 6) + 1, 60)
    x, y = transform("EPSG:4326", f"EPSG:326{zone:02}", lon, 47.0)
    source = Grid(Lattice(f"EPSG:326{zone:02}", (100.0, 100.0), float(x), float(y)), 0, 0, 200, 200)
    lons, lats = transform(source.crs, "EPSG:4326", *np.meshgrid(source.x, source.y))
    crosses = lons.max() - lons.min() > 180
    west, east = (lons[lons > 0].min(), lons[lons < 0].max()) if crosses else (lons.min(), lons.max())
    item = Item({}, bbox=(float(west), float(lats.min()), float(east), float(lats.max())))
    lattice = web_mercator(zoom)
    mx, my = transform("EPSG:4326", "EPSG:3857", lon, 47.0)
    row, col = (
        int((lattice.top - float(my)) / lattice.resolution[0]),
        int((float(mx) - lattice.left) / lattice.resolution[0]),
    )
    grid = Grid(lattice, row - 150 + down, col - 150 + right, 80, 80)
    values = resample(np.ones(source.shape, np.float32), source, grid, "nearest")
    if np.isfinite(values).any():
        assert reader().touches(item, grid)


def test_touches_tells_far_from_near() -> None:
    item = Item({}, bbox=(11.0, 46.0, 12.0, 47.0))
    assert reader().touches(item, tile_grid(0, 0, 0))
    assert not reader().touches(item, tile_grid(8, 0, 0))
    assert not reader().touches(item, tile_grid(9, 274, 181))


@dataclass
class Slow:
    """Counts how often it is made, and waits."""

    gate: threading.Event = field(default_factory=threading.Event)
    made: int = 0

    def __call__(self) -> Block:
        self.made += 1
        assert self.gate.wait(10)
        return Block.of(np.zeros(100, np.uint8))


def test_one_flight_however_many_ask() -> None:
    cache: ByteCache[Block] = ByteCache(1000)
    slow, answers = Slow(), []
    threads = [threading.Thread(target=lambda: answers.append(cache.get("k", slow))) for _ in range(8)]
    for thread in threads:
        thread.start()
    slow.gate.set()
    for thread in threads:
        thread.join(10)
    assert slow.made == 1
    assert len({id(answer) for answer in answers}) == 1


def test_a_failed_flight_is_tried_again() -> None:
    cache: ByteCache[Block] = ByteCache(1000)

    def fail() -> Block:
        raise SourceError("no")

    for _ in range(2):
        with pytest.raises(SourceError):
            cache.get("k", fail)
    assert cache.get("k", lambda: Block.of(None)).address == 0


def test_the_cache_holds_its_size_and_drops_the_oldest() -> None:
    cache: ByteCache[Block] = ByteCache(350)
    for name in "abc":
        cache.get(name, lambda: Block.of(np.zeros(100, np.uint8)))
    cache.get("a", lambda: Block.of(None))
    cache.get("d", lambda: Block.of(np.zeros(100, np.uint8)))
    assert cache.nbytes == 300
    before = cache.misses
    cache.get("a", lambda: Block.of(None))
    assert cache.misses == before
    cache.get("b", lambda: Block.of(None))
    assert cache.misses == before + 1
    cache.get("big", lambda: Block.of(np.zeros(1000, np.uint8)))
    assert cache.nbytes <= 350


def test_many_threads_read_the_same_and_different_things(tmp_path: Path, cog: Path) -> None:
    """Fast path and GDAL handles, with a cache too small for either."""
    png = write(tmp_path / "a.png", numbers("uint8", (1, 900, 700)), driver="PNG")
    items, grids = [scene(cog), item_of(png)], [target(zoom) for zoom in (12, 13, 14, 15)]
    alone = {(i, j): reader().read(items[i], ["b1"], grids[j], "bilinear") for i in range(2) for j in range(4)}
    read, wrong = reader(cache_bytes=200_000), []

    def work(seed: int) -> None:
        for i, j in np.random.default_rng(seed).permutation([(i, j) for i in range(2) for j in range(4)]):
            found = read.read(items[i], ["b1"], grids[j], "bilinear")
            if not np.array_equal(found, alone[i, j], equal_nan=True):
                wrong.append((i, j))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert read.cache.nbytes <= 200_000
    read.close()
