"""What a chain yields, before any pixel is read: kinds, bands, units, extent."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jeoview.errors import ChainError
from jeoview.graph import Argument, Node, thaw
from jeoview.operator import Mode, Operator, Schema, band_fields, find
from jeoview.projection import Bounds
from jeoview.raster import Kind


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


def is_source(node: Node) -> bool:
    """Whether a node reads scenes."""
    return find(node.operator).mode is Mode.SOURCE


def style_base(root: Node) -> Node:
    """The node whose values a style shows: the chain without its colours."""
    node = root
    while describe(node).kind is Kind.COLOUR:
        node = input_nodes(node)[0]
    return node
