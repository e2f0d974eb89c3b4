"""Rings of points on the ground: cut, measured, and turned into GeoJSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.demo.terrain import GROUND
from jeoview.projection import WGS84, transform

Ring = NDArray[np.float64]


def cut(ring: Ring, normal: tuple[float, float], limit: float) -> Ring:
    """Keep the part of a convex ring where ``normal . point <= limit`` (Sutherland and Hodgman 1974).

    Parameters
    ----------
    ring : (point, 2) float64
        Without the closing point.
    normal, limit : (float, float), float
        The half-plane.

    Returns
    -------
    (point, 2) float64
        May be empty.
    """
    if len(ring) == 0:
        return ring
    over = ring @ np.asarray(normal) - limit
    ahead, over_ahead = np.roll(ring, -1, axis=0), np.roll(over, -1)
    kept: list[NDArray[np.float64]] = []
    for here, there, a, b in zip(ring, ahead, over, over_ahead, strict=True):
        if a <= 0:
            kept.append(here)
        if (a < 0 < b) or (b < 0 < a):
            kept.append(here + (there - here) * (a / (a - b)))
    return np.array(kept).reshape(-1, 2)


def around(
    centre: tuple[float, float], edge: Callable[[NDArray[np.float64]], NDArray[np.float64]], points: int = 180
) -> Ring:
    """The ring whose distance from a centre is a function of the direction."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    distance = edge(angle)
    return np.column_stack([centre[0] + distance * np.cos(angle), centre[1] + distance * np.sin(angle)])


def box(west: float, south: float, east: float, north: float) -> Ring:
    """The ring of a rectangle, counter-clockwise."""
    return np.array([(west, south), (east, south), (east, north), (west, north)], dtype=np.float64)


def hectares(ring: Ring) -> float:
    """Area of a ring on the ground."""
    x, y = ring.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2e4)


def densify(ring: Ring, points: int) -> Ring:
    """Put points on every side, so that it stays where it is in another reference system."""
    share = np.arange(points)[:, None] / points
    sides = [a + share * (b - a) for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True)]
    return np.concatenate(sides)


def polygon(ring: Ring, crs: str = GROUND, digits: int = 7) -> dict[str, Any]:
    """GeoJSON Polygon in EPSG:4326 of a ring, closed, coordinates rounded to about a centimetre."""
    lon, lat = transform(crs, WGS84, ring[:, 0], ring[:, 1])
    points = np.column_stack([lon, lat]).round(digits).tolist()
    return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


def feature(ring: Ring, properties: dict[str, Any]) -> dict[str, Any]:
    """GeoJSON feature of a ring on the ground."""
    return {"type": "Feature", "geometry": polygon(ring), "properties": properties}
