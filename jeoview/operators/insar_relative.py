"""Displacement relative to another date, and to another place, than it was inverted for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jeoview.errors import ParameterError, choices
from jeoview.operator import Mode, Names, Options, Schema, SeriesInput, TableInput, all_demand, operator, with_table
from jeoview.operators.insar_pairs import at_dates, check_dates, medians, moments
from jeoview.operators.velocity import Day, check_day
from jeoview.raster import Table

DISPLACEMENT = "displacement"


def _dated(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_dates("relative_to_date", inputs[0])
    check_day(options["date"], "relative_to_date: date")
    return inputs[0].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_dated, demand=all_demand)
def relative_to_date(series: SeriesInput, *, date: Day) -> SeriesInput:
    """Subtract from every date what a pixel has at one of them, which is then 0 everywhere.

    Parameters
    ----------
    date : str
        Day of the series, ``"2018-02-16"``; the first one of that day where there are several.

    Returns
    -------
    series
        The same bands; NaN where it was, and at all dates of a pixel that has no value at the date.

    Raises
    ------
    ParameterError
        If the series has no such date: at the line where its scenes are known, else when pixels are computed.
    """
    if not series.dates:
        return series
    days = [found[: len(date)] for found in series.dates]
    if date not in days:
        raise ParameterError(f"relative_to_date: the series has no date {date}; {choices(date, days)}")
    return replace(series, array=series.array - series.array[days.index(date)])


def _displacement(options: Options, inputs: tuple[Schema, ...]) -> Names:
    return (inputs[0].band(DISPLACEMENT, "series_reference"),)


def _displacement_only(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    return ((DISPLACEMENT,),)


@operator(mode=Mode.FIT, nodata="own", bands=_displacement, demand=_displacement_only)
def series_reference(series: SeriesInput) -> TableInput:
    """Median displacement at every date over a small area that is taken not to move.

    Returns
    -------
    table
        ``date`` in seconds since 1970, ``displacement`` holds the medians in the unit of the series (NaN where a date
        has no valid pixel there).
    """
    found, _ = medians(series.array[:, series.bands.index(DISPLACEMENT)])
    return Table({"date": moments(series.dates), DISPLACEMENT: found})


def _with_displacement(options: Options, inputs: tuple[Schema, ...]) -> Names:
    inputs[0].band(DISPLACEMENT, "series_referenced")
    return inputs[0].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_with_displacement, demand=with_table, table="series_reference")
def series_referenced(series: SeriesInput, table: TableInput) -> SeriesInput:
    """Subtract from every date the displacement of a place, which then does not move.

    Returns
    -------
    series
        Band ``displacement`` relative to the place, NaN where it was and at every date that the place has no value at;
        other bands as they are.
    """
    offsets = at_dates(table, DISPLACEMENT, series.dates)
    if DISPLACEMENT not in series.bands:
        return series
    array = series.array.copy()
    array[:, series.bands.index(DISPLACEMENT)] -= offsets.astype(np.float32)[:, None, None]
    return replace(series, array=array)
