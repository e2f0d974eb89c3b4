"""What the scenes of a series and the extent of an image say is refused at the line, not by each tile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import jeoview as jv
from jeoview import InterferogramCollection
from jeoview.collection.years import dates_of_series
from jeoview.engine import Engine
from jeoview.errors import LimitError, ParameterError
from jeoview.image import Image
from jeoview.region import region_grid

ELSEWHERE = (10.0, 40.0, 11.0, 41.0)
CORNER = {"type": "Polygon", "coordinates": [[[10, 40], [11, 40], [10, 41], [10, 40]]]}
PLACE = (-99.18, 19.44)


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


@pytest.fixture
def mexico(data_dir: Path) -> InterferogramCollection:
    return InterferogramCollection.from_pyrate(data_dir / "pyrate-cropa-mexico")


@pytest.fixture
def series(mexico: InterferogramCollection) -> Image:
    return mexico.reference(*PLACE).invert()


def refused(lines: dict[str, Callable[[], Any]], error: type[Exception] = ParameterError) -> None:
    for words, line in lines.items():
        with pytest.raises(error, match=words):
            line()


# ---------------------------------------------------------------- dates


def test_the_dates_of_a_series_are_those_that_its_tiles_have(mexico: InterferogramCollection, series: Image) -> None:
    box = region_grid((-99.19, 19.43, -99.18, 19.44), zoom=12)
    for image in (series, series.temporal_filter(30), series.relative_to(date="2018-03-07") * 2):
        known = dates_of_series(image.node)
        assert known == Engine.default().render(image.node, box).dates
        assert tuple(date[:10] for date in known) == mexico.dates
    # Loops are other layers than pairs and dates.
    assert dates_of_series(mexico.reference(*PLACE).image().closure_integers().node) == ()


def test_a_date_that_the_series_does_not_have_is_refused_with_the_nearest_two(series: Image) -> None:
    near = r"has no date {}; the nearest are {} and {} \(13 dates, 2018-01-06 to 2018-07-17\)"
    for date, one, other in (
        ("2018-02-16", "2018-01-30", "2018-03-07"),
        ("2017-01-01", "2018-01-06", "2018-01-30"),
        ("2019-01-01", "2018-07-05", "2018-07-17"),
    ):
        words = near.format(date, one, other)
        for line in (series.relative_to, (series * 1000).relative_to_date):
            with pytest.raises(ParameterError, match=words):
                line(date=date)
    refused({"date '2018-02-30' is no day of the calendar": lambda: series.relative_to_date("2018-02-30")})
    for date in ("2018-03-07", "2018-01-06T00:00:00Z"):
        series.relative_to(date=date)


def test_pairs_have_no_date_to_be_relative_to(mexico: InterferogramCollection) -> None:
    with pytest.raises(ParameterError, match="relative_to_date: the layers of the series are pairs of dates"):
        mexico.image().relative_to_date("2018-03-07")


def test_a_chain_that_came_as_text_keeps_its_date(series: Image) -> None:
    """Its scenes may be those of another computer; the tile says what is wrong."""
    good = series.relative_to(date="2018-03-07")
    assert Image.from_chain(good.chain).key == good.key


def test_a_motion_that_the_dates_cannot_tell_is_refused(series: Image) -> None:
    refused(
        {
            "the step 2020-01-01 lies outside the series, 2018-01-06 to 2018-07-17": lambda: series.velocity(
                steps=["2020-01-01"]
            ),
            "the step 2018-01-06 lies outside": lambda: series.velocity(steps=["2018-01-06"]),
            "no date of the series lies between the steps 2018-03-08 and 2018-03-09": lambda: series.velocity(
                steps=["2018-03-09", "2018-03-08"]
            ),
            "the 13 dates of the series do not determine the 14 parameters of degree=5, model='semiannual' and 4 steps": (
                lambda: series.velocity(
                    model="semiannual",
                    degree=5,
                    min_span=0,
                    steps=["2018-03-10", "2018-03-25", "2018-04-10", "2018-05-10"],
                )
            ),
        }
    )
    assert series.velocity(steps=["2018-03-08", "2018-03-25"]).bands[-1] == "step2"


def test_years_outside_the_series_are_refused(series: Image) -> None:
    refused({r"years 2010 to 2012 lie outside the series \(13 dates, 2018": lambda: series.annual_steps(2010, 2012)})
    assert series.annual_steps(2017, 2018).bands == ("2017", "2018")


def test_series_of_other_dates_are_not_joined(mexico: InterferogramCollection, series: Image) -> None:
    stack = mexico.reference(*PLACE)
    fewer = stack.filter_pairs(drop=[name for name in stack.ids or () if "20180717" in name]).invert()
    words = (
        "the series have different dates, 13 of 2018-01-06 to 2018-07-17 and 12 of 2018-01-06 to 2018-07-05: 2018-07-17"
    )
    refused(
        {
            f"subtract: {words}": lambda: series - fewer,
            f"where: {words}": lambda: jv.where(series > 0, series, fewer),
            f"series_quality: {words}": lambda: stack.image().series_quality(fewer, stack.wavelength),
        }
    )
    # Other pairs of the same dates make another series of the same dates.
    assert (series - stack.filter_pairs(max_days=200).invert()).unit == "m"
    assert stack.image().series_quality(series, stack.wavelength).bands == ("temporal_coherence", "rms_misclosure")


def test_a_periodogram_of_too_few_dates_or_too_many_trials_is_refused(data_dir: Path) -> None:
    folder = data_dir / "sarxarray-amsterdam-slc"
    slc = jv.SlcCollection.from_zarr(folder / "zarr")
    image, count = slc.image(), len(slc.dates)
    least = {"min_dates": count + 1}
    refused(
        {f"has {count} dates, .* min_dates={count + 1}": lambda: image.ps_velocity(slc.wavelength, **least)},
    )
    few = {"min_dates": count}
    refused({"the limit is 4096": lambda: image.ps_velocity(0.001, limit=9999.0, **few)}, LimitError)
    image.ps_velocity(slc.wavelength, **few)


# ---------------------------------------------------------------- places


def test_areas_outside_the_image_are_refused(mexico: InterferogramCollection, series: Image) -> None:
    velocity = series.velocity()["velocity"]
    outside = r"\(10\.000, 40\.000, 11\.000, 41\.000\) lies outside the image \(-99"
    refused(
        {
            f"series_reference: region {outside}": lambda: series.series_reference(region=ELSEWHERE),
            f"ramps: region {outside}": lambda: mexico.image().ramps(region=ELSEWHERE),
            f"quantiles: region {outside}": lambda: velocity.stretch(region=ELSEWHERE),
            f"unwrap: region {outside}": lambda: velocity.with_unit("rad").unwrap(region=ELSEWHERE),
            f"mask_polygon: the polygon {outside}": lambda: velocity.mask(CORNER),
        }
    )
    velocity.mask_polygon(CORNER, inside=False)


def test_a_region_beside_the_stack_is_refused_before_anything_is_measured(mexico: InterferogramCollection) -> None:
    outside = r"region \(10\.0, 40\.0, 11\.0, 41\.0\) lies outside the stack"
    refused(
        {
            outside: lambda: mexico.filter_pairs(max_days=60, region=ELSEWHERE),
            f"{outside} ": lambda: jv.NetworkPanel(mexico, region=ELSEWHERE, measure=False),
            "got 'here'; expected": lambda: mexico.filter_pairs(max_days=60, region="here"),
        }
    )
    assert len(mexico.filter_pairs(max_days=60, region=mexico.items[0].bbox)) < len(mexico)


def test_one_place_is_given(series: Image) -> None:
    with pytest.raises(ParameterError, match="relative_to: give lon= and lat=, or bounds=, one of them"):
        series.relative_to(lon=PLACE[0], lat=PLACE[1], bounds=(-99.2, 19.4, -99.1, 19.45))


def test_a_pair_is_of_two_images(data_dir: Path) -> None:
    slc = jv.SlcCollection.from_zarr(data_dir / "sarxarray-amsterdam-slc" / "zarr")
    one, other = (slc[day] for day in slc.dates)
    with pytest.raises(ParameterError, match="both images are the same one; give those of two dates"):
        one.coherence(slc[slc.dates[0]])
    assert one.coherence(other).kind.value == "bands"
    # of use: the power of an image
    assert one.interferogram(slc[slc.dates[0]]).multilook(2, 8).amplitude().kind.value == "bands"


def test_a_mean_much_longer_than_the_image_is_refused(series: Image) -> None:
    velocity = series.velocity()["velocity"]
    refused(
        {r"sigma is 1000 km, and the image is 14\.6 km by 9\.28 km": lambda: velocity.spatial_filter(jv.metres(1e6))}
    )
    box = (-99.15, 19.4, -99.1, 19.43)
    found = velocity.spatial_filter(jv.metres(4 * 14_000)).to_numpy(bounds=box, zoom=11, progress=False)
    assert np.isfinite(np.asarray(found)).any()


def test_a_reference_is_a_place_and_a_whole_number_of_pixels(mexico: InterferogramCollection) -> None:
    refused(
        {
            "reference: lon is nan; expected a number": lambda: mexico.reference(float("nan"), 19.44),
            "reference: lat is -99.18; expected a number from -90 to 90": lambda: mexico.reference(*PLACE[::-1]),
            r"reference: pixels is 2\.5; expected a whole number": lambda: mexico.reference(*PLACE, pixels=2.5),  # type: ignore[arg-type]
        }
    )
    assert mexico.reference(*PLACE, pixels=3.0).invert().unit == "m"  # type: ignore[arg-type]


def test_a_profile_beside_the_data_says_where_they_are(series: Image) -> None:
    velocity = series.velocity()["velocity"]
    with pytest.warns(UserWarning, match=r"profile: no pixel is valid .*the image has data within \(-99\.191"):
        velocity.profile([(10, 45), (10.01, 45)], zoom=10, progress=False)


def test_tracks_that_do_not_overlap_or_go_together_are_refused(tmp_path: Path, series: Image) -> None:
    far = tmp_path / "far.tif"
    with rasterio.open(
        far, "w", "GTiff", 9, 9, 1, "EPSG:4326", from_origin(10, 45, 0.01, 0.01), dtype="float32"
    ) as file:
        file.write(np.ones((1, 9, 9), np.float32))
    rate, other = series.velocity()["velocity"], jv.open(str(far))
    part = rate.with_unit("")
    refused(
        {
            r"no two of the tracks overlap: \(-99\.191, .*\) and \(10\.000": lambda: rate.decompose(
                part, part, other, other, other
            ),
            "the tracks are in mm/yr and m/yr": lambda: rate.decompose(part, part, part.with_unit("m/yr"), part, part),
            "image 3 is in °; expected the up component": lambda: rate.decompose(
                part, part.with_unit("°"), rate, part, part
            ),
        }
    )
    assert rate.decompose(part, part, rate, part, part)["up"].unit == "mm/yr"
    assert part.decompose(part, part, rate, part, part)["up"].unit == "mm/yr"
    # Of three tracks two suffice.
    assert rate.decompose(part, part, rate, part, part, other, other, other).bands[0] == "up"


# ---------------------------------------------------------------- numbers


def test_thresholds_that_no_pixel_can_keep_are_refused(mexico: InterferogramCollection) -> None:
    stack = mexico.reference(*PLACE)
    refused(
        {
            "noise_mask: vstd is -1; expected a number from 0$": lambda: stack.noise_mask(vstd=-1),
            "noise_mask: coh_avg is 2; expected a number from 0 to 1": lambda: stack.noise_mask(coh_avg=2),
            "noise_mask: n_unw is 31; expected a number from 0 to 30": lambda: stack.noise_mask(n_unw=31),
        }
    )
    stack.noise_mask(n_unw=30, coh_avg=jv.parameter("c", 0.5, min=0, max=1), vstd=None)


def test_heights_are_metres(mexico: InterferogramCollection, series: Image) -> None:
    stack = mexico.reference(*PLACE)
    with pytest.raises(ParameterError, match="the heights are in mm/yr; expected metres"):
        stack.correct_height(series.velocity()["velocity"])
    assert stack.correct_height().corrected


def test_baselines_are_numbers_of_pairs(data_dir: Path) -> None:
    files = str(data_dir / "pyrate-cropa-mexico" / "**" / "*_unw.tif")
    pair = dt.date(2018, 1, 6), dt.date(2018, 1, 30)
    wrong: dict[str, Any] = {
        r"\('2018-01-06', 'soon'\) is no pair; expected \(earlier, later\)": {("2018-01-06", "soon"): 3.0},
        "is no pair": {pair[::-1]: 3.0},
        "'20180106' is no pair": {"20180106": 3.0},
        "0 is no pair": {0: 3.0},
        "the pair 20180106_20180130 stands twice": {pair: 3, "20180106_20180130": 4},
        "1 of 2 are of pairs that no file is of \\(20180106_20180131\\)": {pair: 3, "20180106_20180131": 4},
        "that of 20180106_20180130 is 'x'; expected a number": {pair: "x"},
        "baselines are 3": 3,
    }
    for words, given in wrong.items():
        with pytest.raises(ParameterError, match=words):
            InterferogramCollection.from_files(files, baselines=given)
    times = tuple(dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC) for day in pair)
    for key in (pair, times, ("2018-01-06", "20180130"), "20180106_20180130", "2018-01-06/2018-01-30"):
        assert InterferogramCollection.from_files(files, baselines={key: 3}).pairs()["bperp"][0] == 3
