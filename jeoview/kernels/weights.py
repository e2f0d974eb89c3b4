"""What a pair weighs at a pixel, from its coherence."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, hyp2f1

from jeoview.kernels.lanes import WIDTH as LANES
from jeoview.kernels.lanes import inner, load, splat, store, unpack, where_number, where_positive
from jeoview.kernels.stack import BLOCK

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Weight = Literal["none", "coherence", "fisher", "variance"]
KINDS = {"none": 0, "coherence": 1, "fisher": 2, "variance": 3}
# A valid pair keeps some weight; at a coherence of 1 the others would be without bound.
LOWEST, HIGHEST = 0.001, 0.999
STEPS = 1000
# From looks that were taken to independent ones (Sentinel-1, as MintPy and ISCE).
LOOKS_PER_INDEPENDENT = 1.94


class Weighting(NamedTuple):
    """How coherence becomes weight.

    Parameters
    ----------
    kind : int
        See `KINDS`.
    looks : float
        Looks that the Fisher information counts.
    variance : (1001,) float64
        Variance of the phase in rad**2 at coherences 0, 0.001 ... 1, of kind ``variance``; else empty.
    lowest : float
        A pair of lower coherence is not used; at 0 coherence is not looked at, unless the kind needs it.
    """

    kind: int
    looks: float
    variance: Doubles
    lowest: float

    @property
    def needs_coherence(self) -> bool:
        """Whether coherence is looked at."""
        return self.kind != 0 or self.lowest > 0

    @classmethod
    def of(cls, weight: Weight, looks: float | None = None, lowest: float = 0.0) -> Weighting:
        """The weighting of a name.

        Parameters
        ----------
        weight : {"none", "coherence", "fisher", "variance"}
            1; g; 2 L g**2 / (1 - g**2); or 1 / variance(g, L / 1.94).
        looks : float, optional
            Looks L that the interferograms were averaged from; 1 where not given.
        lowest : float
            Lowest coherence of a pair that is used.
        """
        looks = 1.0 if looks is None else float(looks)
        table = _variances(looks / LOOKS_PER_INDEPENDENT) if weight == "variance" else np.empty(0)
        return cls(KINDS[weight], looks, table, float(lowest))


@lru_cache(maxsize=64)
def _variances(looks: float) -> Doubles:
    return phase_variance(np.linspace(0.0, 1.0, STEPS + 1).clip(0.0, HIGHEST), looks)


def phase_variance(coherence: Doubles, looks: float) -> Doubles:
    """Variance of the phase of a distributed scatterer.

    Parameters
    ----------
    coherence : (n,) float64
        0 to 0.9999.
    looks : float
        Independent looks, above 0; need not be whole.

    Returns
    -------
    (n,) float64
        rad**2; pi**2 / 3 without coherence.

    Notes
    -----
    Second moment of the density of Tough, Blacknell and Quegan (1995, eq. 66), also Lee et al. (1994, eq. 22);
    2F1 after Euler's transformation, so that many looks do not overflow.
    """
    # Gauss-Legendre in u with phase = pi u**3: most nodes where the density is, however narrow it is.
    nodes, weights = np.polynomial.legendre.leggauss(160)
    u = (nodes + 1) / 2
    phase = np.pi * u**3
    measure = weights / 2 * np.pi * 3 * u**2
    g = np.asarray(coherence, dtype=np.float64)[:, None]
    beta = g * np.cos(phase)
    log_ratio = looks * np.log1p(-(g**2)) - (looks + 0.5) * np.log1p(-(beta**2))
    factor = np.exp(gammaln(looks + 0.5) - gammaln(looks)) / (2 * np.sqrt(np.pi))
    series = hyp2f1(0.5 - looks, -0.5, 0.5, beta**2)
    density = np.exp(log_ratio) * (factor * beta + series / (2 * np.pi))
    return np.asarray(2 * (density * phase**2 * measure).sum(axis=1))


@inner
def _clipped(value: Any, low: float, high: float) -> Any:  # pragma: no cover - compiled
    bound = where_positive(value - splat(low), value, splat(low))
    return where_positive(splat(high) - bound, bound, splat(high))


@inner
def weigh(
    weighting: Weighting, phase: Floats, coherence: Floats, group: int, out: Doubles
) -> None:  # pragma: no cover - compiled
    """Weight of every pair for the group of 16 pixels from ``group`` on in a block; 0 where phase or coherence is NaN."""
    one, zero = splat(1.0), splat(0.0)
    for k in range(out.shape[0]):
        valid = where_number(unpack(phase, k * BLOCK + group), one, zero)
        if weighting.kind == 0 and weighting.lowest == 0.0:
            store(out, k, valid)
            continue
        g = unpack(coherence, k * BLOCK + group)
        valid = where_positive(splat(weighting.lowest) - g, zero, where_number(g, valid, zero))
        if weighting.kind == 0:
            store(out, k, valid)
            continue
        g = _clipped(g, LOWEST, HIGHEST)
        if weighting.kind == 1:
            weight = g
        elif weighting.kind == 2:
            square = g * g
            weight = splat(2.0 * weighting.looks) * square / (one - square)
        else:
            store(out, k, g)
            for lane in range(LANES):
                place = out[k, lane] * STEPS
                below = int(place)
                low, high = weighting.variance[below], weighting.variance[below + 1]
                out[k, lane] = low + (high - low) * (place - below)
            weight = one / load(out, k)
        store(out, k, where_positive(valid, weight, zero))
