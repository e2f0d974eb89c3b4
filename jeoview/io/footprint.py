"""Where a raster lies on the globe, as a GeoJSON polygon."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from jeoview.errors import ParameterError, SourceError
from jeoview.projection import WGS84, Bounds, Floats, transform, transform_bounds

_STEPS = 16  # points along an edge: the edges of a map projection are curved in degrees
_DECIMALS = 7
_TOLERANCE = 1e-5  # degrees, about a metre; the box is not simplified


def footprint(crs: str, affine: Sequence[float], shape: tuple[int, int]) -> tuple[dict[str, Any], Bounds]:
    """Return the outline of a raster in degrees.

    Parameters
    ----------
    crs : str
        Reference system.
    affine : six floats
        (a, b, c, d, e, f): x = a col + b row + c, y = d col + e row + f.
    shape : (int, int)
        Rows and columns.

    Returns
    -------
    geometry : dict
        GeoJSON Polygon, or MultiPolygon cut at the antimeridian.
    bbox : (west, south, east, north)
        Its box; -180 .. 180 where it crosses the antimeridian.

    Raises
    ------
    SourceError
        If no part of it lies on the globe.
    """
    outline = _outline(affine, shape)
    lon, lat = transform(crs, WGS84, *outline)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        area = _box(crs, outline)
    else:
        area = _polygon(np.unwrap(lon, period=360.0), np.clip(lat, -90.0, 90.0))
    if not shapely.area(area):
        raise SourceError("the raster has no area on the globe; its georeferencing is wrong")
    west, south, east, north = (round(value, _DECIMALS) for value in shapely.bounds(area).tolist())
    simple = shapely.set_precision(shapely.simplify(area, _TOLERANCE), 10.0**-_DECIMALS)
    geometry = json.loads(shapely.to_geojson(shapely.orient_polygons(simple)))
    return geometry, (west, south, east, north)


def covered(box: Bounds, others: Sequence[Bounds]) -> float:
    """Share of a box in degrees that other ones cover together: 0 to 1."""
    west, south, east, north = box
    area = (east - west) * (north - south)
    if len(others) == 1:
        left, bottom, right, top = others[0]
        return max(min(east, right) - max(west, left), 0.0) * max(min(north, top) - max(south, bottom), 0.0) / area
    together = shapely.union_all([shapely.box(*one) for one in others])
    return float(shapely.area(shapely.intersection(shapely.box(*box), together))) / area


def _outline(affine: Sequence[float], shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """The four edges in units of the CRS, from the upper left corner round and back."""
    a, b, c, d, e, f = affine
    t = np.linspace(0.0, 1.0, _STEPS + 1)
    zero, one = np.zeros_like(t), np.ones_like(t)
    col = np.concatenate([t, one, t[::-1], zero]) * shape[1]
    row = np.concatenate([zero, t, one, t[::-1]]) * shape[0]
    return a * col + b * row + c, d * col + e * row + f


def _box(crs: str, outline: tuple[Floats, Floats]) -> shapely.Geometry:
    """For a raster whose edges leave the globe, as a full-disk image: the box of what is on it."""
    x, y = outline
    try:
        bounds = transform_bounds(crs, WGS84, (x.min(), y.min(), x.max(), y.max()))
    except ParameterError as error:
        raise SourceError("the raster has no area on the globe; its georeferencing is wrong") from error
    return shapely.box(*bounds)


def _polygon(lon: Floats, lat: Floats) -> shapely.Geometry:
    """The polygon of a ring whose longitudes run on across the antimeridian."""
    if abs(lon[-1] - lon[0]) > 180.0:  # the ring goes once round a pole
        pole = (lat.min(), 90.0) if lat.mean() > 0 else (-90.0, lat.max())
        return shapely.box(-180.0, pole[0], 180.0, pole[1])
    area = shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])))
    if lon.min() >= -180.0 and lon.max() <= 180.0:
        return area
    parts = []
    for turn in (-360.0, 0.0, 360.0):
        part = shapely.intersection(area, shapely.box(turn - 180.0, -90.0, turn + 180.0, 90.0))
        parts.append(shapely.transform(part, lambda points, by=turn: points - (by, 0.0)))  # type: ignore[misc]
    return shapely.union_all([part for part in parts if part.area])
