"""The handle: every operator a method, errors at the notebook line, no truth value, a stub that is true."""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np
import pytest

import jeoview as jv
from jeoview.errors import BandError, ChainError, JeoviewError, ParameterError
from jeoview.image import Image, apply, attach_operators, methods, node_of
from jeoview.operator import REGISTRY, Mode
from jeoview.raster import Kind
from jeoview.recipes import RECIPES, attach_recipes
from scripts.generate_stubs import STUBS, Stub, generate, is_current
from tests.synthetic import grid_at, raster, source

HERE = grid_at(10, 8.0, 47.0, 20, 24)


def image() -> Image:
    return source("1").median()


def values(image: Image) -> Any:
    return raster(image, HERE).array


# ---------------------------------------------------------------- methods


@pytest.mark.parametrize("name", sorted(name for name, found in REGISTRY.items() if found.mode is not Mode.SOURCE))
def test_every_operator_is_a_method_with_signature_and_help(name: str) -> None:
    if name in ("and", "or", "not"):
        return  # words of Python: & | ~
    method = getattr(Image, name)
    assert inspect.getdoc(method)
    shown = inspect.signature(method)
    assert next(iter(shown.parameters)) == "self"
    assert method.__name__ == name
    if name not in RECIPES:
        found = REGISTRY[name]
        expected = ["self", *(item.name for item in found.inputs[1:]), *found.parameters]
        expected += [item.name for item in found.inputs[:1] if item.variadic]
        assert sorted(shown.parameters) == sorted(expected)
        assert found.summary in (inspect.getdoc(method) or "")


def test_arguments_by_position_and_by_name() -> None:
    assert image().clip(0, 1).key == image().clip(min=0, max=1).key == image().clip(0, max=1).key
    assert image().log_ratio(image(), 2).key == image().log_ratio(after=image(), radius=2).key
    joined = image()["red"].join_bands(image()["nir"], image()["blue"])
    assert joined.bands == ("B04", "B08", "B02")


def test_operators_of_python() -> None:
    a, b = image()["red"], image()["nir"]
    x, y = values(a), values(b)
    pairs = [
        (a + b, x + y),
        (a - b, x - y),
        (a * b, x * y),
        (a + 1, x + 1),
        (1 + a, 1 + x),
        (2 - a, 2 - x),
        (a - 2, x - 2),
        (3 * a, 3 * x),
        (-a, 0 - x),
        (abs(a - 0.5), np.abs(x - np.float32(0.5))),
    ]
    for ours, expected in pairs:
        np.testing.assert_array_equal(values(ours), expected.astype(np.float32))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [(a / b, x / y), (1 / a, 1 / x), (a / 4, x / 4)]
        powers = [(a**2, x**2), (2**a, 2**x)]
    for ours, expected in ratios:
        np.testing.assert_array_equal(values(ours), np.where(np.isinf(expected), np.nan, expected).astype(np.float32))
    for ours, expected in powers:
        np.testing.assert_allclose(values(ours), expected, rtol=1e-6)


def test_comparisons_and_logic() -> None:
    a, b = image()["red"], image()["nir"]
    x, y = values(a), values(b)
    nodata = np.isnan(x) | np.isnan(y)
    half = np.float32(0.5)
    for ours, expected in [
        (a < b, x < y),
        (a <= b, x <= y),
        (a > b, x > y),
        (a >= b, x >= y),
        (a == b, x == y),
        (a != b, x != y),
        ((a > 0.5) & (b > 0.5), (x > half) & (y > half)),
        ((a > 0.5) | (b > 0.5), (x > half) | (y > half)),
        (~(a > b), ~(x > y)),
    ]:
        np.testing.assert_array_equal(values(ours), np.where(nodata, np.nan, expected))
    np.testing.assert_array_equal(values(b > 0.5), np.where(np.isnan(y), np.nan, half < y))


def test_numpy_leaves_its_operators_to_the_image() -> None:
    assert (np.float64(2) * image()).key == (2 * image()).key
    assert (np.float32(0.5) + image()).key == (0.5 + image()).key
    with pytest.raises(TypeError):
        np.add(image(), 1)
    with pytest.raises(ParameterError, match="got array"):
        image() * np.ones((3, 3))


# ---------------------------------------------------------------- no truth value


@pytest.mark.parametrize(
    "line",
    [
        bool,
        lambda i: 1 if i else 0,
        lambda i: i and i,
        lambda i: i or i,
        lambda i: not i,
        lambda i: 0 < i < 1,
        lambda i: i in [i * 2, i],
        lambda i: any([i > 0]),
    ],
)
def test_an_image_is_neither_true_nor_false(line: Any) -> None:
    with pytest.raises(ParameterError, match=r"join conditions with & \| ~"):
        line(image())


def test_an_image_is_no_list() -> None:
    with pytest.raises(ParameterError, match=r"image\.bands"):
        list(image())
    with pytest.raises(ParameterError, match=r"image\.bands"):
        _red, _nir = image()[["red", "nir"]]


def test_images_may_be_kept_in_dictionaries() -> None:
    first = image()
    assert {first: "a"}[first] == "a"
    assert hash(first) == hash(image())


# ---------------------------------------------------------------- errors at the notebook line


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        (lambda i: i["B99"], BandError, "select: no band 'B99'; .*Known: 'B02', .*'nir'"),
        (lambda i: i["redd"], BandError, "did you mean 'red'"),
        (lambda i: i[["red", "red"]], ParameterError, "each once"),
        (lambda i: i[[]], ParameterError, "at least one band"),
        (lambda i: i[0], ParameterError, "bands"),
        (lambda i: i.focal_mean(raduis=3), ParameterError, "raduis.*it takes .*radius"),
        (lambda i: i.focal_mean(1, 2), ParameterError, "too many"),
        (lambda i: i.clip(1), ParameterError, "missing.*'max'.*it takes"),
        (lambda i: i.clip(1, "x"), ParameterError, r"clip\(max='x'\)"),
        (lambda i: i.clip(1, 0), ParameterError, "above max"),
        (lambda i: i.linear_scale_range(1, 1), ParameterError, "not below"),
        (lambda i: i.focal_mean("60 m"), ParameterError, "radius"),
        (lambda i: i.rename("red"), ParameterError, "bands"),
        (lambda i: i.rename(["a"]), ParameterError, "expected 7 different names"),
        (lambda i: i.add("two"), ParameterError, "expected an image or a number"),
        (lambda i: i + None, ParameterError, "expected an image or a number"),
        (lambda i: i.normalized_difference("nir", "pan"), BandError, "no band 'pan'"),
        (lambda i: i.label(connectivity=6), ParameterError, "4 or 8"),
        (lambda i: i.median(), ParameterError, "call it on the collection"),
        (
            lambda i: i.colormap("viridis", vmin=0, vmax=1),
            ParameterError,
            r"colour shows one: choose it with image\['name'\]",
        ),
        (lambda i: i["red"].colormap("viridiss", vmin=0, vmax=1), ParameterError, "did you mean 'viridis'"),
        (lambda i: i["red"].colormap(cmap="viridis"), ParameterError, "cmap.*it takes .*palette"),
        (lambda i: i["red"].colormap(), ParameterError, "give vmin= and vmax="),
        (lambda i: i["red"].colormap(vmin=1, vmax=0), ParameterError, "not below"),
        (lambda i: i["red"].colormap(["red", "nocolour"], 0, 1), ParameterError, "'nocolour' is no colour"),
        (lambda i: i["red"].colormap(classes={1: "water"}), ParameterError, r"expected \(label, colour\)"),
        (lambda i: i["red"].colormap(classes=[1, 2]), ParameterError, "expected {value"),
        (lambda i: i["red"].colormap(classes={"x": ("a", "red")}), ParameterError, "classes"),
        (lambda i: i.rgb().ndvi(), BandError, "no band 'nir'"),
        (lambda i: i.rgb() + 1, ParameterError, "before .colormap"),
        (lambda i: i.rgb(red="redd"), BandError, "did you mean 'red'"),
        (lambda i: i.rgb(vmin=1, vmax=0), ParameterError, "rgb"),
        (lambda i: i.stretch(percentiles=(98, 2)), ParameterError, "0 <= low < high"),
        (lambda i: i.stretch(percentiles=5), ParameterError, "two numbers"),
        (lambda i: i.stretch(range=(0,)), ParameterError, r"range=\(low, high\)"),
        (lambda i: i.stretch(range=("a", 1)), ParameterError, "input_min='a'"),
        (lambda i: i.stretch(range=(0, 1), percentiles=(2, 98)), ParameterError, "one of them"),
        (lambda i: i[["red"]].mask_clouds(), BandError, "no quality band is known among"),
        (lambda i: i.mask({"type": "Point", "coordinates": [0, 0]}), ParameterError, "no area"),
        (lambda i: i.mask(zigzag(300)), ParameterError, "too long"),
        (lambda i: i.mask(5), ParameterError, "expected an image"),
        (lambda i: i.dnbr(5), ParameterError, "expected an image or a collection"),
        (lambda i: i.ndvi("red"), ParameterError, "ndvi.*it takes"),
        (lambda i: i.join_bands(i), ParameterError, "more than one image"),
        (lambda i: i.blend(i.rgb()), ParameterError, "add .colormap"),
        (lambda i: i.where(1, "x"), ParameterError, "expected an image or a number"),
        (lambda i: i.stretch_by(i["red"].quantiles(zoom=1)), BandError, "the table holds no band 'B02'"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_and_what_exists(line: Any, error: type[JeoviewError], message: str) -> None:
    with pytest.raises(error, match=message):
        line(image())


def zigzag(times: int) -> dict[str, Any]:
    """An area whose edges cross the world again and again."""
    there = [[-170 + (i % 2) * 340, -80 + 160 * i / times] for i in range(times)]
    return {"type": "Polygon", "coordinates": [[*there, [179, 85], [-179, 85], there[0]]]}


# ---------------------------------------------------------------- what an image says of itself


def test_properties() -> None:
    index = source("1", unit="reflectance").median()[["nir", "red"]]
    assert (index.kind, index.bands, index.unit) == (Kind.BANDS, ("B08", "B04"), "reflectance")
    assert index.bbox == (-170.0, -80.0, 170.0, 80.0)
    assert index.key == index.node.key == Image.from_chain(index.chain).key
    assert "bands ['B08', 'B04'] reflectance select" in repr(index)
    slider = jv.parameter("p", 1.0)
    assert dict((index * slider).parameters) == {"p": slider}


def test_names_are_shown_as_text_and_not_as_html() -> None:
    html = image().rename(["<script>", "b", "c", "d", "e", "f", "g"])._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "not computed" in html


def test_an_altered_chain_is_no_image() -> None:
    with pytest.raises(ChainError):
        Image.from_chain(image().chain.replace("median", "mean"))


# ---------------------------------------------------------------- collections where images are


class Collection:
    """As `jeoview.ImageCollection`: gives its image when one is needed."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.asked = 0

    def image(self) -> Image:
        self.asked += 1
        return self._image


attach_operators(Collection)
attach_recipes(Collection)


def test_a_collection_stands_where_images_are() -> None:
    scenes: Any = Collection(source("1"))
    assert scenes.median().key == image().key
    assert scenes.mask_clouds().median().ndvi().key == source("1").mask_clouds().median().ndvi().key
    assert (scenes * 2).key == (source("1") * 2).key
    assert (1 - scenes).key == (1 - source("1")).key
    assert (image() - Collection(image())).key == (image() - image()).key
    assert image().log_ratio(Collection(image())).key == image().log_ratio(image()).key
    assert jv.rgb(Collection(image()["red"]), image()["nir"], image()["blue"]).kind is Kind.COLOUR
    assert image().dnbr(Collection(source("2").median())).key == image().dnbr(source("2").median()).key
    assert node_of(scenes) == source("1").node
    assert apply("median", [scenes], {}).key == image().key


def test_public_names() -> None:
    assert jv.Image is Image
    assert jv.where(image() > 0, 1, image()).key == (image() > 0).where(1, image()).key
    assert {"Image", "parameter", "metres", "rgb", "where"} <= set(dir(jv))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        jv.nonsense  # noqa: B018


# ---------------------------------------------------------------- stubs


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.module)
def test_the_stub_is_true(stub: Stub) -> None:
    assert is_current(stub), f"{stub.path.name} is out of date: run python scripts/generate_stubs.py"


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.module)
def test_the_stub_has_every_method_that_the_class_has(stub: Stub) -> None:
    tree = ast.parse(generate(stub))
    (owner,) = [item for item in tree.body if isinstance(item, ast.ClassDef) and item.name == stub.owner]
    stubbed = {item.name for item in owner.body if isinstance(item, ast.FunctionDef)}
    missing = {name for name in (*methods(), *RECIPES) if name not in stubbed}
    assert not missing
    for item in owner.body:
        if isinstance(item, ast.FunctionDef) and item.name in methods():
            assert ast.get_docstring(item), item.name
