"""Warping against an exact answer: pyproj for every pixel, plain numpy for every value.

GDAL is no reference here: it approximates positions to 1/8 pixel and widens its bilinear kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import Transformer

from jeoview.grid import Grid, Lattice, tile_grid, web_mercator
from jeoview.warp import resample

Floats = NDArray[np.float64]
Array = NDArray[Any]

# name: reference system, longitude and latitude of the middle
SOURCES = {
    "UTM 32N, Alps": ("EPSG:32632", 10.5, 46.8),
    "UTM 33N, Svalbard": ("EPSG:32633", 13.0, 79.9),
    "UTM 32S, equator": ("EPSG:32732", 9.1, -0.1),
    "degrees": ("EPSG:4326", 13.5, 40.5),
    "LAEA Europe": ("EPSG:3035", 10.5, 47.2),
}
SIZE = 400


def scene(name: str, zoom: int) -> tuple[Grid, Grid]:
    """A source whose pixels are 1.3 times finer than the target's, as an overview's are, and the target."""
    crs, lon, lat = SOURCES[name]
    target = target_at(zoom, (lon, lat))
    pixel = target.lattice.resolution[0] * np.cos(np.radians(lat)) / 1.3 / (111_320 if crs == "EPSG:4326" else 1.0)
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return Grid(Lattice(crs, (pixel, pixel), x - pixel * SIZE / 2, y + pixel * SIZE / 2), 0, 0, SIZE, SIZE), target


def exact_positions(source: Grid, target: Grid) -> tuple[Floats, Floats]:
    """Source row and column (edge convention) of every target centre."""
    transformer = Transformer.from_crs(target.crs, source.crs, always_xy=True)
    x, y = transformer.transform(*np.meshgrid(target.x, target.y))
    west, _, _, north = source.bounds
    dx, dy = source.lattice.resolution
    return (north - y) / dy, (x - west) / dx


def exact_nearest(array: Array, rows: Floats, cols: Floats) -> Array:
    height, width = array.shape
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    i, j = np.where(inside, rows, 0).astype(int), np.where(inside, cols, 0).astype(int)
    return np.where(inside, array[i, j], np.nan)


def exact_bilinear(array: Array, rows: Floats, cols: Floats) -> Array:
    """Weights shared among the valid neighbours; NaN where the nearest pixel is invalid."""
    padded = np.pad(array.astype(complex if np.iscomplexobj(array) else float), 1, constant_values=np.nan)
    holds = exact_nearest(array, rows, cols)
    rows, cols = np.where(np.isnan(holds), 0.5, rows), np.where(np.isnan(holds), 0.5, cols)
    r, c = rows - 0.5, cols - 0.5
    i, j = np.floor(r).astype(int), np.floor(c).astype(int)
    total = np.zeros(rows.shape, dtype=padded.dtype)
    weights = np.zeros(rows.shape)
    for down in (0, 1):
        for right in (0, 1):
            value = padded[i + down + 1, j + right + 1]
            weight = np.abs(1 - down - (r - i)) * np.abs(1 - right - (c - j)) * ~np.isnan(value)
            total += weight * np.where(np.isnan(value), 0, value)
            weights += weight
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(holds), np.nan, total / weights)


def target_at(zoom: int, place: tuple[float, float]) -> Grid:
    """A window around a place, not aligned with the tiles' borders."""
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True).transform(*place)
    lattice = web_mercator(zoom)
    step = lattice.resolution[0]
    return Grid(lattice, int((lattice.top - y) / step) - 128, int((x - lattice.left) / step) - 128, 256, 256)


def ramp(source: Grid, holes: bool, seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    array = random.normal(1000, 200, source.shape).astype(np.float32)
    if holes:
        array[random.random(source.shape) < 0.05] = np.nan
        array[150:190, 100:250] = np.nan
    return array


@pytest.mark.parametrize("zoom", [6, 8, 10, 12, 13, 14, 16])
@pytest.mark.parametrize("name", SOURCES)
def test_nearest_is_the_pixel_that_holds_the_centre(name: str, zoom: int) -> None:
    source, target = scene(name, zoom)
    numbers = np.arange(source.height * source.width, dtype=np.float64).reshape(source.shape)
    found, wanted = (
        resample(numbers, source, target, "nearest"),
        exact_nearest(numbers, *exact_positions(source, target)),
    )
    differing = ~((found == wanted) | (np.isnan(found) & np.isnan(wanted)))
    assert np.isfinite(wanted).mean() > 0.5
    # Coarser lattices have errors of up to 0.002 pixel, by the estimate of `spacing`.
    assert differing.mean() <= (1e-4 if zoom > 12 else 2e-4 if zoom == 12 else 2e-3)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("zoom", [8, 12, 14])
@pytest.mark.parametrize("name", SOURCES)
def test_bilinear_follows_the_formula(name: str, zoom: int, holes: bool) -> None:
    source, target = scene(name, zoom)
    array = ramp(source, holes)
    found = resample(array, source, target, "bilinear")
    wanted = exact_bilinear(array, *exact_positions(source, target))
    # A position is wrong by a few thousandths of a pixel; neighbours differ by 200 on the average.
    assert (np.isnan(found) != np.isnan(wanted)).mean() <= 5e-4
    both = np.isfinite(found) & np.isfinite(wanted)
    assert both.mean() > 0.2
    errors = np.abs(found[both] - wanted[both])
    assert np.median(errors) < 0.5
    assert np.quantile(errors, 0.9999) < 20.0


def test_bilinear_of_complex_numbers() -> None:
    """Wrapped phase must not be averaged as a number: +3.1 and -3.1 rad are neighbours."""
    source, target = scene("UTM 32N, Alps", 14)
    phase = (ramp(source, holes=True) * 0.1).astype(np.float32)
    array = np.exp(1j * phase).astype(np.complex64)
    found = resample(array, source, target, "bilinear")
    wanted = exact_bilinear(array, *exact_positions(source, target))
    both = np.isfinite(found) & np.isfinite(wanted)
    assert found.dtype == np.complex64
    assert np.quantile(np.abs(found[both] - wanted[both]), 0.999) < 0.05


def test_a_coarse_world_is_exact() -> None:
    """At zoom 0 to 2 a cell of control points is wide; positions are still those of every pixel."""
    source = Grid(Lattice("EPSG:4326", (0.1, 0.1), -180.0, 90.0), 0, 0, 1800, 3600)
    numbers = np.arange(1800 * 3600, dtype=np.float64).reshape(1800, 3600)
    for zoom, x, y in ((0, 0, 0), (1, 1, 0), (2, 3, 1), (3, 0, 0)):
        target = tile_grid(zoom, x, y)
        rows, cols = exact_positions(source, target)
        found, wanted = resample(numbers, source, target, "nearest"), exact_nearest(numbers, rows, cols)
        near_edge = (np.abs(rows - np.round(rows)) < 0.02) | (np.abs(cols - np.round(cols)) < 0.02)
        assert ((found == wanted) | near_edge).all()
        assert (found == wanted).mean() > 0.95
