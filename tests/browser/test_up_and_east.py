"""The notebook of two tracks: both stacks inverted and put together for the tiles in view."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jeoview import InterferogramCollection
from jeoview.demo import prepare_insar
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab

NOTEBOOK = ROOT / "notebooks" / "04-up-and-east.ipynb"


def test_the_notebook_is_stored_without_outputs_and_says_that_it_is_simulated() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert "simulated" in "".join(cells[0]["source"])


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_up_and_east_in_jupyterlab(new_page: Callable[..., Page], lab: Lab, home: Path) -> None:
    from tests.browser.lab import Notebook

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEOVIEW_HOME", str(home))
        prepare_insar(size="small", progress=False)
        # In a fresh checkout the inversion is compiled here, not while a tile is waited for.
        stack = InterferogramCollection("demo-insar-desc").reference(lon=-105.0, lat=21.6)
        for image in (stack.invert(weight="coherence").velocity(model="annual"), stack.quality(weight="coherence")):
            image.to_numpy(zoom=8, progress=False)
    with Notebook.open(new_page(1280, 1300), lab, "04-up-and-east", NOTEBOOK) as opened:
        opened.run_all()
        assert opened.errors() == []
        opened.page.locator(".jv-map").scroll_into_view_if_needed()
        opened.wait_for_tiles()
        opened.screenshot("up-and-east")
        shown = [tile.rgba for tile in opened.tiles() if tile.rgba[3].any()]
        assert shown
        reds, blues = (np.concatenate([rgba[band][rgba[3] > 0] for rgba in shown]).astype(int) for band in (0, 2))
        # The basin sinks (red), the volcano rises (blue).
        assert (reds - blues).max() > 80
        assert (blues - reds).max() > 80
