"""Where two tiles meet no line is seen: while the map zooms, and on screens with more pixels than the page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Picture

from tests.browser.test_map import notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.lab import Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

# Two plain layers: what lies between the hole and the edges of the scenes has one value.
CELL = """
west, south, east, north = stack.bbox
m = jv.Map(center=((south + north) / 2, (west + east) / 2), zoom=14, basemap="none", height=480)
m.add((ndvi * 0).colormap(classes={0.0: ("all", "#204060")}), name="Below")
m.add((ndvi * 0).colormap(classes={0.0: ("all", "#c06020")}), name="Above", opacity=0.5)
m
"""
EXPECTED = np.array([0x70, 0x50, 0x40])

ONE_OVER_THE_OTHER = ".jv-map .jv-tiles img.leaflet-tile { mix-blend-mode: normal !important; }"

# All tiles of the lower layer, without the two pixels that are cut at its outer edges, clear of the controls.
AREA = """() => {
  const boxes = [...document.querySelector('.jv-tiles').querySelectorAll('img.leaflet-tile-loaded')]
    .map(image => image.getBoundingClientRect());
  const map = document.querySelector('.leaflet-container').getBoundingClientRect();
  return [Math.max(map.left + 60, 2 + Math.min(...boxes.map(box => box.left))),
          Math.max(map.top + 90, 2 + Math.min(...boxes.map(box => box.top))),
          Math.min(map.right - 260, Math.max(...boxes.map(box => box.right)) - 2),
          Math.min(map.bottom - 60, Math.max(...boxes.map(box => box.bottom)) - 2), boxes.length];
}"""


@pytest.mark.parametrize("scale", [1.25, 1.5])
def test_tiles_meet_without_lines(chrome: Browser, lab: Lab, scale: float) -> None:
    context = chrome.new_context(viewport={"width": 1280, "height": 900}, device_scale_factor=scale)
    page = context.new_page()
    with notebook(page, lab, f"borders-{scale:g}", CELL) as opened:
        # No tile of the next zoom comes: those of the last one stay, at half their size.
        page.route("**/tiles/**", lambda _: None)
        page.locator(".leaflet-control-zoom-out").click()
        page.wait_for_timeout(800)
        ours = lines(opened, scale)
        page.add_style_tag(content=ONE_OVER_THE_OTHER)
        page.wait_for_timeout(300)
        plain = lines(opened, scale)
        page.unroute_all(behavior="ignoreErrors")
    context.close()
    assert plain > 1, "this place shows no lines whatever the style: it says nothing"
    assert ours == 0


def lines(opened: Notebook, scale: float) -> int:
    """How many columns between tiles have not the colour of both layers.

    Columns alone: the compositor of a headless Chromium, which has no GPU, draws a row here and there whatever a page says.
    """
    *edges, tiles = opened.page.evaluate(AREA)
    assert tiles >= 6
    left, top, right, bottom = (round(edge * scale) for edge in edges)
    picture = np.asarray(Picture.open(io.BytesIO(opened.page.screenshot())).convert("RGB")).astype(int)
    shown = picture[top:bottom, left:right]
    assert shown.shape[0] * shown.shape[1] > 50_000
    off = np.abs(shown - EXPECTED).max(axis=2) > 2
    assert off.mean() < 0.05, "layers above each other have another colour than theirs"
    return int((off.mean(axis=0) > 0.5).sum())
