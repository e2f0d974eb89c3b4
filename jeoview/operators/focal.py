"""Neighbourhoods: a pixel from those around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jeoview.grid import Grid
from jeoview.kernels import focal
from jeoview.operator import BandsInput, Mode, Options, operator
from jeoview.operators.phase import linear_unit
from jeoview.quantities import Length, Metres
from jeoview.raster import Array, Raster


def row_radii(radius: int | Metres, grid: Grid) -> Array:
    """Radius in pixels of every row of a grid: ground metres are more pixels far from the equator."""
    if isinstance(radius, int):
        return np.full(grid.height, radius, dtype=np.int64)
    return np.array([radius.pixels(grid, y) for y in grid.y], dtype=np.int64)


def widest(options: Options, grid: Grid) -> int:
    """Padding that the largest radius on a grid needs."""
    return int(row_radii(options["radius"], grid).max())


@operator(mode=Mode.NEIGHBOURHOOD, nodata="centre", radius=widest, unit=linear_unit("focal_mean", ".goldstein()"))
def focal_mean(image: BandsInput, *, radius: Length = 1) -> BandsInput:
    """Average the valid pixels of a square window; NaN where the centre is NaN.

    Parameters
    ----------
    radius : int or metres(length)
        Half the window: pixels of the screen, or ground metres rounded to whole pixels at the row's
        latitude. The window has 2 radius + 1 pixels a side.
    """
    return replace(image, array=box_mean(image, radius))


def box_mean(image: Raster, radius: int | Metres) -> Array:
    """Mean of the valid pixels of each window, float32 (band, y, x); the padded margin is not defined."""
    grid = image.grid
    radii = row_radii(radius, grid)
    out = np.full(image.array.shape, np.nan, dtype=np.float32)
    # Rows of one radius need not be neighbours: radii in metres grow away from the equator on both sides.
    for step in np.unique(radii):
        rows = np.flatnonzero(radii == step)
        top, bottom = max(rows[0] - step, 0), min(rows[-1] + step + 1, grid.height)
        for band in range(len(image.bands)):
            values = image.array[band, top:bottom]
            valid = ~np.isnan(values)
            at = (grid.row + int(top), grid.col)
            sums = focal.box_sums(np.where(valid, values, 0.0).astype(np.float64), int(step), int(step), *at)[
                rows - top
            ]
            counts = focal.box_sums(valid.astype(np.float64), int(step), int(step), *at)[rows - top]
            with np.errstate(divide="ignore", invalid="ignore"):
                mean = (sums / counts).astype(np.float32)
            out[band, rows] = np.where(valid[rows - top], mean, np.float32(np.nan))
    return out
