"""One JupyterLab under a user's base URL and one browser for all browser tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jeoview.grid import tile_grid
from jeoview.region import region_grid
from tests.browser.scenes import Scenes, make_scenes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.browser.lab import Lab

WIDTH, HEIGHT = 1280, 900


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``JEOVIEW_HOME`` of the kernels and of the tile server."""
    return tmp_path_factory.mktemp("browser") / "home"


@pytest.fixture(scope="session")
def scenes(home: Path) -> Scenes:
    """The data, and the engine that says what is right."""
    made = make_scenes(home)
    # In a fresh checkout the kernels are compiled by whoever renders first: not by a test that waits for a tile.
    ndvi = made.stack.median().ndvi().colormap("RdYlGn", vmin=-0.2, vmax=0.9)
    made.engine.render(ndvi.node, tile_grid(2, 2, 1))
    made.engine.render(ndvi.node, region_grid(made.stack.bbox or (0, 0, 1, 1), zoom=11))
    return made


@pytest.fixture(scope="session")
def lab(chrome: Browser, scenes: Scenes, home: Path) -> Iterator[Lab]:
    """JupyterLab as a hub runs it: under the address of a user."""
    from tests.browser.lab import running_lab

    folder = home.parent / "notebooks"
    folder.mkdir()
    (folder / "stack.json").write_text(scenes.stack.chain)
    with running_lab(folder, home, "/user/name/") as running:
        yield running


@pytest.fixture(scope="session")
def profile(chrome: Browser) -> Iterator[BrowserContext]:
    """One cache for all pages: JupyterLab's scripts are fetched and compiled once."""
    context = chrome.new_context()
    yield context
    context.close()


@pytest.fixture
def new_page(profile: BrowserContext) -> Callable[..., Page]:
    """Opens a page of a given size."""

    def make(width: int = WIDTH, height: int = HEIGHT) -> Page:
        page = profile.new_page()
        page.set_viewport_size({"width": width, "height": height})
        return page

    return make
