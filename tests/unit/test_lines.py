"""Isolines, profiles and yearly steps, against numbers that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.errors import LimitError, ParameterError
from jeoview.grid import Grid, web_mercator
from jeoview.operators.yearly import annual_steps
from jeoview.projection import along, transform
from jeoview.quantities import WRAPPED
from jeoview.raster import Kind, Raster
from tests.synthetic import source
from tests.unit import product_files as made

CRS, LEFT, TOP, PIXEL = "EPSG:32632", 600_000.0, 5_000_000.0, 10.0
OWN: dict[str, Any] = {"crs": CRS, "resolution": PIXEL}


@pytest.fixture
def write(tmp_path: Path, jeoview_home: Path) -> Callable[..., Path]:
    def make(name: str, values: NDArray[Any]) -> Path:
        path, (height, width) = tmp_path / name, values.shape
        place = {"crs": CRS, "transform": from_origin(LEFT, TOP, PIXEL, PIXEL), "width": width, "height": height}
        with rasterio.open(path, "w", driver="GTiff", count=1, dtype="float32", nodata=np.nan, **place) as file:
            file.write(values.astype(np.float32), 1)
        return path

    return make


def bounds_of(values: NDArray[Any]) -> tuple[float, float, float, float]:
    height, width = values.shape
    return LEFT, TOP - height * PIXEL, LEFT + width * PIXEL, TOP


def cone(size: int = 121) -> NDArray[Any]:
    """Metres from the middle."""
    y, x = np.mgrid[:size, :size] - size // 2
    return np.asarray(np.hypot(x, y) * PIXEL)


# ---------------------------------------------------------------- isolines


def test_isolines_of_a_cone_are_circles(write: Callable[..., Path]) -> None:
    values = cone(131)
    frame = jv.open(write("cone.tif", values), unit="m").isolines(100, bounds=bounds_of(values), tolerance=0, **OWN)
    assert (str(frame.crs), frame.attrs["unit"]) == ("EPSG:4326", "m")
    whole = frame[frame["closed"]]
    assert whole["value"].tolist() == [100.0, 200.0, 300.0, 400.0, 500.0, 600.0]
    middle = LEFT + 65.5 * PIXEL, TOP - 65.5 * PIXEL
    for value, shape in zip(whole["value"], whole.geometry, strict=True):
        x, y = transform("EPSG:4326", CRS, *np.asarray(shape.coords).T)
        np.testing.assert_allclose(np.hypot(x - middle[0], y - middle[1]), value, atol=0.02 * PIXEL)
        # Higher values, here those outside, on the right: against the clock.
        assert shapely.is_ccw(shape)
    assert not frame[frame["value"] > 620]["closed"].any()


def test_isolines_are_simplified_by_less_than_a_pixel(write: Callable[..., Path]) -> None:
    values = cone()
    image = jv.open(write("cone.tif", values))
    fine = image.isolines(100, bounds=bounds_of(values), tolerance=0, **OWN).to_crs(CRS)
    plain = image.isolines(100, bounds=bounds_of(values), **OWN).to_crs(CRS)
    assert sum(map(_count, plain.geometry)) < 0.4 * sum(map(_count, fine.geometry))
    for one, other in zip(fine.geometry, plain.geometry, strict=True):
        assert one.hausdorff_distance(other) <= 0.51 * PIXEL


def _count(shape: Any) -> int:
    return len(shape.coords)


def test_isolines_end_where_the_data_end(write: Callable[..., Path]) -> None:
    values = cone()
    values[50:70, 80:120] = np.nan
    frame = jv.open(write("hole.tif", values)).isolines(100, bounds=bounds_of(values), **OWN).to_crs(CRS)
    hole = gpd.points_from_xy([LEFT + 1000], [TOP - 600])[0].buffer(50)
    assert not frame.intersects(hole).any()
    assert frame[frame["value"] == 100]["closed"].all()
    assert not frame[frame["value"] == 300]["closed"].any()


def test_isolines_go_to_files(write: Callable[..., Path], tmp_path: Path) -> None:
    values = cone()
    image = jv.open(write("cone.tif", values))
    for name in ("lines.geojson", "lines.gpkg"):
        image.isolines(250, tmp_path / name, base=50, bounds=bounds_of(values), **OWN)
        again = gpd.read_file(tmp_path / name)
        assert set(again["value"]) == {50.0, 300.0, 550.0, 800.0}
    flat = jv.open(write("flat.tif", np.full((5, 5), np.nan)))
    with pytest.warns(UserWarning, match="isolines"):
        assert len(flat.isolines(1, bounds=bounds_of(np.zeros((5, 5))), **OWN)) == 0


def test_isolines_of_other_things_are_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    image = jv.open(write("cone.tif", cone()))
    wrong: Any
    for wrong in (0, -1, float("nan"), "ten", True):
        with pytest.raises(ParameterError, match="interval is"):
            image.isolines(wrong, zoom=10)
    with pytest.raises(LimitError, match="values; at most"):
        image.isolines(0.01, bounds=bounds_of(cone()), **OWN)
    with pytest.raises(ParameterError, match="expected one band"):
        source("1").median().isolines(1, zoom=10)
    with pytest.raises(ParameterError, match="unwrap"):
        source("4", ("phase",), unit=WRAPPED).first().isolines(1, zoom=10)
    with pytest.raises(ParameterError, match=r"\.geojson or \.gpkg"):
        image.isolines(1, tmp_path / "lines.shp", zoom=10)


def test_isolines_as_pixels_stand_between_the_classes(write: Callable[..., Path]) -> None:
    values = np.add.outer(np.zeros(20), np.arange(40) * 0.25)
    values[3, 7] = np.nan
    array = jv.open(write("ramp.tif", values)).isoline_pixels(1.0).to_numpy(bounds=bounds_of(values), **OWN)
    assert isinstance(array, np.ndarray)
    expected = np.full(values.shape, np.nan)
    expected[:, 3:-1:4] = 1
    expected[3, 7] = np.nan
    np.testing.assert_array_equal(array[0], expected)
    with pytest.raises(ParameterError, match="unwrap"):
        source("4", ("phase",), unit=WRAPPED).first().isoline_pixels(1)


# ---------------------------------------------------------------- profile


def test_points_along_a_line_are_on_the_ellipsoid() -> None:
    corners = [(9.0, 45.0), (9.3, 45.1), (9.3, 45.3)]
    distance, lon, lat = along(corners, 500.0)
    geod = Geod(ellps="WGS84")
    assert distance[-1] == pytest.approx(geod.line_length([9.0, 9.3, 9.3], [45.0, 45.1, 45.3]), abs=1e-6)
    gaps = geod.line_lengths(lon, lat)
    np.testing.assert_allclose(np.diff(distance), gaps, atol=1e-6)
    assert gaps.max() <= 500.0
    assert ((lon == 9.3) & (np.abs(lat - 45.1) < 1e-12)).any() or (np.abs(lon - 9.3) + np.abs(lat - 45.1)).min() < 1e-9


def test_profile_across_a_cone(write: Callable[..., Path]) -> None:
    image = jv.open(write("cone.tif", cone(601)), unit="m", bands=["range"])
    x, y = np.array([LEFT + 15, LEFT + 5_990]), np.array([TOP - 3_005, TOP - 3_005])
    lon, lat = transform(CRS, "EPSG:4326", x, y)
    line = {"type": "LineString", "coordinates": np.column_stack([lon, lat]).tolist()}
    frame = image.profile(line, **OWN)
    assert list(frame.columns) == ["distance", "lon", "lat", "range"]
    assert frame.attrs["unit"] == "m"
    assert len(frame) == pytest.approx(598, abs=2)
    np.testing.assert_allclose(frame["range"], np.abs(frame["distance"] - 2990), atol=2 * PIXEL)
    # Blocks that meet along the line give what the array of the area gives.
    whole: Any = image.to_numpy(bounds=bounds_of(cone(601)), **OWN)
    array = whole[0]
    px, py = transform("EPSG:4326", CRS, frame["lon"].to_numpy(), frame["lat"].to_numpy())
    rows, cols = np.floor((TOP - py) / PIXEL).astype(int), np.floor((px - LEFT) / PIXEL).astype(int)
    np.testing.assert_array_equal(frame["range"], array[rows, cols])


def test_profile_of_a_series_has_a_column_for_each_date(write: Callable[..., Path], tmp_path: Path) -> None:
    for number, date in enumerate(("20200101", "20210101")):
        write(f"{date}.tif", cone() + number)
    series = jv.ImageCollection.from_files(str(tmp_path / "2*.tif"), unit="m")
    (west, east), (north, south) = transform(CRS, "EPSG:4326", [LEFT + 100, LEFT + 900], [TOP - 100, TOP - 900])
    series.profile([(west, north), (east, south)], tmp_path / "out.csv", step=100.0, **OWN)
    frame = pd.read_csv(tmp_path / "out.csv")
    assert list(frame.columns)[3:] == ["2020-01-01", "2021-01-01"]
    np.testing.assert_allclose(frame["2021-01-01"] - frame["2020-01-01"], 1, atol=1e-3)


def test_profiles_are_refused_without_a_line_or_values(write: Callable[..., Path]) -> None:
    image = jv.open(write("cone.tif", cone()))
    lon, lat = (float(part) for part in transform(CRS, "EPSG:4326", LEFT + 100, TOP - 100))
    there = [(lon, lat), (lon + 0.001, lat)]
    wrong: Any
    for wrong, said in (
        ({"type": "Point", "coordinates": [1, 2]}, "line is a Point"),
        ([(lon, lat)], "two or more"),
        ([(lon, lat), (lon, lat)], "different places"),
        ([(500, 0), (lon, lat)], "no \\(lon, lat\\)"),
        ("line", "LineString or a list"),
    ):
        with pytest.raises(ParameterError, match=said):
            image.profile(wrong, **OWN)
    with pytest.raises(ParameterError, match="exactly one of zoom"):
        image.profile(there)
    with pytest.raises(ParameterError, match="step is 0"):
        image.profile(there, step=0, **OWN)
    with pytest.raises(LimitError, match="larger step"):
        image.profile([(-10, 0), (80, 50)], step=1.0, zoom=5)
    with pytest.raises(ParameterError, match="ends in colours"):
        image.colormap(vmin=0, vmax=1).profile(there, **OWN)


# ---------------------------------------------------------------- yearly steps


def displacement(days: list[str], values: NDArray[Any]) -> Raster:
    grid = Grid(web_mercator(12), 100, 100, *values.shape[-2:])
    dates = tuple(f"{day}T00:00:00Z" for day in days)
    return Raster(values.astype(np.float32)[:, None], grid, Kind.SERIES, ("displacement",), dates)


def test_steps_are_differences_between_new_years() -> None:
    random = np.random.default_rng(0)
    days = pd.date_range("2017-03-05", "2020-08-20", freq="37D")
    values = random.normal(0, 0.05, (len(days), 6, 7)).cumsum(axis=0)
    values[random.random(values.shape) < 0.3] = np.nan
    values[:, 0, 0] = np.nan
    values[1:, 0, 1] = np.nan
    result = annual_steps(displacement([f"{day:%Y-%m-%d}" for day in days], values), first=2016, last=2021)
    assert result.bands == ("2016", "2017", "2018", "2019", "2020", "2021")
    ends = (
        pd.to_datetime([f"{year}-01-01" for year in range(2016, 2023)]).to_numpy().astype("datetime64[s]").astype(float)
    )
    times = days.to_numpy().astype("datetime64[s]").astype(float)
    for y, x in np.ndindex(6, 7):
        valid = np.isfinite(values[:, y, x])
        if valid.sum() < 2:
            assert np.isnan(result.array[:, y, x]).all()
            continue
        at = np.interp(ends, times[valid], values[valid, y, x])
        reach = (ends[:-1] < times[valid][-1]) & (ends[1:] > times[valid][0])
        np.testing.assert_allclose(result.array[:, y, x], np.where(reach, np.diff(at), np.nan), atol=1e-6)
        total = values[valid, y, x][-1] - values[valid, y, x][0]
        assert np.nansum(result.array[:, y, x]) == pytest.approx(total, abs=1e-5)


def test_the_order_of_dates_does_not_matter() -> None:
    days = ["2019-06-01", "2018-01-01", "2020-03-01"]
    values = np.array([3.0, 1.0, 4.0])[:, None, None]
    result = annual_steps(displacement(days, values), first=2018, last=2020).array.ravel()
    ordered = annual_steps(displacement(sorted(days), values[[1, 0, 2]]), first=2018, last=2020).array.ravel()
    np.testing.assert_array_equal(result, ordered)
    assert result.sum() == pytest.approx(3.0)


def test_steps_of_wrong_years_or_wrapped_phase_are_refused() -> None:
    series = source("4", ("displacement",), unit="m")
    assert series.annual_steps(2020, 2022).bands == ("2020", "2021", "2022")
    with pytest.raises(ParameterError, match="2022 to 2020"):
        series.annual_steps(2022, 2020)
    with pytest.raises(ParameterError, match="unwrap"):
        source("4", ("phase",), unit=WRAPPED).annual_steps(2020, 2022)
    with pytest.raises(ParameterError, match="choose one"):
        source("4", ("a", "b")).annual_steps(2020, 2022)


def stack_of(folder: Path, *days: str) -> jv.InterferogramCollection:
    """Pairs of neighbouring days, each with the phase of one pixel."""
    for one, other in pairwise(days):
        made.write_tif(folder / f"{one}_{other}_unw.tif", made.ramp())
    return jv.InterferogramCollection.from_files(str(folder / "*_unw.tif")).reference(lon=10.004, lat=44.998)


@pytest.mark.parametrize(
    ("days", "years"),
    [
        (("20191220", "20200601", "20210601", "20220110"), ("2020", "2021")),
        (("20200128", "20200601", "20210601", "20211205"), ("2020", "2021")),
        (("20200210", "20200601", "20210601", "20211205"), ("2021",)),
        (("20200101", "20201231"), ("2020",)),
    ],
)
def test_without_years_all_whole_ones_are_taken(
    days: tuple[str, ...], years: tuple[str, ...], tmp_path: Path, jeoview_home: Path
) -> None:
    """Of pairs the later date counts too, and no operator on the way hides the scenes. ``jeoview_home`` is the cache."""
    assert jeoview_home.exists()
    series = stack_of(tmp_path, *days).invert()
    moved = series.relative_to(lon=10.004, lat=44.998).temporal_filter(days=30.0)
    assert series.annual_steps().bands == moved.annual_steps().bands == years
    assert series.annual_steps().key == series.annual_steps(int(years[0]), int(years[-1])).key
    assert series.annual_steps(last=2022).bands[-1] == "2022"


def test_without_a_whole_year_the_line_says_what_there_is(tmp_path: Path, jeoview_home: Path) -> None:
    """``jeoview_home`` is the cache."""
    assert jeoview_home.exists()
    series = stack_of(tmp_path, "20180106", "20180717").invert()
    with pytest.raises(ParameterError, match="no whole year lies within 2018-01-06 to 2018-07-17; give first="):
        series.annual_steps()
    with pytest.raises(ParameterError, match="dates of the series are not known"):
        source("4", ("displacement",)).annual_steps()
