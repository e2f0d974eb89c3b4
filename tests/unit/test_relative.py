"""Displacement relative to another date and another place: compared with plain numpy, and with an inversion of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jeoview import InterferogramCollection
from jeoview.demo import prepare_insar
from jeoview.errors import JeoviewError, ParameterError
from jeoview.grid import Grid, tile_grid
from jeoview.operators.insar_relative import relative_to_date, series_reference, series_referenced
from jeoview.raster import Kind, Raster
from tests.samples import image

DATES = tuple(f"2020-{month:02}-05T10:00:00Z" for month in range(1, 7))
GRID = Grid(tile_grid(12, 0, 0).lattice, 0, 0, 5, 6)


def series(seed: int = 0) -> Raster:
    random = np.random.default_rng(seed)
    array = random.normal(size=(len(DATES), 1, *GRID.shape)).astype(np.float32)
    array[random.random(array.shape) < 0.2] = np.nan
    return Raster(array, GRID, Kind.SERIES, ("displacement",), DATES)


def test_a_date_becomes_zero() -> None:
    given = series()
    found = relative_to_date(given, date="2020-03-05")
    np.testing.assert_array_equal(found.array, given.array - given.array[2])
    assert np.nanmax(np.abs(found.array[2])) == 0
    assert (np.isnan(found.array) == (np.isnan(given.array) | np.isnan(given.array[2]))).all()


def test_a_place_stands_still() -> None:
    given = series(1)
    table = series_reference(given)
    medians = np.array([np.nanmedian(layer) for layer in given.array.astype(np.float64)])
    np.testing.assert_allclose(table.values["displacement"], medians)
    found = series_referenced(given, table)
    np.testing.assert_allclose(found.array, given.array - medians[:, None, None, None].astype(np.float32), atol=1e-6)


def test_wrong_dates_and_places_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"no date 2020-03-06; did you mean '2020-03-05'"):
        relative_to_date(series(), date="2020-03-06")
    moved = image("displacement")
    for options, message in (
        ({}, "give date=, or a place"),
        ({"lon": 10.0}, "needs both|expected a number"),
        ({"lon": 10.0, "lat": 95.0}, "relative_to\\(lat\\)"),
        ({"date": "soon"}, "date"),
    ):
        with pytest.raises(JeoviewError, match=message):
            moved.relative_to(**options)
    with pytest.raises(JeoviewError, match="displacement"):
        image("stack").relative_to(lon=10.0, lat=44.0)


def test_it_equals_an_inversion_that_was_referenced_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pair has a gap, subtracting before the inversion or after it is the same."""
    monkeypatch.setenv("JEOVIEW_HOME", str(tmp_path))
    prepare_insar(size="small", progress=False)
    stack = InterferogramCollection("demo-insar-asc")
    box = stack.items[0].bbox
    west, south, east, north = box
    lon, lat = west + 0.15 * (east - west), south + 0.85 * (north - south)
    x, y = west + 0.3 * (east - west), south + 0.6 * (north - south)
    first = stack.reference(lon, lat).invert().relative_to(lon=x, lat=y, metres=700)
    other = stack.reference(x, y).invert().relative_to(lon=x, lat=y, metres=700)
    one, two = (np.asarray(found.to_numpy(bounds=box, zoom=9, progress=False)) for found in (first, other))
    both = np.isfinite(one) & np.isfinite(two)
    assert both.mean() > 0.1
    # Pairs that lack pixels in one of the windows differ; most do not.
    assert np.median(np.abs(one - two)[both]) < 2e-3


def test_a_tile_with_fewer_dates_gets_each_date_its_own_offset() -> None:
    """Scenes that do not come near a tile are left out of it."""
    given = series(2)
    table = series_reference(given)
    whole = series_referenced(given, table)
    some = [1, 3, 4]
    part = Raster(given.array[some], GRID, Kind.SERIES, given.bands, tuple(DATES[index] for index in some))
    np.testing.assert_array_equal(series_referenced(part, table).array, whole.array[some])
    other = Raster(given.array[:1], GRID, Kind.SERIES, given.bands, ("2019-01-01T00:00:00Z",))
    assert np.isnan(series_referenced(other, table).array).all()
