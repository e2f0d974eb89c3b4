"""Conditions on the properties of items, written as Python expressions and kept as CQL2 JSON."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import cql2

from jeoview.catalog.items import Json
from jeoview.catalog.sql import ARITHMETIC, COMPARISONS, translate
from jeoview.catalog.times import format_time, parse_time
from jeoview.errors import ParameterError, choices

ALWAYS = ("collection", "datetime", "geometry", "id")
_CONDITIONS = {*COMPARISONS, "and", "or", "not", "between", "in", "isNull", "like", "s_intersects"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATETIME = {"property": "datetime"}


@dataclass(frozen=True, eq=False)
class Expression:
    """A property, a value made of properties, or a condition on them; made by `prop`.

    Combine with ``+ - * / // % **``, compare with ``== != < <= > >=``, join conditions with
    ``& | ~`` in brackets. Items that lack the property are never selected by a comparison.

    Parameters
    ----------
    json : dict
        CQL2 JSON, the form that a STAC API takes as ``filter`` (``filter-lang: cql2-json``).
    """

    json: Json

    __hash__ = None  # type: ignore[assignment]  # == makes a condition, so there is no equality to hash by

    # -- comparison ------------------------------------------------------------------------------

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        day = self._day(other)
        return (self >= day) & (self < day + dt.timedelta(days=1)) if day else self._compare("=", other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return ~(self == other) if self._day(other) else self._compare("<>", other)

    def __lt__(self, other: object) -> Expression:
        return self._compare("<", other)

    def __le__(self, other: object) -> Expression:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Expression:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Expression:
        return self._compare(">=", other)

    def between(self, low: object, high: object) -> Expression:
        """Whether the value lies from ``low`` to ``high``, both included."""
        ends = self._literal(low), self._literal(high)
        if any(isinstance(end, str) or (isinstance(end, dict) and "timestamp" in end) for end in ends):
            return (self >= low) & (self <= high)  # CQL2 has `between` for numbers only
        return Expression({"op": "between", "args": [self._value, *ends]})

    def isin(self, values: Iterable[object]) -> Expression:
        """Whether the value is one of ``values``.

        Raises
        ------
        ParameterError
            If ``values`` is not a list or holds nothing.
        """
        if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
            raise ParameterError(f"isin got {values!r}; expected a list of values")
        options = [self._literal(value) for value in values]
        if not options:
            raise ParameterError("isin got an empty list; no item could pass")
        return Expression({"op": "in", "args": [self._value, options]})

    def isnull(self) -> Expression:
        """Whether the item lacks the property, or it is null."""
        return Expression({"op": "isNull", "args": [self._value]})

    def notnull(self) -> Expression:
        """Whether the item has the property."""
        return ~self.isnull()

    # -- text ------------------------------------------------------------------------------------

    def like(self, pattern: str, *, ignore_case: bool = False) -> Expression:
        r"""Whether the text fits a pattern: ``%`` any characters, ``_`` one, ``\`` before a literal one."""
        if not isinstance(pattern, str):
            raise ParameterError(f"like got {pattern!r}; expected text such as 'S2A%'")
        if not ignore_case:
            return Expression({"op": "like", "args": [self._value, pattern]})
        both = [{"op": "casei", "args": [side]} for side in (self._value, pattern)]
        return Expression({"op": "like", "args": both})

    def startswith(self, text: str, *, ignore_case: bool = False) -> Expression:
        """Whether the text begins with ``text``."""
        return self.like(_escape(text) + "%", ignore_case=ignore_case)

    def endswith(self, text: str, *, ignore_case: bool = False) -> Expression:
        """Whether the text ends with ``text``."""
        return self.like("%" + _escape(text), ignore_case=ignore_case)

    def contains(self, text: str, *, ignore_case: bool = False) -> Expression:
        """Whether ``text`` stands anywhere in the text."""
        return self.like("%" + _escape(text) + "%", ignore_case=ignore_case)

    def casefold(self) -> Expression:
        """The text without the difference of capital and small letters."""
        return Expression({"op": "casei", "args": [self._value]})

    # -- arithmetic ------------------------------------------------------------------------------

    def __add__(self, other: object) -> Expression:
        return self._arithmetic("+", other)

    def __radd__(self, other: object) -> Expression:
        return self._arithmetic("+", other, swap=True)

    def __sub__(self, other: object) -> Expression:
        return self._arithmetic("-", other)

    def __rsub__(self, other: object) -> Expression:
        return self._arithmetic("-", other, swap=True)

    def __mul__(self, other: object) -> Expression:
        return self._arithmetic("*", other)

    def __rmul__(self, other: object) -> Expression:
        return self._arithmetic("*", other, swap=True)

    def __truediv__(self, other: object) -> Expression:
        return self._arithmetic("/", other)

    def __rtruediv__(self, other: object) -> Expression:
        return self._arithmetic("/", other, swap=True)

    def __floordiv__(self, other: object) -> Expression:
        return self._arithmetic("div", other)

    def __mod__(self, other: object) -> Expression:
        return self._arithmetic("%", other)

    def __pow__(self, other: object) -> Expression:
        return self._arithmetic("^", other)

    def __neg__(self) -> Expression:
        return self._arithmetic("*", -1)

    # -- logic -----------------------------------------------------------------------------------

    def __and__(self, other: object) -> Expression:
        return self._join("and", other, "&")

    def __or__(self, other: object) -> Expression:
        return self._join("or", other, "|")

    def __rand__(self, other: object) -> Expression:
        return self._join("and", other, "&")

    def __ror__(self, other: object) -> Expression:
        return self._join("or", other, "|")

    def __invert__(self) -> Expression:
        self._require_condition(self, "~")
        return Expression({"op": "not", "args": [self.json]})

    def __bool__(self) -> NoReturn:
        raise ParameterError(
            "a condition on items has no single truth value: write & for and, | for or, ~ for not, with brackets, "
            "as in (prop('a') < 1) & (prop('b') == 'x'); .between(1, 2) for 1 < prop('a') < 2; .isin([...]) for in"
        )

    @property
    def is_condition(self) -> bool:
        """Whether this is true or false for an item, rather than a value."""
        return self.json.get("op") in _CONDITIONS

    def to_text(self) -> str:
        """CQL2 text, for instance ``"eo:cloud_cover" < 20``."""
        return str(cql2.Expr(self.json).to_text())

    def __repr__(self) -> str:
        return f"<Expression {self.to_text()}>"

    # -- building --------------------------------------------------------------------------------

    @property
    def _value(self) -> Json:
        if self.is_condition:
            raise ParameterError(f"{self.to_text()} is a condition, it cannot be compared or computed with")
        return self.json

    def _day(self, other: object) -> dt.datetime | None:
        """The day that ``datetime == '2017-05-01'`` speaks of; a day is an interval, not an instant."""
        if self.json != _DATETIME:
            return None
        plain = isinstance(other, dt.date) and not isinstance(other, dt.datetime)
        return parse_time(other) if plain or (isinstance(other, str) and _DAY.fullmatch(other)) else None

    def _literal(self, other: object) -> Any:
        if self.json == _DATETIME and isinstance(other, str):
            other = parse_time(other, "datetime")
        return literal(other)

    def _compare(self, op: str, other: object) -> Expression:
        return Expression({"op": op, "args": [self._value, self._literal(other)]})

    def _arithmetic(self, op: str, other: object, *, swap: bool = False) -> Expression:
        value = literal(other)
        if isinstance(value, (str, bool)) or (isinstance(value, dict) and "timestamp" in value):
            raise ParameterError(f"a filter cannot compute {op!r} with {other!r}; expected a number")
        return Expression({"op": op, "args": [value, self._value] if swap else [self._value, value]})

    def _join(self, op: str, other: object, sign: str) -> Expression:
        self._require_condition(self, sign)
        self._require_condition(other, sign)
        args = [part for side in (self, other) for part in _flat(op, side.json)]  # type: ignore[attr-defined]
        return Expression({"op": op, "args": args})

    @staticmethod
    def _require_condition(side: object, sign: str) -> None:
        if not isinstance(side, Expression) or not side.is_condition:
            raise ParameterError(
                f"{sign} joins conditions, but one side is {side!r}. Put comparisons in brackets: "
                "(prop('a') < 1) & (prop('b') == 'x')"
            )


def prop(name: str) -> Expression:
    """Name a property of items, to be compared, computed with, and given to ``filter``.

    Parameters
    ----------
    name : str
        For instance ``"eo:cloud_cover"``, ``"platform"``, ``"datetime"`` or ``"id"``.

    Examples
    --------
    >>> (prop("eo:cloud_cover") < 20) & (prop("platform") == "sentinel-2a")
    <Expression "eo:cloud_cover" < 20 AND platform = 'sentinel-2a'>

    Raises
    ------
    ParameterError
        If the name is not text.
    """
    if not isinstance(name, str) or not name or '"' in name:
        raise ParameterError(f"prop got {name!r}; expected the name of a property such as 'eo:cloud_cover'")
    return Expression({"property": name})


def literal(value: object) -> Any:
    """Return the CQL2 JSON of an expression or of a plain value.

    Raises
    ------
    ParameterError
        If the value is missing, not finite, or of a type that CQL2 does not know.
    """
    if isinstance(value, Expression):
        return value._value
    if isinstance(value, dt.date):
        return {"timestamp": format_time(parse_time(value))}
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):  # a numpy scalar
        value = value.item()
    if isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    hint = "; write .isnull() or .notnull()" if value is None else ""
    raise ParameterError(f"a filter cannot compare with {value!r}; expected text, a number, true/false or a date{hint}")


def check_filter(condition: object, known: Mapping[str, frozenset[str]]) -> Json:
    """Return a filter as CQL2 JSON, after checking that it can be evaluated on a collection.

    Parameters
    ----------
    condition : Expression, dict or str
        An expression of `prop`, CQL2 JSON, or CQL2 text.
    known : dict of str to set of str
        Properties of the collection and their types, see `Catalog.properties`.

    Raises
    ------
    ParameterError
        If it is no condition, is malformed, names a property that no item has, or compares text with numbers.
    """
    document = _document(condition)
    if not Expression(document).is_condition:
        raise ParameterError(f"filter got {condition!r}; expected a condition such as prop('eo:cloud_cover') < 20")
    translate(document)
    for node in _nodes(document):
        _check_node(node, known)
    if not isinstance(condition, Expression):  # what `prop` makes is valid (tested), and the schema is slow
        _validate(document)
    return document


def _validate(document: Json) -> None:
    try:
        cql2.Expr(document).validate()
    except (cql2.ValidationError, ValueError) as error:
        raise ParameterError(f"the filter is not valid CQL2: {error}") from error


def _document(condition: object) -> Json:
    if isinstance(condition, Expression):
        return condition.json
    if isinstance(condition, Mapping):
        return dict(condition)
    if isinstance(condition, str):
        try:
            return dict(cql2.parse_text(condition).to_json())
        except (cql2.ParseError, ValueError) as error:
            raise ParameterError(f"the filter {condition!r} is not CQL2 text: {error}") from error
    raise ParameterError(f"filter got {condition!r}; expected a condition such as prop('eo:cloud_cover') < 20")


def _nodes(node: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
        if "op" in node:
            yield from _nodes(node["args"])
    elif isinstance(node, list):
        for part in node:
            yield from _nodes(part)


def _check_node(node: Mapping[str, Any], known: Mapping[str, frozenset[str]]) -> None:
    name = node.get("property")
    if name is not None and name not in known and name not in ALWAYS:
        raise ParameterError(f"no item has the property {name!r}; {choices(str(name), [*known, 'datetime', 'id'])}")
    if node.get("op") in (*COMPARISONS, "between", "in", "like", *ARITHMETIC):
        args = [value for arg in node["args"] for value in (arg if isinstance(arg, list) else [arg])]
        kinds = [kind for arg in args if (kind := _kind(arg, known))]
        if len(set(kinds)) > 1:
            raise ParameterError(f"the filter mixes types: {_describe(args, known)}")
        if node["op"] in ARITHMETIC and "text" in kinds:
            raise ParameterError(f"the filter computes {node['op']!r} with text: {_describe(args, known)}")


def _kind(arg: Any, known: Mapping[str, frozenset[str]]) -> str | None:
    """``number`` or ``text`` where that is certain."""
    if isinstance(arg, bool):
        return None
    if isinstance(arg, (int, float)):
        return "number"
    if isinstance(arg, str):
        return "text"
    if isinstance(arg, Mapping) and arg.get("op") in ARITHMETIC:
        return "number"
    kinds = known.get(arg.get("property", ""), frozenset()) if isinstance(arg, Mapping) else frozenset()
    return next(iter(kinds)) if kinds in ({"number"}, {"text"}) else None


def _describe(args: list[Any], known: Mapping[str, frozenset[str]]) -> str:
    words = []
    for arg in args:
        kind = _kind(arg, known)
        shown = repr(arg["property"]) if isinstance(arg, Mapping) and "property" in arg else repr(arg)
        words.append(f"{shown} is {'a number' if kind == 'number' else kind}" if kind else shown)
    return ", ".join(words)


def _flat(op: str, node: Json) -> list[Json]:
    return list(node["args"]) if node["op"] == op else [node]


def _escape(text: str) -> str:
    if not isinstance(text, str):
        raise ParameterError(f"got {text!r}; expected text")
    return re.sub(r"([\\%_])", r"\\\1", text)
