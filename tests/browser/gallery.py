"""The notebooks of the gallery: how they are stored, and how a user runs one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jeoview import InterferogramCollection
from jeoview.demo import prepare_insar
from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab, Notebook


def path_of(name: str) -> Path:
    """The file of a notebook."""
    return ROOT / "notebooks" / f"{name}.ipynb"


def assert_clean_and_simulated(name: str) -> None:
    """It is stored without outputs, and says in its first cell that its data are simulated."""
    cells = json.loads(path_of(name).read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert "simulated" in "".join(cells[0]["source"])


@contextmanager
def home_of_kernels(home: Path) -> Iterator[None]:
    """What is prepared here is found by the notebooks, and what is compiled here keeps no tile waiting there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEOVIEW_HOME", str(home))
        yield


def prepare_stack(home: Path, track: str) -> None:
    """The small simulated interferograms; in a fresh checkout their inversion is compiled here."""
    with home_of_kernels(home):
        prepare_insar(size="small", progress=False)
        stack = InterferogramCollection(f"demo-insar-{track}").reference(lon=-105.0, lat=21.6)
        for image in (stack.invert(weight="coherence").velocity(model="annual"), stack.quality(weight="coherence")):
            image.to_numpy(zoom=8, progress=False)


@contextmanager
def run(page: Page, lab: Lab, name: str) -> Iterator[Notebook]:
    """All cells of a notebook run without an error, and the tiles of its first map are there."""
    from tests.browser.lab import Notebook

    with Notebook.open(page, lab, name, path_of(name)) as opened:
        opened.run_all()
        assert opened.errors() == []
        opened.page.locator(".jv-map").first.scroll_into_view_if_needed()
        opened.wait_for_tiles()
        yield opened
