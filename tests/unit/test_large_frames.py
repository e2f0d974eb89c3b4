"""Fits and surveys of files without overviews: what is done once is bounded by what it holds, not by what it decodes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.collection import InterferogramCollection
from jeoview.engine import Engine
from jeoview.errors import CancelledByUser, LimitError
from jeoview.io import stack_read
from jeoview.progress import job
from jeoview.raster import Raster
from jeoview.region import region_grid
from jeoview.settings import MIB

SIDE, DAYS = 512, [dt.date(2020, 1, 1) + dt.timedelta(days=12 * i) for i in range(5)]
PAIRS = [(i, j) for i in range(5) for j in (i + 1, i + 2) if j < 5]
PLACE = (10.2, 44.8)
TILE = region_grid((10.02, 44.92, 10.1, 44.98), zoom=11)


@pytest.fixture
def stack(tmp_path: Path, jeoview_home: Path) -> InterferogramCollection:
    """Seven pairs of 1 MiB each, ramps and noise, no overviews."""
    random, places = np.random.default_rng(0), np.mgrid[:SIDE, :SIDE] / SIDE
    slopes = random.normal(size=(len(DAYS), 2))
    for one, other in PAIRS:
        phase = 1 + np.tensordot(slopes[other] - slopes[one], places, 1) + random.normal(0, 0.1, (SIDE, SIDE))
        with rasterio.open(
            tmp_path / f"{DAYS[one]:%Y%m%d}_{DAYS[other]:%Y%m%d}_unw.tif",
            "w",
            driver="GTiff",
            height=SIDE,
            width=SIDE,
            count=1,
            dtype="float32",
            crs="EPSG:4326",
            transform=from_origin(10, 45, 0.001, 0.001),
            tiled=True,
            blockxsize=128,
            blockysize=128,
        ) as file:
            file.write(phase.astype("f4"), 1)
    return InterferogramCollection.from_files(str(tmp_path / "*_unw.tif"), name="frames").reference(*PLACE)


def corrected(stack: InterferogramCollection, kind: str) -> InterferogramCollection:
    if kind == "height":
        height = jv.open(stack.items[0].bands["unwrapped"].href).with_unit("m")
        return stack.correct_height(height, min_correlation=0)
    return stack.deramp() if kind == "ramp" else stack.correct_unwrapping(0).deramp(2)


def shown(stack: InterferogramCollection) -> Raster:
    return Engine.default().render(stack.image()["unwrapped"].node, TILE)


@pytest.fixture
def tight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Another process, in which a tile may decode and hold no more than six of the seven files."""

    def begin() -> None:
        monkeypatch.setenv("JEOVIEW_MAX_TILE_BYTES", str(6 * MIB))
        monkeypatch.setenv("JEOVIEW_STORE", f"sqlite:///{tmp_path / 'other.sqlite'}")
        monkeypatch.setattr(stack_read, "TOGETHER_BYTES", MIB)

    return begin


@pytest.mark.parametrize("kind", ["ramp", "height", "unwrapping"])
def test_a_fit_decodes_more_than_a_tile_may(
    stack: InterferogramCollection, kind: str, tight: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jeoview.collection.corrections.FIT_PIXELS", 3e4)
    expected = shown(corrected(stack, kind)).array
    assert np.isfinite(expected).any()
    tight()
    with pytest.raises(LimitError, match=r"Zoom in.*stack\.cache_stack\(\)"):
        Engine.default().render(stack.image().node, region_grid((10, 44.5, 10.5, 45), zoom=8))
    np.testing.assert_array_equal(shown(corrected(stack, kind)).array, expected)


def test_surveys_of_corrected_unwrapping_are_admitted(
    stack: InterferogramCollection, tight: Callable[[], None]
) -> None:
    given = stack.correct_unwrapping(0)
    expected = given.loops(progress=False)
    tight()
    found = given.loops(progress=False)
    assert found.equals(expected)
    assert len(given.filter_pairs(max_loop_rms=1.5, progress=False)) == len(PAIRS)


def test_a_file_too_large_for_a_fit_is_refused_at_the_line(
    stack: InterferogramCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JEOVIEW_MAX_TILE_BYTES", str(MIB // 2))
    monkeypatch.setattr(stack_read, "TOGETHER", 1)
    with pytest.raises(LimitError, match=r"a fit of this chain would hold .* region=.*cache_stack"):
        stack.deramp()
    small = stack.deramp(region=(10.05, 44.9, 10.06, 44.91))
    assert small.corrected


def test_reading_is_shown_and_stopped(stack: InterferogramCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []

    class Bar:
        def update(self, done: float) -> None:
            told.append(done)
            if len(told) == 2:
                raise KeyboardInterrupt

    def watch(name: str, total: int) -> Bar:
        return Bar()

    monkeypatch.setattr(stack_read, "TOGETHER", 1)
    with pytest.raises(CancelledByUser, match="a long job was stopped"), job("a long job", 1, "px", progress=watch):
        shown(stack)
    # The bar is somebody else's and counts other things.
    assert told == [0, 0]
    shown(stack)
    assert told == [0, 0]
