"""Displacement at a date, and relative to another date or another place than it was inverted for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jeoview.errors import ParameterError, choices
from jeoview.operator import (
    BandsInput,
    Mode,
    Names,
    Options,
    Schema,
    SeriesInput,
    TableInput,
    all_demand,
    operator,
    with_table,
)
from jeoview.operators.insar_pairs import DISPLACEMENT, at_dates, check_dates, displacement_only, medians, moments
from jeoview.operators.velocity import Day, check_day
from jeoview.quantities import is_wrapped
from jeoview.raster import Kind, Table


def _at_date(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_dates("at_date", inputs[0])
    check_day(options["date"], "at_date: date")
    return inputs[0].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_at_date, complex_numbers="kept")
def at_date(series: SeriesInput, *, date: Day) -> BandsInput:
    """What a series holds at one of its dates: ``date`` may be a parameter, which is then a slider over the dates.

    Parameters
    ----------
    date : str
        Day of the series, ``"2018-02-16"``.

    Returns
    -------
    bands
        The first valid value of each band on that day; NaN where there is none.
    """
    there = [layer for layer, found in zip(series.array, series.dates, strict=True) if found[: len(date)] == date]
    array = there[0].copy() if there else np.full(series.array.shape[1:], np.nan, dtype=series.array.dtype)
    for layer in there[1:]:
        np.copyto(array, layer, where=np.isnan(array))
    return replace(series, array=array, kind=Kind.BANDS, dates=())


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


def _unit_of_displacement(options: Options, inputs: tuple[Schema, ...]) -> str:
    return inputs[0].units[DISPLACEMENT]


@operator(mode=Mode.FIT, nodata="own", bands=_displacement, demand=displacement_only, unit=_unit_of_displacement)
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


def _one_value(options: Options, inputs: tuple[Schema, ...]) -> Names:
    (schema, *_), where = inputs, "relative_to"
    if len(schema.bands) != 1:
        raise ParameterError(f"{where}: the image has the bands {list(schema.bands)}; choose one, image['velocity']")
    if is_wrapped(schema.unit):
        raise ParameterError(f"{where}: the image is in {schema.unit}, which has no median; .unwrap() it first")
    return schema.bands


@operator(mode=Mode.FIT, nodata="own", bands=_one_value)
def image_reference(image: BandsInput) -> TableInput:
    """Median of an image of one band over a small area that is taken not to move.

    Returns
    -------
    table
        Under the name of the band its median in the unit of the image, NaN where no pixel is valid.
    """
    found, _ = medians(image.array)
    return Table({image.bands[0]: found})


@operator(mode=Mode.PIXEL, nodata="own", bands=_one_value, demand=with_table, table="image_reference")
def image_referenced(image: BandsInput, table: TableInput) -> BandsInput:
    """Subtract the value of a place, which then is 0: a velocity relative to ground that is taken not to move.

    Returns
    -------
    bands
        The band relative to the place, NaN where it was, and everywhere if the place has no valid pixel.
    """
    (held,) = table.values.values()
    return replace(image, array=image.array - np.float32(held[0]))
