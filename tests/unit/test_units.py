"""Units band by band: what operators say of each band, what joins and arithmetic make of them, and what the exits write."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image as Picture

import jeoview as jv
from jeoview.describe import describe
from jeoview.errors import ParameterError
from jeoview.export import export_package
from jeoview.image import Image, apply
from jeoview.io import legend as drawing
from jeoview.operators.colour import legend
from jeoview.quantities import WRAPPED
from jeoview.schema import units_of
from jeoview.widgets import readout
from jeoview.widgets.chart import chart, csv_text
from jeoview.widgets.look import look_of
from tests.synthetic import grid_at, raster, slc, source
from tests.unit.export_world import CRS, Scene, World, leave

Units = dict[str, str]


def pairs(name: str = "1") -> Image:
    return source(name, ("unwrapped", "coherence"), stack="pairs", unit={"unwrapped": "rad"})


def displacement() -> Image:
    return source("2", ("displacement",), unit="m")


def fit(**options: Any) -> Image:
    return apply("velocity", (displacement(),), options)


# ---------------------------------------------------------------- what operators say


LINEAR = {"velocity": "mm/yr", "std": "mm/yr", "rmse": "mm"}
ANNUAL = {"amplitude": "mm", "phase_of_year": "d"}
HALF_YEAR = {"semiannual_amplitude": "mm", "semiannual_phase": "d"}


@pytest.mark.parametrize(
    ("options", "units"),
    [
        ({}, LINEAR),
        ({"degree": 2}, {**LINEAR, "acceleration": "mm/yr^2"}),
        ({"model": "annual"}, {**LINEAR, **ANNUAL}),
        ({"model": "semiannual", "degree": 3}, {**LINEAR, "acceleration": "mm/yr^2", **ANNUAL, **HALF_YEAR}),
        ({"steps": ("2023-05-01", "2023-08-01")}, {**LINEAR, "step1": "mm", "step2": "mm"}),
    ],
)
def test_a_fit_of_motion_says_the_unit_of_each_band(options: dict[str, Any], units: Units) -> None:
    assert fit(**options).units == units
    assert fit(**options).unit == ""
    assert {band: fit(**options)[band].unit for band in units} == units


def decomposed() -> Image:
    speed, part = source("1", ("v",), unit="mm/yr").median(), source("2", ("e",)).median()
    return speed.decompose(part, part, speed, part, part)


@pytest.mark.parametrize(
    ("image", "units"),
    [
        (lambda: slc("5").ps_velocity(wavelength=0.056), {"velocity": "mm/yr", "coherence": ""}),
        (decomposed, {"up": "mm/yr", "east": "mm/yr", "condition_number": ""}),
        (
            lambda: pairs().inversion_quality(),
            {
                "temporal_coherence": "",
                "rms_misclosure": "rad",
                "pair_count": "",
                "date_count": "",
                "gap_count": "",
                "unused_count": "",
            },
        ),
        (
            lambda: pairs().series_quality(displacement(), wavelength=0.056),
            {"temporal_coherence": "", "rms_misclosure": "rad"},
        ),
        (lambda: pairs().triplet_quality(), {"triplet_coherence": "", "triplet_bias": "rad"}),
        (
            lambda: pairs().loop_closure(),
            {"loop_count": "", "loop_errors": "", "loop_rms": "rad", "pairs_without_loop": ""},
        ),
        (
            lambda: pairs().unwrapping_errors(),
            {"corrected_pairs": "", "corrected_turns": "turns", "ambiguous_loops": "", "left_loops": ""},
        ),
        (lambda: pairs().network_statistics(), {"coh_avg": "", "n_unw": "", "maxTlen": "yr", "n_gap": ""}),
        (pairs().first()["unwrapped"].unwrap, {"unwrapped": "rad", "component": ""}),
        (lambda: pairs().invert(wavelength=0.056), {"displacement": "m"}),
        (lambda: source("1", ("i", "q"), unit="V").from_iq(), {"slc": "V"}),
    ],
)
def test_every_band_has_a_unit_of_its_own(image: Any, units: Units) -> None:
    assert image().units == units


def test_a_line_over_height_is_of_the_band_that_it_is_fitted_to() -> None:
    height = source("3", ("h",), unit="m").median()
    assert pairs().height_correlation(height).units == {"unwrapped": "rad/m"}
    assert pairs().height_corrected(height, pairs().height_correlation(height)).units == pairs().units
    several = source("2", ("displacement", "velocity"), unit={"displacement": "m", "velocity": "mm/yr"})
    assert several.series_reference().units == {"displacement": "m"}


# ---------------------------------------------------------------- sources


def test_a_source_says_one_unit_or_that_of_each_band() -> None:
    assert pairs().units == {"unwrapped": "rad", "coherence": ""}
    assert (pairs().unit, pairs()["unwrapped"].unit, pairs()["coherence"].unit) == ("", "rad", "")
    warm = source("1", ("ST", "QA"), unit="K", quality={"QA": "landsat-c2-qa"})
    assert (warm.unit, warm.units) == ("K", {"ST": "K", "QA": ""})
    assert Image.from_chain(pairs().chain).units == pairs().units


def test_a_file_keeps_the_unit_of_each_band_on_its_way_out_and_back(motion: World, tmp_path: Path) -> None:
    path = leave(seasons(motion), "to_geotiff", tmp_path / "fit.tif", **NATIVE)
    with rasterio.open(path) as file:
        assert file.descriptions == ("velocity", "std", "rmse", "amplitude", "phase_of_year")
        assert file.units == ("mm/yr", "mm/yr", "mm", "mm", "d")
        assert "UNIT" not in file.tags()
    again = jv.open(path)
    assert again.units == seasons(motion).units
    # Where all bands agree, one word stands for all in the text, as it did.
    plain = leave(seasons(motion)[["velocity", "std"]], "to_geotiff", tmp_path / "plain.tif", **NATIVE)
    assert '"unit":"mm/yr"' in jv.open(plain).chain
    with rasterio.open(plain) as file:
        assert file.tags()["UNIT"] == "mm/yr"


# ---------------------------------------------------------------- what becomes of them


def test_units_go_with_their_bands() -> None:
    image = fit(model="annual")
    assert image[["rmse", "velocity"]].units == {"rmse": "mm", "velocity": "mm/yr"}
    assert image[["velocity", "rmse"]].rename(["rmse", "velocity"]).units == {"rmse": "mm/yr", "velocity": "mm"}
    joined = image["amplitude"].join_bands(pairs().first())
    assert joined.units == {"amplitude": "mm", "unwrapped": "rad", "coherence": ""}
    assert image.mask(image["rmse"] < 3).units == image.units
    assert image["rmse"].mask(image).units == dict.fromkeys(image.bands, "mm")
    assert image.unmask(0).units == image.clip(-1, 1).units == image.focal_mean(2).units == image.units
    assert set(image.units) == set(image.bands)
    assert pairs().median().units == pairs().max().units == pairs().units
    assert (image > 0).units == dict.fromkeys(image.bands, "")
    assert image.with_unit("in").unit == "in"
    assert source("1", ("a", "b"), unit={"a": "m", "b": "metres"}).unit == "m"


def test_the_quantiles_that_stretch_have_the_units_and_the_stretched_none() -> None:
    image = fit()
    assert image.quantiles().units == image.units
    assert image.stretch_by(image.quantiles()).units == dict.fromkeys(image.bands, "")
    assert image["rmse"].colormap(vmin=0, vmax=1).unit == ""


def test_arithmetic_is_checked_band_by_band() -> None:
    image = fit(model="annual")
    words = r"the images have values in 'mm' and 'mm/yr': expected one unit\. Bring one to the unit of the other"
    with pytest.raises(ParameterError, match=words):
        image["amplitude"] + image["velocity"]
    with pytest.raises(ParameterError, match=words):
        image["rmse"].lt(image["std"])
    with pytest.raises(ParameterError, match=words):
        (image["rmse"] > 1).where(image["rmse"], image["std"])
    with pytest.raises(ParameterError, match=r"in 'mm/yr' and 'mm' in band 'velocity': expected one unit"):
        image - image["rmse"]
    with pytest.raises(ParameterError, match=r"in 'mm' and 'mm/yr' in band 'rmse'"):
        image[["velocity", "rmse"]] - image[["std", "velocity"]]
    assert (image - image).units == (image * 2).units == (image / 2).units == image.units
    assert (image + source("9", ("a",)).median()).units == image.units
    assert (image["amplitude"] + image["rmse"]).unit == "mm"
    of_a_file = source("8", ("acceleration",), unit="mm/yr2").median()
    assert (fit(degree=2)["acceleration"] - of_a_file).unit == "mm/yr^2"
    assert (image / image).units == (image * image).units == (1 / image).units == dict.fromkeys(image.bands, "")
    assert (pairs() * pairs()["coherence"]).units == pairs().units
    assert (image["velocity"] / pairs().first()).units == {"unwrapped": "", "coherence": "mm/yr"}


def test_a_band_that_wraps_around_is_refused_by_its_name() -> None:
    mixed = source("1", ("phase", "coherence"), unit={"phase": WRAPPED})
    with pytest.raises(
        ParameterError,
        match=r"mean: band 'phase' is in rad \(wrapped\), .*; choose other bands, image\['name'\], or use",
    ):
        mixed.mean()
    assert mixed["coherence"].mean().unit == ""
    assert mixed["phase"].mean_phase().unit == WRAPPED
    with pytest.raises(ParameterError, match=r"rewrap: the image is wrapped already"):
        mixed.first().rewrap(3.0)
    with pytest.raises(ParameterError, match=r"goldstein: band 'velocity' is in mm/yr; expected phase in rad"):
        fit().goldstein()
    with pytest.raises(ParameterError, match=r"phase: band 'velocity' is in mm/yr; expected complex numbers"):
        fit().phase()
    assert fit()[["velocity", "rmse"]].rewrap(3.0).units == {"velocity": "mm/yr (wrapped)", "rmse": "mm (wrapped)"}
    assert legend(look_of(mixed.first().node).node)["cyclic"] is True


def test_a_chosen_band_stays_what_it_was() -> None:
    """Coherence by any name has no unit and is no phase."""
    one, other = (slc(name, bands=("hh", "hv")).first() for name in "56")
    with pytest.raises(ParameterError, match=r"goldstein: the image is coherence; expected phase"):
        one.coherence(other)["coherence_hh"].goldstein()


def test_a_rule_gives_one_unit_or_one_for_each_band() -> None:
    assert units_of(("a", "b"), "m") == units_of(("a", "b"), ("m",)) == {"a": "m", "b": "m"}
    assert units_of(("a", "b"), ("m", "")) == {"a": "m", "b": ""}
    assert units_of(("a", "b"), {"b": "m"}) == {"a": "", "b": "m"}
    with pytest.raises(ValueError, match="zip"):
        units_of(("a", "b", "c"), ("m", ""))


def test_phase_beside_another_band_is_averaged_as_phasors() -> None:
    """From the sensor's pixels onto those of a map that are larger."""
    a, b = slc("5").first(), slc("6").first()
    phase, size = a.interferogram(b).phase(), a.interferogram(b).amplitude().rename(["size"])
    here = grid_at(11, 9.99, 44.02, 24, 24)
    both = raster(phase.join_bands(size), here).array
    assert np.isfinite(both).sum() > 100
    np.testing.assert_array_equal(both[0], raster(phase, here).array[0])
    np.testing.assert_array_equal(both[1], raster(size, here).array[0])


# ---------------------------------------------------------------- what is shown and written


LEFT, TOP = 600_000.0, 5_000_000.0
NATIVE: dict[str, Any] = {"bounds": (LEFT, TOP - 30.0, LEFT + 40.0, TOP), "crs": CRS, "resolution": 10.0}
DAYS = np.arange(0, 900, 60)


@pytest.fixture
def motion(tmp_path: Path) -> World:
    """15 dates of 3 x 4 pixels, metres."""
    random = np.random.default_rng(4)
    return World(
        tmp_path,
        [
            Scene(
                f"d{i:02}",
                str(np.datetime64("2020-01-03") + day) + "T06:00:00Z",
                (0.01 * random.standard_normal((1, 3, 4)) + day / 1e4).astype(np.float32),
                scale=1.0,
            )
            for i, day in enumerate(DAYS)
        ],
        bands={"displacement": "los"},
    )


def seasons(motion: World) -> Image:
    image: Image = motion.image().velocity(model="annual")
    return image


def test_a_legend_shows_the_unit_of_its_band(motion: World) -> None:
    shown = {
        band: legend(seasons(motion)[band].colormap(vmin=0, vmax=9).node)["unit"] for band in seasons(motion).bands
    }
    assert shown == seasons(motion).units
    one, other = (
        drawing.draw(legend(seasons(motion)[band].colormap(vmin=0, vmax=9).node), "x") for band in ("rmse", "std")
    )
    assert one != other


def test_a_click_is_told_the_unit_of_each_value(motion: World) -> None:
    west, south, east, north = motion.items[0].bbox
    place = (west + east) / 2, (south + north) / 2, 17
    answer = motion.engine.point(seasons(motion).node, *place)
    assert (answer["unit"], answer["units"]) == ("", seasons(motion).units)
    shown = readout.result(answer, "here")
    assert "<td>amplitude</td>" in shown
    for band, unit in answer["units"].items():
        row = shown.split(f"<td>{band}</td><td>")[1].partition("</td>")[0]
        assert row == f"{readout.number(answer['values'][band])} {unit}"
    rows = readout.steps(seasons(motion).node, lambda node: motion.engine.point(node, *place))
    assert " d</div>" in rows
    one = motion.engine.point(seasons(motion)["rmse"].colormap(vmin=0, vmax=1).node, *place)
    assert (one["unit"], one["units"]) == ("mm", {"rmse": "mm"})


def test_a_chart_and_its_csv_show_the_unit_of_each_band() -> None:
    dates = ["2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z"]
    values = {"unwrapped": np.array([1.0, 2.0]), "coherence": np.array([0.5, 0.25])}
    units = {"unwrapped": "rad", "coherence": ""}
    assert csv_text(dates, values, units).startswith("date,unwrapped (rad),coherence\n")
    drawn = chart(dates, values, units)
    assert "unwrapped (rad)" in drawn
    assert "<!-- value -->" in drawn
    same = chart(dates, values, {"unwrapped": "rad", "coherence": "rad"})
    assert "<!-- rad -->" in same
    assert "(rad)" not in same


def test_a_package_says_the_unit_of_each_band(motion: World, tmp_path: Path) -> None:
    shuffled = seasons(motion)[["amplitude", "velocity"]]
    path = export_package(tmp_path / "area.zip", {"SEASON": shuffled}, progress=False, **NATIVE)
    with zipfile.ZipFile(path) as archive:
        (about,) = json.loads(archive.read("metadata.json"))["products"]
        with archive.open("SEASON_legend.png") as file:
            assert Picture.open(file).width > 0
    assert (about["unit"], about["units"]) == ("", {"amplitude": "mm", "velocity": "mm/yr"})


def test_arrays_and_tables_hold_the_units(motion: World, tmp_path: Path) -> None:
    array = leave(seasons(motion), "to_xarray", progress=False, **NATIVE)
    assert array.sel(band="phase_of_year").coords["unit"] == "d"
    assert "unit" not in array.attrs
    array.to_netcdf(tmp_path / "fit.nc")
    speed = leave(seasons(motion)["velocity"], "to_xarray", progress=False, **NATIVE)
    assert (speed.attrs["unit"], "unit" in speed.coords) == ("mm/yr", False)
    west, south, east, north = motion.items[0].bbox
    line = [(west + 1e-5, (south + north) / 2), (east - 1e-5, (south + north) / 2)]
    table = leave(seasons(motion), "profile", line, crs=CRS, resolution=10.0, progress=False)
    assert table.attrs == {"unit": "", "units": seasons(motion).units}
    lines = leave(seasons(motion)["amplitude"], "isolines", 1.0, progress=False, **NATIVE)
    assert lines.attrs["unit"] == "mm"


def test_overviews_are_made_as_each_band_needs(tmp_path: Path) -> None:
    """Wrapped phase beside a plain band: the mean phasor of one, the mean of the other."""
    array = np.zeros((2, 1024, 1024), dtype=np.float32)
    array[:, :, ::2], array[:, :, 1::2] = 3.0, -3.0
    world = World(tmp_path, [Scene("d00", "2020-01-03T00:00:00Z", array, scale=1.0)], bands={"p": "p", "q": "q"})
    image = world.image().first()
    mixed = image["p"].with_unit(WRAPPED).join_bands(image["q"])
    path = leave(mixed, "to_geotiff", tmp_path / "mixed.tif", bounds=world.scenes[0].bounds, crs=CRS, resolution=10.0)
    with rasterio.open(path, overview_level=0) as file:
        phase, plain = file.read()[:, 8:-8, 8:-8]
    np.testing.assert_allclose(np.abs(phase), np.pi, atol=1e-5)
    np.testing.assert_allclose(plain, 0.0, atol=1e-6)


def test_the_schema_of_a_chain_is_the_same_however_it_is_made() -> None:
    again = Image.from_chain(fit(model="annual").chain)
    assert describe(again.node).units == fit(model="annual").units
    assert "mm/yr, mm/yr, mm, mm, d" in repr(again)
    assert "mm/yr, mm/yr, mm, mm, d" in again._repr_html_()
