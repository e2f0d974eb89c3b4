"""Lines of equal value, as vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from contourpy import LineType, contour_generator
from numpy.typing import NDArray
from shapely import LineString

from jeoview.errors import LimitError, ParameterError
from jeoview.export import files
from jeoview.export.array import gather
from jeoview.export.request import Request, Resolution, request
from jeoview.grid import Grid
from jeoview.projection import WGS84, transform
from jeoview.quantities import is_wrapped
from jeoview.raster import Kind
from jeoview.recipes import as_image

if TYPE_CHECKING:
    import geopandas as gpd

DRIVERS = {".geojson": "GeoJSON", ".gpkg": "GPKG"}
MOST = 1000


def isolines(  # noqa: PLR0913 - what a user writes (design 8)
    self: Any,
    interval: float,
    path: str | PathLike[str] | None = None,
    *,
    base: float = 0.0,
    bounds: object = None,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    tolerance: float = 0.5,
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> gpd.GeoDataFrame:
    """Lines of equal value, linear between the centres of the pixels.

    Parameters
    ----------
    interval : float
        From one line to the next, in the image's unit.
    path : path, optional
        Ends in ``.geojson`` or ``.gpkg``: the lines are written there as well.
    base : float
        A value that has a line; the others follow from it.
    bounds, crs, zoom, resolution, parameters, max_pixels, progress, overwrite
        As `to_geotiff`.
    tolerance : float
        The lines are simplified by at most so many pixels (Douglas and Peucker 1973); 0 leaves every point.

    Returns
    -------
    GeoDataFrame
        LineStrings in degrees (EPSG:4326), one row a line, with ``value`` in the image's unit and ``closed``, whether
        it comes back to its start. A line ends where the data end: at the edge of the area and of a hole in it. The
        higher values lie on the right of a line that one walks along.

    Raises
    ------
    ParameterError
        If the image has more than one band, dates, colours, complex values or wrapped phase, or the interval is not
        above 0.
    LimitError
        If there would be more than a thousand values with lines.
    """
    place = files.target(path, tuple(DRIVERS), overwrite=overwrite, images=[self]) if path is not None else None
    _check(as_image(self), interval, base, tolerance)
    wanted = request(
        self, bounds, crs=crs, zoom=zoom, resolution=resolution, parameters=parameters, max_pixels=max_pixels
    )
    values = gather(wanted, "isolines", progress=progress).array[0]
    if np.iscomplexobj(values):
        raise ParameterError("isolines: the image is complex; take .phase().unwrap() or .amplitude()")
    frame = _frame(wanted, values, (float(interval), float(base), float(tolerance)))
    if place is not None:
        with files.replacing(place) as unfinished:
            frame.to_file(unfinished, driver=DRIVERS[place.suffix.lower()], engine="pyogrio")
    return frame


def _check(image: Any, interval: object, base: object, tolerance: object) -> None:
    schema = image.schema
    if schema.kind is not Kind.BANDS or len(schema.bands) != 1:
        raise ParameterError(
            f"isolines: the image has {schema.kind.value} {list(schema.bands)}; expected one band, image['name']"
        )
    if is_wrapped(schema.unit):
        raise ParameterError(
            f"isolines: the image is in {schema.unit}, which jumps by whole cycles; .unwrap() it first"
        )
    for name, value in (("interval", interval), ("base", base), ("tolerance", tolerance)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number or (name == "interval" and not value > 0) or (name == "tolerance" and not value >= 0):  # type: ignore[operator]
            least = {"interval": " above 0", "tolerance": " of pixels, at least 0"}.get(name, "")
            raise ParameterError(f"isolines: {name} is {value!r}; expected a number{least}")


def _frame(wanted: Request, values: NDArray[Any], drawn: tuple[float, float, float]) -> gpd.GeoDataFrame:
    import geopandas as gpd

    interval, base, tolerance = drawn
    found = [
        (level, line, bool((line[0] == line[-1]).all()))
        for level in _levels(values, interval, base)
        for line in _lines(values, level)
    ]
    rows: dict[str, list[Any]] = {"value": [level for level, _, _ in found], "closed": [closed for *_, closed in found]}
    shapes = [_placed(line, tolerance, wanted.grid) for _, line, _ in found]
    frame = gpd.GeoDataFrame(rows, geometry=shapes, crs=WGS84)
    frame.attrs["unit"] = wanted.schema.unit
    return frame.astype({"value": np.float64, "closed": bool})


def _levels(values: NDArray[Any], interval: float, base: float) -> list[float]:
    if np.isnan(values).all():
        return []
    first = math.ceil((float(np.nanmin(values)) - base) / interval)
    last = math.floor((float(np.nanmax(values)) - base) / interval)
    if last - first >= MOST:
        raise LimitError(f"isolines: an interval of {interval:g} makes {last - first + 1:,} values; at most {MOST:,}")
    return [base + number * interval for number in range(first, last + 1)]


def _lines(values: NDArray[Any], level: float) -> list[NDArray[np.float64]]:
    """Lines of one value in pixels, counted from the centre of the first; those of no length are left out."""
    if min(values.shape) < 2:
        return []
    masked = np.ma.masked_invalid(values.astype(np.float64))
    lines: Any = contour_generator(z=masked, name="serial", corner_mask=True, line_type=LineType.Separate).lines(level)
    return [line for line in lines if len(line) > 1 and np.ptp(line, axis=0).max() > 0]


def _placed(line: NDArray[np.float64], tolerance: float, grid: Grid) -> LineString:
    """A line in degrees, simplified in pixels."""
    if tolerance > 0:
        simple = np.asarray(LineString(line).simplify(tolerance).coords)
        # A ring round one pixel must stay a ring.
        line = simple if len(simple) > 3 or (line[0] != line[-1]).any() else line
    dx, dy = grid.lattice.resolution
    x, y = grid.x[0] + dx * line[:, 0], grid.y[0] - dy * line[:, 1]
    return LineString(np.column_stack(transform(grid.crs, WGS84, x, y)))
