"""Without zoom and resolution a result has the pixels of the files that it is made of."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.errors import LimitError, ParameterError
from jeoview.projection import WGS84, transform, transform_bounds

ROWS, COLS, STEP = 40, 60, 20.0
LEFT, TOP, CRS = 790_000.0, 5_300_000.0, "EPSG:32633"


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def write(path: Path, down: int = 0, right: int = 0, crs: str = CRS, step: float = STEP) -> np.ndarray:
    """A file of noise, shifted by whole pixels."""
    values = np.random.default_rng(down * 100 + right).normal(size=(ROWS, COLS)).astype(np.float32)
    affine = from_origin(LEFT + right * step, TOP - down * step, step, step)
    options: dict[str, Any] = {"width": COLS, "height": ROWS, "count": 1, "dtype": "float32", "crs": crs}
    with rasterio.open(path, "w", driver="GTiff", transform=affine, **options) as file:
        file.write(values, 1)
    return values


def values_of(image: Any, *area: object, **options: Any) -> np.ndarray:
    return np.asarray(image.to_numpy(*area, progress=False, **options))


def test_a_file_leaves_as_it_came(tmp_path: Path) -> None:
    values = write(tmp_path / "one.tif")
    image = jv.open(tmp_path / "one.tif")
    image.to_geotiff(tmp_path / "out.tif", progress=False)
    with rasterio.open(tmp_path / "one.tif") as source, rasterio.open(tmp_path / "out.tif") as file:
        assert (file.crs, file.transform, file.shape) == (source.crs, source.transform, source.shape)
        np.testing.assert_array_equal(file.read(1), values)
    np.testing.assert_array_equal(values_of(image)[0], values)


def test_bounds_choose_whole_pixels(tmp_path: Path) -> None:
    values = write(tmp_path / "one.tif")
    image = jv.open(tmp_path / "one.tif")
    area = (LEFT + 5 * STEP, TOP - 12 * STEP, LEFT + 9 * STEP, TOP - 4 * STEP)
    np.testing.assert_array_equal(values_of(image, area, crs=CRS)[0], values[4:12, 5:9])
    # a part of a pixel is a pixel
    more = (area[0] - 1, area[1], area[2] + 1, area[3])
    np.testing.assert_array_equal(values_of(image, more, crs=CRS)[0], values[4:12, 4:10])
    # the box in degrees of a box in metres is larger
    box = transform_bounds(CRS, WGS84, area)
    found = image.to_xarray(box, progress=False)
    assert {LEFT + 5.5 * STEP, LEFT + 8.5 * STEP} <= set(found.x.values)
    assert {TOP - 4.5 * STEP, TOP - 11.5 * STEP} <= set(found.y.values)


def test_a_velocity_lies_on_the_pixels_of_its_stack(tmp_path: Path) -> None:
    days = ("20200101", "20200113", "20200125")
    pairs = [
        write(tmp_path / f"{one}_{two}_unw.tif", down, 0)
        for down, one, two in zip((0, 3), days, days[1:], strict=False)
    ]
    stack = jv.InterferogramCollection.from_files(str(tmp_path / "*_unw.tif"))
    (lon,), (lat,) = transform(CRS, WGS84, [LEFT + 30 * STEP], [TOP - 20 * STEP])
    array = values_of(stack.image()["unwrapped"])
    assert array.shape == (2, 1, ROWS + 3, COLS)
    np.testing.assert_array_equal(array[0, 0, :ROWS], pairs[0])
    np.testing.assert_array_equal(array[1, 0, 3:], pairs[1])
    series = stack.reference(lon=lon, lat=lat).invert()
    assert values_of(series).shape[-2:] == (ROWS + 3, COLS)
    jv.export_package(tmp_path / "all.zip", {"DTs": series, "last": series.last()}, progress=False)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        about = json.loads(archive.read("metadata.json"))
    assert (about["crs"], about["resolution"], about["shape"]) == (CRS, [STEP, STEP], [ROWS + 3, COLS])


def test_files_with_other_pixels_ask_for_a_size(tmp_path: Path) -> None:
    first = write(tmp_path / "20200101.tif")
    write(tmp_path / "20200113.tif", step=STEP / 2)
    both = jv.ImageCollection.from_files(str(tmp_path / "202001*.tif")).mosaic()
    with pytest.raises(
        ParameterError, match=r"give zoom= or resolution=.*20 x 20 of EPSG:32633, 10 x 10 of EPSG:32633"
    ):
        both.to_numpy(progress=False)
    # where only one of them lies there is no doubt
    write(tmp_path / "20200201.tif", right=2000, step=STEP / 2)
    far = jv.ImageCollection.from_files([str(tmp_path / "20200101.tif"), str(tmp_path / "20200201.tif")]).mosaic()
    with pytest.raises(ParameterError, match="give zoom= or resolution="):
        far.to_numpy(progress=False)
    area = (LEFT + 4 * STEP, TOP - 8 * STEP, LEFT + 9 * STEP, TOP - 2 * STEP)
    np.testing.assert_array_equal(values_of(far, area, crs=CRS)[0], first[2:8, 4:9])


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "one.tif")
    with pytest.raises(LimitError, match="60 x 40 = 2,400 pixels; the limit is 1,000"):
        jv.open(tmp_path / "one.tif").to_geotiff(tmp_path / "out.tif", max_pixels=1000, progress=False)
    assert not (tmp_path / "out.tif").exists()


def test_a_file_that_a_chain_reads_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path / "20200101.tif")
    before = (tmp_path / "20200101.tif").read_bytes()
    image = jv.open(tmp_path / "20200101.tif")
    (tmp_path / "link.tif").symlink_to(tmp_path / "20200101.tif")
    for name in ("20200101.tif", "link.tif"):
        with pytest.raises(ParameterError, match=f"'{name}' is a file that this chain reads"):
            (image * 2).to_geotiff(tmp_path / name, progress=False)
    assert (tmp_path / "20200101.tif").read_bytes() == before
    # another one is replaced as before
    (image * 2).to_geotiff(tmp_path / "twice.tif", progress=False)
    (image * 3).to_geotiff(tmp_path / "twice.tif", progress=False)
