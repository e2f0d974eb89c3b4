"""Lines whose result can only be an error or empty: refused where they are written, not by each tile.

A chain does not name the dates of its scenes, but the catalogue knows them while a line is written. What is not known here,
for instance of a chain that came as text, is left to the tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import shapely

from jeoview.catalog.times import parse_time
from jeoview.collection.years import dates_of_series
from jeoview.describe import describe, input_nodes, input_schemas, options_of
from jeoview.errors import ParameterError
from jeoview.graph import Node
from jeoview.operator import Mode, find
from jeoview.operators.insar_pairs import years_since
from jeoview.operators.quality import area_of
from jeoview.operators.slc_series import trials
from jeoview.operators.velocity import SPANS, check_motion
from jeoview.projection import Bounds
from jeoview.quantities import METRES_PER_DEGREE, Dates, Metres, cos_latitude
from jeoview.raster import Kind
from jeoview.region import check_meets

Options = Mapping[str, Any]
# A mean that is so many times as long as the image is one number: its weights are equal within 0.02 %.
TOO_LONG = 40.0


def check_line(node: Node) -> None:
    """Refuse a node of which the scenes, or the extent, say that it cannot give anything.

    Raises
    ------
    ParameterError
        Which says what there is, and the way out.
    LimitError
        If there would be too much to try.
    """
    _check_joined(node)
    _check_two(node)
    if node.own_parameters:
        return
    options = options_of(node)
    if find(node.operator).mode in (Mode.FIT, Mode.FULL) and isinstance(options.get("region"), tuple):
        _check_extent(node, options["region"], "region")
    if node.operator in AREAS:
        AREAS[node.operator](node, options)
    if node.operator in DATES and (dates := sorted(set(dates_of_series(node)))):
        DATES[node.operator](options, dates)


# ---------------------------------------------------------------- dates


def _check_joined(node: Node) -> None:
    """Of layers that the chain knows, `describe` has compared the dates."""
    layered = [image for image in input_nodes(node) if describe(image).kind in (Kind.SERIES, Kind.TABLE)]
    if len(layered) < 2 or all(describe(image).dates is not None for image in layered):
        return
    known = list(dict.fromkeys(tuple(sorted(found)) for image in layered if (found := dates_of_series(image))))
    if len(known) > 1:
        shown = " and ".join(str(Dates.of(dates)) for dates in known)
        alone = sorted(set(known[0]) ^ set(known[1]))
        raise ParameterError(
            f"{node.operator}: the series have different dates, {shown}: {_named(alone)} are not in both. Make both of the "
            "same scenes or pairs, or reduce each series first with .velocity(), .median() or the like"
        )


def _check_date(name: str, options: Options, dates: Sequence[str]) -> None:
    wanted = options["date"]
    if wanted in [date[: len(wanted)] for date in dates]:
        return
    moment = parse_time(wanted)
    near = sorted(sorted(dates, key=lambda date: abs(parse_time(date) - moment))[:2])
    raise ParameterError(
        f"{name}: the series has no date {wanted}; the nearest are {' and '.join(date[: len(wanted)] for date in near)} "
        f"({_span(dates)})"
    )


def _check_velocity(options: Options, dates: Sequence[str]) -> None:
    model, least = options["model"], options["min_dates"]
    if len(dates) < least:
        raise ParameterError(
            f"velocity: the series has {len(dates)} dates, and a pixel must have min_dates={least}: the result would be "
            f"empty. Give min_dates={len(dates)} or less, or choose more dates"
        )
    years = float(years_since(tuple(dates), dates[0])[-1])
    span = SPANS[model] if options["min_span"] is None else options["min_span"]
    if years < span:
        other = "" if model == "linear" or years < SPANS["linear"] else ', or model="linear"'
        raise ParameterError(
            f"velocity: the series spans {years:.2f} yr ({dates[0][:10]} to {dates[-1][:10]}), and model={model!r} "
            f"needs min_span={span:g} yr: the result would be empty. Give a shorter min_span={other}, or choose more dates"
        )
    check_motion(options, tuple(dates))


def _check_years(options: Options, dates: Sequence[str]) -> None:
    first, last = int(dates[0][:4]), int(dates[-1][:4])
    if options["last"] < first or options["first"] > last:
        raise ParameterError(
            f"annual_steps: the years {options['first']} to {options['last']} lie outside the series ({_span(dates)}): the "
            "result would be empty"
        )


def _check_periodogram(options: Options, dates: Sequence[str]) -> None:
    if len(dates) < options["min_dates"]:
        raise ParameterError(
            f"ps_velocity: the series has {len(dates)} dates, and a pixel must have min_dates={options['min_dates']}: the "
            f"result would be empty. Give min_dates={len(dates)} or less, or choose more dates"
        )
    years = years_since(tuple(dates), dates[0])
    if years.any():
        trials(years, options["wavelength"], options["limit"])


def _check_two(node: Node) -> None:
    """An image agrees with itself: a coherence of 1 everywhere. Its interferogram with itself is its power, and of use."""
    if node.operator == "coherence" and len(set(input_nodes(node))) == 1:
        raise ParameterError(
            f"{node.operator}: both images are the same one; give those of two dates, slc[day] and slc[other]"
        )


DATES: Mapping[str, Callable[[Options, Sequence[str]], None]] = {
    "annual_steps": _check_years,
    "at_date": partial(_check_date, "at_date"),
    "ps_velocity": _check_periodogram,
    "relative_to_date": partial(_check_date, "relative_to"),
    "velocity": _check_velocity,
}


def _span(dates: Sequence[str]) -> str:
    return f"{len(dates)} dates, {dates[0][:10]} to {dates[-1][:10]}"


def _named(dates: Sequence[str], most: int = 3) -> str:
    return ", ".join(date[:10] for date in dates[:most]) + (
        f" and {len(dates) - most} more" if len(dates) > most else ""
    )


# ---------------------------------------------------------------- places


def _check_extent(node: Node, box: Bounds, what: str) -> None:
    for schema in input_schemas(node)[:1]:
        check_meets(box, schema.bbox, f"{node.operator}: {what}", "the image")


def _check_polygon(node: Node, options: Options) -> None:
    if options["inside"]:
        west, south, east, north = (float(side) for side in shapely.bounds(area_of(options["polygon"])))
        _check_extent(node, (west, south, east, north), "the polygon")


def _check_mean(node: Node, options: Options) -> None:
    box, sigma = input_schemas(node)[0].bbox, options["sigma"]
    if box is None or not isinstance(sigma, Metres):
        return
    west, south, east, north = box
    high = (north - south) * METRES_PER_DEGREE
    wide = (east - west) % 360.0 * METRES_PER_DEGREE * cos_latitude((north + south) / 2)
    if sigma.metres > TOO_LONG * max(high, wide) > 0:
        raise ParameterError(
            f"spatial_filter: sigma is {sigma.metres / 1000:g} km, and the image is {wide / 1000:.3g} km by {high / 1000:.3g} km: "
            "the mean would be one number. Give a shorter length in metres"
        )


AREAS: Mapping[str, Callable[[Node, Options], None]] = {"mask_polygon": _check_polygon, "spatial_mean": _check_mean}
