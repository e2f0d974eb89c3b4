"""Fields in blocks of strips, as the plain of the Veneto has them since the Romans measured it.

Districts are the cells around seeds (a Voronoi diagram). In each, strips run in one direction, in
rows; a hash of district, row and strip decides what is grown. All of it is a function of the place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jeoview.demo.noise import Field, chance, scramble, unit
from jeoview.demo.spectra import VARIANTS, Cover
from jeoview.grid import Grid

SPACING = 2400.0
# Share of the pairs of strips that were joined to one parcel.
JOINED = 0.42
_JITTER = 0.36
# What is grown in the plain: shares of the parcels.
_ROTATION = (
    (Cover.MAIZE, 0.32), (Cover.WHEAT, 0.21), (Cover.SOY, 0.16), (Cover.ALFALFA, 0.10), (Cover.MEADOW, 0.09),
    (Cover.RAPESEED, 0.05), (Cover.VINEYARD, 0.05), (Cover.POPLAR, 0.02),
)  # fmt: skip
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class District:
    """A district and how its fields lie.

    Parameters
    ----------
    number : int
        Name of the district: a hash of its cell.
    x, y : float
        Its seed, metres of the ground; the origin of its rows and strips.
    angle : float
        Direction of the strips' short side, radians from east.
    width, length : float
        Of a strip, metres.
    """

    number: int
    x: float
    y: float
    angle: float
    width: float
    length: float


@dataclass(frozen=True, slots=True)
class Strips:
    """Parcels at the pixels of a window: (y, x) arrays.

    Parameters
    ----------
    number : int64
        Hash that names the parcel.
    side, end : float32
        Distance in metres from the long and the short border of the parcel.
    """

    number: NDArray[np.int64]
    side: Field
    end: Field


def districts(west: float, south: float, east: float, north: float) -> list[District]:
    """All districts whose cell may reach into an area (metres of the ground)."""
    cols = range(int(west // SPACING) - 1, int(east // SPACING) + 2)
    rows = range(int(south // SPACING) - 1, int(north // SPACING) + 2)
    return [_district(row, col) for row in rows for col in cols]


def _district(row: int, col: int) -> District:
    across, down, turn, wide, long = (float(chance(part, row, col)[0]) for part in (31, 32, 33, 34, 35))
    return District(
        number=int(scramble(36, row, col)[0]),
        x=(col + 0.5 + _JITTER * (2 * across - 1)) * SPACING,
        y=(row + 0.5 + _JITTER * (2 * down - 1)) * SPACING,
        angle=np.radians(12 + 70 * (turn - 0.5)),
        width=48 + 62 * wide,
        length=210 + 260 * long,
    )


def nearest(grid: Grid, seeds: list[District]) -> NDArray[np.int16]:
    """Position in ``seeds`` of the district of each pixel."""
    x, y = (values.astype(np.float32) for values in (grid.x[None, :], grid.y[:, None]))
    best = np.full(grid.shape, np.inf, np.float32)
    found = np.zeros(grid.shape, np.int16)
    for position, seed in enumerate(seeds):
        distance = (x - np.float32(seed.x)) ** 2 + (y - np.float32(seed.y)) ** 2
        closer = distance < best
        found[closer] = position
        np.minimum(best, distance, out=best)
    return found


def strips(x: Field, y: Field, which: NDArray[np.int16], seeds: list[District], scale: Field | float = 1.0) -> Strips:
    """Parcels at places.

    Parameters
    ----------
    x, y : float32
        Places, metres of the ground; any shape.
    which : int16
        Position in ``seeds`` of the district of each place, from `nearest`.
    seeds : list of District
        The districts.
    scale : float32 or float
        Size of the strips relative to the district's own.
    """
    left, bottom, angle, width, length = (
        np.array([getattr(seed, name) for seed in seeds], np.float32) for name in ("x", "y", "angle", "width", "length")
    )
    cos, sin, east, north = np.cos(angle)[which], np.sin(angle)[which], x - left[which], y - bottom[which]
    wide, long = width[which] * np.float32(scale), length[which] * np.float32(scale)
    number = np.array([seed.number for seed in seeds], np.int64)[which]
    return _cut(number, (east * cos + north * sin) / wide, (north * cos - east * sin) / long, wide, long)


def _cut(number: NDArray[np.int64], across: Field, along: Field, width: Field, length: Field) -> Strips:
    row = np.floor(along)
    band = scramble(37, number, row.astype(np.int64)).astype(np.int64)
    across = across + unit(band)
    pair = np.floor(across / 2)
    joined = chance(38, band, pair.astype(np.int64)) < JOINED
    column = np.where(joined, 2 * pair, np.floor(across))
    span = np.where(joined, np.float32(2), np.float32(1))
    inside, top = across - column, along - row
    return Strips(
        number=scramble(39, band, column.astype(np.int64)).astype(np.int64),
        side=np.minimum(inside, span - inside) * width,
        end=np.minimum(top, 1 - top) * length,
    )


def crop(number: NDArray[np.int64]) -> NDArray[np.uint8]:
    """What grows in the parcels of the plain, as `Cover` codes."""
    edges = np.cumsum([share for _, share in _ROTATION])
    codes = np.array([cover for cover, _ in _ROTATION], np.uint8)
    return codes[np.minimum(np.searchsorted(edges / edges[-1], chance(40, number)), len(codes) - 1)]


def variant(number: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The parcel's own calendar, vigour and soil: 0 .. 63."""
    return (scramble(41, number) % np.uint32(VARIANTS)).astype(np.uint8)


def places(district: District, row: Floats, column: Floats) -> tuple[Floats, Floats]:
    """Ground coordinates of places given in rows and strips (fractions allowed); the inverse of `strips`."""
    across, along = column * district.width, row * district.length
    cos, sin = np.cos(district.angle), np.sin(district.angle)
    return district.x + across * cos - along * sin, district.y + across * sin + along * cos
