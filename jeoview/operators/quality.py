"""The product's own quality band, and areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import AfterValidator

from jeoview.errors import ParameterError
from jeoview.graph import canonical
from jeoview.grid import Grid
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, operator
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.quantities import BandName

Scheme = Literal["sentinel2-scl", "landsat-c2-qa", "landsat-c1-bqa"]
SCL_CLOUD = (3.0, 8.0, 9.0, 10.0)
SCL_SNOW = 11.0


def _with_quality(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    return (tuple(dict.fromkeys((*wanted, options["band"]))),)


@operator(mode=Mode.PIXEL, nodata="own", demand=_with_quality)
def mask_clouds(image: BandsInput, *, band: BandName, scheme: Scheme, snow: bool = False) -> BandsInput:
    """NaN where the product's quality band says cloud, cloud shadow or cirrus, or says nothing.

    Parameters
    ----------
    band : str
        The quality band.
    scheme : {"sentinel2-scl", "landsat-c2-qa", "landsat-c1-bqa"}
        How it is read. SCL: classes 3 (shadow), 8, 9 (cloud), 10 (cirrus). Landsat Collection 2 QA_PIXEL:
        bits 1 to 4 (dilated cloud, cirrus, cloud, shadow). Collection 1 BQA: bit 4 (cloud).
    snow : bool
        Mask snow as well (SCL class 11, QA_PIXEL bit 5, BQA bits 9-10 both set).
    """
    quality = image.array[image.bands.index(band)]
    hidden = np.isnan(quality) | _hidden(quality, scheme, snow)
    return replace(image, array=np.where(hidden, np.float32(np.nan), image.array))


def _hidden(quality: NDArray[np.float32], scheme: Scheme, snow: bool) -> NDArray[np.bool_]:
    if scheme == "sentinel2-scl":
        return np.asarray(np.isin(quality, (*SCL_CLOUD, SCL_SNOW) if snow else SCL_CLOUD))
    bits = np.nan_to_num(quality).astype(np.uint32)
    if scheme == "landsat-c2-qa":
        return np.asarray((bits & (0b11110 | (0b100000 if snow else 0))) != 0)
    both = 0b11 << 9
    cloud = (bits & 0b10000) != 0
    return np.asarray(cloud | ((bits & both) == both) if snow else cloud)


def _area_only(value: Any) -> dict[str, Any]:
    """GeoJSON as far as it decides about pixels: types and coordinates, in one form for equal areas."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "Feature":
        return _area_only(value.get("geometry"))
    if kind in ("FeatureCollection", "GeometryCollection"):
        parts = value.get("features" if kind == "FeatureCollection" else "geometries")
        return {"type": "GeometryCollection", "geometries": tuple(_area_only(part) for part in _sequence(parts))}
    if kind not in ("Polygon", "MultiPolygon"):
        raise ParameterError(f"a GeoJSON {kind} is no area; expected a Polygon or MultiPolygon in degrees")
    return {"type": kind, "coordinates": _degrees(value.get("coordinates"))}


def _sequence(value: Any) -> tuple[Any, ...] | list[Any]:
    if not isinstance(value, (tuple, list)):
        raise ParameterError("the polygon is not GeoJSON: a list is missing in it")
    return value


def _degrees(value: Any) -> tuple[Any, ...]:
    parts = _sequence(value)
    if not parts or isinstance(parts[0], (tuple, list)):
        return tuple(_degrees(part) for part in parts)
    numbers = [part for part in parts[:2] if isinstance(part, (int, float)) and not isinstance(part, bool)]
    if len(numbers) < 2 or not (-180 <= numbers[0] <= 180 and -90 <= numbers[1] <= 90):
        raise ParameterError(f"the polygon has the position {parts!r}; expected longitude and latitude in degrees")
    return float(numbers[0]), float(numbers[1])


# Degrees: an edge is straight in degrees and bends on the map, so it is cut into pieces of this length.
SEGMENT = 0.05
MAX_POSITIONS = 1_000_000
Area = Annotated[dict[str, Any], AfterValidator(_area_only)]


def _checked_area(options: Options, inputs: tuple[Schema, ...]) -> Names:
    area_of(options["polygon"])
    return inputs[0].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_checked_area, native=False, complex_numbers="kept")
def mask_polygon(image: BandsInput, *, polygon: Area, inside: bool = True) -> BandsInput:
    """Keep the pixels whose centre lies in an area; NaN elsewhere.

    Parameters
    ----------
    polygon : dict
        GeoJSON Polygon, MultiPolygon, Feature or FeatureCollection in degrees of EPSG:4326.
    inside : bool
        False keeps what lies outside.

    Raises
    ------
    ParameterError
        If the GeoJSON is not an area.
    """
    large = image.grid.height * image.grid.width > MAX_KEPT
    within = (_find_within if large else _within)(canonical(polygon), image.grid)
    return replace(image, array=np.where(within == inside, image.array, np.float32(np.nan)))


def area_of(polygon: dict[str, Any]) -> shapely.Geometry:
    """The geometry of a GeoJSON area in degrees.

    Raises
    ------
    ParameterError
        If it is not a valid Polygon or MultiPolygon.
    """
    return _parse_area(canonical(polygon))


@lru_cache(maxsize=64)
def _parse_area(text: str) -> shapely.Geometry:
    try:
        parts = shapely.get_parts(shapely.get_parts(shapely.from_geojson(text)))
    except shapely.errors.GEOSException:
        raise ParameterError("the polygon is not GeoJSON: rings are closed and have at least 4 positions") from None
    if shapely.length(parts).sum() / SEGMENT + shapely.get_num_coordinates(parts).sum() > MAX_POSITIONS:
        raise ParameterError(
            "the polygon is too long: its edges are cut into pieces, and these are more than a million"
        )
    wrong = next((shapely.is_valid_reason(part) for part in parts if not part.is_valid), "")
    if wrong or not len(parts) or shapely.is_empty(parts).all():
        raise ParameterError(f"the polygon is not a valid area: {wrong or 'it is empty'}")
    return shapely.union_all(parts)


@lru_cache(maxsize=64)
def _projected(text: str, crs: str) -> shapely.Geometry:
    """The area in a map's system; edges are straight in degrees, so long ones are cut before they bend."""
    area = shapely.segmentize(_parse_area(text), SEGMENT)
    if crs == WEB_MERCATOR:
        # The poles lie at infinity on this map.
        area = shapely.intersection(area, shapely.box(-180, -89.5, 180, 89.5))
    projected = shapely.transform(area, lambda xy: np.column_stack(transform(WGS84, crs, xy[:, 0], xy[:, 1])))
    shapely.prepare(projected)
    return projected


@lru_cache(maxsize=128)
def _within(text: str, grid: Grid) -> NDArray[np.bool_]:
    """`_find_within`, kept: the sliders of a layer and its many dates ask for the same tiles again."""
    return _find_within(text, grid)


# Pixels; a mask of more is computed each time rather than kept with a hundred others.
MAX_KEPT = 1 << 19


def _find_within(text: str, grid: Grid) -> NDArray[np.bool_]:
    area = _projected(text, grid.crs)
    west, south, east, north = shapely.bounds(area)
    rows, cols = (grid.y >= south) & (grid.y <= north), (grid.x >= west) & (grid.x <= east)
    within = np.zeros(grid.shape, dtype=np.bool_)
    if rows.any() and cols.any():
        x, y = np.meshgrid(grid.x[cols], grid.y[rows])
        within[np.ix_(rows, cols)] = shapely.contains_xy(area, x, y)
    return within
