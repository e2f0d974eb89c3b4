"""Choosing pairs: by their dates and baselines, and by what was measured on their pixels."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jeoview.catalog import Item
from jeoview.catalog.times import parse_time
from jeoview.kernels.network import Groups, Network, components, triplets

Pair = tuple[dt.date, dt.date]
DAYS_PER_YEAR = 365.25
LICSBAS_LOOP_RMS = 1.5


def dates_of(item: Item) -> Pair:
    """The two days of a pair, earlier first."""
    one, other = (parse_time(item.properties[name]).date() for name in ("start_datetime", "end_datetime"))
    return one, other


def subsets(pairs: Iterable[Pair]) -> list[tuple[str, ...]]:
    """Days that pairs connect, one tuple a subset, each in order."""
    days, network = _network(list(pairs))
    groups: dict[int, list[str]] = {}
    for day, group in zip(days, components(network).tolist(), strict=True):
        groups.setdefault(group, []).append(str(day))
    return [tuple(group) for group in groups.values()]


def triangles(pairs: Sequence[Pair]) -> list[tuple[int, int, int]]:
    """Loops of three pairs ij, jk, ik by their places in a list, in the order of their dates."""
    return [(int(a), int(b), int(c)) for a, b, c in triplets(_network(pairs)[1])]


def _network(pairs: Sequence[Pair]) -> tuple[list[dt.date], Network]:
    """The days of pairs in order, and the pairs by their places among them."""
    days = sorted({day for pair in pairs for day in pair})
    place = {day: number for number, day in enumerate(days)}
    return days, Network.of(len(days), [(place[one], place[other]) for one, other in pairs])


def spanning_tree(pairs: Sequence[Pair], coherence: Sequence[float]) -> set[int]:
    """Places of the pairs that connect all dates with the most coherence (Kruskal 1956).

    The tree of the highest coherence is the minimum spanning tree of its inverse, which MintPy keeps. Of equal pairs the
    earlier one in the list is taken; a pair without coherence comes last.
    """
    order = sorted(range(len(pairs)), key=lambda k: (-coherence[k] if math.isfinite(coherence[k]) else math.inf, k))
    days, network = _network(pairs)
    groups, ends = Groups(len(days)), network.pairs
    return {k for k in order if groups.join(*ends[k])}


def about_years(pair: Pair, tolerance: float) -> bool:
    """Whether a pair is a whole number of years long, within so many days."""
    return off_years((pair[1] - pair[0]).days) <= tolerance


def off_years(days: float) -> float:
    """Days that a pair of this length is away from a whole number of years; none is that of half a year or less."""
    years = round(days / DAYS_PER_YEAR)
    return abs(days - years * DAYS_PER_YEAR) if years > 0 else math.inf


@dataclass
class Sieve:
    """Pairs that are left, and what each criterion removed.

    Parameters
    ----------
    left : list of str
        Ids.
    notes : list of str
        One a criterion.
    """

    left: list[str]
    notes: list[str] = field(default_factory=list)

    def keep(
        self, name: str, test: Callable[[str], bool], spared: Collection[str] = frozenset(), why: str = ""
    ) -> None:
        """Keep the pairs that pass a test; ``spared`` ones stay in spite of it, because of ``why``."""
        failed = [pair for pair in self.left if not test(pair)]
        gone = [pair for pair in failed if pair not in spared]
        self.left = [pair for pair in self.left if pair not in set(gone)]
        stay = len(failed) - len(gone)
        self.notes.append(f"{name} removes {len(gone)}" + (f" ({stay} stay: {why})" if stay else ""))


def said(name: str, value: Any) -> str:
    """A criterion as the user wrote it."""
    return f"{name}={value:g}" if isinstance(value, (int, float)) else name


# ---------------------------------------------------------------- by metadata


@dataclass(frozen=True)
class ByDates:
    """Criteria that need no pixel; None where one is not asked for.

    Parameters
    ----------
    max_days, min_days : float, optional
        Length.
    max_bperp : float, optional
        Metres.
    nearest : int, optional
        Each date only with so many next ones.
    yearly : float, optional
        Pairs within so many days of whole years: beside those of ``max_days`` and ``nearest``, or they alone.
    """

    max_days: float | None
    min_days: float | None
    max_bperp: float | None
    nearest: int | None
    yearly: float | None

    def sift(self, sieve: Sieve, pairs: Mapping[str, Pair], baselines: Mapping[str, float | None]) -> None:
        """Apply them to what is left."""
        spared: set[str] = set()
        why = "about whole years"
        if (tolerance := self.yearly) is not None:
            spared = {name for name, pair in pairs.items() if about_years(pair, tolerance)}
            if self.max_days is None and self.nearest is None:
                sieve.keep(said("yearly", tolerance), spared.__contains__)
        days = {name: (later - earlier).days for name, (earlier, later) in pairs.items()}
        if (least := self.min_days) is not None:
            sieve.keep(said("min_days", least), lambda name: days[name] >= least)
        if (most := self.max_days) is not None:
            sieve.keep(said("max_days", most), lambda name: days[name] <= most, spared, why)
        if (widest := self.max_bperp) is not None:
            sieve.keep(said("max_bperp", widest), lambda name: abs(baselines[name] or 0.0) <= widest)
        if (count := self.nearest) is not None:
            place = {day: i for i, day in enumerate(sorted({day for pair in pairs.values() for day in pair}))}
            steps = {name: place[later] - place[earlier] for name, (earlier, later) in pairs.items()}
            sieve.keep(said("nearest", count), lambda name: steps[name] <= count, spared, why)


# ---------------------------------------------------------------- by pixels


@dataclass(frozen=True)
class ByPixels:
    """Criteria that were measured; None where one is not asked for.

    Parameters
    ----------
    min_coherence : float, optional
        Mean coherence, 0 to 1.
    min_unwrapped : float, optional
        Share of pixels with phase, 0 to 1.
    max_loop_rms : float, optional
        Radians.
    keep_tree : bool
        Whether the most coherent tree stays.
    """

    min_coherence: float | None
    min_unwrapped: float | None
    max_loop_rms: float | None
    keep_tree: bool

    def sift(self, sieve: Sieve, pairs: Mapping[str, Pair], measured: Mapping[str, Mapping[str, float]]) -> None:
        """Apply them; ``measured`` has the columns of `InterferogramCollection.measures` by pair."""
        tree: set[str] = set()
        if self.keep_tree and (self.min_coherence is not None or self.min_unwrapped is not None):
            names = list(sieve.left)
            coherence = [measured[name]["coherence"] for name in names]
            tree = {names[k] for k in spanning_tree([pairs[name] for name in names], coherence)}
        for column, least in (("coherence", self.min_coherence), ("unwrapped", self.min_unwrapped)):
            if least is not None:
                enough = {name for name in sieve.left if measured[name][column] >= least}
                sieve.keep(said(f"min_{column}", least), enough.__contains__, tree, "they hold the network together")
        if (most := self.max_loop_rms) is not None:
            lonely = sum(math.isnan(measured[name]["best_loop_rms"]) for name in sieve.left)
            sieve.keep(said("max_loop_rms", most), lambda name: not measured[name]["best_loop_rms"] >= most)
            sieve.notes[-1] += f" ({lonely} without a loop are not judged)" if lonely else ""


# ---------------------------------------------------------------- what loops say of pairs and dates


def root_mean_square(values: Sequence[float]) -> float:
    """Of the numbers among the values; NaN where there is none."""
    known = np.array([value for value in values if math.isfinite(value)])
    return float(np.sqrt((known**2).mean())) if known.size else math.nan


def best_of(values: Sequence[float]) -> float:
    """The least number among the values; NaN where there is none."""
    return min((value for value in values if math.isfinite(value)), default=math.nan)
