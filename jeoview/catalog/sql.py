"""CQL2 JSON to SQL for SQLite. Every value and every property name is a parameter, never a part of the text."""

from __future__ import annotations

import json
import math
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import shapely

from jeoview.catalog.times import microseconds, parse_time
from jeoview.errors import ParameterError

Sql = tuple[str, list[Any]]
COMPARISONS = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "t_after": ">", "t_before": "<"}
ARITHMETIC = ("+", "-", "*", "/", "%", "div", "^")
_COLUMNS = {"id": "i.id", "collection": "i.collection"}
_MAX_DEPTH = 64


def translate(node: object, depth: int = 0) -> Sql:
    """Return the SQL condition or value of a CQL2 JSON node, with its parameters in order.

    Comparison with a missing property is neither true nor false, as in CQL2 and SQL: such an item
    is not selected, by ``<>`` either. Times are compared as instants, a date is its midnight in UTC.

    Raises
    ------
    ParameterError
        If an operator or a literal is not one that the catalogue can evaluate.
    """
    if depth > _MAX_DEPTH:
        raise ParameterError(f"the filter is nested more than {_MAX_DEPTH} deep")
    if isinstance(node, (str, bool, int, float)):
        return "?", [node]
    if not isinstance(node, Mapping):
        raise ParameterError(f"{node!r} has no place in a filter; expected text, a number, a date or a property")
    if "property" in node:
        return _property(str(node["property"]))
    if "timestamp" in node or "date" in node:
        return "?", [_instant(node)]
    return _operation(str(node.get("op")), node.get("args"), depth + 1)


def _property(name: str) -> Sql:
    if name in _COLUMNS:
        return _COLUMNS[name], []
    if '"' in name:
        raise ParameterError(f"{name!r} is not a property name")
    return "json_extract(i.document, ?)", [f'$.properties."{name}"']


def _instant(node: Mapping[str, Any]) -> int:
    return microseconds(parse_time(node.get("timestamp", node.get("date"))))


def _operation(op: str, args: object, depth: int) -> Sql:
    if op not in _OPERATIONS:
        raise ParameterError(f"a filter cannot use {op!r}; it knows {', '.join(sorted(_OPERATIONS))}")
    function, least, most = _OPERATIONS[op]
    if not isinstance(args, (list, tuple)) or not least <= len(args) <= most:
        raise ParameterError(f"the arguments of {op!r} in the filter are wrong: {args!r}")
    return function(op, args, depth)


def _join(op: str, args: Sequence[Any], depth: int) -> Sql:
    parts = [translate(arg, depth) for arg in args]
    return "(" + f" {op.upper()} ".join(text for text, _ in parts) + ")", [v for _, values in parts for v in values]


def _not(_: str, args: Sequence[Any], depth: int) -> Sql:
    text, values = translate(args[0], depth)
    return f"(NOT {text})", values


def _is_time(node: object) -> bool:
    return isinstance(node, Mapping) and ("timestamp" in node or "date" in node)


def _operands(args: Sequence[Any], depth: int) -> list[Sql]:
    """The operands of a comparison; properties that meet a time are read as instants."""
    if not any(_is_time(arg) for arg in args):
        return [translate(arg, depth) for arg in args]
    return [_as_time(arg, depth) for arg in args]


def _as_time(node: Any, depth: int) -> Sql:
    if isinstance(node, Mapping) and node.get("property") == "datetime":
        return "i.time", []
    text, values = translate(node, depth)
    return (text, values) if _is_time(node) else (f"jeoview_time({text})", values)


def _compare(op: str, args: Sequence[Any], depth: int) -> Sql:
    (left, a), (right, b) = _operands(args, depth)
    return f"({left} {COMPARISONS[op]} {right})", a + b


def _between(_: str, args: Sequence[Any], depth: int) -> Sql:
    (value, a), (low, b), (high, c) = _operands(args, depth)
    return f"({value} BETWEEN {low} AND {high})", a + b + c


def _in(_: str, args: Sequence[Any], depth: int) -> Sql:
    if not isinstance(args[1], (list, tuple)):
        raise ParameterError(f"'in' in a filter needs a list of values, not {args[1]!r}")
    (value, a), *options = _operands([args[0], *args[1]], depth)
    return f"({value} IN ({', '.join(text for text, _ in options)}))", a + [v for _, values in options for v in values]


def _is_null(_: str, args: Sequence[Any], depth: int) -> Sql:
    text, values = translate(args[0], depth)
    return f"({text} IS NULL)", values


def _arithmetic(op: str, args: Sequence[Any], depth: int) -> Sql:
    (left, a), (right, b) = translate(args[0], depth), translate(args[1], depth)
    if op in _NUMBER_FUNCTIONS:
        return f"{_NUMBER_FUNCTIONS[op][0]}({left}, {right})", a + b
    return f"(CAST({left} AS REAL) {op} {right})", a + b


def _function(op: str, args: Sequence[Any], depth: int) -> Sql:
    parts = [translate(arg, depth) for arg in args]
    name = {"like": "jeoview_like", "casei": "jeoview_casei", "accenti": "jeoview_accenti"}[op]
    return f"{name}({', '.join(text for text, _ in parts)})", [v for _, values in parts for v in values]


def _intersects(_: str, args: Sequence[Any], __: int) -> Sql:
    geometry = next((arg for arg in args if arg != {"property": "geometry"}), None)
    if not isinstance(geometry, Mapping) or {"property": "geometry"} not in args:
        raise ParameterError("s_intersects compares the property 'geometry' with one GeoJSON geometry")
    return meets(area_of(geometry))


def meets(area: shapely.Geometry) -> Sql:
    """SQL for "the footprint meets this area": the index first, the exact shapes after it."""
    west, south, east, north = shapely.bounds(area).tolist()
    text = (
        "(i.number IN (SELECT number / 2 FROM boxes WHERE east >= ? AND west <= ? AND north >= ? AND south <= ?)"
        " AND jeoview_meets(i.footprint, ?))"
    )
    return text, [west, east, south, north, shapely.to_wkb(area)]


def area_of(geometry: Mapping[str, Any]) -> shapely.Geometry:
    """Return the shapely geometry of a GeoJSON geometry, feature or feature collection.

    Raises
    ------
    ParameterError
        If it is none, is empty, or does not lie on the globe.
    """
    try:
        text = json.dumps(geometry.get("geometry", geometry) if geometry.get("type") == "Feature" else geometry)
        area = shapely.make_valid(shapely.from_geojson(text))
    except (shapely.errors.ShapelyError, AttributeError, TypeError, ValueError) as error:
        raise ParameterError("expected a GeoJSON geometry in degrees of EPSG:4326") from error
    west, south, east, north = shapely.bounds(area).tolist()
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ParameterError(f"the geometry's bounds {(west, south, east, north)} do not lie on the globe (EPSG:4326)")
    return area


# operation: what translates it, and its least and largest number of arguments
_OPERATIONS: dict[str, tuple[Callable[[str, Sequence[Any], int], Sql], int, int]] = {
    "and": (_join, 1, 1000),
    "or": (_join, 1, 1000),
    "not": (_not, 1, 1),
    "between": (_between, 3, 3),
    "in": (_in, 2, 2),
    "isNull": (_is_null, 1, 1),
    "s_intersects": (_intersects, 2, 2),
    **dict.fromkeys(COMPARISONS, (_compare, 2, 2)),
    **dict.fromkeys(ARITHMETIC, (_arithmetic, 2, 2)),
    "like": (_function, 2, 2),
    "casei": (_function, 1, 1),
    "accenti": (_function, 1, 1),
}


def _number(function: Callable[[float, float], float]) -> Callable[[Any, Any], float | None]:
    def call(a: Any, b: Any) -> float | None:
        try:
            return function(a, b)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            return None

    return call


_NUMBER_FUNCTIONS: dict[str, tuple[str, Callable[[Any, Any], float | None]]] = {
    "%": ("jeoview_mod", _number(math.fmod)),
    "div": ("jeoview_div", _number(lambda a, b: float(math.trunc(a / b)))),
    "^": ("jeoview_pow", _number(math.pow)),
}


def add_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the translated filters call."""
    for name, function in _NUMBER_FUNCTIONS.values():
        connection.create_function(name, 2, function, deterministic=True)
    connection.create_function("jeoview_meets", 2, _meets, deterministic=True)
    connection.create_function("jeoview_time", 1, _time, deterministic=True)
    connection.create_function("jeoview_like", 2, _like, deterministic=True)
    connection.create_function("jeoview_casei", 1, _casei, deterministic=True)
    connection.create_function("jeoview_accenti", 1, _accenti, deterministic=True)


@lru_cache(maxsize=32)
def _prepared(area: bytes) -> shapely.Geometry:
    geometry = shapely.from_wkb(area)
    shapely.prepare(geometry)
    return geometry


def _meets(footprint: bytes, area: bytes) -> bool:
    return bool(shapely.intersects(_prepared(area), shapely.from_wkb(footprint)))


def _time(value: Any) -> int | None:
    try:
        return microseconds(parse_time(value))
    except ParameterError:
        return None


@lru_cache(maxsize=64)
def _pattern(like: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|%|_|[^%_\\]+|\\$", like, flags=re.DOTALL)
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(p) or re.escape(p[1:] if p[0] == "\\" and len(p) > 1 else p) for p in parts)
    return re.compile(text, flags=re.DOTALL)


def _like(value: Any, pattern: Any) -> bool | None:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    return _pattern(pattern).fullmatch(value) is not None


def _casei(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _accenti(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
