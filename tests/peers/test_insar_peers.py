"""Real interferograms of Mexico City against plain least squares, and against MintPy where it is installed."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from numpy.typing import NDArray
from scipy.spatial import KDTree

from jeoview.grid import Grid, web_mercator
from jeoview.operators import insar, insar_decompose, insar_quality
from jeoview.operators.velocity import velocity
from jeoview.raster import Kind, Raster
from tests.peers import mintpy

WAVELENGTH = 0.05550415767769124
# 7 x 7 pixels round row 8, column 7, as the README of the data.
REFERENCE = np.s_[5:12, 4:11]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pairs:
    """30 pairs of 13 dates, 60 x 100 pixels."""

    stack: Raster
    days: tuple[str, ...]
    earlier: NDArray[np.int64]
    later: NDArray[np.int64]

    @property
    def phase(self) -> Doubles:
        """(pair, pixel) rad, referenced."""
        return self.referenced.array[:, 0].reshape(30, -1).astype(np.float64)

    @property
    def referenced(self) -> Raster:
        row, col = REFERENCE
        grid = Grid(self.stack.grid.lattice, row.start, col.start, 7, 7)
        return insar.referenced(self.stack, insar.reference_phase(self.stack.cut(grid)))

    @property
    def years(self) -> Doubles:
        days = np.array([f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in self.days], dtype="datetime64[D]")
        return np.asarray((days - days[0]).astype(int) / 365.25)

    @property
    def matrix(self) -> Doubles:
        rows = np.zeros((30, 13))
        rows[np.arange(30), self.earlier], rows[np.arange(30), self.later] = -1, 1
        return rows


def read(path: Path) -> Floats:
    with rasterio.open(path) as file:
        values = file.read(1).astype(np.float32)
    return np.where(values == 0, np.float32(np.nan), values)


@pytest.fixture(scope="module")
def pairs(data_dir: Path) -> Pairs:
    folder = data_dir / "pyrate-cropa-mexico"
    with (folder / "index.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    days = tuple(sorted({row[name] for row in rows for name in ("date1", "date2")}))
    names = [folder / "geotiffs" / row["unw_file"] for row in rows]
    coherences = [name.with_name(name.name.replace("_eqa_unw", "_flat_eqa_cc")) for name in names]
    array = np.stack([[read(one), read(other)] for one, other in zip(names, coherences, strict=True)])
    intervals = tuple(f"{_moment(row['date1'])}/{_moment(row['date2'])}" for row in rows)
    grid = Grid(web_mercator(10), 0, 0, *array.shape[-2:])
    stack = Raster(array, grid, Kind.SERIES, ("unwrapped", "coherence"), intervals)
    earlier, later = (np.array([days.index(row[name]) for row in rows]) for name in ("date1", "date2"))
    return Pairs(stack, days, earlier, later)


def _moment(day: str) -> str:
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T00:40:21Z"


def line(series: Doubles, years: Doubles) -> tuple[Doubles, Doubles]:
    """Slope and its standard error, mm/yr."""
    given = np.stack([np.ones_like(years), years], axis=1)
    found, squares, _, _ = np.linalg.lstsq(given, series * 1000, rcond=None)
    error = np.sqrt(squares / (len(years) - 2) * np.linalg.inv(given.T @ given)[1, 1])
    return found[1], error


# ---------------------------------------------------------------- plain least squares


def test_series_velocity_and_coherence_equal_least_squares(pairs: Pairs) -> None:
    whole = ~np.isnan(pairs.phase).any(axis=0)
    assert whole.sum() == 5882
    solution = np.linalg.lstsq(pairs.matrix[:, 1:], pairs.phase[:, whole], rcond=None)[0]
    rest = pairs.phase[:, whole] - pairs.matrix[:, 1:] @ solution
    expected = -WAVELENGTH / (4 * np.pi) * np.vstack([np.zeros(5882), solution])

    series = insar.invert(pairs.referenced, wavelength=WAVELENGTH)
    assert series.dates == tuple(_moment(day) for day in pairs.days)
    np.testing.assert_allclose(series.array.reshape(13, -1)[:, whole], expected, atol=2e-8)
    quality = insar_quality.inversion_quality(pairs.referenced)
    coherence, rms = quality.array[:2].reshape(2, -1)[:, whole]
    np.testing.assert_allclose(coherence, np.abs(np.exp(1j * rest).mean(axis=0)), atol=1e-7)
    np.testing.assert_allclose(rms, np.sqrt((rest**2).mean(axis=0)), rtol=1e-5)
    slope, error = line(expected, pairs.years)
    found = velocity(series).array.reshape(3, -1)[:, whole]
    np.testing.assert_allclose(found[0], slope, atol=2e-4)
    np.testing.assert_allclose(found[1], error, atol=2e-4)


def test_weighted_series_equals_weighted_least_squares_with_gaps(pairs: Pairs) -> None:
    phase, random = pairs.phase, np.random.default_rng(0)
    coherence = pairs.stack.array[:, 1].reshape(30, -1).astype(np.float64)
    gaps = random.random(phase.shape) < 0.15
    array = pairs.referenced.array.copy()
    array[:, 0] = np.where(gaps.reshape(array[:, 0].shape), np.nan, array[:, 0])
    series = insar.invert(
        Raster(array, pairs.stack.grid, Kind.SERIES, pairs.stack.bands, pairs.stack.dates),
        wavelength=WAVELENGTH,
        weight="fisher",
    ).array.reshape(13, -1)
    known = np.flatnonzero(~np.isnan(series).any(axis=0))
    assert len(known) > 3000
    for p in known[::40]:
        used = ~gaps[:, p] & ~np.isnan(phase[:, p])
        g = np.clip(coherence[used, p], 0.001, 0.999)
        root = np.sqrt(2 * g**2 / (1 - g**2))
        rows, right = pairs.matrix[used, 1:] * root[:, None], phase[used, p] * root
        expected = -WAVELENGTH / (4 * np.pi) * np.linalg.lstsq(rows, right, rcond=None)[0]
        np.testing.assert_allclose(series[1:, p], expected, atol=2e-8)


def test_the_east_sinks_by_nearly_300_mm_a_year(pairs: Pairs) -> None:
    found = velocity(insar.invert(pairs.referenced, wavelength=WAVELENGTH)).array[0]
    row, col = np.unravel_index(np.nanargmin(found), found.shape)
    assert col > 80
    assert -305 < found[row, col] < -280
    assert np.nanpercentile(found[:, 85:], 2) < -280
    assert np.nanmedian(np.abs(found[REFERENCE])) < 10


def test_loops_close_only_after_referencing(pairs: Pairs) -> None:
    before = insar_quality.triplet_quality(pairs.stack).array
    after = insar_quality.triplet_quality(pairs.referenced).array
    assert np.nanmedian(after[0]) > np.nanmedian(before[0]) + 0.1
    assert abs(np.nanmedian(after[1])) < 0.3


def test_dates_without_pairs_are_unknown_where_mintpy_gives_zeros(pairs: Pairs) -> None:
    """22 pixels lack pairs: MintPy's series is 0 there, ours says which dates are known."""
    series = insar.invert(pairs.referenced, wavelength=WAVELENGTH).array.reshape(13, -1)
    quality = insar_quality.inversion_quality(pairs.referenced).array.reshape(6, -1)
    some = ~np.isnan(pairs.phase).all(axis=0) & np.isnan(pairs.phase).any(axis=0)
    assert some.sum() == 22
    unknown = np.isnan(series[:, some]).sum(axis=0)
    assert set(unknown) == {1, 2, 7}
    np.testing.assert_array_equal(quality[3, some], 13 - unknown)
    np.testing.assert_array_equal(quality[2, some], (~np.isnan(pairs.phase[:, some])).sum(axis=0))
    assert (np.nanmax(np.abs(series[1:, some]), axis=0) > 1e-3).all()


# ---------------------------------------------------------------- MintPy itself


@pytest.fixture(scope="module")
def python() -> str:
    return mintpy.find()


@pytest.mark.parametrize("weight", ["none", "coherence", "fisher"])
def test_equals_mintpy(pairs: Pairs, python: str, weight: str, tmp_path: Path) -> None:
    coherence = np.clip(np.nan_to_num(pairs.stack.array[:, 1]).reshape(30, -1).astype(np.float64), 0.001, 0.999)
    given = {"none": np.empty(0), "coherence": np.sqrt(coherence)}
    given["fisher"] = np.sqrt(2 * coherence**2 / (1 - coherence**2))
    # One pixel in three where MintPy goes one by one.
    step = 1 if weight == "none" else 3
    weights = given[weight][:, ::step] if weight != "none" else given[weight]
    theirs = mintpy.invert(
        python,
        tmp_path,
        phase=pairs.phase[:, ::step].astype(np.float32),
        weight_sqrt=weights,
        earlier=pairs.earlier,
        later=pairs.later,
        dates=np.array(pairs.days),
        wavelength=WAVELENGTH,
    )
    series = insar.invert(pairs.referenced, wavelength=WAVELENGTH, weight=weight)  # type: ignore[arg-type]
    quality = insar_quality.inversion_quality(pairs.referenced, weight=weight)  # type: ignore[arg-type]
    ours, fitted = series.array.reshape(13, -1)[:, ::step], velocity(series).array.reshape(3, -1)[:, ::step]
    whole = ~np.isnan(pairs.stack.array).any(axis=(0, 1)).ravel()[::step]
    assert whole.mean() > 0.9
    # MintPy keeps the intervals between dates, and the series, in float32.
    np.testing.assert_allclose(theirs["series"][:, whole], ours[:, whole], atol=3e-7)
    np.testing.assert_allclose(theirs["coherence"][whole], quality.array[0].ravel()[::step][whole], atol=5e-6)
    np.testing.assert_allclose(1000 * theirs["velocity"][whole], fitted[0, whole], atol=2e-3)
    np.testing.assert_allclose(1000 * theirs["std"][whole], fitted[1, whole], atol=1e-3)


# ---------------------------------------------------------------- up and east of real points


def test_up_and_east_of_ustica(data_dir: Path) -> None:
    """Ascending and descending EGMS points less than 15 m apart, against least squares of each."""
    columns = ["easting", "northing", "mean_velocity", "los_east", "los_up"]
    tracks = []
    for name in ("EGMS_L2b_022_0845_IW2_VV_2020_2024_1", "EGMS_L2b_117_0227_IW2_VV_2020_2024_1"):
        with (
            zipfile.ZipFile(data_dir / "egms-ustica-l2b" / f"{name}.zip") as files,
            files.open(f"{name}.csv") as stream,
        ):
            tracks.append(pd.read_csv(stream, usecols=columns))
    place = [track[["easting", "northing"]].to_numpy() for track in tracks]
    distance, nearest = KDTree(place[1]).query(place[0])
    near = distance < 15
    assert near.sum() > 2000
    joined = [tracks[0][near], tracks[1].iloc[nearest[near]]]
    grid = Grid(web_mercator(10), 0, 0, 1, int(near.sum()))
    values = [track[name].to_numpy(np.float32) for track in joined for name in columns[2:]]
    images = [Raster(value[None, None], grid, Kind.BANDS, ("v",)) for value in values]
    up, east, condition = insar_decompose.decompose(*images).array[:, 0]
    given = np.array(values, dtype=np.float64).reshape(2, 3, -1)
    expected = np.linalg.solve(given[:, 1:].transpose(2, 0, 1), given[:, :1].transpose(2, 0, 1))[..., 0]
    np.testing.assert_allclose(east, expected[:, 0], atol=1e-4)
    np.testing.assert_allclose(up, expected[:, 1], atol=1e-4)
    np.testing.assert_allclose(condition, np.linalg.cond(given[:, 1:].transpose(2, 0, 1)), rtol=1e-5)
    assert condition.max() < 1.5
    # The island is quiet: a few millimetres a year.
    assert np.abs(np.median(up)) < 2
    assert np.abs(np.median(east)) < 2
