"""The chain as an xarray DataArray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jeoview.export.array import gather
from jeoview.export.provenance import is_simulated
from jeoview.export.request import Request, Resolution, request
from jeoview.projection import WGS84, is_geographic, parse_crs
from jeoview.raster import Kind

if TYPE_CHECKING:
    import xarray


def to_xarray(
    self: Any,
    bounds: object = None,
    *,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
) -> xarray.DataArray:
    """Compute the values of an area, with their coordinates.

    Parameters
    ----------
    bounds, crs, zoom, resolution, parameters, max_pixels, progress
        As `to_numpy`.

    Returns
    -------
    xarray.DataArray
        Dimensions ``band, y, x`` or ``time, band, y, x``, one time for each pass of a satellite (as `to_numpy`);
        coordinates of pixel centres, band names and UTC times;
        ``spatial_ref`` as rioxarray reads it; attributes ``crs``, ``transform`` (a, b, c, d, e, f), ``unit`` (where
        bands have different ones it is a coordinate beside ``band``), ``chain`` and, where pixels were made by a program, ``simulated``.

    Raises
    ------
    ParameterError, LimitError, CancelledByUser, JeoviewError
        As `to_numpy`.
    """
    import xarray

    wanted = request(
        self, bounds, crs=crs, zoom=zoom, resolution=resolution, parameters=parameters, max_pixels=max_pixels
    )
    raster = gather(wanted, "to_xarray", max_values=max_pixels, progress=progress)
    coords: dict[str, Any] = {"band": list(wanted.schema.bands), "y": wanted.grid.y, "x": wanted.grid.x}
    if raster.kind is Kind.SERIES:
        coords = {"time": _times(raster.dates), **coords}
    dimensions = tuple(coords)
    values = raster.rgba() if raster.kind is Kind.COLOUR else raster.array
    bands = wanted.schema.bands
    if not wanted.schema.unit and any(wanted.schema.units.values()):
        coords["unit"] = ("band", list(wanted.schema.units.values()))
    array = xarray.DataArray(values, coords, dimensions, bands[0] if len(bands) == 1 else None, _attributes(wanted))
    array.coords["spatial_ref"] = xarray.Variable((), 0, _spatial_reference(wanted))
    array.encoding["grid_mapping"] = "spatial_ref"
    for axis, name in (("x", "longitude"), ("y", "latitude")):
        degrees = is_geographic(wanted.grid.crs)
        array[axis].attrs["standard_name"] = name if degrees else f"projection_{axis}_coordinate"
        array[axis].attrs["units"] = ("degrees_east" if axis == "x" else "degrees_north") if degrees else "metre"
    return array


def _times(dates: tuple[str, ...]) -> np.ndarray[Any, Any]:
    """UTC times; text for pairs, which are intervals."""
    if any("/" in date for date in dates):
        return np.array(dates)
    return np.array([date.removesuffix("Z") for date in dates], "datetime64[ns]")


def _attributes(wanted: Request) -> dict[str, Any]:
    from jeoview import chain

    attributes: dict[str, Any] = {"crs": wanted.grid.crs, "transform": wanted.grid.transform}
    if unit := wanted.schema.unit:
        # The second is what the CF conventions and xarray's plots read.
        attributes |= {"unit": unit, "units": unit}
    if is_simulated(wanted.engine, wanted.node):
        attributes["simulated"] = "yes"
    return attributes | {"chain": chain.encode(wanted.node)}


def _spatial_reference(wanted: Request) -> dict[str, str]:
    wkt = str(parse_crs(wanted.grid.crs).to_wkt())
    a, b, c, d, e, f = wanted.grid.transform
    # GDAL's order, as rioxarray writes it.
    return {"crs_wkt": wkt, "spatial_ref": wkt, "GeoTransform": " ".join(repr(v) for v in (c, a, b, f, d, e))}
