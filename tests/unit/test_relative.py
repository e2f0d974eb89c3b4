"""Displacement relative to another date and another place: compared with plain numpy, and with an inversion of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jeoview import InterferogramCollection
from jeoview.demo import prepare_insar
from jeoview.engine import Engine
from jeoview.errors import JeoviewError, ParameterError
from jeoview.export.request import request
from jeoview.graph import parameter
from jeoview.grid import Grid, tile_grid
from jeoview.kernels import inversion
from jeoview.operators import insar
from jeoview.operators.insar_relative import at_date, relative_to_date, series_reference, series_referenced
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


def test_a_series_at_a_date() -> None:
    given = series(3)
    found = at_date(given, date="2020-03-05")
    assert (found.kind, found.dates) == (Kind.BANDS, ())
    np.testing.assert_array_equal(found.array, given.array[2])
    # two scenes of a day: the first valid value, as in a mosaic
    twice = Raster(given.array, GRID, Kind.SERIES, given.bands, (DATES[0], DATES[1], DATES[1], *DATES[3:]))
    both = at_date(twice, date="2020-02-05").array
    np.testing.assert_array_equal(both, np.where(np.isnan(given.array[1]), given.array[2], given.array[1]))
    # a tile that the scenes of the day do not come near
    assert np.isnan(at_date(given, date="2020-03-06").array).all()


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InterferogramCollection:
    monkeypatch.setenv("JEOVIEW_HOME", str(tmp_path))
    prepare_insar(size="small", progress=False)
    stack = InterferogramCollection("demo-insar-asc")
    west, south, east, north = stack.items[0].bbox
    return stack.reference(west + 0.15 * (east - west), south + 0.85 * (north - south))


def test_a_velocity_stands_still_at_another_place(stack: InterferogramCollection) -> None:
    west, south, east, north = stack.items[0].bbox
    lon, lat = west + 0.6 * (east - west), south + 0.5 * (north - south)
    velocity = stack.invert().velocity()
    before = np.asarray(velocity["velocity"].to_numpy(progress=False))
    after = np.asarray(velocity["velocity"].relative_to(lon=lon, lat=lat).to_numpy(progress=False))
    shift = before - after
    assert np.nanmax(shift) - np.nanmin(shift) < 1e-3
    box = (lon - 0.001, lat - 0.001, lon + 0.001, lat + 0.001)
    held = velocity["velocity"].relative_to(bounds=box)
    assert abs(np.nanmedian(np.asarray(held.to_numpy(box, zoom=17, progress=False)))) < 0.5
    with pytest.raises(ParameterError, match=r"has the bands .*choose one"):
        velocity.relative_to(lon=lon, lat=lat)
    with pytest.raises(ParameterError, match="has no dates"):
        velocity["velocity"].relative_to("2021-01-06")
    with pytest.raises(ParameterError, match=r"wrapped.* has no median"):
        stack.image()["unwrapped"].mean().wrap().relative_to(lon=lon, lat=lat)


def test_a_slider_over_the_dates_does_not_invert_again(
    stack: InterferogramCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = stack.invert()
    days = [str(day) for day in stack.dates]
    shown = series.at_date(parameter("date", days[-1], choices=days))
    with pytest.raises(ParameterError, match=r"at_date: the series has no date 2000-01-01; the nearest are"):
        series.at_date("2000-01-01")
    engine, grid = Engine.default(), request(shown).grid
    last = engine.render(shown.node, grid).array
    inverted: list[str] = []
    real = inversion.invert

    def noted(*args: Any, **options: Any) -> Any:
        inverted.append("again")
        return real(*args, **options)

    monkeypatch.setattr(insar, "invert_stack", noted)
    some = engine.render(shown.node, grid, parameters={"date": days[3]}).array
    assert not inverted
    whole = np.asarray(series.to_numpy(progress=False))
    np.testing.assert_array_equal(some, whole[3])
    np.testing.assert_array_equal(last, whole[-1])


def test_an_animation_of_a_displacement_series(stack: InterferogramCollection, tmp_path: Path) -> None:
    series = stack.invert()
    made = series.to_gif(
        tmp_path / "x.gif", lambda image: image.colormap("RdBu", vmin=-0.05, vmax=0.05), width=64, progress=False
    )
    # on the first day nothing has moved yet, which is a value too
    assert [*made.dates, *made.skipped] == [str(day) for day in stack.dates]
    with pytest.raises(ParameterError, match=r"a stack of pairs has none; \.invert\(\) it first"):
        stack.image().to_gif(tmp_path / "y.gif", lambda image: image)
