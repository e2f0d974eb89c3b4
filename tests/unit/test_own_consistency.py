"""Spatio-temporal consistency on the pixels of the files at every zoom, and a report that counts these pixels."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from jeoview import warp
from jeoview.catalog.pixels import grids_of, union
from jeoview.collection import InterferogramCollection, noise, windows
from jeoview.collection.frozen import user_catalog
from jeoview.collection.windows import Windows
from jeoview.engine import Engine
from jeoview.errors import CancelledByUser
from jeoview.grid import Grid, Lattice, tile_grid, web_mercator
from jeoview.image import Image
from jeoview.projection import WGS84
from jeoview.region import is_finer, region_grid, under

BOX = (-99.2, 19.42, -99.17, 19.45)


@pytest.fixture
def mexico(data_dir: Path, jeoview_home: Path) -> InterferogramCollection:
    stack = InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")
    return stack.reference(lon=-99.18, lat=19.44)


@pytest.fixture
def own(mexico: InterferogramCollection) -> Grid:
    found = union(grids_of(mexico.items))
    assert found is not None
    return found


def pixels(image: Image, grid: Grid) -> NDArray[np.float32]:
    return np.asarray(Engine.default().render(image.node, grid).array)


def licsbas(displacement: NDArray[np.float32]) -> NDArray[np.float64]:
    """The definition, date by date and neighbour by neighbour: mm."""
    steps = np.diff(displacement.astype(np.float64), axis=0)
    around = np.pad(steps, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    height, width = steps.shape[1:]
    places = [(v, u) for v in range(3) for u in range(3) if (v, u) != (1, 1)]
    near = [around[:, v : v + height, u : u + width] for v, u in places]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        squares = [np.nanmean((steps - other) ** 2, axis=0) for other in near]
        return np.asarray(1000 * np.sqrt(np.nanmin(squares, axis=0)))


def test_the_files_pixels_have_the_value_of_the_definition(mexico: InterferogramCollection, own: Grid) -> None:
    found = pixels(mexico.noise_indices()["stc"], own)[0]
    expected = licsbas(pixels(mexico.invert(), own)[:, 0])
    assert np.isfinite(expected).mean() > 0.5
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("zoom", [11, 12, 13, 15])
def test_a_finer_zoom_shows_the_value_of_the_files_pixel(mexico: InterferogramCollection, own: Grid, zoom: int) -> None:
    stc = mexico.noise_indices()["stc"]
    grid = region_grid(BOX if zoom < 15 else (-99.188, 19.432, -99.182, 19.438), zoom=zoom)
    shown = pixels(stc, grid)
    np.testing.assert_array_equal(shown, warp.resample(pixels(stc, own), own, grid, "nearest"))
    assert np.nanmin(shown) > 0
    random = np.random.default_rng(zoom)
    for _ in range(4):
        height, width = random.integers(1, np.array(grid.shape) + 1)
        down, right = random.integers(0, grid.height - height + 1), random.integers(0, grid.width - width + 1)
        part = Grid(grid.lattice, grid.row + int(down), grid.col + int(right), int(height), int(width))
        np.testing.assert_array_equal(pixels(stc, part), shown[:, *grid.window_of(part)])


def test_larger_pixels_of_the_map_are_their_own_neighbours(mexico: InterferogramCollection) -> None:
    grid = region_grid(BOX, zoom=9)
    expected = licsbas(pixels(mexico.invert(), grid.pad(1))[:, 0])[1:-1, 1:-1]
    np.testing.assert_allclose(pixels(mexico.noise_indices()["stc"], grid)[0], expected, rtol=1e-5)


def test_there_is_nothing_far_away(mexico: InterferogramCollection) -> None:
    assert np.isnan(pixels(mexico.noise_indices()["stc"], tile_grid(13, 0, 0))).all()


def test_windows_under_a_grid() -> None:
    whole = Grid(Lattice("EPSG:32633", (100.0, 100.0), 400_000.0, 5_000_000.0), 0, 0, 500, 400)
    assert is_finer(web_mercator(12), whole)
    assert not is_finer(web_mercator(9), whole)
    assert not is_finer(whole.lattice, whole)
    assert is_finer(Lattice(WGS84, (0.01, 0.0005), 0.0, 0.0), whole), "down alone"
    west, south, east, north = whole.bbox
    middle = ((west + east) / 2, (south + north) / 2)
    near = under(region_grid((*middle, middle[0] + 0.01, middle[1] + 0.01), zoom=12), whole)
    assert whole.contains(near)
    assert 10 < near.height < 20
    assert under(region_grid((west, south, east, north), zoom=10), whole) == whole.pad(1)
    # Antipodes, and the poles of the map, which have no place in the zone.
    for far in (tile_grid(6, 0, 40), tile_grid(0, 0, 0), region_grid((-179, -85, -100, 85), zoom=3)):
        assert whole.pad(1).contains(under(far, whole))


# ---------------------------------------------------------------- the report


def test_the_report_is_the_same_in_windows_and_thinned_medians_are_near(
    mexico: InterferogramCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = mexico.noise_report(maxTlen=0.4, progress=False)
    monkeypatch.setattr(windows, "WINDOW_BYTES", 300_000)
    parts = mexico.noise_report(maxTlen=0.4, progress=False)
    own = union(grids_of(mexico.items))
    assert own is not None
    assert len(list(Windows(mexico.noise_indices().node, own))) > 20
    pd.testing.assert_frame_equal(parts, whole)
    monkeypatch.setattr(noise, "MEDIAN_PIXELS", 500)
    thinned = mexico.noise_report(maxTlen=0.4, progress=False)
    pd.testing.assert_frame_equal(thinned.drop(columns="median"), whole.drop(columns="median"))
    assert thinned["median"]["stc"] != whole["median"]["stc"]
    assert thinned["median"]["stc"] == pytest.approx(whole["median"]["stc"], rel=0.1)


def test_windows_hold_every_pixel_once(mexico: InterferogramCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 400_000)
    grid = union(grids_of(mexico.items))
    assert grid is not None
    seen = np.zeros(grid.shape, dtype=int)
    for window in Windows(mexico.noise_indices().node, grid):
        seen[grid.window_of(window)] += 1
    assert (seen == 1).all()


def test_the_report_is_shown_and_stopped(mexico: InterferogramCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW_BYTES", 300_000)
    told: list[float] = []

    class Bar:
        def update(self, done: float) -> None:
            told.append(done)
            if sum(told):
                raise KeyboardInterrupt

    def watch(name: str, total: int) -> Bar:
        return Bar()

    with pytest.raises(CancelledByUser, match="noise_report was stopped"):
        mexico.noise_report(progress=watch)
    assert sum(told) > 0


def test_pixels_that_files_do_not_share_are_those_of_the_map(mexico: InterferogramCollection) -> None:
    items = mexico.items
    moved = [
        replace(item, properties={**item.properties, "proj:transform": _moved(item.properties["proj:transform"])})
        for item in items[:3]
    ]
    catalog = user_catalog()
    catalog.replace_items(catalog.collection(mexico.name), [*moved, *items[3:]])
    other = InterferogramCollection(mexico.name).reference(lon=-99.18, lat=19.44)
    assert union(grids_of(other.items)) is None
    stc = other.noise_indices()["stc"]
    fine, coarse = (region_grid(BOX, zoom=other.zoom_at(19.4) + more) for more in (3, 0))
    np.testing.assert_array_equal(
        pixels(stc, fine), warp.resample(pixels(stc, coarse.pad(2)), coarse.pad(2), fine, "nearest")
    )


def _moved(transform: list[float]) -> list[float]:
    return [*transform[:2], transform[2] + 0.3 * transform[0], *transform[3:]]
