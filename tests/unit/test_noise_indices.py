"""Noise indices against plain numpy, their mask and report, and corrections of a whole stack, on real pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import jeoview as jv
from jeoview.catalog.pixels import grids_of, union
from jeoview.collection import InterferogramCollection
from jeoview.collection.pixels import window
from jeoview.collection.selection import reading_of
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.grid import Grid, tile_grid
from jeoview.image import Image
from jeoview.operators import insar, insar_noise, insar_quality
from jeoview.raster import Kind, Raster

DAYS = tuple(str(day) + "T00:00:00Z" for day in np.array([0, 12, 24, 60, 72, 400]) + np.datetime64("2020-01-01"))
PAIRS = [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (1, 4), (4, 5)]
YEARS = np.array([0, 12, 24, 60, 72, 400]) / 365.25
TILE = tile_grid(12, 2100, 1500)
HERE = Grid(TILE.lattice, TILE.row, TILE.col, 17, 19)


def stack_of(seed: int, gaps: float) -> Raster:
    random = np.random.default_rng(seed)
    array = random.random((len(PAIRS), 2, *HERE.shape)).astype(np.float32)
    array[:, 0][random.random((len(PAIRS), *HERE.shape)) < gaps] = np.nan
    array[:, 0, 0, 0] = np.nan
    intervals = tuple(f"{DAYS[a]}/{DAYS[b]}" for a, b in PAIRS)
    return Raster(array, HERE, Kind.SERIES, ("unwrapped", "coherence"), intervals)


def network_of_a_pixel(valid: NDArray[np.bool_]) -> tuple[float, float]:
    """Longest time without a gap and gaps, by looking at every interval."""
    spanned = [any(valid[k] and a <= t and b > t for k, (a, b) in enumerate(PAIRS)) for t in range(5)]
    longest, start = 0.0, 0
    for t in range(6):
        if t == 5 or not spanned[t]:
            longest, start = max(longest, YEARS[t] - YEARS[start]), t + 1
    return longest, float(spanned.count(False))


def test_the_network_of_a_pixel_is_counted() -> None:
    stack = stack_of(0, 0.4)
    found = insar_noise.network_statistics(stack)
    assert found.bands == ("coh_avg", "n_unw", "maxTlen", "n_gap")
    valid = ~np.isnan(stack.array[:, 0])
    some = valid.any(axis=0)
    assert np.isnan(found.array[1:, ~some]).all()
    np.testing.assert_array_equal(found.array[1][some], valid.sum(axis=0)[some])
    np.testing.assert_allclose(found.array[0], stack.array[:, 1].mean(axis=0), rtol=1e-6)
    for y, x in np.argwhere(some):
        assert found.array[2:, y, x] == pytest.approx(network_of_a_pixel(valid[:, y, x]), rel=1e-6)
    bare = insar_noise.network_statistics(stack.select(("unwrapped",)))
    assert np.isnan(bare.array[0]).all()
    np.testing.assert_array_equal(bare.array[1:], found.array[1:])
    none = insar_noise.network_statistics(replace(stack, array=stack.array[:0], dates=()))
    assert np.isnan(none.array).all()


def test_an_unbridged_gap_is_flagged() -> None:
    """Without the pairs over the third interval: one gap, one subset more, and no motion beyond it."""
    stack = stack_of(1, 0.0)
    stack.array[[3, 5], 0, 5] = np.nan
    network, quality = insar_noise.network_statistics(stack), insar_quality.inversion_quality(stack)
    assert network.array[3, 4, 4] == 0
    assert quality.array[4, 4, 4] == 0
    np.testing.assert_array_equal(network.array[3, 5], 1)
    np.testing.assert_array_equal(quality.array[4, 5], 1)
    series = insar.invert(stack, wavelength=0.0555)
    assert np.isnan(series.array[3:, 0, 5]).all()
    assert not np.isnan(series.array[:, 0, 6]).any()


def test_consistency_is_the_least_difference_to_a_neighbour() -> None:
    values = np.random.default_rng(2).normal(size=(6, *HERE.shape)).astype(np.float32)
    values[2, 3:6, 4:9] = np.nan
    values[:, 10, 10] = np.nan
    found = insar_noise.spatiotemporal_consistency(Raster(values[:, None], HERE, Kind.SERIES, ("displacement",), DAYS))
    steps = np.diff(values.astype(np.float64), axis=0)
    for y, x in ((1, 1), (4, 5), (9, 9), (15, 17), (10, 10)):
        near = [(y + v, x + u) for v in (-1, 0, 1) for u in (-1, 0, 1) if (v, u) != (0, 0)]
        with np.errstate(invalid="ignore"):
            both = [(steps[:, y, x] - steps[:, v, u]) for v, u in near]
        rms = [1000 * np.sqrt(np.nanmean(rest**2)) for rest in both if not np.isnan(rest).all()]
        expected = min(rms) if rms else np.nan
        np.testing.assert_allclose(found.array[0, y, x], expected, rtol=1e-6)
    # A file's pixel that the map shows several times is no neighbour of itself.
    twice = np.repeat(values, 2, axis=2)
    grid = Grid(HERE.lattice, HERE.row, HERE.col, 17, 38)
    shown = insar_noise.spatiotemporal_consistency(
        Raster(np.ascontiguousarray(twice[:, None]), grid, Kind.SERIES, ("displacement",), DAYS)
    )
    assert np.nanmin(shown.array) > 0
    alike = np.repeat(values[:, :1, :1], 17, axis=1).repeat(19, axis=2)
    same = insar_noise.spatiotemporal_consistency(
        Raster(np.ascontiguousarray(alike[:, None]), HERE, Kind.SERIES, ("displacement",), DAYS)
    )
    assert (same.array[0, 1:-1, 1:-1] == 0).all()


@pytest.mark.parametrize("draws", [10, 100])
def test_bootstrap_equals_lines_fitted_to_every_draw(draws: int) -> None:
    random = np.random.default_rng(4)
    dates = tuple(str(day) + "T00:00:00Z" for day in np.arange(24) * 12 + np.datetime64("2020-01-01"))
    years = np.arange(24) * 12 / 365.25
    values = (0.3 + 0.05 * years + random.normal(0, 0.004, (40, 24))).astype(np.float32)
    values[10:30][random.random((20, 24)) < 0.5] = np.nan
    values[30, 2:], values[31, 1:], values[32] = np.nan, np.nan, np.nan
    grid = Grid(TILE.lattice, TILE.row, TILE.col, 5, 8)
    series = Raster(np.ascontiguousarray(values.T).reshape(24, 1, 5, 8), grid, Kind.SERIES, ("displacement",), dates)
    found = insar_noise.velocity_bootstrap(series, draws=draws).array.ravel()
    for pixel, own in enumerate(values):
        rates = []
        for counts in insar_noise.drawn(24, draws).T:
            chosen = np.repeat(np.arange(24), counts.astype(int))
            chosen = chosen[~np.isnan(own[chosen])]
            if len(set(chosen)) > 1:
                rates.append(np.polyfit(years[chosen], own[chosen].astype(np.float64), 1)[0])
        expected = 1000 * np.std(rates) if len(rates) > 1 else np.nan
        np.testing.assert_allclose(found[pixel], expected, rtol=1e-5, atol=1e-3)
    assert np.isnan(found[[31, 32]]).all()
    # Of white noise it is about the standard error: 4 mm over 0.23 years times the root of 24.
    error = 4 / (np.std(years) * np.sqrt(24))
    assert 0.7 < np.median(found[:10]) / error < 1.3


def test_every_date_is_drawn_as_often_as_the_others() -> None:
    counts = insar_noise.drawn(30, 1000)
    assert (counts.sum(axis=0) == 30).all()
    assert np.abs(counts.mean(axis=1) - 1).max() < 0.15


# ---------------------------------------------------------------- a whole stack


@pytest.fixture
def mexico(data_dir: Path, jeoview_home: Path) -> InterferogramCollection:
    stack = InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")
    return stack.reference(lon=-99.18, lat=19.44)


def render(stack: InterferogramCollection, image: Image, **options: Any) -> NDArray[np.float32]:
    return np.asarray(Engine.default().render(image.node, reading_of(stack).grid, **options).array)


def test_indices_are_those_of_their_operators(mexico: InterferogramCollection) -> None:
    indices = mexico.noise_indices()
    measured = {"vstd": "mm/yr", "maxTlen": "yr", "stc": "mm", "resid_rms": "mm"}
    assert indices.units == {name: measured.get(name, "") for name in indices.bands}
    names = ("coh_avg", "n_unw", "vstd", "maxTlen", "n_gap", "stc", "n_ifg_noloop", "n_loop_err", "resid_rms")
    assert indices.bands == names
    values = dict(zip(names, render(mexico, indices), strict=True))
    series = mexico.invert()
    loops = render(mexico, mexico.image().loop_closure())
    expected = {
        "vstd": render(mexico, series.velocity_bootstrap())[0],
        "n_ifg_noloop": loops[3],
        "n_loop_err": loops[1],
        "resid_rms": render(mexico, mexico.quality())[1] * 1000 * mexico.wavelength / (4 * np.pi),
    }
    for name, layer in expected.items():
        np.testing.assert_allclose(values[name], layer, rtol=1e-5, atol=1e-6, err_msg=name)
    whole = values["n_unw"] == 30
    assert whole.mean() > 0.9
    assert np.nanmax(values["n_gap"][whole]) == 0
    np.testing.assert_allclose(values["maxTlen"][whole], 192 / 365.25, rtol=1e-6)
    # Two pairs of this network are in no loop.
    np.testing.assert_array_equal(values["n_ifg_noloop"][whole], (mexico.measures(progress=False)["loops"] == 0).sum())


def test_the_report_counts_what_the_mask_removes(mexico: InterferogramCollection) -> None:
    report = mexico.noise_report(maxTlen=0.4, resid_rms=1.5)
    own = union(grids_of(mexico.items))
    assert own is not None
    mask, every = (
        Engine.default().render(image.node, own).array
        for image in (mexico.noise_mask(maxTlen=0.4, resid_rms=1.5), mexico.noise_indices())
    )
    mask, values = mask[0], dict(zip(mexico.noise_indices().bands, every, strict=True))
    here = values["n_unw"] > 0
    assert report.index.tolist() == [*values, "all"]
    assert report.loc["resid_rms", "removed"] == (here & ~(values["resid_rms"] <= 1.5)).sum()
    assert report.loc["resid_rms", "keeps"] == "<= 1.5"
    assert report.loc["n_unw", "keeps"] == ">= 19.5"
    assert report.loc["all", "removed"] == (here & (mask == 0)).sum()
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert not mask[~here].any()
    # Half a year of pairs is less than LiCSBAS asks for, and the report says so.
    assert mexico.noise_report().loc["maxTlen", "share"] == 1.0
    west, south, east, north = mexico.items[0].bbox
    half = mexico.noise_report((west, south, (west + east) / 2, north))
    ring = [[west, south], [east, south], [west, north], [west, south]]
    triangle = mexico.noise_report({"type": "Polygon", "coordinates": [ring]})
    for part in (half, triangle):
        assert 0.4 * here.sum() < part["removed"].to_dict()["maxTlen"] < 0.6 * here.sum()


def test_thresholds_are_sliders_or_left_out(mexico: InterferogramCollection) -> None:
    slider = jv.parameter("residual", 2.0, min=0.5, max=5, step=0.1, unit="mm")
    others = dict.fromkeys(("coh_avg", "vstd", "maxTlen", "n_gap", "stc", "n_ifg_noloop", "n_loop_err"))
    mask = mexico.noise_mask(resid_rms=slider, **others)
    assert list(mask.parameters) == ["residual"]
    loose, tight = (render(mexico, mask, parameters={"residual": value}).sum() for value in (3.0, 1.0))
    assert loose > tight > 0
    given = mexico.noise_indices(weight="coherence")
    velocity = mexico.invert(weight="coherence").velocity()["velocity"].mask(mexico.noise_mask(given, maxTlen=0.4))
    assert -310 < np.nanmin(render(mexico, velocity)) < -280
    with pytest.raises(ParameterError, match="no index 'stcc'; did you mean 'stc'"):
        mexico.noise_mask(stcc=1.0)
    with pytest.raises(ParameterError, match="leave at least one"):
        mexico.noise_mask(n_unw=None, resid_rms=None, **others)


# ---------------------------------------------------------------- corrections


def test_corrections_keep_the_reference(mexico: InterferogramCollection) -> None:
    height = jv.open(str(Path(mexico.items[0].bands["unwrapped"].href).parent / "cropA_T005A_dem.tif"), nodata=0)
    plain, grid = mexico.image()["unwrapped"], union(grids_of(mexico.items))
    assert grid is not None
    assert mexico.place is not None
    pixels = window(grid, mexico.place, 512)
    changed = {
        "ramps of degree 2": mexico.deramp(2),
        "phase over height where abs(correlation) >= 0.1": mexico.correct_height(height, min_correlation=0.1),
    }
    for said, stack in changed.items():
        assert f"corrected: {said}" in stack.report()
        here = Engine.default().render(stack.image()["unwrapped"].node, pixels).array
        np.testing.assert_allclose(np.nanmedian(here, axis=(1, 2, 3)), 0, atol=1e-5)
        before, after = (render(mexico, image)[:, 0] for image in (plain, stack.image()["unwrapped"]))
        spread = [np.nanmean(np.nanstd(values, axis=(1, 2))) for values in (before, after)]
        assert spread[1] < 0.999 * spread[0]
        assert stack.invert().velocity().bands[0] == "velocity"
    with pytest.raises(ParameterError, match="choose a reference first"):
        replace(mexico, place=None).deramp()


def test_turns_are_given_back_before_the_inversion(mexico: InterferogramCollection) -> None:
    whole = mexico.image().unwrapping_errors(min_coherence=0.0)
    corrected, _, open_now, left = render(mexico, whole)
    assert np.nanmax(corrected) > 0
    assert np.nansum(left) < np.nansum(open_now)
    stack = mexico.correct_unwrapping(min_coherence=0.0)
    np.testing.assert_array_equal(np.nan_to_num(render(stack, stack.image().loop_closure())[1]), np.nan_to_num(left))
    before, after = (render(given, given.image()["unwrapped"]) for given in (mexico, stack))
    np.testing.assert_array_equal(before[..., open_now == 0], after[..., open_now == 0])
    given = (after - before)[..., corrected > 0] / (2 * np.pi)
    np.testing.assert_allclose(given, np.rint(given), atol=1e-5)
