"""Lines whose result can only be empty are refused, or warned about, where they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview import InterferogramCollection
from jeoview.errors import LimitError, ParameterError, SourceError

NOWHERE = (-99.1905, 19.369)  # inside the stack, in a hole of every pair


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def mexico(data_dir: Path) -> InterferogramCollection:
    return InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")


def stack_of(folder: Path, pairs: dict[str, bool]) -> InterferogramCollection:
    """Pairs of constant phase; of some the left half has no data."""
    profile: dict[str, Any] = {"driver": "GTiff", "width": 40, "height": 30, "count": 1, "dtype": "float32"}
    for name, whole in pairs.items():
        values = np.ones((1, 30, 40), np.float32)
        values[..., : 0 if whole else 20] = 0
        with rasterio.open(
            folder / f"{name}_unw.tif", "w", transform=from_origin(10, 45, 0.001, 0.001), crs="EPSG:4326", **profile
        ) as file:
            file.write(values)
    return InterferogramCollection.from_files(str(folder / "*_unw.tif"))


# ---------------------------------------------------------------- reference


def test_a_reference_without_data_is_refused_where_it_is_inverted(mexico: InterferogramCollection) -> None:
    empty = mexico.reference(*NOWHERE)
    assert np.isnan(list(empty.reference_phase().values())).all()
    for line in (empty.invert, empty.quality, empty.noise_indices, empty.noise_mask, empty.deramp().invert):
        with pytest.raises(
            ParameterError, match=r"none of the 30 pairs has data at the reference -99\.19.*\.reference"
        ):
            line()
    assert "30 of 30 pairs (20180106_20180130, " in empty.report()
    assert "no data" not in mexico.reference(lon=-99.18, lat=19.44).report()


def test_pairs_that_are_lost_at_the_reference_are_named(tmp_path: Path) -> None:
    chain = {"20200101_20200113": True, "20200113_20200125": False, "20200125_20200206": True}
    stack = stack_of(tmp_path, chain)
    lost = stack.reference(lon=10.01, lat=44.985)
    words = r"1 of 3 pairs \(20200113_20200125\) have no data at the reference"
    with pytest.warns(UserWarning, match=words + r" .* fall into 2 subsets"):
        lost.invert()
    lost.invert("nsbas")
    assert lost.report().endswith("1 of 3 pairs (20200113_20200125) have no data at the reference")
    stack.reference(lon=10.03, lat=44.985).invert()


def test_a_lost_pair_that_others_replace_is_reported_alone(tmp_path: Path) -> None:
    ring = {"20200101_20200113": True, "20200113_20200125": False, "20200101_20200125": True}
    stack = stack_of(tmp_path, ring).reference(lon=10.01, lat=44.985)
    stack.invert()
    assert "1 of 3 pairs" in stack.report()


def test_a_first_date_that_covers_a_part_is_said_and_the_rest_has_counts(tmp_path: Path) -> None:
    """West of 10.02 all dates, east of it all but the first one."""
    pairs = {"20200101_20200131": 20, "20200131_20200301": 40, "20200131_20200331": 40, "20200301_20200331": 40}
    for name, width in pairs.items():
        days = np.diff([np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}") for day in name.split("_")]).astype(float)[0]
        # A pair keeps an arbitrary constant; without it this phase would look like coherence.
        per_day = np.linspace(0.001, 0.01, 40)[:width]
        values = np.broadcast_to(per_day * days + 2.0, (1, 30, width)).astype(np.float32)
        profile: dict[str, Any] = {"driver": "GTiff", "width": width, "height": 30, "count": 1, "dtype": "float32"}
        place = from_origin(10, 45, 0.001, 0.001)
        with rasterio.open(tmp_path / f"{name}_unw.tif", "w", transform=place, crs="EPSG:4326", **profile) as file:
            file.write(values)
    stack = InterferogramCollection.from_files(str(tmp_path / "*_unw.tif")).reference(lon=10.0005, lat=44.985, pixels=1)
    words = r"first date, 2020-01-01, cover 50% of the stack.*nsbas.*drop=\['20200101_20200131'\]"
    with pytest.warns(UserWarning, match=words):
        sbas = stack.invert()
    stack.filter_pairs(drop=["20200101_20200131"]).invert()
    options: dict[str, Any] = {"min_dates": 3, "min_span": 0}
    here, there = np.s_[:, 15, 10], np.s_[:, 15, 30]
    rate = stack.invert("nsbas").velocity(**options)["velocity"].to_numpy()
    assert isinstance(rate, np.ndarray)
    expected = -365.25 * 1000 * stack.wavelength / (4 * np.pi) * (np.linspace(0.001, 0.01, 40) - 0.001)
    np.testing.assert_allclose(rate[0, 15, [10, 30]], expected[[10, 30]], rtol=1e-4)
    assert np.isnan(np.asarray(sbas.velocity(**options).to_numpy())[there]).all()
    names = ["pair_count", "date_count", "gap_count", "unused_count"]
    counts = np.asarray(stack.quality()[names].to_numpy())
    assert counts[here].tolist() == [4, 4, 0, 0]
    assert counts[there].tolist() == [0, 0, 1, 3]
    bridged = np.asarray(stack.quality("nsbas")[names].to_numpy())
    assert bridged[there].tolist() == [3, 3, 1, 0]


def test_a_reference_that_cannot_be_read_is_left_to_the_tiles(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, {"20200101_20200113": True}).reference(lon=10.01, lat=44.985)
    (tmp_path / "20200101_20200113_unw.tif").unlink()
    stack.invert()
    assert "reference" in stack.report()


# ---------------------------------------------------------------- dates


def test_a_series_that_is_too_short_for_its_velocity_is_refused(mexico: InterferogramCollection) -> None:
    series = mexico.reference(lon=-99.18, lat=19.44).invert()
    words = r"spans 0\.53 yr \(2018-01-06 to 2018-07-17\), and model='annual' needs min_span=1 yr.*model=\"linear\""
    with pytest.raises(ParameterError, match=words):
        series.velocity(model="annual")
    with pytest.raises(ParameterError, match=r"13 dates, .* min_dates=14: .*Give min_dates=13"):
        series.velocity(min_dates=14)
    with pytest.raises(ParameterError, match=r"min_span=2 yr"):
        series.velocity(min_span=2)
    for options in ({}, {"model": "annual", "min_span": 0.5}, {"min_dates": 13}):
        assert "velocity" in series.velocity(**options).bands


# ---------------------------------------------------------------- places


ELSEWHERE = (10.0, 40.0, 11.0, 41.0)


def test_areas_outside_the_stack_are_refused(mexico: InterferogramCollection, tmp_path: Path) -> None:
    stack = mexico.reference(lon=-99.18, lat=19.44)
    height = stack.image()["coherence"].mean() * 900.0
    other = stack_of(tmp_path, {"20200101_20200113": True}).image()["unwrapped"].mean()
    series = stack.invert()
    lines: dict[str, Callable[[], Any]] = {
        "deramp: region": lambda: stack.deramp(region=ELSEWHERE),
        "correct_height: region": lambda: stack.correct_height(height, region=ELSEWHERE),
        "correct_height: the image of heights": lambda: stack.correct_height(other),
        "relative_to: the place": lambda: series.relative_to(lon=10, lat=45),
    }
    for words, line in lines.items():
        with pytest.raises(ParameterError, match=rf"{words} \(.* lies outside the (stack|image) \(-99\."):
            line()
    inside = (-99.2, 19.4, -99.1, 19.5)
    assert len(stack.deramp(region=inside).correct_height(height, region=inside).corrected) == 2
    with pytest.raises(ParameterError, match="expected four numbers"):
        stack.deramp(region=(1, 2))  # type: ignore[arg-type]


def test_a_date_that_is_none_is_said_in_words(mexico: InterferogramCollection) -> None:
    series = mexico.reference(lon=-99.18, lat=19.44).invert()
    for date in ("20180307", "2018-02-30", "soon", 3, "2018-03-07x"):
        with pytest.raises(ParameterError, match=r"relative_to: date=.* is no day of the calendar as 'YYYY-MM-DD'"):
            series.relative_to(date=date)  # type: ignore[arg-type]
    series.relative_to(date="2018-03-07")


def test_an_empty_export_of_a_stack_tells_its_own_reasons(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, {"20200101_20200113": True, "20200113_20200125": False}).reference(lon=10.03, lat=44.985)
    with pytest.warns(
        UserWarning,
        match=r"nodata or masked, has no data at the reference, too few dates or no pairs that lead to the first date .*nsbas",
    ):
        stack.invert().velocity(min_dates=3, min_span=0).mask(stack.image()["unwrapped"].mean() > 9).to_numpy(zoom=14)


# ---------------------------------------------------------------- coherence


def write_coherence(folder: Path, name: str, value: float, dtype: str) -> None:
    profile: dict[str, Any] = {"driver": "GTiff", "width": 40, "height": 30, "count": 1, "dtype": dtype}
    place = from_origin(10, 45, 0.001, 0.001)
    with rasterio.open(folder / f"{name}_cc.tif", "w", transform=place, crs="EPSG:4326", **profile) as file:
        file.write(np.full((1, 30, 40), value, dtype))


def test_coherence_above_one_is_refused_or_said(tmp_path: Path) -> None:
    names = ("20200101_20200113", "20200113_20200125")
    stack_of(tmp_path, dict.fromkeys(names, True))
    patterns = str(tmp_path / "*_unw.tif"), str(tmp_path / "*_cc.tif")
    for name in names:
        write_coherence(tmp_path, name, 204, "uint8")
    for scale in (255, 0, -1, "1"):
        with pytest.raises(ParameterError, match=r"coherence_scale .*1/255 for bytes"):
            InterferogramCollection.from_files(*patterns, coherence_scale=scale)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"_cc\.tif holds whole numbers \(uint8\).*1/255 for bytes"):
        InterferogramCollection.from_files(*patterns)
    found = InterferogramCollection.from_files(*patterns, coherence_scale=1 / 255, name="bytes").measures()
    assert found["coherence"].tolist() == pytest.approx([0.8, 0.8])
    write_coherence(tmp_path, names[0], 204, "float32")
    write_coherence(tmp_path, names[1], 0.8, "float32")
    with pytest.raises(ParameterError, match=r"20200101_20200113_cc\.tif holds 204 to 204.*1/255 for bytes"):
        InterferogramCollection.from_files(*patterns, name="floats")
    # So little above may come of interpolation.
    write_coherence(tmp_path, names[0], 1.04, "float32")
    near = InterferogramCollection.from_files(*patterns, name="floats")
    with pytest.warns(UserWarning, match=r"coherence of 1 of 2 pairs is above 1 \(20200101_20200113: 1.04\)"):
        near.measures()


def test_pairs_without_coherence_are_named(tmp_path: Path) -> None:
    names = ("20200101_20200113", "20200113_20200125")
    stack_of(tmp_path, dict.fromkeys(names, True))
    write_coherence(tmp_path, names[0], 0.8, "float32")
    with pytest.warns(UserWarning, match=r"1 of 2 pairs have no file of coherence, the first 20200113_20200125"):
        InterferogramCollection.from_files(str(tmp_path / "*_unw.tif"), str(tmp_path / "*_cc.tif"))


# ---------------------------------------------------------------- contradictions


def test_wishes_that_no_pair_can_keep_are_refused(mexico: InterferogramCollection) -> None:
    for nearest in (0, 1.5):
        with pytest.raises(ParameterError, match="expected a whole number of dates, 1 or more"):
            mexico.filter_pairs(nearest=nearest)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="min_days=60 is more than max_days=24"):
        mexico.filter_pairs(min_days=60, max_days=24)
    assert "(without 2018-07-05)" in mexico.filter_pairs(drop=["20180506_20180705"]).report()
    with pytest.raises(ParameterError, match="polygon is a Point, which has no area"):
        mexico.reference(polygon={"type": "Point", "coordinates": [-99.18, 19.44]})


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no file matches '\*_unw\.tif': there is no folder 'nope'"):
        InterferogramCollection.from_files(str(tmp_path / "nope" / "*_unw.tif"))
    with pytest.raises(SourceError, match=r"no file matches '\*_unw\.tif' there"):
        InterferogramCollection.from_files(str(tmp_path / "*_unw.tif"))


def test_pixels_that_were_meant_as_metres_say_so(mexico: InterferogramCollection) -> None:
    with pytest.raises(LimitError, match=r"jv\.metres\(2000\)"):
        mexico.image()["coherence"].mean().spatial_filter(2000)
