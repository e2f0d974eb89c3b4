"""What a chain yields, before any pixel is read: kinds, bands, units, extent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jeoview.errors import ChainError, LimitError, ParameterError
from jeoview.graph import Argument, Node, Parameter, add_declaration, thaw
from jeoview.grid import Frame, Grid, Lattice
from jeoview.operator import KeptUnit, Mode, Operator, Schema, band_fields, find
from jeoview.projection import WEB_MERCATOR, Bounds
from jeoview.quantities import Dates
from jeoview.raster import Kind
from jeoview.schema import units_of
from jeoview.settings import settings


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


def _no_node(node: Node) -> Argument:
    raise ChainError(f"an image ({node.operator}) was given where a plain value is expected")


def describe(root: Node) -> Schema:
    """What a chain yields, from the chain alone; no pixel and no catalogue is asked.

    Raises
    ------
    BandError
        If a node names a band that its input does not have.
    ParameterError
        If images do not fit together (bands, units, dates), or one slider is declared in two ways.
    LimitError
        If neighbourhoods in pixels add up to more than the limit.
    """
    stack = [] if "schema" in root.notes else [root]
    while stack:
        unknown = [child for child in stack[-1].children if "schema" not in child.notes]
        if unknown:
            stack += unknown
        else:
            node = stack.pop()
            schema, sliders, padding = _describe(node), _sliders(node), _least_padding(node)
            # All or none: a node that was refused stays refused.
            node.notes.update(schema=schema, sliders=sliders, padding=padding)
    result: Schema = root.notes["schema"]
    return result


_SOURCE_FIELDS = ("bands", "common_names", "quality", "bbox", "dates")


def _describe(node: Node) -> Schema:
    """The schema of a node whose inputs have theirs."""
    found = find(node.operator)
    options = options_of(node)
    inputs = input_schemas(node)
    if found.mode is Mode.SOURCE:
        frame = Frame(options["frame"], options["shape"]) if "frame" in options else None
        if not options["bands"] or len(set(options["bands"])) < len(options["bands"]):
            raise ParameterError(f"{found.name}: bands are {list(options['bands'])}; expected at least one, each once")
        known = {name: options[name] for name in _SOURCE_FIELDS if name in options}
        is_complex, pairs = bool(frame or options.get("is_complex")), options.get("stack") == "pairs"
        return Schema(
            found.kind, **known, units=_source_units(options), frame=frame, is_complex=is_complex, pairs=pairs
        )
    for name in band_fields(found):
        for band in options[name] if isinstance(options[name], tuple) else (options[name],):
            if band is not None:
                inputs[0].band(band, found.name)
    _check_tables(found, inputs)
    bands = found.bands(options, inputs)
    kind = Kind.SERIES if _lifts(found, inputs) else found.kind
    dates, pairs = _layers(found, kind, inputs)
    return Schema(
        kind=kind,
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
        units=units_of(bands, found.unit({**options, **_numbers(found, node)}, inputs)),
        dates=dates,
        frame=_frame(found, options, inputs),
        is_complex=_is_complex(found, inputs),
        table=found.name if kind is Kind.TABLE else "",
        pairs=pairs,
        quantity=found.quantity or (inputs[0].quantity if isinstance(found.unit, KeptUnit) else ""),
    )


def _source_units(options: Mapping[str, Any]) -> dict[str, str]:
    """Band to unit: one for all that are measured, or each by name; what tells how good a pixel is has none."""
    said, quality = options["unit"], options.get("quality", {})
    if isinstance(said, str):
        return {band: "" if band in quality else said for band in options["bands"]}
    return {band: said.get(band, "") for band in options["bands"]}


def _check_tables(found: Operator, inputs: tuple[Schema, ...]) -> None:
    """Refuse the table of another operator than the one that is applied."""
    for schema in inputs:
        if schema.kind is Kind.TABLE and schema.table != found.table:
            raise ParameterError(f"{found.name}: got a table of {schema.table}(); expected one of {found.table}()")


def _layers(found: Operator, kind: Kind, inputs: tuple[Schema, ...]) -> tuple[Dates | None, bool | None]:
    """The dates of a series, or of the one that a table was fitted to; and whether its layers are pairs."""
    if kind not in (Kind.SERIES, Kind.TABLE):
        return None, None
    if found.layers != "kept":
        return None, found.layers == "pairs"
    known = {schema.pairs for schema in inputs if schema.pairs is not None}
    if len(known) > 1:
        raise ParameterError(f"{found.name}: the layers of one series are pairs of dates, those of another are dates")
    return _joint_dates(found, inputs), known.pop() if known else None


def _is_complex(found: Operator, inputs: tuple[Schema, ...]) -> bool:
    """Whether an operator gives complex numbers."""
    given = any(schema.is_complex for schema in inputs)
    if given:
        refuse_complex(found)
    return found.complex_numbers == "made" or (given and found.complex_numbers == "kept")


def refuse_complex(found: Operator) -> None:
    """Refuse complex numbers for an operator that knows real ones only.

    Raises
    ------
    ParameterError
        Which says what to do.
    """
    if found.complex_numbers == "refused":
        raise ParameterError(
            f"{found.name}: the image holds complex numbers; take .phase() or .amplitude() of it first (.multilook() "
            "averages complex numbers)"
        )


def _frame(found: Operator, options: Mapping[str, Any], inputs: tuple[Schema, ...]) -> Frame | None:
    """The sensor's pixels that an operator can work at: those of all its inputs, if they are the same."""
    frames = {schema.frame for schema in inputs if schema.kind is not Kind.TABLE}
    if found.native and len(frames) > 1:
        shown = " and ".join("the map's pixels" if frame is None else f"pixels of {frame.shape}" for frame in frames)
        raise ParameterError(
            f"{found.name}: the images do not share the pixels of one sensor ({shown}); they must be coregistered, with "
            "equal looks, and not yet brought onto the map by an operator on the screen's pixels"
        )
    frame = frames.pop() if len(frames) == 1 else None
    if found.mode is Mode.BLOCK:
        if frame is None:
            raise ParameterError(f"{found.name}: works at the pixels of a sensor, before anything that needs the map's")
        return frame.coarser(*found.looks(options))
    local = found.mode is Mode.PIXEL or (found.mode is Mode.NEIGHBOURHOOD and found.native)
    return frame if local and found.native is not False else None


def is_native(node: Node) -> bool:
    """Whether a node must be computed at the pixels of a sensor: an operator that is right there only, or a source."""
    found = find(node.operator)
    return describe(node).frame is not None and bool(found.native or found.mode is Mode.SOURCE)


def _numbers(found: Operator, node: Node) -> dict[str, Argument]:
    """The numbers that stand where images may, by the name of the input."""
    given = {item.name: node.arguments.get(item.name) for item in found.inputs if item.scalar}
    return {name: value for name, value in given.items() if not isinstance(value, Node)}


def _joint_dates(found: Operator, inputs: tuple[Schema, ...]) -> Dates | None:
    """The dates of all series, as far as they are known; a tile compares those that are not."""
    known = list(dict.fromkeys(schema.dates for schema in inputs if schema.dates is not None))
    if len(known) > 1:
        shown = " and ".join(map(str, known))
        order = " (the same ones in another order, or at other times of day)" if len(set(map(str, known))) == 1 else ""
        raise ParameterError(
            f"{found.name}: the series have different dates, {shown}{order}; use scenes of one collection, chosen once, "
            "or reduce each series first with .median(), .mosaic() or the like"
        )
    return known[0] if known else None


def _sliders(node: Node) -> Mapping[str, Parameter]:
    """The slider parameters of a chain by name, from those of its inputs."""
    parts: list[Mapping[str, Parameter]] = [child.notes["sliders"] for child in node.children]
    parts = [part for part in parts if part]
    if len(parts) == 1 and not node.own_parameters:
        return parts[0]
    found: dict[str, Parameter] = {}
    for used in (*(used for part in parts for used in part.values()), *node.own_parameters):
        add_declaration(found, used)
    return found


# Lengths on the ground are no pixels here: how many they are hangs on the zoom, and a tile knows that.
_COARSE = Grid(Lattice(WEB_MERCATOR, (1e8, 1e8), -5e7, 5e7), 0, 0, 1, 1)


def _largest(node: Node) -> int:
    """The largest whole number that was given: where it is too many pixels, metres may have been meant."""
    return max((value for value in options_of(node).values() if type(value) is int), default=2000)


def _least_padding(node: Node) -> int:
    """Pixels of padding that a chain needs at any zoom: the radii in pixels, added up along the widest path."""
    found = find(node.operator)
    padding: int = max((child.notes["padding"] for child in node.children), default=0)
    if found.mode is Mode.NEIGHBOURHOOD and (own := found.radius(options_of(node), _COARSE)):
        padding += own
        if padding > (limit := settings().max_padding):
            raise LimitError(
                f"{found.name}: the neighbourhoods of this chain add up to {padding} pixels of padding at {found.name}; "
                f"the limit is {limit}. Use a smaller radius, or a length on the ground: jv.metres({_largest(node)})"
            )
    # What works on an area of its own, or at a sensor's pixels, asks for no margin around a tile.
    native = found.native and any(schema.frame is not None for schema in input_schemas(node))
    return 0 if native or found.mode in (Mode.FULL, Mode.FIT) else padding


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


def sources_of(node: Node) -> tuple[Node, ...]:
    """The sources of a chain, each once: those of what is shown before those of what it was chosen by or weighed with."""
    found: dict[str, Node] = {}
    seen: set[str] = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if part.key in seen:
            continue
        seen.add(part.key)
        if is_source(part):
            found[part.key] = part
        waiting.extend(reversed(_shown_first(part)))
    return tuple(found.values())


def _shown_first(node: Node) -> tuple[Node, ...]:
    """The inputs of a node; a condition, which chooses and is not seen, comes last."""
    condition = node.arguments.get("condition")
    inputs = input_nodes(node)
    return (*(image for image in inputs if image is not condition), *(image for image in inputs if image is condition))


@lru_cache(maxsize=8192)
def input_schemas(node: Node) -> tuple[Schema, ...]:
    """The schemas of `input_nodes`."""
    return tuple(describe(image) for image in input_nodes(node))


@lru_cache(maxsize=8192)
def is_lifted(node: Node) -> bool:
    """Whether an operator on bands works here on every date of a series."""
    return _lifts(find(node.operator), input_schemas(node))


def is_source(node: Node) -> bool:
    """Whether a node reads scenes."""
    return find(node.operator).mode is Mode.SOURCE


def shows_scenes(series: Node) -> bool:
    """Whether the layers of a series are scenes: no operator on the way made dates of its own."""
    node = series
    while is_lifted(node):
        node = next(image for image in input_nodes(node) if describe(image).kind is Kind.SERIES)
    return is_source(node)


def style_base(root: Node) -> Node:
    """The node whose values a style shows: the chain without its colours."""
    node = root
    while describe(node).kind is Kind.COLOUR:
        node = input_nodes(node)[0]
    return node
