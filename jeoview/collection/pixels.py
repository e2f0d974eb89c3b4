"""The pixels that the layers of a stack share: those of its files, not those of the map."""

from __future__ import annotations

import math

from jeoview.grid import SAME_PIXEL, Grid
from jeoview.projection import WGS84, Bounds, transform, transform_bounds


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
