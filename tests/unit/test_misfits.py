"""Images, tables and series that do not fit an operator are refused at the line, not at a tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jeoview.errors import BandError, ParameterError
from jeoview.image import Image, apply
from jeoview.operator import find
from jeoview.quantities import Dates
from tests.samples import REGION, image
from tests.synthetic import grid_at, raster, slc, source

AT = grid_at(12, 10.01, 44.02, 19, 23)
AREA: dict[str, Any] = {"region": REGION, "zoom": 9}
TABLES: dict[str, Callable[[], Image]] = {
    "quantiles": lambda: image("stack").mosaic().quantiles(**AREA),
    "reference_phase": lambda: image("reference"),
    "ramps": lambda: image("ramp"),
    "height_correlation": lambda: image("height"),
    "ps_reference": lambda: image("held"),
}
USERS: dict[str, tuple[str, Callable[[Image], Image]]] = {
    "referenced": ("reference_phase", lambda table: apply("referenced", (image("stack"), table), {})),
    "deramped": ("ramps", lambda table: apply("deramped", (image("stack"), table), {})),
    "height_corrected": (
        "height_correlation",
        lambda table: apply("height_corrected", (image("stack"), image("one"), table), {}),
    ),
    "ps_referenced": ("ps_reference", lambda table: apply("ps_referenced", (image("slcs"), table), {})),
    "stretch_by": ("quantiles", lambda table: apply("stretch_by", (image("stack").mosaic(), table), {})),
}


@pytest.mark.parametrize("maker", TABLES)
@pytest.mark.parametrize("user", USERS)
def test_a_table_is_applied_by_what_it_was_made_for(user: str, maker: str) -> None:
    wanted, line = USERS[user]
    table = TABLES[maker]()
    if maker == wanted:
        assert line(table).schema.bands
        return
    with pytest.raises(ParameterError, match=rf"{user}: got a table of {maker}\(\); expected one of {wanted}\(\)"):
        line(table)


def test_a_table_of_other_layers_or_of_another_band_is_refused() -> None:
    one = Dates.of(["2020-01-01T00:00:00Z/2020-01-13T00:00:00Z"])
    other = Dates.of(["2021-01-01T00:00:00Z/2021-01-13T00:00:00Z"])
    first, second = (source("3", ("unwrapped",), stack="pairs", unit="rad", dates=dates) for dates in (one, other))
    table = first.reference_phase(**AREA)
    assert first.referenced(table).schema.dates == one
    with pytest.raises(ParameterError, match="referenced: the series have different dates"):
        second.referenced(table)
    with pytest.raises(BandError, match="the table is of 'unwrapped', and the series has 'displacement'"):
        image("displacement").height_corrected(image("one"), image("height"))


PAIRS_ONLY = (
    lambda series: series.invert(wavelength=0.055),
    lambda series: series.inversion_quality(),
    lambda series: series.series_quality(image("displacement"), wavelength=0.055),
    lambda series: series.triplet_quality(),
    lambda series: series.loop_closure(),
    lambda series: series.closure_integers(),
    lambda series: series.unwrapping_errors(),
    lambda series: series.correct_unwrapping(),
    lambda series: series.network_statistics(),
)
DATES_ONLY = (
    lambda series: series.velocity(),
    lambda series: series.annual_steps(first=2022, last=2023),
    lambda series: series.spatiotemporal_consistency(),
    lambda series: image("stack").series_quality(series, wavelength=0.055),
    lambda series: series.ps_velocity(wavelength=0.055),
    lambda series: series.ps_reference(**AREA),
)


@pytest.mark.parametrize("line", PAIRS_ONLY)
def test_dates_are_refused_where_pairs_are_needed(line: Callable[[Image], Image]) -> None:
    dates = source("3", ("unwrapped", "coherence"), unit="rad")
    with pytest.raises(ParameterError, match="the layers of the series are dates; expected a stack of interferograms"):
        line(dates.temporal_filter())
    assert line(image("stack").mask(image("one"))).schema.bands


@pytest.mark.parametrize("line", DATES_ONLY)
def test_pairs_are_refused_where_dates_are_needed(line: Callable[[Image], Image]) -> None:
    pairs = source("3", ("displacement",), stack="pairs", unit="m")
    with pytest.raises(ParameterError, match=r"the layers of the series are pairs of dates; .*\.invert\(\)"):
        line(pairs)
    assert line(image("displacement")).schema.bands


def test_pairs_and_dates_are_not_joined() -> None:
    with pytest.raises(ParameterError, match="the layers of one series are pairs of dates, those of another are"):
        image("stack")["coherence"] + image("displacement").with_unit("")
    assert image("stack").closure_integers().schema.pairs
    assert image("displacement").schema.pairs is False


@pytest.mark.parametrize("name", ["interferogram", "coherence"])
def test_bands_of_two_complex_images_go_together_by_position(name: str) -> None:
    options = {"window": (3, 3)} if name == "coherence" else {}
    two, three, one = image("angles"), image("three"), image("one")
    with pytest.raises(ParameterError, match="expected equally many bands, or one"):
        apply(name, (three, two), options)
    for images, bands in (
        ((one, two), ("B04", "B08")),
        ((two, one), ("B04", "B08")),
        ((three, image("other")), ("B04", "B08", "B11")),
    ):
        whole = apply(name, images, options)
        assert whole.bands == tuple(f"{name}_{band}" for band in bands)
        result = raster(whole, AT)
        for position, band in enumerate(whole.bands):
            part = raster(whole[band], AT).array[0]
            np.testing.assert_array_equal(part, result.array[position])
            single = [item if len(item.bands) == 1 else item[item.bands[position]] for item in images]
            np.testing.assert_array_equal(part, raster(apply(name, single, options), AT).array[0])


def test_a_condition_is_not_complex_but_what_it_chooses_may_be() -> None:
    product, sure = image("slc"), image("one") > 0.3
    lines: list[Callable[[], Image]] = [lambda: product.where(1.0, 2.0), lambda: image("one").mask(product)]
    for line in lines:
        with pytest.raises(ParameterError, match=r"the condition holds complex numbers; compare their \.phase\(\)"):
            line()
    with pytest.raises(ParameterError, match="unwrap: the coherence holds complex numbers"):
        image("phase").unwrap(product)
    # A file may be complex without the chain's knowledge.
    unwrap = find("unwrap").function
    with pytest.raises(ParameterError, match="unwrap: the coherence holds complex numbers"):
        unwrap(raster(image("phase"), AT), raster(product, AT))
    chosen = sure.where(product, 1.0)
    assert chosen.schema.is_complex
    values, whole, where = (raster(item, AT).array[0] for item in (chosen, product, sure))
    assert values.dtype == np.complex64
    np.testing.assert_array_equal(values[where == 1], whole[where == 1])
    assert (values[where == 0] == 1).all()


def test_mean_and_count_of_complex_numbers() -> None:
    series = source("7", ("slc",), is_complex=True).mask(image("one") > 0.3) + image("one")
    stack = raster(series, AT).array
    mean, count = raster(series.mean(), AT).array, raster(series.count(), AT).array
    assert mean.dtype == np.complex64
    assert count.dtype == np.float32
    np.testing.assert_array_equal(count, (~np.isnan(stack)).sum(axis=0))
    held = count > 0
    np.testing.assert_allclose(mean[held], np.nanmean(stack[:, held], axis=0), rtol=1e-5)
    assert np.isnan(mean[~held]).all()
    assert (~held).any()
    with pytest.raises(ParameterError, match="median: the image holds complex numbers"):
        series.median()


@pytest.mark.parametrize("wild", [-3e38, 1e12])
def test_fill_values_among_phases_do_not_keep_the_loops_busy(wild: float) -> None:
    """Turns are given one by one: those of a fill value would take for ever."""
    stack = image("stack")
    filled = raster((stack + wild).correct_unwrapping(min_coherence=0.0), AT).array
    np.testing.assert_array_equal(filled, raster(stack + wild, AT).array)
    errors = raster((stack + wild).unwrapping_errors(min_coherence=0.0), AT).array
    assert set(np.unique(errors[~np.isnan(errors)])) == {0.0}


def test_what_a_source_cannot_be_is_refused() -> None:
    for bands in ((), ("a", "a")):
        with pytest.raises(ParameterError, match="expected at least one, each once"):
            source("1", bands)
    with pytest.raises(ParameterError, match="pixels of the transform have no area"):
        slc("5", transform=(20.0, 20.0, 0.0, 20.0, 20.0, 0.0))


def test_numbers_beyond_those_of_pixels_are_refused() -> None:
    with pytest.raises(ParameterError, match="finite number"):
        image("one") + 1e39
    with pytest.raises(ParameterError, match="unmask"):
        image("one").unmask(1e39)
    with pytest.raises(ParameterError, match="min_dates"):
        image("slcs").ps_velocity(wavelength=0.055, min_dates=0)
