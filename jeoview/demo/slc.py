"""Prepare a small stack of simulated coregistered complex images of a sinking town, and say the truth behind it.

Geocoded, flat-earth and topographic phase removed, as OPERA's CSLC-S1. What is not a persistent scatterer is speckle
whose coherence between two dates is ``lasting + fading exp(-days / memory)``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from jeoview.catalog import Band, BandInfo, CollectionInfo, Item
from jeoview.demo.build import Size
from jeoview.demo.folder import Demo
from jeoview.demo.insar_items import tags
from jeoview.demo.noise import Field, chance, fractal, noise, ramp
from jeoview.demo.orbits import EPOCH, WAVELENGTH, YEAR
from jeoview.demo.shapes import box, polygon
from jeoview.errors import ParameterError, choices
from jeoview.graph import digest
from jeoview.grid import Grid, Lattice
from jeoview.io.write import BandText, CogProfile, write_cog

VERSION = 1
HOME = "demo-slc"
# A part of Tepic, UTM zone 13; pixels of 5 m across and 10 m down, as a burst's.
GRID = Grid(Lattice("EPSG:32613", (5.0, 10.0), 510_000.0, 2_379_600.0), 0, 0, 192, 320)
REPEAT, DATES = 24, 30
PLANS = {"full": tuple(range(DATES)), "small": tuple(range(0, DATES, 3))}
# Fastest sinking, mm a year along the line of sight, and how far it reaches, metres.
SINKING, REACH = -35.0, 330.0
# Days in which the fading share of the echo loses 63 percent.
MEMORY = 60.0
SCATTERERS, BRIGHT, UNREST = 0.04, 6.0, 0.5
# Radians of the air on one date.
AIR = 0.5
Complexes = NDArray[np.complex64]

COLLECTION = CollectionInfo(
    HOME,
    title="Simulated complex radar images (demo)",
    description="Simulated, not observed: coregistered, geocoded complex images of a sinking town at the place of Tepic, "
    "2021 and 2022. Phase and coherence are known, see docs/demo.md.",
    simulated=True,
    bands=(BandInfo("slc"),),
)


@dataclass(frozen=True, slots=True, eq=False)
class SlcTruth:
    """What is really there in the simulated images.

    Parameters
    ----------
    grid : Grid
        Their pixels.
    dates : tuple of str
        RFC 3339, in order.
    velocity : (y, x) float32
        mm a year of 365.25 days along the line of sight, positive towards the satellite.
    phase : (date, y, x) float64
        Radians that motion and air turn an image by: 4 pi / wavelength times the displacement towards the satellite, less
        the delay of the air. That of the product of two images is the difference, first less second.
    lasting, fading : (y, x) float32
        Shares of the echo that stay, and that fade with ``MEMORY``; the rest is noise.
    scatterers : (y, x) bool
        Persistent scatterers, whose phase keeps but for some hundredths of a radian.
    """

    grid: Grid
    dates: tuple[str, ...]
    velocity: Field
    phase: NDArray[np.float64]
    lasting: Field
    fading: Field
    scatterers: NDArray[np.bool_]

    def coherence(self, one: int, other: int) -> NDArray[np.float64]:
        """Coherence of the speckle between two dates, by position."""
        first, second = (dt.datetime.fromisoformat(self.dates[i]) for i in (one, other))
        kept = np.exp(-abs((second - first).days) / MEMORY)
        return np.asarray(self.lasting + self.fading * kept if one != other else np.ones(self.grid.shape))


def slc_truth(size: Size = "full") -> SlcTruth:
    """The truth behind the simulated complex images; computed anew, as everything is a function of place and date.

    Raises
    ------
    ParameterError
        If ``size`` is neither ``"full"`` nor ``"small"``.
    """
    slots = _slots(size)
    built = ramp(_distance() + 260 * fractal(GRID, 400.0, 3, 911), 900, 350)
    velocity = np.asarray(SINKING * np.exp(-((_distance() / REACH) ** 2)), dtype=np.float32)
    years = REPEAT * np.array(slots, dtype=np.float64) / YEAR
    turned = 4 * np.pi / WAVELENGTH * 1e-3 * years[:, None, None] * velocity
    air = np.stack([AIR * noise(GRID, 1500.0, 920 + slot) for slot in slots])
    row, col = np.arange(GRID.height)[:, None], np.arange(GRID.width)[None]
    return SlcTruth(
        grid=GRID,
        dates=tuple(f"{EPOCH + dt.timedelta(REPEAT * slot):%Y-%m-%dT%H:%M:%SZ}" for slot in slots),
        velocity=velocity,
        phase=turned - air,
        lasting=(0.08 + 0.55 * built).astype(np.float32),
        fading=(0.6 - 0.35 * built).astype(np.float32),
        scatterers=chance(901, row, col) < SCATTERERS * (0.2 + 0.8 * built),
    )


def prepare_slc(home: Path | None = None, size: Size = "full", progress: bool = True) -> Path:
    """Simulate the complex images, unless they are there, and put them into the catalogue.

    Parameters
    ----------
    home : Path, optional
        The folder of the user's cache, as in `jeoview.demo.prepare`. The files go to ``demo-slc`` below it.
    size : str
        ``"full"``: 30 dates of 192 x 320 pixels. ``"small"``: every third of them. Where the full one is there already, it
        serves for both.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        The folder of the files.

    Raises
    ------
    ParameterError
        If ``size`` is neither of the two.
    JeoviewError
        If a file cannot be written.
    """
    return DEMO.prepare(home, size, progress)


def _simulate(folder: Path, size: Size, progress: bool) -> list[Item]:
    items = []
    with tqdm(total=len(PLANS[size]), desc="Simulating complex images", disable=not progress) as bar:
        for name, image in _images(size):
            items.append(_write(folder, name, image))
            bar.update()
    return items


def _slots(size: str) -> tuple[int, ...]:
    if size not in PLANS:
        raise ParameterError(f"size is {size!r}; {choices(str(size), PLANS)}")
    return PLANS[size]


def _distance() -> Field:
    west, south, east, north = GRID.bounds
    return np.hypot(GRID.x[None] - (west + east) / 2, GRID.y[:, None] - (south + north) / 2).astype(np.float32)


def _images(size: Size) -> list[tuple[str, Complexes]]:
    """Each date's name and image."""
    truth, slots = slc_truth(size), _slots(size)
    lasting, rest = np.sqrt(truth.lasting), np.sqrt(1 - truth.lasting - truth.fading)
    common, fading = _speckle(930), _speckle(931)
    own = BRIGHT * np.exp(2j * np.pi * chance(902, *_pixels()))
    kept = np.exp(-REPEAT / MEMORY)
    made = []
    for slot in range(DATES):
        if slot:
            # What has faded is replaced by something new, so that the power stays.
            fading = kept * fading + np.sqrt(1 - kept**2) * _speckle(1000 + slot)
        if slot not in slots:
            continue
        echo = lasting * common + np.sqrt(truth.fading) * fading + rest * _speckle(1100 + slot)
        echo = np.where(truth.scatterers, own + UNREST * _speckle(1200 + slot), echo)
        image = 40 * echo * np.exp(1j * truth.phase[slots.index(slot)])
        made.append((truth.dates[slots.index(slot)], image.astype(np.complex64)))
    return made


def _pixels() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.arange(GRID.height)[:, None], np.arange(GRID.width)[None]


def _speckle(seed: int) -> NDArray[np.complex128]:
    """Complex normal numbers of mean power 1."""
    power = -np.log1p(-chance(seed, 1, *_pixels()).astype(np.float64))
    return np.asarray(np.sqrt(power) * np.exp(2j * np.pi * chance(seed, 2, *_pixels())))


def _write(folder: Path, when: str, image: Complexes) -> Item:
    """Write an image and return its item; its path is relative to the folder."""
    day = when[:10].replace("-", "")
    href, grid = f"{HOME}_{day}.tif", GRID
    profile = CogProfile(
        grid, (BandText("slc"),), "complex64", tags=tags(f"complex image of {when[:10]}"), content="none"
    )
    write_cog(folder / href, image, profile)
    place = {"proj:code": grid.crs, "proj:shape": list(grid.shape), "proj:transform": list(grid.transform)}
    properties = {
        "jeoview:simulated": True,
        "jeoview:slc": True,
        "jeoview:wavelength": WAVELENGTH,
        "jeoview:frame": digest(repr(grid))[:16],
        "jeoview:sign": "the phase of a pixel is -4 pi / wavelength times its distance",
        **place,
    }
    band = Band("slc", href, nodata=0.0, data_type="complex64", shape=grid.shape, transform=grid.transform)
    return Item(HOME, day, when, grid.bbox, polygon(box(*grid.bounds), grid.crs), properties, {"slc": band})


DEMO: Demo[Size] = Demo(HOME, VERSION, {"full": "full", "small": "small"}, (COLLECTION,), _simulate)
