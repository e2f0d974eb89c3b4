"""Sun, shade, clouds and snow of a day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jeoview.demo.noise import Field, coarse, fractal, noise, ramp
from jeoview.demo.terrain import height
from jeoview.grid import Grid, Lattice

LATITUDE, LONGITUDE = 45.782, 12.04
# Share of the light that comes straight from the sun, in the order of `spectra.BANDS`; the rest comes from the sky.
DIRECT = np.array([0.74, 0.80, 0.84, 0.90, 0.95, 0.97])
CLOUD = np.array([0.62, 0.60, 0.60, 0.62, 0.44, 0.33])
CIRRUS = np.array([0.34, 0.33, 0.33, 0.35, 0.20, 0.15])


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands, in radians: elevation above the horizon, azimuth from north through east."""

    elevation: float
    azimuth: float


@dataclass(frozen=True, slots=True)
class Weather:
    """The sky of a day.

    Parameters
    ----------
    kind : str
        ``"clear"``, ``"cumulus"`` (small heaps), ``"deck"`` (large fields) or ``"cirrus"`` (thin veils).
    cover : float
        Share of the area under clouds, about, 0 .. 1.
    base : float
        Height of the clouds above the ground, metres: their shadows fall that far away.
    seed : int
        Another number, other clouds.
    """

    kind: str
    cover: float
    base: float
    seed: int


@dataclass(frozen=True, slots=True)
class Clouds:
    """Opacity of clouds and depth of their shadows, (y, x) float32 from 0 to 1."""

    opacity: Field
    shadow: Field
    thin: bool


def sun(day: float, hour: float) -> Sun:
    """Position of the sun (Spencer 1971; good to about 0.3 degrees).

    Parameters
    ----------
    day : float
        Day of the year.
    hour : float
        Hours of UTC.
    """
    year = 2 * np.pi * (day - 1 + (hour - 12) / 24) / 365
    declination = (
        0.006918 - 0.399912 * np.cos(year) + 0.070257 * np.sin(year) - 0.006758 * np.cos(2 * year)
        + 0.000907 * np.sin(2 * year) - 0.002697 * np.cos(3 * year) + 0.00148 * np.sin(3 * year)
    )  # fmt: skip
    minutes = 229.18 * (
        0.000075 + 0.001868 * np.cos(year) - 0.032077 * np.sin(year) - 0.014615 * np.cos(2 * year)
        - 0.040849 * np.sin(2 * year)
    )  # fmt: skip
    angle = np.radians((hour + LONGITUDE / 15 + minutes / 60 - 12) * 15)
    place = np.radians(LATITUDE)
    sine = np.sin(place) * np.sin(declination) + np.cos(place) * np.cos(declination) * np.cos(angle)
    south = np.sin(place) * np.cos(declination) * np.cos(angle) - np.cos(place) * np.sin(declination)
    azimuth = np.pi + np.arctan2(np.cos(declination) * np.sin(angle), south)
    return Sun(float(np.arcsin(sine)), float(azimuth))


def illumination(grid: Grid, z: Field, where: Sun) -> Field:
    """Direct sunlight on each pixel relative to level ground: cos(i) / cos(zenith), 0 in shade.

    ``z`` is the elevation on ``grid``; mountains throw shadows from outside of it too.
    """
    step = grid.lattice.resolution[0]
    down, right = np.gradient(z, step)
    toward_east, toward_north = np.sin(where.azimuth), np.cos(where.azimuth)
    flat = np.tan(np.pi / 2 - where.elevation)
    tilt = 1 - np.float32(flat) * (np.float32(toward_east) * right - np.float32(toward_north) * down)
    facing = tilt / np.sqrt(1 + right**2 + down**2)
    lit = coarse(grid, 40.0, lambda part: _lit(part, where))
    return np.asarray(np.clip(facing, 0, 2.2) * np.clip(lit, 0, 1))


def _lit(grid: Grid, where: Sun, reach: float = 2600.0) -> Field:
    """1 where the sun is not behind a mountain: look along its direction in steps of two pixels."""
    step = grid.lattice.resolution[0]
    pad = int(np.ceil(reach / step))
    z = height(grid.pad(pad))
    blocked = np.full(grid.shape, -np.inf, np.float32)
    here = z[pad:-pad, pad:-pad]
    for distance in np.arange(2 * step, reach, 2 * step):
        right = pad + round(distance * np.sin(where.azimuth) / step)
        down = pad - round(distance * np.cos(where.azimuth) / step)
        ahead = z[down : down + grid.height, right : right + grid.width]
        blocked = np.maximum(blocked, ahead - here - np.float32(distance * np.tan(where.elevation)))
    return ramp(blocked, 12, -12)


def clouds(grid: Grid, weather: Weather, where: Sun) -> Clouds:
    """Clouds over a window and the shadows that they throw, at 20 m and interpolated."""
    if weather.kind == "clear" and weather.cover == 0:
        empty = np.zeros(grid.shape, np.float32)
        return Clouds(empty, empty, thin=False)
    away = weather.base / np.tan(where.elevation)
    east, north = away * np.sin(where.azimuth), away * np.cos(where.azimuth)
    opacity = coarse(grid, 20.0, lambda part: _opacity(part, weather))
    # A cloud's shadow lies on the far side from the sun: what shades a place is overhead of a place towards the sun.
    shadow = coarse(grid, 20.0, lambda part: _opacity(_moved(part, east, north), weather))
    thin = weather.kind == "cirrus"
    strength = np.float32(0.25 if thin else 1.0)
    return Clouds(np.clip(opacity, 0, 1), strength * np.clip(shadow, 0, 1), thin)


def _moved(grid: Grid, east: float, north: float) -> Grid:
    step = grid.lattice.resolution[0]
    return Grid(
        Lattice(grid.crs, grid.lattice.resolution, grid.lattice.left, grid.lattice.top),
        grid.row - round(north / step),
        grid.col + round(east / step),
        grid.height,
        grid.width,
    )


def _opacity(grid: Grid, weather: Weather) -> Field:
    """Optical opacity: fractal noise above a threshold that leaves the wanted share covered."""
    seed = weather.seed
    if weather.kind == "cumulus":
        field = 0.85 * fractal(grid, 900.0, 6, seed, gain=0.55) + 0.55 * fractal(grid, 9000.0, 2, seed + 1)
        soft = 0.42
    elif weather.kind == "cirrus":
        streaks = fractal(grid, 2600.0, 5, seed, gain=0.6)
        field, soft = 0.7 * streaks + 0.7 * noise(grid, 9000.0, seed + 1), 1.5
    else:
        field = 0.95 * noise(grid, 9500.0, seed + 1) + 0.5 * fractal(grid, 2200.0, 7, seed, gain=0.58)
        soft = 0.55
    spread = {"cumulus": 1.01, "cirrus": 0.99}.get(weather.kind, 1.07)
    start = spread * _normal_quantile(1 - weather.cover)
    top = np.float32(0.62 if weather.kind == "cirrus" else 0.97)
    return top * ramp(field.astype(np.float32), start - 0.35 * soft, start + 0.65 * soft)


def _normal_quantile(share: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(np.clip(share, 0.001, 0.999)))


def snow(z: Field, south: Field, line: float, patches: Field) -> Field:
    """Share of the ground under snow: all far above the snow line, which lies higher on south faces."""
    return ramp(z - np.float32(line) - 130 * south + 55 * patches, -50, 110)


def cloud_light(opacity: Field, texture: Field) -> NDArray[np.float32]:
    """Brightness of a cloud's top relative to its mean: thick parts are brighter."""
    return (0.72 + 0.36 * opacity + 0.06 * texture).astype(np.float32)
