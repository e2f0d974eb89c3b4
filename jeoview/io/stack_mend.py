"""A stack store that was damaged after it was whole: how that is known, and what of it is kept when it is made again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jeoview.errors import warn
from jeoview.io.stack import ABSENT, CHUNK, open_shard
from jeoview.io.stack_plan import StackPlan
from jeoview.io.stack_shard import Record, is_as_written
from jeoview.io.stack_unfinished import WHOLE, Unfinished


def is_sound(store: Path) -> bool:
    """Whether a store is there and all its bytes are as they were written; it reads them all."""
    try:
        bands = json.loads((store / "zarr.json").read_bytes())["attributes"]["bands"]
        levels = [_look(store / band, level) for band, count in bands.items() for level in range(count)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return all(level is not None and not level.spoilt for level in levels)


def reopen(place: Unfinished, plan: StackPlan, window: tuple[int, int]) -> None:
    """Make a damaged store an unfinished one, in which the windows that are sound are there.

    Parameters
    ----------
    place : Unfinished
        Where it is written; held.
    plan : StackPlan
        What it holds.
    window : (int, int)
        Rows and columns of a window.
    """
    warn(f"cache_stack: the copy {place.target.name!r} is damaged; the damaged part is made anew")
    found = {band: _journal(place.target / band, plan, window) for band in plan.layers}
    place.reopen(plan, window, {band: lines for band, lines in found.items() if lines})


@dataclass(frozen=True)
class _Level:
    """The chunks of an array that are as they were written, and places of those that are not."""

    data_type: str
    sound: list[Record]
    spoilt: set[tuple[int, int]]


def _journal(band: Path, plan: StackPlan, window: tuple[int, int]) -> list[Any]:
    """What is there of a band, as its journal would say; nothing where its chunks are not known."""
    first, *overviews = (_look(band, level) for level in range(plan.overviews + 1))
    if first is None:
        return []
    there = dict(_windows(plan, window, first))
    known = [level for level in overviews if level is not None]
    if there:
        # A block of an overview is of several windows: that it is there is said with any.
        next(iter(there.values())).extend(one for level in known for one in level.sound)
    whole = len(known) == len(overviews) and not any(level.spoilt for level in (first, *known))
    return [first.data_type, *there.items(), *([WHOLE] if whole else [])]


def _windows(plan: StackPlan, window: tuple[int, int], level: _Level) -> list[tuple[int, list[Record]]]:
    """Number and chunks of the windows none of whose chunks is spoilt."""
    found = []
    for number, grid in enumerate(plan.windows(*window)):
        top, left = (grid.row - plan.grid.row) // CHUNK, (grid.col - plan.grid.col) // CHUNK
        rows, cols = range(top, top + window[0] // CHUNK), range(left, left + window[1] // CHUNK)
        if not any(row in rows and col in cols for row, col in level.spoilt):
            found.append((number, [one for one in level.sound if one.row in rows and one.col in cols]))
    return found


def _look(band: Path, level: int) -> _Level | None:
    """Hold all chunks of an array against their check sums; None where the sums or the description are damaged."""
    folder = band / str(level)
    try:
        about = json.loads((folder / "zarr.json").read_bytes())
        _, height, width = (int(size) for size in about["shape"])
        shard = open_shard(folder, -(-height // CHUNK), -(-width // CHUNK))
        places = np.argwhere(shard.index[..., 0] != ABSENT).tolist()
        chunks = [
            Record(level, r, c, int(shard.index[r, c, 0]), int(shard.index[r, c, 1]), int(shard.sums[r, c]))
            for r, c in places
        ]
        with shard.path.open("rb") as file:
            sound = [one for one in chunks if is_as_written(file, one)]
        return _Level(str(about["data_type"]), sound, {(r, c) for r, c in places} - {one[1:3] for one in sound})
    except (OSError, ValueError, KeyError, TypeError):
        return None
