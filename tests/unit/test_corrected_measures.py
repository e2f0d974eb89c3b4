"""Loops and pairs of a corrected stack are measured as the corrections leave them: what the map's own loops show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jeoview.collection import InterferogramCollection, measures
from jeoview.collection.measures import Reading
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
