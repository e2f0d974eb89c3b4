"""The map in a browser: right pixels, whole pictures, words where something fails."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as Picture
from scipy.ndimage import maximum_filter, minimum_filter

import jeoview.recipes  # noqa: F401 - gives images their recipes
from jeoview.describe import style_base
from jeoview.graph import Node, parameter
from jeoview.grid import tile_grid, tiles_grid
from jeoview.image import Image
from jeoview.widgets.look import look_of
from tests.browser.scenes import Scenes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab, Notebook, TileImage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

START = """
from pathlib import Path
import jeoview as jv
stack = jv.Image.from_chain(Path("stack.json").read_text())
ndvi = stack.median().ndvi()
m = jv.Map(height=480)
"""


@contextmanager
def notebook(page: Page, lab: Lab, name: str, *cells: str) -> Iterator[Notebook]:
    from tests.browser.lab import Notebook

    with Notebook.open(page, lab, name, [START, *cells]) as opened:
        opened.run_all()
        assert opened.errors() == []
        opened.wait_for_tiles()
        yield opened


def ndvi(scenes: Scenes) -> Any:
    return scenes.stack.median().ndvi()


def assert_right(tiles: list[TileImage], scenes: Scenes, node: Node, **values: Any) -> None:
    """Every pixel of every tile is what the engine computes for it."""
    assert tiles
    for tile in tiles:
        assert tile.key == node.key
        raster = scenes.engine.render(node, tile_grid(*tile.zxy), parameters=values)
        expected = raster.rgba()
        # A canvas keeps no colour under alpha 0.
        expected = np.where(expected[3] == 0, 0, expected)
        np.testing.assert_array_equal(tile.rgba, expected, err_msg=f"tile {tile.zxy}")


def of_key(tiles: list[TileImage], key: str) -> list[TileImage]:
    return [tile for tile in tiles if tile.key == key]


def test_pixels_are_the_engine_s_after_pan_and_zoom(new_page: Callable[..., Page], lab: Lab, scenes: Scenes) -> None:
    image: Image = ndvi(scenes).colormap("RdYlGn", vmin=-0.2, vmax=0.9)
    with notebook(
        new_page(), lab, "pixels", 'm.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")\nm'
    ) as opened:
        opened.screenshot("map-ndvi")
        before = opened.tiles()
        assert_right(before, scenes, image.node)
        assert any(tile.rgba[3].any() for tile in before)
        assert all("/user/name/proxy/" in tile.url for tile in before)

        opened.page.locator(".leaflet-control-zoom-in").click()
        zoomed = tiles_of_zoom(opened, before[0].zxy[0] + 1)
        assert {tile.zxy[0] for tile in zoomed} == {before[0].zxy[0] + 1}
        assert_right(zoomed, scenes, image.node)
        assert_on_screen(opened, zoomed)
        opened.screenshot("map-ndvi-zoomed")
        assert opened.execute("print(m.zoom)").strip() == str(zoomed[0].zxy[0])

        west = float(opened.execute("print(m.bounds[0])"))
        drag_map(opened, -420, -220)
        panned = opened.tiles()
        assert {tile.zxy for tile in panned} - {tile.zxy for tile in zoomed}
        assert_right(panned, scenes, image.node)
        assert_on_screen(opened, panned)
        assert float(opened.execute("print(m.bounds[0])")) > west


def tiles_of_zoom(opened: Notebook, zoom: int) -> list[TileImage]:
    """The tiles once those of the zoom before are gone, which a slow machine shows for a while."""
    for _ in range(40):
        opened.page.wait_for_timeout(500)
        opened.wait_for_tiles()
        found = opened.tiles()
        if {tile.zxy[0] for tile in found} == {zoom}:
            break
    return found


def drag_map(opened: Notebook, across: int, down: int) -> None:
    leaflet = opened.page.locator(".leaflet-container").bounding_box()
    assert leaflet is not None
    x, y = leaflet["x"] + leaflet["width"] / 2, leaflet["y"] + leaflet["height"] / 2
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + across, y + down, steps=12)
    opened.page.mouse.up()
    opened.page.wait_for_timeout(600)
    opened.wait_for_tiles()


def assert_on_screen(opened: Notebook, tiles: list[TileImage]) -> None:
    """What is seen is the tile itself: not stretched, not mixed with another one."""
    picture = np.asarray(Picture.open(io.BytesIO(opened.page.screenshot())).convert("RGB"))
    container = opened.page.locator(".leaflet-container").bounding_box()
    assert container is not None
    # Controls and legend lie along the edges of the map; its middle is free of them.
    left, top = container["x"] + 60, container["y"] + 60
    right, bottom = container["x"] + container["width"] - 250, container["y"] + container["height"] - 40
    seen = 0
    for tile in tiles:
        x, y, width, height = (round(value) for value in tile.box)
        assert (width, height) == (256, 256)
        columns, rows = overlap(x, left, right), overlap(y, top, bottom)
        part = tile.rgba[:, rows, columns]
        shown = picture[y + rows.start : y + rows.stop, x + columns.start : x + columns.stop]
        opaque = part[3] == 255
        np.testing.assert_array_equal(shown[opaque], part[:3].transpose(1, 2, 0)[opaque])
        seen += int(opaque.sum())
    assert seen > 10_000


def overlap(start: int, low: float, high: float) -> slice:
    """The pixels of a tile's axis, 0 to 256, that lie between two positions on the page."""
    first, last = max(math.ceil(low - start), 0), min(math.floor(high - start), 256)
    return slice(first, max(first, last))


def test_old_and_new_are_never_mixed_and_never_blank(new_page: Callable[..., Page], lab: Lab, scenes: Scenes) -> None:
    with notebook(
        new_page(), lab, "swap", 'layer = m.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")\nm'
    ) as opened:
        opened.record()
        for palette in ("viridis", "magma", "Greens"):
            opened.execute(f'layer.image = ndvi.focal_mean(5).colormap("{palette}", vmin=0.0, vmax=0.8)')
            opened.wait_for_tiles()
        frames = opened.frames()
        assert_whole(frames, least=4)
        node = ndvi(scenes).focal_mean(5).colormap("Greens", vmin=0.0, vmax=0.8).node
        assert_right(opened.tiles(), scenes, node)
        opened.screenshot("map-style-changed")


def assert_whole(frames: list[list[dict[str, Any]]], least: int) -> None:
    """In every frame exactly one picture is seen, and all of its tiles are there."""
    assert len(frames) > 10
    pictures: list[str] = []
    for frame in frames:
        seen = [layer for layer in frame if layer["shown"]]
        assert len(seen) == 1, frame
        assert seen[0]["all"], "a picture was shown before all of its tiles were there"
        name = picture_name(seen[0]["url"])
        if name not in pictures[-1:]:
            pictures.append(name)
    assert len(pictures) >= least
    assert len(set(pictures)) == len(pictures), "an older picture came back"


def picture_name(url: str) -> str:
    """Chain and sliders of a tile's address."""
    key = url.split("/tiles/")[1].split("/", maxsplit=1)[0]
    return key + " " + " ".join(re.findall(r"p\.[^&]*", url))


def test_the_layer_follows_the_slider_and_the_last_position_wins(
    new_page: Callable[..., Page], lab: Lab, scenes: Scenes
) -> None:
    cell = """
limit = jv.parameter("ndvi_limit", 0.2, min=0.0, max=0.8, step=0.02)
m.add(ndvi.mask(ndvi > limit).colormap("YlGn", vmin=0.0, vmax=0.9), name="Above the limit")
m
"""
    limit = parameter("ndvi_limit", 0.2, min=0.0, max=0.8, step=0.02)
    image = ndvi(scenes)
    node = image.mask(image > limit).colormap("YlGn", vmin=0.0, vmax=0.9).node
    with notebook(new_page(), lab, "slider", cell) as opened:
        assert_right(opened.tiles(), scenes, node)
        opened.screenshot("map-slider")
        handle = opened.page.locator(".jv-sliders .noUi-handle").bounding_box()
        assert handle is not None
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        opened.record()
        opened.page.mouse.move(x, y)
        opened.page.mouse.down()
        for step in range(1, 81):
            opened.page.mouse.move(x + step * 0.75, y)
            opened.page.wait_for_timeout(25)
        most = opened.page.locator(".jv-tiles").count()
        opened.screenshot("map-slider-dragging")
        opened.page.mouse.up()
        opened.page.wait_for_timeout(300)
        opened.wait_for_tiles()
        frames = opened.frames()
        assert most <= 2
        assert max(len(frame) for frame in frames) <= 2, "more than one layer was waiting"
        assert_whole(frames, least=3)
        value = float(opened.execute("print(m.parameters['ndvi_limit'])"))
        assert value > 0.3
        last = opened.tiles()
        assert all(f"p.ndvi_limit={value:g}&" in tile.query + "&" for tile in last)
        assert_right(last, scenes, node, ndvi_limit=value)


def test_hidden_layers_ask_for_no_tiles(new_page: Callable[..., Page], lab: Lab, scenes: Scenes) -> None:
    cell = """
m.add(stack.median(), name="True colour")
m.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI", visible=False)
m
"""
    key = ndvi(scenes).colormap("RdYlGn", vmin=-0.2, vmax=0.9).key
    with notebook(new_page(), lab, "hidden", cell) as opened:
        assert_right(opened.tiles(), scenes, look_of(scenes.stack.median().node).node)
        assert not [url for url in opened.tile_requests() if key in url]
        row = opened.page.locator(".jv-row", has_text="NDVI")
        row.locator("input[type=checkbox]").click()
        opened.page.wait_for_function("() => document.querySelectorAll('.jv-tiles').length === 2")
        opened.wait_for_tiles()
        assert of_key(opened.tiles(), key)
        opened.screenshot("map-two-layers")
        row.locator("input[type=checkbox]").click()
        opened.page.wait_for_function("() => document.querySelectorAll('.jv-tiles').length === 1")
        asked = len([url for url in opened.tile_requests() if key in url])
        opened.page.locator(".leaflet-control-zoom-out").click()
        opened.page.wait_for_timeout(600)
        opened.wait_for_tiles()
        assert len([url for url in opened.tile_requests() if key in url]) == asked


def test_a_removed_file_is_said_on_the_map_and_under_it(
    new_page: Callable[..., Page], lab: Lab, scenes: Scenes
) -> None:
    path = scenes.file("scene-2")
    away = path.with_suffix(".away")
    with notebook(
        new_page(), lab, "missing", 'm.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")\nm'
    ) as opened:
        opened.expect(r"status of 502 .*/tiles/")
        good = len(opened.tiles())
        path.rename(away)
        try:
            opened.execute('m.add(stack.max().ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")')
            opened.page.wait_for_selector(".jv-message", timeout=20_000)
            opened.wait_for_tiles()
            message = opened.message()
            assert "NDVI" in message
            assert "scene-2" in message
            assert str(path.parent) not in message
            # The picture of the error is seen: no square is blank, and nothing of the old picture is left.
            tiles = opened.tiles()
            failed = [tile for tile in tiles if not (tile.rgba[3] == 0).all()]
            assert failed
            assert all(tile.key == tiles[0].key for tile in tiles)
            assert opened.execute("print(m.messages)").count("scene-2")
            opened.screenshot("map-missing-file")
        finally:
            away.rename(path)
        opened.page.locator(".jv-row", has_text="NDVI").locator("button[title='Load its tiles again']").click()
        opened.page.wait_for_function("() => !document.querySelector('.jv-message')", timeout=20_000)
        opened.wait_for_tiles()
        node = scenes.stack.max().ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9).node
        assert len(opened.tiles()) == good
        assert_right(opened.tiles(), scenes, node)


def test_a_chain_on_the_view_follows_the_view(new_page: Callable[..., Page], lab: Lab, scenes: Scenes) -> None:
    node = (ndvi(scenes) > 0.72).label(region="view").colormap("tab20", vmin=1, vmax=40).node
    cell = """
m.add((ndvi > 0.72).label(region="view").colormap("tab20", vmin=1, vmax=40), name="Fields")
m.add_inspector()
m
"""
    with notebook(new_page(), lab, "view", cell) as opened:
        first = assert_right_in_view(opened, scenes, node)
        assert_click_shows_the_tile(opened, scenes, node, first)
        opened.screenshot("map-view-labels")
        opened.record()
        opened.page.locator(".leaflet-control-zoom-in").click()
        opened.page.wait_for_timeout(800)
        opened.wait_for_tiles()
        assert all(sum(layer["shown"] for layer in frame) == 1 for frame in opened.frames())
        assert assert_right_in_view(opened, scenes, node)[0] == first[0] + 1
        assert opened.message() == ""
        assert not [url for url in opened.tile_requests() if not inside_its_view(url)]


def assert_click_shows_the_tile(opened: Notebook, scenes: Scenes, node: Node, view: tuple[int, ...]) -> None:
    """The inspector says the label that the tile has there, and unfolded what led to it."""
    for tile in opened.tiles():
        labels = scenes.engine.render(style_base(node), tile_grid(*tile.zxy), view=tiles_grid(*view)).array[0]
        # The browser places a click to a pixel or so.
        inside = (minimum_filter(labels, 9) == maximum_filter(labels, 9)) & (labels > 1)
        rows, cols = np.nonzero(inside)
        if len(rows):
            break
    row, col = int(rows[0]), int(cols[0])
    opened.page.mouse.click(tile.box[0] + col + 0.5, tile.box[1] + row + 0.5)
    opened.page.wait_for_function("() => document.querySelector('.jv-inspector td')")
    shown = f"{labels[row, col]:.0f} label"
    assert opened.page.locator(".jv-inspector td").nth(1).inner_text() == shown
    opened.page.get_by_text("Value at every step").click()
    opened.page.wait_for_function("() => document.querySelectorAll('.jv-steps tr').length > 4")
    assert opened.page.locator(".jv-steps td").last.inner_text().endswith(shown)


def assert_right_in_view(opened: Notebook, scenes: Scenes, node: Node) -> tuple[int, ...]:
    """All tiles say the same view, and are what the engine computes for it; gives back the view."""
    tiles = [tile for tile in opened.tiles() if tile.box[2] == 256]
    (view,) = {view_of(tile.url) for tile in tiles}
    labels = 0
    for tile in tiles:
        raster = scenes.engine.render(node, tile_grid(*tile.zxy), view=tiles_grid(*view))
        np.testing.assert_array_equal(tile.rgba[3], raster.rgba()[3], err_msg=tile.url)
        np.testing.assert_array_equal(tile.rgba, np.where(tile.rgba[3] == 0, 0, raster.rgba()), err_msg=tile.url)
        labels = max(labels, len(np.unique(raster.array)))
    assert labels > 3
    return view


def view_of(url: str) -> tuple[int, int, int, int, int]:
    found = re.search(r"view=(\d+)/(\d+)/(\d+)/(\d+)/(\d+)", url)
    assert found is not None
    z, west, north, east, south = (int(number) for number in found.groups())
    return z, west, north, east, south


def inside_its_view(url: str) -> bool:
    z, west, north, east, south = view_of(url)
    tile_z, x, y = (int(part) for part in url.split("?", maxsplit=1)[0].removesuffix(".png").split("/")[-3:])
    return tile_z == z and west <= x <= east and north <= y <= south


def test_a_server_that_is_killed_comes_back(new_page: Callable[..., Page], lab: Lab, scenes: Scenes) -> None:
    node = ndvi(scenes).colormap("magma", vmin=0.0, vmax=0.8).node
    with notebook(
        new_page(), lab, "killed", 'layer = m.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")\nm'
    ) as opened:
        opened.expect(r"status of 5\d\d .*/tiles/", r"ERR_.*/tiles/")
        opened.execute(
            "import os, signal, time\nfrom jeoview.session import Session\n"
            "os.kill(Session.current().pid, signal.SIGKILL); time.sleep(0.5)\n"
            'layer.image = ndvi.colormap("magma", vmin=0.0, vmax=0.8)'
        )
        opened.page.wait_for_timeout(500)
        opened.wait_for_tiles()
        assert_right(opened.tiles(), scenes, node)
        assert opened.message() == ""


def use_theme(opened: Notebook, theme: str) -> None:
    opened.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    opened.page.wait_for_timeout(500)


LAYERS = """
limit = jv.parameter("a_limit_with_a_rather_long_name", 0.2, min=0.0, max=0.8, step=0.02, unit="NDVI")
m.add(stack.median(), name="True colour")
m.add(ndvi.mask(ndvi > limit).colormap("YlGn", vmin=-12000.0, vmax=24000.0, unit="mm / year"),
      name="A layer with a name that is much longer than the room that there is for it")
for number in range(4):
    m.add(ndvi, name=f"Hidden {number}", visible=False)
m.add((ndvi > 0.4).colormap(classes={0.0: ("no vegetation at all", "#d9c7a0"), 1.0: ("vegetation", "#2c7a2c")}), name="Classes")
"""


def test_looks_empty_and_full_light_and_dark_wide_and_narrow(new_page: Callable[..., Page], lab: Lab) -> None:
    with notebook(new_page(), lab, "looks", "m") as opened:
        opened.page.wait_for_timeout(1500)
        assert broken_images(opened) == 0, "without internet the base map is a plain background"
        assert opened.message() == ""
        opened.screenshot("map-empty")
        opened.execute(LAYERS)
        for width, theme in ((1280, "JupyterLab Light"), (760, "JupyterLab Dark")):
            opened.page.set_viewport_size({"width": width, "height": 900})
            use_theme(opened, theme)
            opened.wait_for_tiles()
            opened.screenshot(f"map-layout-{width}")
            assert overflowing(opened) == []
            assert height(opened, ".jv-side") <= height(opened, ".leaflet-container")
        use_theme(opened, "JupyterLab Light")


def height(opened: Notebook, name: str) -> float:
    box = opened.page.locator(name).bounding_box()
    assert box is not None
    return float(box["height"])


def broken_images(opened: Notebook) -> int:
    found: int = opened.page.evaluate(
        """() => [...document.querySelectorAll('.leaflet-container img')]
                 .filter(e => e.complete && !e.naturalWidth && getComputedStyle(e).visibility !== 'hidden').length"""
    )
    return found


def overflowing(opened: Notebook) -> list[str]:
    """What is wider than the room that it has."""
    found: list[str] = opened.page.evaluate(
        """() => ['.jv-map', '.jv-side', '.jv-legend', '.jv-row', '.jp-OutputArea-output'].flatMap(name =>
             [...document.querySelectorAll(name)].filter(e => e.scrollWidth > e.clientWidth + 1)
             .map(e => `${name} ${e.scrollWidth} > ${e.clientWidth}`))"""
    )
    return found


def test_plain_address_works_too(
    new_page: Callable[..., Page], chrome: Any, scenes: Scenes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.browser.lab import running_lab

    folder = tmp_path_factory.mktemp("plain") / "notebooks"
    folder.mkdir()
    (folder / "stack.json").write_text(scenes.stack.chain)
    node = ndvi(scenes).colormap("RdYlGn", vmin=-0.2, vmax=0.9).node
    with (
        running_lab(folder, scenes.folder.parent, "/") as plain,
        notebook(
            new_page(), plain, "plain", 'm.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")\nm'
        ) as opened,
    ):
        assert_right(opened.tiles(), scenes, node)
        assert all("127.0.0.1" in tile.url and "/proxy/" in tile.url for tile in opened.tiles())
