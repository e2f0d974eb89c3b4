"""Nodes of a chain: what is to be done, described and never done here.

A node is immutable and its key is the hash of its whole ancestry, so equal work has equal keys in
every notebook of every user.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

from jeoview.errors import ChainError, ParameterError

Scalar = bool | int | float | str | None
Argument = Any  # a Scalar, a Node, a Parameter, or a tuple or mapping of these


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a slider drives; made by `parameter`.

    The declaration is part of the key of every node that uses it; the position of the slider is not.
    """

    name: str
    default: bool | int | float | str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""

    def check(self, value: object) -> bool | int | float | str:
        """Return ``value`` in the type of the default, on the slider's nearest step.

        Raises
        ------
        ParameterError
            If the type is wrong or the value lies outside minimum and maximum or the choices.
        """
        where = f"parameter {self.name!r}"
        if isinstance(self.default, (bool, str)):
            if not isinstance(value, type(self.default)) or (self.choices and value not in self.choices):
                expected = f"one of {list(self.choices)}" if self.choices else type(self.default).__name__
                raise ParameterError(f"{where} got {_short(value)}; expected {expected}")
            return value
        number = _finite(value)
        if number is None:
            raise ParameterError(f"{where} got {_short(value)}; expected a finite number")
        low, high = self.minimum, self.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            raise ParameterError(f"{where} got {value!r}; expected {_number(low)} to {_number(high)}{self._unit}")
        return self._snap(number)

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""

    def _snap(self, value: float) -> int | float:
        step = self.step or (1.0 if isinstance(self.default, int) else 0.0)
        start = self.minimum or 0.0
        # A step finer than floats are apart does not move the value.
        if step and abs(value - start) < step * LARGEST_INTEGER:
            steps = round((value - start) / step)
            if self.maximum is not None and start + steps * step > self.maximum:
                # The last step before the end; what rounding alone puts beyond the end stays.
                steps = math.floor((self.maximum - start) / step + 1e-9)
            value = start + steps * step
        # 0.1 * 3 is not 0.3: without the rounding one position would have several keys.
        return round(value) if isinstance(self.default, int) else float(f"{value:.12g}") + 0.0

    def declaration(self) -> dict[str, Argument]:
        """The JSON form, as it stands in ``parameters`` of a chain."""
        schema: dict[str, Argument] = {"type": _JSON_TYPE[type(self.default)]}
        for name, value in (("minimum", self.minimum), ("maximum", self.maximum), ("multipleOf", self.step)):
            if value is not None:
                schema[name] = float(value)
        if self.choices:
            schema["enum"] = self.choices
        return {"name": self.name, "default": self.default, "unit": self.unit, "schema": schema}


_JSON_TYPE = {bool: "boolean", int: "integer", float: "number", str: "string"}
# Beyond, a float no longer counts every whole number, and JSON readers disagree.
LARGEST_INTEGER = 2**53


def _finite(value: object) -> float | None:
    """The value as a float, None where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > sys.float_info.max:
        return None
    return float(value) if math.isfinite(value) else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _number(value: float | None) -> str:
    return "any number" if value is None else f"{value:g}"


def parameter(
    name: str,
    default: bool | int | float | str,
    *,
    min: float | None = None,  # noqa: A002 - the word a user of ipywidgets expects
    max: float | None = None,  # noqa: A002
    step: float | None = None,
    choices: tuple[str, ...] | list[str] = (),
    unit: str = "",
) -> Parameter:
    """Declare a value that a slider beside the map drives.

    Parameters
    ----------
    name : str
        Shown beside the slider; letters, digits, ``_`` and ``-``. One name has one declaration in a chain.
    default : bool, int, float or str
        First position; its type is the type of the parameter.
    min, max : float, optional
        Ends of the slider.
    step : float, optional
        Distance of two positions; values are rounded to it.
    choices : sequence of str, optional
        The values of a text parameter.
    unit : str
        Shown beside the value.

    Raises
    ------
    ParameterError
        If the name is not an identifier or the default does not fit the limits.
    """
    if not isinstance(name, str) or not name.replace("_", "a").replace("-", "a").isalnum() or len(name) > 64:
        raise ParameterError(f"parameter name {_short(name)}: use at most 64 letters, digits, '_' and '-'")
    where = f"parameter {name!r}"
    if type(default) not in _JSON_TYPE:
        raise ParameterError(f"{where}: default is {_short(default)}; expected bool, int, float or str")
    if not isinstance(unit, str) or len(unit) > 64:
        raise ParameterError(f"{where}: unit is {_short(unit)}; expected a short text")
    numeric = not isinstance(default, (bool, str))
    low, high, size = (_end(where, word, end, numeric) for word, end in (("min", min), ("max", max), ("step", step)))
    if low is not None and high is not None and not low < high:
        raise ParameterError(f"{where}: min {min} is not below max {max}")
    if size is not None and size <= 0:
        raise ParameterError(f"{where}: step is {step!r}; expected a positive number")
    if numeric and not all(end is None or end.is_integer() for end in (low, high, size)):
        default = float(default)
    declared = Parameter(name, default, low, high, size, _options(where, default, choices), unit)
    return replace(declared, default=declared.check(default))


def _end(where: str, word: str, value: object, numeric: bool) -> float | None:
    if value is None:
        return None
    number = _finite(value)
    if not numeric or number is None:
        expected = "a finite number" if numeric else f"no {word}: the default is no number"
        raise ParameterError(f"{where}: {word} is {_short(value)}; expected {expected}")
    return number + 0.0


def _options(where: str, default: object, given: Any) -> tuple[str, ...]:
    values = (given,) if isinstance(given, str) or not isinstance(given, (list, tuple)) else tuple(given)
    if values and not (isinstance(default, str) and all(isinstance(value, str) for value in values)):
        raise ParameterError(f"{where}: choices are {_short(given)}; expected texts, for a default that is one of them")
    return values


def freeze(value: Argument, where: str = "argument") -> Argument:
    """Return a value in canonical immutable form.

    Lists become tuples, mappings read-only, ``-0.0`` becomes ``0.0``.

    Raises
    ------
    ChainError
        If a number is NaN, infinite or a whole number beyond 2**53, or a value has no JSON form.
    """
    if value is None or isinstance(value, (bool, Node, Parameter)):
        return value
    if isinstance(value, (str, int, float)):
        return _scalar(value, where)
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item, where) for item in value)
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ChainError(f"{where} has a name that is not text")
        if not _REFERENCES.isdisjoint(value):
            raise ChainError(f"{where} has the name 'from_node' or 'from_parameter', which stands for a reference")
        return MappingProxyType({_text(name, where): freeze(value[name], where) for name in sorted(value)})
    raise ChainError(f"{where} is a {type(value).__name__}; expected numbers, text, true/false, lists or objects")


# How a text says "that node" and "that slider"; plain data that looks the same would be read as one.
_REFERENCES = frozenset(("from_node", "from_parameter"))


def _scalar(value: str | float, where: str) -> str | int | float:
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ChainError(f"{where} is a whole number beyond {LARGEST_INTEGER}, which not every reader keeps")
        return value
    if not math.isfinite(value):
        raise ChainError(f"{where} is {value}; a chain holds finite numbers only")
    return value + 0.0 if value else 0.0


def _text(value: str, where: str) -> str:
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ChainError(f"{where} holds half a character, which has no UTF-8 form")
    return value


def thaw(value: Argument, node: Callable[[Node], Argument], parameter: Callable[[Parameter], Argument]) -> Argument:
    """Return a value with every node and parameter replaced, in plain lists and dicts."""
    if isinstance(value, Node):
        return node(value)
    if isinstance(value, Parameter):
        return parameter(value)
    if isinstance(value, tuple):
        return [thaw(item, node, parameter) for item in value]
    if isinstance(value, Mapping):
        return {name: thaw(item, node, parameter) for name, item in value.items()}
    return value


def canonical(value: Argument) -> str:
    """JSON with sorted keys and no spaces; NaN and infinity are refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(text: str) -> str:
    """SHA-256 of a text, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Node:
    """One operator applied to its inputs.

    Parameters
    ----------
    operator : str
        Name in the registry.
    version : int
        Version of the operator's result.
    arguments : mapping
        Every argument by name, defaults filled in; inputs are nodes among them.
    """

    operator: str
    version: int
    arguments: Mapping[str, Argument]
    key: str = field(init=False)
    # What follows from the node alone, computed once (its schema): a chain may be deeper than any stack.
    notes: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", freeze(self.arguments, self.operator))
        object.__setattr__(self, "key", digest(canonical(self.hashed())))

    def hashed(self) -> dict[str, Argument]:
        """What the key is the hash of."""
        arguments = thaw(
            self.arguments,
            lambda child: {"from_node": child.key},
            lambda used: {"from_parameter": used.name, "declaration": thaw(used.declaration(), _none, _none)},
        )
        return {"process_id": self.operator, "version": self.version, "arguments": arguments}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @cached_property
    def children(self) -> tuple[Node, ...]:
        """The nodes among the arguments, in the order of their names."""
        return tuple(item for item in _leaves(self.arguments) if isinstance(item, Node))

    @cached_property
    def own_parameters(self) -> tuple[Parameter, ...]:
        """The slider parameters among the node's own arguments."""
        return tuple(item for item in _leaves(self.arguments) if isinstance(item, Parameter))


def _none(value: object) -> Argument:
    raise ChainError(f"{value!r} cannot stand in a declaration")


def _leaves(value: Argument) -> Iterator[Argument]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


@lru_cache(maxsize=1024)
def walk(root: Node) -> tuple[Node, ...]:
    """All nodes, each once, inputs before what uses them; chains of any depth."""
    done: dict[str, Node] = {}
    stack = [(root, False)]
    while stack:
        node, children_done = stack.pop()
        if node.key in done:
            continue
        if children_done:
            done[node.key] = node
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.children) if child.key not in done)
    return tuple(done.values())


@lru_cache(maxsize=1024)
def parameters(root: Node) -> Mapping[str, Parameter]:
    """The slider parameters of a chain by name.

    Raises
    ------
    ParameterError
        If one name is declared in two ways.
    """
    found: dict[str, Parameter] = {}
    for node in walk(root):
        for used in node.own_parameters:
            add_declaration(found, used)
    return MappingProxyType(found)


def add_declaration(found: dict[str, Parameter], used: Parameter) -> None:
    """Add a slider to those of a chain.

    Raises
    ------
    ParameterError
        If another one of the same name is there; the message tells both.
    """
    known = found.setdefault(used.name, used)
    if known != used:
        raise ParameterError(
            f"parameter {used.name!r} is declared in two ways in one chain: {_told(known)}, and {_told(used)}; declare "
            "it once and use it twice, or give one of them another name"
        )


def _told(used: Parameter) -> str:
    """A declaration as the line that makes it says it."""
    ends = {"min": used.minimum, "max": used.maximum, "step": used.step, "choices": used.choices, "unit": used.unit}
    said = "".join(f", {name}={_short(value)}" for name, value in ends.items() if value not in (None, (), ""))
    return f"parameter({used.name!r}, {_short(used.default)}{said})"
