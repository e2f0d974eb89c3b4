"""A map that moves on, or is emptied, while its tiles are still on their way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jeoview.settings import Settings
from tests.browser.scenes import Scenes
from tests.browser.test_map import START, assert_right, broken_images, ndvi
from tests.faults.conftest import Faults
from tests.faults.engine import FOLDER
from tests.service.support import TOKEN, Server, start_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab, Notebook

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

LAYER = 'layer = m.add(ndvi.colormap("RdYlGn", vmin=-0.2, vmax=0.9), name="NDVI")\nm'
BUSY = "() => document.querySelector('.leaflet-widgets').classList.contains('jv-busy')"


@dataclass(frozen=True)
class Slow:
    """A tile server whose one worker waits with every tile until it is told to go on."""

    server: Server
    faults: Faults

    @property
    def cell(self) -> str:
        """Has the notebook's map ask this server."""
        return (
            "from jeoview.session import Session\nfrom jeoview.session.address import Address\n"
            "from jeoview.settings import settings\n"
            f'session = Session(Address({self.server.port}, "{TOKEN}"), settings())\n'
            "m = jv.Map(height=480, session=session)"
        )


@pytest.fixture
def slow(scenes: Scenes, home: Path, tmp_path: Path) -> Iterator[Slow]:
    """The server; ended with the test."""
    faults = Faults(tmp_path)
    (tmp_path / "all").write_text("always hold")
    current = Settings(home, f"sqlite:///{home / 'store.sqlite'}", home / "catalog.sqlite")
    options = ["--workers", "1", "--engine", "tests.faults.engine:faulty"]
    server = start_server(current, tmp_path, *options, variables={FOLDER: str(tmp_path)})
    try:
        server.wait_ready()
        yield Slow(server, faults)
    finally:
        server.stop()


@contextmanager
def loading(page: Page, lab: Lab, name: str, slow: Slow) -> Iterator[Notebook]:
    """A notebook whose map waits for its tiles."""
    from tests.browser.lab import Notebook

    with Notebook.open(page, lab, name, [START, slow.cell, LAYER]) as opened:
        opened.run_all()
        assert opened.errors() == []
        opened.page.wait_for_function("() => document.querySelectorAll('.jv-tiles img').length > 3")
        opened.page.wait_for_function(BUSY)
        yield opened


def pan(opened: Notebook, across: int) -> None:
    """Drag the map and wait until it has told the server what it sees."""
    leaflet = opened.page.locator(".leaflet-container").bounding_box()
    assert leaflet is not None
    x, y = leaflet["x"] + leaflet["width"] / 2, leaflet["y"] + leaflet["height"] / 2
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + across, y, steps=8)
    opened.page.wait_for_timeout(300)
    opened.page.mouse.up()
    opened.page.wait_for_timeout(1500)


def test_tiles_that_were_dropped_come_when_the_map_comes_back(
    new_page: Callable[..., Page], lab: Lab, scenes: Scenes, slow: Slow
) -> None:
    node = ndvi(scenes).colormap("RdYlGn", vmin=-0.2, vmax=0.9).node
    with loading(new_page(), lab, "moving", slow) as opened:
        pan(opened, -400)
        assert slow.server.metric("jeoview_tiles_dropped_total") > 0
        opened.screenshot("moving-away")
        pan(opened, 400)
        opened.screenshot("moving-back")
        slow.faults.release()
        opened.wait_for_tiles()
        opened.screenshot("moving-done")
        assert_right(opened.tiles(), scenes, node)
        assert broken_images(opened) == 0
        assert opened.message() == ""


def test_the_bar_stops_when_the_map_is_emptied(new_page: Callable[..., Page], lab: Lab, slow: Slow) -> None:
    with loading(new_page(), lab, "emptied", slow) as opened:
        opened.screenshot("emptied-before")
        opened.execute("m.clear()")
        opened.page.wait_for_function(f"() => !({BUSY})()", timeout=10_000)
        opened.page.wait_for_timeout(1000)
        assert not opened.page.evaluate(BUSY)
        assert opened.page.locator(".jv-tiles img").count() == 0
        assert "No layer yet" in opened.page.locator(".jv-side").inner_text()
        assert opened.message() == ""
        opened.screenshot("emptied-after")
        # A layer that is added afterwards is as busy as the first one was, and comes.
        slow.faults.release()
        opened.execute('m.add(ndvi.colormap("magma", vmin=0.0, vmax=0.8), name="Later")')
        opened.page.wait_for_function("() => document.querySelectorAll('.jv-tiles img').length > 3")
        opened.wait_for_tiles()
        assert any(tile.rgba[3].any() for tile in opened.tiles())
