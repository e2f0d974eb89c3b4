"""Isolines as pixels, for the map; as vectors they are an exit, `Image.isolines`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.grid import Grid
from jeoview.operator import BandsInput, Mode, Options, Schema, operator
from jeoview.operators.phase import linear_unit


def _neighbours(options: Options, grid: Grid) -> int:
    return 1


def _no_unit(options: Options, inputs: tuple[Schema, ...]) -> str:
    linear_unit("isoline_pixels", ".unwrap() first")(options, inputs)
    return ""


@operator(mode=Mode.NEIGHBOURHOOD, nodata="own", radius=_neighbours, unit=_no_unit)
def isoline_pixels(
    image: BandsInput, *, interval: Annotated[float, Field(gt=0, le=1e12)], base: float = 0.0
) -> BandsInput:
    """Lines of equal value, one pixel of the screen wide.

    A pixel is on a line where floor((value - base) / interval) differs from that of its neighbour to the right or below.

    Parameters
    ----------
    interval : float
        From one line to the next, in the image's unit.
    base : float
        A value that has a line; the others follow from it.

    Returns
    -------
    bands
        1 on a line, NaN (transparent) elsewhere and where the pixel or the neighbour has no data.

    Raises
    ------
    ParameterError
        If the image is wrapped phase, which jumps by whole cycles.
    """
    step = np.floor((image.array.astype(np.float64) - base) / interval)
    line = np.zeros(step.shape, dtype=bool)
    for here, there in ((np.s_[:, :, :-1], np.s_[:, :, 1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        both = ~np.isnan(step[here]) & ~np.isnan(step[there])
        line[here] |= both & (step[here] != step[there])
    return replace(image, array=np.where(line, np.float32(1), np.float32(np.nan)))
