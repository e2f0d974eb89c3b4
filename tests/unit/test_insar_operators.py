"""Operators on stacks of pairs: units, signs, what they need, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from jeoview.errors import BandError, ParameterError
from jeoview.grid import Grid, tile_grid
from jeoview.kernels.inversion import QUALITY
from jeoview.kernels.network import Network
from jeoview.operator import Schema, find
from jeoview.operators import insar, insar_decompose, insar_quality, insar_ramp
from jeoview.operators.insar_pairs import pair_dates
from jeoview.raster import Kind, Raster, Table

DAYS = tuple(f"2020-{month:02d}-01T00:40:21Z" for month in range(1, 7))
NET = Network.of(6, [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (2, 4), (4, 5)])
HERE = tile_grid(12, 2100, 1500)


def pair_stack(seed: int = 0, coherence: bool = True, size: tuple[int, int] = (5, 7)) -> Raster:
    random = np.random.default_rng(seed)
    array = random.normal(size=(len(NET.pairs), 2, *size)).astype(np.float32)
    array[:, 1] = random.random((len(NET.pairs), *size))
    intervals = tuple(f"{DAYS[a]}/{DAYS[b]}" for a, b in NET.pairs)
    bands = ("unwrapped", "coherence") if coherence else ("unwrapped",)
    grid = Grid(HERE.lattice, HERE.row, HERE.col, *size)
    return Raster(np.ascontiguousarray(array[:, : len(bands)]), grid, Kind.SERIES, bands, intervals)


def test_invert_gives_metres_towards_the_satellite_at_the_acquisitions() -> None:
    stack = pair_stack()
    stack.array[:, 0] = np.diff(np.arange(6.0))[0]
    stack.array[[2, 5], 0] = 2.0
    series = insar.invert(stack, wavelength=0.0554658)
    assert (series.kind, series.bands, series.dates, series.grid) == (Kind.SERIES, ("displacement",), DAYS, stack.grid)
    expected = -0.0554658 / (4 * np.pi) * np.arange(6.0)
    np.testing.assert_allclose(series.array[:, 0, 2, 3], expected, rtol=1e-6)


def test_referenced_subtracts_the_median_of_the_region() -> None:
    stack = pair_stack()
    stack.array[3, 0] = np.nan
    stack.array[0, 0, 0, :3] = np.nan
    table = insar.reference_phase(stack)
    expected = np.nanmedian(
        np.where(np.isnan(stack.array[:, 0]), np.nan, stack.array[:, 0])[[0, 1, 2, 4, 5, 6]], (1, 2)
    )
    np.testing.assert_allclose(table.values["unwrapped"][[0, 1, 2, 4, 5, 6]], expected, rtol=1e-6)
    assert np.isnan(table.values["unwrapped"][3])
    np.testing.assert_array_equal(table.values["valid"], [32, 35, 35, 0, 35, 35, 35])
    moved = insar.referenced(stack, table)
    np.testing.assert_allclose(np.nanmedian(moved.array[[0, 1, 2, 4, 5, 6], 0], (1, 2)), 0, atol=1e-7)
    assert np.isnan(moved.array[3, 0]).all()
    np.testing.assert_array_equal(moved.array[:, 1], stack.array[:, 1])


def test_referenced_refuses_the_table_of_another_stack() -> None:
    table = Table({"unwrapped": np.zeros(3)})
    with pytest.raises(ParameterError, match="3 pairs, the stack 7"):
        insar.referenced(pair_stack(), table)


def test_quality_with_and_without_the_series_agree() -> None:
    stack = pair_stack(4)
    stack.array[1, 0, :3] = np.nan
    series = insar.invert(stack, wavelength=0.03, weight="coherence")
    whole = insar_quality.inversion_quality(stack, weight="coherence")
    quick = insar_quality.series_quality(stack, series, wavelength=0.03)
    assert whole.bands == QUALITY
    np.testing.assert_allclose(quick.array, whole.array[:2], rtol=1e-5, atol=1e-6)
    with pytest.raises(ParameterError, match="are not the 6 of the stack"):
        insar_quality.series_quality(
            stack, Raster(series.array, series.grid, Kind.SERIES, series.bands, DAYS[:5]), wavelength=1.0
        )


def test_operators_refuse_layers_that_are_no_pairs() -> None:
    stack = pair_stack()
    with pytest.raises(ParameterError, match="expected a stack of interferograms"):
        insar.invert(
            Raster(stack.array, stack.grid, Kind.SERIES, stack.bands, ("2020-01-01T00:00:00Z",) * 7), wavelength=0.05
        )
    with pytest.raises(ParameterError, match="not in the order earlier/later"):
        pair_dates(("2020-02-01T00:00:00Z/2020-01-01T00:00:00Z",))


def test_times_of_one_day_are_one_acquisition() -> None:
    """Frames of one pass start seconds apart, and which of them a product names depends on the pair."""
    shifted = ("2020-01-01T00:40:21Z/2020-02-01T00:40:22Z", "2020-02-01T00:40:20Z/2020-03-01T00:40:46Z")
    known = pair_dates((*shifted, "2020-01-01T00:40:19Z/2020-03-01T00:40:21Z"))
    assert known.dates == ("2020-01-01T00:40:19Z", "2020-02-01T00:40:20Z", "2020-03-01T00:40:21Z")
    assert known.network.pairs == [(0, 1), (1, 2), (0, 2)]
    with pytest.raises(ParameterError, match="of two days"):
        pair_dates(("2020-02-01T00:40:20Z/2020-02-01T00:40:46Z",))


def test_what_is_missing_is_said_before_a_pixel_is_read() -> None:
    options = find("invert").validate({"wavelength": 0.05, "weight": "variance"})
    both, phase = Schema(Kind.SERIES, ("unwrapped", "coherence")), Schema(Kind.SERIES, ("unwrapped",))
    with pytest.raises(ParameterError, match="needs looks"):
        find("invert").bands(options, (both,))
    with pytest.raises(BandError, match="no band 'coherence'"):
        find("invert").bands(dict(options, looks=20.0), (phase,))
    plain_options = find("invert").validate({"wavelength": 0.05})
    assert find("invert").demand(plain_options, ("displacement",), (both,)) == (("unwrapped",),)
    assert find("invert").demand(options, ("displacement",), (both,)) == (("unwrapped", "coherence"),)


def test_a_stack_without_pairs_is_no_special_case() -> None:
    stack = pair_stack()
    none = Raster(stack.array[:0], stack.grid, Kind.SERIES, stack.bands, ())
    assert insar.invert(none, wavelength=0.05).array.shape == (0, 1, 5, 7)
    assert np.isnan(insar_quality.inversion_quality(none).array).all()
    assert np.isnan(insar_quality.triplet_quality(none).array).all()
    assert insar.reference_phase(none).values["unwrapped"].shape == (0,)
    assert insar.referenced(none, insar.reference_phase(none)).array.shape == (0, 2, 5, 7)


@pytest.mark.parametrize("degree", [1, 2])
def test_ramps_are_found_and_removed(degree: int) -> None:
    stack = pair_stack(1, size=(40, 30))
    rest = np.float32(0.01) * stack.array[:, 0].copy()
    y, x = np.mgrid[0:40, 0:30].astype(np.float32)
    factor = np.arange(1.0, 8.0, dtype=np.float32)[:, None, None]
    bend = 0.002 * x * y - 0.001 * x**2 if degree == 2 else 0
    stack.array[:, 0] = rest + factor * (0.1 * x - 0.05 * y + bend) + 3
    stack.array[2, 0, 5:20, :9] = np.nan
    table = insar_ramp.ramps(stack, degree=degree)
    flat_stack = insar_ramp.deramped(stack, table)
    # Least squares leaves what no surface explains.
    columns = np.stack(
        [np.ones(1200), x.ravel(), y.ravel()]
        + ([x.ravel() ** 2, (x * y).ravel(), y.ravel() ** 2] if degree == 2 else []),
        1,
    )
    for pair in (0, 2, 6):
        valid = ~np.isnan(stack.array[pair, 0].ravel())
        surface = np.linalg.lstsq(columns[valid], rest[pair].ravel()[valid].astype(float), rcond=None)[0]
        expected = rest[pair].ravel()[valid] - columns[valid] @ surface
        np.testing.assert_allclose(flat_stack.array[pair, 0].ravel()[valid], expected, atol=1e-5)
    part = Grid(stack.grid.lattice, stack.grid.row + 7, stack.grid.col + 3, 20, 11)
    np.testing.assert_array_equal(insar_ramp.deramped(stack.cut(part), table).array, flat_stack.cut(part).array)


def test_up_and_east_from_three_tracks() -> None:
    random = np.random.default_rng(0)
    up, east = random.normal(size=(2, 1, 6, 9)).astype(np.float32)
    sights = ((-0.62, 0.78), (0.59, 0.79), (-0.4, 0.9))
    images = []
    for e, u in sights:
        given = [e * east + u * up, np.full_like(up, e), np.full_like(up, u)]
        images += [
            Raster(array.astype(np.float32), Grid(HERE.lattice, 0, 0, 6, 9), Kind.BANDS, ("v",)) for array in given
        ]
    images[0].array[0, 0, 0] = np.nan
    images[3].array[0, 1, :] = np.nan
    images[6].array[0, 1, 2] = np.nan
    found = insar_decompose.decompose(*images)
    assert found.bands == ("up", "east", "condition_number")
    one = np.zeros((6, 9), dtype=bool)
    one[1, 2] = True
    np.testing.assert_array_equal(np.isnan(found.array), np.broadcast_to(one, (3, 6, 9)))
    np.testing.assert_allclose(found.array[0][~one], up[0][~one], atol=1e-5)
    np.testing.assert_allclose(found.array[1][~one], east[0][~one], atol=1e-5)
    assert found.array[2, 5, 5] == pytest.approx(np.linalg.cond(np.array(sights)), rel=1e-5)
    assert found.array[2, 0, 0] == pytest.approx(np.linalg.cond(np.array(sights[1:])), rel=1e-5)


def test_decompose_says_what_it_takes() -> None:
    one, two = Schema(Kind.BANDS, ("v",)), Schema(Kind.BANDS, ("v", "std"))
    rule = find("decompose").bands
    with pytest.raises(ParameterError, match="got 4 images"):
        rule({}, (one,) * 4)
    with pytest.raises(ParameterError, match="image 4 has 2 bands"):
        rule({}, (one, one, one, two, one, one))
    assert rule({}, (one,) * 6) == ("up", "east", "condition_number")
