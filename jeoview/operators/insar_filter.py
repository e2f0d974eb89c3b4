"""Filters of displacement series in time and space: what changes from date to date and is smooth on the ground is air."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jeoview.grid import EARTH_HALF, Grid, Lattice
from jeoview.kernels import focal
from jeoview.kernels.smooth import Kernel, smooth
from jeoview.kernels.stack import Stack
from jeoview.operator import BandsInput, Coarser, Mode, Options, SeriesInput, operator
from jeoview.operators.algebra import first_named, joint_bands, joint_unit
from jeoview.operators.insar_pairs import DAYS_PER_YEAR, years_since
from jeoview.operators.phase import linear_unit
from jeoview.projection import WEB_MERCATOR
from jeoview.quantities import Later, Length, Metres
from jeoview.raster import Raster

Doubles = NDArray[np.float64]
Days = Annotated[float, Field(gt=0, le=36_525, json_schema_extra={"unit": "d"})]
Keep = Literal["low", "high"]
# Means one after the other: of four the weights are nearer to a Gaussian, three look less far away.
PASSES, PASSES_ON_THE_GROUND = 3, 4
# Pixels of a standard deviation in metres; a longer one is computed on larger pixels.
LONGEST = 12


@operator(mode=Mode.PIXEL, nodata="own", unit=linear_unit("temporal_filter", ".mean_phase()"))
def temporal_filter(
    series: SeriesInput, *, days: Days | None = None, keep: Keep = "low", detrend: Annotated[bool, Later()] = False
) -> SeriesInput:
    """Smooth a series in time by a Gaussian mean over the dates that a pixel has.

    At both ends a mean has dates on one side alone, so that it is flatter than steady motion: of a line over 13 dates the
    default keeps about two thirds of the slope in ``low``, the rest is in ``high``. ``detrend`` leaves it whole in ``low``.

    Parameters
    ----------
    series : series
        Of dates; every band is filtered.
    days : float, optional
        Standard deviation of the Gaussian, which is cut off at 4 of them; three times the mean interval between dates by
        default, as LiCSBAS.
    keep : {"low", "high"}
        ``low``: the mean, slow motion. ``high``: the series less its mean, what changes from date to date.
    detrend : bool
        Take the pixel's own straight line (least squares) out first and add it to the mean again. LiCSBAS does not.

    Returns
    -------
    series
        Same bands and unit; NaN where the value is NaN.
    """
    if not series.dates:
        return series
    times = tuple(date.partition("/")[2] or date for date in series.dates)
    when = years_since(times, times[0]) * DAYS_PER_YEAR
    kernel = Kernel.of(when, days or max(3 * float(np.ptp(when)) / max(len(when) - 1, 1), 1.0))
    array = np.empty(series.array.shape, dtype=np.float32)
    for band in range(len(series.bands)):
        found = smooth(Stack.of(series.array, band), kernel, detrend=detrend, high=keep == "high")
        array[:, band] = found.reshape(len(array), *array.shape[-2:])
    return replace(series, array=array)


def _box_radii(sigma: int | Metres, grid: Grid) -> NDArray[np.int64]:
    """Half the windows of the means whose variances add up to sigma**2 as nearly as whole pixels can: (down or across, mean, row)."""
    # Beyond the edge of the map lengths grow without end: there rows are as wide as at the edge.
    edge = EARTH_HALF if grid.crs == WEB_MERCATOR else np.inf
    wide = np.array([_widths(sigma, grid, y) for y in np.clip(grid.y, -edge, edge)], dtype=np.float64).T
    passes = _passes(sigma)
    # A window of 2 r + 1 pixels has the variance r (r + 1) / 3; one pixel more adds 2 (r + 1) / 3.
    variance = 3 * wide**2 / passes
    least = np.floor((np.sqrt(1 + 4 * variance) - 1) / 2)
    wider = np.rint(passes * (variance - least * (least + 1)) / (2 * (least + 1)))
    return np.stack([least + (number < wider) for number in range(passes)], axis=1).astype(np.int64)


def _passes(sigma: int | Metres) -> int:
    return PASSES if isinstance(sigma, int) else PASSES_ON_THE_GROUND


def _widths(sigma: int | Metres, grid: Grid, y: float) -> tuple[float, float]:
    return (float(sigma), float(sigma)) if isinstance(sigma, int) else sigma.widths(grid, y)


def _coarser(options: Options, lattice: Lattice) -> int:
    """Pixels of the map in one of the mean: a long one needs no finer pixels than a twelfth of it."""
    sigma = options["sigma"]
    if isinstance(sigma, int):
        return 0
    # At the equator, since all tiles of a zoom must have the same answer: towards the poles it is more pixels.
    share, exponent = math.frexp(min(sigma.widths(Grid(lattice, 0, 0, 1, 1), 0.0)) / LONGEST)
    return 1 << max(exponent - (share == 0.5), 0)


def _reach(options: Options, grid: Grid) -> int:
    """Padding: all windows one after the other; rows in the padding may have wider ones."""
    near = int(_box_radii(options["sigma"], grid).max()) + 1
    return int(_box_radii(options["sigma"], grid.pad(_passes(options["sigma"]) * near)).sum(axis=1).max())


def _mean_of_parts(image: Raster, grid: Grid, *, sigma: Metres) -> Raster:
    """The mean on larger pixels, of their parts: as many in one as are valid, so much it weighs."""
    padded = grid.pad(_reach({"sigma": sigma}, grid))
    parts = round(grid.lattice.resolution[0] / image.grid.lattice.resolution[0])
    row, col = image.grid.row - padded.row * parts, image.grid.col - padded.col * parts
    array = np.empty((len(image.bands), *grid.shape), dtype=np.float32)
    for band, values in enumerate(image.array):
        total, count = np.zeros(padded.shape), np.zeros(padded.shape)
        focal.add_parts(np.ascontiguousarray(values), row, col, parts, total, count)
        array[band] = _weighted(total, count, sigma, padded)[padded.window_of(grid)]
    return replace(image, array=array, grid=grid)


@operator(
    mode=Mode.NEIGHBOURHOOD,
    nodata="own",
    version=2,
    radius=_reach,
    coarser=Coarser(_coarser, _mean_of_parts),
    upgrades={1: dict},
    unit=linear_unit("spatial_mean", ".goldstein()"),
)
def spatial_mean(image: BandsInput, *, sigma: Length = 2) -> BandsInput:
    """Mean of the valid pixels around, with weights that are close to a Gaussian.

    Three means over windows one after the other (four of a length in metres), of values and of how many there are (Wells
    1986): valid pixels alone count. A length in metres of more than 12 pixels of the map (at the equator) is computed on
    pixels 2, 4, 8 ... times as large, of which there are then 6 to 12 in ``sigma``, and interpolated between them. Each of these is the sum of finer
    pixels, and weighs as much as of them are valid: up to 262,144 in all where the scenes are, or as far as the mean looks
    if that is less (16,777,216 / layers of a deep stack). So a mean of any length is that of the pixels there are, also one
    that is longer than the scene, within 10 % of the pixels' standard deviation of the Gaussian mean, and 3 % on average.
    Where the finer pixels are larger than those of the files, they are samples of them (or of overviews), as on the map.

    Parameters
    ----------
    image : bands
        Of any kind.
    sigma : int or metres(length)
        Standard deviation: pixels of the screen, or ground metres at the row's latitude.

    Returns
    -------
    bands
        Same bands and unit, also where the pixel itself has no data; NaN where no valid pixel lies within 3 ``sigma`` (3.5 of metres).
    """
    array = np.empty(image.array.shape, dtype=np.float32)
    for band, values in enumerate(image.array):
        valid = ~np.isnan(values)
        total = np.where(valid, values, 0.0).astype(np.float64)
        array[band] = _weighted(total, valid.astype(np.float64), sigma, image.grid)
    return replace(image, array=array)


@operator(mode=Mode.PIXEL, nodata="any", version=2, bands=joint_bands, unit=joint_unit)
def spatial_filter(image: BandsInput, mean: BandsInput, *, keep: Keep = "low") -> BandsInput:
    """The mean around each pixel where the pixel has data, or the pixel less this mean.

    Parameters
    ----------
    image : bands
        Of any kind.
    mean : bands
        Its `spatial_mean`.
    keep : {"low", "high"}
        ``low``: the mean. ``high``: the image less its mean.

    Returns
    -------
    bands
        Same bands and unit.
    """
    array = image.array - mean.array if keep == "high" else np.where(np.isnan(image.array), image.array, mean.array)
    return replace(first_named(image, mean), array=array)


def _weighted(total: Doubles, weight: Doubles, sigma: int | Metres, grid: Grid) -> Doubles:
    """Sums by their weights after both were averaged; NaN where there is no weight."""
    for down, across in zip(*_box_radii(sigma, grid), strict=True):
        total, weight = _means(total, down, across, grid), _means(weight, down, across, grid)
    mean: Doubles = np.divide(total, weight, out=np.full(weight.shape, np.nan), where=weight > 0)
    return mean


def _means(values: Doubles, down: NDArray[np.int64], across: NDArray[np.int64], grid: Grid) -> Doubles:
    """Mean over each row's own window; the outermost pixels are not defined."""
    out = np.zeros(values.shape)
    for high, wide in np.unique(np.stack([down, across]), axis=1).T:
        rows = np.flatnonzero((down == high) & (across == wide))
        top, bottom = max(rows[0] - high, 0), min(rows[-1] + high + 1, grid.height)
        sums = focal.box_sums(values[top:bottom], int(high), int(wide), grid.row + int(top), grid.col)
        out[rows] = sums[rows - top] / ((2 * high + 1) * (2 * wide + 1))
    return out
