"""The ground of the simulated interferograms: a volcano, a plain with a town and a lake, forest and fields.

It is invented; only the town of Tepic (Mexico) stands where the real one does. Everything is a function of the
place, so that a smaller area is a cut of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jeoview.demo.motion import BOWL
from jeoview.demo.noise import Field, fractal, noise, ramp
from jeoview.grid import Grid, Lattice
from jeoview.projection import WGS84, canonical_crs

# The town hall of Tepic is in the middle of the bowl.
_TOWN = (-104.893, 21.508)
_METRES = 111_319.4908
STEP = 0.001
PIXELS = 400
_SHRINK = np.cos(np.radians(_TOWN[1]))
_CENTRE = (_TOWN[0] - BOWL[0] / (_METRES * _SHRINK), _TOWN[1] - BOWL[1] / _METRES)
# Degrees scaled to metres: true to scale along the parallel of the town.
PLANE = canonical_crs(
    f"+proj=eqc +lat_ts={_TOWN[1]} +lon_0={_CENTRE[0]:.9f} +lat_0={_CENTRE[1]:.9f} +datum=WGS84 +units=m +type=crs"
)
_LEFT, _TOP = round(_CENTRE[0] - PIXELS * STEP / 2, 3), round(_CENTRE[1] + PIXELS * STEP / 2, 3)
SUMMIT = (-4500.0, 4500.0)
LAKE = (5200.0, 5600.0, 1750.0)
PLAIN = 920.0
# Clearings in the forest: east, north, radius in metres. What lies in them is an island of coherence.
CLEARINGS = (
    (-9800.0, 10200.0, 1300.0),
    (-600.0, 9300.0, 1150.0),
    (-8300.0, 400.0, 1200.0),
    (11500.0, 11000.0, 1500.0),
    (-13000.0, -9500.0, 1400.0),
    (-5200.0, -5600.0, 1100.0),
)
KINDS = ("rock", "town", "fields", "scrub", "forest", "water")
# Share of the echo that stays for years, that fades with time, days in which it fades, metres of baseline.
_ECHOES = np.array(
    [
        (0.74, 0.20, 250, 2500),
        (0.66, 0.20, 180, 1600),
        (0.24, 0.58, 48, 2000),
        (0.36, 0.44, 75, 1300),
        (0.06, 0.52, 14, 380),
        (0.00, 0.02, 1, 1000),
    ],
    dtype=np.float32,
)


@dataclass(frozen=True, slots=True)
class Echo:
    """How the radar's echo of a pixel keeps.

    Parameters
    ----------
    lasting, fading : (y, x) float32
        Shares of the echo that stay for years, and that fade with time; the rest is noise.
    memory : (y, x) float32
        Days in which the fading share loses 63 percent, in the dry season.
    span : (y, x) float32
        Perpendicular baseline, metres, at which the lasting share has turned by one radian.
    """

    lasting: Field
    fading: Field
    memory: Field
    span: Field


def stack_grid(row: int, col: int, size: int) -> Grid:
    """A square window of the stack's lattice, in degrees of EPSG:4326."""
    return Grid(Lattice(WGS84, (STEP, STEP), _LEFT, _TOP), row, col, size, size)


def plane(grid: Grid) -> Grid:
    """The same pixels in metres from the middle of the area."""
    scale = (STEP * _METRES * _SHRINK, STEP * _METRES)
    left, top = (_LEFT - _CENTRE[0]) * _METRES * _SHRINK, (_TOP - _CENTRE[1]) * _METRES
    return Grid(Lattice(PLANE, (float(scale[0]), scale[1]), float(left), top), grid.row, grid.col, *grid.shape)


def height(ground: Grid) -> Field:
    """Elevation, metres, at the pixels of a window of the ground."""
    x, y = ground.x[None, :] - SUMMIT[0], ground.y[:, None] - SUMMIT[1]
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    gullies = np.cos(13 * angle + 1.1 * noise(ground, 2600.0, 301)) + 0.6 * np.cos(22 * angle + 2)
    cone = 1650 * np.exp(-distance / 3400) - 140 * np.exp(-((distance / 420) ** 2))
    cone += 38 * gullies * np.exp(-(((distance - 2900) / 1800) ** 2))
    hills = ramp(fractal(ground, 9000.0, 3, 302), 0.2, 1.8) * (520 + 150 * fractal(ground, 2200.0, 4, 303, gain=0.55))
    swell = 25 * fractal(ground, 5000.0, 3, 304) + 0.004 * (y - x)
    z = PLAIN + cone + hills * _away(ground, BOWL, 4200, 8000) + swell
    shore = np.clip((_from_lake(ground) + 300) / 900, 0, 1)
    return np.asarray(PLAIN - 30 + (z - PLAIN + 30) * shore, dtype=np.float32)


def cover(ground: Grid, z: Field) -> Field:
    """Shares of `KINDS` at every pixel, (kind, y, x) float32; their sum is 1.

    Parameters
    ----------
    ground : Grid
        The window.
    z : (y, x) float32
        Its elevation.
    """
    free = np.ones(ground.shape, dtype=np.float32)
    shares = []
    for layer in (_water(ground), _town(ground), _rock(ground, z), _forest(ground, z), _fields(ground)):
        shares.append(free * layer)
        free = free - shares[-1]
    water, town, rock, forest, fields = shares
    return np.stack([rock, town, fields, free, forest, water])


def echo(ground: Grid, shares: Field) -> Echo:
    """How the echo keeps, from the shares of `KINDS`."""
    lasting, fading, memory, span = np.tensordot(_ECHOES.T, shares, axes=1)
    vary = 1 + np.float32(0.16) * noise(ground, 260.0, 321) + np.float32(0.10) * noise(ground, 1500.0, 322)
    lasting = np.clip(lasting * vary, 0, 0.95)
    return Echo(lasting, np.minimum(fading, 0.97 - lasting), memory, span)


# -- what grows where ----------------------------------------------------------------------------


def _water(ground: Grid) -> Field:
    return ramp(_from_lake(ground), 40, -40)


def _town(ground: Grid) -> Field:
    ragged = 420 * fractal(ground, 1100.0, 3, 311)
    built = [ramp((_distance(ground, BOWL) + ragged).astype(np.float32), 2900, 2300)]
    for x, y, radius in (*CLEARINGS, (-11500.0, -2500.0, 1900.0), (12500.0, -12500.0, 1700.0)):
        built.append(ramp((_distance(ground, (x, y)) + ragged).astype(np.float32), 0.55 * radius, 0.35 * radius))
    return np.asarray(np.max(built, axis=0) * (0.86 + 0.1 * np.tanh(noise(ground, 320.0, 312))), dtype=np.float32)


def _rock(ground: Grid, z: Field) -> Field:
    """The bare summit and a flow of lava that went down to the south-west."""
    top = ramp((z + 90 * noise(ground, 700.0, 313)).astype(np.float32), 1830, 1930)
    x, y = ground.x[None, :] - SUMMIT[0], ground.y[:, None] - SUMMIT[1]
    along, across = -0.55 * x - 0.835 * y, 0.835 * x - 0.55 * y
    width = 330 + 0.075 * along + 170 * fractal(ground, 1400.0, 3, 314)
    bend = 380 * np.sin(along / 1500)
    flow = ramp((np.abs(across - bend) - width).astype(np.float32), 90, -90) * ((along > 0) & (along < 6800))
    return np.maximum(top, flow.astype(np.float32))


def _forest(ground: Grid, z: Field) -> Field:
    level = (z + 110 * fractal(ground, 1800.0, 3, 315)).astype(np.float32)
    # Pasture above the tree line, which people have pushed down.
    belt = np.minimum(ramp(level, 1180, 1290), ramp(level, 1640, 1540))
    groves = ramp(fractal(ground, 3200.0, 4, 316), 0.75, 1.0) * _away(ground, BOWL, 2600, 3600)
    forest = np.maximum(belt, groves)
    for x, y, radius in CLEARINGS:
        edge = _distance(ground, (x, y)) + 260 * fractal(ground, 900.0, 3, 317)
        ring = ramp(edge.astype(np.float32), radius + 2200, radius + 1500)
        forest = np.maximum(forest, ring) * ramp(edge.astype(np.float32), radius - 80, radius + 80)
    return np.asarray(0.97 * forest, dtype=np.float32)


def _fields(ground: Grid) -> Field:
    return np.asarray(ramp(fractal(ground, 2400.0, 4, 318), -0.6, -0.2), dtype=np.float32)


def _from_lake(ground: Grid) -> Field:
    """Metres from the lake's shore, negative in the lake."""
    return (_distance(ground, LAKE[:2]) + 260 * fractal(ground, 1600.0, 3, 319) - LAKE[2]).astype(np.float32)


def _away(ground: Grid, place: tuple[float, float], near: float, far: float) -> Field:
    return ramp(_distance(ground, place).astype(np.float32), near, far)


def _distance(ground: Grid, place: tuple[float, float]) -> Field:
    return np.hypot(ground.x[None, :] - place[0], ground.y[:, None] - place[1]).astype(np.float32)
