"""What a map shows, as numbers: centre, zoom, size in pixels, and the bounds and tiles that follow. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jeoview.grid import MERCATOR_LATITUDE, TILE_SIZE
from jeoview.projection import Bounds

TileBlock = tuple[int, int, int, int, int]  # zoom, west, north, east, south; corner tiles included

# What a map in a notebook measures until the browser has said it: a run without a browser needs bounds too.
ASSUMED_WIDTH, ASSUMED_HEIGHT = 760, 520
HIGHEST_FIT = 18


def mercator(lon: float, lat: float) -> tuple[float, float]:
    """Place on the square Web Mercator map, both axes 0 to 1, y from the north."""
    lat = min(max(lat, -MERCATOR_LATITUDE), MERCATOR_LATITUDE)
    y = math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)
    return lon / 360 + 0.5, min(max(0.5 - y, 0.0), 1.0)


def degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a place on the square map, the inverse of `mercator`."""
    return (x - 0.5) * 360, math.degrees(math.atan(math.sinh((0.5 - y) * 2 * math.pi)))


def on_globe(bounds: Bounds) -> Bounds:
    """Bounds brought back to the globe: a map can be dragged round the world more than once."""
    west, south, east, north = bounds
    if east - west >= 360:
        west, east = -180.0, 180.0
    turns = math.floor(((west + east) / 2 + 180) / 360) * 360
    return (
        max(west - turns, -180.0),
        max(south, -MERCATOR_LATITUDE),
        min(east - turns, 180.0),
        min(north, MERCATOR_LATITUDE),
    )


@dataclass(frozen=True, slots=True)
class View:
    """A map window.

    Parameters
    ----------
    lon, lat : float
        Centre, degrees.
    zoom : int
        Web Mercator zoom.
    width, height : int
        Size in pixels.
    """

    lon: float
    lat: float
    zoom: int
    width: int = ASSUMED_WIDTH
    height: int = ASSUMED_HEIGHT

    @property
    def bounds(self) -> Bounds:
        """(west, south, east, north) in degrees, within the globe."""
        x, y = mercator(self.lon, self.lat)
        half_width, half_height = (size / 2 / (TILE_SIZE << self.zoom) for size in (self.width, self.height))
        west, north = degrees(x - half_width, max(y - half_height, 0.0))
        east, south = degrees(x + half_width, min(y + half_height, 1.0))
        return on_globe((west, south, east, north))


def fit(bounds: Bounds, width: int = ASSUMED_WIDTH, height: int = ASSUMED_HEIGHT) -> View:
    """The closest view that holds all of ``bounds`` (degrees)."""
    west, south, east, north = bounds
    (left, top), (right, bottom) = mercator(west, north), mercator(east, south)
    zoom = 0
    while zoom < HIGHEST_FIT and _fits(right - left, bottom - top, zoom + 1, width, height):
        zoom += 1
    lon, lat = degrees((left + right) / 2, (top + bottom) / 2)
    return View(lon, lat, zoom, width, height)


def _fits(across: float, down: float, zoom: int, width: int, height: int) -> bool:
    pixels = TILE_SIZE << zoom
    return across * pixels <= width and down * pixels <= height


def tile_block(bounds: Bounds, zoom: int) -> TileBlock:
    """The tiles of a zoom that ``bounds`` (degrees) touches."""
    west, south, east, north = bounds
    (left, top), (right, bottom) = mercator(west, north), mercator(east, south)
    return (zoom, _index(left, zoom), _index(top, zoom), _last(right, zoom), _last(bottom, zoom))


# An edge that falls on the border of a tile does not touch the tile beyond it.
def _index(position: float, zoom: int) -> int:
    return min(max(math.floor(position * (1 << zoom) + 1e-9), 0), (1 << zoom) - 1)


def _last(position: float, zoom: int) -> int:
    return min(max(math.ceil(position * (1 << zoom) - 1e-9) - 1, 0), (1 << zoom) - 1)


def block_bounds(block: TileBlock) -> Bounds:
    """The degrees that a block of tiles covers."""
    zoom, west, north, east, south = block
    left, top = degrees(west / (1 << zoom), north / (1 << zoom))
    right, bottom = degrees((east + 1) / (1 << zoom), (south + 1) / (1 << zoom))
    return left, bottom, right, top
