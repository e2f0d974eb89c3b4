"""What is exported: a chain whose sliders stand still, on a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jeoview.catalog.pixels import union
from jeoview.describe import describe, is_source, shows_scenes
from jeoview.engine import Engine
from jeoview.errors import LimitError, ParameterError
from jeoview.export.dates import passes
from jeoview.graph import Node, walk
from jeoview.grid import Grid, Lattice
from jeoview.make import below_sliders, bind
from jeoview.operator import Schema
from jeoview.projection import WEB_MERCATOR, WGS84, Bounds, canonical_crs, is_sensor, transform_bounds
from jeoview.quantities import short
from jeoview.raster import Kind
from jeoview.recipes import as_image
from jeoview.region import check_bounds, check_size, covering, region_grid, slack
from jeoview.scenes import Layer

Resolution = float | tuple[float, float]


@dataclass(frozen=True)
class Request:
    """One export.

    Parameters
    ----------
    engine : Engine
        Computes it.
    node : Node
        The chain, slider parameters bound.
    grid : Grid
        The pixels wanted; also the view of full-extent operators.
    axis : tuple of Layer
        The scenes of a series whose layers are scenes; else none.
    own_dates : tuple of str
        The dates of a series that an operator made: one of interferograms has the same ones everywhere.
    steady : frozenset of str
        Keys of what no slider moves: an animation, which moves one, computes none of it again.
    """

    engine: Engine
    node: Node
    grid: Grid
    axis: tuple[Layer, ...] = ()
    own_dates: tuple[str, ...] = ()
    steady: frozenset[str] = frozenset()

    @property
    def schema(self) -> Schema:
        """Kind, bands and unit of the result."""
        return describe(self.node)

    @cached_property
    def groups(self) -> list[list[int]]:
        """The scenes of each pass, as positions in ``axis``: their pixels are one layer of the result."""
        return passes([layer.date for layer in self.axis])

    @property
    def dates(self) -> tuple[str, ...]:
        """RFC 3339 times along the time axis of the result; two with a slash for a pair."""
        return self.own_dates or tuple(self.axis[group[0]].date for group in self.groups)

    @property
    def layers(self) -> int:
        """Bands, times dates for a series."""
        return len(self.schema.bands) * (len(self.dates) if self.schema.kind is Kind.SERIES else 1)


def request(
    image: Any,
    bounds: object = None,
    *,
    crs: str = WGS84,
    zoom: int | None = None,
    resolution: Resolution | None = None,
    parameters: Mapping[str, Any] | None = None,
    max_pixels: float | None = None,
) -> Request:
    """Check what is asked for.

    Parameters
    ----------
    image : Image or ImageCollection
        What is exported.
    bounds : (west, south, east, north), optional
        In units of ``crs``; the extent of the image by default.
    crs : str
        Reference system of the bounds and, with ``resolution``, of the result.
    zoom : int, optional
        Web Mercator zoom level: the pixels of the map's tiles.
    resolution : float or (float, float), optional
        Pixel size in units of ``crs``; with neither it nor a zoom the own pixels of the files that the chain reads.
    parameters : mapping, optional
        Positions of the sliders; defaults for the others.
    max_pixels : float, optional
        Largest number of pixels; from the settings by default.

    Raises
    ------
    ParameterError
        If a value makes no sense, the image ends in a table, or its files do not share the pixels that are asked for.
    LimitError
        If there are more pixels than the limit.
    """
    engine = Engine.default()
    chain = as_image(image).node
    node, steady = bind(chain, parameters), below_sliders(chain)
    schema = describe(node)
    if schema.kind is Kind.TABLE:
        raise ParameterError(f"{node.operator} gives a table, not an image; read it with .to_numpy()")
    crs = canonical_crs(crs)
    limit = engine.settings.max_export_pixels if max_pixels is None else max_pixels
    if is_sensor(crs):
        grid = _sensor_grid(node, bounds, zoom, resolution, crs)
    elif zoom is None and resolution is None:
        grid = _own_grid(engine, node, bounds, crs)
        check_size(grid, limit)
    else:
        step = resolution if zoom is None else None
        area = extent(schema, crs, step) if bounds is None else check_bounds(bounds, crs)
        grid = region_grid(area, crs=crs, zoom=zoom, resolution=resolution, max_pixels=limit)
    if schema.kind is not Kind.SERIES:
        return Request(engine, node, grid, steady=steady)
    if shows_scenes(node):
        return Request(engine, node, grid, engine.layers(node, grid), steady=steady)
    return Request(engine, node, grid, own_dates=engine.render(node, middle(grid), view=grid).dates, steady=steady)


def _own_grid(engine: Engine, node: Node, bounds: object, crs: str) -> Grid:
    """The files' own pixels: all of them, or those that hold the bounds."""
    if any(describe(part).frame for part in walk(node) if is_source(part)):
        raise ParameterError("give zoom= or resolution=: the pixels of a sensor have no size on the map")
    if bounds is None:
        return _shared(engine.own_grids(node))
    area = check_bounds(bounds, crs)
    west, south, east, north = area
    near = Grid(Lattice(crs, (east - west, north - south), west, north), 0, 0, 1, 1)
    lattice = _shared(engine.own_grids(node, near)).lattice
    return covering(lattice, transform_bounds(crs, lattice.crs, area), slack(lattice.resolution[0], lattice.crs))


def _shared(grids: Sequence[Grid | None]) -> Grid:
    """All pixels of several files, which must be the same ones."""
    whole = union(grids)
    if whole is None:
        sizes = dict.fromkeys(
            f"{' x '.join(f'{step:g}' for step in grid.lattice.resolution)} of {short(grid.crs)[1:-1]}"
            for grid in grids
            if grid
        )
        shown = f" ({', '.join(sizes)})" if len(sizes) > 1 else ""
        raise ParameterError(f"give zoom= or resolution=: the files of this chain do not share their pixels{shown}")
    return whole


def _sensor_grid(node: Node, bounds: object, zoom: int | None, resolution: Resolution | None, crs: str) -> Grid:
    """A window of the sensor's own pixels: bounds count columns eastwards and rows downwards, both from the first."""
    frame = describe(node).frame
    if frame is None or canonical_crs(frame.lattice.crs) != crs:
        raise ParameterError(
            f"crs is that of a sensor's rows and columns, and {node.operator} is not at these pixels; ask for a system of the "
            "map, such as crs='EPSG:4326'"
        )
    steps = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
    if zoom is not None or (resolution is not None and tuple(steps) != frame.lattice.resolution):
        raise ParameterError(
            f"the image has pixels of {frame.lattice.resolution} columns and rows of its sensor; ask for these (resolution=), "
            "or for a system of the map"
        )
    if bounds is None:
        return frame.extent
    edges = check_bounds(bounds, crs)
    dx, dy = frame.lattice.resolution
    west, top, east, bottom = (
        round(edge / step)
        for edge, step in zip((edges[0], -edges[3], edges[2], -edges[1]), (dx, dy, dx, dy), strict=True)
    )
    window = Grid(frame.lattice, top, west, max(bottom - top, 1), max(east - west, 1))
    if not frame.extent.contains(window):
        raise ParameterError(
            f"bounds {edges} of columns and minus rows lie outside of the sensor's {frame.extent.bounds}"
        )
    return window


def middle(grid: Grid) -> Grid:
    """The pixel in the middle."""
    return Grid(grid.lattice, grid.row + grid.height // 2, grid.col + grid.width // 2, 1, 1)


def extent(schema: Schema, crs: str, resolution: Resolution | None = None) -> Bounds:
    """The image's own extent, grown to whole pixels: grids of whole metres then keep the pixels of the source.

    One that is whole pixels already stays. One in degrees keeps its upper left corner, that of the source's first pixel, and
    loses a last row or column whose middle lies outside of it: nothing could stand there.

    Raises
    ------
    ParameterError
        If the image says none.
    """
    if schema.bbox is None:
        raise ParameterError("the image says no extent; give bounds=(west, south, east, north)")
    area = transform_bounds(WGS84, crs, schema.bbox)
    west, south, east, north = area
    try:
        dx, dy = resolution if isinstance(resolution, (tuple, list)) else (resolution, resolution)
        dx, dy = float(dx), float(dy)  # type: ignore[arg-type]
        if crs == WGS84:
            return west, north - _held(north - south, dy), west + _held(east - west, dx), north
        (west, east), (south, north) = _whole(west, east, dx, crs), _whole(south, north, dy, crs)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        # No resolution, or one that `region_grid` has the words for.
        return area
    return west, south, east, north


def _held(length: float, step: float) -> float:
    """A length in degrees, less the part of a last pixel whose middle lies beyond it."""
    pixels = length / step
    return length if pixels <= 1 or pixels % 1 >= 0.5 or pixels % 1 < slack(step, WGS84) else math.floor(pixels) * step


def _whole(low: float, high: float, step: float, crs: str) -> tuple[float, float]:
    """Two edges with whole pixels between them: as they are, or else the multiples of the step around them."""
    spare, pixels = slack(step, crs), (high - low) / step
    if abs(pixels - round(pixels)) < spare:
        return low, high
    return math.floor(low / step + spare) * step, math.ceil(high / step - spare) * step


def check_width(width: object, most: int = 16_384) -> int:
    """Pixels across a picture.

    Raises
    ------
    ParameterError
        If they are too few, too many or no number.
    """
    if isinstance(width, bool) or not isinstance(width, int) or not 16 <= width <= most:
        raise ParameterError(f"width is {width!r}; expected a whole number of pixels from 16 to {most}")
    return width


def check_colour(node: Node) -> None:
    """Refuse a chain that does not end in colour.

    Raises
    ------
    ParameterError
        Which says what it ends in.
    """
    found = describe(node)
    if found.kind is not Kind.COLOUR:
        raise ParameterError(
            f"a picture shows colour, this chain ends in {found.kind.value} ({', '.join(found.bands)}); add "
            ".colormap(...) or .rgb(...)"
        )


def across(bounds: object, schema: Schema, width: object) -> tuple[Bounds, float]:
    """Bounds in Web Mercator and the pixel size at which they are ``width`` pixels wide.

    Parameters
    ----------
    bounds : (west, south, east, north) or None
        Degrees; the extent of the image where it is None.
    schema : Schema
        Says the extent.
    width : int
        Pixels.

    Raises
    ------
    ParameterError
        If a value makes no sense.
    """
    pixels = check_width(width)
    area = extent(schema, WGS84) if bounds is None else check_bounds(bounds)
    west, south, east, north = transform_bounds(
        WGS84, WEB_MERCATOR, (area[0], max(area[1], -85.05), area[2], min(area[3], 85.05))
    )
    return (west, south, east, north), (east - west) / pixels


def check_values(planes: int, grid: Grid, limit: float) -> None:
    """Refuse an array that memory would not hold.

    Raises
    ------
    LimitError
        Which says the size, the limit and the way out.
    """
    values = planes * grid.height * grid.width
    if values > limit:
        raise LimitError(
            f"the array has {planes} layers of {grid.width} x {grid.height} pixels = {values:,} values; the limit is "
            f"{int(limit):,}. Ask for a smaller area, fewer bands or dates or a coarser resolution, export to a GeoTIFF "
            "(it is written block by block), or raise max_pixels"
        )
