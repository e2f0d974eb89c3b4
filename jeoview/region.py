"""The areas that people ask for: bounds in any reference system, and the pixels that hold them."""

from __future__ import annotations

import math

from jeoview.errors import LimitError, ParameterError
from jeoview.grid import MAX_ZOOM, MERCATOR_LATITUDE, SAME_PIXEL, TILE_SIZE, Grid, Lattice, web_mercator
from jeoview.projection import WEB_MERCATOR, WGS84, Bounds, canonical_crs, transform, transform_bounds

MAX_PIXELS = 2.0**53
# Degrees that both edges of a bbox lose or gain by the 7 digits which are kept.
ROUNDED = 2e-7


def check_bounds(bounds: object, crs: str = WGS84) -> Bounds:
    """Return bounds as four floats.

    Raises
    ------
    ParameterError
        If they are not four finite numbers west < east, south < north, inside the globe for degrees.
    """
    try:
        west, south, east, north = (float(value) for value in bounds if not isinstance(value, str))  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(f"bounds are {bounds!r}; expected four numbers (west, south, east, north)") from None
    if not all(math.isfinite(value) for value in (west, south, east, north)) or west >= east or south >= north:
        raise ParameterError(f"bounds are {bounds!r}; expected (west, south, east, north), west < east, south < north")
    if crs == WGS84 and (west < -180 or east > 180 or south < -90 or north > 90):
        raise ParameterError(f"bounds {bounds!r} leave the globe; they are degrees of EPSG:4326 unless crs= says else")
    return west, south, east, north


def apart(one: Bounds, other: Bounds) -> bool:
    """Whether two boxes in degrees do not meet; one across the antimeridian is wider than it looks."""
    if one[1] > other[3] or other[1] > one[3]:
        return True
    crossing = one[0] > one[2] or other[0] > other[2]
    return not crossing and (one[0] > other[2] or other[0] > one[2])


def check_meets(bounds: Bounds, data: Bounds | None, what: str, whole: str) -> None:
    """Refuse bounds that hold nothing of what is there.

    Parameters
    ----------
    bounds : (west, south, east, north)
        Degrees.
    data : (west, south, east, north), optional
        Where there is data, as far as that is known.
    what, whole : str
        Words for the two.

    Raises
    ------
    ParameterError
        If the two do not meet.
    """
    if data is not None and apart(bounds, data):
        one, other = (", ".join(f"{side:.3f}" for side in box) for box in (bounds, data))
        raise ParameterError(f"{what} ({one}) lies outside {whole} ({other}), west, south, east, north in degrees")


def region_grid(
    bounds: Bounds,
    *,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: float | tuple[float, float] | None = None,
    max_pixels: float = math.inf,
) -> Grid:
    """The grid of an area: on a zoom's lattice, or on a lattice anchored at its upper left corner.

    Parameters
    ----------
    bounds : (west, south, east, north)
        In units of ``crs``.
    crs : str
        Reference system of the bounds and, with ``resolution``, of the result.
    zoom : int, optional
        A Web Mercator zoom level; the result is in EPSG:3857 whatever ``crs`` is, and covers the
        bounds in whole pixels.
    resolution : float or (float, float), optional
        Pixel size in units of ``crs``.
    max_pixels : float
        Largest number of pixels allowed.

    Raises
    ------
    ParameterError
        If not exactly one of ``zoom`` and ``resolution`` is given, or a value makes no sense.
    LimitError
        If the grid would hold more than ``max_pixels``.
    """
    bounds = check_bounds(bounds, canonical_crs(crs))
    if (zoom is None) == (resolution is None):
        raise ParameterError("give exactly one of zoom= and resolution=")
    if zoom is not None:
        grid = _zoom_grid(bounds, canonical_crs(crs), zoom)
    else:
        grid = _resolution_grid(bounds, canonical_crs(crs), resolution)
    check_size(grid, max_pixels)
    return grid


def check_size(grid: Grid, max_pixels: float) -> None:
    """Refuse a grid of more pixels than a limit.

    Raises
    ------
    LimitError
        Which says how many they are, and what to ask for.
    """
    if grid.height * grid.width > max_pixels:
        raise LimitError(
            f"the area has {grid.width} x {grid.height} = {grid.width * grid.height:,} pixels; the limit is "
            f"{int(max_pixels):,}. Ask for a smaller area, a lower zoom or a coarser resolution, or raise max_pixels"
        )


def covering(lattice: Lattice, bounds: Bounds, spare: float) -> Grid:
    """The pixels of a lattice that hold an area.

    Parameters
    ----------
    lattice : Lattice
        The pixels.
    bounds : (west, south, east, north)
        In units of the lattice's CRS.
    spare : float
        Share of a pixel by which an edge may reach into one more: an edge on a pixel's edge, up to rounding, adds none.
    """
    (west, south, east, north), (dx, dy) = bounds, lattice.resolution
    col, row = math.floor((west - lattice.left) / dx + spare), math.floor((lattice.top - north) / dy + spare)
    right, bottom = math.ceil((east - lattice.left) / dx - spare), math.ceil((lattice.top - south) / dy - spare)
    return Grid(lattice, row, col, max(bottom - row, 1), max(right - col, 1))


def is_finer(lattice: Lattice, whole: Grid) -> bool:
    """Whether the pixels of a lattice are smaller than those of a window, across or down, in the middle of it."""
    middle = Grid(whole.lattice, whole.row + whole.height // 2, whole.col + whole.width // 2, 1, 1)
    west, south, east, north = transform_bounds(whole.crs, lattice.crs, middle.bounds)
    (dx, dy), enough = lattice.resolution, 1.0 - SAME_PIXEL
    return dx < enough * (east - west) or dy < enough * (north - south)


def under(grid: Grid, whole: Grid) -> Grid:
    """The part of a window that holds the pixels of a grid of another lattice, and one pixel more on every side.

    One pixel beside the window where it holds none of them.
    """
    most, beside = whole.pad(1), Grid(whole.lattice, whole.row - 1, whole.col - 1, 1, 1)
    try:
        sides = transform_bounds(grid.crs, whole.crs, grid.bounds)
    except ParameterError:
        return beside
    if not all(map(math.isfinite, sides)):
        return most
    found = covering(whole.lattice, sides, 0.0).pad(1)
    row, col = max(found.row, most.row), max(found.col, most.col)
    height = min(found.row + found.height, most.row + most.height) - row
    width = min(found.col + found.width, most.col + most.width) - col
    return Grid(whole.lattice, row, col, height, width) if min(height, width) > 0 else beside


def _zoom_grid(bounds: Bounds, crs: str, zoom: int) -> Grid:
    lattice = web_mercator(zoom)
    if crs == WGS84:
        south, north = max(bounds[1], -MERCATOR_LATITUDE), min(bounds[3], MERCATOR_LATITUDE)
        (west, east), (south, north) = transform(crs, WEB_MERCATOR, [bounds[0], bounds[2]], [south, north])
    else:
        west, south, east, north = transform_bounds(crs, WEB_MERCATOR, bounds)
    # A bound that falls on a pixel edge up to rounding (of degrees: 0.1 micrometres) must not add a row of pixels.
    area = covering(lattice, (west, south, east, north), max(1e-6, 1e-7 / lattice.resolution[0]))
    size = TILE_SIZE << zoom
    col, row = max(area.col, 0), max(area.row, 0)
    right, bottom = min(area.col + area.width, size), min(area.row + area.height, size)
    return Grid(lattice, row, col, max(bottom - row, 1), max(right - col, 1))


def slack(step: float, crs: str) -> float:
    """The share of a pixel of size ``step`` by which an area may miss a whole number of them and still have that many.

    Degrees are rounded to 7 digits, which is more of a small pixel; a twentieth of one is the most.
    """
    return max(SAME_PIXEL, min(ROUNDED / step, 0.05)) if crs == WGS84 else SAME_PIXEL


def _resolution_grid(bounds: Bounds, crs: str, resolution: float | tuple[float, float] | None) -> Grid:
    try:
        dx, dy = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
        dx, dy = float(dx), float(dy)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(f"resolution is {resolution!r}; expected a number or a pair of numbers") from None
    if not (math.isfinite(dx) and math.isfinite(dy) and dx > 0 and dy > 0):
        raise ParameterError(f"resolution is {resolution!r}; expected positive numbers in units of {crs}")
    west, south, east, north = bounds
    if dx > 2 * (east - west) and dy > 2 * (north - south):
        raise ParameterError(
            f"resolution {resolution!r} is larger than the whole area {bounds}: both are in units of {crs}; "
            "give crs= for bounds and resolution, or zoom="
        )
    if not (east - west) / dx * ((north - south) / dy) < MAX_PIXELS:
        raise LimitError(f"resolution {resolution!r} makes more pixels of the area {bounds} than anyone can count")
    width = math.ceil((east - west) / dx - slack(dx, crs))
    height = math.ceil((north - south) / dy - slack(dy, crs))
    return Grid(Lattice(crs, (dx, dy), west, north), 0, 0, max(height, 1), max(width, 1))


def zoom_for(bounds: Bounds, pixels: int) -> int:
    """The highest zoom at which ``bounds`` (degrees) is at most ``pixels`` wide and high."""
    for zoom in range(MAX_ZOOM, 0, -1):
        grid = _zoom_grid(bounds, WGS84, zoom)
        if max(grid.width, grid.height) <= pixels:
            return zoom
    return 0
