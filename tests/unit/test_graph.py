"""Nodes: keys, immutability, slider parameters, walks of any depth."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import jeoview as jv
from jeoview.errors import ChainError, ParameterError
from jeoview.graph import LARGEST_INTEGER, Node, Parameter, canonical, freeze, parameters, walk
from jeoview.make import bind
from tests.synthetic import source

words = st.text(st.characters(codec="utf-8"))
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner) | st.dictionaries(words, inner),
    max_leaves=20,
)


def node(name: str = "load", **arguments: Any) -> Node:
    return Node(name, 1, arguments)


# ---------------------------------------------------------------- keys


def test_the_key_is_the_hash_of_the_documented_text() -> None:
    leaf = node("load", b=1.5, a="x")
    text = '{"arguments":{"a":"x","b":1.5},"process_id":"load","version":1}'
    assert leaf.key == hashlib.sha256(text.encode()).hexdigest()
    parent = Node("add", 2, {"x": leaf, "y": 2})
    text = f'{{"arguments":{{"x":{{"from_node":"{leaf.key}"}},"y":2}},"process_id":"add","version":2}}'
    assert parent.key == hashlib.sha256(text.encode()).hexdigest()


def test_anything_that_counts_changes_the_key() -> None:
    base = node("add", x=node(a=1), y=2.0)
    others = [
        Node("add", 2, {"x": node(a=1), "y": 2.0}),
        node("subtract", x=node(a=1), y=2.0),
        node("add", x=node(a=2), y=2.0),
        node("add", x=node(a=1), y=3.0),
        node("add", x=node(a=1), z=2.0),
    ]
    assert len({base.key, *(other.key for other in others)}) == 6
    assert all(base != other for other in others)


def test_equal_nodes_are_one() -> None:
    first, second = node("add", x=node(a=1), y=-0.0), node("add", y=0.0, x=node(a=1))
    assert first == second
    assert len({first, second}) == 1
    assert first != "text"


@given(plain)
def test_freezing_changes_no_value_and_nothing_can_be_changed_afterwards(value: Any) -> None:
    leaf = node(value=value)
    # JSON is the judge of equality: lists and tuples, any order of names.
    assert json.loads(canonical(leaf.hashed()))["arguments"]["value"] == json.loads(json.dumps(value))
    assert freeze(leaf.arguments["value"]) == leaf.arguments["value"]
    with pytest.raises(TypeError):
        leaf.arguments["value"] = 1  # type: ignore[index]
    with pytest.raises(AttributeError):
        leaf.version = 2  # type: ignore[misc]


def test_a_list_given_to_a_node_can_be_changed_without_harm() -> None:
    bands = ["B04"]
    leaf = node(bands=bands)
    bands.append("B08")
    assert leaf.arguments["bands"] == ("B04",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "finite"),
        (math.inf, "finite"),
        ([1.0, -math.inf], "finite"),
        (2**53 + 1, "beyond"),
        (10**400, "beyond"),
        ("half \ud800", "half a character"),
        ({"\udfff": 1}, "half a character"),
        ({1: 2}, "not text"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        ({"from_node": "abc"}, "reference"),
        ({"from_parameter": "abc", "declaration": {}}, "reference"),
    ],
)
def test_what_has_no_canonical_text_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ChainError, match=message):
        node(value=[value])


def test_every_whole_character_has_a_key() -> None:
    text = '{"arguments":{"value":"\U0001f6f0 é"},"process_id":"load","version":1}'
    assert node(value="\U0001f6f0 é").key == hashlib.sha256(text.encode()).hexdigest()


# ---------------------------------------------------------------- walks


def test_inputs_come_first_and_each_node_once() -> None:
    leaf = node(a=1)
    left, right = node("l", x=leaf), node("r", x=leaf)
    top = node("top", images=(left, right, left), more={"deep": leaf})
    assert [item.operator for item in walk(top)] == ["load", "l", "r", "top"]


def test_deep_chains_are_walked() -> None:
    top = node(a=1)
    for _ in range(20_000):
        top = node("next", x=top)
    assert len(walk(top)) == 20_001


def test_chains_that_share_much_are_walked_once() -> None:
    top = node(a=1)
    for _ in range(200):  # 2 ** 200 paths
        top = node("both", x=top, y=top)
    assert len(walk(top)) == 201


# ---------------------------------------------------------------- slider parameters


def test_a_declaration_says_itself_in_json() -> None:
    slider = jv.parameter("threshold", 0.5, min=0, max=1, step=0.05, unit="dB")
    assert slider.declaration() == {
        "name": "threshold",
        "default": 0.5,
        "unit": "dB",
        "schema": {"type": "number", "minimum": 0.0, "maximum": 1.0, "multipleOf": 0.05},
    }
    assert jv.parameter("n", 3, min=1, max=9).declaration()["schema"]["type"] == "integer"
    assert jv.parameter("n", 3, min=0.5).declaration()["schema"]["type"] == "number"
    assert jv.parameter("b", True).declaration()["schema"] == {"type": "boolean"}
    assert jv.parameter("s", "a", choices=["a", "b"]).declaration()["schema"] == {"type": "string", "enum": ("a", "b")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "", "default": 1}, "64 letters"),
        ({"name": "a b", "default": 1}, "64 letters"),
        ({"name": "x" * 65, "default": 1}, "64 letters"),
        ({"name": 5, "default": 1}, "64 letters"),
        ({"name": "n", "default": None}, "expected bool, int, float or str"),
        ({"name": "n", "default": math.nan}, "finite"),
        ({"name": "n", "default": 10**400}, "finite"),
        ({"name": "n", "default": 1, "min": 2, "max": 1}, "not below"),
        ({"name": "n", "default": 1, "min": 1, "max": 1}, "not below"),
        ({"name": "n", "default": 1, "min": "low"}, "finite number"),
        ({"name": "n", "default": 1, "min": math.nan}, "finite number"),
        ({"name": "n", "default": 1, "step": 0}, "positive"),
        ({"name": "n", "default": 1, "step": -1}, "positive"),
        ({"name": "n", "default": 5, "max": 1}, "any number to 1"),
        ({"name": "n", "default": "a", "choices": ["b"]}, r"one of \['b'\]"),
        ({"name": "n", "default": "a", "min": 1}, "no number"),
        ({"name": "n", "default": 1.0, "choices": ["b"]}, "choices"),
        ({"name": "n", "default": "a", "choices": [1]}, "choices"),
        ({"name": "n", "default": "a", "choices": 5}, "choices"),
        ({"name": "n", "default": 1, "unit": 5}, "unit"),
    ],
)
def test_wrong_declarations_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        jv.parameter(**arguments)


@pytest.mark.parametrize(
    ("slider", "given_", "expected"),
    [
        (jv.parameter("p", 0.5, min=0, max=1, step=0.05), 0.149, 0.15),
        (jv.parameter("p", 0.5, min=0, max=1, step=0.05), 1, 1.0),
        (jv.parameter("p", 0.1, min=0.0, max=0.3, step=0.1), 0.3, 0.3),
        (jv.parameter("p", 0.6, min=0, max=1, step=0.6), 1.0, 0.6),
        (jv.parameter("p", 0.0, min=-1, max=1), -0.0, 0.0),
        (jv.parameter("p", 3, min=1, max=9), 2.6, 3),
        (jv.parameter("p", 3, min=1, max=9, step=2), 9, 9),
        (jv.parameter("p", 3), 7, 7),
        (jv.parameter("p", 1e-14, min=0, max=1e-13, step=1e-14), 2.9e-14, 3e-14),
        (jv.parameter("p", 1.0, step=1e-9), 1e300, 1e300),
        (jv.parameter("p", False), True, True),
        (jv.parameter("p", "a", choices=("a", "b")), "b", "b"),
        (jv.parameter("p", 0.7, step=0.5), 0.7, 0.5),
    ],
)
def test_values_fall_on_the_nearest_step(slider: Parameter, given_: Any, expected: Any) -> None:
    value = slider.check(given_)
    assert value == expected
    assert type(value) is type(expected)
    assert slider.check(value) == value


@given(st.data())
def test_every_position_lies_inside_the_limits_and_on_a_step(data: st.DataObject) -> None:
    low = data.draw(st.floats(-1e3, 1e3))
    high = low + data.draw(st.floats(0.01, 1e3))
    step = data.draw(st.floats(0.001, 1e3))
    slider = jv.parameter("p", low, min=low, max=high, step=step)
    value = float(slider.check(data.draw(st.floats(low, high))))
    assert low - 1e-6 <= value <= high + 1e-6
    steps = (value - low) / step
    assert math.isclose(steps, round(steps), abs_tol=1e-6)
    assert slider.check(min(max(value, low), high)) == value


@pytest.mark.parametrize(
    ("slider", "value"),
    [
        (jv.parameter("p", 0.5, min=0, max=1), 1.01),
        (jv.parameter("p", 0.5, min=0, max=1), -0.01),
        (jv.parameter("p", 0.5), "0.5"),
        (jv.parameter("p", 0.5), True),
        (jv.parameter("p", 0.5), None),
        (jv.parameter("p", 0.5), math.nan),
        (jv.parameter("p", 0.5), 10**400),
        (jv.parameter("p", True), 1),
        (jv.parameter("p", "a", choices=("a", "b")), "c"),
        (jv.parameter("p", "a"), 5),
    ],
)
def test_values_outside_are_refused_by_name(slider: Parameter, value: Any) -> None:
    with pytest.raises(ParameterError, match="parameter 'p' got"):
        slider.check(value)


# ---------------------------------------------------------------- binding


def image() -> Any:
    return source("1")["nir"].median()


def test_bound_chains_are_the_chains_with_the_values_written_in() -> None:
    low = jv.parameter("low", 0.25, min=0, max=1)
    marked = image().between(low, 0.9)
    assert bind(marked.node, {"low": 0.5}).key == image().between(0.5, 0.9).key
    assert bind(marked.node).key == image().between(0.25, 0.9).key
    assert bind(marked.node, {"low": 0}).key == image().between(0.0, 0.9).key


def test_a_slider_of_whole_numbers_may_drive_a_decimal_value() -> None:
    slider = jv.parameter("top", 5, min=1, max=9)
    assert bind(image().clip(0, slider).node, {"top": 7}).key == image().clip(0.0, 7.0).key


def test_a_slider_may_stand_anywhere() -> None:
    radius = jv.parameter("radius", 60, min=20, max=500, unit="m")
    assert bind(image().focal_mean(jv.metres(radius)).node, {"radius": 90}).key == image().focal_mean(jv.metres(90)).key
    weight = jv.parameter("weight", 2.0)
    formula = image().expression("a * nir + b", variables={"a": weight, "b": 1})
    assert bind(formula.node, {"weight": 3.0}) == image().expression("a * nir + b", variables={"a": 3, "b": 1.0}).node
    q = jv.parameter("q", 0.9, min=0.5, max=1)
    fitted = image().quantiles(q=(0.1, q), region=(0, 0, 1, 1), zoom=5)
    assert bind(fitted.node, {"q": 0.95}) == image().quantiles(q=(0.1, 0.95), region=(0, 0, 1, 1), zoom=5).node
    band = jv.parameter("band", "red", choices=("red", "nir"))
    chosen = source("1").median().select([band])
    assert bind(chosen.node, {"band": "nir"}) == source("1").median()["B08"].node
    number = jv.parameter("number", 2.0)
    assert bind((image() * number).node, {"number": 4}) == (image() * 4).node


def test_what_no_slider_drives_keeps_its_node() -> None:
    below = image()
    slider = jv.parameter("p", 1.0)
    top = bind(((below + slider) * below).node, {"p": 2.0})
    assert below.node in walk(top)
    assert bind(below.node) is below.node


def test_one_name_has_one_declaration() -> None:
    twice = image() + jv.parameter("p", 1.0) * image() + jv.parameter("p", 1.0)
    assert list(parameters(twice.node)) == ["p"]
    declared = image() + jv.parameter("p", 1.0, max=5)
    with pytest.raises(ParameterError, match=r"two ways .*: parameter\('p', 1.0, max=5.0\), and parameter\('p', 2.0\)"):
        declared * jv.parameter("p", 2.0)
    with pytest.raises(ParameterError, match="two ways"):
        declared - image() * jv.parameter("p", 1.0)


@pytest.mark.parametrize("values", [{"nonsense": 1.0}, {"p": "x"}, {"p": 11}, {"p": None}])
def test_wrong_values_are_refused(values: dict[str, Any]) -> None:
    chain = image() + jv.parameter("p", 1.0, max=10)
    with pytest.raises(ParameterError, match="'p'"):
        bind(chain.node, values)


def test_a_bound_value_is_checked_by_its_operator() -> None:
    vmin = jv.parameter("vmin", 0.0, min=-1, max=2)
    coloured = image().colormap("viridis", vmin=vmin, vmax=1)
    with pytest.raises(ParameterError, match="not below"):
        bind(coloured.node, {"vmin": 1.5})


def test_both_ends_of_a_slider_must_suit_the_operator() -> None:
    with pytest.raises(ParameterError, match="quantile"):
        source("1").quantile(jv.parameter("q", 0.5, min=0, max=2))
    with pytest.raises(ParameterError, match="focal_mean"):
        image().focal_mean(jv.parameter("r", 1.5, min=0, max=3))
