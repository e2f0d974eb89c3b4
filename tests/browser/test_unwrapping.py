"""The fringes of the earthquake of Al Haouz: our own first look at once, snaphu's solution as soon as it is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab, Notebook

LINES = """\
import jeoview as jv
folder = {folder!r}
phi = jv.open(folder + "/phi_vv.tif", wrapped=True)
coh = jv.open(folder + "/coh_vv.tif")
def unwrapped(**how):
    return phi.unwrap(coh, region=phi.bbox, zoom={zoom}, **how)["unwrapped"].colormap("viridis", vmin=-6, vmax=6)
m = jv.Map()
m.add(unwrapped(), name="First look")
m"""


@pytest.mark.browser
@pytest.mark.timeout(300)
@pytest.mark.skipif(find_spec("snaphu") is None, reason="snaphu is not installed: pip install snaphu")
def test_snaphu_takes_the_place_of_the_first_look(data_dir: Path, new_page: Callable[..., Page], lab: Lab) -> None:
    from tests.browser.lab import Notebook

    folder = data_dir / "eo-tools-morocco-ifg"
    if not folder.is_dir():
        pytest.skip("no eo-tools-morocco-ifg among the real data")
    cells = [LINES.format(folder=str(folder), zoom=13)]
    with Notebook.open(new_page(1280, 900), lab, "unwrapping", cells) as opened:
        opened.expect("503")
        opened.run_all()
        assert opened.errors() == []
        look, working = coloured(opened), opened.page.locator(".jv-advice", has_text="snaphu")
        opened.screenshot("unwrapping-first-look")
        opened.execute('layer = m.add(unwrapped(method="snaphu"), name="snaphu")')
        working.wait_for(timeout=30_000)
        assert re.search("unwrap of 60[0-9] x 58[0-9] pixels: at work for", working.inner_text())
        opened.screenshot("unwrapping-at-work")
        assert look <= {tile.key for tile in opened.tiles() if tile.rgba[3].any()}, "the first look stays meanwhile"
        working.wait_for(state="detached", timeout=120_000)
        both = coloured(opened, besides=look)
        opened.screenshot("unwrapping-snaphu")
        assert len(both) == 1


def coloured(opened: Notebook, besides: set[str] | None = None) -> set[str]:
    """Keys of the layers whose tiles have pixels, once there is one besides those."""
    for _ in range(240):
        opened.page.wait_for_timeout(500)
        found = {tile.key for tile in opened.tiles() if (tile.rgba[3] > 0).mean() > 0.05} - (besides or set())
        if found:
            opened.wait_for_tiles()
            return found
    raise TimeoutError(opened.message())
