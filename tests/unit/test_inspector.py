"""A click on the map: table, chart, fit, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jeoview.errors import ParameterError
from jeoview.grid import Grid, tile_grid, tiles_grid
from jeoview.image import Image
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.widgets.inspector import Inspector, linear_trend
from jeoview.widgets.view import tile_block
from jeoview.widgets.window import Window
from tests.unit.test_engine import World, scene


def test_trend_is_that_of_numpy_with_its_standard_error() -> None:
    random = np.random.default_rng(4)
    years = np.sort(random.uniform(0, 5, 60))
    values = 3.0 * years - 1 + random.normal(0, 0.2, 60)
    values[[3, 40]] = np.nan
    valid = np.isfinite(values)
    (slope, offset), covariance = np.polyfit(years[valid], values[valid], 1, cov=True)
    found = linear_trend(years, values)
    assert found is not None
    np.testing.assert_allclose([found.rate, found.error], [slope, np.sqrt(covariance[0, 0])], rtol=1e-9)
    np.testing.assert_allclose(found.line, slope * years + offset)


def test_two_values_have_no_trend() -> None:
    assert linear_trend(np.array([0.0, 1, 2]), np.array([1.0, np.nan, 2])) is None


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path, {"s1": scene(1), "s2": scene(2), "s3": scene(3)})
    monkeypatch.setattr("jeoview.engine.Engine.default", lambda: made.engine)
    return made


def centre(world: World) -> tuple[float, float]:
    west, south, east, north = world.items[0].bbox
    return (west + east) / 2, (south + north) / 2


def inspect(world: World, what: object) -> Inspector:
    window = Window(None, 13, "none", 400)
    return Inspector(window, what, "NDVI", dict)  # type: ignore[arg-type]


def test_a_series_is_charted_with_its_rate(world: World) -> None:
    inspector = inspect(world, world.image()["red"])
    lon, lat = centre(world)
    inspector._clicked(type="click", coordinates=[lat, lon])
    assert "<svg" in inspector.widget.value
    assert f"NDVI at {lat:.5f}, {lon:.5f}" in inspector.widget.value


def test_bands_are_a_table(world: World) -> None:
    inspector = inspect(world, world.image().median())
    inspector.show(*centre(world))
    expected = world.engine.point(world.image().median().node, *centre(world), 13)["values"]
    for band, value in expected.items():
        assert f"<td>{band}</td><td>{value:.6g} </td>" in inspector.widget.value


def labels(world: World) -> Image:
    """Whose values hang on what is in view."""
    return (world.image().median().ndvi() > 0.2).label(region="view")


def place_of(view: Grid, row: int, col: int) -> tuple[float, float]:
    """Longitude and latitude of the middle of a pixel."""
    step = view.lattice.resolution[0]
    x, y = view.lattice.left + (view.col + col + 0.5) * step, view.lattice.top - (view.row + row + 0.5) * step
    lon, lat = transform(WEB_MERCATOR, WGS84, x, y)
    return float(lon), float(lat)


def test_a_point_of_a_chain_on_the_view_is_the_pixel_of_its_tile(world: World) -> None:
    lon, lat = centre(world)
    zoom, west, north, east, south = tile_block((lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01), 13)
    view = tiles_grid(zoom, west, north, east, south)
    image = labels(world).colormap("tab20", vmin=1, vmax=40)
    shown = world.engine.render(labels(world).node, tile_grid(zoom, west, north), view=view).array[0]
    rows, cols = np.nonzero(shown > 1)
    assert len(np.unique(shown[rows, cols])) > 3
    for row, col in list(zip(rows.tolist(), cols.tolist(), strict=True))[:: len(rows) // 12]:
        place = place_of(tile_grid(zoom, west, north), row, col)
        answer = world.engine.point(image.node, *place, zoom, view=view)
        assert list(answer["values"].values()) == [shown[row, col]]
        alone = world.engine.point(image.node, *place, zoom)
        assert list(alone["values"].values()) == [1.0]


def test_a_point_that_is_not_in_view_is_refused_where_the_view_counts(world: World) -> None:
    lon, lat = centre(world)
    view = tile_grid(13, 0, 0)
    with pytest.raises(ParameterError, match="not in view"):
        world.engine.point(labels(world).node, lon, lat, 13, view=view)
    plain = world.image().median().node
    assert world.engine.point(plain, lon, lat, 13, view=view) == world.engine.point(plain, lon, lat, 13)


def test_a_click_shows_what_the_tile_shows(world: World) -> None:
    inspector = inspect(world, labels(world))
    lon, lat = centre(world)
    inspector._window.go((lat, lon), 13)
    block = inspector._window.block
    view = tiles_grid(*block)
    shown = world.engine.render(labels(world).node, view, view=view).array[0]
    row, col = (int(index[-1]) for index in np.nonzero(shown > 1))
    inspector.show(*place_of(view, row, col))
    assert f"<td>{shown[row, col]:.6g} " in inspector.widget.value


def test_a_place_without_data_and_a_lost_file_are_said(world: World) -> None:
    inspector = inspect(world, world.image())
    inspector.show(0.0, 0.0)
    assert "No data here" in inspector.widget.value
    (world.folder / "s2.tif").unlink()
    inspector.show(*centre(world))
    assert "s2" in inspector.widget.value
    assert "jv-error" in inspector.widget.value
    assert str(world.folder) not in inspector.widget.value


def test_other_mouse_events_ask_nothing(world: World) -> None:
    inspector = inspect(world, world.image())
    before = inspector.widget.value
    inspector._clicked(type="mousemove", coordinates=[0, 0])
    assert inspector.widget.value == before
