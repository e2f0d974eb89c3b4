"""The pixels that the layers of a stack share: those of its files, not those of the map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jeoview.catalog import Item
from jeoview.grid import SAME_PIXEL, Grid, Lattice
from jeoview.projection import WGS84, Bounds, canonical_crs, transform, transform_bounds


def joint(first: Grid, other: Grid) -> Grid | None:
    """A window on the lattice of another one, whose pixels are the same; None where they are not."""
    one, two = first.lattice, other.lattice
    row, col = (one.top - two.top) / one.resolution[1], (two.left - one.left) / one.resolution[0]
    apart = max(abs(row - round(row)), abs(col - round(col)))
    longest = max(*other.shape, *first.shape)
    steps = zip(one.resolution, two.resolution, strict=True)
    if one.crs != two.crs or any(abs(a - b) * longest > SAME_PIXEL * a for a, b in steps) or apart > SAME_PIXEL:
        return None
    return replace(other, lattice=one, row=other.row + round(row), col=other.col + round(col))


def stack_grid(items: Sequence[Item]) -> Grid | None:
    """All pixels of a stack; None where its files do not share their pixels, or are turned against the north."""
    whole = first = _grid_of(items[0])
    for item in items[1:]:
        grid = _grid_of(item)
        found = None if grid is None or first is None else joint(first, grid)
        if whole is None or found is None:
            return None
        whole = whole.union(found)
    return whole


def _grid_of(item: Item) -> Grid | None:
    known: dict[str, Any] = item.properties
    if not all(known.get(name) for name in ("proj:code", "proj:transform", "proj:shape")):
        return None
    dx, turn, left, skew, dy, top = (float(value) for value in known["proj:transform"][:6])
    if turn or skew or dx <= 0 or dy >= 0:
        return None
    return Grid(Lattice(canonical_crs(known["proj:code"]), (dx, -dy), left, top), 0, 0, *known["proj:shape"])


def square(grid: Grid, lon: float, lat: float, pixels: int) -> Grid:
    """So many pixels a side, with a place in the pixel in the middle, or nearest to the middle of an even number."""
    (x,), (y,) = transform(WGS84, grid.crs, [lon], [lat])
    dx, dy = grid.lattice.resolution
    aside = 0.5 - pixels / 2
    row = math.floor((grid.lattice.top - y) / dy + aside)
    return Grid(grid.lattice, row, math.floor((x - grid.lattice.left) / dx + aside), pixels, pixels)


def window(grid: Grid, box: Bounds, longest: int) -> Grid:
    """The pixels whose centre lies in a box in degrees, at least one; larger ones where they are more than ``longest`` a side."""
    west, south, east, north = transform_bounds(WGS84, grid.crs, box)
    (dx, dy), left, top = grid.lattice.resolution, grid.lattice.left, grid.lattice.top
    row, height = _inside((top - north) / dy, (top - south) / dy)
    col, width = _inside((west - left) / dx, (east - left) / dx)
    found = Grid(grid.lattice, row, col, height, width)
    return found.within(math.ceil(max(height, width) / longest)) if max(height, width) > longest else found


def _inside(first: float, end: float) -> tuple[int, int]:
    """The first pixel whose centre lies between two edges, and how many do; the one in the middle where none does."""
    low, high = math.ceil(first - 0.5 - SAME_PIXEL), math.floor(end - 0.5 + SAME_PIXEL)
    return (low, high - low + 1) if high >= low else (math.floor((first + end) / 2), 1)
