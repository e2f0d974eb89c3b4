"""What a click is told: the values of one pixel, as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jeoview.describe import describe, input_nodes
from jeoview.graph import Node
from jeoview.raster import Kind, Raster


def below_style(root: Node) -> tuple[Node, ...]:
    """The arrays that colours show: of a coloured image that a later step changed, those of the colours alone."""
    if describe(root).kind is not Kind.COLOUR:
        return (root,)
    inputs = input_nodes(root)
    coloured = [node for node in inputs if describe(node).kind is Kind.COLOUR]
    arrays = [node for node in inputs if describe(node).kind in (Kind.BANDS, Kind.SERIES)]
    return tuple(dict.fromkeys(base for node in coloured or arrays for base in below_style(node)))


def common_unit(units: Mapping[str, str]) -> str:
    """The unit of all bands, empty where they differ."""
    known = set(units.values())
    return known.pop() if len(known) == 1 else ""


def note(raster: Raster, units: Mapping[str, str], answer: dict[str, Any]) -> None:
    """Add the values of a raster of one pixel to an answer, and the units of its bands."""
    values, known = raster.array[..., 0, 0], answer["values"]
    for index, band in enumerate(raster.bands):
        names = (band, *(f"{band} ({number})" for number in range(2, len(known) + 2)))
        name = next(name for name in names if name not in known)
        series = raster.kind is Kind.SERIES
        answer["units"][name] = units[band]
        known[name] = [_json_number(one) for one in values[:, index]] if series else _json_number(values[index])
        if series:
            answer["dates"] = list(raster.dates)


def _json_number(value: Any) -> Any:
    if np.iscomplexobj(value):
        return None if np.isnan(value) else [float(value.real), float(value.imag)]
    return None if np.isnan(value) else float(value)
