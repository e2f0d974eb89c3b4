"""The network of pairs as a graph: dates are its nodes, interferograms its edges.

The normal matrix of an interferogram network is a graph Laplacian grounded at the first date. What
can be known before any phase is read (in which order to eliminate the dates, which entries fill in)
is found here once for a network; `jeoview.kernels.inversion` does the numbers at every pixel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Network:
    """Pairs of dates, by their positions.

    Parameters
    ----------
    dates : int
        Number of dates, at least 1; date 0 is the first one.
    earlier, later : (pair,) int64
        Positions of the two dates of each pair, ``earlier < later``.
    """

    dates: int
    earlier: Integers
    later: Integers

    @classmethod
    def of(cls, dates: int, pairs: Iterable[tuple[int, int]]) -> Network:
        """The network of a list of (earlier, later)."""
        ends = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
        return cls(dates, np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1]))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(earlier, later) of each pair."""
        return list(zip(self.earlier.tolist(), self.later.tolist(), strict=True))


class Elimination(NamedTuple):
    """The order of elimination and the pattern of the factor; only arrays, as a kernel takes it.

    Dates are numbered by their turn: ``position[date]``. The first date is never eliminated: its turn is
    the last one. Column j lists the turns of the dates that j is tied to when its turn comes.

    Parameters
    ----------
    position : (date,) int64
        Turn of each date.
    start : (date,) int64
        Column j is ``rows[start[j]:start[j + 1]]``, ascending.
    rows : (entry,) int64
        Turns of the neighbours.
    targets : (update,) int64
        In the order of the elimination, the entry that each two entries of a column add to.
    earlier, later : (pair,) int64
        Turns of the two dates of each pair.
    entry : (pair,) int64
        The entry that a pair's weight adds to.
    ties : (date - 1,) int64
        Entry between each date and the first one where all are tied to it (NSBAS), else empty.
    """

    position: Integers
    start: Integers
    rows: Integers
    targets: Integers
    earlier: Integers
    later: Integers
    entry: Integers
    ties: Integers


def incidence(network: Network) -> NDArray[np.float64]:
    """Matrix A of ``A x = phase``: a row for each pair, -1 at its earlier and +1 at its later date.

    Returns
    -------
    (pair, date) float64
    """
    matrix = np.zeros((len(network.earlier), network.dates))
    rows = np.arange(len(network.earlier))
    matrix[rows, network.earlier] = -1.0
    matrix[rows, network.later] = 1.0
    return matrix


class Groups:
    """Nodes that grow together as edges join them (union-find).

    Parameters
    ----------
    nodes : int
        Each is a group of its own at first.
    """

    def __init__(self, nodes: int) -> None:
        self._parent = list(range(nodes))

    def root(self, node: int) -> int:
        """The lowest node of the group."""
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(self, one: int, other: int) -> bool:
        """Make one group of those of two nodes; whether they were two."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
        return low != high


def components(network: Network) -> Integers:
    """Connected subset of each date, numbered from 0 in the order of the dates.

    Returns
    -------
    (date,) int64
        All 0 where the network is connected.
    """
    groups = Groups(network.dates)
    for a, b in network.pairs:
        groups.join(a, b)
    # The root is the lowest date of a subset, so roots ascend as the subsets do.
    return np.unique([groups.root(date) for date in range(network.dates)], return_inverse=True)[1].astype(np.int64)


def triplets(network: Network) -> Integers:
    """Every loop of three pairs (i, j), (j, k), (i, k) with i < j < k.

    Returns
    -------
    (triplet, 3) int64
        Positions of the pairs ij, jk and ik; ascending by dates. Of pairs of the same two dates the first counts.
    """
    pair_of: dict[tuple[int, int], int] = {}
    later: dict[int, set[int]] = {}
    for position, (a, b) in enumerate(network.pairs):
        pair_of.setdefault((a, b), position)
        later.setdefault(a, set()).add(b)
    loops = [
        (pair_of[i, j], pair_of[j, k], pair_of[i, k])
        for i in sorted(later)
        for j, k in combinations(sorted(later[i]), 2)
        if (j, k) in pair_of
    ]
    return np.array(loops, dtype=np.int64).reshape(-1, 3)


def successive(network: Network, loops: Integers) -> Integers:
    """Those of the loops whose dates follow each other in the network: n, n + 1 and n + 2."""
    whole = loops[:, 2]
    return np.asarray(loops[network.later[whole] - network.earlier[whole] == 2])


def eliminate(network: Network, *, tied: bool = False) -> Elimination:
    """Order the dates by minimum degree and find the pattern of the factor.

    Parameters
    ----------
    network : Network
        Dates and pairs.
    tied : bool
        Whether every date is also tied to the first one, as NSBAS's constraint does.

    Returns
    -------
    Elimination
        To be kept: it depends on the network alone.
    """
    order, columns = _minimum_degree(network, tied)
    position = np.empty(network.dates, dtype=np.int64)
    position[order] = np.arange(network.dates)
    patterns = [sorted(position[list(column)].tolist()) for column in columns]
    entries = {
        (row, col): entry for entry, (col, row) in enumerate((c, r) for c, rows in enumerate(patterns) for r in rows)
    }
    targets = [entries[high, low] for rows in patterns for low, high in combinations(rows, 2)]
    earlier, later = position[network.earlier], position[network.later]
    ends = zip(np.maximum(earlier, later).tolist(), np.minimum(earlier, later).tolist(), strict=True)
    last = network.dates - 1
    return Elimination(
        position=position,
        start=np.cumsum([0, *(len(rows) for rows in patterns)], dtype=np.int64),
        rows=_integers(row for rows in patterns for row in rows),
        targets=_integers(targets),
        earlier=earlier,
        later=later,
        entry=_integers(entries[end] for end in ends),
        ties=_integers(entries[last, col] for col in range(last)) if tied else _integers(()),
    )


def _integers(values: Iterable[int]) -> Integers:
    return np.array(list(values), dtype=np.int64)


def _minimum_degree(network: Network, tied: bool) -> tuple[list[int], list[set[int]]]:
    """The order, first date last, and for each turn the dates that it is tied to then.

    The tie to the first date does not count as a degree, so that both kinds of elimination have one order.
    """
    near: list[set[int]] = [set() for _ in range(network.dates)]
    for a, b in network.pairs + ([(0, date) for date in range(1, network.dates)] if tied else []):
        near[a].add(b)
        near[b].add(a)
    left, order, columns = set(range(1, network.dates)), [], []
    while left:
        date = min(left, key=lambda other: (len(near[other] - {0}), other))
        left.remove(date)
        order.append(date)
        columns.append(near[date])
        for other in near[date]:
            near[other] |= near[date]
            near[other] -= {date, other}
    return [*order, 0], columns
