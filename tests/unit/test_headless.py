"""The first notebook without a browser: its map's tiles come from the tile server, composed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import rasterio
from PIL import Image as Pillow

from jeoview.chain import decode
from jeoview.demo import headless
from jeoview.engine import Engine
from jeoview.errors import JeoviewError, ParameterError
from jeoview.projection import WGS84, transform_bounds
from jeoview.region import region_grid
from jeoview.session import Session
from jeoview.widgets.view import fit
from tests.unit.export_world import Scene, numbers

ROOT = Path(__file__).resolve().parents[2]
SCENE = Scene("a", "2023-05-01T10:00:00Z", numbers(1, 400, 600))
FIRST = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import os
from pathlib import Path
from tests.unit.export_world import Scene, World, numbers
from jeoview.widgets import Map
world = World(Path(os.environ["JEOVIEW_HOME"]), [Scene("a", "2023-05-01T10:00:00Z", numbers(1, 400, 600))])
ndvi = world.image().median().ndvi()
"""
SHOW = """
m = Map(basemap="none")
m.add(ndvi.colormap("RdYlGn", vmin=-1, vmax=1), name="NDVI")
m
"""


def notebook(folder: Path, *cells: str) -> Path:
    new: Any = nbformat.v4
    document = new.new_notebook(cells=[new.new_code_cell(cell) for cell in cells])
    path = folder / "first.ipynb"
    nbformat.write(document, path)  # type: ignore[no-untyped-call]
    return path


@pytest.mark.slow
def test_tiles_of_the_map_are_composed(jeoview_home: Path, tmp_path: Path) -> None:
    path = notebook(tmp_path, FIRST, SHOW)
    before = path.read_bytes()
    headless.run(path, tmp_path / "out")
    assert path.read_bytes() == before
    assert sorted(found.name for found in (tmp_path / "out").iterdir()) == ["chain.json", "ndvi.png", "ndvi.tif"]

    image = decode((tmp_path / "out" / "chain.json").read_text())
    assert image.operator == "colormap"
    # The scene is in view, whole, and what lies around it is cut off.
    scene = transform_bounds(SCENE.crs, WGS84, SCENE.bounds)
    grid = region_grid(scene, zoom=fit(scene).zoom)
    expected = Engine.default().render(image, grid).rgba()
    with Pillow.open(tmp_path / "out" / "ndvi.png") as picture:
        framed = np.asarray(picture)
    # The title stands above, the legend below.
    assert framed.shape[0] > 32 + grid.height + 40
    assert (framed[:32] < 128).any(axis=2).any()
    assert len(np.unique(framed[32 + grid.height :, :, 0])) > 50
    found = framed[32 : 32 + grid.height, : grid.width].transpose(2, 0, 1)
    np.testing.assert_array_equal(found[3], expected[3])
    np.testing.assert_array_equal(found[:, expected[3] > 0], expected[:, expected[3] > 0])
    assert (expected[3] > 0).mean() > 0.8
    with rasterio.open(tmp_path / "out" / "ndvi.tif") as file:
        assert file.shape == grid.shape
        assert file.crs == rasterio.CRS.from_epsg(3857)
        assert json.loads(file.tags()["JEOVIEW_CHAIN"])["result"] == image.children[0].key
        np.testing.assert_array_equal(np.isnan(file.read(1)), expected[3] == 0)


@pytest.mark.slow
def test_failing_cell_is_told(jeoview_home: Path, tmp_path: Path) -> None:
    with pytest.raises(JeoviewError, match=r"a cell of first\.ipynb failed: ZeroDivisionError: division by zero"):
        headless.run(notebook(tmp_path, "1 / 0"), tmp_path / "out")
    with pytest.raises(JeoviewError, match=r"no variable that holds a jeoview\.Map"):
        headless.run(notebook(tmp_path, "x = 1"), tmp_path / "out")


def test_missing_notebook_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    with pytest.raises(ParameterError, match=r"no notebook 'no\.ipynb'"):
        headless.run(tmp_path / "no.ipynb", tmp_path)
    monkeypatch.setattr(headless, "prepare", lambda: None)
    assert headless.main(["--notebook", str(tmp_path / "no.ipynb"), "--output", str(tmp_path / "out")]) == 1
    assert "no notebook" in capsys.readouterr().err


@pytest.mark.slow
def test_error_of_a_tile_is_the_servers(jeoview_home: Path, tmp_path: Path) -> None:
    session = Session.current()
    try:
        with pytest.raises(JeoviewError, match="no chain under the key"):
            headless.fetch(session, session.tile_path("0" * 64).format(z=1, x=0, y=0))
    finally:
        session.close()
