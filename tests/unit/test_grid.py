"""Where pixels lie: tiles, windows, bounds, regions; against mercantile and pyproj."""

from __future__ import annotations

import math
from typing import Any

import mercantile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from jeoview.errors import LimitError, ParameterError
from jeoview.grid import MERCATOR_LATITUDE, Grid, Lattice, tile_grid, tiles_grid, web_mercator
from jeoview.projection import WEB_MERCATOR, WGS84
from jeoview.region import check_bounds, region_grid, zoom_for

TO_MERCATOR = Transformer.from_crs(WGS84, WEB_MERCATOR, always_xy=True)


@st.composite
def tiles(draw: Any) -> tuple[int, int, int]:
    z = draw(st.integers(0, 24))
    return z, draw(st.integers(0, (1 << z) - 1)), draw(st.integers(0, (1 << z) - 1))


@st.composite
def windows(draw: Any) -> Grid:
    numbers = st.integers(-1000, 1000)
    sizes = st.integers(1, 300)
    return Grid(web_mercator(9), draw(numbers), draw(numbers), draw(sizes), draw(sizes))


# ---------------------------------------------------------------- tiles


@given(tiles())
def test_tiles_lie_where_others_put_them(tile: tuple[int, int, int]) -> None:
    z, x, y = tile
    expected = mercantile.xy_bounds(mercantile.Tile(x, y, z))
    grid = tile_grid(z, x, y)
    assert grid.shape == (256, 256)
    np.testing.assert_allclose(grid.bounds, expected, atol=1e-5)


@given(tiles())
def test_neighbours_share_their_edge_to_the_last_bit(tile: tuple[int, int, int]) -> None:
    z, x, y = tile
    grid = tile_grid(z, x, y)
    if x + 1 < 1 << z:
        assert tile_grid(z, x + 1, y).bounds[0] == grid.bounds[2]
    if y + 1 < 1 << z:
        assert tile_grid(z, x, y + 1).bounds[3] == grid.bounds[1]


@pytest.mark.parametrize(
    "tile", [(-1, 0, 0), (25, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0), (0, 0, 1), (3, 1.0, 1), (3, True, 1)]
)
def test_there_is_no_such_tile(tile: tuple[Any, Any, Any]) -> None:
    with pytest.raises(ParameterError, match=r"zoom|no tile"):
        tile_grid(*tile)


@pytest.mark.parametrize("zoom", [-1, 25, 3.0, True, "3", None, [3]])
def test_a_zoom_is_a_whole_number(zoom: Any) -> None:
    web_mercator(1), web_mercator(3)  # what is remembered must not stand in for the check
    with pytest.raises(ParameterError, match="whole number from 0 to 24"):
        web_mercator(zoom)


def test_a_view_is_a_block_of_tiles() -> None:
    view = tiles_grid(5, 3, 7, 6, 8)
    assert (view.row, view.col, view.height, view.width) == (7 * 256, 3 * 256, 2 * 256, 4 * 256)
    assert view.contains(tile_grid(5, 6, 8))
    assert not view.contains(tile_grid(5, 7, 8))
    with pytest.raises(ParameterError, match="not in order"):
        tiles_grid(5, 6, 7, 3, 8)


# ---------------------------------------------------------------- windows


@given(windows())
def test_coordinates_are_pixel_centres(grid: Grid) -> None:
    west, south, east, north = grid.bounds
    a, b, c, d, e, f = grid.transform
    assert (b, d) == (0.0, 0.0)
    np.testing.assert_allclose(grid.x, c + a * (np.arange(grid.width) + 0.5), rtol=1e-12)
    np.testing.assert_allclose(grid.y, f + e * (np.arange(grid.height) + 0.5), rtol=1e-12, atol=1e-6)
    assert west < grid.x[0] <= grid.x[-1] < east
    assert south < grid.y[-1] <= grid.y[0] < north


@given(windows(), st.integers(0, 50))
def test_coordinates_do_not_depend_on_the_window(grid: Grid, pad: int) -> None:
    padded = grid.pad(pad)
    rows, cols = padded.window_of(grid)
    np.testing.assert_array_equal(padded.y[rows], grid.y)
    np.testing.assert_array_equal(padded.x[cols], grid.x)


@given(windows(), windows(), st.integers(0, 40))
def test_window_algebra(a: Grid, b: Grid, pad: int) -> None:
    both = a.union(b)
    assert both.contains(a)
    assert both.contains(b)
    assert both == b.union(a) == both.union(a)
    assert a.pad(pad).pad(-pad) == a
    assert a.pad(pad).contains(a)
    assert a.contains(b) == (both == a)


@given(windows(), st.integers(1, 90))
def test_blocks_cover_everything_once(grid: Grid, size: int) -> None:
    seen = np.zeros(grid.shape, dtype=int)
    for block in grid.blocks(size):
        assert max(block.shape) <= size
        seen[grid.window_of(block)] += 1
    assert (seen == 1).all()


def test_a_window_of_something_else_is_a_fault() -> None:
    with pytest.raises(ValueError, match="does not lie inside"):
        tile_grid(3, 1, 1).window_of(tile_grid(3, 2, 1))
    assert not tile_grid(3, 1, 1).contains(tile_grid(4, 2, 2))


def test_degrees_of_a_window() -> None:
    np.testing.assert_allclose(tile_grid(1, 1, 0).bbox, (0, 0, 180, MERCATOR_LATITUDE), atol=1e-9)


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    "bounds",
    [
        None,
        5,
        "1234",
        (1, 2, 3),
        (1, 2, 3, 4, 5),
        (1, 2, 1, 4),
        (3, 2, 1, 4),
        (1, 5, 3, 4),
        (1, 2, 3, math.nan),
        (1, 2, math.inf, 4),
        (-181, 0, 1, 1),
        (0, 0, 181, 1),
        (0, -91, 1, 1),
        (0, 0, 1, 91),
        (0, 0, "a", 1),
        (0, 0, 10**400, 1),
    ],
)
def test_wrong_bounds_are_refused(bounds: Any) -> None:
    with pytest.raises(ParameterError, match=r"bounds .*(expected|degrees)"):
        check_bounds(bounds)


def test_bounds_of_a_map_in_metres_may_be_large() -> None:
    assert check_bounds([600_000, 4_000_000, 700_000, 5_000_000], "EPSG:32632") == (600e3, 4e6, 700e3, 5e6)


# ---------------------------------------------------------------- regions


@given(st.floats(-179, 178), st.floats(-84, 83), st.floats(0.001, 1), st.floats(0.001, 1), st.integers(0, 12))
def test_a_region_holds_its_bounds_and_hardly_more(west: float, south: float, dx: float, dy: float, zoom: int) -> None:
    grid = region_grid((west, south, west + dx, south + dy), zoom=zoom)
    assert grid.lattice == web_mercator(zoom)
    left, bottom = TO_MERCATOR.transform(west, south)
    right, top = TO_MERCATOR.transform(west + dx, south + dy)
    step = grid.lattice.resolution[0]
    slack = 2e-6 * step + 1e-3
    assert grid.bounds[0] <= left + slack
    assert grid.bounds[1] <= bottom + slack
    assert grid.bounds[2] >= right - slack
    assert grid.bounds[3] >= top - slack
    inner = grid.pad(-1).bounds if min(grid.shape) > 2 else grid.bounds
    assert grid.width <= 1 or inner[0] > left - step
    assert grid.width <= 2 or inner[2] < right + step


@given(tiles())
def test_the_region_of_a_tile_is_the_tile(tile: tuple[int, int, int]) -> None:
    """Rounding must not add a row of pixels."""
    grid = tile_grid(*tile)
    box = mercantile.bounds(mercantile.Tile(tile[1], tile[2], tile[0]))
    assert region_grid((box.west, box.south, box.east, box.north), zoom=tile[0]) == grid
    assert region_grid(grid.bounds, crs=WEB_MERCATOR, zoom=tile[0]) == grid


def test_a_region_in_its_own_system_keeps_bounds_and_resolution() -> None:
    grid = region_grid((674990, 5147910, 684340, 5154960), crs="EPSG:32632", resolution=10)
    assert grid.lattice == Lattice("EPSG:32632", (10.0, 10.0), 674990.0, 5154960.0)
    assert grid.shape == (705, 935)
    assert grid.bounds == (674990, 5147910, 684340, 5154960)
    assert region_grid((0, 0, 1, 1), resolution=(0.25, 0.3)).shape == (4, 4)
    assert region_grid((0, 0, 1, 1), resolution=(0.1, 5)).shape == (1, 10)


@given(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.floats(1e-4, 1e-2),
    st.floats(-170, 100),
    st.floats(-80, 40),
    st.booleans(),
)
def test_a_rounded_box_of_whole_pixels_has_no_pixel_more(
    width: int, height: int, step: float, west: float, south: float, outwards: bool
) -> None:
    """A catalogue keeps 7 digits of a degree: a box of whole pixels must not become one that has a column of nothing."""
    east, north = min(west + width * step, 179.9), min(south + height * step, 89.9)
    width, height = max(int((east - west) / step), 1), max(int((north - south) / step), 1)
    edges = west, south, west + width * step, south + height * step
    low = [math.floor(edge * 1e7) / 1e7 if outwards else round(edge, 7) for edge in edges[:2]]
    rounded = low[0], low[1], round(edges[2], 7), round(edges[3], 7)
    assert region_grid(rounded, resolution=step).shape == (height, width)


@given(st.integers(1, 3000), st.floats(0.06, 0.94), st.floats(1e-6, 1e-2))
def test_a_pixel_that_is_covered_in_part_is_not_lost(pixels: int, part: float, step: float) -> None:
    edge = (pixels + part) * step
    assert region_grid((0, 0, edge, edge), resolution=step).shape == (pixels + 1, pixels + 1)
    assert region_grid((0, 0, 30.0 * edge / step, 600.0), crs="EPSG:32632", resolution=30.0).width == pixels + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one"),
        ({"zoom": 3, "resolution": 1}, "exactly one"),
        ({"zoom": 99}, "zoom"),
        ({"zoom": 3, "crs": "nonsense"}, "coordinate reference system"),
        ({"resolution": 0}, "positive"),
        ({"resolution": -1}, "positive"),
        ({"resolution": math.nan}, "positive"),
        ({"resolution": "a"}, "number"),
        ({"resolution": (1, 2, 3)}, "number"),
        ({"resolution": 10**400}, "number"),
    ],
)
def test_wrong_regions_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        region_grid((0, 0, 1, 1), **arguments)


def test_a_region_that_is_too_large_says_so() -> None:
    with pytest.raises(LimitError, match=r"the limit is 1,000"):
        region_grid((0, 0, 10, 10), zoom=10, max_pixels=1000)
    with pytest.raises(LimitError, match="count"):
        region_grid((0, 0, 10, 10), resolution=1e-320)


@given(st.floats(-170, 160), st.floats(-80, 70), st.floats(0.001, 10), st.floats(0.001, 10))
def test_zoom_for_a_number_of_pixels(west: float, south: float, dx: float, dy: float) -> None:
    box = west, south, west + dx, south + dy
    zoom = zoom_for(box, 1024)
    assert zoom == 0 or max(region_grid(box, zoom=zoom).shape) <= 1024
    assert zoom == 24 or max(region_grid(box, zoom=zoom + 1).shape) > 1024
