"""The two simulated tracks: when they pass, from where they look, and which dates make pairs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jeoview.demo.noise import Field
from jeoview.grid import Grid

WAVELENGTH = 0.0554658
# Radians of phase a metre of path, there and back.
WAVENUMBER = 4 * np.pi / WAVELENGTH
EPOCH = dt.datetime(2021, 1, 6, tzinfo=dt.UTC)
REPEAT = 12
YEAR = 365.25
# The latest neighbour that still makes a pair of the kinds n+1, n+2 and n+3.
LONGEST = 60
_YEARLY = (30, 31)
_EARTH, _ORBIT = 6_371_000.0, 7_070_000.0
# A tube of about 100 m around the nominal orbit.
_TUBE = 55.0


@dataclass(frozen=True, slots=True)
class Track:
    """A track.

    Parameters
    ----------
    name : str
        ``asc`` or ``desc``.
    label : str
        What ``jeoview:track`` says.
    direction : str
        ``ascending`` or ``descending``.
    heading : float
        Degrees clockwise from north.
    incidence : float
        Degrees at the middle of the area.
    start : datetime
        The first pass.
    missing : tuple of int
        Passes of the 12-day cycle, from 0, that were not recorded.
    seed : int
        Another number, another weather.
    """

    name: str
    label: str
    direction: str
    heading: float
    incidence: float
    start: dt.datetime
    missing: tuple[int, ...]
    seed: int


TRACKS = (
    Track(
        "asc", "SIM-A", "ascending", -12.4, 37.0, EPOCH + dt.timedelta(hours=0, minutes=58, seconds=21),
        (9, 23, 24, 41, 52), 501,
    ),
    Track(
        "desc", "SIM-D", "descending", -167.6, 41.0, EPOCH + dt.timedelta(days=5, hours=12, minutes=46, seconds=7),
        (5, 17, 26, 39, 60), 502,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One pass.

    Parameters
    ----------
    slot : int
        Its number in the 12-day cycle.
    when : datetime
        UTC.
    day : float
        Days since `EPOCH`.
    baseline : float
        Perpendicular distance from the nominal orbit, metres.
    quality : float
        Share of the echo that is no passing noise; low after heavy rain.
    """

    slot: int
    when: dt.datetime
    day: float
    baseline: float
    quality: float


@dataclass(frozen=True, slots=True)
class Look:
    """The line of sight at every pixel.

    Parameters
    ----------
    east, north, up : (y, x) float32
        Unit vector from the ground to the satellite.
    incidence : (y, x) float32
        Degrees.
    distance : (y, x) float32
        From the satellite, metres.
    """

    east: Field
    north: Field
    up: Field
    incidence: Field
    distance: Field


def acquisitions(track: Track, slots: tuple[int, ...]) -> tuple[Acquisition, ...]:
    """The passes that were recorded, in order."""
    return tuple(_acquisition(track, slot) for slot in slots if slot not in track.missing)


def _acquisition(track: Track, slot: int) -> Acquisition:
    rng = np.random.Generator(np.random.SFC64([track.seed, slot, 1]))
    when = track.start + dt.timedelta(days=REPEAT * slot)
    wet = float(rng.random()) < 0.05
    quality = float(rng.uniform(0.55, 0.75) if wet else rng.uniform(0.93, 0.99))
    baseline = round(float(np.clip(_TUBE * rng.standard_normal(), -150, 150)), 1)
    return Acquisition(slot, when, (when - EPOCH) / dt.timedelta(days=1), baseline, quality)


def pairs(passes: tuple[Acquisition, ...]) -> tuple[tuple[int, int], ...]:
    """Positions (earlier, later) of each pass with its three next ones, and of every second one with that a year later."""
    near = [
        (i, j)
        for i in range(len(passes))
        for j in range(i + 1, min(i + 4, len(passes)))
        if (passes[j].slot - passes[i].slot) * REPEAT <= LONGEST
    ]
    return tuple(sorted([*near, *_yearly(passes)]))


def _yearly(passes: tuple[Acquisition, ...]) -> list[tuple[int, int]]:
    place = {each.slot: i for i, each in enumerate(passes)}
    found = []
    for i, each in enumerate(passes):
        later = next((place[each.slot + step] for step in _YEARLY if each.slot + step in place), None)
        if each.slot % 2 == 0 and later is not None:
            found.append((i, later))
    return found


def pair_name(one: Acquisition, other: Acquisition) -> str:
    """Such as ``20210106_20210118``."""
    return f"{one.when:%Y%m%d}_{other.when:%Y%m%d}"


def look(track: Track, ground: Grid) -> Look:
    """The line of sight on a window of the ground, over a spherical Earth and a flat scene.

    The sensor looks to the right of its heading; incidence grows away from it.
    """
    heading = np.radians(track.heading)
    away = ground.x[None, :] * np.cos(heading) - ground.y[:, None] * np.sin(heading)
    start = np.radians(track.incidence)
    centre = start - np.arcsin(_EARTH * np.sin(start) / _ORBIT)
    angle = centre + away / _EARTH
    distance = np.sqrt(_EARTH**2 + _ORBIT**2 - 2 * _EARTH * _ORBIT * np.cos(angle))
    sine = _ORBIT * np.sin(angle) / distance
    parts = (
        -sine * np.cos(heading), sine * np.sin(heading), np.sqrt(1 - sine**2), np.degrees(np.arcsin(sine)), distance,
    )  # fmt: skip
    return Look(*(np.asarray(part, dtype=np.float32) for part in parts))


def years(passes: tuple[Acquisition, ...]) -> NDArray[np.float64]:
    """Years of 365.25 days since `EPOCH`."""
    return np.array([each.day for each in passes]) / YEAR
