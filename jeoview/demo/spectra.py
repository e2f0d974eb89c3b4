"""What the ground reflects: endmember spectra, mixed by the calendar of each kind of cover.

Every pixel belongs to a *unit*: one of the covers in `Cover` in one of 64 variants. For a crop the
variant is the parcel's own calendar, vigour and soil; for wild vegetation it is the elevation in
steps of 32 m. One table of reflectances per day serves the whole landscape.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
VARIANTS = 64
METRES_PER_VARIANT = 32.0

# Bottom-of-atmosphere reflectances of pure surfaces in the order of `BANDS`; rounded from the ranges that
# the ECOSTRESS and USGS spectral libraries show for such surfaces.
_SPECTRA = {
    "crop": (0.025, 0.055, 0.025, 0.47, 0.20, 0.09),
    "grass": (0.030, 0.065, 0.036, 0.41, 0.23, 0.12),
    "broadleaf": (0.018, 0.042, 0.019, 0.36, 0.15, 0.06),
    "conifer": (0.014, 0.027, 0.016, 0.215, 0.088, 0.036),
    "autumn": (0.028, 0.060, 0.085, 0.29, 0.19, 0.09),
    "litter": (0.036, 0.050, 0.066, 0.165, 0.20, 0.13),
    "straw": (0.078, 0.112, 0.143, 0.28, 0.35, 0.25),
    "hay": (0.052, 0.080, 0.095, 0.24, 0.28, 0.17),
    "flower": (0.045, 0.150, 0.145, 0.46, 0.22, 0.10),
    "soil": (0.074, 0.099, 0.128, 0.20, 0.28, 0.24),
    "lake": (0.030, 0.043, 0.021, 0.008, 0.004, 0.003),
    "river": (0.078, 0.098, 0.078, 0.036, 0.012, 0.008),
    "gravel": (0.140, 0.165, 0.182, 0.215, 0.25, 0.23),
    "rock": (0.125, 0.146, 0.163, 0.205, 0.245, 0.21),
    "tile": (0.083, 0.100, 0.138, 0.20, 0.26, 0.23),
    "concrete": (0.160, 0.172, 0.185, 0.215, 0.225, 0.20),
    "bright": (0.350, 0.370, 0.380, 0.40, 0.36, 0.31),
    "asphalt": (0.075, 0.080, 0.086, 0.11, 0.13, 0.12),
    "snow": (0.880, 0.890, 0.880, 0.80, 0.12, 0.09),
    "char": (0.036, 0.040, 0.045, 0.070, 0.145, 0.165),
}
PURE = {name: np.array(values) for name, values in _SPECTRA.items()}


class Cover(IntEnum):
    """Kinds of cover; the name is what the parcels' attribute ``crop`` says."""

    LAKE = 0
    RIVER = 1
    GRAVEL = 2
    RIPARIAN = 3
    WHEAT = 4
    MAIZE = 5
    SOY = 6
    ALFALFA = 7
    RAPESEED = 8
    VINEYARD = 9
    MEADOW = 10
    POPLAR = 11
    BROADLEAF = 12
    CONIFER = 13
    PASTURE = 14
    ROCK = 15
    SCREE = 16
    CENTRE = 17
    RESIDENTIAL = 18
    INDUSTRY = 19
    ROAD = 20
    PARK = 21
    TRACK = 22
    HEDGE = 23


CROPS = (Cover.WHEAT, Cover.MAIZE, Cover.SOY, Cover.ALFALFA, Cover.RAPESEED, Cover.VINEYARD, Cover.MEADOW, Cover.POPLAR)
WATER = (Cover.LAKE, Cover.RIVER)
# Start, end of the green season (half-way up and down, day of the year), bare ground left of the season, and
# days that the rise and the fall take.
_SEASONS = {
    Cover.WHEAT: (72, 152, 0.22, 28, 18),
    Cover.MAIZE: (158, 252, 0.04, 24, 24),
    Cover.SOY: (170, 262, 0.06, 22, 20),
    Cover.RAPESEED: (80, 156, 0.30, 26, 16),
    Cover.POPLAR: (102, 298, 0.10, 20, 26),
}


@lru_cache(maxsize=4)
def table(day: float) -> tuple[Floats, Floats]:
    """Reflectance of every unit on a day of the year, and its change where vegetation is one unit denser.

    Returns
    -------
    base, change : (unit, band) float64
        Unit = cover x `VARIANTS` + variant. ``base + n * change`` is the spectrum of a place whose
        vegetation stands ``n`` standard deviations above the unit's mean.
    """
    variant = np.arange(VARIANTS)
    base, change = zip(*(_cover(cover, day, variant) for cover in Cover), strict=True)
    return np.concatenate(base), np.concatenate(change)


def season(day: float, start: Floats | float, end: Floats | float, rise: float = 25.0, fall: float = 25.0) -> Floats:
    """Double-logistic greenness from 0 to 1 (Beck et al. 2006, Remote Sensing of Environment 100)."""
    up = 1 / (1 + np.exp(-4.4 * (day - np.asarray(start, dtype=np.float64)) / rise))
    down = 1 / (1 + np.exp(4.4 * (day - np.asarray(end, dtype=np.float64)) / fall))
    return np.asarray(up * down)


def calendar(variant: NDArray[np.int64]) -> Floats:
    """Days by which a parcel of a variant is later than the mean of its crop."""
    return np.asarray((variant % 8 - 3.5) * 4.0, dtype=np.float64)


def wetness(day: float) -> float:
    """Moisture of bare soil from 0 (dry, July) to 1 (wet, January)."""
    return float(0.5 + 0.5 * np.cos(2 * np.pi * (day - 15) / 365))


def _cover(cover: Cover, day: float, variant: NDArray[np.int64]) -> tuple[Floats, Floats]:
    if cover in CROPS:
        return _crop(cover, day, variant)
    if cover in (Cover.BROADLEAF, Cover.CONIFER, Cover.PASTURE, Cover.HEDGE, Cover.RIPARIAN):
        return _wild(cover, day, variant)
    return _bare(cover, day, variant)


def _mix(parts: dict[str, Floats | float]) -> Floats:
    """Linear mixture of pure spectra; what is missing to 1 is filled by none."""
    return np.asarray(sum(np.asarray(share)[..., np.newaxis] * PURE[name] for name, share in parts.items()))


def _soil(day: float, variant: NDArray[np.int64]) -> Floats:
    """Bare soil of a parcel: brightness by its texture and moisture."""
    factor = (0.80 + 0.055 * (variant // 8)) * (1.04 - 0.30 * wetness(day))
    return np.asarray(factor[:, np.newaxis] * PURE["soil"])


def _crop(cover: Cover, day: float, variant: NDArray[np.int64]) -> tuple[Floats, Floats]:
    vigour = 0.84 + 0.16 * ((variant * 37) % VARIANTS) / (VARIANTS - 1)
    green, brown = (np.clip(part, 0, 1) for part in _stand(cover, day, variant))
    green = green * vigour
    brown = np.minimum(brown, 1 - green)
    leaf = PURE["grass"] if cover in (Cover.MEADOW, Cover.VINEYARD) else PURE["crop"]
    if cover is Cover.RAPESEED:
        bloom = np.exp(-(((day - 112 - calendar(variant)) / 9) ** 2))[:, np.newaxis]
        leaf = leaf + bloom * (PURE["flower"] - leaf)
    dry = PURE["litter"] if cover in (Cover.VINEYARD, Cover.POPLAR) else PURE["straw"]
    soil = _soil(day, variant)
    base = green[:, None] * leaf + brown[:, None] * dry + (1 - green - brown)[:, None] * soil
    return base, (0.045 * (0.15 + green) * (1.12 - green))[:, None] * (leaf - soil)


def _stand(cover: Cover, day: float, variant: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Share of the ground under green leaves, and under dry ones, in a parcel."""
    shift = calendar(variant)
    if cover in _SEASONS:
        start, end, rest, rise, fall = _SEASONS[cover]
        growing = season(day, start + shift, end + shift, rise, fall)
        winter = rest * season(day, -60, start + shift, 20, 30) + rest * season(day, 330, 600, 25, 25)
        if cover is Cover.POPLAR:
            return 0.9 * growing + 0.12, 0.5 * (1 - growing)
        return 0.97 * growing + winter * (1 - growing), 0.75 * season(day, end + shift + 6, end + shift + 30, 12, 14)
    if cover is Cover.ALFALFA or cover is Cover.MEADOW:
        rest, top = (0.38, 0.97) if cover is Cover.ALFALFA else (0.46, 0.92)
        growing = season(day, 78 + 0.5 * shift, 315 + shift, 35, 40)
        cut = sum(_cut(day, mown + 2.2 * shift) for mown in (138, 176, 212, 252))
        return rest + (top - rest) * growing * (1 - 0.62 * cut), 0.45 * (1 - growing) + 0.30 * growing * cut
    vines = season(day, 122 + 0.5 * shift, 297 + 0.5 * shift, 28, 24)
    return 0.26 + 0.06 * season(day, 80, 170, 30, 40) + 0.40 * vines, 0.22 * (1 - vines)


def _cut(day: float, mown: Floats) -> Floats:
    """What is missing of a sward some days after it was mown: all on the day, little after a month."""
    since = day - mown
    return np.where(since < 0, 0.0, np.exp(-np.maximum(since, 0) / 13.0))


def _wild(cover: Cover, day: float, variant: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Vegetation whose spring comes 3.4 days later, and autumn 2.2 days earlier, every 100 m up."""
    up = variant * METRES_PER_VARIANT / 100
    if cover is Cover.CONIFER:
        fresh = 0.86 + 0.10 * season(day, 120 + 3.4 * up, 290, 40, 60)
        base = _mix({"conifer": fresh, "litter": 1 - fresh})
        return base, np.broadcast_to(0.16 * PURE["conifer"], base.shape)
    if cover is Cover.PASTURE:
        green = 0.12 + 0.78 * season(day, 98 + 3.6 * up, 300 - 2.2 * up, 30, 45)
        base = _mix({"grass": green, "hay": 0.85 * (1 - green), "rock": 0.15 * (1 - green)})
        return base, (0.09 * (0.2 + green))[:, None] * (PURE["grass"] - PURE["hay"])
    leaves = season(day, 101 + 3.4 * up, 304 - 2.2 * up, 22, 22)
    gold = 0.75 * season(day, 288 - 2.2 * up, 318 - 2.2 * up, 18, 16) * (1 - 0.6 * leaves)
    under = 0.16 if cover is Cover.RIPARIAN else 0.07
    bare = np.maximum(1 - leaves - gold, 0)
    base = _mix({"broadleaf": leaves, "autumn": gold, "litter": bare * (1 - under), "grass": bare * under})
    return base, (0.03 + 0.05 * leaves)[:, None] * (PURE["broadleaf"] - 0.35 * PURE["litter"])


def _bare(cover: Cover, day: float, variant: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Water, stones and towns: gardens follow the season, the rest stays."""
    garden = 0.45 + 0.45 * season(day, 92, 305, 35, 40)
    shade = (variant % 16 - 7.5) / 15
    still = np.zeros(VARIANTS)
    melt = float(season(day, 110, 185, 30, 40))
    parts: dict[Cover, dict[str, Floats | float]] = {
        Cover.LAKE: {"lake": still + 1 - 0.12 * melt, "river": still + 0.12 * melt},
        Cover.RIVER: {"river": still + 0.78 + 0.16 * melt, "gravel": still + 0.10},
        Cover.GRAVEL: {"gravel": 0.92 + 0.2 * shade, "grass": still + 0.05 * garden},
        Cover.ROCK: {"rock": 0.92 + 0.2 * shade, "grass": still + 0.05 * garden},
        Cover.SCREE: {"rock": 0.70 + 0.2 * shade, "grass": still + 0.22 * garden, "hay": still + 0.22 * (1 - garden)},
        Cover.CENTRE: {"tile": 0.55 + 0.3 * shade, "asphalt": 0.28 - 0.3 * shade, "grass": still + 0.14 * garden},
        Cover.RESIDENTIAL: {
            "tile": 0.30 + 0.15 * shade, "asphalt": 0.24 - 0.15 * shade,
            "grass": still + 0.42 * garden, "hay": still + 0.42 * (1 - garden),
        },
        Cover.INDUSTRY: {"bright": np.clip(0.5 + shade, 0, 1) * 0.9, "concrete": np.clip(0.5 - shade, 0, 1)},
        Cover.ROAD: {"asphalt": still + 0.60, "concrete": still + 0.30, "grass": still + 0.10 * garden},
        Cover.PARK: {"grass": still + garden * 0.75, "broadleaf": still + garden * 0.2, "litter": still + 0.9 - 0.9 * garden},
        Cover.TRACK: {"gravel": still + 0.40, "grass": still + 0.5 * garden, "hay": still + 0.5 * (1 - garden)},
    }  # fmt: skip
    base = _mix(parts[cover])
    swing = {Cover.RESIDENTIAL: 0.20, Cover.CENTRE: 0.12, Cover.INDUSTRY: 0.06, Cover.SCREE: 0.10, Cover.ROCK: 0.05}
    green = garden * PURE["grass"] + (1 - garden) * PURE["hay"]
    return base, np.broadcast_to(
        swing.get(cover, 0.02 if cover not in WATER else 0.0) * (green - base.mean(0)), base.shape
    )
