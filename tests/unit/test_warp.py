"""Geometry of warping: every window of a target agrees with the whole, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jeoview.errors import ParameterError
from jeoview.grid import EARTH_HALF, Grid, Lattice, web_mercator
from jeoview.projection import WEB_MERCATOR, transform
from jeoview.warp import Placement, choose_level, positions, resample, sampling, spacing

Array = NDArray[Any]


def dense(source: Placement, target: Grid) -> tuple[Array, Array]:
    """Positions of all pixels as the kernel sees them, before columns wrap around the globe."""
    from jeoview.kernels import warp

    where = positions(source, target)
    rows, cols = np.empty(target.shape), np.empty(target.shape)
    for y in range(target.height):
        warp.fill_row(y, where.nodes, where.window, 0.0, (rows[y], cols[y]))
    return rows, cols


def exact(source: Placement, target: Grid) -> tuple[Array, Array]:
    x, y = transform(target.crs, source.crs, *np.meshgrid(target.x, target.y))
    a, _, c, _, e, f = source.transform
    return (y - f) / e, (x - c) / a


def mercator_window(zoom: int, lon: float, lat: float, height: int, width: int) -> Grid:
    lattice = web_mercator(zoom)
    x, y = transform("EPSG:4326", WEB_MERCATOR, lon, lat)
    row, col = (
        int((lattice.top - float(y)) / lattice.resolution[1]),
        int((float(x) - lattice.left) / lattice.resolution[0]),
    )
    return Grid(lattice, row - height // 2, col - width // 2, height, width)


def source_around(crs: str, lon: float, lat: float, pixel: float, size: int) -> Grid:
    x, y = transform("EPSG:4326", crs, lon, lat)
    return Grid(
        Lattice(crs, (pixel, pixel), float(x) - pixel * size / 2, float(y) + pixel * size / 2), 0, 0, size, size
    )


@st.composite
def places(draw: st.DrawFn) -> tuple[float, float, str]:
    """A longitude, a latitude up to 80 degrees and a reference system that suits it."""
    lon, lat = draw(st.floats(-179.5, 179.5)), draw(st.floats(-80, 80))
    zone = int((lon + 180) // 6) + 1
    kinds = [f"EPSG:{(32600 if lat >= 0 else 32700) + zone}", "EPSG:4326"]
    if -10 < lon < 40 and lat > 35:
        kinds.append("EPSG:3035")
    return lon, lat, draw(st.sampled_from(kinds))


def check_window(array: Array, source: Grid, target: Grid, inner: Grid, method: str) -> None:
    whole = resample(array, source, target, method)
    part = resample(array, source, inner, method)
    np.testing.assert_array_equal(part, whole[(..., *target.window_of(inner))])


windows = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 70), st.integers(1, 70))


@settings(max_examples=60)
@given(places(), st.integers(2, 18), windows, st.sampled_from(["nearest", "bilinear"]), st.integers(0, 99))
def test_any_window_equals_the_whole(
    place: tuple[float, float, str], zoom: int, window: tuple[int, int, int, int], method: str, seed: int
) -> None:
    lon, lat, crs = place
    target = mercator_window(zoom, lon, lat, 130, 130)
    metres = target.lattice.resolution[0] * np.cos(np.radians(lat)) * 1.3
    source = source_around(crs, lon, lat, metres / 111_000 if crs == "EPSG:4326" else metres, 100)
    random = np.random.default_rng(seed)
    array = random.normal(size=(2, 100, 100)).astype(np.float32)
    array[random.random(array.shape) < 0.1] = np.nan
    row, col, height, width = window
    check_window(array, source, target, Grid(target.lattice, target.row + row, target.col + col, height, width), method)


@settings(max_examples=40)
@given(
    st.sampled_from([("EPSG:32632", 10.0), ("EPSG:3035", 20.0), ("EPSG:4326", 1e-4)]),
    st.sampled_from([("EPSG:32633", 10.0), ("EPSG:4326", 1e-4), ("EPSG:32632", 15.0), ("EPSG:3857", 14.0)]),
    windows,
    st.sampled_from(["nearest", "bilinear"]),
)
def test_any_window_of_any_lattice(
    source_kind: tuple[str, float], target_kind: tuple[str, float], window: tuple[int, int, int, int], method: str
) -> None:
    source = source_around(source_kind[0], 11.0, 47.0, source_kind[1], 120)
    centre = source_around(target_kind[0], 11.0, 47.0, target_kind[1], 130)
    # The lattice's origin lies far away, as that of a file does.
    lattice = Lattice(
        centre.crs, centre.lattice.resolution, centre.lattice.left - 5000.25 * target_kind[1], centre.lattice.top
    )
    target = Grid(lattice, -3, 4990, 130, 130)
    array = np.random.default_rng(1).normal(size=(120, 120)).astype(np.float32)
    row, col, height, width = window
    check_window(array, source, target, Grid(lattice, target.row + row, target.col + col, height, width), method)


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["nearest", "bilinear"]))
@settings(max_examples=30)
def test_a_cut_source_gives_the_same_values(top: int, left: int, method: str) -> None:
    """A native-grid operator hands over as much of the source as a tile needs: how much must not matter."""
    source = source_around("EPSG:32632", 11.0, 47.0, 10.0, 200)
    source = Grid(source.lattice, 1000, -300, 200, 200)
    middle = Grid(source.lattice, 1100, -200, 1, 1).bbox
    target = mercator_window(14, middle[0], middle[1], 40, 40)
    array = np.random.default_rng(2).normal(size=source.shape).astype(np.float32)
    part = Grid(source.lattice, source.row + top, source.col + left, 200 - top - 17, 200 - left - 3)
    rows, cols = source.window_of(part)
    np.testing.assert_array_equal(
        resample(np.ascontiguousarray(array[rows, cols]), part, target, method), resample(array, source, target, method)
    )


@pytest.mark.parametrize("zoom", range(19))
@pytest.mark.parametrize(
    ("crs", "lon", "lat"),
    [
        ("EPSG:4326", 10, 0), ("EPSG:4326", 10, 60), ("EPSG:4326", -70, 80), ("EPSG:32632", 10, 44.6),
        ("EPSG:32632", 9, 80), ("EPSG:32732", 9, -80), ("EPSG:3035", 10, 52), ("EPSG:3413", -45, 75),
    ],
)  # fmt: skip
def test_positions_are_right_to_a_hundredth_of_a_pixel(crs: str, lon: float, lat: float, zoom: int) -> None:
    """The pixel is the target's: of one source pixel a target's width."""
    target = mercator_window(zoom, lon, lat, 96, 96)
    size = 1e-3 if crs == "EPSG:4326" else 100.0
    source = Placement.of(source_around(crs, lon, lat, size, 10))
    rows, cols = dense(source, target)
    true_rows, true_cols = exact(source, target)
    step = np.hypot(np.diff(true_rows, axis=1)[:, :1], np.diff(true_cols, axis=1)[:, :1])
    finite = np.isfinite(true_rows)
    errors = np.hypot(rows - true_rows, cols - true_cols) / step
    assert (np.isfinite(rows) == finite).all()
    if spacing(target.lattice) > 1:
        # Far outside its zone UTM bends without limit, and no file is there.
        near = finite & (np.hypot(true_rows, true_cols) * size < (30 if crs == "EPSG:4326" else 2e6))
        assert near.any()
        assert errors[near].max() < 0.008
    else:
        assert errors[finite].max() < 1e-6


def test_spacing_shrinks_with_the_zoom() -> None:
    steps = [spacing(web_mercator(zoom)) for zoom in range(25)]
    assert steps[0] == 1
    assert set(steps[9:]) == {16}
    assert steps == sorted(steps)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_own_grid_is_untouched(method: str) -> None:
    lattice = Lattice("EPSG:32632", (10.0, 10.0), 300_005.0, 5_000_000.0)
    source = Grid(lattice, 0, 0, 50, 60)
    array = np.random.default_rng(0).normal(size=(50, 60)).astype(np.float32)
    array[7, 8] = np.nan
    np.testing.assert_array_equal(resample(array, source, source, method), array)
    shifted = Lattice(lattice.crs, lattice.resolution, lattice.left - 30.0, lattice.top + 20.0)
    moved = resample(array, source, Grid(shifted, 1, 2, 20, 20), method)
    np.testing.assert_array_equal(moved[1:, 1:], array[:19, :19])
    assert np.isnan(moved[0]).all()
    assert np.isnan(moved[:, 0]).all()


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_decimal_degrees_are_untouched_too(method: str) -> None:
    """0.1 is no binary number; a shift by whole pixels still is one."""
    source = Grid(Lattice("EPSG:4326", (0.1, 0.1), -98.7, 33.3), 0, 0, 300, 300)
    target = Grid(Lattice("EPSG:4326", (0.1, 0.1), -98.7 + 0.1 * 7, 33.3 - 0.1 * 3), 0, 0, 290, 290)
    array = np.arange(90_000, dtype=np.float32).reshape(300, 300)
    np.testing.assert_array_equal(resample(array, source, target, method), array[3:293, 7:297])


def test_a_centre_on_an_edge_belongs_to_the_lower_right_pixel() -> None:
    source = Grid(Lattice("EPSG:32632", (10.0, 10.0), 0.0, 80.0), 0, 0, 8, 8)
    target = Grid(Lattice("EPSG:32632", (20.0, 20.0), 0.0, 80.0), 0, 0, 4, 4)
    array = np.arange(64, dtype=np.float32).reshape(8, 8)
    np.testing.assert_array_equal(resample(array, source, target, "nearest"), array[1::2, 1::2])
    means = array.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_array_equal(resample(array, source, target, "bilinear"), means)


def test_bilinear_shares_the_weight_of_holes() -> None:
    source = Grid(Lattice("EPSG:32632", (10.0, 10.0), 0.0, 20.0), 0, 0, 2, 2)
    target = Grid(Lattice("EPSG:32632", (5.0, 5.0), 0.0, 20.0), 0, 0, 4, 4)
    array = np.array([[1.0, np.nan], [3.0, 5.0]], dtype=np.float32)
    found = resample(array, source, target, "bilinear")
    assert np.isnan(found[:2, 2:]).all()
    # Position (0.75, 0.75): weights 9, 3, 3, 1 of 16; the second is a hole.
    assert found[1, 1] == pytest.approx((9 * 1 + 3 * 3 + 1 * 5) / 13)
    assert found[0, 0] == 1.0
    assert found[3, 3] == 5.0
    assert found[3, 0] == 3.0


def test_labels_keep_their_type() -> None:
    source = source_around("EPSG:32632", 11.0, 47.0, 10.0, 100)
    target = mercator_window(14, 11.0, 47.0, 150, 150)
    labels = np.arange(1, 10_001, dtype=np.int32).reshape(100, 100)
    found = resample(labels, source, target, "nearest")
    assert found.dtype == np.int32
    floats = resample(labels.astype(np.float64), source, target, "nearest")
    np.testing.assert_array_equal(found, np.nan_to_num(floats).astype(np.int32))
    assert (found == 0).any()
    assert resample(labels > 5000, source, target, "nearest").dtype == bool
    with pytest.raises(ParameterError, match="labels can only be resampled by 'nearest'"):
        resample(labels, source, target, "bilinear")


def test_leading_dimensions_and_empty_series() -> None:
    source = source_around("EPSG:32632", 11.0, 47.0, 10.0, 40)
    target = mercator_window(14, 11.0, 47.0, 30, 20)
    array = np.random.default_rng(0).normal(size=(3, 2, 40, 40)).astype(np.float32)
    found = resample(array, source, target, "bilinear")
    assert found.shape == (3, 2, 30, 20)
    np.testing.assert_array_equal(found[2, 1], resample(array[2, 1], source, target, "bilinear"))
    assert resample(array[:0], source, target, "bilinear").shape == (0, 2, 30, 20)


def test_unknown_method_and_wrong_array() -> None:
    source = source_around("EPSG:32632", 11.0, 47.0, 10.0, 40)
    with pytest.raises(ParameterError, match="'cubic'; expected 'nearest' or 'bilinear'"):
        resample(np.zeros((40, 40), np.float32), source, source, "cubic")
    with pytest.raises(ValueError, match="pixels"):
        resample(np.zeros((40, 41), np.float32), source, source, "nearest")


@pytest.mark.parametrize("west", [-180.0, 0.0])
def test_longitudes_wrap(west: float) -> None:
    """A world of 0 .. 360 degrees and one of -180 .. 180 show the same."""
    source = Grid(Lattice("EPSG:4326", (0.5, 0.5), west, 90.0), 0, 0, 360, 720)
    x, y = np.meshgrid(source.x, source.y)
    array = (np.round((x + 180) % 360, 3) * 1000 + y).astype(np.float64)
    for zoom, lon in ((3, -179.0), (3, 179.0), (4, 0.0), (6, -10.0), (6, 100.0), (0, 0.0)):
        target = mercator_window(zoom, lon, 20.0, 200, 200)
        lon_of, lat_of = transform(WEB_MERCATOR, "EPSG:4326", *np.meshgrid(target.x, target.y))
        cells = np.floor((lon_of + 180) % 360 / 0.5) * 0.5 + 0.25, 90 - np.floor((90 - lat_of) / 0.5) * 0.5 - 0.25
        found = resample(array, source, target, "nearest")
        same = np.abs(found - (np.round(cells[0] % 360, 3) * 1000 + cells[1])) < 1e-6
        assert np.isfinite(found).all()
        assert same.mean() > 0.99


@pytest.mark.parametrize("west", [170.0, -190.0])
def test_a_source_beyond_180_degrees(west: float) -> None:
    """Its columns go on past the antimeridian; both sides of it are found."""
    source = Grid(Lattice("EPSG:4326", (0.1, 0.1), west, 10.0), 0, 0, 200, 200)
    array = np.tile(np.arange(200, dtype=np.float32), (200, 1))
    for lon in (175.0, 179.9, -179.9, -172.0):
        target = mercator_window(8, lon, 0.0, 20, 8)
        lon_of, _ = transform(WEB_MERCATOR, "EPSG:4326", *np.meshgrid(target.x, target.y))
        found = resample(array, source, target, "nearest")
        np.testing.assert_array_equal(found, np.floor(((lon_of - west) % 360) / 0.1))


def test_windows_across_the_antimeridian() -> None:
    """A source that crosses it, in UTM 60, and a target that does, in degrees of 0 .. 360."""
    utm = source_around("EPSG:32660", 179.9, 10.0, 500.0, 200)
    array = np.random.default_rng(0).normal(size=(200, 200)).astype(np.float32)
    east = Grid(web_mercator(9), 61_000, (256 << 9) - 100, 200, 200)
    check_window(array, utm, east, Grid(east.lattice, east.row + 33, east.col + 50, 90, 111), "bilinear")
    turned = Grid(Lattice("EPSG:4326", (0.005, 0.005), 179.0, 10.5), 0, 0, 200, 400)
    found = resample(array, utm, turned, "nearest")
    rows, cols = exact(Placement.of(utm), turned)
    inside = (rows >= 0) & (rows < 200) & (cols >= 0) & (cols < 200)
    assert (np.isfinite(found) == inside).mean() > 0.999
    assert inside[:, 210:].any()
    world = Grid(Lattice("EPSG:4326", (0.01, 0.01), 0.0, 15.0), 0, 0, 1000, 36_000)
    numbers = np.broadcast_to(np.arange(36_000, dtype=np.float32), (1000, 36_000))
    across = resample(np.ascontiguousarray(numbers), world, Grid(utm.lattice, 0, 0, 150, 200), "nearest")
    lon, _ = transform("EPSG:32660", "EPSG:4326", *np.meshgrid(utm.x, utm.y[:150]))
    expected = np.floor((lon % 360) / 0.01)
    assert (lon < 0).any()
    assert (lon > 0).any()
    assert (np.abs(across - expected) <= 1).all()
    assert (across == expected).mean() > 0.99


def test_outside_the_domain_is_nan() -> None:
    """Rows of the lattice above 85 degrees and beyond the end of the world have no pixels here, and do no harm."""
    source = source_around("EPSG:32632", 9.0, 84.0, 1000.0, 300)
    array = np.ones((300, 300), dtype=np.float32)
    target = Grid(web_mercator(4), -300, 1500, 700, 1500)
    found = resample(array, source, target, "bilinear")
    assert np.isfinite(found).any()
    assert np.isnan(found[:, :5]).all()
    far = Grid(Lattice("EPSG:4326", (1.0, 1.0), -400.0, 120.0), 0, 0, 240, 800)
    assert np.isnan(resample(array, source, far, "nearest")[:25]).all()
    check_window(array, source, far, Grid(far.lattice, 20, 350, 60, 90), "bilinear")


def test_a_rotated_source() -> None:
    """Affine with rotation: the inverse of the transform, checked by hand."""
    angle = np.radians(30)
    a, b, d, e = 10 * np.cos(angle), 10 * np.sin(angle), 10 * np.sin(angle), -10 * np.cos(angle)
    placement = Placement("EPSG:32632", (a, b, 600_000.0, d, e, 5_000_000.0), 100, 100)
    target = Grid(Lattice("EPSG:32632", (5.0, 5.0), 600_000.0, 5_000_000.0), 0, 0, 50, 50)
    rows, cols = dense(placement, target)
    x, y = np.meshgrid(target.x, target.y)
    np.testing.assert_allclose(a * cols + b * rows + 600_000.0, x, rtol=0, atol=1e-6)
    np.testing.assert_allclose(d * cols + e * rows + 5_000_000.0, y, rtol=0, atol=1e-6)


def test_the_overview_depends_on_source_and_lattice_alone() -> None:
    source = Placement("EPSG:32632", (10.0, 0.0, 600_000.0, 0.0, -10.0, 5_100_000.0), 10_980, 10_980)
    shapes = ((10_980, 10_980), (5490, 5490), (2745, 2745), (1373, 1373))
    # At 45.6 degrees north a pixel of zoom 13 is 13.4 m wide, of 12 26.7 m, of 11 53.5 m.
    assert sampling(source, web_mercator(13)) == pytest.approx(1.34, abs=0.01)
    levels = [choose_level(source, shapes, web_mercator(zoom)) for zoom in (14, 13, 12, 11, 10, 5)]
    assert levels == [0, 0, 1, 2, 3, 3]
    own = Lattice("EPSG:32632", (10.0, 10.0), 600_000.0, 5_100_000.0)
    assert choose_level(source, shapes, own) == 0
    assert choose_level(source, shapes, Lattice("EPSG:32632", (20.0, 20.0), 0.0, 0.0)) == 1


def test_sampling_of_a_source_whose_centre_has_no_place() -> None:
    """A polar source is centred where Web Mercator ends."""
    polar = Placement("EPSG:3413", (1000.0, 0.0, -3_000_000.0, 0.0, -1000.0, 3_000_000.0), 6000, 6000)
    ratio = sampling(polar, web_mercator(5))
    assert 0.1 < ratio < 10.0
    assert web_mercator(5).left == -EARTH_HALF
