"""Reducers over time: many dates to one image, pixel by pixel; nodata is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.kernels import reduce
from jeoview.operator import BandsInput, Mode, SeriesInput, constant_unit, operator
from jeoview.operators.phase import linear_unit
from jeoview.raster import Array, Kind, Raster

Fraction = Annotated[float, Field(ge=0, le=1)]
MEAN_PHASE = ".mean_phase()"


def _reduced(series: Raster, array: Array) -> Raster:
    return replace(series, array=array, kind=Kind.BANDS, dates=())


@operator(mode=Mode.PIXEL, nodata="skip", unit=linear_unit("median", MEAN_PHASE))
def median(series: SeriesInput) -> BandsInput:
    """Median over time, linear between the two middle values; NaN where no date is valid."""
    return _reduced(series, _quantile(series.array, 0.5))


@operator(mode=Mode.PIXEL, nodata="skip", unit=linear_unit("quantile", MEAN_PHASE))
def quantile(series: SeriesInput, *, q: Fraction = 0.5) -> BandsInput:
    """Quantile over time, linear between ranks.

    Parameters
    ----------
    q : float
        From 0 (minimum) to 1 (maximum).
    """
    return _reduced(series, _quantile(series.array, q))


def _quantile(stack: Array, q: float) -> Array:
    # One date is its own quantile, and the commonest case of a tile.
    return stack[0] if len(stack) == 1 else reduce.quantile(stack, q)


@operator(mode=Mode.PIXEL, nodata="skip", unit=linear_unit("mean", MEAN_PHASE), complex_numbers="kept")
def mean(series: SeriesInput) -> BandsInput:
    """Mean over time, of complex numbers as such; NaN where no date is valid."""
    return _reduced(series, _mean(series.array))


def _mean(stack: Array) -> Array:
    if not np.iscomplexobj(stack):
        return reduce.moments(stack)[0]
    # A number is valid as a whole: both its parts are, or neither.
    valid = ~np.isnan(stack)
    real, imaginary = (
        reduce.moments(np.where(valid, part, np.float32(np.nan)))[0] for part in (stack.real, stack.imag)
    )
    return real + np.complex64(1j) * imaginary


@operator(mode=Mode.PIXEL, nodata="skip", unit=linear_unit("std", ".phase_stability()"))
def std(series: SeriesInput) -> BandsInput:
    """Population standard deviation over time (divided by the number of valid dates, as numpy and Earth Engine)."""
    return _reduced(series, reduce.moments(series.array)[1])


@operator(mode=Mode.PIXEL, nodata="skip", unit=constant_unit("dates"), complex_numbers="used")
def count(series: SeriesInput) -> BandsInput:
    """Number of valid dates, 0 where there is none; to be shown beside a composite."""
    if np.iscomplexobj(series.array):
        return _reduced(series, (~np.isnan(series.array)).sum(axis=0).astype(np.float32))
    return _reduced(series, reduce.moments(series.array)[2])


@operator(mode=Mode.PIXEL, nodata="skip")
def min_(series: SeriesInput) -> BandsInput:
    """Smallest value over time; NaN where no date is valid."""
    return _reduced(series, reduce.extremes(series.array)[0])


@operator(mode=Mode.PIXEL, nodata="skip")
def max_(series: SeriesInput) -> BandsInput:
    """Largest value over time; NaN where no date is valid."""
    return _reduced(series, reduce.extremes(series.array)[1])


@operator(mode=Mode.PIXEL, nodata="skip", complex_numbers="kept")
def first(series: SeriesInput) -> BandsInput:
    """First valid value of each band in the order of the collection."""
    return _reduced(series, _first_valid(series.array))


@operator(mode=Mode.PIXEL, nodata="skip", complex_numbers="kept")
def last(series: SeriesInput) -> BandsInput:
    """Last valid value of each band in the order of the collection."""
    return _reduced(series, _first_valid(series.array[::-1]))


@operator(mode=Mode.PIXEL, nodata="skip", complex_numbers="kept")
def mosaic(series: SeriesInput) -> BandsInput:
    """First valid value of each band in the order of the collection; sort it to choose the priority.

    Band by band, as Earth Engine's: what a band shows does not depend on which others are shown with it. After
    ``mask_clouds`` all bands of a pixel come from one scene, because it hides them together.
    """
    return _reduced(series, _first_valid(series.array))


def _first_valid(stack: Array) -> Array:
    out = stack[0].copy() if len(stack) else np.full(stack.shape[1:], np.nan, dtype=stack.dtype)
    for layer in stack[1:]:
        hole = np.isnan(out)
        if not hole.any():
            break
        out[hole] = layer[hole]
    return out
