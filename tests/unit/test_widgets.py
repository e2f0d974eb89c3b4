"""The map without a browser: what it asks the server for, what it shows, what it says."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import ipywidgets
import mercantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jeoview.recipes  # noqa: F401 - gives images their recipes
from jeoview.chain import encode
from jeoview.errors import ParameterError, PendingError, ServerError
from jeoview.graph import Node, Parameter, parameter
from jeoview.image import Image, apply
from jeoview.projection import Bounds
from jeoview.session import Session
from jeoview.widgets import Map, MapLayer
from jeoview.widgets.basemaps import PROVIDERS
from jeoview.widgets.legend import legend_html, legends_html, round_ticks, tick_label
from jeoview.widgets.look import look_of
from jeoview.widgets.messages import Messages
from jeoview.widgets.sliders import control_of
from jeoview.widgets.swap import LEAST_PATIENCE, MOST_PATIENCE, Swap, timer
from jeoview.widgets.tiles import Picture, Tiles
from jeoview.widgets.view import View, block_bounds, fit, on_globe, tile_block

BBOX = (1.2, 43.4, 1.6, 43.7)
COMMON = {"red": "B04", "nir": "B08", "green": "B03", "blue": "B02"}


def stack(*bands: str, seed: int = 0) -> Image:
    bands = bands or ("B04", "B08", "B03", "B02")
    values = {"items": f"items:{seed:064x}", "bands": bands, "common_names": COMMON, "bbox": BBOX}
    return apply("load_items", (), values)


def ndvi(seed: int = 0) -> Image:
    return stack(seed=seed).median().ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9)


def sliding(name: str = "limit", **options: Any) -> tuple[Image, Parameter]:
    limit = parameter(name, 0.2, **{"min": 0.0, "max": 1.0, "step": 0.05} | options)
    image = stack().median().ndvi()
    return image.mask(image > limit).colormap("viridis", vmin=0.0, vmax=1.0), limit


@dataclass
class FakeSession:
    """Remembers what it is asked; its tiles never come by themselves."""

    failing: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    published: list[Node] = field(default_factory=list)
    dropped: list[tuple[str, Mapping[str, Any] | None, Any]] = field(default_factory=list)
    dead: bool = False

    def publish(self, node: Node) -> str:
        assert encode(node)
        self.published.append(node)
        return node.key

    def url(self, path: str) -> str:
        return f"/user/name/proxy/8001/token/{path}"

    def tile_path(self, key: str, **options: Any) -> str:
        return Session.tile_path(self, key, **options)  # type: ignore[arg-type]

    def errors(self, key: str) -> list[dict[str, Any]]:
        if self.dead:
            raise ServerError("the tile server does not answer")
        return self.failing.get(key, [])

    def point(self, key: str, *place: Any, **options: Any) -> Mapping[str, Any]:
        raise PendingError("label of 4 x 4 pixels: at work for 1 s; ask again")

    def drop(self, key: str, *, map_id: str, parameters: Any = None, keep: Any = None) -> int:
        assert map_id
        self.dropped.append((key, parameters, keep))
        return 0


class Browser:
    """What a browser would tell the map."""

    def __init__(self, shown: Map, width: int = 800, height: int = 520) -> None:
        self.map = shown
        self.leaflet = shown._window.widget
        with self.leaflet.hold_trait_notifications():
            for side, value in (("left", 0), ("top", 0), ("right", width), ("bottom", height)):
                self.leaflet.set_trait(side, float(value))

    @property
    def layers(self) -> list[Tiles]:
        return list(self.map._scene.stage.layers)

    def load(self, tiles: Tiles) -> None:
        tiles.set_trait("loading", True)
        tiles.set_trait("loading", False)
        tiles._handle_leaflet_event(tiles, {"event": "load"}, [])

    def load_all(self) -> None:
        for tiles in self.layers:
            self.load(tiles)

    def hidden(self, tiles: Tiles) -> bool:
        """Hidden by the style of all layers, unless a rule of the sheet names it."""
        rules = self.map._scene.stage.sheet.value.partition(tiles.selector + "{")[2]
        return "visibility:visible" not in rules.split("}")[0]

    def height(self, tiles: Tiles) -> int:
        rule = self.map._scene.stage.sheet.value.split(tiles.selector + "{", 1)[1]
        return int(rule.removeprefix("z-index:").split("!")[0])


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What waits for its time: nothing happens by itself."""
    waiting: list[Callable[[], None]] = []

    def wait(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        waiting.append(function)
        return lambda: waiting.remove(function) if function in waiting else None

    monkeypatch.setattr("jeoview.widgets.scene.timer", wait)
    return waiting


@pytest.fixture
def m(session: FakeSession, waits: Any, jeoview_home: Any) -> Map:
    return Map(basemap="none", session=session)


@pytest.fixture
def browser(m: Map) -> Browser:
    return Browser(m)


# ---------------------------------------------------------------- numbers of a view


@given(st.floats(-175, 174), st.floats(-80, 79), st.floats(0.01, 5), st.floats(0.01, 5), st.integers(0, 14))
def test_tile_block_is_what_mercantile_says(west: float, south: float, width: float, height: float, zoom: int) -> None:
    bounds = (west, south, west + width, south + height)
    z, left, top, right, bottom = tile_block(bounds, zoom)
    found = {(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)}
    # On the edge of a tile rounding may decide either way.
    assert found >= {(tile.x, tile.y) for tile in mercantile.tiles(*grown(bounds, -1e-7), zooms=[zoom])}
    assert found <= {(tile.x, tile.y) for tile in mercantile.tiles(*grown(bounds, 1e-7), zooms=[zoom])}
    inner = block_bounds((z, left, top, right, bottom))
    assert inner[0] <= west + 1e-7
    assert inner[3] >= south + height - 1e-7


def grown(bounds: Bounds, by: float) -> Bounds:
    west, south, east, north = bounds
    return west - by, south - by, east + by, north + by


@given(st.floats(-170, 160), st.floats(-75, 70), st.floats(0.001, 10), st.floats(0.001, 8))
def test_fit_holds_the_area_and_the_next_zoom_would_not(west: float, south: float, width: float, height: float) -> None:
    bounds = (west, south, west + width, south + height)
    found = fit(bounds, 700, 500)
    seen = found.bounds
    assert seen[0] <= west + 1e-6
    assert seen[1] <= south + 1e-6
    assert seen[2] >= west + width - 1e-6
    assert seen[3] >= south + height - 1e-6
    if found.zoom < 18:
        closer = View(found.lon, found.lat, found.zoom + 1, 700, 500).bounds
        assert closer[0] > west or closer[1] > south or closer[2] < west + width or closer[3] < south + height


def test_bounds_of_a_map_dragged_round_the_world() -> None:
    assert on_globe((361.0, 10.0, 363.0, 12.0)) == (1.0, 10.0, 3.0, 12.0)
    assert on_globe((-500.0, -90.0, 500.0, 90.0))[::2] == (-180.0, 180.0)


# ---------------------------------------------------------------- legend


def test_ticks_are_round() -> None:
    assert round_ticks(-0.2, 0.9) == [-0.2, 0.0, 0.2, 0.4, 0.6, 0.8]
    assert round_ticks(-50, 50) == [-40.0, -20.0, 0.0, 20.0, 40.0]
    assert round_ticks(0, 4095) == [0.0, 1000.0, 2000.0, 3000.0, 4000.0]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_within_and_are_few(low: float, span: float) -> None:
    ticks = round_ticks(low, low + span)
    assert len(ticks) <= 6
    assert all(low - 1e-6 * span <= tick <= low + span + 1e-6 * span for tick in ticks)


def test_tick_labels_have_the_decimals_of_the_step() -> None:
    assert [tick_label(value, 0.2) for value in (-0.2, 0.0, 0.4)] == ["\u22120.2", "0.0", "0.4"]
    assert tick_label(1000.0, 500.0) == "1000"
    assert tick_label(2.5e-6, 5e-7) == "2.5e\u221206"


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)


def test_legend_says_name_unit_and_range() -> None:
    html = legend_html("Velocity", ndvi_legend() | {"unit": "mm/yr"})
    assert "Velocity" in html
    assert "mm/yr" in html
    assert "\u22120.2" in html
    assert "#a50026" in html


def ndvi_legend() -> dict[str, Any]:
    return look_of(ndvi().node).legend({})


def test_legend_of_a_foreign_chain_cannot_carry_markup() -> None:
    described = {"type": "classes", "entries": [{"value": 1, "label": "<script>x", "colour": 'red"><script>'}]}
    assert set(Tags(legends_html([legend_html("<b>", described, "<i>")], ["<u>"])).found) <= {"div", "span", "i"}
    assert Tags(legend_html("<b>", described)).found.count("i") == 1


def test_legend_of_classes_and_channels() -> None:
    node = stack("B04").median().colormap(classes={1.0: ("water", "#0000ff"), 2.0: ("wood", "green")}).node
    html = legend_html("Cover", look_of(node).legend({}))
    assert "water" in html
    assert "wood" in html
    channels = legend_html("RGB", look_of(stack().median().node).legend({}))
    assert [band for band in ("B04", "B03", "B02") if band in channels] == ["B04", "B03", "B02"]


# ---------------------------------------------------------------- how an image without colour looks


def test_one_band_becomes_grey_with_a_note() -> None:
    look = look_of(stack("B04").median().node)
    assert look.node.operator == "colormap"
    assert ".colormap(" in look.note
    html = legend_html("Red", look.legend({}), look.note)
    assert "2 %" in html
    assert "98 %" in html


def test_red_green_and_blue_become_true_colour() -> None:
    assert look_of(stack().median().node).node.operator == "rgb"


def test_several_bands_show_the_first_and_say_so() -> None:
    look = look_of(stack("B08", "B11").median().node)
    assert look.note.startswith("Band B08 of 2.")


def test_a_series_and_a_table_are_refused_with_advice() -> None:
    with pytest.raises(ParameterError, match=r"series of dates.*\.median\(\)"):
        look_of(stack().node)
    with pytest.raises(ParameterError, match=r"table of numbers.*\.to_numpy"):
        look_of(stack().median().quantiles(q=(0.5,)).node)


# ---------------------------------------------------------------- swap


class Theatre:
    """Records what a swap does with layers."""

    def __init__(self) -> None:
        self.on_map: list[Tiles] = []
        self.frames: list[tuple[Tiles | None, Tiles | None]] = []
        self.waits: list[tuple[float, Callable[[], None]]] = []
        self.swap = Swap(Tiles, self.on_map.append, self.on_map.remove, self.arrange, self.later)

    def arrange(self) -> None:
        self.frames.append((self.swap.shown, self.swap.waiting))

    def later(self, seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        wait = (seconds, function)
        self.waits.append(wait)
        return lambda: self.waits.remove(wait) if wait in self.waits else None

    def want(self, name: str, **options: bool) -> None:
        self.swap.request(Picture(name, f"/{name}"), **options)

    @property
    def shown(self) -> str | None:
        return self.swap.shown.picture.key if self.swap.shown else None

    @property
    def waiting(self) -> str | None:
        return self.swap.waiting.picture.key if self.swap.waiting else None


def test_the_old_picture_stays_until_the_new_one_is_complete() -> None:
    theatre = Theatre()
    theatre.want("a")
    theatre.want("b")
    assert (theatre.shown, theatre.waiting) == ("a", "b")
    assert len(theatre.on_map) == 2
    assert theatre.swap.waiting is not None
    theatre.swap.loaded(theatre.swap.waiting)
    assert (theatre.shown, theatre.waiting) == ("b", None)
    assert [tiles.picture.key for tiles in theatre.on_map] == ["b"]


def test_one_message_hides_the_old_picture_and_shows_the_new_one(m: Map, browser: Browser) -> None:
    layer = m.add(ndvi(0), name="NDVI")
    browser.load_all()
    layer.image = ndvi(1)
    old, new = layer.swap.layers
    messages: list[tuple[bool, bool]] = []
    m._scene.stage.sheet.observe(lambda _: messages.append((browser.hidden(old), browser.hidden(new))), "value")
    browser.load_all()
    assert messages == [(True, False)]


def test_the_latest_change_wins_at_once() -> None:
    theatre = Theatre()
    for name in "abcd":
        theatre.want(name)
    assert (theatre.shown, theatre.waiting) == ("a", "d")
    assert len(theatre.on_map) == 2


def test_a_drag_lets_one_layer_arrive_and_then_goes_to_the_latest() -> None:
    theatre = Theatre()
    theatre.want("a")
    for name in "bcd":
        theatre.want(name, dragging=True)
    assert (theatre.shown, theatre.waiting) == ("a", "b")
    assert len(theatre.waits) == 1
    assert 0 < theatre.waits[0][0] <= LEAST_PATIENCE
    assert theatre.swap.waiting is not None
    theatre.swap.loaded(theatre.swap.waiting)
    assert (theatre.shown, theatre.waiting) == ("b", "d")
    assert not theatre.waits


def test_a_slow_layer_is_given_up_for_the_latest() -> None:
    theatre = Theatre()
    theatre.want("a")
    for name in "bcd":
        theatre.want(name, dragging=True)
    theatre.waits[0][1]()
    assert (theatre.shown, theatre.waiting) == ("a", "d")
    assert [tiles.picture.key for tiles in theatre.on_map] == ["a", "d"]


def test_slow_tiles_get_more_time_so_that_a_drag_is_followed() -> None:
    theatre = Theatre()
    theatre.want("a")
    given = []
    for number in range(6):
        theatre.want(f"b{number}", dragging=True)
        theatre.want(f"c{number}", dragging=True)
        seconds, function = theatre.waits.pop()
        given.append(seconds)
        theatre.swap._call_off = None
        function()
    assert given[0] < given[1] < given[2]
    assert given[-1] == pytest.approx(MOST_PATIENCE, abs=0.1)


def test_going_back_drops_what_waits() -> None:
    theatre = Theatre()
    theatre.want("a")
    theatre.want("b", dragging=True)
    theatre.want("c", dragging=True)
    theatre.want("b", dragging=True)
    assert (theatre.waiting, theatre.waits) == ("b", [])
    theatre.want("a", dragging=True)
    assert (theatre.shown, theatre.waiting) == ("a", None)
    assert len(theatre.on_map) == 1


def test_a_late_load_of_a_dropped_layer_changes_nothing() -> None:
    theatre = Theatre()
    theatre.want("a")
    theatre.want("b")
    late = theatre.swap.waiting
    assert late is not None
    theatre.want("c")
    theatre.swap.loaded(late)
    assert (theatre.shown, theatre.waiting) == ("a", "c")


def test_nobody_looks_so_nothing_waits() -> None:
    theatre = Theatre()
    theatre.want("a", unseen=True)
    theatre.want("b", unseen=True)
    assert (theatre.shown, theatre.waiting) == ("b", None)
    assert len(theatre.on_map) == 1


@given(st.lists(st.sampled_from(["a", "b", "c", "drag a", "drag b", "drag c", "load", "time", "clear"]), max_size=30))
def test_any_story_ends_with_the_latest_wish_and_at_most_two_layers(story: list[str]) -> None:
    theatre, wish = Theatre(), None
    for event in story:
        if event == "load":
            for tiles in list(theatre.swap.layers):
                theatre.swap.loaded(tiles)
        elif event == "time":
            for _, function in list(theatre.waits):
                theatre.waits.clear()
                function()
        elif event == "clear":
            theatre.swap.clear()
            wish = None
        else:
            wish = event[-1]
            theatre.want(wish, dragging=event.startswith("drag"))
        assert theatre.on_map == list(theatre.swap.layers)
        assert len(theatre.on_map) <= 2
        assert (theatre.swap.picture.key if theatre.swap.picture else None) == wish
    for _ in range(2):
        for tiles in list(theatre.swap.layers):
            theatre.swap.loaded(tiles)
    assert (theatre.shown, theatre.waiting) == (wish, None)


def test_the_timer_waits_and_can_be_called_off() -> None:
    rung = threading.Event()
    timer(0.01, rung.set)
    assert rung.wait(5)
    calm = threading.Event()
    timer(0.05, calm.set)()
    assert not calm.wait(0.15)


# ---------------------------------------------------------------- map: layers


def test_a_layer_asks_for_the_tiles_of_its_chain(m: Map, session: FakeSession) -> None:
    image = ndvi()
    layer = m.add(image, name="NDVI")
    assert session.published[-1] == image.node
    (tiles,) = m._scene.stage.layers
    assert tiles.url.startswith(f"/user/name/proxy/8001/token/tiles/{image.key}/{{z}}/{{x}}/{{y}}.png?map=")
    assert m.layers == (layer,)
    assert m.layer("NDVI") is layer


def test_the_first_layer_is_brought_into_view_and_the_next_ones_are_not(m: Map) -> None:
    m.add(ndvi())
    west, south, east, north = m.bounds
    assert west <= BBOX[0] < BBOX[2] <= east
    assert south <= BBOX[1] < BBOX[3] <= north
    before = (m.center, m.zoom)
    far = {"items": f"items:{9:064x}", "bands": ("B04",), "bbox": (10.0, 50.0, 11.0, 51.0)}
    m.add(apply("load_items", (), far).median())
    assert (m.center, m.zoom) == before


def test_a_chosen_view_stays(session: FakeSession, jeoview_home: Any) -> None:
    m = Map(center=(50.0, 8.0), zoom=9, basemap="none", session=session)
    m.add(ndvi())
    assert m.center == (50.0, 8.0)
    assert m.zoom == 9


def test_the_same_name_gets_the_new_image_in_its_place(m: Map, browser: Browser) -> None:
    first = m.add(ndvi(0), name="NDVI")
    m.add(ndvi(1), name="other")
    browser.load_all()
    again = m.add(ndvi(2), name="NDVI", opacity=0.5)
    assert again is first
    assert [layer.name for layer in m.layers] == ["NDVI", "other"]
    assert [browser.hidden(tiles) for tiles in browser.layers if tiles.picture.key == ndvi(2).key] == [True]
    browser.load_all()
    assert [tiles.picture.key for tiles in first.swap.layers] == [ndvi(2).key]
    assert not browser.hidden(first.swap.layers[0])
    assert first.swap.layers[0].opacity == 0.5


def test_names_are_made_and_checked(m: Map) -> None:
    assert [m.add(ndvi(seed)).name for seed in range(3)] == ["Layer 1", "Layer 2", "Layer 3"]
    m.remove("Layer 2")
    assert m.add(ndvi(5)).name == "Layer 2"
    with pytest.raises(ParameterError, match="1 to 80 signs"):
        m.add(ndvi(), name="")
    with pytest.raises(ParameterError, match="no layer 'Layer 9'; did you mean 'Layer"):
        m.remove("Layer 9")


def test_what_is_no_image_is_refused_with_advice(m: Map) -> None:
    class Collection:
        def median(self) -> None: ...

    with pytest.raises(ParameterError, match=r"got a Collection; a collection becomes an image with \.median\(\)"):
        m.add(Collection())  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="got a str"):
        m.add("ndvi")  # type: ignore[arg-type]
    assert m.layers == ()


def test_order(m: Map, browser: Browser) -> None:
    for seed, name in enumerate("abc"):
        m.add(ndvi(seed), name=name)
    heights = {layer.name: browser.height(layer.swap.layers[0]) for layer in m.layers}
    assert heights["a"] < heights["b"] < heights["c"]
    m.bring_to_front("a")
    assert [layer.name for layer in m.layers] == ["b", "c", "a"]
    m.send_to_back(m.layer("c"))
    m.move("b", 1)
    assert [layer.name for layer in m.layers] == ["c", "b", "a"]
    assert browser.height(m.layer("a").swap.layers[0]) > browser.height(m.layer("c").swap.layers[0])
    with pytest.raises(ParameterError, match=r"position is 1\.5"):
        m.move("a", 1.5)  # type: ignore[arg-type]


def test_a_change_of_order_or_of_another_layer_touches_no_tile_layer(m: Map, browser: Browser) -> None:
    m.add(ndvi(0), name="a")
    m.add(ndvi(1), name="b")
    places = browser.leaflet.layers
    kept = m.layer("b").swap.layers
    m.bring_to_front("a")
    m.remove("a")
    m.add(ndvi(2), name="c")
    # ipyleaflet re-creates what stands behind a changed entry of the list: the list must not change.
    assert browser.leaflet.layers == places
    assert m.layer("b").swap.layers == kept


def test_a_hidden_layer_has_no_tiles(m: Map, browser: Browser) -> None:
    layer = m.add(ndvi(), visible=False)
    assert browser.layers == []
    layer.visible = True
    assert len(browser.layers) == 1
    m.add(ndvi(1), name=layer.name, visible=False)
    assert browser.layers == []
    assert "jv-legend" not in m._scene.frame._legend.value


def test_opacity(m: Map) -> None:
    layer = m.add(ndvi(), opacity=0.4)
    assert m._scene.stage.layers[0].opacity == 0.4
    layer.opacity = 1
    assert m._scene.stage.layers[0].opacity == 1.0
    for wrong in (1.5, "half", True):
        with pytest.raises(ParameterError, match="opacity is"):
            layer.opacity = wrong  # type: ignore[assignment]


def test_removing_takes_everything_away(m: Map, browser: Browser, session: FakeSession) -> None:
    image, _ = sliding()
    layer = m.add(image, name="NDVI")
    m.remove(layer)
    assert browser.layers == []
    assert m.layers == ()
    assert m.parameters == {}
    assert session.dropped == [(layer.key, {"limit": 0.2}, None)]


def test_a_cleared_map_has_no_tools(m: Map) -> None:
    m.add(ndvi(), name="NDVI")
    inspector = m.add_inspector(ndvi())
    assert inspector.widget.layout.display is None
    m.clear()
    assert inspector.widget.layout.display == "none"
    m.clear()
    assert m.add_inspector(ndvi()).widget.layout.display is None


def test_a_layer_that_has_all_its_tiles_is_not_dropped_at_the_server(
    m: Map, browser: Browser, session: FakeSession
) -> None:
    m.add(ndvi(), name="NDVI")
    browser.load_all()
    m.clear()
    assert session.dropped == []


# ---------------------------------------------------------------- map: view


def test_view_may_be_set(m: Map) -> None:
    m.center, m.zoom = (45.0, 7.0), 11
    assert m.center == (45.0, 7.0)
    west, south, east, north = m.bounds
    assert west < 7 < east
    assert south < 45 < north
    m.fit((6.0, 44.0, 8.0, 46.0))
    assert m.bounds[0] <= 6.0
    assert m.bounds[3] >= 46.0
    m.add(ndvi(), name="NDVI")
    assert m.center != pytest.approx(((BBOX[1] + BBOX[3]) / 2, (BBOX[0] + BBOX[2]) / 2), abs=0.01)
    m.fit("NDVI")
    assert m.center == pytest.approx(((BBOX[1] + BBOX[3]) / 2, (BBOX[0] + BBOX[2]) / 2), abs=0.01)


def test_the_size_that_the_browser_tells_counts(m: Map) -> None:
    m.center, m.zoom = (0.0, 0.0), 4
    before = m.bounds
    Browser(m, 1520, 520)
    assert m.bounds[2] == pytest.approx(2 * before[2])
    assert m.bounds[3] == pytest.approx(before[3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"center": (100.0, 0.0)}, "lat within 90"),
        ({"center": 5}, r"expected \(lat, lon\)"),
        ({"zoom": 30}, "whole number from 0 to 24"),
        ({"basemap": "google"}, "basemap is 'google'; Known"),
    ],
)
def test_wrong_views_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Map(**options)


def test_base_maps(m: Map) -> None:
    base = m._window.widget.layers[0]
    assert base.layers == ()
    for name in PROVIDERS:
        m.basemap = name
        assert m.basemap == name
        assert len(base.layers) == (name != "none")
        for layer in base.layers:
            assert layer.attribution
            assert all(sign in layer.url for sign in ("{z}", "{x}", "{y}"))
    with pytest.raises(ParameterError, match="did you mean 'dark'"):
        m.basemap = "drak"


def test_a_full_extent_chain_says_the_view_and_follows_it(m: Map, browser: Browser, session: FakeSession) -> None:
    image = (stack().median().ndvi() > 0.4).label(region="view").colormap("tab20", vmin=0, vmax=20)
    m.add(image, name="Parts")
    browser.load_all()
    (tiles,) = browser.layers
    view = tiles.picture.view
    assert view is not None
    assert f"view={'/'.join(map(str, view))}" in tiles.url
    assert view[0] == tiles.min_native_zoom == tiles.max_native_zoom == m.zoom
    west, south, east, north = block_bounds(view)
    (south_in, west_in), (north_in, east_in) = tiles.bounds
    assert west < west_in < east_in < east
    assert south < south_in < north_in < north
    m.zoom = m.zoom + 1
    old, new = browser.layers
    assert old is tiles
    assert browser.hidden(new)
    assert new.picture.view is not None
    assert new.picture.view[0] == m.zoom


def test_moving_on_drops_what_is_out_of_view(
    m: Map, browser: Browser, session: FakeSession, waits: list[Callable[[], None]]
) -> None:
    m.add(ndvi(), name="NDVI")
    (tiles,) = browser.layers
    tiles.set_trait("loading", True)
    m.zoom = m.zoom + 1
    m.zoom = m.zoom + 1
    (settle,) = waits
    settle()
    ((key, parameters, keep),) = session.dropped
    assert key == tiles.picture.key
    assert parameters == {}
    assert keep == m._scene.view_block()


# ---------------------------------------------------------------- sliders


def test_controls_suit_the_type() -> None:
    cases = {
        ipywidgets.FloatSlider: parameter("a", 0.5, min=0, max=1, step=0.05),
        ipywidgets.IntSlider: parameter("a", 3, min=0, max=10),
        ipywidgets.Checkbox: parameter("a", True),
        ipywidgets.Dropdown: parameter("a", "x", choices=("x", "y")),
        ipywidgets.SelectionSlider: parameter("a", "2021-01-18", choices=("2021-01-06", "2021-01-18")),
        ipywidgets.Text: parameter("a", "x"),
        ipywidgets.FloatText: parameter("a", 0.5),
        ipywidgets.IntText: parameter("a", 5, min=0),
    }
    for kind, declared in cases.items():
        control = control_of(declared)
        assert type(control) is kind
        assert control.value == declared.default
    slider = control_of(parameter("a", 0.5, min=0, max=1, step=0.05))
    assert (slider.min, slider.max, slider.step, slider.readout_format) == (0.0, 1.0, 0.05, ".2f")


def test_a_slider_moves_every_layer_that_uses_it(m: Map, browser: Browser) -> None:
    image, _ = sliding()
    m.add(image, name="a")
    m.add(image.blend(image), name="b")
    m.add(ndvi(), name="c")
    browser.load_all()
    m.set_parameter("limit", 0.6)
    assert m.parameters == {"limit": 0.6}
    waiting = {layer.name: layer.swap.waiting for layer in m.layers}
    assert waiting["c"] is None
    for name in "ab":
        tiles = waiting[name]
        assert tiles is not None
        assert "p.limit=0.6&" in tiles.url
        assert browser.hidden(tiles)
    assert all(layer.busy == (layer.name != "c") for layer in m.layers)
    assert "jv-busy" in browser.leaflet._dom_classes
    browser.load_all()
    assert not any(layer.busy for layer in m.layers)
    assert "jv-busy" not in browser.leaflet._dom_classes


def test_values_are_checked_and_named(m: Map) -> None:
    m.add(sliding()[0])
    with pytest.raises(ParameterError, match="has a parameter 'limt'; did you mean 'limit'"):
        m.set_parameter("limt", 0.5)
    with pytest.raises(ParameterError, match="expected 0 to 1"):
        m.set_parameter("limit", 7.0)


def test_one_name_in_two_ways_is_refused_at_the_line(m: Map) -> None:
    m.add(sliding(max=1.0)[0], name="a")
    with pytest.raises(ParameterError, match="'limit' is declared in another way"):
        m.add(sliding(max=0.8)[0], name="b")
    assert [layer.name for layer in m.layers] == ["a"]
    m.add(sliding(max=0.8)[0], name="a")
    assert m._scene.sliders._controls["limit"].max == 0.8


def test_a_slider_goes_with_its_last_layer_and_keeps_its_position_else(m: Map) -> None:
    image, _ = sliding()
    m.add(image, name="a")
    m.set_parameter("limit", 0.5)
    m.add(image.blend(image), name="b")
    m.remove("a")
    assert m.parameters == {"limit": 0.5}
    m.remove("b")
    assert m.parameters == {}


def test_a_slider_on_the_style_moves_the_legend(m: Map) -> None:
    top = parameter("top", 1.0, min=0.5, max=100.0)
    m.add(stack().median().ndvi().colormap("viridis", vmin=0.0, vmax=top), name="NDVI")
    assert ">0.8<" in m._scene.frame._legend.value
    m.set_parameter("top", 100.0)
    assert ">80<" in m._scene.frame._legend.value


# ---------------------------------------------------------------- messages


def failure(message: str, tile: str, when: float | None = None) -> dict[str, Any]:
    return {
        "time": time.time() + 1 if when is None else when,
        "tile": tile,
        "code": "SourceUnreadable",
        "message": message,
    }


def tile_in_view(m: Map) -> str:
    z, west, north, _, _ = m._scene.view_block()
    return f"{z}/{west}/{north}"


def test_a_failing_tile_is_said_under_the_map(m: Map, browser: Browser, session: FakeSession) -> None:
    layer = m.add(ndvi(), name="NDVI")
    tile = tile_in_view(m)
    session.failing[layer.key] = [
        failure("item s1, band B04: the file is gone", tile),
        failure("item s1, band B04: the file is gone", tile),
        failure("an old one", tile, when=0.0),
        failure("elsewhere", "3/1/1"),
    ]
    browser.load_all()
    assert m.messages == ("item s1, band B04: the file is gone",)
    assert m._scene.messages.widget.layout.display is None
    assert "jv-failed" in m._scene._panel._rows["NDVI"]._state.value
    session.failing.clear()
    browser.load_all()
    assert not m.messages
    assert m._scene.messages.widget.layout.display == "none"


def test_running_the_cell_again_asks_again_after_a_failure(m: Map, browser: Browser, session: FakeSession) -> None:
    layer = m.add(ndvi(), name="NDVI")
    session.failing[layer.key] = [failure("gone", tile_in_view(m))]
    browser.load_all()
    failed = layer.swap.layers[0]
    m.add(ndvi(), name="NDVI")
    assert failed not in layer.swap.layers
    assert len(layer.swap.layers) == 1


def test_a_server_that_went_away_is_said(m: Map, browser: Browser, session: FakeSession) -> None:
    layer = m.add(ndvi(), name="NDVI")
    session.dead = True
    first = layer.swap.layers[0]
    browser.load_all()
    assert layer.swap.layers[0] is not first
    browser.load_all()
    assert "tile server went away" in m.messages[0]


def test_a_session_that_cannot_start_is_an_error_at_the_line(
    monkeypatch: pytest.MonkeyPatch, jeoview_home: Any
) -> None:
    def refuse() -> None:
        raise ServerError("the tile server did not start")

    monkeypatch.setattr("jeoview.session.Session.current", refuse)
    m = Map(basemap="none")
    with pytest.raises(ServerError, match="did not start"):
        m.add(ndvi())
    assert m.layers == ()


def test_what_a_callback_raises_is_shown(m: Map, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = m.add(sliding()[0], name="NDVI")

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(MapLayer, "refresh", broken)
    m.set_parameter("limit", 0.5)
    assert m.messages == ("ZeroDivisionError: a fault of ours",)
    assert "Traceback" in m._scene.messages.widget.value
    monkeypatch.undo()
    m.set_parameter("limit", 0.6)
    assert not m.messages
    assert layer.swap.waiting is None or "0.6" in layer.swap.waiting.url


def test_messages_carry_no_markup_and_are_few() -> None:
    messages = Messages()
    messages.say(("<b>", "tiles"), [f"<script>{number}" for number in range(9)])
    assert set(Tags(messages.widget.value).found) <= {"div", "b"}
    assert "and 6 more" in messages.widget.value
    assert "jv-message" in messages.widget.value


def test_what_would_help_is_no_failure_and_goes_with_its_layer(m: Map, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jeoview.widgets.scene.caching_hint", lambda _image: "stack.cache_stack() <copies> them once")
    layer = m.add(ndvi(), name="velocity")
    shown = m._scene.messages.widget
    assert "jv-advice" in shown.value
    assert "&lt;copies&gt;" in shown.value
    assert shown.layout.display is None
    assert not m.messages
    monkeypatch.setattr("jeoview.widgets.scene.caching_hint", lambda _image: "")
    m.add(ndvi(1), name="velocity")
    assert "jv-advice" not in shown.value
    monkeypatch.setattr("jeoview.widgets.scene.caching_hint", lambda _image: "again")
    m.add(ndvi(2), name="velocity")
    monkeypatch.setattr("jeoview.widgets.scene.caching_hint", lambda image: f"of {image.key}")
    for other in (ndvi(3), ndvi(1)):
        layer.image = other
        assert re.findall("of [0-9a-f]+", shown.value) == [f"of {other.key}"]
    m.remove(layer)
    assert shown.value == ""
    assert shown.layout.display == "none"


def test_two_threads_leave_the_map_in_order(m: Map, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    m.add(sliding()[0], name="a")
    browser.load_all()
    faults: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)

    def drag() -> None:
        for step in range(30):
            m.set_parameter("limit", round(step % 20 * 0.05, 2))
            for tiles in browser.layers:
                tiles._handle_leaflet_event(tiles, {"event": "load"}, [])

    threads = [threading.Thread(target=drag) for _ in range(2)]
    for thread in threads:
        thread.start()
    for step in range(10):
        m.add(ndvi(step), name="b", visible=bool(step % 2))
    for thread in threads:
        thread.join(30)
    assert not faults
    assert not m.messages
    assert sorted(id(tiles) for tiles in browser.layers) == sorted(
        id(t) for layer in m.layers for t in layer.swap.layers
    )


# ---------------------------------------------------------------- display


def test_a_notebook_shows_the_widget(m: Map) -> None:
    data = m._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == m.widget.model_id
    assert data["text/plain"] == repr(m) == f"<jeoview.Map [] zoom {m.zoom}>"


def test_the_rows_of_the_list_act_on_the_layers(m: Map, browser: Browser) -> None:
    m.add(ndvi(0), name="a")
    m.add(ndvi(1), name="b")
    row = m._scene._panel._rows["a"]
    row._tick.value = False
    assert not m.layer("a").visible
    row._opacity.value = 0.3
    assert m.layer("a").opacity == 0.3
    up, down, zoom, reload = row.widget.children[1].children[1:]
    up.click()
    assert [layer.name for layer in m.layers] == ["b", "a"]
    down.click()
    assert [layer.name for layer in m.layers] == ["a", "b"]
    m.center = (0.0, 0.0)
    zoom.click()
    assert m.center == pytest.approx((43.55, 1.4), abs=0.05)
    m.layer("a").visible = True
    before = m.layer("a").swap.layers
    reload.click()
    assert m.layer("a").swap.layers != before
    assert not m.messages
