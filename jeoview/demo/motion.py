"""How the ground moves: an intrusion below the volcano, and a town that pumps its groundwater.

The intrusion is a point source in an elastic half-space (Mogi 1958, Bulletin of the Earthquake Research
Institute 36): with C = (1 - nu) dV / pi, depth d and distance r, the ground moves C d / (r^2 + d^2)^1.5 up and
C r / (r^2 + d^2)^1.5 outwards. The town's bowl sinks steadily and breathes with the seasons; the ground moves towards
its middle in proportion to the slope of the bowl.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jeoview.demo.orbits import YEAR, Look
from jeoview.grid import Grid

Array = NDArray[np.float64]
# East, north (metres of the ground), depth, volume in the end (m3), days from the first pass to its onset, days of relaxation.
MOGI = (-4300.0, 4300.0)
DEPTH = 4000.0
VOLUME = 9.0e6
POISSON = 0.25
ONSET = 250.0
RELAXATION = 430.0
# East, north, radii of the two axes in metres, azimuth of the longer one in degrees.
BOWL = (4500.0, -4000.0)
RADII = (3300.0, 2300.0)
AZIMUTH = 62.0
# Metres a year and metres, up, in the middle; the ground is highest in the middle of October, after the rains.
SINKING = -0.075
BREATH = 0.009
HIGHEST = 288.0
# Horizontal motion is the slope of the bowl times this many metres.
LEVER = 600.0
SOURCES = ("intrusion", "compaction", "recharge")


def patterns(ground: Grid) -> Array:
    """Motion of each of `SOURCES` where its time function is 1.

    Returns
    -------
    (source, component, y, x) float64
        Metres; east, north, up.
    """
    up, east, north = _mogi(ground)
    shape = _bowl(ground)
    return np.stack([np.stack([east, north, up]), SINKING * shape, BREATH * shape])


def histories(days: Array) -> Array:
    """The sources' functions of time, (date, source) float64; days since the first ascending pass."""
    since = np.maximum(days - ONSET, 0)
    # Day 0 is the sixth of January.
    season = np.cos(2 * np.pi * (days + 5 - HIGHEST) / YEAR)
    return np.stack([1 - np.exp(-since / RELAXATION), days / YEAR, season], axis=1)


def line_of_sight(motion: Array, look: Look) -> Array:
    """Project (..., component, y, x) on the line of sight: metres, positive towards the satellite."""
    parts = motion[..., 0, :, :] * look.east, motion[..., 1, :, :] * look.north, motion[..., 2, :, :] * look.up
    return np.asarray(sum(parts))


def slopes(days: Array) -> Array:
    """Least-squares slope a year of each source's history over the days: (source,) float64."""
    centred = days / YEAR - np.mean(days / YEAR)
    return np.asarray((centred[:, None] * histories(days)).sum(axis=0) / (centred**2).sum())


def _mogi(ground: Grid) -> tuple[Array, Array, Array]:
    x, y = ground.x[None, :] - MOGI[0], ground.y[:, None] - MOGI[1]
    strength = (1 - POISSON) * VOLUME / np.pi / (x**2 + y**2 + DEPTH**2) ** 1.5
    return strength * DEPTH, strength * x, strength * y


def _bowl(ground: Grid) -> Array:
    """East, north and up for a bowl that goes up by 1 in its middle."""
    x, y = ground.x[None, :] - BOWL[0], ground.y[:, None] - BOWL[1]
    sine, cosine = np.sin(np.radians(AZIMUTH)), np.cos(np.radians(AZIMUTH))
    along, across = (x * sine + y * cosine) / RADII[0], (x * cosine - y * sine) / RADII[1]
    up = np.exp(-(along**2 + across**2))
    east = up * 2 * (along * sine / RADII[0] + across * cosine / RADII[1])
    north = up * 2 * (along * cosine / RADII[0] - across * sine / RADII[1])
    # The slope of the bowl is minus these; where the middle sinks, the ground moves towards it.
    return np.stack([LEVER * east, LEVER * north, up])
