"""Dates of a series: which scenes are one, and how they are called."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from jeoview.raster import Array

# A satellite passes over a country in less; the frames of a geostationary one are 10 minutes apart or more.
PASS = timedelta(minutes=5)


def passes(dates: Sequence[str]) -> list[list[int]]:
    """Scenes of one pass together: those that follow each other within 5 minutes.

    Parameters
    ----------
    dates : sequence of str
        RFC 3339 times; pairs (with a slash) stand alone.

    Returns
    -------
    list of list of int
        Positions in ``dates``; passes in the order of their first scene, scenes in their own order.
    """
    if any("/" in date for date in dates):
        return [[number] for number in range(len(dates))]
    times = [datetime.fromisoformat(date) for date in dates]
    group: dict[int, int] = {}
    before: int | None = None
    for number in sorted(range(len(dates)), key=lambda i: times[i]):
        together = before is not None and times[number] - times[before] <= PASS
        group[number] = group[before] if together and before is not None else len(group)
        before = number
    found: dict[int, list[int]] = {}
    for number in range(len(dates)):
        found.setdefault(group[number], []).append(number)
    return list(found.values())


def merged(array: Array, groups: Sequence[Sequence[int]]) -> Array:
    """(time, band, y, x) with one layer for each group: the first valid value in order."""
    if all(len(group) == 1 for group in groups):
        return array
    out = array[[group[0] for group in groups]]
    for layer, group in zip(out, groups, strict=True):
        for number in group[1:]:
            np.copyto(layer, array[number], where=np.isnan(layer))
    return out


def labels(dates: Sequence[str]) -> list[str]:
    """The shortest form that tells dates apart: the day, the time, or the time and a number."""
    days = ["/".join(end[:10] for end in date.split("/")) for date in dates]
    if len(set(days)) == len(days):
        return days
    return [
        date if dates.count(date) == 1 else f"{date}-{list(dates[: number + 1]).count(date)}"
        for number, date in enumerate(dates)
    ]
