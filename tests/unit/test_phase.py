"""Wrapped phase: whole cycles left out, means as phasors, and the marks that keep it from being averaged as numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.errors import BandError, ParameterError
from jeoview.grid import tile_grid
from jeoview.image import Image
from jeoview.kernels import angles
from jeoview.operators import phase
from jeoview.operators.colour import legend
from jeoview.quantities import WRAPPED
from jeoview.raster import Kind, Raster
from tests.synthetic import source

HERE = tile_grid(10, 532, 370)
Floats = NDArray[np.float32]


def bands(array: Any) -> Raster:
    values = np.asarray(array)
    return Raster(values, HERE, Kind.BANDS, tuple(f"b{i}" for i in range(len(values))))


def series(array: Any) -> Raster:
    values = np.asarray(array)
    dates = tuple(f"2020-01-{day:02d}T00:00:00Z" for day in range(1, len(values) + 1))
    return Raster(values, HERE, Kind.SERIES, ("phase",), dates)


def far(a: Any, b: Any) -> float:
    """The largest difference of two phases."""
    return float(np.nanmax(np.abs(np.angle(np.exp(1j * (np.asarray(a, np.float64) - np.asarray(b, np.float64)))))))


# ---------------------------------------------------------------- kernels


def test_phasors_and_angles_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).uniform(-60, 60, (37, 41)).astype(np.float32)
    values[3, 4] = np.nan
    phasors = angles.phasors_of(values)
    np.testing.assert_allclose(phasors, np.exp(1j * values.astype(np.float64)), atol=2e-7)
    found = angles.angles_of(phasors * np.float32(7.0))
    np.testing.assert_allclose(found, np.angle(phasors), atol=4e-7)
    assert np.isnan(found[3, 4])


def test_angles_of_the_axes() -> None:
    values = np.array([0, 1, -1, 1j, -1j, complex(-1, -0.0), 1e-30, complex(1, np.nan), complex(np.nan, 1)])
    expected = [0, 0, np.pi, np.pi / 2, -np.pi / 2, np.pi, 0, np.nan, np.nan]
    np.testing.assert_allclose(angles.angles_of(values), expected, atol=3e-7)


# ---------------------------------------------------------------- wrap, rewrap


def test_wrap_leaves_whole_cycles_out() -> None:
    values = np.random.default_rng(1).uniform(-50, 50, (1, 100, 100)).astype(np.float32)
    values[0, 0, 0] = np.nan
    result = phase.wrap(bands(values)).array
    assert result.dtype == np.float32
    cycles = (values.astype(np.float64) - result) / (2 * np.pi)
    np.testing.assert_allclose(cycles, np.rint(cycles), atol=1e-6)
    assert np.isnan(result[0, 0, 0])
    np.testing.assert_array_equal(phase.wrap(bands(result)).array, result)


def test_wrapped_is_above_minus_pi_and_up_to_pi_in_every_precision() -> None:
    edges = np.array([[[np.pi, -np.pi, 3 * np.pi, -3 * np.pi, 2 * np.pi, 0]]], dtype=np.float32)
    result = phase.wrap(bands(edges)).array.astype(np.float64)
    assert ((result > -np.pi) & (result <= np.pi)).all()
    assert far(result, edges) < 1e-6


@pytest.mark.parametrize("fringe", [0.1, 4 * np.pi, 25.0])
def test_rewrap_makes_fringes_in_the_unit_of_the_image(fringe: float) -> None:
    values = np.random.default_rng(2).normal(0, 3 * fringe, (1, 60, 60)).astype(np.float32)
    result = phase.rewrap(bands(values), range=fringe).array
    assert (np.abs(result.astype(np.float64)) <= fringe / 2).all()
    cycles = (values.astype(np.float64) - result) / fringe
    np.testing.assert_allclose(cycles, np.rint(cycles), atol=1e-5)


# ---------------------------------------------------------------- mean over time


def test_mean_phase_is_the_angle_of_the_mean_phasor() -> None:
    random = np.random.default_rng(3)
    centre = random.uniform(-np.pi, np.pi, (1, 30, 40))
    values = np.angle(np.exp(1j * (centre + random.normal(0, 0.6, (25, 1, 30, 40))))).astype(np.float32)
    values[random.random(values.shape) < 0.3] = np.nan
    values[:, 0, 5, 5] = np.nan
    mean = np.nanmean(np.exp(1j * np.delete(values.reshape(25, -1), 205, axis=1).astype(np.float64)), axis=0)
    found, length = phase.mean_phase(series(values)).array, phase.phase_stability(series(values)).array
    assert np.isnan(found[0, 5, 5])
    assert np.isnan(length[0, 5, 5])
    assert far(np.delete(found.ravel(), 205), np.angle(mean)) < 1e-5
    np.testing.assert_allclose(np.delete(length.ravel(), 205), np.abs(mean), atol=1e-6)


def test_complex_values_count_by_their_phase_alone() -> None:
    random = np.random.default_rng(4)
    phases = random.uniform(-np.pi, np.pi, (9, 1, 8, 8)).astype(np.float32)
    loud = (np.exp(1j * phases) * random.uniform(0.1, 50, phases.shape)).astype(np.complex64)
    assert far(phase.mean_phase(series(loud)).array, phase.mean_phase(series(phases)).array) < 1e-5


# ---------------------------------------------------------------- marks


def wrapped_series() -> Image:
    return source("4", ("phase",), unit=WRAPPED)


@pytest.mark.parametrize("name", ["mean", "median", "quantile"])
def test_means_of_wrapped_phase_are_refused_with_what_serves(name: str) -> None:
    with pytest.raises(ParameterError, match=rf"{name}: .*rad \(wrapped\).*use \.mean_phase\(\)"):
        getattr(wrapped_series(), name)()
    assert wrapped_series().mean_phase().unit == WRAPPED
    assert wrapped_series().phase_stability().unit == ""


def test_other_averages_are_refused_too() -> None:
    with pytest.raises(ParameterError, match="phase_stability"):
        wrapped_series().std()
    for name, said in (("focal_mean", "focal_mean"), ("spatial_filter", "spatial_mean")):
        with pytest.raises(ParameterError, match=rf"{said}: .*goldstein"):
            getattr(wrapped_series().first(), name)(2)
    with pytest.raises(ParameterError, match="mean_phase"):
        wrapped_series().temporal_filter(30.0)
    with pytest.raises(ParameterError, match="unwrapped"):
        wrapped_series().first().rewrap(4 * np.pi)
    with pytest.raises(ParameterError, match="wrap: the image is in m; expected phase in rad"):
        source("4", ("d",), unit="m").first().wrap()


def test_a_difference_of_wrapped_phases_is_marked_until_it_is_unwrapped() -> None:
    first, last = wrapped_series().first(), wrapped_series().last()
    assert (first - last).unit == WRAPPED
    assert (first - last).wrap().unit == WRAPPED
    model = source("4", ("m",), unit="rad").first()
    assert (first - model).unit == (model - first).unit == WRAPPED
    with pytest.raises(ParameterError, match="expected one unit"):
        first - source("4", ("m",), unit="m").first()
    assert source("4", ("d",), unit="m").first().rewrap(0.1).unit == "m (wrapped)"


def test_wrapped_phase_is_shown_in_cyclic_colours_by_default() -> None:
    shown = legend(wrapped_series().first().colormap().node)
    assert (shown["cyclic"], shown["unit"]) == (True, WRAPPED)
    assert (shown["vmin"], shown["vmax"]) == (-np.pi, np.pi)
    fringes = source("4", ("d",), unit="m").first().rewrap(0.1).colormap(vmin=-0.05, vmax=0.05)
    assert legend(fringes.node)["cyclic"]
    with pytest.raises(ParameterError, match="give vmin= and vmax="):
        source("4", ("d",), unit="m").first().colormap()


# ---------------------------------------------------------------- files


@pytest.fixture
def fringes(tmp_path: Path) -> Callable[..., Path]:
    """Steep fringes with holes, in radians or as complex numbers."""

    def write(name: str, count: int = 1, **profile: Any) -> Path:
        y, x = np.mgrid[:240, :300]
        values = np.angle(np.exp(1j * (0.9 * x + 0.0015 * y**2))).astype(np.float32)
        hole = np.random.default_rng(0).random(values.shape) < 0.05
        path = tmp_path / name
        kind = profile.get("dtype", "float32")
        stored = np.exp(1j * values).astype(np.complex64) if kind == "complex64" else values
        stored[hole] = np.nan if kind == "complex64" else -9999.0
        nodata = {} if kind == "complex64" else {"nodata": -9999.0}
        place = {"crs": "EPSG:32632", "transform": from_origin(600_000, 5_000_000, 10, 10), "width": 300, "height": 240}
        with rasterio.open(
            path, "w", driver="GTiff", count=count, **place, **{"dtype": kind, **nodata, **profile}
        ) as f:
            for band in range(1, count + 1):
                f.write(stored, band)
        return path

    return write


def test_files_of_wrapped_phase_are_resampled_as_phasors(jeoview_home: Path, fringes: Callable[..., Path]) -> None:
    options: dict[str, Any] = {"date": None, "wrapped": True}
    as_phase = _collection(fringes("20200101_phase.tif"), **options).image("bilinear").first()
    as_complex = _collection(fringes("20200101_complex.tif", dtype="complex64")).image("bilinear").first()
    box = as_phase.bbox
    assert box is not None
    assert as_phase.unit == WRAPPED
    found, expected = as_phase.to_numpy(box, zoom=15), as_complex.to_numpy(box, zoom=15)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    clear = np.abs(expected) > 0.05
    assert clear.sum() > 10_000
    assert far(found[clear], np.angle(expected[clear])) < 1e-4


def _collection(path: Path, **options: Any) -> Any:
    return jv.ImageCollection.from_files(str(path), **options)


def test_bands_of_one_file_are_marked_one_by_one(jeoview_home: Path, fringes: Callable[..., Path]) -> None:
    path = fringes("20200101_two.tif", count=2, interleave="pixel")
    both = _collection(path, bands=["phase", "other"], wrapped=["phase"]).image("bilinear").first()
    alone = _collection(fringes("20200101_one.tif"), wrapped=True).image("bilinear").first()
    box = alone.bbox
    found = both.to_numpy(box, zoom=14)
    np.testing.assert_array_equal(found[0], alone.to_numpy(box, zoom=14)[0])
    assert not np.array_equal(found[0], found[1], equal_nan=True)
    with pytest.raises(BandError, match="has no band 'phi'"):
        _collection(path, bands=["phase", "other"], wrapped=["phi"])


def test_on_their_own_pixels_the_numbers_are_those_of_the_file(
    jeoview_home: Path, fringes: Callable[..., Path]
) -> None:
    path = fringes("20200101_own.tif")
    image = _collection(path, wrapped=True).image("bilinear").first()
    bounds = (600_000, 4_997_600, 603_000, 5_000_000)
    with rasterio.open(path) as file:
        stored = file.read(masked=True).filled(np.nan)
    np.testing.assert_array_equal(image.to_numpy(bounds, crs="EPSG:32632", resolution=10), stored)


def test_options_of_other_kinds_are_refused(jeoview_home: Path, fringes: Callable[..., Path]) -> None:
    path = fringes("20200101_wrong.tif")
    with pytest.raises(ParameterError, match="wrapped is 'yes'"):
        jv.open(path, wrapped="yes")
    with pytest.raises(ParameterError, match="wrapped phase is in rad"):
        jv.open(path, wrapped=True, unit="m")


def test_exported_overviews_are_means_of_phasors(
    jeoview_home: Path, fringes: Callable[..., Path], tmp_path: Path
) -> None:
    image = jv.open(fringes("20200101_export.tif"), wrapped=True)
    out = tmp_path / "out.tif"
    bounds = (600_000, 4_988_000, 612_000, 5_000_000)
    image.to_geotiff(out, bounds=bounds, crs="EPSG:32632", resolution=10)
    with rasterio.open(out) as file:
        full = file.read(1)[:240, :300].astype(np.float64)
    with rasterio.open(out, overview_level=0) as file:
        half = file.read(1)[:120, :150]
    four = np.exp(1j * full).reshape(120, 2, 150, 2)
    mean = np.nanmean(four.transpose(0, 2, 1, 3).reshape(120, 150, 4), axis=2)
    clear = np.abs(mean) > 0.05
    assert far(half[clear], np.angle(mean[clear])) < 1e-4
    again = jv.open(out)
    assert again.unit == WRAPPED
    with pytest.raises(ParameterError, match="mean_phase"):
        jv.ImageCollection.from_files(str(fringes("20200101_last.tif")), wrapped=True).mean()
