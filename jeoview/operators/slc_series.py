"""Persistent scatterers: what a stack of coregistered complex radar images says pixel by pixel."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jeoview.errors import BandError, LimitError
from jeoview.kernels import slc_series as kernel
from jeoview.operator import (
    BandRule,
    BandsInput,
    Mode,
    Names,
    Options,
    Schema,
    SeriesInput,
    TableInput,
    all_demand,
    constant_unit,
    operator,
    with_table,
)
from jeoview.operators.insar_pairs import Wavelength, at_dates, check_dates, moments, years_since
from jeoview.raster import Array, Kind, Raster, Table

Dispersion = Annotated[float, Field(gt=0, le=2)]
Rate = Annotated[float, Field(gt=0, le=10_000, json_schema_extra={"unit": "mm/yr"})]
# Trials in the width of a peak of the periodogram; a parabola finds the place between two.
TRIALS = 8
MAX_TRIALS = 4096
MinDates = Annotated[int, Field(ge=1, le=10_000)]


def _one_band(name: str, *result: str) -> BandRule:
    def rule(options: Options, inputs: tuple[Schema, ...]) -> Names:
        check_dates(name, inputs[0])
        if len(inputs[0].bands) != 1:
            raise BandError(f"{name}: takes one complex band, got {list(inputs[0].bands)}; choose one, series['slc']")
        return result

    return rule


def _flat(series: Raster) -> Array:
    """(date, pixel) complex64."""
    return np.ascontiguousarray(series.array[:, 0], dtype=np.complex64).reshape(
        len(series.array), math.prod(series.array.shape[-2:])
    )


def _dispersion(series: Raster) -> Array:
    out = np.empty(math.prod(series.array.shape[-2:]), dtype=np.float32)
    kernel.amplitude_dispersion(_flat(series), out)
    return out.reshape(1, *series.array.shape[-2:])


def _bands(series: Raster, array: Array, bands: Names) -> Raster:
    return replace(series, array=array, kind=Kind.BANDS, bands=bands, dates=())


@operator(
    mode=Mode.PIXEL,
    nodata="skip",
    bands=_one_band("amplitude_dispersion", "amplitude_dispersion"),
    demand=all_demand,
    unit=constant_unit(""),
    native=True,
    complex_numbers="used",
    quantity="amplitude dispersion",
)
def amplitude_dispersion(series: SeriesInput) -> BandsInput:
    """How unsteady the amplitude of a complex stack is: its standard deviation over its mean (Ferretti et al. 2001).

    Returns
    -------
    bands
        ``amplitude_dispersion``, float32; below 0.25 for persistent scatterers, about 0.52 where there is nothing but
        speckle. NaN where fewer than two dates are valid.
    """
    return _bands(series, _dispersion(series), ("amplitude_dispersion",))


@operator(
    mode=Mode.PIXEL,
    nodata="skip",
    bands=_one_band("ps_candidates", "candidate"),
    demand=all_demand,
    unit=constant_unit(""),
    native=True,
    complex_numbers="used",
    quantity="share of candidates",
)
def ps_candidates(series: SeriesInput, *, threshold: Dispersion = 0.25) -> BandsInput:
    """Pixels whose amplitude is steady enough for a persistent scatterer; seen from afar the share of them.

    Parameters
    ----------
    threshold : float
        Largest amplitude dispersion of a candidate.

    Returns
    -------
    bands
        ``candidate``, 1 or 0; NaN where fewer than two dates are valid.
    """
    found = _dispersion(series)
    chosen = np.where(np.isnan(found), np.float32(np.nan), (found < threshold).astype(np.float32))
    return _bands(series, chosen, ("candidate",))


@operator(
    mode=Mode.FIT,
    nodata="own",
    bands=_one_band("ps_reference", "phase"),
    demand=all_demand,
    unit=constant_unit("rad"),
    complex_numbers="used",
)
def ps_reference(series: SeriesInput) -> TableInput:
    """Phase of every date over a small area that is taken not to move: the angle of the sum of its phasors.

    A phasor of each pixel relative to the first date is summed, so that the pixels' own scattering phases cancel.
    Pixels that are NaN (no data) at a date are left out of it.

    Returns
    -------
    table
        ``date`` in seconds since 1970, ``phase`` in rad (0 at the first date; NaN where no pixel is valid).
    """
    stack = _flat(series)
    product = stack * stack[:1].conj() if len(stack) else stack
    size = np.abs(product)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(size > 0, product / size, 0)
    valid = (size > 0).any(axis=1)
    phase = np.where(valid, np.angle(unit.astype(np.complex128).sum(axis=1)), np.nan)
    return Table({"date": moments(series.dates), "phase": phase.astype(np.float64)})


@operator(mode=Mode.PIXEL, nodata="own", demand=with_table, complex_numbers="made", table="ps_reference")
def ps_referenced(series: SeriesInput, table: TableInput) -> SeriesInput:
    """Turn every date of a complex stack back by its phase at the reference, so that this does not move.

    Returns
    -------
    series
        As it was but for its phase; NaN stays NaN, and a date without a reference is NaN.
    """
    phase = at_dates(table, "phase", series.dates)
    turned = np.exp(-1j * phase).astype(np.complex64)[:, None, None, None]
    return replace(series, array=(series.array * turned).astype(np.complex64))


def trials(years: NDArray[np.float64], wavelength: float, limit: float) -> tuple[NDArray[np.float64], float, int]:
    """Phase of each date for 1 mm/yr, the step between velocities that are tried, and how many of them on either side of 0.

    Parameters
    ----------
    years : (date,) float64
        Since the first date; not all of one time.
    wavelength, limit : float
        Metres; mm/yr.

    Raises
    ------
    LimitError
        If they are too many.
    """
    # A pixel nearer by v t has a phase that is larger by 4 pi v t / wavelength.
    rates = 4.0 * np.pi / wavelength * 1e-3 * years
    step = float(2.0 * np.pi / (np.ptp(rates) * TRIALS))
    half = math.ceil(limit / step)
    if 2 * half + 1 > MAX_TRIALS:
        raise LimitError(
            f"ps_velocity(limit={limit}): would try {2 * half + 1} velocities; the limit is {MAX_TRIALS}. Look for smaller ones"
        )
    return rates, step, half


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    bands=_one_band("ps_velocity", "velocity", "coherence"),
    demand=all_demand,
    unit=constant_unit(velocity="mm/yr"),
    native=True,
    complex_numbers="used",
)
def ps_velocity(
    series: SeriesInput, *, wavelength: Wavelength, limit: Rate = 50.0, min_dates: MinDates = 5
) -> BandsInput:
    """Velocity of each pixel of a complex stack by the periodogram, without spatial unwrapping.

    The v at which abs(mean of exp(j (psi_i - 4 pi v t_i / wavelength))) is largest, psi_i the phase of the pixel at t_i
    (Ferretti et al. 2001). Right only after flat-earth, topographic and atmospheric phase were removed, or relative to
    a reference nearby (``ps_referenced``).

    Parameters
    ----------
    series : series
        One complex band, dates of single images.
    wavelength : float
        Metres; 0.0554658 of Sentinel-1.
    limit : float
        Largest velocity looked for, either way.
    min_dates : int
        Dates below which a pixel has no result.

    Returns
    -------
    bands
        ``velocity``, mm/yr along the line of sight, positive towards the satellite; ``coherence``, the maximum itself,
        0 to 1. NaN where too few dates are valid.

    Raises
    ------
    LimitError
        If the limit over so long a time would need more than 4096 trials.
    """
    velocity, coherence = np.full((2, math.prod(series.array.shape[-2:])), np.nan, dtype=np.float32)
    if series.dates and (years := years_since(series.dates, series.dates[0])).any():
        rates, step, half = trials(years, wavelength, limit)
        kernel.periodogram(_flat(series), rates, (-half * step, step, 2 * half + 1), min_dates, velocity, coherence)
    return _bands(
        series, np.stack([velocity, coherence]).reshape(2, *series.array.shape[-2:]), ("velocity", "coherence")
    )
