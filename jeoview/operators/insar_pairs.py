"""What operators on stacks of pairs share: the network behind the dates of a stack, and its bands."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.kernels.network import Elimination, Network, eliminate, successive, triplets
from jeoview.kernels.stack import Stack
from jeoview.operator import Names, Options, Schema
from jeoview.raster import Raster, Table

PHASE, COHERENCE, DISPLACEMENT = "unwrapped", "coherence", "displacement"
DAYS_PER_YEAR = 365.25
DAY = len("2018-01-06")
Which = Literal["successive", "all"]
Wavelength = Annotated[float, Field(gt=0, le=10, json_schema_extra={"unit": "m"})]


@dataclass(frozen=True, eq=False)
class PairDates:
    """The dates of a stack of pairs, and how the pairs join them.

    Parameters
    ----------
    dates : tuple of str
        Every acquisition day once, ascending; RFC 3339, the earliest time that a pair gives for the day.
    network : Network
        The pairs, by positions in ``dates``.
    """

    dates: tuple[str, ...]
    network: Network

    @property
    def years(self) -> NDArray[np.float64]:
        """Time of each date since the first one, in years of 365.25 days."""
        return years_since(self.dates, self.dates[0])


def years_since(dates: tuple[str, ...], first: str) -> NDArray[np.float64]:
    """Years of 365.25 days from a date to others, all RFC 3339."""
    start = dt.datetime.fromisoformat(first)
    seconds = [(dt.datetime.fromisoformat(date) - start).total_seconds() for date in dates]
    return np.array(seconds, dtype=np.float64) / (86_400.0 * DAYS_PER_YEAR)


def moments(dates: tuple[str, ...]) -> NDArray[np.float64]:
    """Seconds since 1970 of RFC 3339 dates: how a table names them."""
    return np.array([dt.datetime.fromisoformat(date).timestamp() for date in dates], dtype=np.float64)


def medians(array: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median of the valid pixels of every layer of (layer, y, x), NaN where there is none, and their number."""
    valid = [layer[~np.isnan(layer)].astype(np.float64) for layer in array]
    found = np.array([np.median(values) if values.size else np.nan for values in valid], dtype=np.float64)
    return found, np.array([values.size for values in valid], dtype=np.float64)


def at_dates(table: Table, name: str, dates: tuple[str, ...]) -> NDArray[np.float64]:
    """A column of a table by date, in the order of a series; NaN at a date that the table does not have.

    Dates whose scenes do not come near a tile are left out of it, so that rows cannot be told by their number.
    """
    known = dict(zip(table.values["date"].tolist(), table.values[name].tolist(), strict=True))
    return np.array([known.get(moment, math.nan) for moment in moments(dates).tolist()], dtype=np.float64)


@lru_cache(maxsize=64)
def pair_dates(intervals: tuple[str, ...]) -> PairDates:
    """The dates and the network of a stack of pairs.

    Times of one day are one acquisition: products say the start of their own burst or frame, which differs by seconds
    from pair to pair.

    Parameters
    ----------
    intervals : tuple of str
        ``earlier/later`` of each pair, RFC 3339 in UTC, as `Raster.dates` of a stack of pairs.

    Raises
    ------
    ParameterError
        If a layer is no pair, or its dates are not in order.
    """
    pairs = [_pair(interval) for interval in intervals]
    times = sorted({time for pair in pairs for time in pair}, reverse=True)
    first = {time[:DAY]: time for time in times}
    dates = tuple(sorted(first.values()))
    position = {date[:DAY]: index for index, date in enumerate(dates)}
    return PairDates(dates, Network.of(len(dates), [(position[a[:DAY]], position[b[:DAY]]) for a, b in pairs]))


def _pair(interval: str) -> tuple[str, str]:
    earlier, slash, later = interval.partition("/")
    if not slash:
        raise ParameterError(
            f"a layer is named {interval[:64]!r}; expected a stack of interferograms, earlier/later date each"
        )
    if earlier[:DAY] >= later[:DAY]:
        raise ParameterError(f"the pair {interval[:64]!r} is not in the order earlier/later, of two days")
    return earlier, later


@lru_cache(maxsize=64)
def elimination_of(intervals: tuple[str, ...], tied: bool) -> Elimination:
    """The order of elimination of a network, made once and kept."""
    return eliminate(pair_dates(intervals).network, tied=tied)


@lru_cache(maxsize=64)
def triplets_of(intervals: tuple[str, ...], which: Which) -> NDArray[np.int64]:
    """The loops of three pairs of a network, all or those of successive dates; made once and kept."""
    network = pair_dates(intervals).network
    return triplets(network) if which == "all" else successive(network, triplets(network))


def check_pairs(name: str, schema: Schema) -> None:
    """Refuse a series of dates where pairs are needed.

    Raises
    ------
    ParameterError
        If the layers are known to be dates.
    """
    if schema.pairs is False:
        raise ParameterError(
            f"{name}: the layers of the series are dates; expected a stack of interferograms, earlier/later date each"
        )


def check_dates(name: str, schema: Schema) -> None:
    """Refuse a stack of pairs where dates are needed.

    Raises
    ------
    ParameterError
        If the layers are known to be pairs.
    """
    if schema.pairs:
        raise ParameterError(f"{name}: the layers of the series are pairs of dates; expected dates, as .invert() gives")


def layers(stack: Raster, band: str) -> Stack:
    """One band of a stack for a kernel."""
    return Stack.of(stack.array, stack.bands.index(band))


def phase_only(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Of a stack only the phase is needed."""
    return ((PHASE,),)


def displacement_only(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Of a series only the displacement is needed."""
    return ((DISPLACEMENT,),)
