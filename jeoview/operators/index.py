"""Indices: normalised differences and formulas over band names."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from jeoview.errors import ParameterError, choices
from jeoview.kernels.ratio import difference_over_sum
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, constant_unit, operator
from jeoview.operators.algebra import power_of
from jeoview.quantities import BandName
from jeoview.raster import Array


def _two_bands(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    return (tuple(dict.fromkeys((options["a"], options["b"]))),)


def _single(name: str) -> Callable[[Options, tuple[Schema, ...]], Names]:
    return lambda options, inputs: (name,)


@operator(
    mode=Mode.PIXEL,
    nodata="any",
    bands=_single("normalized_difference"),
    demand=_two_bands,
    unit=constant_unit(""),
)
def normalized_difference(image: BandsInput, *, a: BandName = "nir", b: BandName = "red") -> BandsInput:
    """(a - b) / (a + b), NaN where the sum is 0.

    Parameters
    ----------
    a, b : str
        Bands by name or common name; NDVI is nir and red (Rouse et al. 1974).

    Returns
    -------
    bands
        One band, -1 to 1 for values that are not negative.
    """
    first, second = (image.array[image.bands.index(band)] for band in (a, b))
    if np.iscomplexobj(image.array):
        raise ParameterError(
            "normalized_difference: the bands hold complex numbers; expected real ones, such as their amplitudes"
        )
    array = np.empty((1, *first.shape), dtype=np.float32)
    difference_over_sum(first, second, array[0])
    return replace(image, array=array, bands=("normalized_difference",))


MAX_LENGTH = 2000
Formula = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
Function = Callable[..., Any]


def _compare(function: Function) -> Function:
    def compared(x: Any, y: Any) -> Any:
        return np.where(np.isnan(x) | np.isnan(y), np.float32(np.nan), function(x, y).astype(np.float32))

    return compared


_BINARY: Mapping[type, Function] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: power_of,
    ast.BitAnd: _compare(np.logical_and),
    ast.BitOr: _compare(np.logical_or),
    ast.Lt: _compare(np.less),
    ast.LtE: _compare(np.less_equal),
    ast.Gt: _compare(np.greater),
    ast.GtE: _compare(np.greater_equal),
    ast.Eq: _compare(np.equal),
    ast.NotEq: _compare(np.not_equal),
}


def _choose(condition: Any, x: Any, y: Any) -> Any:
    return np.where(np.isnan(condition), np.float32(np.nan), np.where(condition != 0, x, y))


_CALLS: Mapping[str, tuple[int, Function]] = {
    "abs": (1, np.abs),
    "sqrt": (1, np.sqrt),
    "exp": (1, np.exp),
    "ln": (1, np.log),
    "log10": (1, np.log10),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "where": (3, _choose),
}


def parse(formula: str) -> ast.expr:
    """The whitelisted syntax tree of a formula; it is never evaluated as Python.

    Raises
    ------
    ParameterError
        If it has anything but names, numbers, ``+ - * / **``, comparisons, ``& |`` and the listed functions.
    """
    if not isinstance(formula, str) or not 0 < len(formula) <= MAX_LENGTH:
        raise ParameterError(f"expression: a formula is a text of 1 to {MAX_LENGTH} characters")
    return _parse(formula)


@lru_cache(maxsize=256)
def _parse(formula: str) -> ast.expr:
    try:
        tree = ast.parse(formula, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ParameterError(f"expression {_shown(formula)} is not a formula") from None
    problem = next(filter(None, map(_problem, ast.walk(tree))), "") or _depth_problem(tree)
    if problem:
        raise ParameterError(f"expression {_shown(formula)}: {problem}")
    return tree


# The tree is evaluated by recursion; a formula written by hand stays far below.
MAX_DEPTH = 100


def _depth_problem(tree: ast.expr) -> str:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [inner for part in level for inner in ast.iter_child_nodes(part)]
    return f"nested more than {MAX_DEPTH} deep; use brackets to group it, or several steps" if level else ""


def _shown(formula: str) -> str:
    return repr(formula if len(formula) <= 80 else formula[:77] + "...")


_LARGEST = float(np.finfo(np.float32).max)


def _problem(part: ast.AST) -> str:
    if isinstance(part, ast.BinOp):
        return "" if type(part.op) in _BINARY else f"operator {type(part.op).__name__} is not allowed"
    if isinstance(part, ast.UnaryOp):
        return "" if isinstance(part.op, ast.USub) else f"operator {type(part.op).__name__} is not allowed"
    if isinstance(part, ast.Compare):
        known = len(part.ops) == 1 and type(part.ops[0]) in _BINARY
        return "" if known else "compare two values; join comparisons with & and |"
    if isinstance(part, ast.Constant):
        value = part.value
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST
        return "" if number else f"{_shown(str(value))} is not a number"
    if isinstance(part, ast.Call):
        return _call_problem(part)
    allowed = (ast.Name, ast.Load, ast.operator, ast.unaryop, ast.cmpop)
    return "" if isinstance(part, allowed) else f"{type(part).__name__} is not allowed"


def _call_problem(call: ast.Call) -> str:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name not in _CALLS:
        return f"no function {name or 'of this form'}; {choices(name, _CALLS)}"
    count = _CALLS[name][0]
    return "" if len(call.args) == count and not call.keywords else f"{name} takes {count} values"


def names_in(formula: str) -> Names:
    """The band and variable names of a formula, in order of appearance."""
    called = {id(part.func) for part in ast.walk(parse(formula)) if isinstance(part, ast.Call)}
    found = [part for part in ast.walk(parse(formula)) if isinstance(part, ast.Name) and id(part) not in called]
    found.sort(key=lambda part: (part.lineno, part.col_offset))
    return tuple(dict.fromkeys(part.id for part in found))


def _formula_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    _formula_demand(options, (), inputs)
    return (options["name"],)


def _formula_demand(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    names = [name for name in names_in(options["formula"]) if name not in options["variables"]]
    if not names:
        raise ParameterError(f"expression {_shown(options['formula'])} names no band; {choices('', inputs[0].bands)}")
    bands = [options["bands"].get(name, name) for name in names]
    # The function has bands by their own names only: common names were looked up when the node was made.
    own = replace(inputs[0], common_names={})
    return (tuple(dict.fromkeys(own.band(band, "expression") for band in bands)),)


@operator(mode=Mode.PIXEL, nodata="own", bands=_formula_bands, demand=_formula_demand, unit=constant_unit(""))
def expression(
    image: BandsInput,
    *,
    formula: Formula,
    bands: dict[str, str] = {},  # noqa: B006 - pydantic copies it
    variables: dict[str, float] = {},  # noqa: B006
    name: str = "expression",
) -> BandsInput:
    """A formula over bands, parsed to a whitelisted syntax tree and never evaluated as Python.

    Parameters
    ----------
    formula : str
        For instance ``"(nir - red) / (nir + red)"``. Names are bands (their own name or common name)
        or ``variables``; ``+ - * / **``, one comparison at a time, ``& |``, and abs, sqrt, exp, ln,
        log10, min, max, where.
    bands : dict
        Band of each name where it is another one; filled in from the common names.
    variables : dict of float
        Numbers by name; slider parameters may stand here.
    name : str
        Name of the resulting band.

    Returns
    -------
    bands
        One band; NaN where a band is NaN (of ``where``, the condition or the value chosen) or the formula has
        no finite value.
    """
    values: dict[str, Any] = {key: np.float32(value) for key, value in variables.items()}
    for item in names_in(formula):
        if item not in values:
            values[item] = image.array[image.bands.index(bands.get(item, item))]
    with np.errstate(all="ignore"):
        array: Array = np.asarray(_evaluate(parse(formula), values), dtype=np.float32)
    array = np.where(np.isfinite(array), array, np.float32(np.nan))
    return replace(image, array=array[None], bands=(name,))


def _evaluate(part: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(part, ast.Constant):
        return np.float32(part.value)  # type: ignore[arg-type]
    if isinstance(part, ast.Name):
        return values[part.id]
    if isinstance(part, ast.UnaryOp):
        return -_evaluate(part.operand, values)
    if isinstance(part, ast.BinOp):
        return _BINARY[type(part.op)](_evaluate(part.left, values), _evaluate(part.right, values))
    if isinstance(part, ast.Compare):
        return _BINARY[type(part.ops[0])](_evaluate(part.left, values), _evaluate(part.comparators[0], values))
    if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
        return _CALLS[part.func.id][1](*[_evaluate(item, values) for item in part.args])
    raise ParameterError("the formula was not checked")
