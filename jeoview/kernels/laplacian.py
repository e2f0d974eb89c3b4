"""Sixteen Laplacians of one graph at once: factor, solve, and which dates hang together.

The normal matrix of an interferogram network is the Laplacian of a graph whose edges weigh what the
pairs weigh, grounded at the first date. Dates are eliminated one by one: a date that is tied to its
neighbours with weights c_i leaves them tied to each other with c_i c_k / sum(c). Only positive numbers
are added, nothing is subtracted, so there is no cancellation however different the weights are
(Grassmann, Taksar and Heyman 1985), and a sum of exactly 0 says that a subset of dates is tied to nothing
more: gaps are found exactly, without a tolerance. It is a Cholesky factorisation in another order of
sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jeoview.kernels.lanes import fma, inner, load, splat, sqrt, store, where_positive
from jeoview.kernels.network import Elimination

Doubles = NDArray[np.float64]


@inner
def factor(entries: Doubles, roots: Doubles, plan: Elimination) -> None:  # pragma: no cover - compiled
    """Weights of ties in, columns over the root of their sum out; ``roots`` holds 1 / root, 0 where all ties are 0."""
    zero, one = splat(0.0), splat(1.0)
    update = 0
    for j in range(plan.start.size - 1):
        low, high = plan.start[j], plan.start[j + 1]
        total = zero
        for p in range(low, high):
            total = total + load(entries, p)
        root = where_positive(total, one / sqrt(total), zero)
        store(roots, j, root)
        for p in range(low, high):
            store(entries, p, load(entries, p) * root)
        for p in range(low, high):
            tie = load(entries, p)
            for q in range(p + 1, high):
                target = plan.targets[update]
                update += 1
                store(entries, target, fma(tie, load(entries, q), load(entries, target)))


@inner
def solve(entries: Doubles, roots: Doubles, values: Doubles, plan: Elimination) -> None:  # pragma: no cover - compiled
    """Right-hand side in, solution out, 0 at the first date (and at the last date of a subset that is tied to nothing)."""
    last = plan.start.size - 1
    for j in range(last):
        value = load(values, j) * load(roots, j)
        store(values, j, value)
        for p in range(plan.start[j], plan.start[j + 1]):
            row = plan.rows[p]
            store(values, row, fma(load(entries, p), value, load(values, row)))
    store(values, last, splat(0.0))
    for j in range(last - 1, -1, -1):
        value = load(values, j)
        for p in range(plan.start[j], plan.start[j + 1]):
            value = fma(load(entries, p), load(values, plan.rows[p]), value)
        store(values, j, value * load(roots, j))


@inner
def reach(entries: Doubles, reached: Doubles, plan: Elimination) -> None:  # pragma: no cover - compiled
    """1 at the dates that are connected to the first one, else 0."""
    last = plan.start.size - 1
    store(reached, last, splat(1.0))
    for j in range(last - 1, -1, -1):
        total = splat(0.0)
        for p in range(plan.start[j], plan.start[j + 1]):
            total = fma(load(entries, p), load(reached, plan.rows[p]), total)
        store(reached, j, where_positive(total, splat(1.0), splat(0.0)))
