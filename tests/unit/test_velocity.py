"""Fits in time, compared with numpy's least squares of every pixel, and with the columns of real EGMS points."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from jeoview.errors import BandError, ParameterError
from jeoview.grid import Grid, web_mercator
from jeoview.kernels.stack import Stack
from jeoview.kernels.timefit import Design, fit
from jeoview.operator import Schema, find
from jeoview.operators.velocity import velocity
from jeoview.raster import Kind, Raster

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
START = dt.datetime(2016, 3, 7, 5, 12, 33, tzinfo=dt.UTC)
DATES = tuple((START + dt.timedelta(days=12 * k)).strftime("%Y-%m-%dT%H:%M:%SZ") for k in range(90) if k % 11 != 5)
SHAPE = (11, 13)


def years(dates: tuple[str, ...], since: str) -> Doubles:
    first = dt.datetime.fromisoformat(since)
    return np.array([(dt.datetime.fromisoformat(date) - first).total_seconds() / 86400 / 365.25 for date in dates])


T = years(DATES, DATES[0])


def gappy(values: Doubles, share: float | None = None, seed: int = 0) -> Floats:
    """(date, pixel) with gaps, by default from none to all."""
    random = np.random.default_rng(seed)
    rate = np.linspace(0, 1.02, values.shape[1]) if share is None else share
    values = np.where(random.random(values.shape) < rate, np.nan, values)
    return values.astype(np.float32)


def motion(random: np.random.Generator, noise: float = 0.002) -> Doubles:
    size = SHAPE[0] * SHAPE[1]
    return random.normal(scale=0.02, size=size) * T[:, None] + noise * random.normal(size=(len(T), size))


def series_of(values: Floats, dates: tuple[str, ...] = DATES, shape: tuple[int, int] = SHAPE) -> Raster:
    grid = Grid(web_mercator(11), 100, 200, *shape)
    return Raster(values.reshape(-1, 1, *shape), grid, Kind.SERIES, ("displacement",), dates)


def plain(values: Floats, matrix: Doubles, slope: int) -> Doubles:
    """Parameters, standard error of the slope, rmse, number of dates; NaN where the matrix has not full rank."""
    size = matrix.shape[1]
    out = np.full((size + 3, values.shape[1]), np.nan)
    for p in range(values.shape[1]):
        valid = ~np.isnan(values[:, p])
        given = matrix[valid]
        out[size + 2, p] = len(given)
        if np.linalg.matrix_rank(given) < size:
            continue
        right = values[valid, p].astype(np.float64)
        found = np.linalg.lstsq(given, right, rcond=None)[0]
        rest = right - given @ found
        out[:size, p], out[size + 1, p] = found, np.sqrt((rest**2).mean())
        if len(given) > size:
            variance = (rest**2).sum() / (len(given) - size) * np.linalg.inv(given.T @ given)[slope, slope]
            out[size, p] = np.sqrt(variance)
    return out


MATRICES = {
    "line": np.stack([np.ones_like(T), T], 1),
    "cubic in days": np.stack([(365.25 * T) ** k for k in range(4)], 1),
    "year, half a year, step": np.stack(
        [np.ones_like(T), T, *(f(2 * np.pi * n * T) for n in (1, 2) for f in (np.cos, np.sin)), T > 1.4], 1
    ).astype(np.float64),
}


@pytest.mark.parametrize("name", MATRICES)
def test_fit_equals_least_squares_of_every_pixel(name: str) -> None:
    values = gappy(motion(np.random.default_rng(1)))
    found = fit(Stack.of(values[:, None, None]), Design.of(MATRICES[name], slope=1))
    expected = plain(values, MATRICES[name], slope=1)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    scale = np.nanmedian(np.abs(expected), axis=1)[:, None]
    np.testing.assert_allclose(found / scale, expected / scale, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("robust", [False, True])
def test_a_pixel_does_not_depend_on_its_neighbours(robust: bool) -> None:
    values = gappy(motion(np.random.default_rng(2)))
    design = Design.of(MATRICES["year, half a year, step"], slope=1)
    whole = fit(Stack.of(values[:, None, None]), design, robust=robust)
    for cut in (np.s_[5:6], np.s_[2:139], np.random.default_rng(1).permutation(143)):
        part = fit(Stack.of(np.ascontiguousarray(values[:, cut])[:, None, None]), design, robust=robust)
        np.testing.assert_array_equal(part, whole[:, cut])


def test_fewer_dates_than_parameters_fit_nothing() -> None:
    values = np.ones((2, 1, 1, 5), dtype=np.float32)
    found = fit(Stack.of(values), Design.of(np.vander([0.0, 1.0], 3, increasing=True), slope=1))
    assert np.isnan(found[:5]).all()
    np.testing.assert_array_equal(found[5], 2)


def huber(values: Floats, matrix: Doubles) -> Doubles:
    """Iteratively reweighted least squares of one pixel, with numpy's own median."""
    valid = ~np.isnan(values)
    given, right = matrix[valid], values[valid].astype(np.float64)
    weight = np.ones(len(right))
    for _ in range(9):
        root = np.sqrt(weight)
        found = np.linalg.lstsq(given * root[:, None], right * root, rcond=None)[0]
        size = np.abs(right - given @ found)
        # The upper of the two middle values, where halving an interval ends.
        bound = 1.345 * 1.4826 * np.sort(size)[len(size) // 2]
        weight = np.where(size > bound, bound / size, 1.0)
    return np.asarray(found)


def test_robust_fit_is_hubers() -> None:
    random = np.random.default_rng(3)
    values = motion(random)
    bad = random.random(values.shape) < 0.1
    values[bad] += random.choice([-0.2, 0.3], size=bad.sum())
    gaps = gappy(values, 0.2)
    matrix = MATRICES["line"]
    found = fit(Stack.of(gaps[:, None, None]), Design.of(matrix, slope=1), robust=True)
    expected = np.stack([huber(gaps[:, p], matrix) for p in range(gaps.shape[1])], 1)
    np.testing.assert_allclose(found[:2], expected, rtol=1e-4, atol=1e-6)
    usual = fit(Stack.of(gaps[:, None, None]), Design.of(matrix, slope=1))
    truth = fit(Stack.of(np.where(bad, np.nan, gaps).astype(np.float32)[:, None, None]), Design.of(matrix, slope=1))
    assert np.abs(found[1] - truth[1]).mean() < 0.2 * np.abs(usual[1] - truth[1]).mean()


# ---------------------------------------------------------------- operator


def test_velocity_of_a_line_is_in_millimetres_a_year() -> None:
    values = np.broadcast_to(0.031 * T[:, None] + 0.5, (len(T), 143)).astype(np.float32)
    found = velocity(series_of(values))
    assert (found.kind, found.bands, found.dates) == (Kind.BANDS, ("velocity", "std", "rmse"), ())
    np.testing.assert_allclose(found.array[0], 31.0, rtol=1e-5)
    np.testing.assert_allclose(found.array[1:], 0, atol=1e-3)


def test_standard_error_covers_the_truth() -> None:
    """Of 143 pixels, about 68 % lie within one and 95 % within two standard errors."""
    random = np.random.default_rng(7)
    values = 0.02 * T[:, None] + 0.004 * random.normal(size=(len(T), 143))
    found = velocity(series_of(gappy(values, 0.3))).array
    distance = np.abs(found[0] - 20) / found[1]
    assert 0.58 < (distance < 1).mean() < 0.78
    assert 0.90 < (distance < 2).mean() < 0.99


def test_seasons_steps_and_acceleration_are_those_put_in() -> None:
    season = years(DATES, "2000-01-01T00:00:00+00:00")
    middle = T - T[-1] / 2
    values = 0.01 + 0.05 * middle - 0.004 * middle**2 + 0.007 * np.cos(2 * np.pi * (season - 200 / 365.25))
    values += 0.002 * np.cos(4 * np.pi * (season - 30 / 365.25))
    values = values + 0.03 * np.array([date >= "2017-02-16" for date in DATES])
    given = series_of(np.broadcast_to(values[:, None], (len(T), 143)).astype(np.float32))
    found = velocity(given, model="semiannual", degree=2, steps=("2017-02-16",))
    assert found.bands[2:] == (
        "rmse",
        "acceleration",
        "amplitude",
        "phase_of_year",
        "semiannual_amplitude",
        "semiannual_phase",
        "step1",
    )
    expected = [50, 0, 0, -8, 7, 200, 2, 30, 30]
    np.testing.assert_allclose(found.array[:, 4, 6], expected, rtol=1e-4, atol=2e-3)


def test_steps_are_numbered_by_day_whatever_their_order() -> None:
    options = find("velocity").validate({"steps": ("2018-01-01", "2017-01-01T12:00:00Z")})
    schema = Schema(Kind.SERIES, ("displacement",))
    assert find("velocity").bands(options, (schema,)) == ("velocity", "std", "rmse", "step1", "step2")
    values = np.broadcast_to(np.array([date >= "2017-01-01T12" for date in DATES])[:, None], (len(T), 143))
    given = series_of(values.astype(np.float32))
    found = velocity(given, steps=("2018-01-01", "2017-01-01T12:00:00Z")).array
    np.testing.assert_allclose(found[3:, 0, 0], [1000, 0], atol=1e-2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": ("2017-02-30",)}, "no day of the calendar"),
        ({"steps": ("16.2.2017",)}, "expected a list of texts such as '2017-02-16'"),
        ({"degree": 9}, "expected a whole number from 1 to 5"),
        ({"model": "weekly"}, "'linear', 'annual' or 'semiannual'"),
    ],
)
def test_wrong_options_are_refused_before_a_pixel_is_read(values: dict[str, Any], message: str) -> None:
    found, schema = find("velocity"), Schema(Kind.SERIES, ("displacement",))
    with pytest.raises(ParameterError, match=message):
        found.bands(found.validate(values), (schema,))


def test_a_step_outside_the_series_and_another_band_are_refused() -> None:
    with pytest.raises(ParameterError, match="step 2031-01-01 lies outside the series, 2016-03-07 to 2019"):
        velocity(series_of(np.zeros((len(T), 143), dtype=np.float32)), steps=("2031-01-01",))
    with pytest.raises(BandError, match="no band 'displacement'"):
        find("velocity").bands(find("velocity").validate({}), (Schema(Kind.SERIES, ("B04",)),))


def test_a_series_without_dates_has_no_velocity() -> None:
    found = velocity(series_of(np.empty((0, 143), dtype=np.float32), ()))
    assert np.isnan(found.array).all()
    assert found.array.shape == (3, *SHAPE)


def test_few_dates_or_a_short_span_have_no_velocity() -> None:
    values = np.broadcast_to(0.031 * T[:, None], (len(T), 143)).astype(np.float32).copy()
    values[:, :50] = np.nan
    values[[0, 20, 40, 60], 0] = 1.0  # four dates, two years
    values[[0, 20, 40, 60, 80], 1] = 1.0  # five
    values[30:37, 2] = 1.0  # seven dates, 84 days
    values[30:39, 3] = 1.0  # nine, 108 days
    given = series_of(values)
    known = ~np.isnan(velocity(given).array).any(axis=0).ravel()[:51]
    np.testing.assert_array_equal(np.flatnonzero(known), [1, 3, 50])
    loose = velocity(given, min_dates=1, min_span=0.0).array.reshape(3, -1)
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(loose[0, :51])), [0, 1, 2, 3, 50])
    strict = velocity(given, min_dates=9, min_span=100.0 / 365.25).array.reshape(3, -1)
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(strict[0, :51])), [3, 50])


def test_older_chains_fit_whatever_there_is_as_they_did() -> None:
    upgraded = find("velocity").upgrades[1]({"model": "linear", "degree": 1, "steps": (), "robust": False})
    assert (upgraded["min_dates"], upgraded["min_span"]) == (1, 0.0)
    find("velocity").validate(upgraded)


# ---------------------------------------------------------------- EGMS

POINTS = ("EGMS_L2b_022_0845_IW2_VV_2020_2024_1", "EGMS_L2b_117_0227_IW2_VV_2020_2024_1")


def egms(archive: Path) -> pd.DataFrame:
    with zipfile.ZipFile(archive) as files:
        name = next(name for name in files.namelist() if name.endswith(".csv"))
        with files.open(name) as stream:
            return pd.read_csv(stream)


@pytest.mark.parametrize("name", POINTS)
def test_egms_columns_to_the_rounding_of_their_readme(name: str, data_dir: Path) -> None:
    """All points of Ustica: degree 1 gives velocity and its std, 2 acceleration, 3 seasonality and rmse."""
    table = egms(data_dir / "egms-ustica-l2b" / f"{name}.zip")
    columns = [column for column in table.columns if column.isdigit()]
    dates = tuple(f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z" for day in columns)
    values = (table[columns].to_numpy().T / 1000).astype(np.float32)
    series = series_of(values, dates, (1, len(table)))
    fits = {degree: velocity(series, model="annual", degree=degree) for degree in (1, 2, 3)}

    def worst(band: str, degree: int, column: str) -> float:
        found = fits[degree].array[fits[degree].bands.index(band), 0]
        return float(np.abs(found - table[column].to_numpy()).max())

    assert len(table) in (11_590, 11_759)
    assert worst("velocity", 1, "mean_velocity") <= 0.1005
    assert worst("std", 1, "mean_velocity_std") <= 0.053
    assert worst("acceleration", 2, "acceleration") <= 0.0165
    assert worst("amplitude", 3, "seasonality") <= 0.0635
    assert worst("rmse", 3, "rmse_ts") <= 0.0555
