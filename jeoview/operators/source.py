"""The leaf of every chain: the frozen items of a collection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jeoview.operator import Mode, SeriesInput, operator
from jeoview.quantities import Box, Dates, Later

ItemsKey = Annotated[str, Field(pattern="^items:[0-9a-f]{64}$")]


@operator(mode=Mode.SOURCE, nodata="own")
def load_items(  # noqa: PLR0913 - what is known of the items
    *,
    items: ItemsKey,
    bands: tuple[str, ...],
    common_names: dict[str, str] = {},  # noqa: B006 - pydantic copies it, and it is never written to
    quality: dict[str, str] = {},  # noqa: B006
    bbox: Box | None = None,
    resampling: Literal["nearest", "bilinear"] = "nearest",
    unit: str | dict[str, str] = "",
    stack: Literal["time", "pairs"] = "time",
    dates: Annotated[Dates | None, Later()] = None,
    is_complex: Annotated[bool | None, Later()] = None,
) -> SeriesInput:
    """The frozen items of a collection as a time stack; scale, offset and nodata applied.

    Parameters
    ----------
    items : str
        Key of the frozen item list; the catalogue alone knows where the files are.
    bands : tuple of str
        Bands to offer; only those that a chain needs are read.
    common_names : dict
        Common name (``red``) to band.
    quality : dict
        Quality band to its scheme (``SCL`` to ``sentinel2-scl``).
    bbox : (west, south, east, north), optional
        Degrees; the extent of the items.
    resampling : {"nearest", "bilinear"}
        How a source is brought onto the map. Quality bands are always nearest.
    unit : str or dict
        Unit of the values of all bands but the quality bands; where they differ, band to unit of those that have one.
    stack : {"time", "pairs"}
        ``time``: one layer a scene, those that do not touch the map's area left out. ``pairs``: one layer an
        interferogram, all of them everywhere, named by the interval of its two dates.
    dates : Dates, optional
        Of the items, so that a line that joins two series knows whether it can.
    is_complex : bool, optional
        Whether the files hold complex numbers.

    Returns
    -------
    series
        (time, band, y, x) float32, NaN where there is no data.
    """
    raise NotImplementedError("the engine reads sources")
