"""Displacement as a user wants it told: relative to a date and a place of his choice, without what is air."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from jeoview.errors import ParameterError
from jeoview.image import Image, apply
from jeoview.projection import Bounds
from jeoview.quantities import number, short, square_around
from jeoview.raster import Kind
from jeoview.region import check_bounds, check_meets, zoom_for

# A median over so many pixels a side says where a place is.
PLACE_PIXELS = 32


def relative_to(
    self: Any,
    date: str | None = None,
    lon: float | None = None,
    lat: float | None = None,
    bounds: Any = None,
    metres: float = 200.0,
) -> Image:
    """Displacement relative to another date, to another place, or both; a velocity relative to another place.

    Parameters
    ----------
    date : str, optional
        Day of the series that becomes 0, ``"2018-02-16"``.
    lon, lat : float, optional
        Degrees of a place that is to stand still: its median over a square of ``metres`` is subtracted, of a series at
        each date.
    bounds : (west, south, east, north), optional
        The area itself, in degrees, in the place of ``lon`` and ``lat``.
    metres : float
        Side of the square on the ground.

    Returns
    -------
    Image
        As it came in. See the operators ``series_referenced`` and ``relative_to_date`` for a series, ``image_referenced``
        for an image of one band.

    Raises
    ------
    ParameterError
        If neither a date nor a place is given, or two places; the date is none, or none of the series; the place lies outside
        the image; or the series has no band ``displacement`` for a place. Of an image without dates, if a date is given or it
        has several bands.
    """
    image: Image = self if isinstance(self, Image) else self.image()
    if date is None and lon is None and lat is None and bounds is None:
        raise ParameterError("relative_to: give date=, or a place: lon= and lat=, or bounds=(west, south, east, north)")
    if bounds is not None and (lon is not None or lat is not None):
        raise ParameterError("relative_to: give lon= and lat=, or bounds=, one of them")
    dated = image.kind is Kind.SERIES
    if date is not None and not dated:
        raise ParameterError("relative_to: the image has no dates; call it on the displacement series, or give a place")
    if date is not None:
        _check_day(date)
    if bounds is None and (lon is not None or lat is not None):
        bounds = _square(lon, lat, metres)
    if bounds is not None:
        area = check_bounds(bounds)
        check_meets(area, image.schema.bbox, "relative_to: the place", "the image")
        what = "series" if dated else "image"
        table = apply(f"{what}_reference", (image,), {"region": area, "zoom": zoom_for(area, PLACE_PIXELS)})
        image = apply(f"{what}_referenced", (image, table), {})
    return image if date is None else apply("relative_to_date", (image,), {"date": date})


def spatial_filter(self: Any, sigma: Any = 2, keep: Any = "low") -> Image:
    """Smooth an image, or each date of a series, by a mean that is close to a Gaussian; see `spatial_mean`.

    ``series - series.temporal_filter(days, keep="high", detrend=True).spatial_filter(jv.metres(2000))`` takes what is high in
    time and low in space for atmosphere and subtracts it. Without ``detrend`` it is the filter of LiCSBAS, which takes part
    of steady motion with it: the shorter the series beside ``days``, the more.

    Parameters
    ----------
    sigma : int or metres(length)
        Standard deviation: pixels of the screen, or ground metres at the row's latitude; LiCSBAS takes 2 km.
    keep : {"low", "high"}
        ``low``: the mean. ``high``: the image less its mean.

    Returns
    -------
    Image
        Same bands and unit; NaN where the pixel itself is.

    Raises
    ------
    ParameterError
        If the image holds wrapped phase, of which `goldstein` is the filter.
    """
    image: Image = self if isinstance(self, Image) else self.image()
    mean = apply("spatial_mean", (image,), {"sigma": sigma})
    return apply("spatial_filter", (image, mean), {"keep": keep})


def _check_day(date: Any) -> None:
    """Refuse what is no day of the calendar, in words."""
    text = date if isinstance(date, str) and re.match(r"\d{4}-\d{2}-\d{2}(T|$)", date) else ""
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        raise ParameterError(
            f"relative_to: date={short(date)} is no day of the calendar as 'YYYY-MM-DD', for instance '2018-02-16'"
        ) from None


def _square(lon: float | None, lat: float | None, metres: float) -> Bounds:
    if lon is None or lat is None:
        raise ParameterError("relative_to: a place needs both lon= and lat=, in degrees")
    return square_around(
        number(lon, "relative_to(lon)", -180, 180),
        number(lat, "relative_to(lat)", -90, 90),
        number(metres, "relative_to(metres)", 1),
    )
