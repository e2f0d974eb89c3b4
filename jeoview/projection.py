"""The home of pyproj: coordinates from one reference system to another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError, ProjError

from jeoview.errors import ParameterError

WGS84 = "EPSG:4326"
WEB_MERCATOR = "EPSG:3857"
Bounds = tuple[float, float, float, float]
Floats = NDArray[np.float64]


@lru_cache(maxsize=256)
def parse_crs(crs: str) -> CRS:
    """Return the pyproj object of a CRS given as ``EPSG:n`` or WKT.

    Raises
    ------
    ParameterError
        If the text names no coordinate reference system.
    """
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise ParameterError(f"{crs!r} is not a coordinate reference system; give for instance 'EPSG:32632'") from error


def canonical_crs(crs: str) -> str:
    """Return ``EPSG:n`` where the CRS is exactly one of EPSG's, else its WKT.

    Raises
    ------
    ParameterError
        If it is no text, or names no coordinate reference system.
    """
    if not isinstance(crs, str):
        raise ParameterError(f"the reference system is {crs!r}; expected text such as 'EPSG:32632'")
    return _canonical(crs)


@lru_cache(maxsize=256)
def _canonical(crs: str) -> str:
    parsed = parse_crs(crs)
    code = parsed.to_epsg(min_confidence=100)
    return f"EPSG:{code}" if code else str(parsed.to_wkt())


@lru_cache(maxsize=256)
def _transformer(source: str, target: str) -> Transformer:
    try:
        return Transformer.from_crs(parse_crs(source), parse_crs(target), always_xy=True)
    except ProjError as error:
        if is_sensor(source) or is_sensor(target):
            raise ParameterError(
                "rows and columns of a sensor have no place on the map of their own; ask for a system of the map, such as "
                "crs='EPSG:4326'"
            ) from error
        raise ParameterError(f"there is no way from {source} to {target}") from error


def transform(source: str, target: str, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Transform points; x is easting or longitude. A point outside the target's domain is NaN."""
    if source == target:
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    east, north = _transformer(source, target).transform(np.asarray(x), np.asarray(y), errcheck=False)
    east, north = np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64)
    lost = ~(np.isfinite(east) & np.isfinite(north))
    return np.where(lost, np.nan, east), np.where(lost, np.nan, north)


@lru_cache(maxsize=1024)
def transform_bounds(source: str, target: str, bounds: Bounds) -> Bounds:
    """Return bounds (west, south, east, north) that enclose the transformed edges and interior.

    Raises
    ------
    ParameterError
        If no point of the area has a place in the target system.
    """
    if source == target:
        return bounds
    west, south, east, north = bounds
    # Between Web Mercator and degrees straight edges stay straight: the corners say all.
    points = 2 if {source, target} == {WGS84, WEB_MERCATOR} else 21
    x, y = np.meshgrid(np.linspace(west, east, points), np.linspace(south, north, points))
    tx, ty = transform(source, target, x, y)
    if not np.isfinite(tx).any():
        raise ParameterError(f"the area {bounds} of {source} has no place in {target}")
    return float(np.nanmin(tx)), float(np.nanmin(ty)), float(np.nanmax(tx)), float(np.nanmax(ty))


@lru_cache(maxsize=256)
def is_geographic(crs: str) -> bool:
    """Whether the units of the CRS are degrees."""
    return bool(parse_crs(crs).is_geographic)


@lru_cache(maxsize=256)
def metres_per_unit(crs: str) -> float:
    """Metres of one unit along the axes of a projected CRS; of one degree of latitude for degrees."""
    if is_geographic(crs):
        return 111_319.490793
    return float(parse_crs(crs).axis_info[0].unit_conversion_factor)


def sensor_crs(name: str) -> str:
    """Rows and columns of a sensor as a reference system of their own, in pixels; no other system can be reached from it.

    Parameters
    ----------
    name : str
        Says which pixels: letters and digits.
    """
    axes = 'AXIS["column",east,ORDER[1]],AXIS["row",north,ORDER[2]]'
    return f'ENGCRS["sensor {name}",EDATUM["pixels"],CS[Cartesian,2],{axes},LENGTHUNIT["pixel",1]]'


def is_sensor(crs: str) -> bool:
    """Whether a system is one of `sensor_crs`."""
    return crs.startswith('ENGCRS["sensor ')


def ground_scale(crs: str, y: float) -> float:
    """Ground metres per metre of the map at a place: cos(latitude) in Web Mercator, about 1 in UTM.

    Parameters
    ----------
    crs : str
        Reference system of the map.
    y : float
        Height of the place on the map, in units of the CRS.
    """
    if canonical_crs(crs) == WEB_MERCATOR:
        return float(1.0 / np.cosh(y / 6_378_137.0))
    return 1.0


@lru_cache(maxsize=1)
def _ellipsoid() -> Geod:
    return Geod(ellps="WGS84")


def along(line: Sequence[tuple[float, float]], step: float) -> tuple[Floats, Floats, Floats]:
    """Points along a line of geodesics, at most ``step`` metres apart, its own corners among them.

    Parameters
    ----------
    line : sequence of (lon, lat)
        Degrees.
    step : float
        Metres.

    Returns
    -------
    distance, lon, lat : (n,) float64
        Metres from the first point on the WGS 84 ellipsoid; degrees.
    """
    parts, start = [np.array([[0.0, *line[0]]])], 0.0
    for (lon, lat), (end_lon, end_lat) in pairwise(line):
        azimuth, _, length = _ellipsoid().inv(lon, lat, end_lon, end_lat)
        count = max(int(np.ceil(length / step - 1e-9)), 1)
        distance = np.arange(1, count + 1) * (length / count)
        one = np.ones(count)
        lons, lats, _ = _ellipsoid().fwd(lon * one, lat * one, azimuth * one, distance)
        parts.append(np.column_stack([start + distance, lons, lats]))
        start += length
    points = np.concatenate(parts)
    return points[:, 0], points[:, 1], points[:, 2]
