"""How an image is to be seen: its colours, legend, sliders and extent, all from the chain alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jeoview.describe import describe
from jeoview.errors import ParameterError
from jeoview.graph import Node, Parameter, parameters
from jeoview.image import Image
from jeoview.make import bind, make
from jeoview.operator import Schema
from jeoview.operators.colour import legend
from jeoview.planner import needs_view
from jeoview.projection import Bounds
from jeoview.quantities import WRAPPED
from jeoview.raster import Kind

GREY_TICKS = ((0.0, "2 %"), (0.5, "of the values"), (1.0, "98 %"))
GREY_NOTE = "Grey by default. Choose colours with .colormap(palette, vmin=, vmax=)"
TRUE_COLOUR_NOTE = "True colour by default, stretched from 2 % to 98 %"


@dataclass(frozen=True)
class Look:
    """What a layer needs to know of an image.

    Parameters
    ----------
    node : Node
        A chain that ends in colour.
    note : str
        What was chosen because the chain said nothing.
    ticks : tuple
        Of the legend where its values are not those of the data.
    """

    node: Node
    note: str = ""
    ticks: tuple[tuple[float, str], ...] = ()
    parameters: Mapping[str, Parameter] = field(init=False)
    needs_view: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", parameters(self.node))
        object.__setattr__(self, "needs_view", needs_view(self.node))

    @property
    def bbox(self) -> Bounds | None:
        """Where there is data, degrees."""
        return describe(self.node).bbox

    def legend(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The legend with the sliders at these positions."""
        mine = {name: value for name, value in values.items() if name in self.parameters}
        described = legend(bind(self.node, mine))
        return described | ({"ticks": self.ticks} if self.ticks else {})


def look_of(node: Node) -> Look:
    """Choose colours for a chain that does not end in colour, as a user of Earth Engine expects: something is seen.

    Raises
    ------
    ParameterError
        If it is a series, a table or complex: there is no good guess, and the message says what to add.
    """
    schema = describe(node)
    if schema.kind is Kind.COLOUR:
        return Look(node)
    if schema.kind is Kind.SERIES:
        raise ParameterError(
            "the map shows one image, this is a series of dates; reduce it first, for instance with .median() or .max()"
        )
    if schema.kind is Kind.TABLE:
        raise ParameterError("the map shows images, this is a table of numbers; read it with .to_numpy()")
    return _true_colour(node, schema) or _cyclic(node, schema) or _grey(node, schema)


def _stretched(node: Node) -> Node:
    return make("stretch_by", (node, make("quantiles", (node,), {})), {})


def _true_colour(node: Node, schema: Schema) -> Look | None:
    bands = [schema.common_names.get(name, name) for name in ("red", "green", "blue")]
    if not set(bands) <= set(schema.bands):
        return None
    stretched = _stretched(make("select", (node,), {"bands": tuple(bands)}))
    channels = tuple(make("select", (stretched,), {"bands": (band,)}) for band in bands)
    return Look(make("rgb", channels, {}), TRUE_COLOUR_NOTE)


def _cyclic(node: Node, schema: Schema) -> Look | None:
    first = schema.bands[0]
    return Look(Image(node)[first].colormap().node) if schema.units[first] == WRAPPED else None


def _grey(node: Node, schema: Schema) -> Look:
    band = schema.bands[0]
    one = node if len(schema.bands) == 1 else make("select", (node,), {"bands": (band,)})
    others = f"Band {band} of {len(schema.bands)}. " if len(schema.bands) > 1 else ""
    coloured = make("colormap", (_stretched(one),), {"palette": "gray", "vmin": 0.0, "vmax": 1.0})
    return Look(coloured, others + GREY_NOTE, GREY_TICKS)
