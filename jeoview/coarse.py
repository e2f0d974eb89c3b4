"""What a smooth neighbourhood on larger pixels is computed from: finer pixels, as many as their number allows.

One sample for each of the larger pixels would say little of a scene that is no longer than a few of them. So they are
made of parts, in powers of two: the finest of which the scenes, or what lies within reach where that is less, have no
more than `MOST_PIXELS`. How many parts hangs on the chain and on the lattice, never on a tile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from jeoview.describe import describe, input_nodes, is_source, options_of
from jeoview.errors import ParameterError
from jeoview.graph import Node, walk
from jeoview.grid import EARTH_HALF, MERCATOR_LATITUDE, TILE_SIZE, Grid, Lattice
from jeoview.operator import Operator, find
from jeoview.projection import WEB_MERCATOR, WGS84, Bounds, is_geographic, transform_bounds
from jeoview.region import covering

# Four tiles: what a mean over kilometres may cost, once for all tiles that share it.
MOST_PIXELS = 1 << 18
# Pixels times layers of the deepest source.
MOST_VALUES = 1 << 24
MOST_PARTS = 1 << 16
# Larger pixels of a block that tiles share.
BLOCK = 16
# An extent is measured at points: between them an edge may bulge.
MARGIN, MARGIN_DEGREES = 0.05, 0.01
# Operators that give a value where no input has one; tests/contracts/test_operators.py holds all others to giving none.
FILLING = frozenset(("count", "dots", "spatial_mean", "unmask"))
# Wider ones are bent by projections, and no scene.
WIDEST = 60.0


def factor_of(node: Node, lattice: Lattice) -> int:
    """Pixels of a lattice, down and across, in one of those that a node is computed on; 0 if it is on the lattice itself."""
    coarser = find(node.operator).coarser
    return coarser.factor(options_of(node), lattice) if coarser else 0


@lru_cache(maxsize=4096)
def parts_of(node: Node, lattice: Lattice) -> int:
    """Pixels, down and across, that one of the larger is made of; 0 if a node is computed on the lattice itself."""
    factor = factor_of(node, lattice)
    if not factor:
        return 0
    extent, parts = _extent(node, lattice.crs), 1
    if extent is not None:
        larger = Grid(lattice, 0, 0, 1, 1).within(factor).lattice
        high, wide = _size(larger, extent, max(TILE_SIZE // factor, BLOCK) + 2 * _reach(node, larger, extent))
        most = min(MOST_PIXELS, MOST_VALUES // _layers(node))
        while parts < MOST_PARTS and high * wide * (2 * parts) ** 2 <= most:
            parts *= 2
    # On pixels as large as the lattice's own, and no parts of them, there is nothing to gain.
    return parts if factor > 1 or parts > 1 else 0


def shared(grid: Grid) -> Grid:
    """A window of larger pixels, or the block that holds it, which is then computed once for all tiles in it."""
    if max(grid.shape) > BLOCK:
        return grid
    row, col = grid.row // BLOCK * BLOCK, grid.col // BLOCK * BLOCK
    bottom, right = -(-(grid.row + grid.height) // BLOCK), -(-(grid.col + grid.width) // BLOCK)
    return Grid(grid.lattice, row, col, bottom * BLOCK - row, right * BLOCK - col)


def sources_of_parts(node: Node, grid: Grid, parts: int) -> Grid:
    """The finer pixels that a node needs for a window of larger ones: those of the scenes, the rest has no data.

    All of them where they are few, so that every tile asks for the same.
    """
    needed = grid.parts(parts)
    extent = _extent(node, grid.crs)
    if extent is None:
        return needed
    turns = [covering(needed.lattice, bounds, 0.0) for bounds in _turned(grid.crs, extent)]
    near = [(whole, part) for whole in turns if (part := whole.overlap(needed)) is not None]
    if not near:
        return Grid(needed.lattice, needed.row, needed.col, 1, 1)
    whole, found = near[0]
    if len(near) == 1 and whole.height * whole.width <= MOST_PIXELS:
        return whole
    for _, part in near[1:]:
        found = found.union(part)
    return found


def _size(lattice: Lattice, extent: Bounds, window: int) -> tuple[float, float]:
    """Height and width in pixels of what lies within reach, or of the scenes where they are smaller."""
    (west, south, east, north), (dx, dy) = extent, lattice.resolution
    return min((north - south) / dy, window), min((east - west) / dx, window)


def _reach(node: Node, lattice: Lattice, extent: Bounds) -> int:
    """Pixels that a node looks away where the scenes lie."""
    rows = (math.floor((lattice.top - y) / lattice.resolution[1]) for y in (extent[1], extent[3]))
    return max(find(node.operator).radius(options_of(node), Grid(lattice, row, 0, 1, 1)) for row in rows)


def _layers(node: Node) -> int:
    dates = (describe(part).dates for part in walk(node) if is_source(part))
    return max((found.count for found in dates if found is not None), default=1)


@lru_cache(maxsize=1024)
def _extent(node: Node, crs: str) -> Bounds | None:
    """Bounds in a reference system beyond which the image that a node is given has no data; None if that is not known."""
    boxes: dict[str, Bounds | None] = {}
    for part in walk(input_nodes(node)[0]):
        inputs = [boxes[image.key] for image in input_nodes(part)]
        boxes[part.key] = describe(part).bbox if is_source(part) else _joint(find(part.operator), inputs)
    box = boxes[input_nodes(node)[0].key]
    return None if box is None else _widened(box, crs)


def _joint(found: Operator, inputs: list[Bounds | None]) -> Bounds | None:
    """Degrees beyond which an operator gives nothing."""
    known = [box for box in inputs if box is not None]
    # Where any input without data is enough for no data, one that is known is enough too.
    if found.name in FILLING or not known or (len(known) < len(inputs) and found.nodata != "any"):
        return None
    west, south, east, north = zip(*known, strict=True)
    return min(west), min(south), max(east), max(north)


def _widened(box: Bounds, crs: str) -> Bounds | None:
    west, south, east, north = box
    wide, high = MARGIN * (east - west) + MARGIN_DEGREES, MARGIN * (north - south) + MARGIN_DEGREES
    west, south, east, north = west - wide, south - high, east + wide, north + high
    edge = MERCATOR_LATITUDE if crs == WEB_MERCATOR else 90.0
    if not (0.0 < east - west < WIDEST and west > -180.0 and east < 180.0 and -edge < south and north < edge):
        return None
    try:
        found = transform_bounds(WGS84, crs, (west, south, east, north))
    except ParameterError:
        return None
    return found if all(map(math.isfinite, found)) else None


def _turned(crs: str, bounds: Bounds) -> Iterator[Bounds]:
    """The same area, and where it lies once more on a map that goes on beyond the antimeridian."""
    world = 2.0 * EARTH_HALF if crs == WEB_MERCATOR else 360.0 if is_geographic(crs) else 0.0
    west, south, east, north = bounds
    for turn in (0.0, -world, world) if world else (0.0,):
        yield west + turn, south, east + turn, north
