"""Scenes as the Sentinel-2 Level-2A product has them: the truth of a day, seen on the grid of a tile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.interpolate import RectBivariateSpline

from jeoview.demo import sky, spectra
from jeoview.demo.landscape import Landscape, is_water, landscape
from jeoview.demo.noise import Field, fractal
from jeoview.demo.shapes import Ring, cut, densify
from jeoview.demo.sky import Weather
from jeoview.demo.spectra import Cover
from jeoview.demo.terrain import GROUND, STEP, ground
from jeoview.grid import Grid, Lattice
from jeoview.projection import transform, transform_bounds

SCALE, OFFSET, NODATA = 1e-4, -0.1, 0
STORED_STEP = 4
FIRE_DAY = 199
FIRE_DATE = "2023-07-18"
# Relative orbits: where the swath ends, as (normal, limit) of a half-plane on the ground; None covers both tiles.
SWATHS: dict[int, tuple[tuple[float, float], float] | None] = {
    22: None,
    122: ((0.974, -0.225), 4200.0),
    65: ((-0.974, 0.225), 4900.0),
}
_STRIP = 96


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile: name and its grid at 10 m."""

    name: str
    grid: Grid


@dataclass(frozen=True, slots=True)
class Pass:
    """One overflight.

    Parameters
    ----------
    day : int
        Day of 2023.
    orbit : int
        Relative orbit, a key of `SWATHS`.
    weather : Weather
        The sky.
    snow_line : float
        Metres above which snow lies.
    level : float
        Metres that the river's threads are wider than at low water.
    """

    day: int
    orbit: int
    weather: Weather
    snow_line: float
    level: float

    @property
    def when(self) -> datetime:
        """Time of the overflight."""
        second = (self.day * 37) % 60
        return datetime.strptime(
            f"2023-{self.day:03d} 10:1{self.orbit % 5}:{second:02d} +0000", "%Y-%j %H:%M:%S %z"
        ).astimezone(UTC)

    @property
    def platform(self) -> str:
        """The two satellites take turns."""
        return "sentinel-2a" if self.day // 5 % 2 else "sentinel-2b"


# An orbit comes back every fifth day (two satellites); neighbouring orbits on other days.
PASSES = (
    Pass(16, 22, Weather("clear", 0.0, 0, 0), 560, -2),
    Pass(34, 122, Weather("deck", 0.30, 900, 1201), 360, -2),
    Pass(56, 22, Weather("clear", 0.0, 0, 0), 490, -1),
    Pass(81, 22, Weather("cumulus", 0.14, 1300, 1301), 760, 2),
    Pass(102, 65, Weather("deck", 0.20, 1400, 1401), 960, 4),
    Pass(121, 22, Weather("cirrus", 0.35, 6000, 1501), 1180, 8),
    Pass(141, 22, Weather("cumulus", 0.05, 1500, 1601), 1500, 10),
    Pass(164, 122, Weather("cumulus", 0.22, 1700, 1702), 3000, 6),
    Pass(186, 22, Weather("clear", 0.0, 0, 0), 3000, 2),
    Pass(206, 22, Weather("cumulus", 0.04, 1800, 1801), 3000, -1),
    Pass(251, 22, Weather("clear", 0.0, 0, 0), 3000, -4),
    Pass(272, 65, Weather("deck", 0.45, 1500, 2001), 3000, -1),
    Pass(289, 122, Weather("clear", 0.0, 0, 0), 2400, 1),
    Pass(351, 22, Weather("cumulus", 0.02, 900, 2201), 690, 0),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """What stays the same on all dates of a tile.

    Parameters
    ----------
    tile : Tile
        The tile.
    window : Grid
        The window of the ground that it sees.
    land : Landscape
        The truth there.
    south, patches : (y, x) float32
        How much the ground faces south, and where snow lasts.
    fine, half : sparse matrix
        (pixel, ground pixel) weights of the tile's 10 m and 20 m pixels.
    place : (2, y, x) float32
        Ground coordinates of the tile's 20 m pixels.
    """

    tile: Tile
    window: Grid
    land: Landscape
    south: Field
    patches: Field
    fine: sparse.csr_array
    half: sparse.csr_array
    place: Field


@dataclass(frozen=True, slots=True)
class Scene:
    """Stored values of one tile on one day.

    Parameters
    ----------
    bands : dict of str to (y, x) uint16
        By name; ``value * SCALE + OFFSET`` is the reflectance, 0 is nodata.
    scl : (y, x) uint8
        Scene classification at 20 m.
    cloud_cover, snow_cover, nodata : float
        Percent of the pixels seen; of all pixels.
    """

    bands: dict[str, NDArray[np.uint16]]
    scl: NDArray[np.uint8]
    cloud_cover: float
    snow_cover: float
    nodata: float


def tiles(size: int, centre: tuple[float, float], apart: float) -> tuple[Tile, Tile]:
    """Two tiles in UTM zones 32 and 33.

    Parameters
    ----------
    size : int
        Pixels of 10 m a side, even.
    centre : (float, float)
        Place between them, metres of the ground.
    apart : float
        Metres from the centre of one to that of the other.
    """
    x, y = centre
    west = _tile("T32", "EPSG:32632", (x - apart / 2, y), size)
    return west, _tile("T33", "EPSG:32633", (x + apart / 2, y), size)


def _tile(name: str, crs: str, centre: tuple[float, float], size: int) -> Tile:
    east, north = transform(GROUND, crs, *centre)
    half = size * STEP / 2
    left, top = (round(float(value) / 60) * 60.0 for value in (east - half, north + half))
    return Tile(name, Grid(Lattice(crs, (STEP, STEP), left, top), 0, 0, size, size))


def coarser(grid: Grid, factor: int) -> Grid:
    """The same area in pixels ``factor`` times as large."""
    dx, dy = grid.lattice.resolution
    lattice = Lattice(grid.crs, (dx * factor, dy * factor), grid.lattice.left, grid.lattice.top)
    return Grid(lattice, grid.row // factor, grid.col // factor, grid.height // factor, grid.width // factor)


def footprint(tile: Tile, orbit: int) -> Ring:
    """Ring on the ground of the part of a tile that an orbit sees."""
    west, south, east, north = tile.grid.bounds
    corners = np.array([(west, south), (east, south), (east, north), (west, north)])
    x, y = transform(tile.grid.crs, GROUND, *densify(corners, 8).T)
    ring, swath = np.column_stack([x, y]), SWATHS[orbit]
    return ring if swath is None else cut(ring, *swath)


def stage(tile: Tile) -> Stage:
    """Build what stays the same on all dates of a tile."""
    west, south, east, north = transform_bounds(tile.grid.crs, GROUND, tile.grid.bounds)
    window = ground(STEP, (west - 60, south - 60, east + 60, north + 60))
    land = landscape(window)
    down, right = np.gradient(land.height, STEP)
    place = _places(coarser(tile.grid, 2))
    return Stage(
        tile=tile,
        window=window,
        land=land,
        south=(down * -1 / (np.hypot(down, right) + 0.15)).astype(np.float32),
        patches=fractal(window, 320.0, 4, 98),
        fine=_weights(_places(tile.grid), window),
        half=_weights(place, window),
        place=place.astype(np.float32),
    )


def _places(grid: Grid) -> NDArray[np.float64]:
    """Ground coordinates (2, y, x) of a tile's pixels, from control points every 2 km or less."""
    rows, cols = np.linspace(-1, grid.height, 17), np.linspace(-1, grid.width, 17)
    dx, dy = grid.lattice.resolution
    west, _, _, north = grid.bounds
    x, y = np.meshgrid(west + (cols + 0.5) * dx, north - (rows + 0.5) * dy)
    points = transform(grid.crs, GROUND, x, y)
    row, col = np.arange(grid.height), np.arange(grid.width)
    return np.stack([RectBivariateSpline(rows, cols, values)(row, col) for values in points])


def _weights(places: NDArray[np.float64], window: Grid) -> sparse.csr_array:
    """Bilinear weights of the ground's pixels around each place."""
    west, _, _, north = window.bounds
    col, row = (places[0].ravel() - west) / STEP - 0.5, (north - places[1].ravel()) / STEP - 0.5
    c, r = np.floor(col).astype(np.int32), np.floor(row).astype(np.int32)
    u, v = (col - c).astype(np.float32), (row - r).astype(np.float32)
    first = r * np.int32(window.width) + c
    index = np.stack([first, first + 1, first + window.width, first + window.width + 1], axis=1)
    weight = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v], axis=1)
    start = np.arange(0, index.size + 1, 4, dtype=np.int32)
    return sparse.csr_array((weight.ravel(), index.ravel(), start), shape=(col.size, window.height * window.width))


def sample(values: Field, window: Grid, grid: Grid) -> Field:
    """Values of a window of the ground at the pixels of a grid of any reference system, bilinear."""
    seen: Field = _weights(_places(grid), window) @ values.ravel()
    return seen.reshape(grid.shape)


def scene(stage: Stage, overflight: Pass) -> Scene:
    """See a tile on a day."""
    light, truth = _truth(stage, overflight)
    grid = stage.tile.grid
    seen = (stage.fine @ light.reshape(-1, light.shape[-1])).reshape(*grid.shape, -1)
    facts = (stage.half @ truth.reshape(-1, truth.shape[-1])).reshape(grid.height // 2, grid.width // 2, -1)
    blind = _blind(stage, overflight.orbit)
    coarse = seen.reshape(grid.height // 2, 2, grid.width // 2, 2, -1).mean(axis=(1, 3))
    random = np.random.default_rng([overflight.day, int(grid.crs[-2:])])
    bands = {
        name: _stored(coarse[..., i] if name in ("B11", "B12") else seen[..., i], blind, random)
        for i, name in enumerate(spectra.BANDS)
    }
    scl = _classify(coarse, facts, thin=overflight.weather.kind == "cirrus")
    scl[blind] = 0
    valid = max(int((scl > 0).sum()), 1)
    return Scene(
        bands=bands,
        scl=scl,
        cloud_cover=round(100 * float(np.isin(scl, (8, 9, 10)).sum()) / valid, 2),
        snow_cover=round(100 * float((scl == 11).sum()) / valid, 2),
        nodata=round(100 * float(blind.mean()), 2),
    )


def _blind(stage: Stage, orbit: int) -> NDArray[np.bool_]:
    """20 m pixels that the swath does not reach."""
    swath = SWATHS[orbit]
    if swath is None:
        return np.zeros(stage.place.shape[1:], bool)
    (a, b), limit = swath
    return np.asarray(a * stage.place[0] + b * stage.place[1] > limit)


def _stored(reflectance: Field, blind: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.uint16]:
    """Add the sensor's noise and store as the product does; 0 where the swath does not reach."""
    spread = np.float32(0.0004) + np.float32(0.002) * reflectance
    noisy = reflectance + spread * random.standard_normal(reflectance.shape, dtype=np.float32)
    # Multiples of four, 0.0004 of reflectance: the real product loses about as much to its compression.
    steps = np.rint((noisy - np.float32(OFFSET)) / np.float32(STORED_STEP * SCALE))
    stored = np.asarray(np.clip(steps * np.float32(STORED_STEP), STORED_STEP, 65532), dtype=np.uint16)
    factor = reflectance.shape[0] // blind.shape[0]
    stored[np.repeat(np.repeat(blind, factor, 0), factor, 1)] = NODATA
    return stored


def _truth(stage: Stage, overflight: Pass) -> tuple[Field, Field]:
    """Reflectances (y, x, band) of the ground's window, and facts (y, x, 5) that the classification needs.

    The facts are opacity and shadow of clouds, snow, water, and light on the slope.
    """
    window, land = stage.window, stage.land
    hour = overflight.when.hour + overflight.when.minute / 60
    where = sky.sun(overflight.day, hour)
    over = sky.clouds(window, overflight.weather, where)
    lit = sky.illumination(window, land.height, where)
    white = sky.snow(land.height, stage.south, overflight.snow_line, stage.patches)
    white *= np.where(land.cover == Cover.ROCK, np.float32(0.8), np.float32(1))
    wet = is_water(land.cover, land.depth, overflight.level)
    base, change = (part.astype(np.float32) for part in spectra.table(overflight.day))
    light = np.empty((*window.shape, len(spectra.BANDS)), np.float32)
    for top in range(0, window.height, _STRIP):
        rows = slice(top, top + _STRIP)
        ground_light = _ground(land, rows, wet[rows], base, change)
        _burn(ground_light, land.severity[rows], overflight.day)
        _whiten(ground_light, white[rows], land.cover[rows])
        _shade(ground_light, lit[rows], over.shadow[rows])
        light[rows] = _veil(ground_light, over.opacity[rows], land.texture[rows], thin=over.thin)
    _blur(light)
    return light, np.stack([over.opacity, over.shadow, white, wet.astype(np.float32), lit], axis=-1)


def _blur(light: Field) -> None:
    """Point spread of the optics: what one pixel sees of its neighbours."""
    for axis in (0, 1):
        ndimage.correlate1d(light, np.array([1, 4, 1]) / 6, axis=axis, output=light, mode="nearest")


def _ground(land: Landscape, rows: slice, wet: NDArray[np.bool_], base: Field, change: Field) -> Field:
    unit = land.cover[rows].astype(np.int32) * spectra.VARIANTS + land.variant[rows]
    river = wet & (land.cover[rows] == Cover.GRAVEL)
    unit[river] = Cover.RIVER * spectra.VARIANTS
    vigour = np.where(wet, np.float32(0), land.vigour[rows])
    light = base[unit] + vigour[..., None] * change[unit]
    light *= land.texture[rows][..., None]
    return np.asarray(np.maximum(light, np.float32(0.001)))


def _burn(light: Field, severity: Field, day: int) -> None:
    """Char after the fire; grass and shoots come back slowly."""
    if day < FIRE_DAY or not severity.any():
        return
    back = 0.40 * (1 - np.exp(-(day - FIRE_DAY) / 110))
    scar = (1 - back) * spectra.PURE["char"] + back * (0.6 * spectra.PURE["grass"] + 0.4 * spectra.PURE["hay"])
    light += severity[..., None] * (scar.astype(np.float32) - light)


def _whiten(light: Field, white: Field, cover: NDArray[np.uint8]) -> None:
    """Snow on the ground; under trees most of it is hidden."""
    if not white.any():
        return
    hidden = np.select(
        [cover == Cover.CONIFER, cover == Cover.BROADLEAF], [np.float32(0.75), np.float32(0.58)], np.float32(0)
    )
    snow = (0.97 * spectra.PURE["snow"]).astype(np.float32)
    light += (white * (1 - hidden))[..., None] * (snow - light)


def _shade(light: Field, lit: Field, shadow: Field) -> None:
    """Sunlight by slope and under clouds; light from the sky everywhere."""
    direct = sky.DIRECT.astype(np.float32)
    sunlight = (lit * (1 - np.float32(0.82) * shadow))[..., None]
    light *= direct * sunlight + (1 - direct) * np.float32(1)


def _veil(light: Field, opacity: Field, texture: Field, *, thin: bool) -> Field:
    cloud = (sky.CIRRUS if thin else sky.CLOUD).astype(np.float32)
    bright = sky.cloud_light(opacity, (texture - 1) * 4)[..., None]
    return np.asarray(light + opacity[..., None] * (cloud * bright - light))


def _classify(light: Field, facts: Field, *, thin: bool) -> NDArray[np.uint8]:
    """Scene classification by the truth, with the codes and the order of precedence of Sen2Cor."""
    opacity, shadow, white, wet, lit = np.moveaxis(facts, -1, 0)
    green, red, nir, swir = (light[..., spectra.BANDS.index(band)] for band in ("B03", "B04", "B08", "B11"))
    vegetation = (nir - red) / np.maximum(nir + red, 1e-3)
    whiteness = (green - swir) / np.maximum(green + swir, 1e-3)
    rules = [
        (opacity > 0.08, 10) if thin else (opacity > 0.55, 9),
        (opacity > 0.10, 8),
        ((white > 0.3) & (red > 0.12) & (whiteness > 0.42), 11),
        ((shadow > 0.25) & (wet < 0.5), 3),
        (wet > 0.5, 6),
        ((lit < 0.30) & (nir < 0.16), 2),
        (vegetation > 0.40, 4),
        ((vegetation > 0.33) & (nir < 0.14), 7),
    ]
    return np.select([rule for rule, _ in rules], [np.uint8(code) for _, code in rules], np.uint8(5))
