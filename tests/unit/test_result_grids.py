"""Chains of interferometry on every kind of grid: the right pixels, or a refusal in words.

Results that need one pixel alone are the same numbers on any map: those of the stack's own pixel below each centre.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.warp import transform

import jeoview as jv
from jeoview.describe import describe
from jeoview.engine import Engine
from jeoview.errors import JeoviewError, ParameterError
from jeoview.grid import Grid, Lattice
from jeoview.image import Image
from jeoview.projection import sensor_crs, transform_bounds
from tests.unit import product_files as made

SIDE = 40
BOX = (made.WEST, made.NORTH - SIDE * made.STEP, made.WEST + SIDE * made.STEP, made.NORTH)
INNER = (made.WEST + 0.008, made.NORTH - 0.032, made.WEST + 0.03, made.NORTH - 0.009)
DAYS = ("20200101", "20200113", "20200125", "20200206", "20200218", "20200301")
LAEA = "+proj=laea +lat_0=45 +lon_0=10 +ellps=GRS80 +units=m"
SENSOR = sensor_crs("elsewhere")
MAPS: dict[str, dict[str, Any]] = {
    "degrees": {"resolution": 0.0007},
    "oblong": {"resolution": (0.0011, 0.0006)},
    "utm": {"crs": "EPSG:32632", "resolution": 60.0},
    "laea": {"crs": LAEA, "resolution": (90.0, 50.0)},
    "mercator": {"zoom": 13},
}


@pytest.fixture
def stack(tmp_path: Path, jeoview_home: Path) -> jv.InterferogramCollection:
    """Nine pairs of six dates with noise, gaps, a wrong cycle, and coherence; ``jeoview_home`` is the cache."""
    assert jeoview_home.exists()
    random = np.random.default_rng(7)
    truth = np.cumsum(random.normal(0, 0.6, (len(DAYS), SIDE, SIDE)), axis=0)
    pairs = [(i, j) for i in range(len(DAYS)) for j in (i + 1, i + 2) if j < len(DAYS)]
    for number, (i, j) in enumerate(pairs):
        phase = (truth[j] - truth[i] + random.normal(0, 0.05, (SIDE, SIDE))).astype(np.float32)
        phase[random.random((SIDE, SIDE)) < 0.05] = 0.0
        if number == 3:
            phase[5:15, 8:20] += np.float32(2 * np.pi)
        coherence = random.uniform(0.3, 0.95, (SIDE, SIDE)).astype(np.float32)
        name = f"{DAYS[i]}_{DAYS[j]}"
        made.write_tif(tmp_path / f"{name}_unw.tif", phase)
        made.write_tif(tmp_path / f"{name}_cc.tif", coherence)
    found = jv.InterferogramCollection.from_files(str(tmp_path / "*_unw.tif"), str(tmp_path / "*_cc.tif"))
    return found.reference(bounds=(10.02, 44.97, 10.03, 44.98))


def where(on: dict[str, Any]) -> dict[str, Any]:
    """The inner box in the system of a map."""
    crs = on.get("crs", "EPSG:4326")
    return {"bounds": transform_bounds("EPSG:4326", crs, INNER), "progress": False, **on}


BY_PIXEL: dict[str, Callable[[jv.InterferogramCollection], Image]] = {
    "image": lambda s: s.image(),
    "correct_unwrapping": lambda s: s.correct_unwrapping().image(),
    "invert": lambda s: s.correct_unwrapping().invert(method="nsbas", weight="coherence"),
    "velocity": lambda s: s.invert().velocity(min_span=0.0),
    "quality": lambda s: s.quality(),
    "noise": lambda s: s.noise_indices()[[band for band in s.noise_indices().bands if band != "stc"]],
    "loops": lambda s: s.image().loop_closure(),
    "errors": lambda s: s.image().unwrapping_errors(),
    "temporal": lambda s: s.invert().temporal_filter(days=20.0),
    "relative": lambda s: s.invert().relative_to("2020-01-25", bounds=BOX),
    "years": lambda s: s.invert().annual_steps(first=2020, last=2020),
}


@pytest.mark.parametrize("name", list(BY_PIXEL))
def test_every_map_shows_the_stacks_own_pixels(name: str, stack: jv.InterferogramCollection) -> None:
    image = BY_PIXEL[name](stack)
    own = np.asarray(image.to_numpy(bounds=BOX, resolution=made.STEP, progress=False))
    assert own.shape[-2:] == (SIDE, SIDE)
    assert np.isfinite(own).mean() > 0.5
    for label, on in MAPS.items():
        shown = image.to_xarray(**where(on))
        x, y = np.meshgrid(shown.x.values, shown.y.values)
        lon, lat = (
            np.reshape(axis, x.shape) for axis in transform(shown.attrs["crs"], "EPSG:4326", x.ravel(), y.ravel())
        )
        row, col = (made.NORTH - lat) / made.STEP, (lon - made.WEST) / made.STEP
        # Where a centre lies on the edge of two pixels either is right.
        sure = (np.abs(row % 1 - 0.5) < 0.45) & (np.abs(col % 1 - 0.5) < 0.45)
        assert sure.mean() > 0.6
        expected = own[..., np.floor(row).astype(int), np.floor(col).astype(int)]
        np.testing.assert_array_equal(shown.values[..., sure], expected[..., sure], err_msg=f"{name} on {label}")


OF_AN_AREA: dict[str, Callable[[jv.InterferogramCollection], Image]] = {
    "deramp": lambda s: s.deramp(1, region=BOX).image(),
    "stc": lambda s: s.noise_indices()["stc"],
    "goldstein": lambda s: s.image()["unwrapped"].wrap().goldstein(0.5, 8),
    "spatial_filter": lambda s: s.invert().velocity(min_span=0.0)["velocity"].spatial_filter(2),
    "spatial_filter in metres": lambda s: s.invert().spatial_filter(jv.metres(300), keep="high"),
    "unwrap": lambda s: s.image()["unwrapped"].wrap().unwrap(region=BOX, zoom=12).wrap(),
    "unwrap in view": lambda s: s.image()["unwrapped"].first().wrap().unwrap(region="view"),
}


@pytest.mark.parametrize("name", list(OF_AN_AREA))
def test_what_looks_around_works_on_every_map(name: str, stack: jv.InterferogramCollection) -> None:
    image = OF_AN_AREA[name](stack)
    means = []
    for on in MAPS.values():
        array = np.asarray(image.to_numpy(**where(on)))
        assert np.isfinite(array).mean() > 0.5
        means.append(float(np.nanmean(np.abs(array))))
    assert max(means) < 3.0 * min(means), "the same ground, whatever the map"


@pytest.mark.parametrize("name", [*BY_PIXEL, *OF_AN_AREA])
@pytest.mark.parametrize("bounds", [None, (0, -20, 20, 0), (0, 0, 20, 20)])
def test_a_map_has_no_rows_and_columns_of_a_sensor(name: str, bounds: Any, stack: jv.InterferogramCollection) -> None:
    image = {**BY_PIXEL, **OF_AN_AREA}[name](stack)
    with pytest.raises(ParameterError, match=r"rows and columns.*crs='EPSG:4326'"):
        image.to_numpy(bounds=bounds, crs=SENSOR, resolution=1.0, progress=False)
    with pytest.raises(ParameterError, match=r"works on the map.*crs='EPSG:4326'"):
        Engine.default().render(image.node, Grid(Lattice(SENSOR, (1.0, 1.0), 0.0, 0.0), 0, 0, 20, 20))


# -- complex images -----------------------------------------------------------------------------------


@pytest.fixture
def slc(tmp_path: Path, jeoview_home: Path) -> tuple[jv.SlcCollection, NDArray[np.complex64]]:
    """Two geocoded images; ``jeoview_home`` is the cache."""
    assert jeoview_home.exists()
    random = np.random.default_rng(3)
    images = (random.normal(size=(2, 30, 44)) + 1j * random.normal(size=(2, 30, 44))).astype(np.complex64)
    for day, image in zip(DAYS, images, strict=False):
        made.write_tif(tmp_path / f"{day}.tif", image)
    return jv.SlcCollection.from_files(str(tmp_path / "*.tif")), images


def at_sensor(image: Image) -> str:
    frame = describe(image.node).frame
    assert frame is not None
    return frame.lattice.crs


def test_the_sensors_own_pixels_are_an_export(
    slc: tuple[jv.SlcCollection, NDArray[np.complex64]], tmp_path: Path
) -> None:
    collection, (one, other) = slc
    pair = collection["2020-01-01"].interferogram(collection["2020-01-13"])
    crs = at_sensor(pair)
    product = np.asarray(pair.to_numpy(crs=crs, resolution=1, progress=False))[0]
    assert product.shape == one.shape
    np.testing.assert_allclose(np.abs(product), np.abs(one * other), rtol=1e-5)
    np.testing.assert_allclose(np.cos(np.angle(product)), np.cos(np.angle(one * other.conj())), atol=1e-5)
    window = np.asarray(pair.to_numpy(bounds=(7, -20, 27, -4), crs=crs, progress=False))[0]
    np.testing.assert_array_equal(window, product[4:20, 7:27])
    looks = pair.multilook(3, 4)
    coarse = np.asarray(looks.to_numpy(crs=crs, resolution=(4, 3), progress=False))[0]
    np.testing.assert_allclose(coarse, product.reshape(10, 3, 11, 4).mean(axis=(1, 3)), rtol=1e-4, atol=1e-6)
    path = pair.phase().to_geotiff(tmp_path / "phase.tif", crs=crs, resolution=1, progress=False)
    with rasterio.open(str(path)) as file:
        np.testing.assert_allclose(file.read(1), np.angle(product), atol=1e-6)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"resolution": 2}, r"pixels of \(1.0, 1.0\) columns and rows"),
        ({"zoom": 12}, r"pixels of \(1.0, 1.0\) columns and rows"),
        ({"bounds": (0, 0, 10, 10), "resolution": 1}, r"lie outside of the sensor's \(0.0, -30.0, 44.0, 0.0\)"),
        ({"bounds": (40, -20, 60, 0)}, "lie outside of the sensor's"),
        ({"bounds": "all"}, "bounds"),
    ],
)
def test_other_pixels_of_a_sensor_are_refused(
    ask: dict[str, Any], message: str, slc: tuple[jv.SlcCollection, NDArray[np.complex64]]
) -> None:
    image = slc[0]["2020-01-01"]
    with pytest.raises(ParameterError, match=message):
        image.to_numpy(crs=at_sensor(image), progress=False, **ask)


def test_what_left_the_sensor_or_needs_the_map_says_so(
    slc: tuple[jv.SlcCollection, NDArray[np.complex64]], tmp_path: Path
) -> None:
    image = slc[0]["2020-01-01"]
    crs = at_sensor(image)
    phase = image.interferogram(slc[0]["2020-01-13"]).multilook(2, 2).phase()
    left = (phase.unwrap(region=BOX, zoom=13), image.amplitude().spatial_filter(2), image.amplitude().focal_mean(1))
    for other in left:
        with pytest.raises(ParameterError, match="is not at these pixels"):
            other.to_numpy(crs=crs, progress=False)
    amplitude = image.amplitude()
    for exit_, given in (("to_csv", (tmp_path / "a.csv",)), ("profile", ([(10.001, 44.98), (10.01, 44.99)],))):
        with pytest.raises(JeoviewError, match="have no place on the map"):
            getattr(amplitude, exit_)(*given, crs=crs, resolution=1, progress=False)
    with pytest.warns(UserWarning, match="no pixel is valid in this window of the sensor"):
        amplitude.mask(amplitude < 0).to_numpy(crs=crs, progress=False)
    assert list(tmp_path.glob("*.csv")) == []


# ---------------------------------------------------------------- one number for pixels that are not square


@pytest.mark.parametrize("step", [0.00015433, 0.0005, 0.00031, 0.001, 0.0013, 0.02, 0.15])
def test_no_row_or_column_stands_beside_the_extent(step: float, data_dir: Path, jeoview_home: Path) -> None:
    """The pixels of the file are 0.00015433 by 0.00015438 degrees; 0 is no data."""
    assert jeoview_home.exists()
    file = data_dir / "eo-tools-morocco-ifg" / "coh_vv.tif"
    with rasterio.open(file) as opened:
        stored, inverse = opened.read(1), ~opened.transform
        west, north = opened.transform.c, opened.transform.f
        wide, high = opened.width * opened.transform.a, -opened.height * opened.transform.e
    found = np.asarray(jv.open(str(file)).to_numpy(resolution=step, progress=False))[0]
    # As many pixels as have their middle inside, and at least one.
    assert found.shape == (max(int(high / step + 0.5), 1), max(int(wide / step + 0.5), 1))
    if step == 0.00015433:
        assert found.shape == stored.shape
        cols, rows = np.meshgrid(*(np.arange(size) for size in found.shape[::-1]))
        col, row = inverse * (west + (cols + 0.5) * step, north - (rows + 0.5) * step)
        expected = stored[np.floor(row).astype(int), np.floor(col).astype(int)]
        np.testing.assert_array_equal(found, np.where(expected == 0, np.nan, expected))


def test_bounds_that_are_given_are_covered(data_dir: Path, jeoview_home: Path) -> None:
    assert jeoview_home.exists()
    image = jv.open(str(data_dir / "eo-tools-morocco-ifg" / "coh_vv.tif"))
    assert np.asarray(image.to_numpy(bounds=image.bbox, resolution=0.00015433, progress=False)).shape == (1, 553, 674)
