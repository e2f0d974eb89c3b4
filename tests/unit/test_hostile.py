"""Every public line with values of a wrong type: an error of jeoview that says what was expected, at that line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.errors import BandError, JeoviewError, ParameterError, RefusedError, SourceError
from jeoview.image import Image, methods
from jeoview.recipes import RECIPES
from tests.synthetic import source
from tests.unit.test_widgets import FakeSession, ndvi

AREA = {"type": "Polygon", "coordinates": [[[8, 47], [8.5, 47], [8.5, 47.5], [8, 47]]]}


class Weird:
    def __repr__(self) -> str:
        return "<Weird>"


WRONG: tuple[Any, ...] = (
    *(5, -1.5, True, None, "nonsense", b"x", float("nan"), float("inf"), Weird(), lambda x: x),
    *([], [1, "a"], (1, 2, 3), {}, {"a": 1}, {1: 2}, {"from_node": "x"}, np.zeros(3), jv.parameter("p", 0.5)),
)
# Arguments that must be there, so that the wrong one is what is found.
RIGHT: dict[str, Any] = {
    **dict.fromkeys(("low", "min", "input_min"), 0.1),
    **dict.fromkeys(("high", "max", "input_max"), 0.3),
    "a": "red",
    "b": "nir",
    "bands": ["red"],
    "formula": "red + nir",
    "polygon": AREA,
    "wavelength": 0.05,
}
SPEAKS_OF_ITSELF = ("Input should", "validation error", "Traceback", "NoneType' object", "has no attribute")
IMAGES = {"bands": source("1").median(), "series": source("1"), "colour": source("1").median().rgb()}


def check(line: Callable[[], Any], shown: str) -> None:
    """A line is accepted, or refused in words of jeoview."""
    said = "this line is accepted"
    try:
        line()
    except JeoviewError as error:
        said = str(error)
    except Exception as error:
        raise AssertionError(f"{shown}: {error!r}") from error
    assert 8 < len(said) < 1200, (shown, said)
    assert not any(words in said for words in SPEAKS_OF_ITSELF), (shown, said)


@pytest.mark.parametrize("name", sorted({*methods(), *RECIPES}))
def test_every_method_of_an_image(name: str) -> None:
    """Each argument in turn is each wrong value."""
    for kind, image in IMAGES.items():
        method = getattr(image, name)
        items = list(inspect.signature(method).parameters.values())
        given = {item.name: RIGHT.get(item.name, image) for item in items if item.default is item.empty}
        for item in items:
            for value in WRONG:
                if item.kind is item.VAR_POSITIONAL:
                    line = partial(method, value)
                else:
                    others = {key: one for key, one in given.items() if not _is_variadic(items, key)}
                    line = partial(method, **{**others, item.name: value})
                check(line, f"{kind}.{name}({item.name}={value!r})")
        with pytest.raises(ParameterError, match=r"it takes \("):
            method(nonexistent=1)


def _is_variadic(items: list[inspect.Parameter], name: str) -> bool:
    return any(item.name == name and item.kind is item.VAR_POSITIONAL for item in items)


@pytest.mark.parametrize("value", WRONG)
def test_python_operators_and_brackets(value: Any) -> None:
    image = IMAGES["bands"]
    lines: dict[str, Callable[[], Any]] = {
        "+": lambda: image + value,
        "r+": lambda: value + image,
        "-": lambda: image - value,
        "*": lambda: value * image,
        "/": lambda: value / image,
        "**": lambda: image**value,
        "<": lambda: image < value,
        "==": lambda: image == value,
        "&": lambda: image & value,
        "r&": lambda: value & image,
        "r|": lambda: value | image,
        "[]": lambda: image[value],
        "Image": lambda: Image(value),
        "from_chain": lambda: Image.from_chain(value),
        "where": lambda: jv.where(value, image, 0),
        "rgb": lambda: jv.rgb(value, value, value),
        "metres": lambda: jv.metres(value),
        "parameter": lambda: jv.parameter("p", value),
        "name": lambda: jv.parameter(value, 0.5),
        "choices": lambda: jv.parameter("p", "a", choices=value),
        "open_chain": lambda: jv.open_chain(value),
        "prop": lambda: jv.prop(value),
    }
    for shown, line in lines.items():
        check(line, f"{shown} {value!r}")


def test_an_image_is_no_array_and_knows_its_methods() -> None:
    image = IMAGES["bands"]
    with pytest.raises(ParameterError, match=r"\.to_numpy\(bounds"):
        np.array(image)
    with pytest.raises(AttributeError, match="no attribute 'ndvii'; did you mean 'ndvi'"):
        image.ndvii  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(image, "__geo_interface__")


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            lambda i: i.focal_mean("x"),
            r"^focal_mean\(radius='x'\): expected a whole number from 0 to 4096 or jeoview.metres",
        ),
        (lambda i: i.select(5), r"select\(bands=5\): expected a list of bands; the image has \['B02', "),
        (lambda i: i.normalized_difference("red", 5), r"\(b=5\): expected a band; the image has \['B02'"),
        (lambda i: i.select("B99"), "no band 'B99'; .*Known: 'B02'"),
        (lambda i: i.rename("x"), r"got \['x'\]; expected 7 different names, for bands \['B02'"),
        (lambda i: i.with_unit(5), r"expected text \(at most 32\)$"),
        (lambda i: i.quantiles(q=[]), r"a list of numbers from 0 to 1 \(at least 1, at most 64\)"),
        (lambda i: i.label(connectivity=5), "expected 4 or 8"),
        (lambda i: i["red"].colormap(5, 0, 1), "expected text or a list of texts"),
        (lambda i: i.between("a", 1), "expected a number$"),
        (lambda i: i.between(low=1), r"missing a required argument: 'high'; it takes \(low, high\)"),
        (lambda i: i.focal_mean(1, 2), r"too many positional arguments; it takes \(radius=1\)"),
        (lambda i: i.expression("red", variables=[1]), "expected {name: number or slider}"),
        (lambda i: i.rgb(red=["red"]), "expected the name of a band"),
        (lambda i: i.clip_to("Toulouse"), "clip_to: got 'Toulouse'; expected GeoJSON"),
        (
            lambda i: i.focal_mean(jv.parameter("r", 5, min=0, max=9000)),
            r"\(radius=9000\).* \(a slider at its maximum\)",
        ),
        (
            lambda i: i.to_numpy(width=5),
            r"to_numpy: got an unexpected keyword argument 'width'; it takes \(bounds=None",
        ),
        (lambda i: i.to_numpy(crs=4326), "expected text such as 'EPSG:32632'"),
        (lambda i: i.to_numpy(parameters=5), r"parameters are 5; expected \{name: value\}"),
    ],
)
def test_the_words_of_a_refusal(line: Callable[[Image], Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        line(IMAGES["bands"])


def test_one_name_stands_for_a_list_of_one() -> None:
    image = IMAGES["bands"]
    assert image.select("red").key == image["red"].key == image.select(["red"]).key
    assert image["red"].rename("x").bands == ("x",)


def test_shapes_are_taken_where_geojson_is() -> None:
    image, shape = IMAGES["bands"], shapely.geometry.shape(AREA)
    expected = image.mask_polygon(AREA).key
    assert image.mask_polygon(cast(Any, shape)).key == image.mask(shape).key == image.clip_to(shape).key == expected


# ---------------------------------------------------------------- signatures


def test_signatures_are_read_as_in_the_stubs() -> None:
    shown = str(inspect.signature(Image.focal_mean))
    assert shown == "(self, /, radius: int | Parameter | Metres | Mapping[str, Parameter] = 1) -> Image"
    assert "palette: str | Sequence[str] | Parameter | None = None" in str(inspect.signature(Image.colormap))
    assert str(inspect.signature(Image.to_numpy)).startswith("(self, bounds: object = None, *, crs: str = 'EPSG:4326'")
    for name in sorted({*methods(), *RECIPES, "to_numpy", "to_geotiff"}):
        text = str(inspect.signature(getattr(Image, name)))
        assert not any(word in text for word in ("Annotated", "Union[", "FieldInfo", "'Operand'", "'Image'")), text
        text = str(inspect.signature(getattr(jv.ImageCollection, name)))
        assert "Annotated" not in text, text


# ---------------------------------------------------------------- files


@pytest.fixture
def folder(tmp_path: Path, jeoview_home: Path) -> Path:
    for name in ("a_20230501.tif", "b_20230511.tif"):
        place = from_origin(600_000.0, 5_000_000.0, 10.0, 10.0)
        profile = {"driver": "GTiff", "crs": "EPSG:32632", "transform": place, "width": 8, "height": 8, "count": 3}
        with rasterio.open(tmp_path / name, "w", dtype="uint8", **profile) as target:
            target.write(np.ones((3, 8, 8), np.uint8))
            for band in (1, 2, 3):
                target.set_band_description(band, f"band {band}")
    return tmp_path


@pytest.mark.parametrize("option", ["bands", "common_names", "scale", "offset", "nodata", "quality", "unit", "wrapped"])
def test_every_option_of_a_file(option: str, folder: Path) -> None:
    for value in WRONG:
        check(partial(jv.open, folder / "a_20230501.tif", **{option: value}), f"open({option}={value!r})")


@pytest.mark.parametrize("value", WRONG)
def test_names_and_paths_of_collections(value: Any, folder: Path) -> None:
    for shown, line in {
        "open": lambda: jv.open(value),
        "from_files": lambda: jv.ImageCollection.from_files(value),
        "date": lambda: jv.ImageCollection.from_files(folder / "*.tif", date=value),
        "name": lambda: jv.ImageCollection.from_files(folder / "*.tif", name=value),
        "collection": lambda: jv.ImageCollection(value),
        "interferograms": lambda: jv.InterferogramCollection.from_files(value),
        "licsar": lambda: jv.InterferogramCollection.from_licsar(value),
    }.items():
        check(line, f"{shown} {value!r}")


def test_filters_of_collections(folder: Path) -> None:
    scenes = jv.ImageCollection.from_files(folder)
    for name in ("filter", "filter_bounds", "filter_date", "filter_place", "sort", "limit", "image", "__getitem__"):
        for value in WRONG:
            check(partial(getattr(scenes, name), value), f"{name}({value!r})")
    with pytest.raises(JeoviewError):
        np.zeros(2) + scenes


def test_what_is_said_of_files(folder: Path) -> None:
    path = folder / "a_20230501.tif"
    with pytest.raises(ParameterError, match="open got 5; expected the path of a file"):
        jv.open(5)  # type: ignore[arg-type]
    for address in ("http://example.org/a.tif", "s3://bucket/a.tif", "/vsicurl/http://example.org/a.tif"):
        with pytest.raises(RefusedError, match="download the file and give its path"):
            jv.open(address)
    with pytest.raises(SourceError, match=r"is a folder; jeoview.ImageCollection.from_files takes all rasters"):
        jv.open(folder)
    with pytest.raises(ParameterError, match=r"\{'SCL': 'sentinel2-scl'\}; Known: 'landsat-c1-bqa'"):
        jv.open(path, bands=["red", "nir", "SCL"], quality="SCL")
    with pytest.raises(ParameterError, match=r"bands is 'red'; expected a list of names"):
        jv.open(path, bands="red")
    message = r"ndvi: no band 'nir'; Known: .*which band is nir: .*common_names=\{'BAND': 'nir', \.\.\.\} with BAND one of band 1"
    with pytest.raises(BandError, match=message):
        jv.open(path).ndvi()


def test_collections_of_a_list_and_of_a_folder(folder: Path) -> None:
    paths: list[str | Path] = [folder / "a_20230501.tif", str(folder / "b_20230511.tif")]
    scenes = jv.ImageCollection.from_files(paths)
    assert scenes.dates() == jv.ImageCollection.from_files(folder).dates() == ["2023-05-01", "2023-05-11"]
    assert jv.ImageCollection.from_files(paths).name == scenes.name, "the same question has the same name"
    assert scenes.image().schema.dates is not None
    with pytest.raises(SourceError, match=r"no such files: c\.tif"):
        jv.ImageCollection.from_files([*paths, folder / "c.tif"])
    (folder / "below").mkdir()
    with pytest.raises(SourceError, match=r"holds no raster; for its subfolders write 'below/\*\*/\*.tif'"):
        jv.ImageCollection.from_files(folder / "below")
    (folder / "dem.tif").write_bytes((folder / "a_20230501.tif").read_bytes())
    with pytest.raises(SourceError, match=r"no date .* of 1 of 3 files: dem.tif.*date=2011-02-11"):
        jv.ImageCollection.from_files(folder)
    assert jv.ImageCollection.from_files(folder, date="2011-02-11").dates()[0] == "2011-02-11"


def test_series_of_other_scenes_are_refused_at_the_line(folder: Path) -> None:
    both = jv.ImageCollection.from_files(folder)
    with pytest.raises(ParameterError, match="different dates, 2 of 2023-05-01 to 2023-05-11 and 2023-05-01"):
        both - both.filter_date("2023-05-01", "2023-05-02")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (lambda s: s.filter_pairs(max_days="12"), "filter_pairs: max_days is '12'; expected a number$"),
        (lambda s: s.filter_pairs(nearest=-1), "nearest is -1; expected a number from 0$"),
        (lambda s: s.filter_pairs(min_coherence=70), "min_coherence is 70; expected a number from 0 to 1$"),
        (lambda s: s.filter_pairs(drop="20200101_20200113"), "expected a list of pairs"),
        (lambda s: s.filter_pairs(drop=5), "expected a list of pairs"),
        (lambda s: s.filter_pairs(drop=["20200101"]), "has no pair '20200101'; .*'20200101_20200113'"),
        (lambda s: s.reference(9.0, "north"), "give lon= and lat="),
        (lambda s: s.reference(9.0, 45.0, pixels="7"), "reference: pixels is '7'; expected a number$"),
    ],
)
def test_what_is_said_of_interferograms(line: Callable[[Any], Any], message: str, folder: Path) -> None:
    (folder / "20200101_20200113_unw.tif").write_bytes((folder / "a_20230501.tif").read_bytes())
    stack = jv.InterferogramCollection.from_files(str(folder / "*_unw.tif"))
    with pytest.raises(ParameterError, match=message):
        line(stack)
    with pytest.raises(ParameterError, match="wavelength is 'C'; expected metres"):
        jv.InterferogramCollection.from_files(str(folder / "*_unw.tif"), wavelength=cast(Any, "C"))


def test_what_is_said_by_a_map() -> None:
    shown = jv.Map(session=cast(Any, FakeSession()))
    layer = shown.add(ndvi(), name="NDVI")
    with pytest.raises(ParameterError, match="attribution is 5; expected text"):
        shown.add(ndvi(1), attribution=cast(Any, 5))
    with pytest.raises(ParameterError, match="visible is 'no'; expected True or False"):
        layer.visible = cast(Any, "no")
    with pytest.raises(ParameterError, match="has a parameter 5; Known: none"):
        shown.set_parameter(cast(Any, 5), 1.0)
    assert [one.name for one in shown.layers] == ["NDVI"], "what was refused left nothing behind"
