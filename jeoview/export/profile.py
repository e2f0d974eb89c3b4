"""Values along a line, as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import LimitError, ParameterError
from jeoview.export import blocks, files
from jeoview.export.dates import labels
from jeoview.export.empty import warn_empty
from jeoview.export.request import Request, Resolution, request
from jeoview.grid import TILE_SIZE, Grid
from jeoview.progress import job
from jeoview.projection import WGS84, along, is_geographic, transform
from jeoview.quantities import METRES_PER_DEGREE, cos_latitude
from jeoview.raster import Kind

if TYPE_CHECKING:
    import pandas as pd

Doubles = NDArray[np.float64]
Line = list[tuple[float, float]]
MOST = 1_000_000


def profile(  # noqa: PLR0913 - what a user writes (design 8)
    self: Any,
    line: object,
    path: str | PathLike[str] | None = None,
    *,
    zoom: int | None = None,
    crs: str = WGS84,
    resolution: Resolution | None = None,
    step: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: bool = True,
    overwrite: bool = True,
) -> pd.DataFrame:
    """Values along a line.

    Parameters
    ----------
    line : GeoJSON LineString or sequence of (lon, lat)
        Degrees; between its corners the line is the shortest way over the ellipsoid.
    path : path, optional
        Ends in ``.csv``: the table is written there as well.
    zoom : int, optional
        Web Mercator zoom level: the pixels of the map's tiles.
    crs, resolution : str, float or (float, float), optional
        Instead of ``zoom``: pixels of a size in units of a reference system.
    step : float, optional
        Metres between points; by default the width of a pixel.
    parameters, progress, overwrite
        As `to_geotiff`.

    Returns
    -------
    DataFrame
        One row a point: ``distance`` in m along the line, ``lon`` and ``lat`` in degrees, and the value of the pixel that
        holds the point, in the image's unit (in ``attrs["unit"]``; those of the bands in ``attrs["units"]``): a column for
        each band, of a series for each date (and band, where it has several). NaN where there is no data.

    Raises
    ------
    ParameterError
        If the line is none, or the chain ends in colours or complex values.
    LimitError
        If there are more than a million points.

    Warns
    -----
    UserWarning
        If no point has data; it says where the data are.
    """
    place = files.target(path, (".csv",), overwrite=overwrite, images=[self]) if path is not None else None
    corners = _line(line)
    distance, lon, lat = _points(corners, zoom, crs, resolution, step)
    wanted = request(
        self, _around(lon, lat, crs, resolution), crs=crs, zoom=zoom, resolution=resolution, parameters=parameters
    )
    values = _sampled(wanted, lon, lat, progress=progress)
    if np.isnan(values).all():
        warn_empty(wanted, "profile")
    frame = _frame(wanted, {"distance": distance, "lon": lon, "lat": lat}, values)
    if place is not None:
        with files.replacing(place) as unfinished:
            frame.to_csv(unfinished, index=False, lineterminator="\n")
    return frame


def _line(line: object) -> Line:
    given: Any = getattr(line, "__geo_interface__", line)
    if isinstance(given, Mapping):
        given = given.get("geometry", given) or {}
        if given.get("type") != "LineString":
            raise ParameterError(f"line is a {given.get('type')}; expected a LineString")
        given = given.get("coordinates")
    try:
        corners = [(float(point[0]), float(point[1])) for point in given]
    except (TypeError, ValueError, IndexError):
        raise ParameterError("line: expected a GeoJSON LineString or a list of (lon, lat)") from None
    if len(corners) < 2 or len(set(corners)) < 2:
        raise ParameterError(f"line has {len(corners)} points; expected two or more, in different places")
    for lon, lat in corners:
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise ParameterError(f"line: ({lon}, {lat}) is no (lon, lat) in degrees")
    return corners


def _points(
    corners: Line, zoom: int | None, crs: str, resolution: Resolution | None, step: float | None
) -> tuple[Doubles, Doubles, Doubles]:
    if step is None:
        step = _pixel_metres(corners[0][1], zoom, crs, resolution)
    if not (isinstance(step, (int, float)) and np.isfinite(step) and step > 0):
        raise ParameterError(f"step is {step!r}; expected metres between points, above 0")
    length = along(corners, np.inf)[0][-1]
    if length / step > MOST:
        raise LimitError(
            f"{length / 1000:,.1f} km in steps of {step:g} m are more than {MOST:,} points; give a larger step="
        )
    return along(corners, float(step))


def _pixel_metres(lat: float, zoom: int | None, crs: str, resolution: Resolution | None) -> float:
    """About the width of a pixel on the ground."""
    if zoom is not None:
        return 360.0 * METRES_PER_DEGREE / (TILE_SIZE << zoom) * cos_latitude(lat)
    if resolution is None:
        raise ParameterError("give exactly one of zoom= and resolution=")
    width = float(resolution[0] if isinstance(resolution, Sequence) else resolution)
    return width * METRES_PER_DEGREE * cos_latitude(lat) if is_geographic(crs) else width


def _around(lon: Doubles, lat: Doubles, crs: str, resolution: Resolution | None) -> tuple[float, float, float, float]:
    """Bounds of the points in a reference system, of whole pixels: those of a source whose grid starts at such."""
    x, y = transform(WGS84, crs, lon, lat)
    dx, dy = resolution if isinstance(resolution, Sequence) else (resolution, resolution)
    least = 1e-7 if is_geographic(crs) else 1e-2
    steps = float(dx or least), float(dy or least)
    (west, east), (south, north) = (
        (math.floor(v.min() / s) * s, (math.floor(v.max() / s) + 1) * s) for v, s in zip((x, y), steps, strict=True)
    )
    return west, south, east, north


def _sampled(wanted: Request, lon: Doubles, lat: Doubles, *, progress: bool) -> NDArray[Any]:
    """(..., point): the value of the pixel that holds each point; only blocks that the line meets are computed."""
    if wanted.schema.kind is Kind.COLOUR:
        raise ParameterError("a profile has values, this chain ends in colours; leave them out")
    grid = wanted.grid
    x, y = transform(WGS84, grid.crs, lon, lat)
    dx, dy = grid.lattice.resolution
    cols = np.clip(np.floor((x - grid.lattice.left) / dx).astype(int) - grid.col, 0, grid.width - 1)
    rows = np.clip(np.floor((grid.lattice.top - y) / dy).astype(int) - grid.row, 0, grid.height - 1)
    blocks_of = np.stack([rows // TILE_SIZE, cols // TILE_SIZE], axis=1)
    out: NDArray[Any] | None = None
    with job("profile", len(lon), "points", progress=progress) as bar:
        for block in np.unique(blocks_of, axis=0):
            here = np.flatnonzero((blocks_of == block).all(axis=1))
            part = _window(grid, rows[here], cols[here])
            raster = blocks.piecewise(wanted, part, max(part.shape))
            if np.iscomplexobj(raster.array):
                raise ParameterError(
                    "a profile has real numbers, this chain complex ones; take .phase() or .amplitude()"
                )
            values = raster.array[..., rows[here] + grid.row - part.row, cols[here] + grid.col - part.col]
            if out is None:
                out = np.full((*values.shape[:-1], len(lon)), np.nan)
            out[..., here] = values
            bar.update(len(here))
    assert out is not None
    return out


def _window(grid: Grid, rows: NDArray[Any], cols: NDArray[Any]) -> Grid:
    top, left = int(rows.min()), int(cols.min())
    return Grid(grid.lattice, grid.row + top, grid.col + left, int(rows.max()) - top + 1, int(cols.max()) - left + 1)


def _frame(wanted: Request, places: Mapping[str, Doubles], values: NDArray[Any]) -> pd.DataFrame:
    import pandas as pd

    bands, columns = wanted.schema.bands, dict(places)
    if wanted.schema.kind is not Kind.SERIES:
        columns |= dict(zip(bands, values, strict=True))
    else:
        for label, layer in zip(labels(wanted.dates), values, strict=True):
            names = [label] if len(bands) == 1 else [f"{label} {band}" for band in bands]
            columns |= dict(zip(names, layer, strict=True))
    frame = pd.DataFrame(columns)
    frame.attrs |= {"unit": wanted.schema.unit, "units": dict(wanted.schema.units)}
    return frame
