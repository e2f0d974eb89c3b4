"""From the phases of pairs to a phase at each date: weighted least squares at every pixel with its own gaps.

Sixteen pixels go side by side (`jeoview.kernels.lanes`) through a solver that needs one pattern for all
(`jeoview.kernels.laplacian`): a gap is a pair of weight 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.lanes import WIDTH as LANES
from jeoview.kernels.lanes import (
    any_positive,
    fma,
    inner,
    load,
    pack,
    splat,
    sqrt,
    store,
    unpack,
    where_number,
    where_positive,
)
from jeoview.kernels.laplacian import factor, reach, solve
from jeoview.kernels.network import Elimination
from jeoview.kernels.parts import in_parts
from jeoview.kernels.phasor import add_phasor
from jeoview.kernels.stack import BLOCK, Stack, fetch, flush
from jeoview.kernels.weights import Weighting, weigh

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

QUALITY = ("temporal_coherence", "rms_misclosure", "pair_count", "date_count", "gap_count", "unused_count")


class Bridge(NamedTuple):
    """NSBAS's constraint; a ``gamma`` of 0 stands for none.

    Parameters
    ----------
    gamma : float
        Weight of ``gamma (phase(t) - v t - c) = 0``, where a pair without weighting has 1.
    years : (date,) float64
        Time of each date since the first one, in the order of the elimination.
    """

    gamma: float
    years: Doubles


class _Factor(NamedTuple):
    """A factor, see `jeoview.kernels.laplacian`."""

    entries: Doubles
    roots: Doubles


class _Room(NamedTuple):
    """Rows of sixteen pixels that a group works in."""

    own: _Factor
    own_tied: _Factor
    whole: _Factor
    whole_tied: _Factor
    block: Floats
    weight: Doubles
    solution: Doubles
    pull: Doubles
    by_time: Doubles
    by_one: Doubles
    reached: Doubles
    gaps: Doubles
    valid: Doubles


@inner
def _make_factor(made: _Factor, weight: Doubles, plan: Elimination, tie: float) -> None:  # pragma: no cover - compiled
    for p in range(plan.rows.size):
        store(made.entries, p, splat(0.0))
    if tie > 0.0:
        for j in range(plan.ties.size):
            store(made.entries, plan.ties[j], splat(tie))
    for k in range(plan.entry.size):
        entry = plan.entry[k]
        store(made.entries, entry, load(made.entries, entry) + load(weight, k))
    factor(made.entries, made.roots, plan)


@inner
def _flows(room: _Room, plan: Elimination, group: int) -> None:  # pragma: no cover - compiled
    """The right-hand side: what the weighted phases bring to each date."""
    for date in range(plan.position.size):
        store(room.solution, date, splat(0.0))
    for k in range(plan.entry.size):
        flow = _phase(room, k, group) * load(room.weight, k)
        later, earlier = plan.later[k], plan.earlier[k]
        store(room.solution, later, load(room.solution, later) + flow)
        store(room.solution, earlier, load(room.solution, earlier) - flow)


@inner
def _mark_dates(room: _Room, plan: Elimination) -> None:  # pragma: no cover - compiled
    """Positive at the dates that a pair of weight shows: the first one too is known only where one does."""
    for date in range(plan.position.size):
        store(room.reached, date, splat(0.0))
    for k in range(plan.entry.size):
        weight = load(room.weight, k)
        store(room.reached, plan.later[k], load(room.reached, plan.later[k]) + weight)
        store(room.reached, plan.earlier[k], load(room.reached, plan.earlier[k]) + weight)


@inner
def _bridge(room: _Room, tied: _Factor, plan: Elimination, bridge: Bridge) -> None:  # pragma: no cover - compiled
    """NSBAS: add the line v t + c that ties of weight gamma**2 hold the dates to.

    Starting from the solution x without ties, in which each unconnected subset stands somewhere, the one for
    a given line is x + p + v p_t + c p_1 with the right-hand sides -gamma**2 x, gamma**2 t and gamma**2: all as
    small as the ties, so nothing large is left to cancel. v and c follow from two equations.
    """
    last, tie = plan.start.size - 1, splat(bridge.gamma * bridge.gamma)
    for j in range(last):
        store(room.pull, j, splat(0.0) - tie * load(room.solution, j))
        store(room.by_time, j, tie * splat(bridge.years[j]))
        store(room.by_one, j, tie)
    solve(tied.entries, tied.roots, room.pull, plan)
    solve(tied.entries, tied.roots, room.by_time, plan)
    solve(tied.entries, tied.roots, room.by_one, plan)
    # The first date stands at 0 and at t = 0: it counts in the sum of ones alone.
    a, b, c, right_time, right_one = splat(0.0), splat(0.0), splat(1.0), splat(0.0), splat(0.0)
    for j in range(last):
        year = splat(bridge.years[j])
        rest_one, value = splat(1.0) - load(room.by_one, j), load(room.solution, j) + load(room.pull, j)
        a = fma(year, year - load(room.by_time, j), a)
        b = fma(year, rest_one, b)
        c = c + rest_one
        right_time, right_one = fma(year, value, right_time), right_one + value
    determinant = a * c - b * b
    rate = (right_time * c - right_one * b) / determinant
    offset = (right_one * a - right_time * b) / determinant
    for j in range(last):
        line = fma(rate, load(room.by_time, j), offset * load(room.by_one, j))
        store(room.solution, j, load(room.solution, j) + load(room.pull, j) + line)


@inner
def _invert_group(
    room: _Room, plan: Elimination, bridge: Bridge, group: int, complete: bool, known: bool
) -> bool:  # pragma: no cover - compiled
    """Solve a group; whether a date of it may be unknown, and ``reached`` says which."""
    # Without gaps and weights every pixel has the same factor, made once: the same numbers, so the same bits.
    own, tied = (room.whole, room.whole_tied) if complete else (room.own, room.own_tied)
    if not (complete and known):
        _make_factor(own, room.weight, plan, 0.0)
        if bridge.gamma > 0.0:
            _make_factor(tied, room.weight, plan, bridge.gamma * bridge.gamma)
    _flows(room, plan, group)
    solve(own.entries, own.roots, room.solution, plan)
    gaps = splat(0.0)
    for j in range(plan.start.size - 1):
        gaps = gaps + where_positive(load(own.roots, j), splat(0.0), splat(1.0))
    store(room.gaps, 0, gaps)
    if not any_positive(gaps) and bridge.gamma == 0.0:
        return False
    if bridge.gamma > 0.0:
        _bridge(room, tied, plan, bridge)
        _mark_dates(room, plan)
        return True
    reach(own.entries, room.reached, plan)
    for k in range(plan.entry.size):
        store(room.weight, k, load(room.weight, k) * load(room.reached, plan.later[k]))
    return True


@inner
def _phase(room: _Room, pair: int, group: int) -> Any:  # pragma: no cover - compiled
    """Phase of a pair, 0 where there is none (its weight is 0 there)."""
    value = unpack(room.block, pair * BLOCK + group)
    return where_number(value, value, splat(0.0))


@inner
def _read_weights(
    room: _Room, weighting: Weighting, coherence: Floats, group: int
) -> tuple[bool, bool]:  # pragma: no cover - compiled
    """Weights of the pairs; whether a pair counts anywhere in the group, and whether every pair does everywhere."""
    zero, one = splat(0.0), splat(1.0)
    plain = weighting.kind == 0 and weighting.lowest == 0.0
    if not plain:
        weigh(weighting, room.block, coherence, group, room.weight)
    valid, gaps = zero, zero
    for k in range(room.weight.shape[0]):
        if plain:
            store(room.weight, k, where_number(unpack(room.block, k * BLOCK + group), one, zero))
        weight = load(room.weight, k)
        valid = valid + weight
        gaps = gaps + where_positive(weight, zero, one)
    store(room.valid, 0, splat(float(room.weight.shape[0])) - gaps)
    return any_positive(valid), not any_positive(gaps)


@inner
def _write_series(
    block: Floats, group: int, room: _Room, plan: Elimination, scale: float, partial: bool
) -> None:  # pragma: no cover - compiled
    """The solution at the dates that are reached; NaN at the others, and everywhere where no pair is used."""
    none, pairs = splat(np.nan), splat(0.0)
    for k in range(plan.entry.size if partial else 0):
        pairs = pairs + load(room.weight, k)
    for date in range(plan.position.size):
        turn = plan.position[date]
        # Adding 0 makes the first date 0 whatever the sign of the scale.
        value = load(room.solution, turn) * splat(scale) + splat(0.0)
        if partial:
            value = where_positive(pairs, where_positive(load(room.reached, turn), value, none), none)
        pack(block, date * BLOCK + group, value)


@inner
def _write_quality(
    block: Floats, group: int, room: _Room, plan: Elimination, partial: bool
) -> None:  # pragma: no cover - compiled
    """The bands of `QUALITY`: the first two are NaN where no pair was used, the counts where none is valid."""
    zero, one, none = splat(0.0), splat(1.0), splat(np.nan)
    cosine, sine, squares, pairs, valid = zero, zero, zero, zero, load(room.valid, 0)
    for k in range(plan.entry.size):
        used = where_positive(load(room.weight, k), one, zero)
        rest = _phase(room, k, group) - load(room.solution, plan.later[k]) + load(room.solution, plan.earlier[k])
        cosine, sine = add_phasor(rest, used, cosine, sine)
        squares = fma(rest * rest, used, squares)
        pairs = pairs + used
    dates = zero
    for turn in range(plan.position.size):
        dates = dates + (where_positive(load(room.reached, turn), one, zero) if partial else one)
    pack(block, group, where_positive(pairs, sqrt(fma(cosine, cosine, sine * sine)) / pairs, none))
    pack(block, BLOCK + group, where_positive(pairs, sqrt(squares / pairs), none))
    pack(block, 2 * BLOCK + group, where_positive(valid, pairs, none))
    pack(block, 3 * BLOCK + group, where_positive(valid, where_positive(pairs, dates, zero), none))
    pack(block, 4 * BLOCK + group, where_positive(valid, load(room.gaps, 0), none))
    pack(block, 5 * BLOCK + group, where_positive(valid, valid - pairs, none))


@inner
def _rows(count: int) -> Doubles:  # pragma: no cover - compiled
    return np.zeros((count, LANES))


@inner
def _room(pairs: int, plan: Elimination) -> _Room:  # pragma: no cover - compiled
    dates, entries, tied = plan.position.size, plan.rows.size, plan.rows.size if plan.ties.size else 0
    return _Room(
        _Factor(_rows(entries), _rows(dates)),
        _Factor(_rows(tied), _rows(dates)),
        _Factor(_rows(entries), _rows(dates)),
        _Factor(_rows(tied), _rows(dates)),
        np.empty(pairs * BLOCK, np.float32),
        _rows(pairs),
        _rows(dates),
        _rows(dates),
        _rows(dates),
        _rows(dates),
        _rows(dates),
        _rows(1),
        _rows(1),
    )


@njit(cache=True, nogil=True)
def _invert(
    stack: Stack,
    coherence: Stack,
    plan: Elimination,
    weighting: Weighting,
    bridge: Bridge,
    scale: float,
    out: tuple[Floats, Floats],
    span: tuple[int, int],
) -> None:  # pragma: no cover - compiled
    """Fill pixels ``span[0]`` to ``span[1]`` of what has a size of series (date, pixel) and quality (6, pixel), flat."""
    series, quality = out
    room = _room(stack.layers, plan)
    coherences = np.empty(coherence.layers * BLOCK, np.float32)
    series_block = np.empty(series.size // max(stack.pixels, 1) * BLOCK, np.float32)
    quality_block = np.empty(quality.size // max(stack.pixels, 1) * BLOCK, np.float32)
    known = False
    for first in range(span[0], span[1], BLOCK):
        width = min(BLOCK, span[1] - first)
        fetch(stack, first, width, room.block)
        fetch(coherence, first, width, coherences)
        series_block[:] = np.nan
        quality_block[:] = np.nan
        for group in range(0, width, LANES):
            valid, whole = _read_weights(room, weighting, coherences, group)
            if not valid:
                continue
            complete = whole and weighting.kind == 0
            partial = _invert_group(room, plan, bridge, group, complete, known)
            known = known or complete
            if series.size:
                _write_series(series_block, group, room, plan, scale, partial)
            if quality.size:
                _write_quality(quality_block, group, room, plan, partial)
        flush(series_block, series, first, width, stack.pixels)
        flush(quality_block, quality, first, width, stack.pixels)


def invert(
    phase: Stack,
    coherence: Stack | None,
    plan: Elimination,
    weighting: Weighting,
    *,
    bridge: Bridge | None = None,
    scale: float = 1.0,
) -> Floats:
    """Least-squares series of every pixel from its valid pairs.

    Parameters
    ----------
    phase : Stack
        Radians, a layer for each pair; NaN = the pair is not used there.
    coherence : Stack, optional
        0 to 1; needed where the weighting asks for it. A pair without coherence is not used.
    plan : Elimination
        Of the network, ``tied`` where there is a bridge.
    weighting : Weighting
        What a pair weighs.
    bridge : Bridge, optional
        NSBAS's constraint.
    scale : float
        The solution is multiplied by it.

    Returns
    -------
    (date, pixel) float32
        Relative to the first date, and 0 there; NaN at a date that no used pair ties to it, so at every date of a pixel
        that does not see the first one. With a bridge: NaN at a date that no pair shows, the first one among them.
    """
    series = np.empty(plan.position.size * phase.pixels, dtype=np.float32)
    _run(phase, coherence, plan, weighting, bridge, scale, (series, np.empty(0, np.float32)))
    return series.reshape(-1, phase.pixels)


def assess(
    phase: Stack,
    coherence: Stack | None,
    plan: Elimination,
    weighting: Weighting,
    *,
    bridge: Bridge | None = None,
) -> Floats:
    """What `invert` leaves of the phases, and what it had to work with.

    Returns
    -------
    (6, pixel) float32
        The bands of `QUALITY`: abs(mean exp(j r)) and sqrt(mean r**2) in rad, NaN where no pair is used; pairs used,
        dates known, subsets of dates that nothing ties to the first one, and valid pairs that are not used, because
        they lie in such a subset; NaN where no pair is valid.
    """
    quality = np.empty(len(QUALITY) * phase.pixels, dtype=np.float32)
    _run(phase, coherence, plan, weighting, bridge, 1.0, (np.empty(0, np.float32), quality))
    return quality.reshape(-1, phase.pixels)


def _run(
    phase: Stack,
    coherence: Stack | None,
    plan: Elimination,
    weighting: Weighting,
    bridge: Bridge | None,
    scale: float,
    out: tuple[Floats, Floats],
) -> None:
    if coherence is None:
        if weighting.needs_coherence:
            raise ValueError("this weighting needs coherence")
        coherence = phase._replace(layers=0)
    tie, other = bridge or Bridge(0.0, np.empty(0)), coherence

    def part(first: int, end: int) -> None:
        _invert(phase, other, plan, weighting, tie, scale, out, (first, end))

    in_parts(phase.pixels, BLOCK, phase.pixels * phase.layers, part)
