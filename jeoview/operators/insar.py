"""From interferograms to displacement: reference, inversion.

Inside jeoview an unwrapped phase is positive for motion away from the satellite between the earlier and
the later date; displacement is positive towards it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.kernels.inversion import Bridge
from jeoview.kernels.inversion import invert as invert_stack
from jeoview.kernels.network import Elimination
from jeoview.kernels.parts import in_parts
from jeoview.kernels.stack import Stack
from jeoview.kernels.weights import Weight, Weighting
from jeoview.operator import Mode, Names, Options, Schema, SeriesInput, TableInput, constant_unit, operator, with_table
from jeoview.operators.insar_pairs import (
    COHERENCE,
    PHASE,
    Wavelength,
    check_pairs,
    elimination_of,
    layers,
    medians,
    pair_dates,
    phase_only,
)
from jeoview.raster import Kind, Raster, Table

Fraction = Annotated[float, Field(ge=0, le=1)]
Looks = Annotated[float, Field(ge=1, le=10_000)]
Gamma = Annotated[float, Field(ge=1e-6, le=1)]
Method = Literal["sbas", "nsbas"]


# ---------------------------------------------------------------- reference


def _phase_band(options: Options, inputs: tuple[Schema, ...]) -> Names:
    return (inputs[0].band(PHASE, "reference_phase"),)


@operator(mode=Mode.FIT, nodata="own", bands=_phase_band, demand=phase_only, unit=constant_unit("rad"))
def reference_phase(stack: SeriesInput) -> TableInput:
    """Median phase of every pair over a small area that is taken not to move.

    An interferogram keeps an arbitrary constant, which must be the same everywhere before phases of
    several pairs are added up. Pixels that are NaN are left out, pair by pair.

    Returns
    -------
    table
        ``pair`` counts the pairs from 0, ``unwrapped`` holds the medians in rad (NaN where a pair has no valid pixel
        there), ``valid`` the number of valid pixels.
    """
    phase = stack.array[:, stack.bands.index(PHASE)]
    found, counts = medians(phase)
    return Table({"pair": np.arange(len(phase), dtype=np.float64), PHASE: found, "valid": counts})


def _referenced_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    inputs[0].band(PHASE, "referenced")
    return inputs[0].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_referenced_bands, demand=with_table, table="reference_phase")
def referenced(stack: SeriesInput, table: TableInput) -> SeriesInput:
    """Subtract from every pair its phase at the reference.

    Returns
    -------
    series
        Band ``unwrapped`` in rad relative to the reference, NaN where it was and in every pixel of a pair that has no
        reference; other bands as they are.

    Raises
    ------
    ParameterError
        If the table was made from other pairs.
    """
    offsets = table.values[PHASE]
    if len(offsets) != len(stack.array):
        raise ParameterError(f"referenced: the table has {len(offsets)} pairs, the stack {len(stack.array)}")
    if PHASE not in stack.bands:
        return stack
    band = stack.bands.index(PHASE)
    array = np.empty(stack.array.shape, dtype=np.float32)
    for other in range(len(stack.bands)):
        if other != band:
            array[:, other] = stack.array[:, other]
    shift = offsets.astype(np.float32)[:, None, None]

    def part(first: int, end: int) -> None:
        np.subtract(stack.array[first:end, band], shift[first:end], out=array[first:end, band])

    in_parts(len(array), 1, array.size, part)
    return replace(stack, array=array)


# ---------------------------------------------------------------- inversion


@dataclass(frozen=True)
class Inversion:
    """What the kernels need to invert a stack.

    Parameters
    ----------
    phase, coherence : Stack
        Layers; no coherence where it is not looked at.
    plan : Elimination
        Of the network.
    weighting : Weighting
        What a pair weighs.
    bridge : Bridge, optional
        NSBAS's constraint.
    """

    phase: Stack
    coherence: Stack | None
    plan: Elimination
    weighting: Weighting
    bridge: Bridge | None

    @classmethod
    def of(cls, stack: Raster, options: Options) -> Inversion:
        """The inversion of a stack with the options that all operators on it share."""
        weighting = Weighting.of(options["weight"], options["looks"], options["min_coherence"])
        tied = options["method"] == "nsbas"
        plan = elimination_of(stack.dates, tied)
        bridge = None
        if tied:
            years = np.empty(len(plan.position))
            years[plan.position] = pair_dates(stack.dates).years
            bridge = Bridge(options["gamma"], years)
        coherence = layers(stack, COHERENCE) if weighting.needs_coherence else None
        return cls(layers(stack, PHASE), coherence, plan, weighting, bridge)


def needed_bands(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Phase, and coherence where something depends on it."""
    coherent = options["weight"] != "none" or options["min_coherence"] > 0
    return ((PHASE, COHERENCE) if coherent else (PHASE,),)


def check_inversion(name: str, options: Options, inputs: tuple[Schema, ...]) -> None:
    """Refuse what an inversion cannot do, before a pixel is read.

    Raises
    ------
    BandError
        If the stack lacks a band that is needed.
    ParameterError
        If looks are missing, or the layers are dates, not pairs.
    """
    check_pairs(name, inputs[0])
    for band in needed_bands(options, (), inputs)[0]:
        inputs[0].band(band, name)
    if options["weight"] == "variance" and options["looks"] is None:
        raise ParameterError(
            f"{name}: weight='variance' needs looks, the number that the interferograms were made with"
        )


def _displacement(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_inversion("invert", options, inputs)
    return ("displacement",)


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    version=2,
    bands=_displacement,
    demand=needed_bands,
    unit=constant_unit("m"),
    layers="dates",
    upgrades={1: dict},
)
def invert(
    stack: SeriesInput,
    *,
    wavelength: Wavelength,
    method: Method = "sbas",
    weight: Weight = "none",
    looks: Looks | None = None,
    min_coherence: Fraction = 0.0,
    gamma: Gamma = 1e-4,
) -> SeriesInput:
    """Displacement at every date, from the pairs by weighted least squares, pixel by pixel with its own gaps.

    Solves A phi = dphi with rows of -1 at the earlier and +1 at the later date, phi = 0 at the first date
    (SBAS: Berardino et al. 2002), over the pairs that are valid at the pixel. A value is always displacement since the
    first date of the stack, so that pixels can be compared; `inversion_quality` counts what stands in its way.

    Parameters
    ----------
    stack : series
        Pairs, with bands ``unwrapped`` (rad, positive away, referenced) and, where it is asked for, ``coherence``.
    wavelength : float
        Metres; 0.0554658 of Sentinel-1.
    method : {"sbas", "nsbas"}
        What becomes of dates that no pair ties to the first one. ``sbas``: NaN, so that a pixel that does not see the
        first date has no series. ``nsbas``: subsets of dates are placed by rows gamma (phi(t) - v t - c) = 0 over all
        dates (López-Quiroz et al. 2009, as LiCSBAS); where the network is connected it equals ``sbas``. A pixel that
        does not see the first date is placed on a line through 0 there, and has the velocity of the dates that it
        sees. A date without any valid pair is NaN with both, also the first one.
    weight : {"none", "coherence", "fisher", "variance"}
        What a pair counts: 1; its coherence g; 2 L g**2 / (1 - g**2); or 1 / variance of the phase of a distributed
        scatterer (Tough et al. 1995) with L / 1.94 looks. g is taken between 0.001 and 0.999.
    looks : float, optional
        Looks L of the interferograms; needed by ``variance``. With ``fisher`` it changes nothing but the balance
        with ``gamma``; 1 by default.
    min_coherence : float
        Pairs of lower coherence are left out of a pixel.
    gamma : float
        NSBAS's weight, where a pair without weighting has 1.

    Returns
    -------
    series
        Band ``displacement``, metres along the line of sight, positive towards the satellite:
        -wavelength / (4 pi) phi. One layer for each acquisition, 0 at the first one; NaN where a date is not
        connected (``nsbas``: not seen), never silently zero, and where no pair is valid.

    Raises
    ------
    ParameterError
        If the series is no stack of pairs.
    """
    options = {"method": method, "weight": weight, "looks": looks, "min_coherence": min_coherence, "gamma": gamma}
    dates = pair_dates(stack.dates).dates
    if not dates:
        return replace(stack, array=stack.array[:, :1], bands=("displacement",), dates=())
    given = Inversion.of(stack, options)
    scale = -wavelength / (4 * np.pi)
    series = invert_stack(given.phase, given.coherence, given.plan, given.weighting, bridge=given.bridge, scale=scale)
    array = series.reshape(len(dates), 1, *stack.array.shape[-2:])
    return Raster(array, stack.grid, Kind.SERIES, ("displacement",), dates)
