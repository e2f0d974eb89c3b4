"""The first notebook, as a user runs it: in JupyterLab, and without a browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from jeoview.catalog import Catalog
from jeoview.demo import prepare
from jeoview.engine import Engine
from jeoview.grid import tile_grid
from jeoview.settings import Settings
from jeoview.store import open_store
from tests.browser import gallery
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab

NAME = "01-first-map"


@pytest.fixture(scope="session")
def demo(home: Path) -> Path:
    """The small demo collections in the home of the kernels."""
    with gallery.home_of_kernels(home):
        return prepare(size="small", progress=False)


def test_the_notebook_is_stored_without_outputs_and_says_that_it_is_simulated() -> None:
    gallery.assert_clean_and_simulated(NAME)


@pytest.mark.timeout(300)
def test_the_notebook_runs_without_a_browser(home: Path, demo: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    document = nbformat.read(gallery.path_of(NAME), as_version=4)
    environment = {**os.environ, "JEOVIEW_HOME": str(home), "PYTHONPATH": str(ROOT)}
    client = nbclient.NotebookClient(document, timeout=200, resources={"metadata": {"path": str(tmp_path)}})
    client.execute(env=environment)
    written = {path.name for path in (tmp_path / "demo-output").iterdir()}
    assert written == {"ndvi.tif", "burnt.png", "year.gif"}
    assert document.cells[-1].outputs[0].data["text/plain"] == "True"


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_the_notebook_runs_in_jupyterlab(new_page: Callable[..., Page], lab: Lab, home: Path, demo: Path) -> None:
    settings = Settings(home, f"sqlite:///{home / 'store.sqlite'}", home / "catalog.sqlite")
    engine = Engine(Catalog(settings.catalog), open_store(settings.store), settings)
    with gallery.run(new_page(1280, 1200), lab, NAME) as opened:
        for number, name in enumerate(("notebook-map", "notebook-fire")):
            opened.page.locator(".jv-map").nth(number).scroll_into_view_if_needed()
            opened.wait_for_tiles()
            opened.screenshot(name)
        tiles = [tile for tile in opened.tiles() if tile.rgba[3].any()]
        assert len({tile.key for tile in tiles}) >= 4
        for tile in tiles[::5]:
            raster = engine.render(engine.load(tile.key), tile_grid(*tile.zxy))
            expected = raster.rgba()
            np.testing.assert_array_equal(tile.rgba, np.where(expected[3] == 0, 0, expected), err_msg=tile.url)
        assert opened.page.locator(".jv-message").count() == 0
