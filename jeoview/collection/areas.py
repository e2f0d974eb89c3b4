"""What may be given as an area: a box, GeoJSON, a geometry of another library, a map."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import shapely

from jeoview.catalog.sql import area_of
from jeoview.errors import ParameterError
from jeoview.projection import Bounds
from jeoview.quantities import geometry
from jeoview.region import check_bounds

Geometry = dict[str, Any]


def read_area(area: Any) -> Bounds | Geometry:
    """Return an area as a box in degrees, or as a GeoJSON geometry where it is none.

    Parameters
    ----------
    area : (west, south, east, north), dict, or object
        A box in degrees; a GeoJSON geometry, feature or feature collection; anything with ``__geo_interface__``
        (shapely in degrees, geopandas in any CRS); anything with ``bounds``, such as a map in view.

    Raises
    ------
    ParameterError
        If it is none of these, or does not lie on the globe.
    """
    shape = geometry(area)
    if shape is not None:
        return dict(json.loads(shapely.to_geojson(area_of(shape))))
    box = area if isinstance(area, Sequence) and not isinstance(area, str) else getattr(area, "bounds", None)
    if box is None:
        raise ParameterError(f"got {area!r}; expected (west, south, east, north), GeoJSON, or something with bounds")
    return check_bounds(_unfolded(box))


def _unfolded(box: Any) -> Any:
    """The view as ipyleaflet gives it, ((south, west), (north, east)), as four numbers."""
    try:
        (south, west), (north, east) = box
    except (TypeError, ValueError):
        return box
    return west, south, east, north
