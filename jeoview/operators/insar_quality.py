"""How far a stack of pairs can be trusted, pixel by pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from jeoview.errors import ParameterError
from jeoview.kernels.closure import loops as phasors
from jeoview.kernels.closure import misfit
from jeoview.kernels.inversion import QUALITY, assess
from jeoview.kernels.weights import Weight
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, SeriesInput, constant_unit, operator
from jeoview.operators.insar import Fraction, Gamma, Inversion, Looks, Method, check_inversion, needed_bands
from jeoview.operators.insar_pairs import (
    PHASE,
    Wavelength,
    Which,
    check_dates,
    check_pairs,
    layers,
    pair_dates,
    phase_only,
    triplets_of,
)
from jeoview.raster import Array, Kind, Raster


def _quality_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_inversion("inversion_quality", options, inputs)
    return QUALITY


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    version=2,
    bands=_quality_bands,
    demand=needed_bands,
    unit=constant_unit(rms_misclosure="rad"),
    upgrades={1: dict},
)
def inversion_quality(
    stack: SeriesInput,
    *,
    method: Method = "sbas",
    weight: Weight = "none",
    looks: Looks | None = None,
    min_coherence: Fraction = 0.0,
    gamma: Gamma = 1e-4,
) -> BandsInput:
    """What an inversion leaves of the phases, and what it had to work with; NaN where no pair is valid.

    The options are those of ``invert`` and should be the same as there.

    Parameters
    ----------
    stack : series
        Pairs, with bands ``unwrapped`` (rad, referenced) and, where it is asked for, ``coherence``.
    method : {"sbas", "nsbas"}
        Whether unconnected subsets of dates are bridged. With ``sbas`` their pairs are not used.
    weight : {"none", "coherence", "fisher", "variance"}
        What a pair counts.
    looks : float, optional
        Looks of the interferograms; needed by ``variance``.
    min_coherence : float
        Pairs of lower coherence are left out of a pixel.
    gamma : float
        NSBAS's weight.

    Returns
    -------
    bands
        With r = dphi - A phi over the pairs that were used: ``temporal_coherence`` abs(mean exp(j r)), 0 to 1
        (Pepe and Lanari 2006), and ``rms_misclosure`` sqrt(mean r**2) in rad, both NaN where none was;
        ``pair_count`` their number; ``date_count`` the dates that have a value; ``gap_count`` the subsets of dates
        (single dates included) that no pair ties to the first one: N - 1 - gap_count is the rank of A;
        ``unused_count`` the valid pairs of such subsets, which ``sbas`` leaves out. A pixel with phase but without the
        first date has a ``pair_count`` of 0, and its pairs in ``unused_count``.
    """
    options = {"method": method, "weight": weight, "looks": looks, "min_coherence": min_coherence, "gamma": gamma}
    if not pair_dates(stack.dates).dates:
        return _nothing(stack, QUALITY)
    given = Inversion.of(stack, options)
    quality = assess(given.phase, given.coherence, given.plan, given.weighting, bridge=given.bridge)
    return _bands(stack, QUALITY, quality)


def _series_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_pairs("series_quality", inputs[0])
    check_dates("series_quality", inputs[1])
    inputs[0].band(PHASE, "series_quality")
    inputs[1].band("displacement", "series_quality")
    return QUALITY[:2]


def _phase_and_displacement(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    return (PHASE,), ("displacement",)


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    bands=_series_bands,
    demand=_phase_and_displacement,
    unit=constant_unit(rms_misclosure="rad"),
)
def series_quality(stack: SeriesInput, series: SeriesInput, *, wavelength: Wavelength) -> BandsInput:
    """How well a displacement series explains the phases of the pairs it was made from.

    The same as two bands of ``inversion_quality``, from a series that is already there: a tile that shows
    the velocity and masks it by its coherence inverts once.

    Parameters
    ----------
    stack : series
        Pairs, with band ``unwrapped`` (rad, positive away, referenced).
    series : series
        What ``invert`` made of them, perhaps filtered since: metres, positive towards the satellite.
    wavelength : float
        Metres, as given to ``invert``.

    Returns
    -------
    bands
        ``temporal_coherence`` abs(mean exp(j r)), 0 to 1, and ``rms_misclosure`` sqrt(mean r**2) in rad, over the
        pairs that are valid and whose dates both have a value; NaN where there is none.

    Raises
    ------
    ParameterError
        If the series has other dates than the stack.
    """
    known = pair_dates(stack.dates)
    if known.dates != series.dates:
        raise ParameterError(
            f"series_quality: the series has {len(series.dates)} dates, which are not the {len(known.dates)} of the stack"
        )
    if not known.dates:
        return _nothing(stack, QUALITY[:2])
    scale = -4 * np.pi / wavelength
    out = misfit(layers(stack, PHASE), layers(series, "displacement"), known.network, scale)
    return _bands(stack, QUALITY[:2], out)


TRIPLETS = ("triplet_coherence", "triplet_bias")


def _triplet_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_pairs("triplet_quality", inputs[0])
    inputs[0].band(PHASE, "triplet_quality")
    return TRIPLETS


def _of_all_loops(arguments: dict[str, Any]) -> dict[str, Any]:
    """The first version knew no other."""
    return {**arguments, "loops": "all"}


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    version=2,
    bands=_triplet_bands,
    demand=phase_only,
    unit=constant_unit(triplet_bias="rad"),
    upgrades={1: _of_all_loops},
)
def triplet_quality(stack: SeriesInput, *, loops: Which = "successive") -> BandsInput:
    """Closure of loops of three pairs, C = phi_ij + phi_jk - phi_ik, as mean phasor (FLATSIM Net bands 4 and 5).

    Zero for motion and atmosphere, which belong to dates; what is left is noise, moisture, multilooking
    and unwrapping. Those loops count that are valid at the pixel.

    Parameters
    ----------
    stack : series
        Pairs, with band ``unwrapped`` (rad, referenced: every pair keeps an arbitrary constant before).
    loops : {"successive", "all"}
        Which loops: those of three dates that follow each other in the network, n, n + 1 and n + 2, as FLATSIM; or every
        loop of three pairs.

    Returns
    -------
    bands
        ``triplet_coherence`` abs(mean exp(j C)), 0 to 1, and ``triplet_bias`` arg(mean exp(j C)) in rad, -pi to pi;
        NaN where no loop is valid.
    """
    if not stack.dates:
        return _nothing(stack, TRIPLETS)
    return _bands(stack, TRIPLETS, phasors(layers(stack, PHASE), triplets_of(stack.dates, loops)))


def _bands(stack: Raster, names: Names, values: Array) -> Raster:
    array = values.reshape(len(names), *stack.array.shape[-2:])
    return replace(stack, array=array, kind=Kind.BANDS, bands=names, dates=())


def _nothing(stack: Raster, names: Names) -> Raster:
    return _bands(stack, names, np.full((len(names), *stack.array.shape[-2:]), np.nan, dtype=np.float32))
