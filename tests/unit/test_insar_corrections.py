"""Corrections of pairs and series against plain numpy and scipy: loops, mistakes of unwrapping, height, filters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.optimize import Bounds, LinearConstraint, milp

from jeoview.errors import BandError, ParameterError
from jeoview.grid import Grid, tile_grid
from jeoview.kernels.network import Network, incidence, triplets
from jeoview.operator import Schema, find
from jeoview.operators import insar, insar_filter, insar_height, insar_loops
from jeoview.quantities import Metres
from jeoview.raster import Kind, Raster

Doubles = NDArray[np.float64]
DATES = 14
DAYS = tuple(str(day) + "T00:40:21Z" for day in np.datetime64("2020-01-05") + 12 * np.arange(DATES))
NET = Network.of(DATES, [(i, j) for i in range(DATES) for j in range(i + 1, min(i + 4, DATES))])
PAIRS = len(NET.pairs)
LOOPS = triplets(NET)
INTERVALS = tuple(f"{DAYS[a]}/{DAYS[b]}" for a, b in NET.pairs)
SHAPE = (23, 29)
TILE = tile_grid(12, 2100, 1500)
HERE = Grid(TILE.lattice, TILE.row, TILE.col, *SHAPE)
CLOSE = np.zeros((len(LOOPS), PAIRS))
for number, (first, second, whole) in enumerate(LOOPS):
    CLOSE[number, [first, second]], CLOSE[number, whole] = 1, -1


def phases(seed: int, noise: float = 0.2) -> Doubles:
    """(pair, y, x) of a random walk of the ground, without mistakes."""
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.normal(scale=2.0, size=(DATES, *SHAPE)), axis=0)
    return np.asarray(np.einsum("pd,dyx->pyx", incidence(NET), walk) + noise * random.normal(size=(PAIRS, *SHAPE)))


def stack_of(values: Doubles) -> Raster:
    array = np.stack([values, np.full_like(values, 0.5)], axis=1).astype(np.float32)
    return Raster(array, HERE, Kind.SERIES, ("unwrapped", "coherence"), INTERVALS)


def mistakes(seed: int, share: float) -> Doubles:
    random = np.random.default_rng(seed)
    return np.asarray((random.random((PAIRS, *SHAPE)) < share) * random.choice([-1.0, 1.0], size=(PAIRS, *SHAPE)))


def gappy(values: Doubles, share: float = 0.1) -> Doubles:
    return np.where(np.random.default_rng(9).random(values.shape) < share, np.nan, values)


# ---------------------------------------------------------------- loops


def test_loops_equal_their_definition() -> None:
    stack = stack_of(gappy(phases(0) + 2 * np.pi * mistakes(1, 0.05), 0.3))
    stack.array[:, 0, 0, 0] = np.nan
    phase = stack.array[:, 0].astype(np.float64)
    closure = phase[LOOPS[:, 0]] + phase[LOOPS[:, 1]] - phase[LOOPS[:, 2]]
    seen = ~np.isnan(closure)
    found = insar_loops.loop_closure(stack)
    assert found.bands == ("loop_count", "loop_errors", "loop_rms", "pairs_without_loop")
    some = ~np.isnan(phase).all(axis=0)
    checked = np.stack([seen[np.equal(LOOPS, pair).any(axis=1)].any(axis=0) for pair in range(PAIRS)])
    expected = [
        seen.sum(0),
        (np.abs(np.nan_to_num(closure)) > np.pi).sum(0),
        None,
        (~checked & ~np.isnan(phase)).sum(0),
    ]
    for band in (0, 1, 3):
        np.testing.assert_array_equal(found.array[band][some], expected[band][some])
    known = seen.any(axis=0)
    rms = np.sqrt(np.nansum(closure**2, axis=0)[known] / seen.sum(axis=0)[known])
    np.testing.assert_allclose(found.array[2][known], rms, rtol=1e-6)
    assert np.isnan(found.array[2][~known]).all()
    assert np.isnan(found.array[:, 0, 0]).all()

    turns = insar_loops.closure_integers(stack)
    wrapped = np.angle(np.exp(1j * closure))
    np.testing.assert_array_equal(turns.array[:, 0], np.round((closure - wrapped) / (2 * np.pi)) + 0.0)
    assert turns.dates == tuple(INTERVALS[whole] for whole in LOOPS[:, 2])


def test_loops_do_not_close_before_referencing() -> None:
    constants = np.random.default_rng(5).uniform(-40, 40, PAIRS)
    raw = stack_of(phases(0, noise=0.1) + constants[:, None, None])
    still = np.zeros((PAIRS, 3, 3))
    raw.array[:, 0, 4:7, 5:8] = still + constants[:, None, None]
    region = Grid(HERE.lattice, HERE.row + 4, HERE.col + 5, 3, 3)
    placed = insar.referenced(raw, insar.reference_phase(raw.cut(region)))
    assert np.nanmedian(insar_loops.loop_closure(raw).array[2]) > 10
    assert np.nanmax(insar_loops.loop_closure(placed).array[2]) < 0.5


def test_mistakes_are_found_and_mended() -> None:
    """One pair in a hundred is a turn off: all but those that one loop alone checks, or none, are put right."""
    wrong = mistakes(3, 0.01)
    truth = phases(2)
    stack = stack_of(truth + 2 * np.pi * wrong)
    mended = insar_loops.correct_unwrapping(stack)
    given = np.rint((mended.array[:, 0] - stack.array[:, 0]) / (2 * np.pi))
    right = (given == -wrong).all(axis=0)
    assert (wrong != 0).any(axis=0).sum() > 150
    assert right.mean() > 0.985
    assert (given[wrong == 0] != 0).mean() < 2e-4
    np.testing.assert_allclose(mended.array[:, 0][:, right], truth[:, right], atol=1e-5)
    np.testing.assert_array_equal(mended.array[:, 1], stack.array[:, 1])
    preview = insar_loops.unwrapping_errors(stack)
    assert preview.bands == ("corrected_pairs", "corrected_turns", "ambiguous_loops", "left_loops")
    np.testing.assert_array_equal(preview.array[0], (given != 0).sum(axis=0))
    np.testing.assert_array_equal(preview.array[1], np.abs(given).sum(axis=0))
    np.testing.assert_array_equal(preview.array[2], insar_loops.loop_closure(stack).array[1])
    np.testing.assert_array_equal(preview.array[3], insar_loops.loop_closure(mended).array[1])
    assert (preview.array[3][right] == 0).all()


def test_turns_are_the_fewest_that_close_the_loops() -> None:
    """Against integer programming: wherever all loops close, no smaller sum of turns closes them."""
    stack = stack_of(gappy(phases(4) + 2 * np.pi * mistakes(5, 0.04), 0.03))
    preview = insar_loops.unwrapping_errors(stack).array.reshape(4, -1)
    turns = insar_loops.closure_integers(stack).array.reshape(len(LOOPS), -1)
    pixels = np.flatnonzero((preview[3] == 0) & (preview[2] > 0))[::6]
    assert len(pixels) > 40
    fewest = [_fewest(turns[:, p]) for p in pixels]
    assert (preview[1, pixels] == fewest).mean() > 0.97
    closed = preview[3] == 0
    assert closed.mean() > 0.9


def _fewest(turns: NDArray[np.float32]) -> float:
    seen = ~np.isnan(turns)
    both = np.hstack([CLOSE[seen], -CLOSE[seen]])
    size = 2 * PAIRS
    rule = LinearConstraint(both, -turns[seen], -turns[seen])
    return float(milp(np.ones(size), constraints=rule, integrality=np.ones(size), bounds=Bounds(0, 5)).fun)


def test_what_one_loop_alone_checks_is_left_as_it_is() -> None:
    triangle = ("2020-01-01T00:00:00Z/2020-02-01T00:00:00Z", "2020-02-01T00:00:00Z/2020-03-01T00:00:00Z")
    dates = (*triangle, "2020-01-01T00:00:00Z/2020-03-01T00:00:00Z")
    array = np.zeros((3, 1, *SHAPE), dtype=np.float32)
    array[1] = 2 * np.pi
    stack = Raster(array, HERE, Kind.SERIES, ("unwrapped",), dates)
    np.testing.assert_array_equal(insar_loops.correct_unwrapping(stack).array, array)
    assert (insar_loops.unwrapping_errors(stack).array[3] == 1).all()


def test_a_stack_without_pairs_has_no_loops() -> None:
    none = replace(stack_of(phases(0)), array=np.empty((0, 2, *SHAPE), np.float32), dates=())
    assert np.isnan(insar_loops.loop_closure(none).array).all()
    assert np.isnan(insar_loops.unwrapping_errors(none).array).all()
    assert insar_loops.closure_integers(none).array.shape == (0, 1, *SHAPE)
    assert insar_loops.correct_unwrapping(none).array.shape == (0, 2, *SHAPE)


# ---------------------------------------------------------------- height


def test_phase_that_goes_with_the_height_is_fitted_and_subtracted() -> None:
    random = np.random.default_rng(6)
    height = random.uniform(0, 2000, SHAPE)
    slopes = random.normal(scale=0.01, size=PAIRS)
    slopes[3] = 0.0
    rest = random.normal(size=(PAIRS, *SHAPE))
    stack = stack_of(gappy(rest + slopes[:, None, None] * height + 1.5))
    hidden = height.copy()
    hidden[2, :5] = np.nan
    mountain = Raster(hidden[None].astype(np.float32), HERE, Kind.BANDS, ("height",))
    table = insar_height.height_correlation(stack, mountain)
    for pair in (0, 3, 7):
        values = stack.array[pair, 0].astype(float).ravel()
        valid = ~np.isnan(values) & ~np.isnan(hidden.ravel())
        line = np.polyfit(hidden.ravel()[valid], values[valid], 1)
        np.testing.assert_allclose(table.values["unwrapped"][pair], line[0], rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(table.values["offset"][pair], line[1], rtol=1e-4)
        correlation = np.corrcoef(hidden.ravel()[valid], values[valid])[0, 1]
        assert table.values["correlation"][pair] == pytest.approx(correlation, abs=1e-6)
        assert table.values["valid"][pair] == valid.sum()
    found = insar_height.height_corrected(stack, mountain, table)
    # A weak correlation is not that of the air: the pair stays as it is.
    assert abs(table.values["correlation"][3]) < 0.2
    np.testing.assert_array_equal(found.array[3], stack.array[3])
    expected = stack.array[0, 0] - (table.values["unwrapped"][0] * hidden + table.values["offset"][0])
    np.testing.assert_allclose(found.array[0, 0], expected, atol=1e-5)
    assert np.isnan(found.array[0, 0, 2, :5]).all()
    np.testing.assert_array_equal(found.array[:, 1], stack.array[:, 1])
    part = Grid(HERE.lattice, HERE.row + 5, HERE.col + 3, 9, 17)
    cut = insar_height.height_corrected(stack.cut(part), mountain.cut(part), table)
    np.testing.assert_array_equal(cut.array, found.cut(part).array)


def test_flat_ground_and_few_pixels_have_no_line() -> None:
    series = Raster(np.ones((2, 1, *SHAPE), np.float32), HERE, Kind.SERIES, ("displacement",), DAYS[:2])
    series.array[1] = np.nan
    series.array[1, 0, 0, :2] = 1.0
    flat = Raster(np.full((1, *SHAPE), 7.0, np.float32), HERE, Kind.BANDS, ("height",))
    table = insar_height.height_correlation(series, flat)
    assert np.isnan(table.values["displacement"]).all()
    np.testing.assert_array_equal(table.values["valid"], [SHAPE[0] * SHAPE[1], 2])
    np.testing.assert_array_equal(insar_height.height_corrected(series, flat, table).array, series.array)


def test_height_says_what_it_takes() -> None:
    one, two = Schema(Kind.BANDS, ("h",)), Schema(Kind.BANDS, ("h", "slope"))
    rule = find("height_correlation").bands
    with pytest.raises(BandError, match="height has 2 bands"):
        rule({}, (Schema(Kind.SERIES, ("unwrapped",)), two))
    with pytest.raises(BandError, match="no band 'unwrapped'"):
        rule({}, (Schema(Kind.SERIES, ("B04",)), one))
    assert rule({}, (Schema(Kind.SERIES, ("displacement",)), one)) == ("displacement",)
    stack = stack_of(phases(0))
    mountain = Raster(np.arange(23 * 29, dtype=np.float32).reshape(1, *SHAPE), HERE, Kind.BANDS, ("h",))
    table = insar_height.height_correlation(stack, mountain)
    with pytest.raises(ParameterError, match="36 layers, the series 5"):
        insar_height.height_corrected(replace(stack, array=stack.array[:5], dates=INTERVALS[:5]), mountain, table)


# ---------------------------------------------------------------- filters


def series_of(values: Doubles) -> Raster:
    return Raster(values[:, None].astype(np.float32), HERE, Kind.SERIES, ("displacement",), DAYS)


@pytest.mark.parametrize("days", [20.0, 90.0, None])
def test_smoothing_in_time_is_a_gaussian_mean_of_valid_dates(days: float | None) -> None:
    values = gappy(np.random.default_rng(1).normal(size=(DATES, *SHAPE)), 0.25)
    series = series_of(values)
    low, high = (insar_filter.temporal_filter(series, days=days, keep=keep) for keep in ("low", "high"))
    sigma, when = days or 36.0, 12.0 * np.arange(DATES)
    apart = np.abs(when[:, None] - when) / sigma
    weight = np.where(apart < 4, np.exp(-(apart**2) / 2), 0)
    seen = ~np.isnan(values)
    sums = np.einsum("it,tyx->iyx", weight, np.where(seen, values, 0)) / np.einsum("it,tyx->iyx", weight, seen)
    expected = np.where(seen, sums, np.nan)
    np.testing.assert_allclose(low.array[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(high.array[:, 0], values - expected, atol=1e-6)
    assert low.dates == DAYS


@pytest.mark.parametrize("days", [20.0, 90.0, None])
def test_a_line_is_taken_out_before_the_mean_and_added_again(days: float | None) -> None:
    values = gappy(np.random.default_rng(1).normal(size=(DATES, *SHAPE)), 0.25)
    values[1:, 0, 0] = np.nan
    series, when = series_of(values), 12.0 * np.arange(DATES)
    low, high = (insar_filter.temporal_filter(series, days=days, keep=keep, detrend=True) for keep in ("low", "high"))
    expected = np.full(values.shape, np.nan)
    for y, x in np.ndindex(SHAPE):
        seen = ~np.isnan(values[:, y, x])
        here, pixel = when[seen], values[seen, y, x]
        line = np.polyval(np.polyfit(here, pixel, 1), here) if seen.sum() > 1 else pixel
        apart = np.abs(here[:, None] - here) / (days or 36.0)
        weight = np.where(apart < 4, np.exp(-(apart**2) / 2), 0)
        expected[seen, y, x] = line + weight @ (pixel - line) / weight.sum(axis=1)
    np.testing.assert_allclose(low.array[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(high.array[:, 0], values - expected, atol=1e-6)


def test_steady_motion_stays_as_it_is_where_lines_are_taken_out() -> None:
    """LiCSBAS's mean flattens a line, since it is one-sided at both ends of the series."""
    when = 12.0 * np.arange(DATES)
    steady = series_of(gappy(np.broadcast_to((-0.3 / 365.25 * when)[:, None, None], (DATES, *SHAPE)).copy()))
    found = insar_filter.temporal_filter(steady, detrend=True)
    np.testing.assert_allclose(found.array, steady.array, atol=1e-7)
    left = insar_filter.temporal_filter(steady, keep="high", detrend=True)
    assert np.nanmax(np.abs(left.array)) < 1e-7
    flat = insar_filter.temporal_filter(series_of(np.broadcast_to(when[:, None, None], (DATES, *SHAPE)).copy()))
    assert np.polyfit(when, flat.array[:, 0, 0, 0], 1)[0] < 0.8


def test_the_order_of_the_dates_does_not_matter() -> None:
    series = series_of(np.random.default_rng(1).normal(size=(DATES, *SHAPE)))
    turned = replace(series, array=series.array[::-1].copy(), dates=DAYS[::-1])
    for detrend in (False, True):
        one, other = (
            insar_filter.temporal_filter(given, days=30.0, detrend=detrend).array for given in (series, turned)
        )
        np.testing.assert_allclose(one, other[::-1], atol=1e-6)


def test_smoothing_in_space_is_three_means_and_nearly_gaussian() -> None:
    random = np.random.default_rng(2)
    grid = Grid(TILE.lattice, TILE.row, TILE.col, 120, 130)
    values = random.normal(size=(1, 120, 130)).astype(np.float32)
    low = insar_filter.spatial_mean(Raster(values, grid, Kind.BANDS, ("d",)), sigma=6)
    # Windows of 2 r + 1 pixels whose r (r + 1) are 3 * 36 together, as nearly as can be.
    boxes = values[0].astype(float)
    for size in (13, 13, 11):
        boxes = uniform_filter(boxes, size)
    inner = np.s_[20:-20, 20:-20]
    np.testing.assert_allclose(low.array[0][inner], boxes[inner], atol=1e-6)
    gauss = gaussian_filter(values[0].astype(float), 6)
    assert np.std((low.array[0] - gauss)[inner]) < 0.12 * np.std(gauss[inner])
    gaps = np.where(random.random(values.shape) < 0.3, np.float32(np.nan), values + np.float32(5))
    holed = Raster(gaps, grid, Kind.BANDS, ("d",))
    mean = insar_filter.spatial_mean(holed, sigma=6)
    assert not np.isnan(mean.array[0][inner]).any()
    filled = insar_filter.spatial_filter(holed, mean)
    np.testing.assert_array_equal(np.isnan(filled.array[0][inner]), np.isnan(gaps[0][inner]))
    assert np.nanmax(np.abs(filled.array[0][inner] - 5)) < 0.5
    high = insar_filter.spatial_filter(holed, mean, keep="high")
    np.testing.assert_allclose(high.array[0][inner], (gaps - filled.array)[0][inner], atol=1e-6)


def test_a_length_on_the_ground_is_as_many_pixels_as_the_latitude_says() -> None:
    equator, north = tile_grid(12, 2048, 2047), tile_grid(12, 2048, 1100)
    metres = Metres(metres=400.0)
    found = [insar_filter._box_radii(metres, grid) for grid in (equator, north)]
    # 38.2 m at the equator: sigma is 10.5 pixels there, its square three times what the four r (r + 1) are together.
    assert {tuple(row) for axis in found[0] for row in axis.T.tolist()} == {(9, 9, 8, 8)}
    assert found[1].min() > 15
    options = {"sigma": metres}
    assert find("spatial_mean").radius(options, equator) == 34


def test_what_is_high_in_time_and_low_in_space_is_air() -> None:
    """LiCSBAS's filter: a smooth screen at each date goes, steady motion stays."""
    random = np.random.default_rng(3)
    grid = Grid(TILE.lattice, TILE.row, TILE.col, 90, 90)
    y, x = np.mgrid[0:90, 0:90]
    motion = np.exp(-((x - 45) ** 2 + (y - 45) ** 2) / 50)[None] * np.linspace(0, 0.05, DATES)[:, None, None]
    air = gaussian_filter(random.normal(size=(DATES, 90, 90)), (0, 12, 12))
    air *= 0.01 / air.std()
    series = Raster((motion + air)[:, None].astype(np.float32), grid, Kind.SERIES, ("displacement",), DAYS)
    high = insar_filter.temporal_filter(series, days=60.0, keep="high")
    smooth = [insar_filter.spatial_mean(Raster(one, grid, Kind.BANDS, ("d",)), sigma=3).array for one in high.array]
    left = series.array - np.stack(smooth)
    before, after = (np.std((found[:, 0] - motion)[:, 10:-10, 10:-10]) for found in (series.array, left))
    assert after < 0.6 * before


def test_incoherent_pairs_are_left_as_they_are_and_blame_no_other() -> None:
    """The noise of a pair without coherence opens its loops; only its coherence tells it from a mistake."""
    truth = phases(3, 0.1)
    wrong = mistakes(4, 0.03)
    stack = stack_of(truth + 2 * np.pi * wrong)
    noisy = np.random.default_rng(5).random(truth.shape) < 0.1
    stack.array[:, 0] += np.where(noisy, np.random.default_rng(6).uniform(-9, 9, truth.shape), 0).astype(np.float32)
    stack.array[:, 1] = np.where(noisy, 0.1, 0.8)
    careful = insar_loops.correct_unwrapping(stack)
    rash = insar_loops.correct_unwrapping(stack, min_coherence=0.0)
    changed, before = careful.array[:, 0] != stack.array[:, 0], stack.array[:, 0]
    assert not changed[noisy].any()
    good = ~noisy & (wrong == 0)
    assert changed[good].mean() < 0.5 * (rash.array[:, 0] != before)[good].mean()
    mended = np.abs(careful.array[:, 0] - truth)[~noisy & (wrong != 0)] < 2.0
    assert mended.mean() > 0.6
    np.testing.assert_array_equal(careful.array[:, 1], stack.array[:, 1])
    counted = insar_loops.unwrapping_errors(stack)
    np.testing.assert_array_equal(counted.array[0], changed.sum(axis=0))
