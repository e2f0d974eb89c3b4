"""The velocity notebook: live inversion in JupyterLab, a slider, and a click that shows the series."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab, Notebook

NAME = "03-velocity"

# What a scroll bar would stand under.
_TOO_WIDE = """() => [...document.querySelectorAll('.jv-network, .jv-network *')].filter(one => one.scrollWidth > one.clientWidth
  && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX)).map(one => one.className)"""


def test_the_notebook_is_stored_without_outputs_and_says_that_it_is_simulated() -> None:
    gallery.assert_clean_and_simulated(NAME)


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_velocity_in_jupyterlab(new_page: Callable[..., Page], lab: Lab, home: Path) -> None:
    gallery.prepare_stack(home, "asc")
    with gallery.run(new_page(1280, 1200), lab, NAME) as opened:
        _look_at_the_network(opened)
        shown = opened.page.locator(".jv-map")
        shown.scroll_into_view_if_needed()
        opened.wait_for_tiles()
        assert any(tile.rgba[3].any() for tile in opened.tiles())
        box = opened.page.locator(".jv-map .leaflet-container").bounding_box()
        assert box is not None
        opened.page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.45)
        opened.page.locator(".jv-inspector svg").wait_for(timeout=60_000)
        opened.screenshot("velocity")
        chart = opened.page.locator(".jv-inspector svg").inner_html()
        assert "mm/yr" in chart
        _choose_a_reference(opened, box, chart)
        _drop_a_pair(opened)


def _choose_a_reference(opened: Notebook, box: Any, chart: str) -> None:
    """Another place by the button and a click: tiles, series, mark and words follow; outside of the stack nothing does."""
    page, said = opened.page, opened.page.locator(".jv-place")
    former, keys, mark = said.inner_text(), {tile.key for tile in opened.tiles()}, page.locator(".jv-reference")
    square = mark.bounding_box()
    page.get_by_role("button", name="Choose reference").click()
    opened.record()
    page.mouse.click(box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.6)
    _wait_for_place(page, former)
    page.wait_for_function("old => document.querySelector('.jv-inspector svg')?.innerHTML !== old", arg=chart)
    opened.wait_for_tiles()
    assert keys.isdisjoint(tile.key for tile in opened.tiles())
    assert all(any(layer["shown"] for layer in frame) for frame in opened.frames()), "the map was empty for a while"
    assert mark.bounding_box() != square
    opened.screenshot("velocity-reference")
    square, former = mark.bounding_box(), said.inner_text()
    assert square is not None
    page.mouse.move(square["x"] + 8, square["y"] + 8)
    page.mouse.down()
    page.mouse.move(square["x"] + 20, square["y"] - 40, steps=5)
    page.mouse.up()
    _wait_for_place(page, former)
    chosen = said.inner_text()
    page.mouse.click(box["x"] + 12, box["y"] + box["height"] - 60)
    page.locator(".jv-message", has_text="outside the stack").wait_for(timeout=60_000)
    assert said.inner_text() == chosen


def _look_at_the_network(opened: Notebook) -> None:
    """All pairs are drawn, what is pointed at is named, and the worst loop marks its pairs."""
    page = opened.page
    page.locator(".jv-net-limits .jv-label", has_text="Coherence").wait_for(timeout=60_000)
    pairs = int(opened.execute("print(len(stack))"))
    assert page.locator("polyline.jv-net-kept").count() == pairs
    assert page.locator(".jv-net-said b").inner_text() == f"{pairs} of {pairs} pairs"
    page.get_by_role("tab", name="Coherence matrix").click()
    page.locator(".jv-net-stage rect[data-pair]").first.wait_for()
    assert page.locator(".jv-net-stage rect[data-pair]").count() == 2 * pairs
    page.get_by_role("tab", name="RMS").click()
    page.locator(".jv-net-limit").first.wait_for(state="attached")
    page.get_by_role("tab", name="Worst loops").click()
    page.locator(".jv-net-table tbody tr").first.click()
    page.locator(".jv-net-mark").first.wait_for(state="attached")
    worst = json.loads(opened.execute("import json; print(json.dumps(stack.loops(progress=False)['pairs'][0]))"))
    assert opened.execute("print(sorted(network._chart.marked))").strip() == str(sorted(worst))
    opened.screenshot("network-loops")
    assert page.evaluate(_TOO_WIDE) == []
    page.get_by_role("tab", name="Network").click()
    page.locator(".jv-net-table").wait_for(state="detached")
    assert page.locator(".jv-net-mark").count() == 0


def _drop_a_pair(opened: Notebook) -> None:
    """A click on a pair drops it, and the layer of the map is another one; a second click takes it back."""
    page, said = opened.page, opened.page.locator(".jv-net-said b")
    opened.execute("point.wait(60)")
    opened.wait_for_tiles()
    keys = {tile.key for tile in opened.tiles()}
    line = page.locator("polyline.jv-net-kept").first
    line.scroll_into_view_if_needed()
    name, before = line.get_attribute("data-pair"), said.inner_text()
    _point_at(page, line)
    words = page.locator(".jv-net-tip").inner_text()
    assert name is not None
    assert words.startswith(f"{name[:4]}-{name[4:6]}-{name[6:8]} \u2192 {name[9:13]}")
    assert all(word in words for word in ("days", "perpendicular baseline", "coherence", "unwrapped"))
    page.mouse.down()
    page.mouse.up()
    page.locator(f"polyline.jv-net-dropped[data-pair='{name}']").wait_for(state="attached")
    _wait_for_text(page, ".jv-net-said b", before)
    pairs = int(before.split()[-2])
    assert said.inner_text() == f"{pairs - 1} of {pairs} pairs"
    assert opened.execute("print(network.options)").strip() == str({"drop": [name]})
    opened.screenshot("network-dropped")
    opened.execute("network.wait(60); point.wait(60)")
    opened.wait_for_tiles()
    fewer = {tile.key for tile in opened.tiles()}
    assert fewer.isdisjoint(keys)
    assert int(opened.execute("print(len(point.stack))")) == pairs - 1
    assert any(tile.rgba[3].any() for tile in opened.tiles())
    page.mouse.down()
    page.mouse.up()
    _wait_for_text(page, ".jv-net-said b", f"{pairs - 1} of {pairs} pairs")
    opened.execute("network.wait(60); point.wait(60)")
    opened.wait_for_tiles()
    assert {tile.key for tile in opened.tiles()} == keys


def _point_at(page: Page, line: Any) -> None:
    """Move the mouse to where a line lies alone: a third of its way."""
    box = page.locator(".jv-net-svg").bounding_box()
    points = [[float(value) for value in point.split(",")] for point in line.get_attribute("points").split()]
    assert box is not None
    x, y = (one + (other - one) / 3 for one, other in zip(points[0], points[-1], strict=True))
    page.mouse.move(box["x"] + x, box["y"] + y)


def _wait_for_text(page: Page, place: str, former: str) -> None:
    page.wait_for_function(
        "([place, former]) => document.querySelector(place)?.innerText !== former", arg=[place, former], timeout=60_000
    )


def _wait_for_place(page: Page, former: str) -> None:
    page.wait_for_function(
        "former => { const text = document.querySelector('.jv-place').innerText;"
        " return text !== former && text.includes('have data there'); }",
        arg=former,
        timeout=60_000,
    )
