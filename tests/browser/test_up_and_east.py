"""The notebook of two tracks: both stacks inverted and put together for the tiles in view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browser import gallery

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab

NAME = "04-up-and-east"


def test_the_notebook_is_stored_without_outputs_and_says_that_it_is_simulated() -> None:
    gallery.assert_clean_and_simulated(NAME)


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_up_and_east_in_jupyterlab(new_page: Callable[..., Page], lab: Lab, home: Path) -> None:
    gallery.prepare_stack(home, "desc")
    with gallery.run(new_page(1280, 1300), lab, NAME) as opened:
        opened.screenshot("up-and-east")
        shown = [tile.rgba for tile in opened.tiles() if tile.rgba[3].any()]
        assert shown
        reds, blues = (np.concatenate([rgba[band][rgba[3] > 0] for rgba in shown]).astype(int) for band in (0, 2))
        # The basin sinks (red), the volcano rises (blue).
        assert (reds - blues).max() > 80
        assert (blues - reds).max() > 80
        assert opened.page.locator(".jv-legend .jv-more").inner_text().endswith("and 3 more")
        assert opened.page.locator(".jv-advice").count() == 1, "all four layers get the same advice: it is said once"
