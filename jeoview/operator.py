"""One decorated function is one operator.

From the signature come the method of `jeoview.Image`, the JSON Schema, the error at the notebook
line and the slider; from the decorator the planner knows which pixels the function needs.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from jeoview.errors import BandError, ChainError, ParameterError, choices
from jeoview.graph import Argument, Node, Parameter, freeze, parameters, thaw, walk
from jeoview.grid import Grid, check_bounds, zoom_for
from jeoview.projection import Bounds, ground_scale, is_geographic, metres_per_unit
from jeoview.raster import Kind, Raster, Table

BandsInput = Annotated[Raster, Kind.BANDS]
SeriesInput = Annotated[Raster, Kind.SERIES]
ColourInput = Annotated[Raster, Kind.COLOUR]
TableInput = Annotated[Table, Kind.TABLE]


class BandReference:
    """Marks a text parameter that names a band of the first input, by its own or its common name."""


BandName = Annotated[str, BandReference()]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Box = tuple[Longitude, Latitude, Longitude, Latitude]


class Metres(BaseModel):
    """A length on the ground; Web Mercator stretches with 1 / cos(latitude), and this accounts for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    metres: float = Field(gt=0, le=1e6)

    def pixels(self, grid: Grid, y: float) -> int:
        """Whole pixels of the grid at the height ``y`` of the map, rounded, at least 0."""
        dx = grid.lattice.resolution[0] * metres_per_unit(grid.crs)
        scale = cos_latitude(y) if is_geographic(grid.crs) else ground_scale(grid.crs, y)
        return int(self.metres / (dx * scale) + 0.5)


def cos_latitude(degrees: float) -> float:
    """Cosine of a latitude, at least 0.01 so that lengths stay finite at the poles."""
    return max(math.cos(math.radians(degrees)), 0.01)


def metres(length: float | Parameter) -> Metres | dict[str, Parameter]:
    """A length in ground metres, for operators that take pixels or metres.

    Parameters
    ----------
    length : float or slider parameter
        Metres on the ground.

    Raises
    ------
    ParameterError
        If it is not a positive number up to 1,000 km.
    """
    if isinstance(length, Parameter):
        return {"metres": length}
    try:
        return Metres(metres=_plain(length))
    except ValidationError:
        raise ParameterError(f"metres got {_short(length)}; expected a positive number up to 1e6") from None


Pixels = Annotated[int, Field(ge=0, le=4096, json_schema_extra={"unit": "pixels"})]
Length = Pixels | Metres


Zoom = Annotated[int, Field(ge=0, le=24)]


class Mode(Enum):
    """Which pixels an operator needs to give one pixel."""

    SOURCE = "source"
    PIXEL = "pixel"
    NEIGHBOURHOOD = "neighbourhood"
    FULL = "full"
    FIT = "fit"


# An operator that works on a whole area says which one; both are part of the chain.
_REGION_FIELDS: Mapping[Mode, dict[str, Any]] = {
    Mode.FULL: {"region": (Box | Literal["view"], "view"), "zoom": (Zoom | None, None)},
    Mode.FIT: {"region": (Box | None, None), "zoom": (Zoom | None, None)},
}
Names = tuple[str, ...]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Schema:
    """What is known of a node's result before any pixel is read.

    Parameters
    ----------
    kind : Kind
        Bands, series, table or colour.
    bands : tuple of str
        Band names.
    common_names : dict
        Common name (``red``) to band name (``B04``).
    quality : dict
        Quality band to its scheme.
    bbox : (west, south, east, north), optional
        Degrees; where there is data.
    unit : str
        Unit of the values, empty where they have none.
    """

    kind: Kind
    bands: Names
    common_names: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, str] = field(default_factory=dict)
    bbox: Bounds | None = None
    unit: str = ""

    def band(self, name: str, where: str) -> str:
        """The band of a name or common name.

        Raises
        ------
        BandError
            If there is none; the message names those that exist.
        """
        if name in self.bands:
            return name
        if self.common_names.get(name) in self.bands:
            return self.common_names[name]
        common = [alias for alias, band in self.common_names.items() if band in self.bands]
        raise BandError(f"{where}: no band {_short(name)}; {choices(str(name)[:64], [*self.bands, *common])}")


@dataclass(frozen=True, slots=True)
class Input:
    """One image argument of an operator."""

    name: str
    kind: Kind
    scalar: bool = False
    variadic: bool = False
    optional: bool = False


_NODATA_NOTES = {
    "any": "NaN (no data) in any input is NaN in the result.",
    "skip": "NaN (no data) is left out.",
    "centre": "NaN where the pixel itself is NaN (no data); among its neighbours NaN is left out.",
    "own": "",
}
_REGION_NOTES = {
    Mode.FULL: (
        "``region`` is ``'view'``, the area that the map shows (it changes as the map moves), or a fixed "
        "(west, south, east, north) in degrees, computed at ``zoom``; by default that at which it is about 2,000 "
        "pixels across."
    ),
    Mode.FIT: (
        "``region`` is (west, south, east, north) in degrees, by default the extent of the image, read at ``zoom``; "
        "by default that at which it is about 1,000 pixels across. Fitted once and stored, never per tile."
    ),
}
BandRule = Callable[[Options, tuple[Schema, ...]], Names]
DemandRule = Callable[[Options, Names, tuple[Schema, ...]], tuple[Names, ...]]
RadiusRule = Callable[[Options, Grid], int]
UnitRule = Callable[[Options, tuple[Schema, ...]], str]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """A registered operator; see `operator` for the fields."""

    name: str
    version: int
    mode: Mode
    kind: Kind
    inputs: tuple[Input, ...]
    model: type[BaseModel]
    function: Callable[..., Any]
    nodata: str
    bands: BandRule
    demand: DemandRule
    radius: RadiusRule
    unit: UnitRule
    upgrades: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]

    @property
    def summary(self) -> str:
        """First line of the help text."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @property
    def help(self) -> str:
        """The help text, with what follows from mode and nodata rule: the docstring of the method."""
        notes = (_NODATA_NOTES[self.nodata], _REGION_NOTES.get(self.mode, ""))
        said = "\n\n".join(note for note in notes if note)
        text = inspect.getdoc(self.function) or ""
        return f"{text}\n\nNotes\n-----\n{said}" if said else text

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the arguments that are not images."""
        return tuple(self.model.model_fields)

    def validate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check parameters against the signature and fill in the defaults.

        Raises
        ------
        ParameterError
            Which names the operator, the parameter, what was given and what was expected.
        """
        try:
            checked = self.model.model_validate({name: _plain(value) for name, value in values.items()})
        except ValidationError as error:
            raise ParameterError(self._explain(error)) from None
        return {name: getattr(checked, name) for name in self.model.model_fields}

    def _explain(self, error: ValidationError) -> str:
        # A name that does not exist says more than the one that is missing for it.
        first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        name = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            return f"{self.name}: no parameter {_short(name)}; {choices(name[:64], self.parameters)}"
        if first["type"] == "missing":
            return f"{self.name}: parameter {name!r} is missing"
        messages = [item["msg"].removeprefix("Value error, ") for item in error.errors() if item["loc"][:1] == (name,)]
        reasons = "; or ".join(dict.fromkeys(messages))
        return f"{self.name}({name}={_short(first['input'])}): {reasons}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _no_node(node: Node) -> Argument:
    raise ChainError(f"an image ({node.operator}) was given where a plain value is expected")


def _plain(value: Any) -> Any:
    """Lists as tuples and numpy scalars as Python's, which strict validation asks for."""
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


REGISTRY: dict[str, Operator] = {}


def find(name: str) -> Operator:
    """The operator of a name.

    Raises
    ------
    ChainError
        If there is none.
    """
    if name not in REGISTRY:
        raise ChainError(f"no operator {_short(name)}; {choices(name[:64], REGISTRY)}")
    return REGISTRY[name]


@lru_cache(maxsize=8192)
def options_of(node: Node) -> dict[str, Any]:
    """The validated values of a node's parameters, as the function takes them; not to be changed.

    Raises
    ------
    ParameterError
        If a value does not fit; a slider parameter stands for its default.
    """
    found = find(node.operator)
    given = {name: value for name, value in node.arguments.items() if name not in {item.name for item in found.inputs}}
    return found.validate(thaw(given, _no_node, lambda used: used.default))


def same_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    """The bands of the first input that has more than one, else of the first."""
    return next((schema.bands for schema in inputs if len(schema.bands) > 1), inputs[0].bands)


def same_demand(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Band by band: the wanted positions of every input; a single band serves all, a table whole."""
    names = same_bands(options, inputs)
    positions = [names.index(band) for band in wanted]
    return tuple(
        schema.bands
        if len(schema.bands) <= 1 or schema.kind is Kind.TABLE
        else tuple(schema.bands[i] for i in positions)
        for schema in inputs
    )


def all_demand(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Every band of every input."""
    return tuple(schema.bands for schema in inputs)


def same_unit(options: Options, inputs: tuple[Schema, ...]) -> str:
    """The unit of the first input."""
    return inputs[0].unit


def constant_unit(unit: str) -> UnitRule:
    """A unit that does not depend on the inputs."""
    return _constant(unit)


_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def operator(
    *,
    mode: Mode,
    nodata: Literal["any", "skip", "centre", "own"],
    version: int = 1,
    bands: BandRule | Names = same_bands,
    demand: DemandRule = same_demand,
    radius: RadiusRule | None = None,
    unit: UnitRule = same_unit,
    upgrades: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
) -> Callable[[F], F]:
    """Register a function as an operator.

    Parameters
    ----------
    mode : Mode
        ``PIXEL``: a pixel needs the same pixel of the inputs. ``NEIGHBOURHOOD``: also those within
        ``radius``. ``FULL``: a whole area: the view, or a fixed ``region`` (bbox in degrees) at a ``zoom``.
        ``FIT``: a table from a declared ``region`` at a ``zoom``. Both parameters are added to the signature.
    nodata : {"any", "skip", "centre", "own"}
        ``any``: NaN in any input is NaN in the result; ``skip``: NaN is left out of a statistic;
        ``centre``: NaN where the pixel itself is; ``own``: the help text says. Tests hold every operator to it.
    version : int
        Raised whenever the result changes; golden hashes make CI fail otherwise.
    bands : rule or tuple of str
        Names of the resulting bands.
    demand : rule
        Which bands of each input the wanted bands need: what is not needed is not read.
    radius : rule, optional
        Pixels of padding that a neighbourhood needs on a grid.
    unit : rule
        Unit of the values; see `constant_unit`.
    upgrades : mapping, optional
        From an older version to the arguments of this one.

    Notes
    -----
    The function takes its inputs by position (``BandsInput``, ``SeriesInput``, ``ColourInput``,
    ``TableInput``, each perhaps ``| float``) and its parameters by keyword. An operator on bands
    works on every date of a series.
    """

    def register(function: F) -> F:
        name = function.__name__.rstrip("_")
        hints = get_type_hints(function, include_extras=True)
        signature = inspect.signature(function)
        images = tuple(
            _input(item, hints[item.name])
            for item in signature.parameters.values()
            if item.kind is not inspect.Parameter.KEYWORD_ONLY
        )
        fields: dict[str, Any] = {
            item.name: (hints[item.name], ... if item.default is inspect.Parameter.empty else item.default)
            for item in signature.parameters.values()
            if item.kind is inspect.Parameter.KEYWORD_ONLY
        }
        fields |= _REGION_FIELDS.get(mode, {})
        if name in REGISTRY:
            raise ValueError(f"operator {name!r} is defined twice")
        REGISTRY[name] = Operator(
            name=name,
            version=version,
            mode=mode,
            kind=_kind(hints["return"]),
            inputs=images,
            model=create_model(name, __config__=_STRICT, **fields),
            function=function,
            nodata=nodata,
            bands=bands if callable(bands) else _constant(bands),
            demand=demand,
            radius=radius or _no_radius,
            unit=unit,
            upgrades=upgrades or {},
        )
        return function

    return register


def _constant(value: T) -> Callable[..., T]:
    return lambda *_: value


def _no_radius(options: Options, grid: Grid) -> int:
    return 0


def _input(item: inspect.Parameter, hint: Any) -> Input:
    variadic = item.kind is inspect.Parameter.VAR_POSITIONAL
    return Input(item.name, _kind(hint), float in get_args(hint), variadic, type(None) in get_args(hint))


def _kind(hint: Any) -> Kind:
    if get_origin(hint) is Annotated:
        return next(mark for mark in get_args(hint) if isinstance(mark, Kind))
    for option in get_args(hint):
        if get_origin(option) is Annotated:
            return _kind(option)
    raise TypeError(f"{hint} says no kind of image")


@lru_cache(maxsize=512)
def band_fields(found: Operator) -> dict[str, Any]:
    """The parameters of an operator that name bands, with their annotation's shape."""
    hints = get_type_hints(found.function, include_extras=True)
    return {name: hints[name] for name in found.parameters if name in hints and _names_band(hints[name])}


def _names_band(hint: Any) -> bool:
    if get_origin(hint) is Annotated and any(isinstance(mark, BandReference) for mark in get_args(hint)):
        return True
    return any(_names_band(option) for option in get_args(hint) if option is not ...)


def describe(root: Node) -> Schema:
    """What a chain yields, from the chain alone; no pixel and no catalogue is asked.

    Raises
    ------
    BandError
        If a node names a band that its input does not have.
    """
    stack = [] if "schema" in root.notes else [root]
    while stack:
        unknown = [child for child in stack[-1].children if "schema" not in child.notes]
        if unknown:
            stack += unknown
        else:
            node = stack.pop()
            node.notes["schema"] = _describe(node)
    schema: Schema = root.notes["schema"]
    return schema


_SOURCE_FIELDS = ("bands", "common_names", "quality", "bbox", "unit")


def _describe(node: Node) -> Schema:
    """The schema of a node whose inputs have theirs."""
    found = find(node.operator)
    options = options_of(node)
    inputs = input_schemas(node)
    if found.mode is Mode.SOURCE:
        return Schema(found.kind, **{name: options[name] for name in _SOURCE_FIELDS})
    for name in band_fields(found):
        for band in options[name] if isinstance(options[name], tuple) else (options[name],):
            if band is not None:
                inputs[0].band(band, found.name)
    bands = found.bands(options, inputs)
    return Schema(
        kind=Kind.SERIES if _lifts(found, inputs) else found.kind,
        bands=bands,
        common_names={
            alias: band
            for schema in reversed(inputs)
            for alias, band in schema.common_names.items()
            if band in bands and band in schema.bands
        },
        quality={
            band: scheme
            for schema in reversed(inputs)
            for band, scheme in schema.quality.items()
            if band in bands and band in schema.bands
        },
        bbox=_joint_bbox(inputs),
        unit=found.unit(options, inputs),
    )


def _lifts(found: Operator, inputs: tuple[Schema, ...]) -> bool:
    """An operator on bands that is given a series works on every date of it."""
    takes_series = any(item.kind is Kind.SERIES for item in found.inputs)
    return found.kind is Kind.BANDS and not takes_series and any(schema.kind is Kind.SERIES for schema in inputs)


def _joint_bbox(inputs: tuple[Schema, ...]) -> Bounds | None:
    boxes = [schema.bbox for schema in inputs if schema.bbox is not None]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


@lru_cache(maxsize=8192)
def input_nodes(node: Node) -> tuple[Node, ...]:
    """The images that a node takes, in the order of the function's arguments (scalars left out)."""
    found = find(node.operator)
    inputs: list[Node] = []
    for item in found.inputs:
        value = node.arguments.get(item.name)
        inputs.extend(image for image in (value if isinstance(value, tuple) else (value,)) if isinstance(image, Node))
    return tuple(inputs)


@lru_cache(maxsize=8192)
def input_schemas(node: Node) -> tuple[Schema, ...]:
    """The schemas of `input_nodes`."""
    return tuple(describe(image) for image in input_nodes(node))


@lru_cache(maxsize=8192)
def is_lifted(node: Node) -> bool:
    """Whether an operator on bands works here on every date of a series."""
    return _lifts(find(node.operator), input_schemas(node))


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
    declared = parameters(root)
    for name in values or {}:
        if name not in declared:
            raise ParameterError(f"the chain has no parameter {_short(name)}; {choices(str(name)[:64], declared)}")
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
    value = _plain(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if item.scalar and (number or isinstance(value, Parameter)):
        return value if isinstance(value, Parameter) else freeze(float(value), where)
    expected = "an image or a number" if item.scalar else "an image"
    raise ParameterError(f"{where}: got {_short(value)}; expected {expected}")


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
    for end in ("minimum", "maximum") if used else ():
        found.validate({name: _at(value, end) for name, value in values.items()})
    checked = found.validate({name: _at(value, "default") if name in used else value for name, value in values.items()})
    plain = {name: _json(value) for name, value in checked.items()}
    first = next((value for value in _flat(images.values()) if isinstance(value, Node)), None)
    for name in band_fields(found):
        if first is not None and name not in used:
            plain[name] = _resolve(plain[name], describe(first), found.name)
    plain |= {name: _with_sliders(plain[name], value) for name, value in used.items()}
    if found.mode in (Mode.FIT, Mode.FULL) and first is not None:
        plain |= _declared_region(found, plain, describe(first))
    return plain


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
    region = schema.bbox if region is None else region
    if region is None:
        raise ParameterError(f"{found.name}: the image says no extent; give region=(west, south, east, north)")
    box = check_bounds(region)
    pixels = FIT_PIXELS if found.mode is Mode.FIT else FULL_PIXELS
    return {"region": box, "zoom": zoom_for(box, pixels) if zoom is None else zoom}


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
