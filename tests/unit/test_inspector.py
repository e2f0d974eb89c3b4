"""A click on the map: table, chart, fit, errors."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from jeoview.errors import ParameterError, PendingError
from jeoview.graph import Node, parameter
from jeoview.grid import Grid, tile_grid, tiles_grid, web_mercator
from jeoview.image import Image, apply
from jeoview.operators.motion_fit import LINEAR, Fit, curve_of
from jeoview.operators.velocity import velocity
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.raster import Kind, Raster
from jeoview.widgets import Map, readout
from jeoview.widgets.chart import chart, csv_text, has_rate
from jeoview.widgets.inspector import Inspector
from jeoview.widgets.layers import TileSession
from jeoview.widgets.messages import Messages
from jeoview.widgets.readout import number, words
from jeoview.widgets.tools import fit_of
from jeoview.widgets.view import tile_block
from jeoview.widgets.window import Window
from tests.synthetic import source
from tests.unit.test_engine import World, scene
from tests.unit.test_widgets import FakeSession


def series_of(count: int, years: float, seed: int = 4) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Days, and 3 a year with a season and noise; two of them without data."""
    random = np.random.default_rng(seed)
    days = np.sort(random.choice(int(years * 365.25), count, replace=False))
    dates = tuple(f"{dt.date(2018, 1, 1) + dt.timedelta(days=int(day))}T00:00:00Z" for day in days)
    values = 3.0 * days / 365.25 + 2.0 * np.cos(2 * np.pi * days / 365.25) + random.normal(0, 0.2, count)
    values[[3, count - 5]] = np.nan
    return dates, values


def test_a_line_is_that_of_numpy_with_its_standard_error() -> None:
    dates, values = series_of(60, 5.0)
    years = (
        np.array([(dt.datetime.fromisoformat(one) - dt.datetime.fromisoformat(dates[0])).days for one in dates])
        / 365.25
    )
    valid = np.isfinite(values)
    (slope, offset), covariance = np.polyfit(years[valid], values[valid], 1, cov=True)
    found = curve_of(dates, values)
    assert found is not None
    np.testing.assert_allclose([found.rate, found.error], [slope, np.sqrt(covariance[0, 0])], rtol=1e-5)
    np.testing.assert_allclose(found.values[[0, -1]], slope * years[[0, -1]] + offset, rtol=1e-4)
    assert (found.dates[0], found.dates[-1]) == (dates[0], dates[-1])


def test_two_values_have_no_curve_and_few_no_season() -> None:
    days = ("2018-01-01T00:00:00Z", "2018-02-01T00:00:00Z", "2018-03-01T00:00:00Z")
    assert curve_of(days, np.array([1.0, np.nan, 2])) is None
    assert curve_of(days, np.array([1.0, 3, 2]), Fit("annual")) is None
    assert curve_of(days, np.array([1.0, 3, 2]), Fit(steps=("2019-01-01",))) is None


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (Fit(), "linear fit"),
        (Fit("annual"), "annual fit"),
        (Fit("semiannual", 2, ("2020-01-01",), robust=True), "robust semiannual fit of degree 2 with 1 step"),
    ],
)
def test_the_curve_is_that_of_the_velocity_and_says_its_model(fit: Fit, words: str) -> None:
    dates, values = series_of(80, 4.0)
    made = curve_of(dates, values, fit)
    array = (values / 1000).astype(np.float32).reshape(-1, 1, 1, 1)
    raster = Raster(array, Grid(web_mercator(9), 0, 0, 1, 1), Kind.SERIES, ("displacement",), dates)
    expected = velocity(raster, **asdict(fit))
    rate, error = expected.array[:2, 0, 0]
    assert made is not None
    np.testing.assert_allclose([made.rate, made.error], [rate, error], rtol=1e-5)
    shown = chart(dates, {"displacement": values / 1000}, {"displacement": "m"}, fit)
    label = f"displacement: {words}, {rate:.3g} \u00b1 {error:.2g} mm/yr"
    assert label in shown
    assert (
        "e+" not in chart(dates, {"displacement": values}, {"displacement": "m"}, fit).partition("linear fit, ")[2][:40]
    )
    # The season is seen: a line would stay within the mean of its ends.
    assert (np.ptp(np.diff(made.values)) > 1e-3) == (fit.model != "linear")


def test_the_model_of_the_velocity_that_is_shown_is_that_of_the_chart(world: World) -> None:
    series = world.image()["red"].rename(bands=("displacement",)).with_unit(unit="m")
    other = series * 2.0
    layer = [series.velocity(robust=True, min_dates=1, min_span=0.0)["velocity"].mask(series.mean() > 0)]
    assert fit_of(series, layer) == Fit(robust=True)
    assert fit_of(other, layer) == LINEAR, "of another series"
    both = [*layer, series.velocity(degree=2, min_dates=1, min_span=0.0)]
    assert fit_of(series, both) == LINEAR, "which of them is not known"


def test_an_inspector_states_the_model_that_is_asked_for(world: World) -> None:
    m = Map(basemap="none", session=FakeSession())
    series = world.image()["red"].rename(bands=("displacement",)).with_unit(unit="m")
    said = [m.add_inspector(series, "A", model=model)._fit(series) for model in (None, "annual", "semiannual")]
    assert said == [LINEAR, Fit("annual"), Fit("semiannual")]
    with pytest.raises(ParameterError, match=r"model is 'anual'.*'annual'"):
        m.add_inspector(series, model="anual")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path, {"s1": scene(1), "s2": scene(2), "s3": scene(3)})
    monkeypatch.setattr("jeoview.engine.Engine.default", lambda: made.engine)
    return made


def centre(world: World) -> tuple[float, float]:
    west, south, east, north = world.items[0].bbox
    return (west + east) / 2, (south + north) / 2


def inspect(world: World, what: Image) -> Inspector:
    window = Window(None, 13, "none", 400)
    return Inspector(window, lambda: [("NDVI", what)], "NDVI", dict, Messages().guard)


def test_a_series_is_charted_with_its_rate(world: World) -> None:
    inspector = inspect(world, world.image()["red"])
    lon, lat = centre(world)
    inspector._clicked(type="click", coordinates=[lat, lon])
    assert "<svg" in inspector.text
    assert f"NDVI at {lat:.5f}, {lon:.5f}" in inspector.text


def test_bands_are_a_table(world: World) -> None:
    inspector = inspect(world, world.image().median())
    inspector.show(*centre(world))
    expected = world.engine.point(world.image().median().node, *centre(world), 13)["values"]
    for band, value in expected.items():
        assert f"<td>{band}</td><td>{value:.6g}</td>" in inspector.text


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
    assert f"<td>{shown[row, col]:.6g} label</td>" in inspector.text


class Server:
    """A tile server on which an area is computed until it is opened."""

    def __init__(self, world: World) -> None:
        self.world, self.open, self.asked = world, False, 0

    def publish(self, node: Node) -> str:
        return self.world.engine.save(node)

    def point(self, key: str, *place: Any, view: Any, **options: Any) -> dict[str, Any]:
        self.asked += 1
        if not self.open:
            raise PendingError(f"label of 1024 x 768 pixels: at work for {self.asked} s; ask again")
        return self.world.engine.point(self.world.engine.load(key), *place, view=tiles_grid(*view), **options)


def test_a_click_joins_the_area_that_the_server_computes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is it computed once more, nor does the click wait for it: its value comes when it is there."""
    server, later, dropped = Server(world), [], []

    def wait(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        later.append((seconds, function))
        return lambda: dropped.append(function)

    mask = (world.image().median().ndvi() > 0.2).label(region="view")
    window = Window(None, 13, "none", 400)
    inspector = Inspector(
        window, lambda: [("L", mask)], "L", dict, Messages().guard, lambda: cast(TileSession, server), wait
    )
    point = world.engine.point
    monkeypatch.setattr(world.engine, "point", None)
    window.go(centre(world)[::-1], 13)
    inspector._clicked(type="click", coordinates=centre(world)[::-1])
    assert "label of 1024 x 768 pixels: at work for 1 s" in inspector.text
    assert "ask again" not in inspector.text
    assert "jv-error" not in inspector.text
    ((seconds, again),) = later
    again()
    assert (seconds, "at work for 2 s" in inspector.text, len(later)) == (2.0, True, 2)
    server.open = True
    monkeypatch.setattr(world.engine, "point", point)
    later[-1][1]()
    expected = world.engine.point(mask.node, *centre(world), 13, view=tiles_grid(*window.block))["values"]
    (expected,) = expected.values()
    assert f"<td>{expected:.6g} label</td>" in inspector.text
    # What does not work on an area is asked here, and nothing waits any more.
    assert (len(later), server.asked) == (2, 3)
    later[-1][1]()
    assert server.asked == 3
    inspector._fold.selected_index = 0
    assert "ndvi" in inspector.steps
    assert server.asked == 4


def test_a_point_of_red_green_and_blue_has_all_three(world: World) -> None:
    image, place = world.image(), centre(world)
    median, most = image.median(), image.max()
    shown = median.rgb("red", "nir", "red", vmin=0, vmax=1)
    answer = world.engine.point(shown.node, *place, 13)["values"]
    assert answer == world.engine.point(median[["red", "nir"]].node, *place, 13)["values"]
    both = apply("rgb", (median["red"], most["red"], median["nir"]), {})
    values = world.engine.point(both.node, *place, 13)["values"]
    assert list(values) == ["B04", "B04 (2)", "B08"]
    assert values["B04 (2)"] == world.engine.point(most.node, *place, 13)["values"]["B04"]


def test_a_slider_of_the_colours_alone_is_no_hindrance(world: World) -> None:
    red = world.image().median()["red"]
    top = parameter("top", 0.5, min=0.1, max=1)
    shown = red.colormap("gray", vmin=0.0, vmax=top)
    assert world.engine.point(shown.node, *centre(world), 13, parameters={"top": 0.8}) == world.engine.point(
        red.node, *centre(world), 13
    )
    with pytest.raises(ParameterError, match="bottom"):
        world.engine.point(shown.node, *centre(world), 13, parameters={"bottom": 0.8})


def test_a_place_without_data_and_a_lost_file_are_said(world: World) -> None:
    inspector = inspect(world, world.image())
    inspector.show(0.0, 0.0)
    assert "No data here" in inspector.text
    (world.folder / "s2.tif").unlink()
    inspector.show(*centre(world))
    assert "s2" in inspector.text
    assert "jv-error" in inspector.text
    assert str(world.folder) not in inspector.text


def test_other_mouse_events_ask_nothing(world: World) -> None:
    inspector = inspect(world, world.image())
    before = inspector.text
    inspector._clicked(type="mousemove", coordinates=[0, 0])
    assert inspector.text == before


# ---------------------------------------------------------------- steps


def test_the_steps_are_asked_only_when_they_are_unfolded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    point = world.engine.point

    def noted(node: Node, *place: Any, **options: Any) -> dict[str, Any]:
        asked.append(node.operator)
        return point(node, *place, **options)

    monkeypatch.setattr(world.engine, "point", noted)
    ndvi = world.image().median().ndvi()
    limit = parameter("t", -1.0, min=-1, max=1)
    inspector = inspect(world, ndvi.mask(ndvi > limit).focal_mean(3).colormap("RdYlGn", vmin=-1, vmax=1))
    inspector.show(*centre(world))
    assert asked == ["colormap"]
    inspector._fold.selected_index = 0
    assert asked[1:] == ["load_items", "median", "normalized_difference", "rename", "gt", "mask", "focal_mean"]
    value = point(ndvi.node, *centre(world), 13)["values"]["ndvi"]
    assert f"<code>rename(bands=ndvi)</code></td><td><div>ndvi <b>{number(value)}</b> </div>" in inspector.steps
    assert "<code>gt(y=t)</code>" in inspector.steps
    assert "3 of 3 layers" in inspector.steps
    inspector.show(*centre(world))
    assert len(asked) == 16


def test_a_step_that_fails_says_why_in_its_row(world: World) -> None:
    inspector = inspect(world, world.image().median().ndvi())
    (world.folder / "s2.tif").unlink()
    inspector._fold.selected_index = 0
    assert inspector.steps == "<p>Click on the map to see the values there.</p>"
    inspector.show(*centre(world))
    assert inspector.steps.count("jv-error") == 4
    assert str(world.folder) not in inspector.steps


@pytest.mark.parametrize(
    ("date", "day"),
    [("2020-01-03T06:00:00Z", "2020-01-03"), ("2020-01-03T00:00:00Z/2020-01-15T00:00:00Z", "2020-01-03/2020-01-15")],
)
def test_a_single_scene_is_neither_a_chart_nor_a_range(date: str, day: str) -> None:
    answer = {
        "dates": [date],
        "units": {"height": "m", "phase": "rad"},
        "values": {"height": [0.25], "phase": [[1.0, -2.0]]},
    }
    shown = readout.result(answer, "here")
    assert f"<p>{day}</p><table>" in shown
    assert "<td>0.25 m</td>" in shown
    assert "<td>1 \u2212 2i rad</td>" in shown
    assert "Values as CSV" not in shown
    rows = readout.steps(source("1").node, lambda _: answer)
    assert "<b>0.25</b> m</div>" in rows
    assert "layers" not in rows


def test_words_of_a_step() -> None:
    source = apply("load_items", (), {"items": "items:" + "0" * 64, "bands": ("a",), "common_names": {}, "bbox": None})
    assert words(source.node) == "load_items"
    assert words(source.median().node) == "median"
    assert words(source.median().focal_mean(radius=3).node) == "focal_mean(radius=3)"


def test_numbers_have_a_minus_sign_and_complex_ones_two_parts() -> None:
    assert number(-1.5) == "\u22121.5"
    assert number([1.0, -0.25]) == "1 \u2212 0.25i"
    assert number([-1.0, 0.25]) == "\u22121 + 0.25i"
    assert number(None) == "no data"


# ---------------------------------------------------------------- charts


def dates(*texts: str) -> list[str]:
    return [f"{text}T00:00:00Z" for text in texts]


def test_a_season_has_no_rate_and_motion_has_one() -> None:
    season = dates("2023-05-01", "2023-06-01", "2023-09-01")
    assert not has_rate(season, "")
    assert has_rate(season, "m")
    assert has_rate(dates("2020-05-01", "2021-06-01", "2023-09-01"), "")
    assert not has_rate(["2020-01-01T00:00:00Z/2020-02-01T00:00:00Z"] * 3, "m")
    values = {"ndvi": np.array([0.1, 0.5, 0.3])}
    assert "\u00b1" not in chart(season, values, {"ndvi": ""})
    assert "\u00b1" in chart(season, values, {"ndvi": "m"})


def test_csv_has_a_row_for_each_layer_and_an_empty_field_for_no_data() -> None:
    values = {"a": np.array([1.25, np.nan]), "b": np.array([-1.0, 2.0])}
    assert csv_text(["d1", "d2"], values, {"a": "m", "b": "rad"}) == "date,a (m),b (rad)\nd1,1.25,-1\nd2,,2\n"


def test_the_csv_of_a_click_holds_the_series(world: World) -> None:
    inspector = inspect(world, world.image()["red"])
    inspector.show(*centre(world))
    data = inspector.text.partition("base64,")[2].partition('"')[0]
    rows = base64.b64decode(data).decode().splitlines()
    values = world.engine.point(world.image()["red"].node, *centre(world), 13)["values"]["B04"]
    assert [float(row.split(",")[1]) for row in rows[1:]] == pytest.approx(values)


# ---------------------------------------------------------------- on a map


def test_without_an_image_the_layers_that_are_seen_are_asked(world: World) -> None:
    m = Map(basemap="none", session=FakeSession())
    inspector = m.add_inspector()
    inspector.show(*centre(world))
    assert "No layer is seen" in inspector.text
    median = world.image().median()
    m.add(median.ndvi().colormap("RdYlGn", vmin=-1, vmax=1), name="Index")
    m.add(median["red"].colormap("gray", vmin=0, vmax=1), name="Red", visible=False)
    m.add(median["nir"].colormap("gray", vmin=0, vmax=1), name="Near infrared")
    inspector.show(*centre(world))
    assert inspector.text.index("Near infrared") < inspector.text.index("Index")
    assert "<span>Red" not in inspector.text


def test_an_inspector_of_the_same_name_is_replaced(world: World) -> None:
    m = Map(basemap="none", session=FakeSession())
    first, other = m.add_inspector(world.image().median(), "A"), m.add_inspector(world.image().median(), "B")
    second = m.add_inspector(world.image().median().ndvi(), "A")
    lon, lat = centre(world)
    for handler in list(m._window.widget._interaction_callbacks.callbacks):
        handler(type="click", coordinates=[lat, lon])
    assert "ndvi" in second.text
    assert "B08" in other.text
    assert "Click on the map" in first.text
    assert first.widget.layout.display == "none"


def test_what_a_click_raises_is_said_under_the_map(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    m = Map(basemap="none", session=FakeSession())
    inspector = m.add_inspector(world.image().median())
    monkeypatch.setattr(world.engine, "point", lambda *_, **__: 1 / 0)
    lon, lat = centre(world)
    inspector._clicked(type="click", coordinates=[lat, lon])
    assert any("ZeroDivisionError" in text for text in m.messages)
