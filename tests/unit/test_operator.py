"""One decorated function is one operator: signature, schema, messages; lengths; what a chain yields."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field
from pyproj import Geod

import jeoview as jv
from jeoview import operator as registry
from jeoview.describe import describe, is_lifted
from jeoview.errors import BandError, ChainError, ParameterError
from jeoview.grid import Grid, Lattice
from jeoview.image import Image, apply
from jeoview.make import make
from jeoview.operator import BandsInput, ColourInput, Mode, SeriesInput, TableInput, find, operator
from jeoview.quantities import BandName, Length, Metres
from jeoview.raster import Kind
from tests.synthetic import grid_at, raster, source


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators that a test defines end with it."""
    monkeypatch.setattr(registry, "REGISTRY", dict(registry.REGISTRY))


# ---------------------------------------------------------------- one function is one operator


def test_everything_is_derived_from_the_function() -> None:
    @operator(mode=Mode.PIXEL, nodata="any", version=3)
    def gain(
        image: BandsInput,
        other: BandsInput | float,
        *,
        factor: Annotated[float, Field(ge=0, le=10)] = 2.0,
        how: Literal["up", "down"] = "up",
    ) -> BandsInput:
        """Multiply.

        Parameters
        ----------
        factor : float
            By this.
        """
        return replace(image, array=image.array * np.float32(factor))

    found = find("gain")
    assert (found.version, found.mode, found.kind, found.summary) == (3, Mode.PIXEL, Kind.BANDS, "Multiply.")
    assert [(item.name, item.kind, item.scalar) for item in found.inputs] == [
        ("image", Kind.BANDS, False),
        ("other", Kind.BANDS, True),
    ]
    properties = found.model.model_json_schema()["properties"]
    assert properties["factor"] == {"default": 2.0, "maximum": 10, "minimum": 0, "title": "Factor", "type": "number"}
    assert properties["how"]["enum"] == ["up", "down"]
    node = make("gain", (source("1").median().node, 1), {})
    assert dict(node.arguments) | {"image": None} == {"image": None, "other": 1.0, "factor": 2.0, "how": "up"}
    assert "NaN (no data) in any input is NaN in the result" in found.help
    result = raster(Image(node), grid_at(9, 8, 47, 5, 5))
    np.testing.assert_array_equal(result.array, raster(source("1").median(), result.grid).array * 2)


def test_kinds_of_inputs() -> None:
    @operator(mode=Mode.PIXEL, nodata="own")
    def many(series: SeriesInput, table: TableInput, extra: BandsInput | None = None, *more: BandsInput) -> ColourInput:
        """NaN is nothing."""
        raise NotImplementedError

    found = find("many")
    assert [item.kind for item in found.inputs] == [Kind.SERIES, Kind.TABLE, Kind.BANDS, Kind.BANDS]
    assert [(item.optional, item.variadic) for item in found.inputs] == [
        (False, False),
        (False, False),
        (True, False),
        (False, True),
    ]
    assert found.kind is Kind.COLOUR


def test_a_name_stands_for_one_operator() -> None:
    with pytest.raises(ValueError, match="'median' is defined twice"):

        @operator(mode=Mode.PIXEL, nodata="skip")
        def median(series: SeriesInput) -> BandsInput:
            """Another one."""
            raise NotImplementedError


def test_an_input_says_its_kind() -> None:
    with pytest.raises(TypeError, match="no kind"):

        @operator(mode=Mode.PIXEL, nodata="any")
        def vague(image: int) -> BandsInput:
            """What is it."""
            raise NotImplementedError


def test_regions_are_parameters_of_what_works_on_an_area() -> None:
    assert find("label").parameters == ("connectivity", "region", "zoom")
    assert find("quantiles").parameters == ("q", "region", "zoom")
    assert "``region`` is ``'view'``" in find("label").help


def test_unknown_operators_are_answered_with_known_ones() -> None:
    with pytest.raises(ChainError, match="did you mean 'median'"):
        find("medain")


# ---------------------------------------------------------------- messages at the notebook line


def image() -> Image:
    return source("1").median()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"q": "high"}, r"^quantile\(q='high'\): expected a number from 0 to 1$"),
        *(({"q": value}, "expected a number from 0 to 1$") for value in (True, 1.5, math.nan, math.inf, None)),
        ({"q": 1.5}, r"q=1.5"),
        ({"p": 0.5}, r"no parameter 'p'; Known: 'q'"),
        ({"qq": 0.5}, r"did you mean 'q'"),
    ],
)
def test_a_wrong_value_is_answered_with_what_was_expected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make("quantile", (source("1").node,), values)


def test_numbers_of_numpy_are_numbers() -> None:
    expected = source("1").quantile(0.25).key
    values: tuple[Any, ...] = np.float64(0.25), np.float32(0.25), np.array(0.25)
    for value in values:
        assert source("1").quantile(value).key == expected
    whole: Any = np.int64(3)
    assert image().focal_mean(whole).key == image().focal_mean(3).key
    assert (image() * np.float32(2)).key == (image() * 2).key


def test_a_long_value_does_not_flood_the_message() -> None:
    with pytest.raises(ParameterError) as caught:
        source("1").quantile("x" * 100_000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: apply("median", [image()], {}), "got bands; expected series.*on the collection"),
        (lambda: apply("label", [coloured()], {}), "before .colormap"),
        (lambda: apply("blend", [coloured(), image()], {}), "add .colormap"),
        (lambda: apply("quantiles", [source("1")], {}), "many dates: reduce"),
        (lambda: apply("colormap", [source("1")["B04"]], {"vmin": 0, "vmax": 1}), "many dates: reduce"),
        (lambda: apply("stretch_by", [image(), image()], {}), "got bands; expected table"),
        (lambda: apply("focal_mean", [3.0], {}), "got 3.0; expected an image$"),
        (lambda: apply("add", [image(), "two"], {}), "got 'two'; expected an image or a number"),
        (lambda: apply("add", [image(), True], {}), "got True"),
        (lambda: apply("add", [image(), None], {}), "got None"),
        (lambda: apply("add", [image(), 10**400], {}), "finite"),
        (lambda: apply("add", [image(), jv.parameter("p", "text")], {}), "expected an image or a number"),
        (lambda: apply("add", [1.0, 2.0], {}), "at least one operand must be an image"),
        (lambda: apply("add", [image()], {}), "'y' is missing"),
        (lambda: apply("add", [image(), image(), image()], {}), "takes 2 images, 3"),
        (lambda: apply("join_bands", [], {}), "at least one"),
    ],
)
def test_wrong_images_are_answered_with_advice(call: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()


def coloured() -> Image:
    return image()["B04"].colormap("viridis", vmin=0, vmax=1)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ChainError, match="finite"):
        image() + math.nan


def test_bands_are_looked_up_when_the_node_is_made() -> None:
    @operator(mode=Mode.PIXEL, nodata="own")
    def pick(image: BandsInput, *, by: BandName, others: tuple[BandName, ...] = ()) -> BandsInput:
        """NaN stays."""
        return image

    node = make("pick", (image().node,), {"by": "nir", "others": ("red", "B02")})
    assert (node.arguments["by"], node.arguments["others"]) == ("B08", ("B04", "B02"))
    with pytest.raises(BandError, match=r"pick: no band 'nirr'; did you mean 'nir'.*'B08'.*'nir'"):
        make("pick", (image().node,), {"by": "nirr"})


# ---------------------------------------------------------------- regions


def test_the_region_and_zoom_of_a_fit_are_written_into_the_chain() -> None:
    arguments = image().quantiles().node.arguments
    assert arguments["region"] == (-170.0, -80.0, 170.0, 80.0)
    assert arguments["zoom"] == 2
    fixed = image().label(region=(8, 47, 8.1, 47.1)).node.arguments
    assert (fixed["region"], fixed["zoom"]) == ((8.0, 47.0, 8.1, 47.1), 14)
    assert image().label().node.arguments["region"] == "view"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"region": (8, 47, 8, 47.1)}, "west < east"),
        ({"region": (8, 47, 200, 48)}, r"expected \(west, south, east, north\) in degrees or"),
        ({"region": (8, 47, 9)}, "region"),
        ({"region": "world"}, "region"),
        ({"region": (8, 47, 9, 48), "zoom": 40}, "zoom"),
        ({"zoom": 8}, "belongs to a fixed region"),
        ({"region": (8, 47, jv.parameter("east", 9.0), 48)}, "slider"),
    ],
)
def test_wrong_regions_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make("label", (image().node,), values)


def test_a_fit_without_any_extent_is_refused() -> None:
    nowhere = source("1", bbox=None).median()
    with pytest.raises(ParameterError, match="give region="):
        nowhere.quantiles()


# ---------------------------------------------------------------- lengths


@pytest.mark.parametrize("lat", [0.1, 35.0, -52.0, 70.0, 80.0])
@pytest.mark.parametrize("zoom", [6, 12])
def test_metres_are_ground_metres(lat: float, zoom: int) -> None:
    """Against the length of a row of pixels on a sphere of the radius that Web Mercator uses."""
    grid = grid_at(zoom, 10.0, lat, 1, 2)
    west, south, east, north = grid.bbox
    middle = (south + north) / 2
    _, _, across = Geod(a=6_378_137.0, b=6_378_137.0).inv(west, middle, east, middle)
    pixel = across / 2
    for radius in (1.4, 1.6, 10.4, 99.6):
        assert Metres(metres=radius * pixel).pixels(grid, float(grid.y[0])) == round(radius)


def test_metres_on_other_maps() -> None:
    utm = Grid(Lattice("EPSG:32632", (10.0, 10.0), 500_000.0, 5_000_000.0), 0, 0, 1, 1)
    assert Metres(metres=95.0).pixels(utm, float(utm.y[0])) == 10
    degrees = Grid(Lattice("EPSG:4326", (0.001, 0.001), 10.0, 60.0), 0, 0, 1, 1)
    assert Metres(metres=1000.0).pixels(degrees, 60.0) == 18  # 0.001 degrees are 55.66 m there
    feet = Grid(Lattice("EPSG:2263", (10.0, 10.0), 1e6, 2e5), 0, 0, 1, 1)
    assert Metres(metres=30.48).pixels(feet, float(feet.y[0])) == 10


def test_metres_at_the_edge_of_the_world_are_finite() -> None:
    degrees = Grid(Lattice("EPSG:4326", (0.001, 0.001), 10.0, 90.0), 0, 0, 1, 1)
    assert 0 < Metres(metres=1000.0).pixels(degrees, 90.0) < 10_000


@pytest.mark.parametrize("length", [0, -1, "far", None, math.nan, math.inf, 2e6, True, 10**400])
def test_wrong_lengths_are_refused(length: Any) -> None:
    with pytest.raises(ParameterError, match=r"metres got .*expected a positive number"):
        jv.metres(length)


@pytest.mark.parametrize("radius", [-1, 1.5, "2", None, 4097, {"metres": -1}, {"feet": 3.0}, {"metres": 1.0, "x": 2}])
def test_wrong_radii_are_refused(radius: Any) -> None:
    with pytest.raises(ParameterError, match="radius"):
        image().focal_mean(radius)


def test_the_schema_of_a_length_says_both_forms() -> None:
    @operator(mode=Mode.NEIGHBOURHOOD, nodata="centre", radius=lambda *_: 1)
    def near(image: BandsInput, *, radius: Length = 1) -> BandsInput:
        """Near by."""
        raise NotImplementedError

    schema = json.dumps(find("near").model.model_json_schema())
    assert '"unit": "pixels"' in schema
    assert '"Metres"' in schema


# ---------------------------------------------------------------- what a chain yields


def test_schemas() -> None:
    series = source("1", unit="reflectance")
    assert (series.kind, series.unit, series.bbox) == (Kind.SERIES, "reflectance", (-170.0, -80.0, 170.0, 80.0))
    assert (series * 2).kind is Kind.SERIES
    assert is_lifted((series * 2).node)
    assert series.median().kind is Kind.BANDS
    assert not is_lifted(series.median().node)
    assert series.median()["nir", "red"].bands == ("B08", "B04")
    assert series.median().quantiles(zoom=1).kind is Kind.TABLE
    assert coloured().kind is Kind.COLOUR


def test_bands_of_two_images() -> None:
    three, one = image()[["B04", "B08", "B11"]], image()["B03"]
    assert (three + one).bands == (one + three).bands == three.bands
    assert (one * three)["nir"].bands == ("B08",)
    other = source("2").median()[["B02", "B03", "B12"]]
    assert (three - other).bands == three.bands
    assert three.join_bands(other)["blue"].bands == ("B02",)
    with pytest.raises(ParameterError, match="expected equally many bands"):
        three + image()[["B02", "B03"]]
    with pytest.raises(ParameterError, match=r"\['B04'\] stand in more than one"):
        three.join_bands(image()["B04"])


@pytest.mark.parametrize(
    ("make_image", "unit"),
    [
        (lambda m: m + m, "m"),
        (lambda m: 0 - m, "m"),
        (lambda m: m * 2, "m"),
        (lambda m: m * m, ""),
        (lambda m: image() * m, "m"),
        (lambda m: m / m, ""),
        (lambda m: m / 2, "m"),
        (lambda m: m / image(), "m"),
        (lambda m: m > 3, ""),
        (lambda m: (m > 3).where(m, 0), "m"),
        (lambda m: m.focal_mean(2), "m"),
        (lambda m: m.log_ratio(m), "dB"),
        (lambda m: m.label(), "label"),
        (lambda m: m.ndvi(), ""),
        (lambda _: source("1", unit="m").count(), "dates"),
    ],
)
def test_units(make_image: Any, unit: str) -> None:
    assert make_image(source("1", unit="m").median()).unit == unit


def test_equal_nodes_have_equal_schemas_whoever_made_them() -> None:
    text = image().ndvi().chain
    assert describe(Image.from_chain(text).node) == image().ndvi().schema
