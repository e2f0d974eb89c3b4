"""Single pixels drawn so large that they are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jeoview.grid import Grid
from jeoview.kernels import dots as kernel
from jeoview.operator import BandsInput, Mode, Options, operator

DotRadius = Annotated[int, Field(ge=0, le=32, json_schema_extra={"unit": "pixels"})]


def _radius(options: Options, grid: Grid) -> int:
    # A dot reaches so far, and its block is looked at over twice as many pixels around.
    return 3 * int(options["radius"])


@operator(mode=Mode.NEIGHBOURHOOD, version=2, nodata="own", radius=_radius, native=False, upgrades={1: dict})
def dots(image: BandsInput, *, radius: DotRadius = 2) -> BandsInput:
    """Draw every valid pixel as a round dot, for points that are too small to be seen on a map.

    A pixel gets the value of the nearest valid one within the radius, so that dots that touch share the room between
    them; of equally near ones that further north, then that further west. No value is changed or averaged, but ground
    is covered that was not measured: such an image is made to be looked at.

    Where the map is so close that a pixel of the source fills a block of the screen, the block (equal values in a row and
    in a column) grows by so much less: to the width of a dot, with round corners; and not at all where it is as large.

    Parameters
    ----------
    radius : int
        Of a dot, in pixels of the screen, whatever the zoom; 0 changes nothing.

    Returns
    -------
    bands
        As the input, each band by itself; NaN where no valid pixel is so near.
    """
    places = _around(radius)
    out = np.empty(image.array.shape, dtype=np.float32)
    for layer, result in zip(image.array, out, strict=True):
        kernel.nearest(np.ascontiguousarray(layer, dtype=np.float32), places, radius, result)
    return replace(image, array=out)


def _around(radius: int) -> NDArray[np.int64]:
    """Rows and columns of the pixels of a dot from its centre, the nearest first."""
    rows, cols = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1)
    squares = rows**2 + cols**2
    order = np.lexsort((cols, rows, squares))
    # To radius + 1/2: the square of that, less a quarter. Such a circle of pixels looks round.
    inside = order[squares[order] <= radius * (radius + 1)]
    return np.ascontiguousarray(np.stack([rows, cols], axis=1)[inside], dtype=np.int64)
