"""Which calendar years a series covers, as its scenes say: known before anything is computed."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress
from typing import Any

from jeoview.catalog import Item
from jeoview.catalog.times import parse_time
from jeoview.collection.frozen import user_catalog
from jeoview.describe import describe, input_nodes, is_source, options_of
from jeoview.engine import Engine
from jeoview.errors import JeoviewError, ParameterError
from jeoview.graph import Node
from jeoview.image import Image, apply
from jeoview.operator import find
from jeoview.operators.insar_pairs import pair_dates
from jeoview.raster import Kind
from jeoview.recipes import as_image
from jeoview.scenes import layer_date

# So many days may be missing at either end of a year that is taken for a whole one: a satellite does not come at New Year.
MISSING = 31


def annual_steps(self: Any, first: int | None = None, last: int | None = None) -> Image:
    """Displacement gained in each calendar year, one band a year.

    The operator of the same name, which knows no scenes and so no years of its own.

    Parameters
    ----------
    first, last : int, optional
        Calendar years; by default the first and the last whole one of the series, of which at most 31 days are missing.

    Returns
    -------
    Image
        Bands ``2016`` ..., in the unit of the series; NaN in a year into which the valid dates of a pixel do not reach.

    Raises
    ------
    ParameterError
        If the years are not in order or none is whole, or the series has several bands.
    """
    image = as_image(self)
    if first is None or last is None:
        whole = _whole_years(image.node)
        first, last = (whole[0] if first is None else first), (whole[-1] if last is None else last)
    return apply("annual_steps", (image,), {"first": first, "last": last})


def _whole_years(node: Node) -> list[int]:
    days = [parse_time(date).date() for date in dates_of_series(node)]
    if not days:
        raise ParameterError("annual_steps: the dates of the series are not known here; give first= and last=")
    start, end = min(days), max(days)
    slack = dt.timedelta(days=MISSING)
    years = [
        year
        for year in range(start.year, end.year + 1)
        if start <= dt.date(year, 1, 1) + slack and end >= dt.date(year, 12, 31) - slack
    ]
    if not years:
        raise ParameterError(f"annual_steps: no whole year lies within {start} to {end}; give first= and last=")
    return years


def dates_of_series(node: Node) -> tuple[str, ...]:
    """When the scenes behind a series were taken, RFC 3339; of pairs each day once, as an inversion has them.

    Empty where that is not known: the store has no list of the scenes, the catalogue not all of them any more, or an operator
    has put other layers in their place.
    """
    items, stack = scenes_of_series(node)
    layers = tuple(layer_date(item, stack) for item in items)
    return pair_dates(layers).dates if stack == "pairs" else layers


def scenes_of_series(node: Node) -> tuple[list[Item], str]:
    """The scenes behind a series, and whether they are a stack of ``"time"`` or ``"pairs"``; none where they are not known."""
    found = _source(node)
    options = options_of(found) if found is not None else {}
    if "items" not in options:
        return [], ""
    with suppress(JeoviewError):
        text = Engine.default().store.get(options["items"])
        if text is not None:
            known, stack = json.loads(text), options.get("stack", "time")
            return user_catalog().items(known["collection"], [entry["id"] for entry in known["items"]]), stack
    return [], ""


def _source(node: Node) -> Node | None:
    """The scenes that the layers of a series are, or were inverted from."""
    while not is_source(node):
        inner = next((image for image in input_nodes(node) if describe(image).kind is Kind.SERIES), None)
        if inner is None or find(node.operator).layers == "pairs":
            return None
        node = inner
    return node
