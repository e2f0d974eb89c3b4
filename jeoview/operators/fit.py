"""Fit, then apply: small tables from a declared region, and the operators that use them.

A statistic is never taken per tile: two tiles would disagree along their border.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.errors import BandError, choices
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, TableInput, constant_unit, operator, with_table
from jeoview.raster import Table

Fractions = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=64)]


@operator(mode=Mode.FIT, nodata="skip")
def quantiles(image: BandsInput, *, q: Fractions = (0.02, 0.98)) -> TableInput:
    """Quantiles of every band over a declared region, linear between ranks as numpy.

    Parameters
    ----------
    q : tuple of float
        Fractions from 0 to 1.

    Returns
    -------
    table
        ``quantile`` holds the fractions, and each band's name its values (NaN where nothing is valid).
    """
    values: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {"quantile": np.array(q, dtype=np.float64)}
    for band, pixels in zip(image.bands, image.array, strict=True):
        valid = pixels[~np.isnan(pixels)].astype(np.float64)
        values[band] = np.quantile(valid, q) if valid.size else np.full(len(q), np.nan)
    return Table(values)


def _image_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    for band in inputs[0].bands:
        if band not in inputs[1].bands:
            raise BandError(f"stretch_by: the table holds no band {band!r}; {choices(band, inputs[1].bands)}")
    return inputs[0].bands


@operator(
    mode=Mode.PIXEL,
    nodata="any",
    bands=_image_bands,
    demand=with_table,
    unit=constant_unit(""),
    table="quantiles",
)
def stretch_by(image: BandsInput, table: TableInput) -> BandsInput:
    """Map the lowest to the highest quantile of each band's table to 0..1, values outside to the nearer end."""
    low = np.array([table.values[band][0] for band in image.bands], dtype=np.float32)[:, None, None]
    high = np.array([table.values[band][-1] for band in image.bands], dtype=np.float32)[:, None, None]
    # A band of one value has no contrast to show: it becomes mid-grey, not a division by zero.
    span = np.where(high > low, high - low, np.float32(np.nan))
    array = np.clip((image.array - low) / span, 0, 1)
    flat = np.isnan(span) & ~np.isnan(image.array)
    return replace(image, array=np.where(flat, np.float32(0.5), array).astype(np.float32))
