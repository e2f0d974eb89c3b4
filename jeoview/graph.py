"""Nodes of a chain: what is to be done, described and never done here.

A node is immutable and its key is the hash of its whole ancestry, so equal work has equal keys in
every notebook of every user.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

from jeoview.errors import ChainError, ParameterError, choices

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
            if type(value) is not type(self.default) or (self.choices and value not in self.choices):
                expected = f"one of {list(self.choices)}" if self.choices else type(self.default).__name__
                raise ParameterError(f"{where} got {value!r}; expected {expected}")
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ParameterError(f"{where} got {value!r}; expected a finite number")
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise ParameterError(f"{where} got {value!r}; expected {_number(low)} to {_number(high)}{self._unit}")
        return self._snap(value)

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""

    def _snap(self, value: float) -> int | float:
        if self.step:
            start = self.minimum or 0.0
            # 0.1 * 3 is not 0.3: without the rounding one position would have several keys.
            value = round(start + round((value - start) / self.step) * self.step, 12)
        return int(value) if isinstance(self.default, int) else float(value)

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
    if not name.replace("_", "a").replace("-", "a").isalnum() or len(name) > 64:
        raise ParameterError(f"parameter name {name!r}: use at most 64 letters, digits, '_' and '-'")
    if type(default) not in _JSON_TYPE:
        raise ParameterError(f"parameter {name!r}: default is {default!r}; expected bool, int, float or str")
    if isinstance(default, int) and not isinstance(default, bool):
        ends = [value for value in (min, max, step) if value is not None]
        default = default if all(float(end).is_integer() for end in ends) else float(default)
    if min is not None and max is not None and not min < max:
        raise ParameterError(f"parameter {name!r}: min {min} is not below max {max}")
    if step is not None and not step > 0:
        raise ParameterError(f"parameter {name!r}: step is {step!r}; expected a positive number")
    declared = Parameter(name, default, min, max, step, tuple(choices), unit)
    declared.check(default)
    return declared


def freeze(value: Argument, where: str = "argument") -> Argument:
    """Return a value in canonical immutable form.

    Lists become tuples, mappings read-only, ``-0.0`` becomes ``0.0``.

    Raises
    ------
    ChainError
        If a number is NaN or infinite, or a value has no JSON form.
    """
    if value is None or isinstance(value, (bool, int, str, Node, Parameter)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ChainError(f"{where} is {value}; a chain holds finite numbers only")
        return value + 0.0 if value else 0.0
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item, where) for item in value)
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ChainError(f"{where} has a name that is not text")
        return MappingProxyType({name: freeze(value[name], where) for name in sorted(value)})
    raise ChainError(f"{where} is a {type(value).__name__}; expected numbers, text, true/false, lists or objects")


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
            if found.setdefault(used.name, used) != used:
                raise ParameterError(
                    f"parameter {used.name!r} is declared in two ways in one chain; declare it once and use it twice"
                )
    return MappingProxyType(found)


def bind(root: Node, values: Mapping[str, object] | None = None) -> Node:
    """Put values in the place of the slider parameters, defaults where none is given.

    A part of the chain that uses no parameter keeps its key, so its results stay shared.

    Raises
    ------
    ParameterError
        If a value is given for a name that the chain does not have, or does not fit.
    """
    declared = parameters(root)
    for name in values or {}:
        if name not in declared:
            raise ParameterError(f"the chain has no parameter {name!r}; {choices(name, declared)}")
    if not declared:
        return root
    position = {name: used.check((values or {}).get(name, used.default)) for name, used in declared.items()}
    bound: dict[str, Node] = {}
    for node in walk(root):
        arguments = thaw(node.arguments, lambda child: bound[child.key], lambda used: position[used.name])
        bound[node.key] = Node(node.operator, node.version, arguments)
    return bound[root.key]
