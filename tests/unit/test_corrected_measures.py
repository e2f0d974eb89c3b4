"""Loops and pairs of a corrected stack are measured as the corrections leave them: what the map's own loops show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.collection import InterferogramCollection, measures
from jeoview.collection.measures import Reading
from jeoview.collection.reference import centre_of
from jeoview.collection.selection import reading_of
from jeoview.engine import Engine

CORRECTED = {
    "deramp": lambda stack: stack.deramp(),
    "unwrapping": lambda stack: stack.correct_unwrapping(),
    "both": lambda stack: stack.correct_unwrapping().deramp(2),
}


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def placed(data_dir: Path) -> InterferogramCollection:
    return InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico").reference(lon=-99.18, lat=19.44)


@pytest.mark.parametrize("kind", CORRECTED)
def test_loops_are_those_of_the_corrected_pairs(placed: InterferogramCollection, kind: str) -> None:
    stack = CORRECTED[kind](placed)
    grid = reading_of(stack).grid
    shown = Engine.default().render(stack.image()["unwrapped"].node, grid).array[:, 0].astype(np.float64)
    phase = dict(zip(stack.ids or (), shown, strict=True))
    table = stack.loops(progress=False)
    assert len(table) == 24
    for _, loop in table.iterrows():
        one, other, both = (phase[name] for name in loop["pairs"])
        closure = one + other - both
        seen = closure[~np.isnan(closure)]
        # Engine and kernel work in float32.
        assert loop["rms"] == pytest.approx(np.sqrt((seen**2).mean()), abs=1e-4)
        assert loop["median"] == pytest.approx(np.median(seen), abs=1e-4)
        assert loop["pixels"] == seen.size
    errors = Engine.default().render(stack.image().loop_closure()["loop_errors"].node, grid).array
    assert (table["errors"] * table["pixels"]).sum() == pytest.approx(np.nansum(errors))
    before = placed.loops(progress=False)
    assert (before["errors"] * before["pixels"]).sum() > np.nansum(errors)


def test_good_pairs_stay_when_their_ramps_are_gone(placed: InterferogramCollection) -> None:
    assert len(placed.filter_pairs(max_loop_rms=0.9, progress=False)) == 25
    flat = placed.deramp()
    assert len(flat.filter_pairs(max_loop_rms=0.9, progress=False)) == 30
    assert flat.date_measures(progress=False)["loop_rms"].max() < 0.25
    columns = ["coherence", "unwrapped", "loops"]
    one, other = (stack.measures(progress=False)[columns] for stack in (placed, flat))
    np.testing.assert_allclose(one, other)


def test_corrected_pairs_are_kept_by_what_they_are(
    placed: InterferogramCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    usual = Reading.read

    def read(self: Reading, name: str) -> tuple[np.ndarray, np.ndarray]:
        asked.append(name)
        return usual(self, name)

    monkeypatch.setattr(Reading, "read", read)
    turned = placed.correct_unwrapping()
    for stack, again in ((placed.deramp(), False), (turned, True)):
        stack.loops(progress=False)
        asked.clear()
        stack.loops(progress=False)
        assert not asked
        # Ramps are each pair's own; which turns close a pixel's loops hangs on the pairs that there are.
        fewer = stack.filter_pairs(max_days=60)
        found = fewer.loops(progress=False)
        assert set(asked) == (
            {name for pairs in found["pairs"] for name in pairs} | set(fewer.ids or ()) if again else set()
        )
        asked.clear()


def test_rows_at_a_time_and_a_file_give_the_same(
    placed: InterferogramCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    west, south, east, north = placed.items[0].bbox
    corner = {"type": "Polygon", "coordinates": [[(west, south), (east, south), (west, north), (west, south)]]}
    stack = placed.correct_unwrapping()
    whole = reading_of(stack, corner, corrected=True)
    expected = np.array([whole.read(name) for name in whole.items])
    monkeypatch.setattr(measures, "STRIP", 1e5)
    monkeypatch.setattr(measures, "MEMORY", 1e5)
    strips = reading_of(stack, corner, corrected=True)
    np.testing.assert_array_equal(np.array([strips.read(name) for name in strips.items]), expected)
    assert isinstance(strips._all, np.memmap)
    assert 0.4 < np.isnan(expected[0, 0]).mean() < 0.6


# ---------------------------------------------------------------- the reference of a corrected stack

SIDE, STEP, WEST, NORTH = 64, 0.001, 10.0, 45.0
DAYS = ("20200101", "20200113", "20200125", "20200206", "20200218")
U, V = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE))


def place_of(row: int, col: int) -> tuple[float, float]:
    return WEST + (col + 0.5) * STEP, NORTH - (row + 0.5) * STEP


def write(folder: Path, name: str, values: np.ndarray) -> Path:
    profile: dict[str, Any] = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32"}
    place = from_origin(WEST, NORTH, STEP, STEP)
    with rasterio.open(folder / name, "w", crs="EPSG:4326", transform=place, **profile) as file:
        file.write(values.astype(np.float32), 1)
    return folder / name


def stack_of(
    folder: Path, rate: np.ndarray, coherence: np.ndarray, extra: dict[tuple[int, int], np.ndarray] | None = None
) -> InterferogramCollection:
    """Pairs of each date with the next two; ``rate`` in rad for 12 days, ``extra`` is added to pairs by their dates."""
    for i in range(len(DAYS)):
        for j in range(i + 1, min(i + 3, len(DAYS))):
            phase = rate * (j - i) + 20.0 + (extra or {}).get((i, j), 0.0)
            write(folder, f"{DAYS[i]}_{DAYS[j]}_unw.tif", phase)
            write(folder, f"{DAYS[i]}_{DAYS[j]}_cc.tif", coherence)
    return InterferogramCollection.from_files(str(folder / "*_unw.tif"), str(folder / "*_cc.tif"))


def spots(*places: tuple[int, int, float]) -> np.ndarray:
    """Coherence 0.3, and more in squares of 11 pixels."""
    found = np.full((SIDE, SIDE), 0.3)
    for row, col, value in places:
        found[row - 5 : row + 6, col - 5 : col + 6] = value
    return found


def near(stack: InterferogramCollection, row: int, col: int) -> bool:
    assert stack.place is not None
    lon, lat = place_of(row, col)
    found = centre_of(stack.place)
    return abs(found[0] - lon) < 4 * STEP and abs(found[1] - lat) < 4 * STEP


def test_a_ramp_that_is_taken_out_does_not_choose_the_reference(tmp_path: Path) -> None:
    """The best place moves as most of the ground does once the ramp is gone, and not before."""
    ground = np.abs(U) + np.abs(V)  # no slope, and its median where abs(u) + abs(v) is 1
    best, second = (40, 8), (12, 32)
    hole = np.zeros((SIDE, SIDE))
    hole[54:, 54:] = np.nan
    stack = stack_of(tmp_path, 0.2 * ground + 3.0 * U, spots((*best, 0.9), (*second, 0.8)), {(0, 1): hole})
    assert near(stack.reference(progress=False), *second)
    flat = stack.reference(*place_of(*second)).deramp()
    found = flat.reference(progress=False)
    assert near(found, *best)
    assert found.chosen.startswith("found automatically on the corrected pairs, mean coherence 0.9")
    # It does not hang on the place before, where a pair has no data and so is lost.
    other = replace(flat, place=stack.reference(*place_of(60, 60)).place)
    assert found.place == other.reference(progress=False).place


def test_loops_that_are_closed_do_not_choose_the_reference(tmp_path: Path) -> None:
    best, second = (20, 20), (44, 44)
    wrong, noisy = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE))
    wrong[10:30, 10:30] = 2 * np.pi
    noisy[34:54, 34:54] = 0.5
    stack = stack_of(
        tmp_path, 0.1 * (np.abs(U) + np.abs(V)), spots((*best, 0.9), (*second, 0.9)), {(1, 2): wrong, (0, 2): noisy}
    )
    assert near(stack.reference(progress=False), *second)
    closed = stack.reference(*place_of(60, 5)).correct_unwrapping()
    assert near(closed.reference(progress=False), *best)


def test_what_is_inverted_is_0_at_the_reference(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, 0.2 * (np.abs(U) + np.abs(V)) + 3.0 * U, spots((20, 20, 0.9)))
    lon, lat = place_of(20, 20)
    height = jv.open(str(write(tmp_path, "height.tif", 100.0 + 50.0 * V**2)))
    for corrected in (
        stack.reference(lon, lat).deramp(),
        stack.reference(*place_of(50, 50)).deramp().correct_height(height).reference(lon, lat),
    ):
        assert corrected.place is not None
        pairs = np.asarray(
            corrected.image()["unwrapped"].to_numpy(bounds=corrected.place, resolution=STEP, progress=False)
        )
        np.testing.assert_allclose(np.nanmedian(pairs, axis=(1, 2, 3)), 0.0, atol=1e-4)


def test_a_reference_without_heights_is_said_where_they_are_needed(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, 0.2 * (np.abs(U) + np.abs(V)), spots((20, 20, 0.9)))
    heights = np.where(U < 0, 100.0 + 300.0 * (np.abs(U) + np.abs(V)), np.nan)
    height = jv.open(str(write(tmp_path, "height.tif", heights)))
    stack.reference(*place_of(20, 20)).correct_height(height).invert()
    with pytest.warns(UserWarning, match=r"invert: at the reference 10\.04.* 7 of 7 pairs .* phase but no height"):
        series = stack.reference(*place_of(20, 45)).correct_height(height).invert()
    box = (*place_of(30, 10), *place_of(20, 20))
    with pytest.warns(UserWarning, match="no pixel is valid"):
        series.velocity(min_dates=2, min_span=0).to_numpy(bounds=box, resolution=STEP, progress=False)
