"""Polygons with attributes: districts, parcels, protected areas, the fire's perimeter, towns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jeoview.demo import parcels
from jeoview.demo.landscape import FIRE, TOWNS, Landscape, fire_edge, landscape, town_names
from jeoview.demo.noise import chance, scramble, unit
from jeoview.demo.sentinel2 import FIRE_DATE
from jeoview.demo.shapes import Ring, around, box, cut, feature, hectares
from jeoview.demo.spectra import CROPS, Cover, calendar
from jeoview.demo.terrain import GROUND, LAKE, STEP, ground, height, lake_shore, river_line
from jeoview.grid import Grid
from jeoview.projection import WGS84, Bounds, transform

Feature = dict[str, Any]
_FIRST = ("Prà", "Col", "Val", "Borgo", "Campo", "Fonte", "Bosco", "Ca'", "Riva", "Colle", "Piano", "Rio")
_LAST = (
    "Alto",
    "Basso",
    "Chiaro",
    "Lungo",
    "Rosso",
    "Nuovo",
    "Vecchio",
    "di Mezzo",
    "Santo",
    "Verde",
    "Grande",
    "Secco",
)


def layers(bounds: Bounds, parcel_bounds: Bounds) -> dict[str, list[Feature]]:
    """Features of every layer, GeoJSON in EPSG:4326.

    Parameters
    ----------
    bounds : (west, south, east, north)
        The area, metres of the ground.
    parcel_bounds : (west, south, east, north)
        The smaller area whose parcels are listed.
    """
    found = {
        "districts": _districts(bounds),
        "parcels": _parcels(parcel_bounds),
        "protected_areas": _protected(bounds),
        "burnt_areas": [_fire()],
        "towns": _towns(bounds),
    }
    return {name: features for name, features in found.items() if features}


def district_name(number: int) -> str:
    """An invented name; districts far apart may share one."""
    return f"{_FIRST[number % len(_FIRST)]} {_LAST[number // 97 % len(_LAST)]}"


def cell(district: parcels.District, others: list[parcels.District], area: Ring) -> Ring:
    """The Voronoi cell of a district inside an area."""
    ring = area
    for other in others:
        if other.number != district.number:
            normal = (other.x - district.x, other.y - district.y)
            middle = ((other.x + district.x) / 2, (other.y + district.y) / 2)
            ring = cut(ring, normal, normal[0] * middle[0] + normal[1] * middle[1])
    return ring


def _districts(bounds: Bounds) -> list[Feature]:
    seeds = parcels.districts(*bounds)
    window = ground(80.0, bounds)
    z, which = height(window), parcels.nearest(window, seeds)
    found = []
    for position, seed in enumerate(seeds):
        ring = cell(seed, seeds, box(*bounds))
        if len(ring) < 3 or not (which == position).any():
            continue
        elevation = float(z[which == position].mean())
        kind = "mountain" if elevation > 450 else "hill" if elevation > 190 else "plain"
        found.append(
            feature(
                ring,
                {
                    "name": district_name(seed.number),
                    "code": f"D{seed.number % 100_000:05d}",
                    "class": kind,
                    "mean_elevation_m": round(elevation, 1),
                    "area_ha": round(hectares(ring), 1),
                    "simulated": True,
                },
            )
        )
    return found


# -- parcels -------------------------------------------------------------------------------------


def _parcels(bounds: Bounds) -> list[Feature]:
    """Parcels of the plain that lie wholly in their district and carry their crop everywhere."""
    window = ground(STEP, bounds)
    land, seeds = landscape(window), parcels.districts(*bounds)
    which = parcels.nearest(window, seeds)
    return [made for seed in seeds for made in _of_district(seed, seeds.index(seed), which, land, window)]


def _of_district(
    seed: parcels.District, position: int, which: NDArray[np.int16], land: Landscape, window: Grid
) -> list[Feature]:
    row, column, span, number = _candidates(seed)
    crops = parcels.crop(number)
    share = np.linspace(0.12, 0.88, 5)
    u, v = (part.ravel() for part in np.meshgrid(share, share))
    shift = unit(scramble(37, seed.number, row).astype(np.int64))
    points = parcels.places(seed, row[:, None] + v, column[:, None] + span[:, None] * u - shift[:, None])
    west, _, _, north = window.bounds
    c, r = ((points[0] - west) // STEP).astype(int), ((north - points[1]) // STEP).astype(int)
    inside = ((c >= 0) & (c < window.width) & (r >= 0) & (r < window.height)).all(axis=1)
    r, c = np.clip(r, 0, window.height - 1), np.clip(c, 0, window.width - 1)
    whole = inside & ((which[r, c] == position) & (land.cover[r, c] == crops[:, None])).all(axis=1)
    return [
        _parcel(seed, int(number[i]), Cover(int(crops[i])), (int(row[i]), float(column[i] - shift[i]), int(span[i])))
        for i in np.flatnonzero(whole & np.isin(crops, CROPS))
    ]


def _candidates(seed: parcels.District) -> tuple[NDArray[np.int64], ...]:
    """Row, first strip, number of strips and name of all parcels that might lie in a district."""
    rows, pairs = int(parcels.SPACING // seed.length) + 2, int(parcels.SPACING // (2 * seed.width)) + 2
    row, pair = (part.ravel() for part in np.meshgrid(np.arange(-rows, rows), np.arange(-pairs, pairs)))
    band = scramble(37, seed.number, row).astype(np.int64)
    joined = chance(38, band, pair) < parcels.JOINED
    row = np.concatenate([row, row[~joined]])
    column = np.concatenate([2 * pair, 2 * pair[~joined] + 1])
    span = np.concatenate([np.where(joined, 2, 1), np.ones((~joined).sum(), np.int64)])
    number = scramble(39, np.concatenate([band, band[~joined]]), column).astype(np.int64)
    return row, column, span, number


def _parcel(seed: parcels.District, number: int, crop: Cover, place: tuple[int, float, int]) -> Feature:
    row, column, span = place
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
    ring = np.column_stack(parcels.places(seed, row + corners[:, 1], column + span * corners[:, 0]))
    variant = parcels.variant(np.array([number]))
    return feature(
        ring,
        {
            "parcel": f"P{number:010d}",
            "crop": crop.name.lower(),
            "class": "permanent" if crop in (Cover.VINEYARD, Cover.MEADOW, Cover.POPLAR) else "arable",
            "district": district_name(seed.number),
            "later_days": float(calendar(variant.astype(np.int64))[0]),
            "area_ha": round(hectares(ring), 3),
            "simulated": True,
        },
    )


# -- areas and places ----------------------------------------------------------------------------


def _protected(bounds: Bounds) -> list[Feature]:
    lake = around((LAKE[0], LAKE[1]), lambda angle: 1.22 * lake_shore(angle) + 60)
    forest = around((-5600.0, 4900.0), lambda angle: 1900 + 420 * np.cos(2 * angle - 1) + 160 * np.sin(5 * angle))
    hill = around((9600.0, -3150.0), lambda angle: 1700 / np.hypot(np.cos(angle) / 1.6, np.sin(angle)))
    found = [
        ("Riserva del Lago", "nature reserve", 1987, lake),
        ("Grave del Fiume", "habitat site", 2000, _banks(bounds)),
        ("Foresta della Montagna", "regional park", 1994, forest),
        ("Colle dei Boschi", "landscape protection", 2006, hill),
    ]
    west, south, east, north = bounds
    return [
        feature(
            ring,
            {"name": name, "class": kind, "since": since, "area_ha": round(hectares(ring), 1), "simulated": True},
        )
        for name, kind, since, ring in found
        if len(ring) and ((ring > (west, south)) & (ring < (east, north))).all(axis=1).any()
    ]


def _banks(bounds: Bounds) -> Ring:
    """A belt of 900 m along the river."""
    points = river_line()[::8]
    west, south, east, north = bounds
    points = points[(points[:, 0] > west) & (points[:, 0] < east) & (points[:, 1] > south) & (points[:, 1] < north)]
    if len(points) < 2:
        return np.empty((0, 2))
    along = np.gradient(points, axis=0)
    aside = np.column_stack([-along[:, 1], along[:, 0]]) / np.hypot(*along.T)[:, None] * 450
    return np.concatenate([points + aside, (points - aside)[::-1]])


def _fire() -> Feature:
    ring = around(FIRE, fire_edge, 240)
    return feature(
        ring,
        {
            "name": "Incendio della Montagna", "class": "wildfire", "date": FIRE_DATE,
            "area_ha": round(hectares(ring), 1), "simulated": True,
        },
    )  # fmt: skip


def _towns(bounds: Bounds) -> list[Feature]:
    west, south, east, north = bounds
    found = []
    for name, (x, y, radius) in zip(town_names(), TOWNS, strict=True):
        if west < 1000 * x < east and south < 1000 * y < north:
            lon, lat = transform(GROUND, WGS84, 1000 * x, 1000 * y)
            found.append(
                {
                    "type": "Feature",
                    "geometry": {"type": "Point", "coordinates": [round(float(lon), 6), round(float(lat), 6)]},
                    "properties": {
                        "name": name,
                        "class": "town" if radius > 0.7 else "village",
                        "population": int(round(11_000 * radius**2, -2)),
                        "simulated": True,
                    },
                }
            )
    return found
