"""What is known at the notebook line is refused there, before any tile: dates, sliders, radii, units."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

import jeoview as jv
from jeoview import chain
from jeoview.errors import LimitError, ParameterError
from jeoview.graph import parameters
from jeoview.image import Image
from jeoview.make import bind
from jeoview.quantities import Dates
from tests.synthetic import DATES, slc, source

TIMES = ("2023-01-05T10:00:00Z", "2023-04-15T10:00:00Z")


def series(name: str = "1", times: tuple[str, ...] = DATES) -> Image:
    return source(name, dates=Dates.of(times))


def measured(unit: str, name: str = "1") -> Image:
    return source(name, bands=("B04",), unit=unit).median()


# ---------------------------------------------------------------- dates


def test_series_of_different_dates_are_refused_with_both_named() -> None:
    one, other = series("1"), series("2", TIMES)
    message = "subtract: the series have different dates, 4 of 2023-01-05 to 2023-10-02 and 2 of 2023-01-05 to 2023-04"
    with pytest.raises(ParameterError, match=message):
        one - other
    with pytest.raises(ParameterError, match=r"mask: .* reduce each series first"):
        (one * 2).mask(other["B04"] > 0.1)
    with pytest.raises(ParameterError, match="join_bands"):
        one[["B04"]].join_bands(other[["B08"]])


def test_the_same_days_in_another_order_are_other_dates() -> None:
    with pytest.raises(ParameterError, match="in another order, or at other times of day"):
        series("1") + series("2", tuple(reversed(DATES)))


def test_series_that_can_be_joined_are() -> None:
    one = series("1")
    assert (one - series("2")).schema.dates == one.schema.dates == Dates.of(DATES)
    assert (one - one["B04"]).schema.dates is not None
    # A series whose dates are not known, such as one of a chain of an older version: the tile compares them.
    assert (one - source("3")).schema.dates == Dates.of(DATES)
    assert (one - series("2", TIMES).median()).schema.dates == Dates.of(DATES)
    assert (one.median() - series("2", TIMES).median()).schema.dates is None


def test_dates_stand_in_the_chain_only_where_they_are_known() -> None:
    """So chains that were made before dates stood in them keep their keys."""
    assert "dates" not in source("1").node.arguments
    known = series("1")
    assert chain.decode(known.chain).key == known.key
    assert Image(chain.decode(known.chain)).schema == known.schema
    with pytest.raises(ParameterError, match="different dates"):
        Image(chain.decode(known.chain)) - series("2", TIMES)


# ---------------------------------------------------------------- sliders


def test_one_slider_is_declared_once_however_far_apart() -> None:
    image = source("1").median()
    low = image["B04"] > jv.parameter("t", 0.5, min=0, max=1)
    for other in (jv.parameter("t", 0.5, min=0, max=5), jv.parameter("t", 0.5, min=0, max=1, step=0.1)):
        with pytest.raises(ParameterError, match=r"'t' is declared in two ways .*max=1.0"):
            low & (image["B08"] > other)
        with pytest.raises(ParameterError, match="two ways"):
            low.between(other, 2.0)
    twice = low & (image["B08"] > jv.parameter("t", 0.5, min=0, max=1))
    assert list(parameters(twice.node)) == ["t"]


# ---------------------------------------------------------------- radii


def test_radii_in_pixels_add_up_along_the_widest_path() -> None:
    image = source("1").median()["B04"]
    near = image.focal_mean(300)
    assert near.focal_mean(212).node.notes["padding"] == 512
    with pytest.raises(LimitError, match="add up to 513 pixels of padding at focal_mean; the limit is 512"):
        near.focal_mean(213)
    # Side by side they do not add up.
    assert (near - image.focal_mean(213)).node.notes["padding"] == 300
    with pytest.raises(LimitError, match="513"):
        (near - image.focal_mean(213)).focal_mean(213)


def test_lengths_on_the_ground_and_areas_of_their_own_are_left_to_the_tile() -> None:
    image = source("1").median()["B04"]
    assert image.focal_mean(jv.metres(1e6)).node.notes["padding"] == 0
    labels = (image.focal_mean(500) > 0.5).label(region=(8.0, 47.0, 8.1, 47.1), zoom=10)
    assert labels.focal_mean(100).node.notes["padding"] == 100


def test_the_limit_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEOVIEW_MAX_PADDING", "9")
    with pytest.raises(LimitError, match="the limit is 9"):
        source("1").median()["B04"].focal_mean(10)


# ---------------------------------------------------------------- units


UNITS = ("m", "rad", "mm/yr")


@pytest.mark.parametrize(("one", "other"), [*pairwise(UNITS), ("m", "1"), ("m", "mm")])
@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a >= b,
        lambda a, b: a == b,
        lambda a, b: a != b,
        lambda a, b: a.difference(b),
        lambda a, b: jv.where(a > 0, a, b),
    ],
)
def test_images_of_different_units_are_refused(join: object, one: str, other: str) -> None:
    with pytest.raises(
        ParameterError, match=rf"values in '{one}' and '{other}': expected one unit.*with_unit\('{one}'"
    ):
        join(measured(one), measured(other, "2"))  # type: ignore[operator]


def test_one_unit_is_kept_by_sums_and_lost_by_comparisons() -> None:
    metres, none = measured("m"), measured("")
    for same in (
        metres + measured("m", "2"),
        metres - none,
        none + metres,
        1 - metres,
        metres + 1,
        -metres,
        abs(metres),
    ):
        assert same.unit == "m"
    assert (metres - measured("metres", "2")).unit == "m"
    for without in (metres > 1, metres > none, metres == measured("m", "2"), none > metres, ~metres, metres & none):
        assert without.unit == ""


def test_products_and_ratios_have_the_right_unit_or_none() -> None:
    metres, none, radians = measured("m"), measured(""), measured("rad")
    for same in (metres * 2, 2 * metres, metres / 2, metres * none, none * metres, metres / none):
        assert same.unit == "m"
    for without in (1 / metres, none / metres, metres / metres, metres / radians, metres * radians, metres**2):
        assert without.unit == ""


def test_a_choice_has_the_unit_of_what_it_chooses_from() -> None:
    metres, radians = measured("m"), measured("rad")
    condition = radians > 1
    assert jv.where(condition, metres, 0).unit == jv.where(condition, 0, metres).unit == "m"
    assert jv.where(radians, 1, 2).unit == ""
    assert jv.where(radians, metres, measured("m", "2")).unit == "m"
    assert metres.mask(radians).unit == metres.unmask(0).unit == metres.clip(0, 1).unit == "m"


def test_reducers_keep_the_unit_and_joined_bands_share_it() -> None:
    stack = source("1", bands=("B04",), unit="m")
    assert {stack.median().unit, stack.std().unit, stack.max().unit, stack.quantile(0.1).unit} == {"m"}
    assert stack.count().unit == "dates"
    metres = stack.median()
    assert metres.join_bands(metres.rename(["b"])).unit == "m"
    assert metres.join_bands(measured("rad").rename(["b"])).unit == ""


def test_a_unit_can_be_said_and_forgotten() -> None:
    metres, millimetres = measured("m"), measured("mm")
    assert ((metres * 1000).with_unit("mm") - millimetres).unit == "mm"
    assert (metres.with_unit("") + millimetres).unit == "mm"
    with pytest.raises(ParameterError, match="with_unit"):
        metres.with_unit("x" * 33)


def test_units_of_the_demonstrations_go_together() -> None:
    """What the notebooks do: a velocity masked by a coherence, indices, differences of indices."""
    velocity, coherence = measured("mm/yr"), measured("", "2")
    assert velocity.mask(coherence > 0.7).unit == "mm/yr"
    image = source("1").median()
    assert image.ndvi().unit == image.dnbr(source("2").median()).unit == image.evi().unit == ""


def test_a_bound_chain_is_checked_alike() -> None:
    image = measured("m") + jv.parameter("p", 1.0)
    assert Image(bind(image.node, {"p": 2.0})).unit == "m"


@pytest.mark.parametrize(
    ("call", "given", "message"),
    [
        (
            jv.InterferogramCollection,
            {"name": "x", "idds": ()},
            r"^InterferogramCollection: .*\(did you mean 'ids'\?\)",
        ),
        (jv.InterferogramCollection.from_licsar, {"fodler": "x"}, r"from_licsar: .*\(did you mean 'folder'\?\)"),
        (jv.SlcCollection.from_zarr, {"path": "x", "wavelenght": 1}, r"from_zarr: .*'wavelength'\?\); it takes \(path"),
        (jv.InterferogramCollection.filter_pairs, {"max_day": 3, "self": 0}, r"^filter_pairs: .*mean 'max_days'\?\)"),
        (jv.ImageCollection.from_files, {"patern": "x"}, r"ImageCollection\.from_files: missing a required argument"),
        (
            jv.open_points,
            {"paht": "x"},
            r"open_points: got .*'paht' \(did you mean 'path'\?\); it takes \(path, unit=None\)$",
        ),
        (jv.open, {}, r"open: missing a required argument: 'path'"),
    ],
)
def test_a_wrong_name_in_a_call_names_the_near_one(call: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call(**given)


def test_completion_shows_the_public_names_alone() -> None:
    assert set(dir(jv)) == {*jv.__all__, "__version__"}
    assert all(getattr(jv, name) is not None for name in dir(jv))


# ---------------------------------------------------------------- phase


ON_PHASE: dict[str, Any] = {
    "unwrap": lambda image: image.unwrap(),
    "goldstein": lambda image: image.goldstein(),
    "wrap": lambda image: image.wrap(),
    "rewrap": lambda image: image.rewrap(2.0),
    "phase": lambda image: image.phase(),
}


@pytest.mark.parametrize("name", ON_PHASE)
def test_what_is_no_phase_is_refused_where_phase_is_expected(name: str) -> None:
    a, b = slc("5").first(), slc("6").first()
    coherence, amplitude = a.coherence(b), a.amplitude()
    stack = source("3", ("unwrapped", "coherence"), stack="pairs")
    for image, what in (
        (coherence, "coherence"),
        (coherence.focal_mean(2).mask(amplitude > 1), "coherence"),
        (coherence.rename(["x"]), "coherence"),
        (amplitude, "amplitude"),
        (slc("5").amplitude().mean(), "amplitude"),
        (slc("5").amplitude_dispersion(), "amplitude dispersion"),
        (stack["coherence"].mean(), "coherence"),
    ):
        with pytest.raises(ParameterError, match=rf"^{name}: the image is {what}; expected .*\.with_unit\('rad'\)"):
            ON_PHASE[name](image)
    with pytest.raises(ParameterError, match=rf"^{name}: the image .*; choose (a band, |one with )image\['name'\]"):
        ON_PHASE[name](stack.mean())


def test_what_may_be_phase_is_taken() -> None:
    a, b = slc("5").first(), slc("6").first()
    pair, stack = a.interferogram(b), source("3", ("unwrapped", "coherence"), stack="pairs")
    unknown = source("1", ("B04",)).median()
    for image in (
        pair.phase(),
        unknown,
        stack["unwrapped"].mean(),
        a.coherence(b).with_unit("rad"),
    ):
        for name in ("goldstein", "wrap"):
            assert ON_PHASE[name](image).unit == "rad (wrapped)"
        assert ON_PHASE["unwrap"](image).units == {"unwrapped": "rad", "component": ""}
    assert pair.goldstein().phase().unit == pair.multilook(2, 2).phase().unit == unknown.phase().unit
    assert measured("radians").unwrap()["unwrapped"].unit == "rad"
    # Fringes of displacement are what rewrap is for.
    assert measured("m").rewrap(0.1).unit == "m (wrapped)"


def test_other_units_are_refused_where_phase_is_expected() -> None:
    for name in ("unwrap", "goldstein", "wrap", "phase"):
        with pytest.raises(ParameterError, match=f"{name}: the image is in m; expected"):
            ON_PHASE[name](measured("m"))
    for unit in ("rad", "rad (wrapped)"):
        with pytest.raises(ParameterError, match=r"phase: the image is phase already.*leave \.phase\(\) out"):
            measured("").with_unit(unit).phase()
    with pytest.raises(ParameterError, match="unwrap: the coherence is in rad; expected 0 to 1"):
        measured("").unwrap(measured("rad", "2"))
    assert measured("rad").unwrap(measured("", "2"))["unwrapped"].unit == "rad"
