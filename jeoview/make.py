"""Making checked nodes: the one way in for notebook lines and for texts from outside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from jeoview.describe import describe
from jeoview.errors import ParameterError, choices
from jeoview.graph import Argument, Node, Parameter, freeze, parameters, thaw, walk
from jeoview.operator import Input, Mode, Operator, Schema, band_fields, find, later_fields
from jeoview.quantities import Window, plain, short
from jeoview.raster import Kind
from jeoview.region import check_bounds, zoom_for


def make(name: str, images: tuple[Any, ...], values: Mapping[str, Any]) -> Node:
    """Make a checked node; the one way in for notebook lines and for texts from outside.

    Parameters
    ----------
    name : str
        Operator.
    images : tuple
        Inputs by position: nodes, or numbers and slider parameters where the operator takes them.
    values : mapping
        Parameters by name; slider parameters may stand anywhere among them.

    Raises
    ------
    ParameterError, BandError
        If a value, an input or a band does not fit.
    """
    found = find(name)
    arguments = _image_arguments(found, images)
    arguments.update(_value_arguments(found, arguments, values))
    node = Node(found.name, found.version, arguments)
    describe(node)
    return node


def remake(name: str, arguments: Mapping[str, Any]) -> Node:
    """Make a checked node from all of its arguments by name, as they stand in a node or in a text.

    Raises
    ------
    ParameterError, BandError
        If a value, an input or a band does not fit.
    """
    found, values = find(name), dict(arguments)
    images: list[Any] = []
    for item in found.inputs:
        value = values.pop(item.name, None)
        images.extend(value if item.variadic and isinstance(value, (tuple, list)) else [value])
    while images and images[-1] is None:
        images.pop()
    return make(name, tuple(images), values)


def bind(root: Node, values: Mapping[str, object] | None = None) -> Node:
    """Put values in the place of the slider parameters, defaults where none is given.

    A part of the chain that uses no parameter stays as it is, so its results stay shared; what is made
    anew is the same as if the value had been written there.

    Raises
    ------
    ParameterError
        If a value is given for a name that the chain does not have, or does not fit.
    """
    if values is not None and not isinstance(values, Mapping):
        raise ParameterError(f"parameters are {short(values)}; expected {{name: value}}, such as m.parameters of a map")
    declared = parameters(root)
    for name in values or {}:
        if name not in declared:
            raise ParameterError(f"the chain has no parameter {short(name)}; {choices(str(name)[:64], declared)}")
    position = {name: used.check((values or {}).get(name, used.default)) for name, used in declared.items()}
    return _bound(root, tuple(sorted(position.items()))) if declared else root


@lru_cache(maxsize=512, typed=True)
def _bound(root: Node, position: tuple[tuple[str, bool | int | float | str], ...]) -> Node:
    values = dict(position)
    bound: dict[str, Node] = {}
    for node in walk(root):
        if node.own_parameters or any(bound[child.key] != child for child in node.children):
            arguments = thaw(node.arguments, lambda child: bound[child.key], lambda used: values[used.name])
            bound[node.key] = remake(node.operator, arguments)
        else:
            bound[node.key] = node
    return bound[root.key]


@lru_cache(maxsize=512)
def below_sliders(root: Node) -> frozenset[str]:
    """Keys of the nodes that no slider moves and that something moved by one uses: a drag computes none of them again."""
    moved: set[str] = set()
    steady: set[str] = set()
    for node in walk(root):
        if node.own_parameters or any(child.key in moved for child in node.children):
            moved.add(node.key)
            steady.update(child.key for child in node.children if child.key not in moved)
    return frozenset(steady)


def _image_arguments(found: Operator, images: tuple[Any, ...]) -> dict[str, Argument]:
    arguments: dict[str, Argument] = {}
    rest = list(images)
    for item in found.inputs:
        if item.variadic:
            arguments[item.name] = tuple(_check_image(found, item, value) for value in rest)
            rest = []
        elif rest:
            arguments[item.name] = _check_image(found, item, rest.pop(0))
        elif not item.optional:
            raise ParameterError(f"{found.name}: the image {item.name!r} is missing")
    if rest:
        raise ParameterError(f"{found.name}: takes {len(found.inputs)} images, {len(images)} were given")
    if found.inputs and not any(isinstance(value, Node) for value in _flat(arguments.values())):
        raise ParameterError(f"{found.name}: at least one operand must be an image")
    return arguments


def _check_image(found: Operator, item: Input, value: Any) -> Argument:
    where = f"{found.name}({item.name}=...)"
    if isinstance(value, Node):
        kind = describe(value).kind
        lifted = kind is Kind.SERIES and item.kind is Kind.BANDS and found.kind is Kind.BANDS
        if kind is not item.kind and not lifted:
            raise ParameterError(f"{where}: got {kind.value}; expected {item.kind.value}{_advice(kind, item.kind)}")
        return value
    if value is None and item.optional:
        return None
    value = plain(value)
    number = value.default if isinstance(value, Parameter) else value
    if item.scalar and isinstance(number, (int, float)) and not isinstance(number, bool):
        if abs(number) > LARGEST:
            raise ParameterError(f"{where}: got {short(value)}; expected a finite number (of float32)")
        return value if isinstance(value, Parameter) else freeze(float(number), where)
    expected = "an image or a number" if item.scalar else "an image"
    raise ParameterError(f"{where}: got {short(value)}; expected {expected}")


def _advice(got: Kind, wanted: Kind) -> str:
    if got is Kind.COLOUR:
        return "; do this step before .colormap() or .rgb()"
    if wanted is Kind.COLOUR:
        return "; add .colormap() or .rgb() first"
    if got is Kind.SERIES:
        return "; it has many dates: reduce them first with .median(), .mosaic() or the like, or pick one date"
    if wanted is Kind.SERIES:
        return "; it needs all dates, so call it on the collection, before .median() or the like"
    return ""


def _value_arguments(found: Operator, images: Mapping[str, Argument], values: Mapping[str, Any]) -> dict[str, Argument]:
    used = {name: value for name, value in values.items() if _has_parameter(value)}
    first = next((value for value in _flat(images.values()) if isinstance(value, Node)), None)
    bands = () if first is None else describe(first).bands
    for end in ("minimum", "maximum") if used else ():
        _at_an_end(found, used, values, end, bands)
    checked = found.validate(
        {name: _at(value, "default") if name in used else value for name, value in values.items()}, bands
    )
    later = later_fields(found)
    said = {name for name in later if name in used or checked[name] != _default(found, name)}
    plain = {name: _json(value) for name, value in checked.items() if name not in later - said}
    for name in band_fields(found):
        if first is not None and name not in used:
            plain[name] = _resolve(plain[name], describe(first), found.name)
    plain |= {name: _with_sliders(plain[name], value) for name, value in used.items()}
    if found.mode in (Mode.FIT, Mode.FULL) and first is not None:
        plain |= _declared_region(found, plain, describe(first))
    return plain


def _default(found: Operator, name: str) -> Any:
    return found.model.model_fields[name].default


def _at_an_end(
    found: Operator, used: Mapping[str, Any], values: Mapping[str, Any], end: str, bands: tuple[str, ...]
) -> None:
    """Refuse a slider that can be moved to where its value does not fit."""
    try:
        found.validate({name: _at(value, end) for name, value in values.items()}, bands)
    except ParameterError as error:
        if any(_at(value, end) != _at(value, "default") for value in used.values()):
            raise ParameterError(f"{error} (a slider at its {end})") from None
        raise


def _with_sliders(checked: Argument, given: Any) -> Argument:
    """The checked values, with the sliders back in their places."""
    if isinstance(given, Parameter):
        return given
    if isinstance(given, BaseModel):
        return checked
    if isinstance(given, Mapping):
        return {**checked, **{name: _with_sliders(checked[name], item) for name, item in given.items()}}
    if isinstance(given, (list, tuple)):
        return tuple(_with_sliders(value, item) for value, item in zip(checked, given, strict=True))
    return checked


# Of float32, which pixels are.
LARGEST = (2.0 - 2.0**-23) * 2.0**127
FIT_PIXELS = 1024
FULL_PIXELS = 2048


def _declared_region(found: Operator, plain: Mapping[str, Argument], schema: Schema) -> dict[str, Argument]:
    """The region and zoom that an operator works on, written into the chain so that it says what was done."""
    region, zoom = plain["region"], plain["zoom"]
    if _has_parameter(region) or isinstance(zoom, Parameter):
        raise ParameterError(f"{found.name}: region and zoom are fixed; a slider cannot drive them")
    if region == "view":
        if zoom is not None:
            raise ParameterError(f"{found.name}: zoom={zoom} belongs to a fixed region; the view has its own zoom")
        return {}
    if isinstance(region, Mapping):
        return {"region": _checked_window(found.name, region, zoom)}
    region = schema.bbox if region is None else region
    if region is None:
        raise ParameterError(f"{found.name}: the image says no extent; give region=(west, south, east, north)")
    box = check_bounds(region)
    pixels = FIT_PIXELS if found.mode is Mode.FIT else FULL_PIXELS
    return {"region": box, "zoom": zoom_for(box, pixels) if zoom is None else zoom}


def _checked_window(name: str, region: Mapping[str, Any], zoom: Argument) -> Argument:
    if zoom is not None:
        raise ParameterError(
            f"{name}: zoom={zoom} belongs to a region in degrees; pixels of a file have their own size"
        )
    return _json(Window.of(Window.model_validate(dict(region)).grid))


def _flat(values: Any) -> list[Any]:
    return [item for value in values for item in (value if isinstance(value, tuple) else (value,))]


def _has_parameter(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_parameter(item) for item in value)
    if isinstance(value, Mapping):
        return any(_has_parameter(item) for item in value.values())
    return isinstance(value, Parameter)


def _at(value: Any, end: str) -> Any:
    """The value with every slider at one end (or at its default where it has no such end)."""
    if isinstance(value, Parameter):
        limit = getattr(value, end)
        return value.default if limit is None or isinstance(value.default, (bool, str)) else type(value.default)(limit)
    if isinstance(value, (list, tuple)):
        return tuple(_at(item, end) for item in value)
    if isinstance(value, Mapping):
        return {name: _at(item, end) for name, item in value.items()}
    return value


def _json(value: Any) -> Argument:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, tuple):
        return tuple(_json(item) for item in value)
    return value


def _resolve(value: Any, schema: Schema, where: str) -> Argument:
    if isinstance(value, tuple):
        return tuple(_resolve(item, schema, where) for item in value)
    return schema.band(value, where) if isinstance(value, str) else value
