"""The ground truth: what covers each place, as a function of ground coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from jeoview.demo import parcels
from jeoview.demo.noise import Field, chance, coarse, fractal, noise, ramp, scramble, spline
from jeoview.demo.noise import cover as cover_grid
from jeoview.demo.spectra import METRES_PER_VARIANT, VARIANTS, WATER, Cover
from jeoview.demo.terrain import STEP, height, lake, river_place
from jeoview.grid import Grid

Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Districts = tuple[list[parcels.District], NDArray[np.int16]]
STRIP = 128
# Towns: kilometres of the ground, radius in km. The first is at Montebelluna's place.
TOWNS = (
    (0.70, -0.78, 1.55), (-4.6, -5.2, 0.85), (5.2, -6.9, 1.0), (11.6, -8.2, 0.8), (-11.2, -6.4, 1.05), (13.2, 2.4, 0.9),
    (6.2, 3.0, 0.62), (-14.2, -9.6, 0.7), (-5.9, -2.2, 0.6), (-1.55, 7.4, 0.5), (-8.0, -9.2, 0.65), (1.2, -10.2, 0.6),
    (15.2, -5.4, 0.6), (9.3, -0.5, 0.38), (-2.6, -3.0, 0.36), (3.6, -3.6, 0.42), (-10.4, -2.6, 0.34), (-0.6, 3.9, 0.3),
)  # fmt: skip
_ROADS = (
    (0, 2), (0, 8), (0, 14), (14, 1), (1, 4), (1, 10), (10, 7), (4, 7), (2, 3), (3, 12), (0, 15), (15, 2), (2, 11),
    (11, 10), (0, 17), (17, 9), (8, 16), (16, 4), (0, 13), (13, 5), (6, 5), (13, 12), (14, 15), (1, 11), (17, 6),
)  # fmt: skip
_MOTORWAY = np.array([(-22.0, -7.4), (-12.0, -8.2), (-3.0, -7.6), (7.0, -8.9), (14.0, -6.6), (22.0, -6.9)])
_CANAL = np.array([(-1.0, 1.6), (-2.4, -1.6), (-4.0, -3.6), (-9.5, -4.9), (-15.0, -7.4), (-22.0, -9.5)])
FIRE = (-3300.0, 3050.0)


@dataclass(frozen=True, slots=True)
class Landscape:
    """What covers a window of the ground; (y, x) arrays.

    Parameters
    ----------
    height : float32
        Elevation, metres.
    cover : uint8
        `Cover` code.
    variant : uint8
        Variant of the cover, 0 .. 63.
    vigour : float32
        How dense the vegetation stands, in standard deviations.
    texture : float32
        Brightness relative to the cover's mean.
    depth : float32
        Metres from the bank of the nearest thread of the river, positive in the water.
    severity : float32
        What share of the place the fire burns, 0 .. 1.
    """

    height: Field
    cover: Codes
    variant: Codes
    vigour: Field
    texture: Field
    depth: Field
    severity: Field


def landscape(grid: Grid) -> Landscape:
    """Build the truth of a window, strip by strip."""
    rows = range(0, grid.height, STRIP)
    strips = [Grid(grid.lattice, grid.row + row, grid.col, min(STRIP, grid.height - row), grid.width) for row in rows]
    parts = [_strip(strip) for strip in strips]
    return Landscape(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Landscape)})


def fire_edge(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in metres of the fire's perimeter from `FIRE`, in a direction (radians from east)."""
    wobble = 0.28 * np.cos(2 * (angle - 0.6)) + 0.12 * np.sin(3 * angle) + 0.07 * np.cos(5 * angle + 1)
    return 760 * (1 + wobble + 0.05 * np.sin(9 * angle) + 0.03 * np.cos(17 * angle))


def _strip(grid: Grid) -> Landscape:
    z, slope, south = _shape(grid)
    offset, along = river_place(grid)
    depth, bed = _river(grid, offset, along)
    wild = _wild(grid, z, slope, south)
    seeds = parcels.districts(*grid.bounds)
    district = (seeds, parcels.nearest(grid, seeds))
    cover, variant = _farmland(grid, district, z, slope)
    rough = (slope > 0.16) | (wild.core > 0)
    cover[rough], variant[rough] = wild.cover[rough], _elevation(z)[rough]
    _settle(grid, district, cover, variant, (slope < 0.22) & (z < 700))
    copse = (fractal(grid, 260.0, 3, 61) > 2.35) & ~rough
    cover[copse], variant[copse] = Cover.BROADLEAF, _elevation(z)[copse]
    _pave(grid, cover, z < 420)
    _flow(grid, cover, variant, bed, depth, z)
    return Landscape(
        height=z,
        cover=cover,
        variant=variant,
        vigour=_vigour(grid, cover),
        texture=_texture(grid, cover),
        depth=depth,
        severity=_severity(grid, cover),
    )


def _shape(grid: Grid) -> tuple[Field, Field, Field]:
    """Elevation, slope (m/m, smoothed over some 80 m) and how much it faces south (-1 .. 1)."""
    part = cover_grid(grid, 40.0)
    z = height(part)
    east = spline(part, np.asarray(np.gradient(z, 40.0, axis=1)), grid)
    south = spline(part, np.asarray(-np.gradient(z, 40.0, axis=0)), grid)
    slope: Field = np.hypot(east, south)
    return height(grid), slope, np.asarray(south / (slope + np.float32(0.05)))


def _elevation(z: Field) -> Codes:
    return np.asarray(np.clip(z / np.float32(METRES_PER_VARIANT), 0, VARIANTS - 1), dtype=np.uint8)


# -- the river -----------------------------------------------------------------------------------


def _river(grid: Grid, offset: Field, along: Field) -> tuple[Field, Field]:
    """Depth into the nearest thread and into the bed of gravel, in metres from the bank."""
    wide = 110 + 190 * ramp(along, 9000, 17000) + 60 * np.sin(along / 1700)
    bend = 45 * noise(grid, 800.0, 71)
    bed = wide * (1 + np.float32(0.22) * noise(grid, 500.0, 72)) - np.abs(offset + bend)
    depth = np.full(grid.shape, -np.inf, np.float32)
    for number, (period, phase, breadth) in enumerate(((2300, 0.3, 22), (1700, 2.1, 15), (1250, 4.4, 9))):
        swing = 0.50 * np.sin(2 * np.pi * along / period + phase) + 0.22 * np.sin(2 * np.pi * along / (0.37 * period))
        middle = wide * swing * (0.75 + 0.12 * number) + 16 * noise(grid, 160.0, 73 + number)
        width = breadth * (1 + np.float32(0.3) * noise(grid, 300.0, 77 + number))
        depth = np.maximum(depth, width - np.abs(offset + bend - middle))
    return depth, bed


def _flow(grid: Grid, cover: Codes, variant: Codes, bed: Field, depth: Field, z: Field) -> None:
    """Lay gravel, islands and the lake; threads of water follow the day's level later."""
    gravel = bed > 0
    cover[gravel] = Cover.GRAVEL
    variant[gravel] = (32 + 14 * noise(grid, 120.0, 81)[gravel]).clip(0, 63).astype(np.uint8)
    island = (fractal(grid, 300.0, 4, 82) > 0.95) & (bed > 25) & (depth < -9)
    bank = (bed > -45 - 40 * noise(grid, 350.0, 83)) & (bed <= 0) & (z < 400)
    cover[island | bank], variant[island | bank] = Cover.RIPARIAN, _elevation(z)[island | bank]
    cover[lake(grid)] = Cover.LAKE
    pit = np.hypot((grid.x[None, :] - 2350) / 190, (grid.y[:, None] - 250) / 130) + 0.1 * noise(grid, 120.0, 84) < 1
    cover[pit] = Cover.LAKE


# -- fields and woods ----------------------------------------------------------------------------


def _farmland(grid: Grid, district: Districts, z: Field, slope: Field) -> tuple[Codes, Codes]:
    hilly = (slope > 0.05) | (z > 215)
    seeds, which = district
    x, y = (part.astype(np.float32) for part in (grid.x[None, :], grid.y[:, None]))
    field = parcels.strips(x, y, which, seeds, np.where(hilly, np.float32(0.62), np.float32(1)))
    cover, variant = parcels.crop(field.number), parcels.variant(field.number)
    luck = chance(42, field.number)
    cover[hilly] = np.where(luck < 0.62, Cover.VINEYARD, Cover.MEADOW).astype(np.uint8)[hilly]
    cover[hilly & (luck > 0.88)] = Cover.BROADLEAF
    lane = (field.end < 5.5) & ~hilly
    cover[lane], variant[lane] = Cover.TRACK, 20
    hedge = (field.side < 7) & (chance(43, field.number) < 0.16)
    cover[hedge], variant[hedge] = Cover.HEDGE, 5
    return cover, variant


@dataclass(frozen=True, slots=True)
class _Wild:
    cover: Codes
    core: Mask


def _wild(grid: Grid, z: Field, slope: Field, south: Field) -> _Wild:
    """Forest by elevation and side, pasture where it is gentle, rock where it is steep or high."""
    broad, fine = fractal(grid, 1300.0, 4, 51), fractal(grid, 240.0, 4, 52)
    cover = np.full(grid.shape, Cover.BROADLEAF, np.uint8)
    conifers = (z - 860) / 260 - 0.45 * south + 0.75 * broad + 0.55 * fine > 0
    cover[conifers] = Cover.CONIFER
    clearing = (0.9 * broad + 0.7 * fine - slope * 3.4 + (z - 600) / 900 > 0.42) & (z > 260)
    treeline = z + 95 * fine + 60 * broad + 70 * south > 1390
    cover[clearing | treeline] = Cover.PASTURE
    bare = slope * 1.15 + (z - 1350) / 900 + 0.22 * fine + 0.1 * broad
    cover[(bare > 1.08) & (z > 700)] = Cover.SCREE
    cover[(bare > 1.25) & (z > 700)] = Cover.ROCK
    return _Wild(cover, (z > 420) | ((slope > 0.07) & (broad + 0.5 * fine > -0.15)))


def _vigour(grid: Grid, cover: Codes) -> Field:
    """Dense and thin stands: patches of 150 m in fields, of 20 m in towns."""
    wide, narrow = fractal(grid, 150.0, 4, 91), noise(grid, 18.0, 92)
    town = (cover == Cover.RESIDENTIAL) | (cover == Cover.CENTRE)
    return np.where(town, np.float32(1.3) * narrow, np.float32(0.85) * wide + np.float32(0.35) * narrow)


_GRAIN = np.full(VARIANTS, 0.035, np.float32)
_GRAIN[[Cover.BROADLEAF, Cover.CONIFER, Cover.RIPARIAN, Cover.HEDGE]] = (0.085, 0.11, 0.10, 0.10)
_GRAIN[[Cover.ROCK, Cover.SCREE, Cover.GRAVEL, Cover.CENTRE, Cover.RESIDENTIAL]] = (0.12, 0.10, 0.07, 0.13, 0.13)
_GRAIN[[Cover.LAKE, Cover.RIVER]] = (0.02, 0.05)


def _texture(grid: Grid, cover: Codes) -> Field:
    """Brightness: crowns of trees, stones, roofs."""
    grain = _GRAIN[cover]
    return 1 + grain * (np.float32(0.8) * noise(grid, 14.0, 93) + np.float32(0.6) * fractal(grid, 90.0, 3, 94))


def _severity(grid: Grid, cover: Codes) -> Field:
    """Share burnt: high inside, low at the rim and in spared patches; stones and water do not burn."""
    inside = coarse(grid, 20.0, _inside_fire)
    if (inside < 0).all():
        return np.zeros(grid.shape, np.float32)
    spared = ramp(fractal(grid, 230.0, 4, 95), 2.1, 0.7)
    burns = np.isin(cover, (Cover.BROADLEAF, Cover.CONIFER, Cover.PASTURE, Cover.HEDGE, Cover.MEADOW, Cover.VINEYARD))
    return (ramp(inside, 0, 110) * (0.25 + 0.75 * spared) * burns).astype(np.float32)


def _inside_fire(grid: Grid) -> Field:
    """Metres inside the perimeter, about."""
    east, north = grid.x[None, :] - FIRE[0], grid.y[:, None] - FIRE[1]
    return (fire_edge(np.arctan2(north, east)) - np.hypot(east, north)).astype(np.float32)


# -- towns and roads -----------------------------------------------------------------------------


def _settle(grid: Grid, district: Districts, cover: Codes, variant: Codes, possible: Mask) -> None:
    """Put towns, hamlets and farms on gentle ground."""
    density = _density(grid)
    # Cells of 55 m; one in forty-five in the plain is a farm.
    cell = scramble(
        45, np.floor(grid.y / 55).astype(np.int64)[:, None], np.floor(grid.x / 55).astype(np.int64)[None, :]
    )
    farm = (density <= 0) & (cell % np.uint32(1000) < 22) & (noise(grid, 30.0, 63) > -0.1)
    row, col = np.nonzero(possible & ((density > 0) | farm))
    x, y = grid.x[col].astype(np.float32), grid.y[row].astype(np.float32)
    block = parcels.strips(x, y, district[1][row, col], district[0], 0.38)
    works = coarse(grid, 80.0, lambda part: fractal(part, 800.0, 3, 62))[row, col]
    cover[row, col] = _town(block, density[row, col], works)
    variant[row, col] = parcels.variant(block.number)


def _town(block: parcels.Strips, density: Field, works: Field) -> Codes:
    """What stands at places of a town."""
    luck = chance(44, block.number)
    town = np.where(density > 0.55, Cover.CENTRE, Cover.RESIDENTIAL).astype(np.uint8)
    town[((luck < 0.09) & (density < 0.6)) | ((luck > 0.7) & (density < 0.07) & (density > 0))] = Cover.PARK
    industry = (works > 0.85) & (density < 0.42) & (density > 0)
    roof = (block.side > 11) & (block.end > 15) & (luck < 0.85)
    town[industry] = np.where(roof, Cover.INDUSTRY, Cover.ROAD).astype(np.uint8)[industry]
    town[(block.side < 4) & ~industry & (density > 0)] = Cover.ROAD
    return town


def _density(grid: Grid) -> Field:
    """How urban it is: above 0 in a town, 1 in its middle."""
    rugged = coarse(grid, 20.0, lambda part: fractal(part, 700.0, 4, 64, gain=0.6))
    hamlets = coarse(grid, 40.0, lambda part: fractal(part, 900.0, 3, 65)) - np.float32(2.35)
    return np.asarray(np.maximum(coarse(grid, 40.0, _towns) + np.float32(0.24) * rugged, np.minimum(hamlets, 0.3)))


def _towns(grid: Grid) -> Field:
    best = np.full(grid.shape, -9, np.float32)
    for x, y, radius in TOWNS:
        distance = np.hypot(grid.x[None, :] / 1000 - x, grid.y[:, None] / 1000 - y).astype(np.float32)
        best = np.maximum(best, 1 - distance / np.float32(radius))
    return best


def _pave(grid: Grid, cover: Codes, possible: Mask) -> None:
    for line, width, code in _lines():
        share = _stroke(grid, line, width)
        cover[(share > 0.5) & possible] = code


@lru_cache(maxsize=1)
def _lines() -> tuple[tuple[NDArray[np.float64], float, Cover], ...]:
    roads = [(_road(np.array(TOWNS[a][:2]), np.array(TOWNS[b][:2]), a * 31 + b), 13.0, Cover.ROAD) for a, b in _ROADS]
    return (*roads, (_dense(_MOTORWAY), 30.0, Cover.ROAD), (_dense(_CANAL), 11.0, Cover.RIVER))


def _road(start: NDArray[np.float64], stop: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A road that bends a little: points every 4 m."""
    t = np.linspace(0, 1, 7)[:, None]
    aside = np.array([[-(stop - start)[1], (stop - start)[0]]]) * (chance(46, seed, np.arange(7)) - 0.5)[:, None]
    return _dense(start + t * (stop - start) + 0.16 * aside * np.sin(np.pi * t))


def _dense(points: NDArray[np.float64]) -> NDArray[np.float64]:
    metres = points * 1000
    knots = np.r_[0, np.cumsum(np.hypot(*np.diff(metres, axis=0).T))]
    line: NDArray[np.float64] = CubicSpline(knots, metres)(np.arange(0, knots[-1], 4.0))
    return line


def _stroke(grid: Grid, line: NDArray[np.float64], width: float) -> Field:
    """Share of each pixel that a line of a width covers, about."""
    share = np.zeros(grid.shape, np.float32)
    west, _, _, north = grid.bounds
    reach = int(np.ceil(width / STEP))
    col = np.floor((line[:, 0] - west) / STEP).astype(np.int64)
    row = np.floor((north - line[:, 1]) / STEP).astype(np.int64)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            r, c = row + down, col + right
            x, y = west + (c + 0.5) * STEP, north - (r + 0.5) * STEP
            near = np.clip((width / 2 - np.hypot(x - line[:, 0], y - line[:, 1])) / STEP + 0.5, 0, 1)
            ok = (r >= 0) & (r < grid.height) & (c >= 0) & (c < grid.width) & (near > 0)
            np.maximum.at(share, (r[ok], c[ok]), near[ok].astype(np.float32))
    return share


def is_water(cover: Codes, depth: Field, level: float) -> Mask:
    """Where water stands at a river level (metres that the threads are wider than at low water)."""
    return np.asarray(np.isin(cover, WATER) | ((depth + np.float32(level) > 0) & (cover == Cover.GRAVEL)))


def town_names() -> Sequence[str]:
    """Names of `TOWNS`: invented, but for the first."""
    return (
        "Montebelluna", "Casalbello", "Ronchi di Sotto", "Villanova", "Borgo Salice", "Collalto", "San Vito", "Prataglia",
        "Riva del Lago", "Ponte di Valle", "Campolongo", "Le Grave", "Roveredo", "Isola", "Fossalta", "Crocetta",
        "Sorgente", "La Stretta",
    )  # fmt: skip
