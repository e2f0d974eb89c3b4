"""Loops of three pairs: how well they close, and mistakes of unwrapping mended by them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.kernels.stack import Stack
from jeoview.kernels.unwrapping import LOOPS, REPAIRS, Cycles, closures, corrected, integers, repairs
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, SeriesInput, constant_unit, operator
from jeoview.operators.insar_pairs import COHERENCE, PHASE, check_pairs, layers, pair_dates, phase_only
from jeoview.raster import Array, Kind, Raster

Fraction = Annotated[float, Field(ge=0, le=1)]


@lru_cache(maxsize=64)
def cycles_of(intervals: Names) -> Cycles:
    """The loops of a stack of pairs, found once and kept."""
    return Cycles.of(pair_dates(intervals).network)


def _loop_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_pairs("loop_closure", inputs[0])
    inputs[0].band(PHASE, "loop_closure")
    return LOOPS


@operator(mode=Mode.PIXEL, nodata="own", bands=_loop_bands, demand=phase_only, unit=constant_unit(loop_rms="rad"))
def loop_closure(stack: SeriesInput) -> BandsInput:
    """How well the loops of three pairs close at a pixel: C = phi_ij + phi_jk - phi_ik.

    Parameters
    ----------
    stack : series
        Pairs, with band ``unwrapped`` (rad, referenced: every pair keeps an arbitrary constant before).

    Returns
    -------
    bands
        ``loop_count``: loops whose pairs are all valid; ``loop_errors``: those with abs(C) > pi, mistakes of unwrapping
        (LiCSBAS's n_loop_err); ``loop_rms``: sqrt(mean C**2) in rad, NaN where no loop is valid; ``pairs_without_loop``:
        valid pairs that no valid loop checks (LiCSBAS's n_ifg_noloop). NaN where no pair is valid.
    """
    if not stack.dates:
        return _bands(stack, LOOPS, np.full((len(LOOPS), stack.grid.height * stack.grid.width), np.nan, np.float32))
    return _bands(stack, LOOPS, closures(layers(stack, PHASE), cycles_of(stack.dates)))


def _integer_band(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_pairs("closure_integers", inputs[0])
    inputs[0].band(PHASE, "closure_integers")
    return ("closure_integer",)


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    bands=_integer_band,
    demand=phase_only,
    unit=constant_unit("turns"),
    layers="pairs",
)
def closure_integers(stack: SeriesInput) -> SeriesInput:
    """Whole turns that the closure of every loop is away from its wrapped value, round((C - wrap C) / 2 pi).

    Parameters
    ----------
    stack : series
        Pairs, with band ``unwrapped`` (rad, referenced).

    Returns
    -------
    series
        Band ``closure_integer``, a layer for each loop of three pairs, named by its first and last date and in the
        order of its dates. 0 where the loop closes, NaN where one of its pairs is not valid.
    """
    if not stack.dates:
        return replace(stack, array=stack.array[:, :1], bands=("closure_integer",))
    cycles = cycles_of(stack.dates)
    turns = integers(layers(stack, PHASE), cycles)
    dates = tuple(stack.dates[whole] for whole in cycles.loops[:, 2])
    array = turns.reshape(len(dates), 1, *stack.array.shape[-2:])
    return Raster(array, stack.grid, Kind.SERIES, ("closure_integer",), dates)


def _repair_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_pairs("unwrapping_errors", inputs[0])
    inputs[0].band(PHASE, "unwrapping_errors")
    return REPAIRS


def _all_that_count(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    needed = {*wanted, PHASE, *((COHERENCE,) if options["min_coherence"] > 0 else ())}
    return (tuple(band for band in inputs[0].bands if band in needed),)


def _trusted(stack: Raster, min_coherence: float) -> Array:
    """(pair, y, x) phases, NaN where the coherence is lower, or not known though the stack has it."""
    phase = np.array(stack.array[:, stack.bands.index(PHASE)], dtype=np.float32)
    if min_coherence > 0 and COHERENCE in stack.bands:
        coherence = stack.array[:, stack.bands.index(COHERENCE)]
        phase[~(coherence >= np.float32(min_coherence))] = np.nan
    return phase


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    bands=_repair_bands,
    demand=_all_that_count,
    unit=constant_unit(corrected_turns="turns"),
)
def unwrapping_errors(stack: SeriesInput, *, min_coherence: Fraction = 0.3) -> BandsInput:
    """What ``correct_unwrapping`` would do at a pixel: look at it before it is applied.

    Parameters
    ----------
    stack : series
        Pairs, with band ``unwrapped`` (rad, referenced).
    min_coherence : float
        As in ``correct_unwrapping``.

    Returns
    -------
    bands
        ``corrected_pairs`` that would be given turns, ``corrected_turns`` in all, ``ambiguous_loops``: loops that do not
        close now, ``left_loops``: those that would not close afterwards. NaN where no pair counts.
    """
    if not stack.dates:
        return _bands(stack, REPAIRS, np.full((len(REPAIRS), stack.grid.height * stack.grid.width), np.nan, np.float32))
    phase = Stack.of(_trusted(stack, min_coherence)[:, None])
    return _bands(stack, REPAIRS, repairs(phase, cycles_of(stack.dates)))


def _corrected_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_pairs("correct_unwrapping", inputs[0])
    inputs[0].band(PHASE, "correct_unwrapping")
    return inputs[0].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_corrected_bands, demand=_all_that_count)
def correct_unwrapping(stack: SeriesInput, *, min_coherence: Fraction = 0.3) -> SeriesInput:
    """Give pairs the whole turns that close the loops of a pixel.

    Wanted are whole turns u with C u = -round((C phi - wrap C phi) / 2 pi) and the least sum of abs(u), as in Yunjun et
    al. (2019, phase closure); here pair by pair: each round the pair that closes the most turns gets one, as long as no
    other pair of the same loops would close as many. What cannot be told apart stays as it is: an error in a pair that
    one loop alone checks, or in none; so does a loop that is open by more than 100 turns. ``unwrapping_errors`` shows what
    is left.

    Parameters
    ----------
    stack : series
        Pairs, with band ``unwrapped`` (rad, referenced: turns are counted relative to the reference).
    min_coherence : float
        Pairs of lower coherence are left as they are and out of the loops, where the stack has coherence: the noise
        of three incoherent pairs opens a loop by a turn as well as a mistake does.

    Returns
    -------
    series
        Band ``unwrapped`` corrected, NaN where it was; other bands as they are.
    """
    if PHASE not in stack.bands or not stack.dates:
        return stack
    array = np.array(stack.array, dtype=np.float32, order="C")
    mended = corrected(Stack.of(_trusted(stack, min_coherence)[:, None]), cycles_of(stack.dates))
    mended = mended.reshape(len(array), *array.shape[-2:])
    band = stack.bands.index(PHASE)
    array[:, band] = np.where(np.isnan(mended), array[:, band], mended)
    return replace(stack, array=array)


def _bands(stack: Raster, names: Names, values: Array) -> Raster:
    array = values.reshape(len(names), *stack.array.shape[-2:])
    return replace(stack, array=array, kind=Kind.BANDS, bands=names, dates=())
