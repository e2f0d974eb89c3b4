"""Pixels as rows of a table: points as the European Ground Motion Service gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jeoview.describe import describe
from jeoview.errors import ParameterError
from jeoview.export import files
from jeoview.export.array import gather
from jeoview.export.dates import labels, merged, passes
from jeoview.export.request import Request, Resolution, request
from jeoview.grid import Grid
from jeoview.make import bind
from jeoview.operator import find
from jeoview.projection import WGS84, is_geographic, transform
from jeoview.raster import Array, Kind, Raster
from jeoview.recipes import as_image

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, NDArray[Any]]
DISPLACEMENT = "displacement"
MILLIMETRES = 1000.0


def to_csv(  # noqa: PLR0913 - what a user writes (design 8)
    self: Any,
    path: str | PathLike[str],
    *,
    bounds: object = None,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    also: Sequence[Any] = (),
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> Path:
    """Write one row for each pixel that has a value, row by row from the north.

    A displacement series becomes a table like those of the European Ground Motion Service: the columns
    ``mean_velocity``, ``mean_velocity_std``, ``acceleration``, ``seasonality`` and ``rmse`` by its definitions (below),
    then the displacement at each date. Any other series has one column for each date and band, bands one for each band.

    Parameters
    ----------
    path : path
        Ends in ``.csv``.
    bounds, crs, zoom, resolution, parameters, max_pixels, progress, overwrite
        As `to_geotiff`.
    also : sequence of Image
        More columns: the bands of these images at the same pixels, for instance ``temporal_coherence`` or height.

    Returns
    -------
    Path
        The file. Columns: ``pid`` (row and column of the pixel on its lattice, the same in every export of that lattice),
        ``latitude`` and ``longitude`` in degrees, ``easting`` and ``northing`` in the units of the reference system
        where it is no geographic one; the bands of ``also``; then the values. Of a displacement series all lengths are in
        mm (velocities mm/yr, acceleration mm/yr**2), positive towards the satellite, dates are ``YYYYMMDD``; of others in
        their own unit. Empty where there is no value. `jeoview.open_points` opens it again.

    Raises
    ------
    ParameterError
        If an image has no bands or series, or two columns have the same name.
    LimitError, CancelledByUser, JeoviewError
        As `to_geotiff`.

    Notes
    -----
    With annual sine and cosine always in the fit, and t in years of 365.25 days: the velocity is the slope of degree 1, the
    acceleration twice the second coefficient of degree 2, the seasonality (amplitude) and the rmse are those of degree 3.
    They are empty where a pixel has less than a year of dates.
    """
    place = files.target(path, (".csv",), overwrite=overwrite, images=[self, *also])
    wanted = request(
        self, bounds, crs=crs, zoom=zoom, resolution=resolution, parameters=parameters, max_pixels=max_pixels
    )
    raster = _values(wanted, place.name, progress=progress)
    values = _of_series(raster) if raster.kind is Kind.SERIES else _of_bands(raster)
    more: Columns = {}
    for image in also:
        _add(more, _of_bands(_values(_beside(image, wanted, parameters), place.name, progress=progress)))
    some = np.logical_or.reduce([np.isfinite(column) for column in values.values()])
    frame = _frame(wanted.grid, more, values, some)
    with files.replacing(place) as unfinished:
        frame.to_csv(unfinished, index=False, lineterminator="\n")
    return place


def _values(wanted: Request, name: str, *, progress: bool) -> Raster:
    if wanted.schema.kind not in (Kind.BANDS, Kind.SERIES):
        raise ParameterError(
            f"a table has values, this chain ends in {wanted.schema.kind.value}; leave the colours out"
        )
    raster = gather(wanted, name, progress=progress)
    if np.iscomplexobj(raster.array):
        raise ParameterError("a table has real numbers, this chain ends in complex ones; take .phase() or .amplitude()")
    return raster


def _beside(image: Any, wanted: Request, parameters: Mapping[str, Any] | None) -> Request:
    """Another image on the same pixels."""
    chosen = as_image(image)
    node = bind(chosen.node, {name: value for name, value in (parameters or {}).items() if name in chosen.parameters})
    if describe(node).kind is not Kind.BANDS:
        raise ParameterError(f"also: expected images with bands, one of them ends in {describe(node).kind.value}")
    return replace(wanted, node=node, axis=())


def _of_bands(raster: Raster) -> Columns:
    return {band: layer.ravel() for band, layer in zip(raster.bands, raster.array, strict=True)}


def _of_series(raster: Raster) -> Columns:
    groups = passes(raster.dates)
    array = merged(raster.array, groups)
    days = [day.replace("-", "") for day in labels([raster.dates[group[0]] for group in groups])]
    if DISPLACEMENT in raster.bands:
        return _of_displacement(raster, array[:, raster.bands.index(DISPLACEMENT)], days)
    several = len(raster.bands) > 1
    found: Columns = {}
    for day, layers in zip(days, array, strict=True):
        names = [f"{band}_{day}" if several else day for band in raster.bands]
        _add(found, {name: layer.ravel() for name, layer in zip(names, layers, strict=True)})
    return found


def _of_displacement(raster: Raster, array: Array, days: list[str]) -> Columns:
    columns = _motion(raster)
    _add(columns, {day: np.round(layer.ravel() * MILLIMETRES, 2) for day, layer in zip(days, array, strict=True)})
    return columns


def _motion(series: Raster) -> Columns:
    """The fit of the Ground Motion Service."""
    fit = find("velocity").function

    def band(degree: int, name: str) -> NDArray[Any]:
        if degree not in fits:
            fits[degree] = fit(series, model="annual", degree=degree, min_span=1.0)
        found = fits[degree]
        return np.round(np.asarray(found.array[found.bands.index(name)].ravel()), 3)

    fits: dict[int, Raster] = {}
    return {
        "mean_velocity": band(1, "velocity"),
        "mean_velocity_std": band(1, "std"),
        "acceleration": band(2, "acceleration"),
        "seasonality": band(3, "amplitude"),
        "rmse": band(3, "rmse"),
    }


def _add(columns: Columns, more: Columns) -> None:
    for name in more:
        if name in columns:
            raise ParameterError(f"two columns would be called {name!r}; rename one of them: image.rename(...)")
    columns.update(more)


def _frame(grid: Grid, more: Columns, values: Columns, some: NDArray[np.bool_]) -> pd.DataFrame:
    import pandas as pd

    columns = _places(grid, some)
    for group in (more, values):
        _add(columns, {name: column[some] for name, column in group.items()})
    return pd.DataFrame(columns)


def _places(grid: Grid, some: NDArray[np.bool_]) -> Columns:
    rows, cols = np.divmod(np.flatnonzero(some), grid.width)
    x, y = grid.x[cols], grid.y[rows]
    longitude, latitude = transform(grid.crs, WGS84, x, y)
    names = np.char.add(np.char.add((rows + grid.row).astype(str), "_"), (cols + grid.col).astype(str))
    columns: Columns = {"pid": names, "latitude": np.round(latitude, 7), "longitude": np.round(longitude, 7)}
    if not is_geographic(grid.crs):
        columns |= {"easting": np.round(x, 3), "northing": np.round(y, 3)}
    return columns
