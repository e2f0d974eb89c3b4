"""The elevation model: the relief that shades the scenes, in degrees."""

from __future__ import annotations

import numpy as np

from jeoview.demo.noise import Field
from jeoview.demo.sentinel2 import sample
from jeoview.demo.terrain import GROUND, STEP, ground, height
from jeoview.grid import Grid, Lattice
from jeoview.projection import WGS84, Bounds, transform_bounds

ARC_SECOND = 1 / 3600
NODATA = -32768.0


def dem_grid(bbox: Bounds) -> Grid:
    """Pixels of one arc second that cover a bbox, on whole arc seconds."""
    west, south, east, north = (value / ARC_SECOND for value in bbox)
    left, top = int(np.floor(west)), int(np.ceil(north))
    lattice = Lattice(WGS84, (ARC_SECOND, ARC_SECOND), left * ARC_SECOND, top * ARC_SECOND)
    return Grid(lattice, 0, 0, top - int(np.floor(south)), int(np.ceil(east)) - left)


def elevation(grid: Grid) -> Field:
    """Metres above the sea at the pixel centres of a grid in any reference system."""
    west, south, east, north = transform_bounds(grid.crs, GROUND, grid.bounds)
    window = ground(STEP, (west - 60, south - 60, east + 60, north + 60))
    return sample(height(window), window, grid)
