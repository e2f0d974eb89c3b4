"""Formulas: what they compute, and that nothing but a formula gets through."""

from __future__ import annotations

import ast
import math
import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import jeoview as jv
from jeoview.errors import BandError, JeoviewError, ParameterError
from jeoview.grid import Grid, web_mercator
from jeoview.image import Image, apply
from jeoview.operator import find
from jeoview.operators.index import names_in, parse
from jeoview.raster import Kind, Raster
from tests.synthetic import grid_at, raster, source

GRID = Grid(web_mercator(3), 0, 0, 2, 3)
VALUES = {"a": [0.5, 2.0, -1.0, 0.0, np.nan, 4.0], "b": [0.25, -3.0, 2.0, 0.0, 1.0, np.nan]}


def evaluate(formula: str, **variables: float) -> list[float]:
    """A formula over six pixels of two bands."""
    array = np.array([VALUES["a"], VALUES["b"]], dtype=np.float32).reshape(2, 2, 3)
    image = Raster(array, GRID, Kind.BANDS, ("a", "b"))
    result = find("expression").function(image, formula=formula, variables=variables, name="x")
    assert result.bands == ("x",)
    assert result.array.dtype == np.float32
    return [float(value) for value in result.array.ravel()]


NAN = math.nan


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a + b", [0.75, -1.0, 1.0, 0.0, NAN, NAN]),
        ("a - b * 2", [0.0, 8.0, -5.0, 0.0, NAN, NAN]),
        ("(a - b) * 2", [0.5, 10.0, -6.0, 0.0, NAN, NAN]),
        ("a / b", [2.0, -2 / 3, -0.5, NAN, NAN, NAN]),
        ("a ** 2", [0.25, 4.0, 1.0, 0.0, NAN, 16.0]),
        ("2 ** a", [2**0.5, 4.0, 0.5, 1.0, NAN, 16.0]),
        ("-a", [-0.5, -2.0, 1.0, -0.0, NAN, -4.0]),
        ("-a ** 2", [-0.25, -4.0, -1.0, -0.0, NAN, -16.0]),
        ("a ** 0", [1.0, 1.0, 1.0, 1.0, NAN, 1.0]),
        ("1 ** b", [1.0, 1.0, 1.0, 1.0, 1.0, NAN]),
        ("abs(a)", [0.5, 2.0, 1.0, 0.0, NAN, 4.0]),
        ("sqrt(a)", [0.5**0.5, 2**0.5, NAN, 0.0, NAN, 2.0]),
        ("ln(a)", [math.log(0.5), math.log(2), NAN, NAN, NAN, math.log(4)]),
        ("log10(a)", [math.log10(0.5), math.log10(2), NAN, NAN, NAN, math.log10(4)]),
        ("exp(a)", [math.exp(0.5), math.exp(2), math.exp(-1), 1.0, NAN, math.exp(4)]),
        ("min(a, b)", [0.25, -3.0, -1.0, 0.0, NAN, NAN]),
        ("max(a, 1)", [1.0, 2.0, 1.0, 1.0, NAN, 4.0]),
        ("a > b", [1.0, 1.0, 0.0, 0.0, NAN, NAN]),
        ("a <= b", [0.0, 0.0, 1.0, 1.0, NAN, NAN]),
        ("a == 2", [0.0, 1.0, 0.0, 0.0, NAN, 0.0]),
        ("a != 2", [1.0, 0.0, 1.0, 1.0, NAN, 1.0]),
        ("(a > 0) & (b > 0)", [1.0, 0.0, 0.0, 0.0, NAN, NAN]),
        ("(a > 0) | (b > 0)", [1.0, 1.0, 1.0, 0.0, NAN, NAN]),
        ("where(a > 1, b, -9)", [-9.0, -3.0, -9.0, -9.0, NAN, NAN]),
        ("where(b > 0, b, a)", [0.25, 2.0, 2.0, 0.0, 1.0, NAN]),
        ("a * 1e30 * 1e30", [NAN, NAN, NAN, 0.0, NAN, NAN]),
        ("a + 0 * b / b", [0.5, 2.0, -1.0, NAN, NAN, NAN]),
        ("  a\n ", None),
    ],
)
def test_values(formula: str, expected: list[float] | None) -> None:
    if expected is None:
        with pytest.raises(ParameterError, match="not a formula"):
            evaluate(formula)
        return
    np.testing.assert_allclose(evaluate(formula), expected, rtol=1e-6)


def test_variables_are_numbers() -> None:
    np.testing.assert_allclose(evaluate("a * k + c", k=2.0, c=0.5)[:4], [1.5, 4.5, -1.5, 0.5])


def test_names_in_order() -> None:
    assert names_in("where(nir > t, min(red, nir), abs)") == ("nir", "t", "red", "abs")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("", "1 to 2000"),
        ("a +", "not a formula"),
        ("a b", "not a formula"),
        ("a\x00", "not a formula"),
        ("a; b", "not a formula"),
        ("a = 1", "not a formula"),
        ("a if b else a", "IfExp is not allowed"),
        ("a and b", "BoolOp is not allowed"),
        ("not a", "Not is not allowed"),
        ("~a", "Invert is not allowed"),
        ("+a", "UAdd is not allowed"),
        ("a % b", "Mod is not allowed"),
        ("a // b", "FloorDiv is not allowed"),
        ("a << 2", "LShift is not allowed"),
        ("a @ b", "MatMult is not allowed"),
        ("0 < a < 1", "compare two values"),
        ("a in b", "compare two values"),
        ("a is b", "compare two values"),
        ("a.real", "Attribute is not allowed"),
        ("a[0]", "Subscript is not allowed"),
        ("[a]", "List is not allowed"),
        ("(a, b)", "Tuple is not allowed"),
        ("{a}", "Set is not allowed"),
        ("lambda: a", "Lambda is not allowed"),
        ("(x := a)", "NamedExpr is not allowed"),
        ("[x for x in a]", "is not allowed"),
        ("f'{a}'", "is not allowed"),
        ("'a'", "not a number"),
        ("True", "not a number"),
        ("None", "not a number"),
        ("1j * a", "not a number"),
        ("... + a", "not a number"),
        ("1e999 * a", "not a number"),
        ("9" * 400 + " * a", "not a number"),
        ("1e39 * a", "not a number"),
        ("sin(a)", "no function sin"),
        ("logg10(a)", "did you mean 'log10'"),
        ("__import__('os')", "no function __import__"),
        ("a.b(1)", "no function of this form"),
        ("(lambda: 1)()", "no function of this form"),
        ("abs(a, b)", "abs takes 1 values"),
        ("abs()", "abs takes 1 values"),
        ("where(a, b)", "where takes 3 values"),
        ("abs(x=a)", "abs takes 1 values"),
        ("min(*a)", "min takes 2 values"),
        ("3 + 4", "names no band"),
        ("a" + " + a" * 150, "nested more than 100"),
        ("-" * 150 + "a", "nested more than 100"),
        ("a + " * 600 + "a", "1 to 2000"),
        ("(" * 1500 + "a" + ")" * 400, "not a formula"),
        ("nirr + a", "no band 'nirr'; did you mean 'nir'"),
    ],
)
def test_what_is_no_formula_is_refused(formula: str, message: str) -> None:
    image = source("1").median().select(["B04", "B08"])
    variables = {name: 1.0 for name in ("a", "b") if name in formula and "names no band" not in message}
    start = time.perf_counter()
    with pytest.raises(ParameterError, match=message) as caught:
        image.expression(formula, variables=variables)
    assert time.perf_counter() - start < 1
    assert len(str(caught.value)) < 500


@settings(max_examples=300)
@given(st.text(st.sampled_from("abx019.+-*/()<>=&|,[]{}'\"\\_ \n:;%@~!lnsqrt"), max_size=40))
def test_any_text_is_a_formula_or_refused(formula: str) -> None:
    try:
        tree = parse(formula)
    except ParameterError:
        return
    allowed = (
        ast.BinOp
        | ast.UnaryOp
        | ast.Compare
        | ast.Constant
        | ast.Call
        | ast.Name
        | ast.Load
        | ast.operator
        | ast.unaryop
        | ast.cmpop
    )
    assert all(isinstance(part, allowed) for part in ast.walk(tree))


NUMBERS = st.floats(-100, 100, width=32).map(lambda number: f"{abs(number):.4f}")
TREES = st.recursive(
    st.sampled_from(["a", "b"]) | NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"abs({part})"),
        inner.map(lambda part: f"(-{part})"),
        st.tuples(inner, inner).map(lambda parts: f"max({', '.join(parts)})"),
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(TREES)
@example("abs(max(a, (0.0000 / 0.0000)))")
def test_against_python_itself(formula: str) -> None:
    """Python evaluates the text on numpy arrays of float64; ours is float32, so a few ulp of each step apart."""
    if "a" not in formula.replace("abs", "").replace("max", "") and "b" not in formula.replace("abs", ""):
        return
    arrays = {name: np.array(values) for name, values in VALUES.items()}
    with np.errstate(all="ignore"):
        # Python's own numbers raise where they are divided by zero.
        code = compile(re.sub(r"\d+\.\d+", r"number(\g<0>)", formula), "formula", "eval")
        names = {"abs": np.abs, "max": np.maximum, "number": np.float64, **arrays}
        expected = np.broadcast_to(eval(code, names), 6)  # noqa: S307
    ours = np.array(evaluate(formula))
    usable = np.isfinite(expected) & (np.abs(expected) < 1e30)
    well_conditioned = usable & np.isfinite(ours)
    scale = 1.0 + np.abs(expected[well_conditioned])
    error = np.abs(ours[well_conditioned] - expected[well_conditioned]) / scale
    # A difference of nearly equal numbers has no digits left in float32; most have.
    assert (error < 1e-3).all() or "/" in formula
    assert np.isnan(ours[[4 if "a" in formula.replace("abs", "").replace("max", "") else 5]]).all()


# ---------------------------------------------------------------- as a method


def test_common_names_and_both_words_for_shortwave_infrared() -> None:
    image = source("1").median()
    written = image.expression("(nir - swir1) / (nir + swir1)", name="ndmi")
    np.testing.assert_array_equal(values(written), values(image.normalized_difference("nir", "swir16")))
    assert image.expression("B08 + swir16").bands == ("expression",)
    assert written.bands == ("ndmi",)


def values(image: Image) -> Any:
    return raster(image, grid_at(9, 8, 47, 20, 20)).array


@pytest.mark.parametrize("formula", [5, None, ["nir"], b"nir"])
def test_a_formula_is_text(formula: Any) -> None:
    with pytest.raises(ParameterError, match="a formula is a text"):
        source("1").median().expression(formula)


def test_variables_and_sliders() -> None:
    image = source("1").median()
    slider = jv.parameter("t", 0.5, min=0, max=1)
    formula = image.expression("where(nir > t, k, 0)", variables={"t": slider, "k": 2})
    assert dict(formula.node.arguments["variables"]) == {"k": 2.0, "t": slider}
    np.testing.assert_array_equal(values(formula), values((image["nir"] > 0.5).where(2.0, image["nir"] * 0)))


def test_a_variable_hides_a_band() -> None:
    image = source("1").median()
    assert image.expression("nir + red", variables={"red": 1.0}).key != image.expression("nir + red").key
    np.testing.assert_array_equal(
        values(image.expression("nir + red", variables={"red": 1.0})), values(image["nir"] + 1)
    )


@pytest.mark.parametrize("variables", [{"t": "x"}, {"t": None}, {"t": True}, {5: 1.0}, {"t": math.nan}])
def test_wrong_variables_are_refused(variables: Any) -> None:
    with pytest.raises(JeoviewError):
        source("1").median().expression("nir * t", variables=variables)


def test_a_text_from_outside_must_name_bands_by_their_own_names() -> None:
    with pytest.raises(BandError, match="no band 'nir'"):
        apply("expression", [source("1").median()], {"formula": "nir + 1"})
    with pytest.raises(BandError, match="no band 'B99'"):
        apply("expression", [source("1").median()], {"formula": "nir + 1", "bands": {"nir": "B99"}})
