"""What is computed at a sensor's pixels: tile = whole, bit for bit, at any zoom and at the edge of the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jeoview as jv
from jeoview.executor import execute
from jeoview.grid import Grid
from jeoview.image import Image
from jeoview.make import below_sliders, bind
from jeoview.memory import ResultMemory
from jeoview.planner import plan
from jeoview.raster import Array, Raster
from jeoview.region import region_grid
from jeoview.store import open_store
from tests.contracts.test_seams import assert_seamless
from tests.synthetic import SENSOR, SyntheticReader, grid_at, raster, slc

Draw = Callable[[st.SearchStrategy[Any]], Any]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
# The middle of the sensor's pixels and its corners, which lie in the area.
PLACES = ((10.003, 44.015), (9.9971, 44.0235), (10.0215, 44.0068), (9.9975, 44.0065), (10.05, 44.1))
# The same pixels in radar geometry: lines run to the north-west, samples to the north-east.
SHEARED = tuple(
    (float(row), float(col), 10.01 + 2e-4 * col - 6e-5 * row + 2e-8 * row * col, 44.005 + 4e-5 * col + 1.4e-4 * row)
    for row in (0.5, 30.0, 89.5)
    for col in (0.5, 50.0, 99.5)
)
RADAR = {"crs": None, "transform": None, "points": SHEARED}
GEOMETRIES: dict[str, dict[str, Any]] = {
    "geocoded": {},
    "turned": {"transform": (14.0, 9.0, 580_000.0, 9.0, -14.0, 4_874_500.0)},
    "degrees": {"crs": "EPSG:4326", "transform": (2.5e-4, 0.0, 9.998, 0.0, -1.8e-4, 44.022)},
    "radar": RADAR,
}


AREA = {"type": "Polygon", "coordinates": [[[9.998, 44.022], [10.02, 44.02], [10.01, 44.004], [9.998, 44.022]]]}


@st.composite
def chains(draw: Draw) -> Image:
    values = GEOMETRIES[draw(st.sampled_from(sorted(GEOMETRIES)))]
    resampling = draw(st.sampled_from(("nearest", "bilinear")))
    series, other = slc("5", resampling, **values), slc("6", resampling, **values)
    a, b = series.first(), other.last()
    window = draw(st.sampled_from(((3, 13), (2, 8), (5, 5), (1, 4), (7, 2))))
    azimuth, across = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    made: list[Callable[[], Image]] = [
        lambda: a.interferogram(b).phase(),
        lambda: a.interferogram(b).multilook(azimuth, across),
        lambda: a.interferogram(b).multilook(azimuth, across).multilook(2, 3).phase(),
        lambda: a.coherence(b, window),
        lambda: a.interferogram(b).multilook(2, 2).goldstein(patch=16),
        lambda: a.interferogram(b).phase().goldstein(patch=8).mask_polygon(AREA),
        lambda: a.interferogram(b).phase().mask(a.coherence(b, window) > 0.4),
        lambda: a.amplitude().focal_mean(2) + a.coherence(b, window).focal_mean(1),
        lambda: series.interferogram(b).multilook(azimuth, across).amplitude(),
        lambda: series.coherence(a, window).median().colormap("viridis", vmin=0, vmax=1),
        lambda: a.phase().join_bands(a.interferogram(b).amplitude()),
        lambda: (a.coherence(b, window) > 0.5).label(connectivity=8),
    ]
    chosen: Callable[[], Image] = draw(st.sampled_from(made))
    return chosen()


@st.composite
def areas(draw: Draw) -> Grid:
    zoom = draw(st.integers(7, 16))
    lon, lat = draw(st.sampled_from(PLACES))
    height, width = draw(st.integers(30, 75)), draw(st.integers(30, 75))
    corner = grid_at(zoom, lon, lat, height, width)
    return Grid(
        corner.lattice, corner.row - draw(st.integers(0, 74)), corner.col - draw(st.integers(0, 74)), height, width
    )


@settings(max_examples=40, suppress_health_check=SLOW)
@given(st.data())
def test_native_pixels(data: st.DataObject) -> None:
    image, area = data.draw(chains()), data.draw(areas())
    memory = ResultMemory(open_store("memory:"), 1 << 26)
    view = area.pad(data.draw(st.sampled_from((0, 9))))
    whole = assert_seamless(lambda grid, view: raster(image, grid, view=view), area, view, 19)
    assert_seamless(lambda grid, view: raster(image, grid, view=view, memory=memory), area, view, 19, whole)


@pytest.mark.parametrize("geometry", sorted(GEOMETRIES))
@pytest.mark.parametrize("zoom", [9, 11, 12, 14])
def test_there_is_something_to_see(geometry: str, zoom: int) -> None:
    """The properties above would hold for empty tiles too."""
    a, b = (slc(name, **GEOMETRIES[geometry]).first() for name in "56")
    area = grid_at(zoom, 9.99, 44.03, 3 << (zoom - 6), 3 << (zoom - 6))
    for image in (a.interferogram(b).multilook(2, 3).phase(), a.coherence(b), a.amplitude()):
        assert np.isfinite(raster(image, area).array).sum() > 9


def valid_mean(values: Array, axis: int | None = None) -> Any:
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=axis) / (~np.isnan(values)).sum(axis=axis)


def test_windows_of_the_sensor_hold_their_own_pixels() -> None:
    """At its own lattice the result is the kernel's, pixel by pixel."""
    a, b = slc("5").first(), slc("6").first()
    left, top = SENSOR["transform"][2], SENSOR["transform"][5]
    area = region_grid((left, top - 1800.0, left + 2000.0, top), crs="EPSG:32632", resolution=20.0)
    one, other = (raster(image, area).array[0] for image in (a, b))
    assert np.isfinite(one).mean() > 0.5
    np.testing.assert_allclose(raster(a.interferogram(b), area).array[0], one * other.conj(), rtol=1e-6)
    part = Grid(area.lattice, 31, 40, 7, 9)
    expected = [
        [
            valid_mean((one * other.conj())[r // 2 * 2 : r // 2 * 2 + 2, c // 3 * 3 : c // 3 * 3 + 3])
            for c in range(40, 49)
        ]
        for r in range(31, 38)
    ]
    found = raster(a.interferogram(b).multilook(2, 3), part).array[0]
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-5, equal_nan=True)


def test_seen_from_afar_it_is_the_mean() -> None:
    a, b = slc("5").first(), slc("6").first()
    left, top = SENSOR["transform"][2], SENSOR["transform"][5]
    fine = region_grid((left, top - 1800.0, left + 2000.0, top), crs="EPSG:32632", resolution=20.0)
    coarse = region_grid((left, top - 1800.0, left + 2000.0, top), crs="EPSG:32632", resolution=100.0)
    for image in (a.interferogram(b), a.coherence(b), a.amplitude()):
        full, seen = raster(image, fine).array[0], raster(image, coarse).array[0]
        blocks = full.reshape(18, 5, 20, 5).transpose(0, 2, 1, 3).reshape(18, 20, 25)
        np.testing.assert_allclose(seen, valid_mean(blocks, axis=2), rtol=1e-5, equal_nan=True)
    # The argument of the mean, not the mean of arguments.
    phase = raster(a.interferogram(b).phase(), coarse).array[0]
    np.testing.assert_allclose(phase, np.angle(raster(a.interferogram(b), coarse).array[0]), atol=1e-6, equal_nan=True)


def test_phase_comes_onto_the_map_as_phasors() -> None:
    a, b = slc("5").first(), slc("6").first()
    left, top = SENSOR["transform"][2], SENSOR["transform"][5]
    fine, coarse = (
        region_grid((left, top - 1800.0, left + 2000.0, top), crs="EPSG:32632", resolution=step)
        for step in (20.0, 100.0)
    )
    phase = a.interferogram(b).phase().goldstein(alpha=0.0)
    full = np.exp(1j * raster(phase, fine).array[0].astype(np.float64))
    mean = valid_mean(full.reshape(18, 5, 20, 5).transpose(0, 2, 1, 3).reshape(18, 20, 25), axis=2)
    off = np.angle(np.exp(1j * raster(phase, coarse).array[0]) * mean.conj())
    assert np.nanmax(np.abs(off[np.abs(mean) > 0.05])) < 1e-4


def test_too_many_pixels_of_the_sensor() -> None:
    wide: dict[str, Any] = {"shape": (20_000, 20_000)}
    image = slc("5", **wide).first().amplitude()
    with pytest.raises(jv.JeoviewError, match="Zoom in"):
        plan(image.node, grid_at(7, 10.0, 44.0, 256, 256))
    assert plan(image.node, grid_at(13, 10.0, 44.0, 256, 256)).steps


def test_boxes_at_the_sensor_are_no_padding_of_the_tile() -> None:
    image = slc("5").first().interferogram(slc("6").first())
    for _ in range(6):
        image = image.goldstein(patch=128)
    area = grid_at(13, 9.998, 44.022, 8, 8)
    assert plan(image.phase().node, area).padding == 0


def test_sliders_keep_what_stands_below_them() -> None:
    a, b = slc("5").first(), slc("6").first()
    threshold = jv.parameter("coherence", 0.5, min=0, max=1, step=0.05)
    image = a.interferogram(b).multilook(2, 2).phase().mask(a.coherence(b) > threshold)
    memory, area = ResultMemory(open_store("memory:"), 1 << 26), grid_at(13, 9.998, 44.022, 64, 64)
    seen: list[Raster] = []
    for position in (0.5, 0.2, 0.8):
        read = SyntheticReader()
        bound = bind(image.node, {"coherence": position})
        result = execute(plan(bound, area, steady=below_sliders(image.node)), read, memory)
        assert isinstance(result, Raster)
        seen.append(result)
        assert not seen[1:] or not read.asked, "a drag reads nothing"
        np.testing.assert_array_equal(result.array, raster(image, area, parameters={"coherence": position}).array)
    shares = [np.isfinite(one.array).mean() for one in seen]
    assert shares[1] > shares[0] > shares[2]


def test_complex_numbers_are_refused_where_real_ones_are_meant() -> None:
    product = slc("5").first().interferogram(slc("6").first())
    refused: list[Callable[[], Image]] = [
        lambda: product.focal_mean(2),
        lambda: product.colormap("viridis", vmin=0, vmax=1),
        lambda: product > 0.3,
        product.wrap,
        lambda: slc("5").median(),
        lambda: product.multilook(2, 2).label(),
    ]
    for line in refused:
        with pytest.raises(jv.JeoviewError, match=r"complex numbers; take \.phase\(\)"):
            line()
    with pytest.raises(jv.JeoviewError, match="some images are complex"):
        product.join_bands(product.amplitude().rename(["size"]))
    kept = (product * 2.0 - 1.0).mask(product.amplitude() > 3.0).select(["interferogram"])
    assert kept.schema.is_complex
    assert not kept.goldstein().phase().schema.is_complex


def test_images_that_do_not_lie_alike() -> None:
    a = slc("5").first()
    with pytest.raises(jv.JeoviewError, match="coregistered"):
        a.interferogram(slc("6", frame="0" * 16).first())
    with pytest.raises(jv.JeoviewError, match="coregistered"):
        a.coherence(slc("6").first().multilook(2, 2))
    with pytest.raises(jv.JeoviewError, match="pixels of a sensor"):
        a.amplitude().focal_mean(2).multilook(2, 2)
