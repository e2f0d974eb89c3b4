"""Atmosphere that goes with the height: a line of phase over height, fitted to every layer and subtracted."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.errors import BandError, ParameterError
from jeoview.kernels.ramp import fit_line, subtract_line
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, SeriesInput, TableInput, operator
from jeoview.operators.insar_pairs import PHASE
from jeoview.quantities import same_word
from jeoview.raster import Table

Fraction = Annotated[float, Field(ge=0, le=1)]
MOVED = "displacement"


def _line_band(where: str, inputs: tuple[Schema, ...]) -> str:
    """The band that is corrected: phase of pairs, or displacement of dates."""
    if len(inputs[1].bands) != 1:
        raise BandError(f"{where}: height has {len(inputs[1].bands)} bands; choose one")
    if inputs[1].unit and same_word(inputs[1].unit) != "m":
        raise ParameterError(
            f"{where}: the heights are in {inputs[1].unit}; expected metres (height * factor, then .with_unit('m'))"
        )
    return MOVED if MOVED in inputs[0].bands else inputs[0].band(PHASE, where)


def _fitted(options: Options, inputs: tuple[Schema, ...]) -> Names:
    return (_line_band("height_correlation", inputs),)


def _one_band(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    return (_line_band("height_correlation", inputs),), inputs[1].bands


def _unit_per_metre(options: Options, inputs: tuple[Schema, ...]) -> str:
    unit = inputs[0].units[_line_band("height_correlation", inputs)]
    return f"{unit}/m" if unit else ""


@operator(mode=Mode.FIT, nodata="own", bands=_fitted, demand=_one_band, unit=_unit_per_metre)
def height_correlation(series: SeriesInput, height: BandsInput) -> TableInput:
    """A line phase = k h + c of every pair or date, by least squares over a region.

    Stratified atmosphere delays valleys more than summits (Doin et al. 2009). Pixels that are NaN in a layer, or have no
    height, are left out: mask what moves first.

    Parameters
    ----------
    series : series
        Pairs with band ``unwrapped`` (rad), or dates with band ``displacement`` (m).
    height : bands
        One band, metres.

    Returns
    -------
    table
        For each layer the slope k (rad/m or m/m) under the name of the band, ``offset`` c, ``correlation``
        (Pearson's, -1 to 1) and ``valid``, the number of pixels. NaN where a layer has fewer than three pixels, or the
        ground is flat.
    """
    band = MOVED if MOVED in series.bands else PHASE
    values = series.array[:, series.bands.index(band)].reshape(len(series.array), -1)
    slope, offset, correlation, valid = fit_line(values, height.array[0].ravel())
    return Table({band: slope, "offset": offset, "correlation": correlation, "valid": valid})


def _corrected_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    band = _line_band("height_corrected", inputs)
    if inputs[2].bands != (band,):
        raise BandError(
            f"height_corrected: the table is of {inputs[2].bands[0]!r}, and the series has {band!r} to correct"
        )
    return inputs[0].bands


def _wanted_and_height(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    return wanted, inputs[1].bands, inputs[2].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_corrected_bands, demand=_wanted_and_height, table="height_correlation")
def height_corrected(
    series: SeriesInput, height: BandsInput, table: TableInput, *, min_correlation: Fraction = 0.3
) -> SeriesInput:
    """Subtract from every layer the line over height that was fitted to it, where the two go together.

    The line holds the constant too, so a reference is subtracted afterwards.

    Parameters
    ----------
    series : series
        Pairs with band ``unwrapped``, or dates with band ``displacement``.
    height : bands
        One band, metres: the same as in the fit.
    table : table
        What ``height_correlation`` gave.
    min_correlation : float
        A layer whose abs(correlation) is lower stays as it is: its slope is that of something else.

    Returns
    -------
    series
        The band corrected, NaN where it was or a corrected layer has no height; other bands as they are.

    Raises
    ------
    ParameterError
        If the table was made from other layers.
    """
    band = next((name for name in (MOVED, PHASE) if name in series.bands), None)
    if band is None:
        return series
    slope = table.values.get(band, np.empty(0))
    if len(slope) != len(series.array):
        raise ParameterError(f"height_corrected: the table has {len(slope)} layers, the series {len(series.array)}")
    strong = np.abs(table.values["correlation"]) >= min_correlation
    array = np.array(series.array, dtype=np.float32, order="C")
    lines = np.where(strong, slope, 0.0), np.where(strong, table.values["offset"], 0.0)
    subtract_line(array, series.bands.index(band), *lines, strong, height.array[0])
    return replace(series, array=array)
