"""How much a pixel's network and series can be trusted: LiCSBAS's noise indices (Morishita et al. 2020, table 3)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.network import Network
from jeoview.kernels.stack import BLOCK, Stack, fetch, flush

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
NETWORK = ("coh_avg", "n_unw", "maxTlen", "n_gap")


@njit(cache=True, nogil=True)
def _statistics(
    phase: Stack, coherence: Stack, earlier: Integers, later: Integers, years: Doubles, out: Floats
) -> None:  # pragma: no cover - compiled
    block, coherences = np.empty(phase.layers * BLOCK, np.float32), np.empty(coherence.layers * BLOCK, np.float32)
    rows, opened = np.empty(4 * BLOCK, np.float32), np.empty(years.size, np.int64)
    for first in range(0, phase.pixels, BLOCK):
        width = min(BLOCK, phase.pixels - first)
        fetch(phase, first, width, block)
        fetch(coherence, first, width, coherences)
        for q in range(width):
            total, known = 0.0, 0
            for k in range(coherence.layers):
                value = coherences[k * BLOCK + q]
                if value == value:
                    total, known = total + value, known + 1
            opened[:] = 0
            pairs = 0
            for k in range(phase.layers):
                value = block[k * BLOCK + q]
                if value == value:
                    pairs += 1
                    opened[earlier[k]] += 1
                    opened[later[k]] -= 1
            over, gaps, start, longest = 0, 0, 0, 0.0
            for t in range(years.size - 1):
                over += opened[t]
                if over == 0:
                    gaps, start = gaps + 1, t + 1
                else:
                    longest = max(longest, years[t + 1] - years[start])
            rows[q] = total / known if known else np.nan
            rows[BLOCK + q] = pairs
            rows[2 * BLOCK + q] = longest if pairs else np.nan
            rows[3 * BLOCK + q] = gaps if pairs else np.nan
            if pairs == 0:
                rows[BLOCK + q] = np.nan
        flush(rows, out, first, width, phase.pixels)


def statistics(phase: Stack, coherence: Stack | None, network: Network, years: Doubles) -> Floats:
    """What a pixel's pairs are like.

    Parameters
    ----------
    phase, coherence : Stack
        A layer for each pair; NaN = not used. No coherence where there is none.
    network : Network
        The pairs.
    years : (date,) float64
        Times of the dates, ascending.

    Returns
    -------
    (4, pixel) float32
        The rows of `NETWORK`: mean coherence, pairs with phase, longest time without a gap (years), and gaps: intervals
        between neighbouring dates that no pair spans. NaN where no pair has phase (of coherence: where none is known).
    """
    out = np.empty(len(NETWORK) * phase.pixels, dtype=np.float32)
    _statistics(phase, coherence or phase._replace(layers=0), network.earlier, network.later, years, out)
    return out.reshape(len(NETWORK), -1)


@njit(cache=True, nogil=True)
def consistency(series: Floats, out: Floats) -> None:  # pragma: no cover - compiled
    """Spatio-temporal consistency (Hanssen et al. 2008) of every pixel but those of the edge.

    Parameters
    ----------
    series : (date, y, x) float32
        NaN is left out.
    out : (y, x) float32
        Filled with the least root mean square, over the eight neighbours, of how differently the two move between
        neighbouring dates, in the unit of the series; NaN at the edge and where no neighbour has values.
    """
    dates, height, width = series.shape
    out[:] = np.nan
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            least, same = np.inf, False
            for near in range(9):
                v, u = y + near // 3 - 1, x + near % 3 - 1
                squares, count = 0.0, 0
                for t in range(1, dates if near != 4 else 0):
                    here = np.float64(series[t, y, x]) - np.float64(series[t - 1, y, x])
                    rest = here - (np.float64(series[t, v, u]) - np.float64(series[t - 1, v, u]))
                    if rest == rest:
                        squares, count = squares + rest * rest, count + 1
                if count:
                    # Neighbours that move alike to the bit are one pixel of the file, seen twice.
                    same = same or squares == 0.0
                    if squares > 0.0:
                        least = min(least, np.sqrt(squares / count))
            if least < np.inf:
                out[y, x] = least
            elif same:
                out[y, x] = 0.0


@njit(cache=True, nogil=True)
def _add(counts: Doubles, at: float, value: float, sums: Doubles) -> None:  # pragma: no cover - compiled
    """Add a date to the sums of every draw: of 1, t, t**2, d and t d."""
    for b in range(counts.size):
        w = counts[b]
        sums[0, b] += w
        sums[1, b] += w * at
        sums[2, b] += w * (at * at)
        sums[3, b] += w * value
        sums[4, b] += w * (at * value)


@njit(cache=True, nogil=True)
def _spread(sums: Doubles) -> float:  # pragma: no cover - compiled
    """Standard deviation of the slopes."""
    rates, total, squares = 0, 0.0, 0.0
    for b in range(sums.shape[1]):
        n, st, stt, sd, std = sums[0, b], sums[1, b], sums[2, b], sums[3, b], sums[4, b]
        spread = n * stt - st * st
        if spread > 1e-9 * n * stt:
            rate = (n * std - st * sd) / spread
            rates, total, squares = rates + 1, total + rate, squares + rate * rate
    if rates < 2:
        return float(np.nan)
    mean = total / rates
    return float(np.sqrt(max(squares / rates - mean * mean, 0.0)))


@njit(cache=True, nogil=True)
def bootstrap(series: Floats, years: Doubles, counts: Doubles, out: Floats) -> None:  # pragma: no cover - compiled
    """Spread of the rates that draws of the dates give.

    Parameters
    ----------
    series : (date, pixel) float32
        NaN is left out, whatever is drawn.
    years : (date,) float64
        Times.
    counts : (date, draw) float64
        How often each date is drawn.
    out : (pixel,) float32
        Filled with the standard deviation of the rates; draws that hold fewer than two dates of a pixel are left out,
        NaN where fewer than two remain.
    """
    dates, draws = counts.shape
    # A row for each sum over the dates, all draws side by side.
    sums = np.empty((5, draws))
    for x in range(out.size):
        middle, valid = 0.0, 0
        for t in range(dates):
            if series[t, x] == series[t, x]:
                middle, valid = middle + years[t], valid + 1
        middle = middle / max(valid, 1)
        sums[:] = 0.0
        for t in range(dates):
            value, at = float(series[t, x]), years[t] - middle
            if value == value:
                _add(counts[t], at, value, sums)
        out[x] = _spread(sums)
