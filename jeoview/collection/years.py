"""Which calendar years a series covers, as its scenes say: known before anything is computed."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from jeoview.catalog.times import parse_time
from jeoview.collection.frozen import user_catalog
from jeoview.describe import describe, input_nodes, is_source, options_of
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.graph import Node
from jeoview.image import Image, apply
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
    days = _days(node)
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


def _days(node: Node) -> list[dt.date]:
    return [moment.date() for moment in moments_of(node)]


def moments_of(node: Node) -> list[dt.datetime]:
    """When the scenes behind a series were taken; the days of both scenes of a pair, at midnight.

    Empty where the store does not know the scenes.
    """
    while not is_source(node):
        inner = next((image for image in input_nodes(node) if describe(image).kind is Kind.SERIES), None)
        if inner is None:
            return []
        node = inner
    options = options_of(node)
    text = Engine.default().store.get(options["items"]) if "items" in options else None
    if text is None:
        return []
    known = json.loads(text)
    items = user_catalog().items(known["collection"], [entry["id"] for entry in known["items"]])
    stack = options.get("stack", "time")
    times = [parse_time(text) for item in items for text in layer_date(item, stack).split("/")]
    return [time.replace(hour=0, minute=0, second=0, microsecond=0) for time in times] if stack == "pairs" else times
