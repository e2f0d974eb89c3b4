"""The notebook of complex images: products, filters and unwrapping at the sensor's pixels, shown on the map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jeoview import SlcCollection
from jeoview.demo import prepare_slc
from jeoview.raster import Array
from tests.browser import gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab, Notebook

NAME = "02-interferogram"


def test_the_notebook_is_stored_without_outputs_and_says_that_it_is_simulated() -> None:
    gallery.assert_clean_and_simulated(NAME)


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_an_interferogram_in_jupyterlab(new_page: Callable[..., Page], lab: Lab, home: Path) -> None:
    with gallery.home_of_kernels(home):
        prepare_slc(size="small", progress=False)
        slc = SlcCollection("demo-slc")
        days = slc.dates
        slc.image().ps_velocity(wavelength=slc.wavelength).to_numpy(zoom=12, progress=False)
    with gallery.run(new_page(1280, 1300), lab, NAME) as opened:
        maps = opened.page.locator(".jv-map")
        for number, name in enumerate(("interferogram", "interferogram-motion", "interferogram-scatterers")):
            maps.nth(number).scroll_into_view_if_needed()
            opened.wait_for_tiles()
            opened.screenshot(name)
        assert opened.message() == ""
        fringes, motion, points = (pixels(opened, name) for name in ("m", "motion", "scatterers"))
        assert len(np.unique(fringes[:, :3] // 32, axis=0)) > 20, "fringes have many colours"
        # The middle of the town is red: it has sunk; what is not coherent, and between the dots, the map is clear.
        for sunk in (motion, points):
            assert (sunk[:, 0].astype(int) - sunk[:, 2])[sunk[:, 3] > 0].max() > 100
        assert all(0.1 < (one[:, 3] > 0).mean() < 0.9 for one in (fringes, motion, points))
        box = maps.nth(2).locator(".leaflet-container").bounding_box()
        assert box is not None
        opened.page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
        matrix = opened.page.locator(".jv-inspector", has_text="Coherence matrix at")
        matrix.locator("svg").wait_for(timeout=60_000)
        assert all(day in matrix.locator("svg").inner_html() for day in days)
        matrix.scroll_into_view_if_needed()
        opened.screenshot("coherence-matrix")


def pixels(opened: Notebook, name: str) -> Array:
    """Red, green, blue and alpha of the pixels of the uppermost layer of a map."""
    key = opened.execute(f"print({name}.layers[-1].key)").strip()
    return np.concatenate([tile.rgba.reshape(4, -1).T for tile in opened.tiles() if tile.key == key])
