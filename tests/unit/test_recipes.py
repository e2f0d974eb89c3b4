"""Recipes: indices by hand, masks, stretches, pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import jeoview as jv
from jeoview.errors import BandError
from jeoview.executor import execute
from jeoview.grid import Grid, web_mercator
from jeoview.image import Image
from jeoview.operator import find
from jeoview.operators.colour import legend
from jeoview.planner import plan
from jeoview.raster import Kind, Raster
from jeoview.recipes import DIFFERENCES, FORMULAS, RECIPES, find_band
from tests.synthetic import grid_at, raster, source

HERE = grid_at(10, 8.0, 47.0, 24, 24)


def image() -> Image:
    return source("1").median()


def values(image: Image) -> Any:
    return raster(image, HERE).array


def bands() -> dict[str, Any]:
    """The same pixels in float64, by common name."""
    array = values(image()).astype(np.float64)
    return dict(zip(("blue", "green", "red", "nir", "swir1", "swir2", "scl"), array, strict=True))


# Written from the papers that operators.md and the help texts name, in float64.
BY_HAND: dict[str, Any] = {
    "ndvi": lambda b: (b["nir"] - b["red"]) / (b["nir"] + b["red"]),
    "ndwi": lambda b: (b["green"] - b["nir"]) / (b["green"] + b["nir"]),
    "mndwi": lambda b: (b["green"] - b["swir1"]) / (b["green"] + b["swir1"]),
    "ndmi": lambda b: (b["nir"] - b["swir1"]) / (b["nir"] + b["swir1"]),
    "ndbi": lambda b: (b["swir1"] - b["nir"]) / (b["swir1"] + b["nir"]),
    "nbr": lambda b: (b["nir"] - b["swir2"]) / (b["nir"] + b["swir2"]),
    "nbr2": lambda b: (b["swir1"] - b["swir2"]) / (b["swir1"] + b["swir2"]),
    "ndsi": lambda b: (b["green"] - b["swir1"]) / (b["green"] + b["swir1"]),
    "evi": lambda b: 2.5 * (b["nir"] - b["red"]) / (b["nir"] + 6.0 * b["red"] - 7.5 * b["blue"] + 1.0),
    "savi": lambda b: (1 + 0.5) * (b["nir"] - b["red"]) / (b["nir"] + b["red"] + 0.5),
    "msavi2": lambda b: 0.5 * (2 * b["nir"] + 1 - np.sqrt((2 * b["nir"] + 1) ** 2 - 8 * (b["nir"] - b["red"]))),
    "bsi": lambda b: (b["swir1"] + b["red"] - b["nir"] - b["blue"]) / (b["swir1"] + b["red"] + b["nir"] + b["blue"]),
    "wri": lambda b: (b["green"] + b["red"]) / (b["nir"] + b["swir1"]),
}


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_indices_by_hand(name: str) -> None:
    index = getattr(image(), name)()
    assert index.bands == (name,)
    assert index.unit == ""
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = BY_HAND[name](bands())
    ours = values(index)[0]
    expected = np.where(np.isfinite(expected), expected, np.nan)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(expected))
    # Sums near zero lose digits of float32; the quotient is then large and means nothing.
    np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-5 * max(1.0, float(np.nanmax(np.abs(expected)))))


def test_every_index_is_tested() -> None:
    assert set(BY_HAND) == set(DIFFERENCES) | set(FORMULAS)


# A pixel of vegetation and one of water, surface reflectance, and their indices worked out by hand.
@pytest.mark.parametrize(
    ("name", "vegetation", "water"),
    [
        ("ndvi", 0.7777778, -0.3333333),
        ("ndwi", -0.6666667, 0.6),
        ("mndwi", -0.4285714, 0.7777778),
        ("nbr", 0.6, 0.3333333),
        ("evi", 0.5932203, -0.0680272),
    ],
)
def test_numbers_on_paper(name: str, vegetation: float, water: float) -> None:
    pixels = {"B02": (0.03, 0.07), "B03": (0.08, 0.08), "B04": (0.05, 0.04), "B08": (0.4, 0.02), "B11": (0.2, 0.01)}
    pixels["B12"] = (0.1, 0.01)
    series = source("1", bands=tuple(pixels))

    def read(node: Any, grid: Grid, wanted: tuple[str, ...]) -> Raster:
        array = np.array([pixels[band] for band in wanted], dtype=np.float32)[None, :, None, :]
        return Raster(array, grid, Kind.SERIES, wanted, ("2023-01-01T00:00:00Z",))

    index = getattr(series.mosaic(), name)()
    result = execute(plan(index.node, Grid(web_mercator(9), 0, 0, 1, 2)), read)
    assert isinstance(result, Raster)
    np.testing.assert_allclose(result.array[0, 0], (vegetation, water), rtol=1e-5)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_has_help(name: str) -> None:
    assert len(RECIPES[name].__doc__ or "") > 30


def test_both_vocabularies_of_shortwave_infrared() -> None:
    old = source("1", bands=("A", "B"), common_names={"swir1": "A", "nir": "B"}).median()
    new = source("1", bands=("A", "B"), common_names={"swir16": "A", "nir": "B"}).median()
    assert find_band(old.schema, "swir1", "x") == find_band(new.schema, "swir1", "x") == "A"
    assert old.ndmi().bands == new.ndmi().bands == ("ndmi",)
    with pytest.raises(BandError, match=r"ndmi: no band 'swir1'; .*Known: 'B08'"):
        source("1", bands=("B08",)).median().ndmi()
    plain = source("1", bands=("nir", "red"), common_names={}).median()
    assert plain.ndvi().bands == ("ndvi",)


def test_burn_severity_is_before_minus_after() -> None:
    before, after = image(), source("2").median()
    severity = before.dnbr(after)
    assert severity.bands == ("dnbr",)
    np.testing.assert_array_equal(values(severity), values(before.nbr()) - values(after.nbr()))


def test_a_mask_is_an_image_or_an_area() -> None:
    x, truth = values(image()), values(image()["nir"] > 0.5)[0]
    kept = np.where(np.nan_to_num(truth) != 0, x, np.nan)
    np.testing.assert_array_equal(values(image().mask(image()["nir"] > 0.5)), kept)
    area = {"type": "Polygon", "coordinates": [[[8, 46.99], [8.01, 46.99], [8.01, 47], [8, 47], [8, 46.99]]]}

    class Shape:
        __geo_interface__ = area

    assert image().mask(area).key == image().mask(Shape()).key == image().clip_to(area).key
    assert np.isnan(values(image().mask(area))).any()
    outside = values(image().mask_polygon(area, inside=False))
    np.testing.assert_array_equal(np.where(np.isnan(outside), values(image().mask(area)), outside), x)


def test_clouds_are_read_from_the_quality_band_of_the_product() -> None:
    scenes = source("1")
    arguments = scenes.mask_clouds(snow=True).node.arguments
    assert (arguments["band"], arguments["scheme"], arguments["snow"]) == ("SCL", "sentinel2-scl", True)


@pytest.mark.parametrize("scheme", ["sentinel2-scl", "landsat-c2-qa", "landsat-c1-bqa"])
@pytest.mark.parametrize("snow", [False, True])
def test_what_counts_as_cloud(scheme: str, snow: bool) -> None:
    """Against the tables of the products, value by value."""
    codes = np.arange(12) if scheme == "sentinel2-scl" else np.arange(1 << 16)
    grid = Grid(web_mercator(9), 0, 0, 1, len(codes))
    array = np.stack([np.ones(len(codes)), codes])[:, None, :].astype(np.float32)
    result = find("mask_clouds").function(
        Raster(array, grid, Kind.BANDS, ("x", "q")), band="q", scheme=scheme, snow=snow
    )
    expected = [hidden(int(code), scheme, snow) for code in codes]
    np.testing.assert_array_equal(np.isnan(result.array[0, 0]), expected)


def hidden(code: int, scheme: str, snow: bool) -> bool:
    """ESA's SCL table; USGS LSDS-1619 (Collection 2 QA_PIXEL) and LSDS-1873 (Collection 1 BQA)."""
    if scheme == "sentinel2-scl":
        names = {3: "shadow", 8: "cloud", 9: "cloud", 10: "cirrus", 11: "snow"}
        return names.get(code, "clear") != "clear" and (snow or code != 11)
    bit = [bool(code >> position & 1) for position in range(16)]
    if scheme == "landsat-c2-qa":
        return bit[1] or bit[2] or bit[3] or bit[4] or (snow and bit[5])
    return bit[4] or (snow and bit[9] and bit[10])


# ---------------------------------------------------------------- display


def test_a_stretch_by_range_is_a_linear_scale() -> None:
    one = image()[["red", "nir"]]
    assert one.stretch(range=(0.1, 0.6)).key == one.linear_scale_range(0.1, 0.6).key
    expected = (np.clip(values(one), 0.1, 0.6) - 0.1) / 0.5
    np.testing.assert_allclose(values(one.stretch(range=(0.1, 0.6))), expected, atol=1e-6)


def test_a_stretch_by_percentiles_is_fitted_on_the_region() -> None:
    region = HERE.bbox
    one = image()[["red", "nir"]]
    stretched = one.stretch(percentiles=(5, 90), region=region, zoom=10)
    array = values(one).astype(np.float64)
    low, high = np.nanquantile(array, (0.05, 0.9), axis=(1, 2))
    expected = np.clip((array - low[:, None, None]) / (high - low)[:, None, None], 0, 1)
    np.testing.assert_allclose(values(stretched), expected, atol=1e-5)


def test_a_stretch_of_one_value_is_mid_grey() -> None:
    flat = (image()[["red"]] * 0).stretch(region=HERE.bbox, zoom=10)
    result = values(flat)
    assert set(np.unique(result[~np.isnan(result)])) == {0.5}
    np.testing.assert_array_equal(np.isnan(result), np.isnan(values(image()[["red"]])))


def test_pictures_of_one_and_of_three_images() -> None:
    one = image()
    assert one.rgb().key == jv.rgb(one["red"], one["green"], one["blue"]).key
    assert one.rgb(red=one["nir"], green="swir2").key == jv.rgb(one["nir"], one["swir22"], one["blue"]).key
    picture = raster(one.rgb(vmax=0.8, gamma=2.0), HERE)
    b = bands()
    stack = np.stack([b["red"], b["green"], b["blue"]])
    nodata = np.isnan(stack).any(axis=0)
    expected = np.sqrt(np.clip(np.where(nodata, 0, stack) / 0.8, 0, 1)) * 255
    assert np.abs(picture.array[:3].astype(float) - np.where(nodata, 0, expected)).max() <= 0.51
    np.testing.assert_array_equal(picture.array[3], np.where(nodata, 0, 255))


def test_legends_say_what_the_colours_mean() -> None:
    index = source("1", unit="m").median()["red"]
    shown = legend(index.colormap("RdYlGn", vmin=-1, vmax=2).node)
    assert (shown["type"], shown["vmin"], shown["vmax"], shown["unit"], shown["band"]) == (
        "gradient",
        -1,
        2,
        "m",
        "B04",
    )
    assert (shown["colours"][0], shown["colours"][-1]) == ("#a50026", "#006837")
    assert legend(index.colormap("viridis", 0, 1, unit="km").node)["unit"] == "km"
    assert legend(index.colormap("cyclic", 0, 1).node)["cyclic"] is True
    classes = legend(index.colormap(classes={1: ("water", "blue"), 2: ("land", "#00ff00")}).node)
    assert [entry["label"] for entry in classes["entries"]] == ["water", "land"]
    assert legend(image().rgb().node) == {"type": "rgb", "bands": ["B04", "B03", "B02"], "vmin": 0.0, "vmax": 1.0}
    top = index.colormap("viridis", 0, 1)
    assert legend(image().rgb().blend(top).node) == legend(top.node)
    assert legend(index.node) == {"type": "none"}
