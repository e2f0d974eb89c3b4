"""A mean as long as the scene, and longer: every valid pixel counts, at any zoom, for a bounded number of pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, from_origin

import jeoview as jv
from jeoview import coarse
from jeoview.grid import Grid, tile_grid
from jeoview.image import Image
from jeoview.memory import ResultMemory
from jeoview.planner import plan
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.quantities import METRES_PER_DEGREE
from jeoview.raster import Array
from jeoview.store import open_store
from tests.contracts.test_seams import assert_seamless
from tests.synthetic import SyntheticReader, grid_at, raster, source

HEIGHT, WIDTH, STEP = 90, 140, 100.0
UTM = "EPSG:32632"
PLACE = (11.0, 46.0, 11.2, 46.12)
# What the help text says, of the standard deviation of the pixels: at the most, and a third of it on average.
TOLERANCE = 0.1
Write = Callable[[str, Affine], Image]


def values() -> Array:
    """A bowl beside a slope, noise, holes and ragged edges: 14 x 9 km without a fifth of it."""
    random, (y, x) = np.random.default_rng(8), np.mgrid[:HEIGHT, :WIDTH]
    bowl = -300.0 * np.exp(-((y - 30) ** 2 + (x - 95) ** 2) / 500.0)
    found = (bowl + 0.4 * x + random.normal(0.0, 8.0, (HEIGHT, WIDTH))).astype(np.float32)
    found[(random.random(found.shape) < 0.05) | (x < 9 + 6 * np.sin(y / 5)) | (y > 80 + 5 * np.cos(x / 7))] = np.nan
    found[40:60, 30:55] = np.nan
    return np.asarray(found)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setenv("JEOVIEW_HOME", str(tmp_path / "home"))

    def written(crs: str, affine: Affine) -> Image:
        options = {"width": WIDTH, "height": HEIGHT, "count": 1, "dtype": "float32", "crs": crs, "nodata": np.nan}
        with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", transform=affine, **options) as file:
            file.write(values(), 1)
        return jv.open(tmp_path / "scene.tif")

    return written


def gaussian(rows: Array, cols: Array, sigma: float, down: float = STEP, across: float = STEP) -> Array:
    """The slow plain version: exact weights of all valid pixels, at some of them."""
    found, (y, x) = values().astype(float), np.mgrid[:HEIGHT, :WIDTH]
    valid = np.isfinite(found)
    total = np.where(valid, found, 0.0)
    weights = (
        np.exp(-0.5 * (((y - row) * down) ** 2 + ((x - col) * across) ** 2) / sigma**2) * valid
        for row, col in zip(rows, cols, strict=True)
    )
    return np.array([(weight * total).sum() / weight.sum() for weight in weights])


def some_pixels() -> tuple[Array, Array]:
    rows, cols = np.mgrid[2:HEIGHT:8, 3:WIDTH:9]
    return rows.ravel(), cols.ravel()


@pytest.mark.parametrize("kilometres", [0.5, 1, 2, 5, 10, 20, 50, 100, 200])
def test_a_mean_of_any_length_is_that_of_the_valid_pixels(write: Write, kilometres: float) -> None:
    image = write(UTM, from_origin(600_000, 5_100_000, STEP, STEP))
    bounds = (600_000, 5_100_000 - HEIGHT * STEP, 600_000 + WIDTH * STEP, 5_100_000)
    mean = image.spatial_mean(jv.metres(1000 * kilometres))
    found = np.asarray(mean.to_numpy(bounds=bounds, crs=UTM, resolution=STEP, progress=False))[0]
    rows, cols = some_pixels()
    apart = np.abs(found[rows, cols] - gaussian(rows, cols, 1000 * kilometres))
    assert apart.max() < TOLERANCE * np.nanstd(values())
    assert np.sqrt(np.mean(apart**2)) < TOLERANCE / 3 * np.nanstd(values())


@pytest.mark.parametrize(
    ("zoom", "kilometres"), [(4, 40), (7, 6), (9, 40), (9, 6), (12, 40), (12, 6), (17, 40), (17, 6)]
)
def test_it_is_the_same_at_every_zoom(write: Write, zoom: int, kilometres: float) -> None:
    left, top = 600_000, 5_100_000
    image = write(UTM, from_origin(left, top, STEP, STEP))
    row, col = 47, 66
    lon, lat = transform(UTM, WGS84, left + (col + 0.5) * STEP, top - (row + 0.5) * STEP)
    pixel = grid_at(zoom, float(lon), float(lat), 1, 1)
    x, y = transform(WEB_MERCATOR, UTM, pixel.x, pixel.y)
    at = (top - y) / STEP - 0.5, (x - left) / STEP - 0.5
    bounds = (float(lon) - 1e-7, float(lat) - 1e-7, float(lon) + 1e-7, float(lat) + 1e-7)
    mean = image.spatial_mean(jv.metres(1000 * kilometres)).to_numpy(bounds=bounds, zoom=zoom, progress=False)
    expected = gaussian(*at, 1000 * kilometres)
    assert abs(np.asarray(mean).item() - expected.item()) < TOLERANCE * np.nanstd(values())


@pytest.mark.parametrize("kilometres", [1, 5])
def test_rows_of_degrees_are_longer_than_columns(write: Write, kilometres: float) -> None:
    size = STEP / METRES_PER_DEGREE
    image = write(WGS84, from_origin(11.0, 62.0, 2 * size, size))
    bounds = (11.0, 62.0 - HEIGHT * size, 11.0 + 2 * WIDTH * size, 62.0)
    mean = image.spatial_mean(jv.metres(1000 * kilometres))
    found = np.asarray(mean.to_numpy(bounds=bounds, resolution=(2 * size, size), progress=False))[0]
    rows, cols = some_pixels()
    across = 2 * STEP * np.cos(np.radians(62.0 - HEIGHT * size / 2))
    apart = np.abs(found[rows, cols] - gaussian(rows, cols, 1000 * kilometres, across=across))
    assert apart.max() < TOLERANCE * np.nanstd(values())


# ---------------------------------------------------------------- plans


def scene(box: tuple[float, float, float, float] = PLACE) -> Image:
    return source("1", bbox=box)["B08"].median()


CHAINS: dict[str, Callable[[float], Image]] = {
    "mean": lambda sigma: scene().spatial_mean(jv.metres(sigma)),
    "high": lambda sigma: scene().focal_mean(1).spatial_filter(jv.metres(sigma), keep="high"),
    "twice": lambda sigma: scene().spatial_filter(jv.metres(sigma)).spatial_filter(jv.metres(2 * sigma)),
    "filled": lambda sigma: scene().unmask(0.3).spatial_mean(jv.metres(sigma)),
    "large": lambda sigma: scene((8.0, 43.0, 13.0, 48.0)).spatial_mean(jv.metres(sigma)),
}


@pytest.mark.parametrize(("zoom", "sigma"), [(8, 9_000.0), (12, 1_500.0), (15, 4_000.0)])
@pytest.mark.parametrize("name", ["mean", "high", "filled", "large"])
def test_tiles_are_cuts_of_the_whole(name: str, zoom: int, sigma: float) -> None:
    image, area = CHAINS[name](sigma), grid_at(zoom, 11.05, 46.08, 24, 29)
    whole = assert_seamless(lambda grid, view: raster(image, grid, view=view), area, area, 23)
    assert np.isfinite(whole.array).any()


@pytest.mark.parametrize("zoom", range(3, 20))
@pytest.mark.parametrize("sigma", [2_000.0, 200_000.0])
@pytest.mark.parametrize("name", ["mean", "twice", "large"])
def test_work_is_bounded_and_small_scenes_are_seen_whole(name: str, sigma: float, zoom: int) -> None:
    at = grid_at(zoom, 11.1, 46.05, 1, 1)
    planned = plan(CHAINS[name](sigma).node, tile_grid(zoom, at.col // 256, at.row // 256))
    sizes = [step.input_grid.height * step.input_grid.width for step in planned.steps if step.is_from_parts]
    assert all(size <= 1.5 * coarse.MOST_PIXELS for size in sizes)
    if name != "large":
        # More than the scene has, of which each pixel is 100 m.
        assert all(size > 2 * HEIGHT * WIDTH for size in sizes)
        assert sizes


def test_a_deep_stack_has_fewer_parts() -> None:
    def pixels(count: int) -> int:
        dates = {"count": count, "first": "2023-01-05", "last": "2023-10-02", "digest": "0" * 16}
        image = source("1", bbox=PLACE, dates=dates)["B08"].median().spatial_mean(jv.metres(50_000))
        (step,) = (step for step in plan(image.node, tile_grid(12, 2173, 1459)).steps if step.is_from_parts)
        return step.input_grid.height * step.input_grid.width

    assert pixels(4) > 60_000
    assert pixels(1000) < coarse.MOST_VALUES / 1000 * 1.5


@pytest.mark.parametrize(("zoom", "sigma"), [(12, 30_000.0), (16, 2_000.0)])
def test_tiles_share_what_their_mean_is_made_of(zoom: int, sigma: float) -> None:
    image, reader = scene().spatial_mean(jv.metres(sigma)), SyntheticReader()
    memory = ResultMemory(open_store("memory:"), 1 << 28)
    at = grid_at(zoom, 11.1, 46.05, 1, 1)
    first = tile_grid(zoom, at.col // 1024 * 4, at.row // 1024 * 4)
    for col in (0, 256):
        raster(image, Grid(first.lattice, first.row, first.col + col, 256, 256), read=reader, memory=memory)
    assert len(reader.asked) == 1


def test_the_map_goes_on_beyond_the_antimeridian() -> None:
    image = scene((178.0, 10.0, 179.4, 11.0)).spatial_mean(jv.metres(100_000))
    east, west = (plan(image.node, tile_grid(8, x, 120)) for x in (255, 0))
    there, beyond = (next(step for step in planned.steps if step.is_from_parts).input_grid for planned in (east, west))
    assert there.shape == beyond.shape
    assert there.col - beyond.col == round(2 * 20_037_508.342789 / there.lattice.resolution[0])


def test_what_has_no_extent_is_a_sample_for_each_of_the_larger_pixels() -> None:
    wide = source("1")["B08"].median().spatial_mean(jv.metres(20_000))
    for image in (wide, CHAINS["filled"](20_000)):
        planned = plan(image.node, tile_grid(12, 2173, 1459))
        (step,) = (step for step in planned.steps if step.is_from_parts)
        assert step.input_grid.lattice == step.grid.lattice
