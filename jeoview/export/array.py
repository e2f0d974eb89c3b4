"""The chain as a numpy array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.describe import describe
from jeoview.engine import Engine
from jeoview.errors import ParameterError
from jeoview.export import blocks
from jeoview.export.empty import warn_empty
from jeoview.export.request import Request, Resolution, check_values, request
from jeoview.make import bind
from jeoview.progress import job
from jeoview.projection import WGS84
from jeoview.raster import Array, Kind, Raster
from jeoview.recipes import as_image


def to_numpy(
    self: Any,
    bounds: object = None,
    *,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
) -> Array | dict[str, NDArray[np.float64]]:
    """Compute the values of an area.

    Parameters
    ----------
    bounds, crs, zoom, resolution, parameters
        As `to_geotiff`. A chain that ends in a table needs none of them but ``parameters``.
    max_pixels : float, optional
        Largest number of values (pixels times bands times dates); ``JEOVIEW_MAX_EXPORT_PIXELS`` by default.
    progress : bool
        Show a bar where it takes longer than two seconds.

    Returns
    -------
    ndarray or dict of str to ndarray
        (band, y, x), or (time, band, y, x) of a series: float32 or complex64 with NaN as nodata. Scenes within 5
        minutes, which are one pass of a satellite, are one layer: the first of the collection's order lies on top. Colour is (4, y, x) uint8 red, green, blue, alpha. A table is a dict of
        float64 arrays by name.

    Raises
    ------
    ParameterError, LimitError, CancelledByUser, JeoviewError
        As `to_geotiff`.
    """
    node = as_image(self).node
    if describe(node).kind is Kind.TABLE:
        return dict(Engine.default().table(bind(node, parameters)).values)
    wanted = request(
        self, bounds, crs=crs, zoom=zoom, resolution=resolution, parameters=parameters, max_pixels=max_pixels
    )
    raster = gather(wanted, "to_numpy", max_values=max_pixels, progress=progress)
    return raster.rgba() if raster.kind is Kind.COLOUR else raster.array


def gather(
    wanted: Request, name: str, *, max_values: float | None = None, progress: bool = True, warn: bool = True
) -> Raster:
    """Compute a request into one array.

    Parameters
    ----------
    wanted : Request
        Chain and grid.
    name : str
        Shown beside the progress bar.
    max_values : float, optional
        Largest number of values; from the settings by default.
    progress : bool
        Show a bar where it takes longer.
    warn : bool
        Whether a result without a valid pixel is told.

    Raises
    ------
    LimitError
        If there are more values.
    """
    grid = wanted.grid
    limit = wanted.engine.settings.max_export_pixels if max_values is None else max_values
    check_values(wanted.layers, grid, limit)
    found: list[Raster] = []

    def keep(block: Raster) -> None:
        if not found:
            array = np.empty((*block.array.shape[:-2], *grid.shape), dtype=block.array.dtype)
            found.append(replace(block, array=array, grid=grid))
        whole = found[0].array
        if not np.can_cast(block.array.dtype, whole.dtype, "safe"):
            raise ParameterError(
                f"a part of the area is {block.array.dtype}, its middle {whole.dtype}; ask for one of them"
            )
        whole[(..., *grid.window_of(block.grid))] = block.array

    with job(name, grid.height * grid.width, "px", progress=progress) as bar:
        valid = blocks.render(wanted, keep, bar)
    if warn and not valid:
        warn_empty(wanted, name)
    return found[0]
