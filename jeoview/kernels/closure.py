"""How well phases agree: with a series that is known, and around loops of three pairs."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.lanes import WIDTH as LANES
from jeoview.kernels.lanes import fma, inner, load, pack, splat, sqrt, store, unpack, where_number, where_positive
from jeoview.kernels.network import Network
from jeoview.kernels.parts import in_parts
from jeoview.kernels.phasor import add_phasor
from jeoview.kernels.stack import BLOCK, Stack, fetch, flush

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


def misfit(phase: Stack, series: Stack, network: Network, scale: float) -> Floats:
    """What a series leaves of the phases: r = phase - scale (x_later - x_earlier).

    Parameters
    ----------
    phase : Stack
        Radians, a layer for each pair; NaN = not used.
    series : Stack
        A layer for each date; NaN = unknown, and its pairs are not used.
    network : Network
        The pairs.
    scale : float
        From the unit of the series to radians.

    Returns
    -------
    (2, pixel) float32
        abs(mean exp(j r)) and sqrt(mean r**2) in rad; NaN where no pair is used.
    """
    out = np.empty(2 * phase.pixels, dtype=np.float32)

    def part(first: int, end: int) -> None:
        _misfit(phase, series, (network.earlier, network.later), scale, (first, end), out)

    in_parts(phase.pixels, BLOCK, phase.pixels * phase.layers, part)
    return out.reshape(2, -1)


@njit(cache=True, nogil=True)
def _misfit(
    phase: Stack, series: Stack, pairs_of: tuple[Integers, Integers], scale: float, span: tuple[int, int], out: Floats
) -> None:  # pragma: no cover - compiled
    """Fill pixels ``span[0]`` to ``span[1]``."""
    earlier, later = pairs_of
    phases, values = np.empty(phase.layers * BLOCK, np.float32), np.empty(series.layers * BLOCK, np.float32)
    block, rows = np.empty(2 * BLOCK, np.float32), np.empty((series.layers, LANES))
    zero, one, none = splat(0.0), splat(1.0), splat(np.nan)
    for first in range(span[0], span[1], BLOCK):
        width = min(BLOCK, span[1] - first)
        fetch(phase, first, width, phases)
        fetch(series, first, width, values)
        for group in range(0, width, LANES):
            cosine, sine, squares, pairs = zero, zero, zero, zero
            for date in range(series.layers):
                store(rows, date, unpack(values, date * BLOCK + group) * splat(scale))
            for k in range(phase.layers):
                rest = unpack(phases, k * BLOCK + group) - load(rows, later[k]) + load(rows, earlier[k])
                used = where_number(rest, one, zero)
                rest = where_number(rest, rest, zero)
                cosine, sine = add_phasor(rest, used, cosine, sine)
                squares = fma(rest, rest, squares)
                pairs = pairs + used
            length = sqrt(fma(cosine, cosine, sine * sine))
            pack(block, group, where_positive(pairs, length / pairs, none))
            pack(block, BLOCK + group, where_positive(pairs, sqrt(squares / pairs), none))
        flush(block, out, first, width, phase.pixels)


def loops(phase: Stack, triplets: Integers) -> Floats:
    """Mean phasor of the closures C = phi_ij + phi_jk - phi_ik.

    Parameters
    ----------
    phase : Stack
        Radians, a layer for each pair; NaN = not used.
    triplets : (triplet, 3) int64
        Layers of ij, jk and ik.

    Returns
    -------
    (2, pixel) float32
        Norm, 0 to 1, and argument in rad of mean exp(j C); NaN where no triplet is whole.
    """
    out = np.empty(2 * phase.pixels, dtype=np.float32)
    in_parts(phase.pixels, BLOCK, phase.pixels * phase.layers, lambda a, b: _loops(phase, triplets, (a, b), out))
    return out.reshape(2, -1)


@njit(cache=True, nogil=True)
def _loops(phase: Stack, triplets: Integers, span: tuple[int, int], out: Floats) -> None:  # pragma: no cover - compiled
    """Fill pixels ``span[0]`` to ``span[1]``."""
    phases, sums = np.empty(phase.layers * BLOCK, np.float32), np.empty((3, LANES))
    for first in range(span[0], span[1], BLOCK):
        width = min(BLOCK, span[1] - first)
        fetch(phase, first, width, phases)
        for group in range(0, width, LANES):
            _add_loops(phases, triplets, group, sums)
            for lane in range(min(LANES, width - group)):
                cosine, sine, count = sums[0, lane], sums[1, lane], sums[2, lane]
                index = first + group + lane
                if count > 0.0:
                    out[index] = np.sqrt(cosine * cosine + sine * sine) / count
                    out[index + phase.pixels] = np.arctan2(sine, cosine)
                else:
                    out[index] = np.nan
                    out[index + phase.pixels] = np.nan


@inner
def _add_loops(phases: Floats, triplets: Integers, group: int, sums: Doubles) -> None:  # pragma: no cover - compiled
    """Sums of cosine, sine and ones over the triplets that a pixel has whole."""
    zero, one = splat(0.0), splat(1.0)
    cosine, sine, count = zero, zero, zero
    for t in range(triplets.shape[0]):
        there = unpack(phases, triplets[t, 0] * BLOCK + group) + unpack(phases, triplets[t, 1] * BLOCK + group)
        closure = there - unpack(phases, triplets[t, 2] * BLOCK + group)
        whole = where_number(closure, one, zero)
        cosine, sine = add_phasor(where_number(closure, closure, zero), whole, cosine, sine)
        count = count + whole
    store(sums, 0, cosine)
    store(sums, 1, sine)
    store(sums, 2, count)
