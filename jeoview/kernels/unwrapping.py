"""Mistakes of unwrapping, found and mended from loops of three pairs, pixel by pixel.

A loop C = phi_ij + phi_jk - phi_ik that is a whole number of turns away from its wrapped value holds a mistake. The
turns u of the pairs that close all loops are looked for with the least sum of abs(u): mistakes are rare.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.network import Network, triplets
from jeoview.kernels.stack import BLOCK, Stack, fetch, flush

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
TURN = 2.0 * np.pi
# Stands for the turns of a loop that a pixel does not have whole.
NOTHING = -(1 << 40)
# Turns of a loop; 2.8 m at C band. What is farther open was no mistake of unwrapping.
MOST = 100.0
LOOPS = ("loop_count", "loop_errors", "loop_rms", "pairs_without_loop")
REPAIRS = ("corrected_pairs", "corrected_turns", "ambiguous_loops", "left_loops")


class Cycles(NamedTuple):
    """The loops of a network, and of each pair the loops that it is part of.

    Parameters
    ----------
    loops : (loop, 3) int64
        Pairs ij, jk and ik.
    start : (pair + 1,) int64
        The loops of pair p are ``member[start[p]:start[p + 1]]``.
    member : (entry,) int64
        Loops.
    sign : (entry,) int64
        1 where the pair is ij or jk, -1 where it is ik.
    """

    loops: Integers
    start: Integers
    member: Integers
    sign: Integers

    @classmethod
    def of(cls, network: Network) -> Cycles:
        """The loops of a network."""
        loops = triplets(network)
        entries = sorted(
            (int(pair), loop, 1 if side < 2 else -1)
            for loop, pairs in enumerate(loops)
            for side, pair in enumerate(pairs)
        )
        counts = np.bincount(np.array([entry[0] for entry in entries], dtype=np.int64), minlength=len(network.earlier))
        columns = np.array(entries, dtype=np.int64).reshape(-1, 3)
        return cls(
            np.ascontiguousarray(loops),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.ascontiguousarray(columns[:, 1]),
            np.ascontiguousarray(columns[:, 2]),
        )


@njit(cache=True, nogil=True)
def _closure(phases: Floats, q: int, loops: Integers, t: int) -> float:  # pragma: no cover - compiled
    one, other, whole = (
        phases[loops[t, 0] * BLOCK + q],
        phases[loops[t, 1] * BLOCK + q],
        phases[loops[t, 2] * BLOCK + q],
    )
    return np.float64(one) + np.float64(other) - np.float64(whole)


@njit(cache=True, nogil=True)
def _turns(phases: Floats, q: int, loops: Integers, out: Integers) -> int:  # pragma: no cover - compiled
    """Whole turns of each loop at a pixel, `NOTHING` where a pair is missing or no phase; how many are not 0."""
    wrong = 0
    for t in range(loops.shape[0]):
        closure = _closure(phases, q, loops, t)
        # Not of a NaN either. Turns are given one by one, and those of a fill value would never end.
        if not abs(closure) <= MOST * TURN:
            out[t] = NOTHING
        else:
            out[t] = int(np.rint(closure / TURN))
            wrong += out[t] != 0
    return wrong


@njit(cache=True, nogil=True)
def _gain(cycles: Cycles, turns: Integers, pair: int, step: int) -> int:  # pragma: no cover - compiled
    """By how many turns all loops together come closer to 0 when a pair is given ``step`` turns more."""
    total = 0
    for entry in range(cycles.start[pair], cycles.start[pair + 1]):
        now = turns[cycles.member[entry]]
        if now != NOTHING:
            total += abs(now) - abs(now + cycles.sign[entry] * step)
    return total


@njit(cache=True, nogil=True)
def _rival(
    cycles: Cycles, turns: Integers, one: int, step: int, gains: Integers
) -> bool:  # pragma: no cover - compiled
    """Whether another pair of a loop that ``one`` would mend promises as much: which of them is wrong is not known."""
    for entry in range(cycles.start[one], cycles.start[one + 1]):
        loop = cycles.member[entry]
        now = turns[loop]
        if now == NOTHING or abs(now + cycles.sign[entry] * step) >= abs(now):
            continue
        for side in range(3):
            other = cycles.loops[loop, side]
            if other != one and max(gains[other, 0], gains[other, 1]) >= gains[one, 0 if step < 0 else 1]:
                return True
    return False


@njit(cache=True, nogil=True)
def _mend(cycles: Cycles, turns: Integers, gains: Integers, given: Integers) -> int:  # pragma: no cover - compiled
    """Give turns to pairs as long as one pair explains loops better than the others; how many loops stay open.

    Each round the pair that closes the most turns is given one, unless another pair of the same loops would close as
    many. The sum of all open turns falls with every round, so it ends.
    """
    pairs = given.size
    while True:
        for pair in range(pairs):
            gains[pair, 0] = _gain(cycles, turns, pair, -1)
            gains[pair, 1] = _gain(cycles, turns, pair, 1)
        best, found, step = 0, -1, 0
        for pair in range(pairs):
            for side in range(2):
                gain = gains[pair, side]
                if gain > best and not _rival(cycles, turns, pair, 2 * side - 1, gains):
                    best, found, step = gain, pair, 2 * side - 1
        if found < 0:
            break
        given[found] += step
        for entry in range(cycles.start[found], cycles.start[found + 1]):
            if turns[cycles.member[entry]] != NOTHING:
                turns[cycles.member[entry]] += cycles.sign[entry] * step
    left = 0
    for t in range(turns.size):
        left += turns[t] != NOTHING and turns[t] != 0
    return left


@njit(cache=True, nogil=True)
def _repair(phase: Stack, cycles: Cycles, corrected: Floats, summary: Floats) -> None:  # pragma: no cover - compiled
    """Fill what has a size of ``corrected`` (pair, pixel) and ``summary`` (4, pixel), both flat."""
    block, report = np.empty(phase.layers * BLOCK, np.float32), np.empty(4 * BLOCK, np.float32)
    turns, given = np.empty(cycles.loops.shape[0], np.int64), np.empty(phase.layers, np.int64)
    gains = np.empty((phase.layers, 2), np.int64)
    for first in range(0, phase.pixels, BLOCK):
        width = min(BLOCK, phase.pixels - first)
        fetch(phase, first, width, block)
        for q in range(width):
            given[:] = 0
            wrong = _turns(block, q, cycles.loops, turns)
            left = _mend(cycles, turns, gains, given) if wrong else 0
            seen, mended, total = 0, 0, 0
            for k in range(phase.layers):
                seen += not np.isnan(block[k * BLOCK + q])
                mended += given[k] != 0
                total += abs(given[k])
                if given[k] != 0:
                    block[k * BLOCK + q] = np.float32(np.float64(block[k * BLOCK + q]) + TURN * given[k])
            none = np.nan if seen == 0 else 0.0
            report[q], report[BLOCK + q] = mended + none, total + none
            report[2 * BLOCK + q], report[3 * BLOCK + q] = wrong + none, left + none
        if corrected.size:
            flush(block, corrected, first, width, phase.pixels)
        if summary.size:
            flush(report, summary, first, width, phase.pixels)


def corrected(phase: Stack, cycles: Cycles) -> Floats:
    """The phases with the turns that close the loops.

    Parameters
    ----------
    phase : Stack
        Radians, a layer for each pair; NaN = not used.
    cycles : Cycles
        Of the network.

    Returns
    -------
    (pair, pixel) float32
        NaN where it was.
    """
    out = np.empty(phase.layers * phase.pixels, dtype=np.float32)
    _repair(phase, cycles, out, np.empty(0, np.float32))
    return out.reshape(phase.layers, phase.pixels)


def repairs(phase: Stack, cycles: Cycles) -> Floats:
    """What `corrected` would do: the rows of `REPAIRS`, (4, pixel) float32; NaN where no pair is valid."""
    out = np.empty(len(REPAIRS) * phase.pixels, dtype=np.float32)
    _repair(phase, cycles, np.empty(0, np.float32), out)
    return out.reshape(-1, phase.pixels)


@njit(cache=True, nogil=True)
def _closures(phase: Stack, loops: Integers, out: Floats) -> None:  # pragma: no cover - compiled
    block, rows = np.empty(phase.layers * BLOCK, np.float32), np.empty(4 * BLOCK, np.float32)
    linked = np.empty(phase.layers, np.bool_)
    for first in range(0, phase.pixels, BLOCK):
        width = min(BLOCK, phase.pixels - first)
        fetch(phase, first, width, block)
        for q in range(width):
            linked[:] = False
            count, errors, squares = 0, 0, 0.0
            for t in range(loops.shape[0]):
                closure = _closure(block, q, loops, t)
                if not np.isnan(closure):
                    linked[loops[t, 0]] = linked[loops[t, 1]] = linked[loops[t, 2]] = True
                    count, errors, squares = count + 1, errors + (abs(closure) > np.pi), squares + closure * closure
            seen, lonely = 0, 0
            for k in range(phase.layers):
                valid = not np.isnan(block[k * BLOCK + q])
                seen, lonely = seen + valid, lonely + (valid and not linked[k])
            none = np.nan if seen == 0 else 0.0
            rows[q], rows[BLOCK + q], rows[3 * BLOCK + q] = count + none, errors + none, lonely + none
            rows[2 * BLOCK + q] = np.sqrt(squares / count) if count else np.nan
        flush(rows, out, first, width, phase.pixels)


def closures(phase: Stack, cycles: Cycles) -> Floats:
    """The rows of `LOOPS`: valid loops, those beyond pi, root mean square in rad, valid pairs that are in no valid loop.

    Returns
    -------
    (4, pixel) float32
        NaN where no pair is valid, of the root mean square where no loop is.
    """
    out = np.empty(len(LOOPS) * phase.pixels, dtype=np.float32)
    _closures(phase, cycles.loops, out)
    return out.reshape(-1, phase.pixels)


@njit(cache=True, nogil=True)
def _integers(phase: Stack, loops: Integers, out: Floats) -> None:  # pragma: no cover - compiled
    block, rows = np.empty(phase.layers * BLOCK, np.float32), np.empty(loops.shape[0] * BLOCK, np.float32)
    for first in range(0, phase.pixels, BLOCK):
        width = min(BLOCK, phase.pixels - first)
        fetch(phase, first, width, block)
        for t in range(loops.shape[0]):
            for q in range(width):
                # Adding 0 makes 0 of a negative 0.
                rows[t * BLOCK + q] = np.rint(_closure(block, q, loops, t) / TURN) + 0.0
        flush(rows, out, first, width, phase.pixels)


def integers(phase: Stack, cycles: Cycles) -> Floats:
    """Whole turns of each loop: round((C - wrap C) / 2 pi), which is C / 2 pi rounded.

    Returns
    -------
    (loop, pixel) float32
        NaN where a pair of the loop is not valid.
    """
    out = np.empty(len(cycles.loops) * phase.pixels, dtype=np.float32)
    _integers(phase, cycles.loops, out)
    return out.reshape(len(cycles.loops), phase.pixels)
