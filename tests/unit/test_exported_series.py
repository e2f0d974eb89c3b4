"""A displacement series that `to_geotiff` wrote is opened again: one file of all dates, or one for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

import jeoview as jv
import jeoview.export
from jeoview.engine import Engine
from jeoview.errors import SourceError
from jeoview.image import Image
from jeoview.raster import Raster
from tests.unit.test_stack_store import NORTH, STEP, WEST, _own_home, folder, native, opened

__all__ = ["_own_home", "folder"]


@pytest.fixture
def series(folder: Path) -> Image:
    return opened(folder).reference(lon=WEST + 150.5 * STEP, lat=NORTH - 140.5 * STEP).invert()


def written(image: Image, path: Path) -> Path:
    found = image.to_geotiff(path, progress=False)
    assert isinstance(found, Path)
    return found


def pixels(image: Image) -> Raster:
    return Engine.default().render(image.node, native())


def assert_same(one: Image, other: Image) -> None:
    found, expected = pixels(one), pixels(other)
    assert (found.bands, found.dates) == (expected.bands, expected.dates)
    assert one.unit == other.unit
    assert np.isfinite(expected.array).any()
    np.testing.assert_array_equal(found.array, expected.array)


def test_one_file_of_all_dates(series: Image, tmp_path: Path) -> None:
    path = written(series, tmp_path / "ser.tif")
    again = jv.open_series(path)
    assert again.unit == "m"
    assert_same(again, series)
    assert_same(again.velocity(min_dates=3, min_span=0.0), series.velocity(min_dates=3, min_span=0.0))
    # The file as it is, band by band.
    assert jv.open(path).bands[0] == "2018-01-01 displacement"


@pytest.mark.parametrize("pattern", ["d_{date}.tif", "d_*.tif"])
def test_a_file_for_each_date(series: Image, tmp_path: Path, pattern: str) -> None:
    paths = series.to_geotiff(tmp_path / "d_{date}.tif", progress=False)
    assert isinstance(paths, list)
    with rasterio.open(paths[2]) as file:
        assert file.descriptions == ("displacement",)
        assert file.units == ("m",)
        assert file.tags()["JEOVIEW_DATES"] == '["2018-01-13T00:00:00Z"]'
        assert "positive towards" in file.tags()["JEOVIEW_SIGN"]
    assert_same(jv.open_series(tmp_path / pattern), series)
    scenes = jv.ImageCollection.from_files(tmp_path / "d_*.tif").image()
    assert_same(scenes.velocity(min_dates=3, min_span=0.0), series.velocity(min_dates=3, min_span=0.0))


def test_millimetres_are_metres(series: Image, tmp_path: Path) -> None:
    path = written(series, tmp_path / "ser.tif")
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        file.units = ["mm"] * file.count
    expected = pixels(series).array / np.float32(1000)
    np.testing.assert_allclose(pixels(jv.open_series(path)).array, expected.astype(np.float32), rtol=1e-6)


def test_what_is_no_displacement_is_refused(series: Image, tmp_path: Path) -> None:
    velocity = written(series.velocity(min_dates=3, min_span=0.0), tmp_path / "v_2018-01-01.tif")
    with pytest.raises(SourceError, match=r"v_2018-01-01\.tif is no displacement series.*to_geotiff"):
        jv.open_series(velocity)
    with pytest.raises(
        SourceError, match=r"v_2018-01-01\.tif is no displacement of a date; expected files that to_geotiff"
    ):
        jv.open_series(tmp_path / "v_*.tif")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        series.to_geotiff(tmp_path / name / "d_{date}.tif", progress=False)
    with pytest.raises(SourceError, match=r"d_2018-01-01\.tif: another file has the displacement of 20180101 too"):
        jv.open_series(tmp_path / "*" / "d_*.tif")
    with pytest.raises(SourceError, match="no file matches"):
        jv.open_series(tmp_path / "none_{date}.tif")
