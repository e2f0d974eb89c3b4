"""What a displacement series gains in each calendar year."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.kernels.yearly import gains
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, SeriesInput, all_demand, operator
from jeoview.operators.insar_pairs import check_dates, years_since
from jeoview.operators.phase import linear_unit
from jeoview.raster import Kind

Year = Annotated[int, Field(ge=1900, le=2200)]


def _years(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_dates("annual_steps", inputs[0])
    first, last = options["first"], options["last"]
    if last < first or last - first > 100:
        raise ParameterError(
            f"annual_steps: {first} to {last}; expected the first year and the last, at most 100 later"
        )
    if len(inputs[0].bands) != 1:
        raise ParameterError(f"annual_steps: the series has bands {list(inputs[0].bands)}; choose one, series['name']")
    return tuple(str(year) for year in range(first, last + 1))


@operator(
    mode=Mode.PIXEL, nodata="own", bands=_years, demand=all_demand, unit=linear_unit("annual_steps", ".unwrap() first")
)
def annual_steps(series: SeriesInput, *, first: Year, last: Year) -> BandsInput:
    """Displacement gained in each calendar year, one band a year.

    The position at a New Year (0 h UTC) is linear between the dates around it; before the first and after the last date
    of a pixel it is that date's. So the steps of all years add up to the whole displacement, and the first and the last
    year count as far as the series reaches.

    Parameters
    ----------
    series : series
        One band, for instance ``displacement`` in m, positive towards the satellite.
    first, last : int
        Calendar years. The method takes all whole years of the series where they are not given.

    Returns
    -------
    bands
        ``2016`` ..., in the unit of the series. NaN in a year into which the valid dates of a pixel do not reach.

    Raises
    ------
    ParameterError
        If the years are not in order, or the series has several bands.
    """
    names = tuple(str(year) for year in range(first, last + 1))
    if not series.dates:
        array = np.full((len(names), *series.array.shape[-2:]), np.nan, dtype=np.float32)
    else:
        start = f"{first}-01-01T00:00:00Z"
        order = np.argsort(times := years_since(series.dates, start), kind="stable")
        ends = years_since(tuple(f"{year}-01-01T00:00:00Z" for year in range(first, last + 2)), start)
        array = gains(series.array[order, 0], times[order], ends)
    return replace(series, array=array, kind=Kind.BANDS, bands=names, dates=())
