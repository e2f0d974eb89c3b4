"""The notebook of complex images: products, filters and unwrapping at the sensor's pixels, shown on the map."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jeoview import SlcCollection
from jeoview.demo import prepare_slc
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab

NOTEBOOK = ROOT / "notebooks" / "02-interferogram.ipynb"


def test_the_notebook_is_stored_without_outputs_and_says_that_it_is_simulated() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert "simulated" in "".join(cells[0]["source"])


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_an_interferogram_in_jupyterlab(new_page: Callable[..., Page], lab: Lab, home: Path) -> None:
    from tests.browser.lab import Notebook

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEOVIEW_HOME", str(home))
        prepare_slc(size="small", progress=False)
        # In a fresh checkout the kernels are compiled here, not while a tile is waited for.
        slc = SlcCollection("demo-slc")
        days = slc.dates
        slc.image().ps_velocity(wavelength=slc.wavelength).to_numpy(zoom=12, progress=False)
    with Notebook.open(new_page(1280, 1300), lab, "02-interferogram", NOTEBOOK) as opened:
        opened.run_all()
        assert opened.errors() == []
        opened.page.locator(".jv-map").scroll_into_view_if_needed()
        opened.wait_for_tiles()
        opened.screenshot("interferogram")
        shown = [tile.rgba for tile in opened.tiles() if tile.rgba[3].any()]
        assert shown
        colours = np.concatenate([rgba[:3, rgba[3] > 0].T for rgba in shown])
        assert len(np.unique(colours // 32, axis=0)) > 20, "fringes have many colours"
        box = opened.page.locator(".jv-map .leaflet-container").bounding_box()
        assert box is not None
        opened.page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
        matrix = opened.page.locator(".jv-inspector", has_text="Coherence matrix at")
        matrix.locator("svg").wait_for(timeout=60_000)
        assert all(day in matrix.locator("svg").inner_html() for day in days)
        matrix.scroll_into_view_if_needed()
        opened.screenshot("coherence-matrix")
