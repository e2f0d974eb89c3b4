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
from jeoview.operator import BandsInput, Mode, Options, SeriesInput, operator
from jeoview.operators.algebra import first_named, joint_bands, joint_unit
from jeoview.operators.insar_pairs import DAYS_PER_YEAR, years_since
from jeoview.operators.phase import linear_unit
from jeoview.projection import WEB_MERCATOR
from jeoview.quantities import Later, Length, Metres

Doubles = NDArray[np.float64]
Days = Annotated[float, Field(gt=0, le=36_525, json_schema_extra={"unit": "d"})]
Keep = Literal["low", "high"]
PASSES = 3
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
    """Half the windows of the means whose variances add up to sigma**2 as nearly as whole pixels can: (mean, row)."""
    # Beyond the edge of the map lengths grow without end: there rows are as wide as at the edge.
    edge = EARTH_HALF if grid.crs == WEB_MERCATOR else np.inf
    wide = np.array([_pixels(sigma, grid, y) for y in np.clip(grid.y, -edge, edge)], dtype=np.float64)
    # A window of 2 r + 1 pixels has the variance r (r + 1) / 3; one pixel more adds 2 (r + 1) / 3.
    least = np.floor((np.sqrt(1 + 4 * wide**2) - 1) / 2)
    wider = np.rint(PASSES * (wide**2 - least * (least + 1)) / (2 * (least + 1)))
    return np.stack([least + (number < wider) for number in range(PASSES)]).astype(np.int64)


def _pixels(sigma: int | Metres, grid: Grid, y: float) -> int:
    return sigma if isinstance(sigma, int) else sigma.pixels(grid, y)


def _coarser(options: Options, lattice: Lattice) -> int:
    """Pixels of the map in one of the mean: a long one needs no finer pixels than a twelfth of it."""
    sigma = options["sigma"]
    # At the equator, since all tiles of a zoom must have the same answer: towards the poles it is more pixels.
    wide = 0 if isinstance(sigma, int) else sigma.pixels(Grid(lattice, 0, 0, 1, 1), 0.0)
    return 1 << max(math.ceil(math.log2(wide / LONGEST)), 0) if wide else 1


def _reach(options: Options, grid: Grid) -> int:
    """Padding: three windows one after the other; rows in the padding may have wider ones."""
    near = int(_box_radii(options["sigma"], grid).max())
    return int(_box_radii(options["sigma"], grid.pad(PASSES * near + PASSES)).sum(axis=0).max())


@operator(
    mode=Mode.NEIGHBOURHOOD,
    nodata="own",
    radius=_reach,
    coarser=_coarser,
    unit=linear_unit("spatial_mean", ".goldstein()"),
)
def spatial_mean(image: BandsInput, *, sigma: Length = 2) -> BandsInput:
    """Mean of the valid pixels around, with weights that are close to a Gaussian.

    Three means over square windows one after the other, of values and of where they are (Wells 1986): valid pixels alone
    count. A length in metres of more than 12 pixels of the map (at the equator) is computed on pixels 2, 4, 8 ... times as
    large, of which there are then 6 to 12 in ``sigma``, and interpolated between them: 20 km at any zoom costs what 12 pixels do.

    Parameters
    ----------
    image : bands
        Of any kind.
    sigma : int or metres(length)
        Standard deviation: pixels of the screen, or ground metres at the row's latitude.

    Returns
    -------
    bands
        Same bands and unit, also where the pixel itself has no data; NaN where no valid pixel lies within about 3 ``sigma``.
    """
    radii = _box_radii(sigma, image.grid)
    array = np.empty(image.array.shape, dtype=np.float32)
    for band, values in enumerate(image.array):
        valid = ~np.isnan(values)
        total, weight = np.where(valid, values, 0.0).astype(np.float64), valid.astype(np.float64)
        for rows in radii:
            total, weight = _means(total, rows, image.grid), _means(weight, rows, image.grid)
        array[band] = np.divide(total, weight, out=np.full(weight.shape, np.nan), where=weight > 0)
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


def _means(values: Doubles, radii: NDArray[np.int64], grid: Grid) -> Doubles:
    """Mean over each row's own window; the outermost pixels are not defined."""
    out = np.zeros(values.shape)
    for radius in np.unique(radii):
        rows = np.flatnonzero(radii == radius)
        top, bottom = max(rows[0] - radius, 0), min(rows[-1] + radius + 1, grid.height)
        sums = focal.box_sums(values[top:bottom], int(radius), grid.row + int(top), grid.col)
        out[rows] = sums[rows - top] / (2 * radius + 1) ** 2
    return out
