"""A mean over kilometres costs what one over 16 pixels does: it is computed on larger pixels, and is the same mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter

import jeoview as jv
from jeoview.grid import Grid, tile_grid, web_mercator
from jeoview.image import Image
from jeoview.operator import find
from jeoview.planner import plan
from jeoview.projection import Bounds, transform
from jeoview.quantities import Metres
from jeoview.region import region_grid
from tests.synthetic import source

STEP, SIZE, LAT = 100.0, 400, 45.0
SIGMA = 2000.0


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Image, np.ndarray]:
    """Noise on pixels of 100 m in UTM around the zone's meridian, a tenth of them without data."""
    monkeypatch.setenv("JEOVIEW_HOME", str(tmp_path / "home"))
    random = np.random.default_rng(5)
    values = gaussian_filter(random.normal(size=(SIZE, SIZE)), 3).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    values[:, 250:290] = np.nan
    affine = from_origin(500_000 - STEP * SIZE / 2, 5_000_000 + STEP * SIZE / 2, STEP, STEP)
    options = {"width": SIZE, "height": SIZE, "count": 1, "dtype": "float32", "crs": "EPSG:32631", "nodata": np.nan}
    with rasterio.open(tmp_path / "noise.tif", "w", driver="GTiff", transform=affine, **options) as file:
        file.write(values, 1)
    return jv.open(tmp_path / "noise.tif"), values


def pixels(image: Image, bounds: Bounds = (3.0, 44.95, 3.12, 45.0), zoom: int = 13) -> np.ndarray:
    found = image.to_numpy(bounds=bounds, zoom=zoom, progress=False)
    assert isinstance(found, np.ndarray)
    return found


def gaussian(values: np.ndarray, sigma: float) -> np.ndarray:
    """The slow plain version: weights of a Gaussian, of values and of where they are."""
    valid = np.isfinite(values)
    total = gaussian_filter(np.where(valid, values, 0).astype(float), sigma, mode="constant", truncate=5)
    return np.asarray(total / gaussian_filter(valid.astype(float), sigma, mode="constant", truncate=5))


@pytest.mark.parametrize("zoom", [8, 10, 12, 14, 17])
def test_any_zoom_gives_the_mean_of_the_same_ground(scene: tuple[Image, np.ndarray], zoom: int) -> None:
    image, values = scene
    expected = gaussian(values, SIGMA / STEP)
    far = 90
    bounds = (3.0 - 0.002, 45.145, 3.0 + 0.002, 45.15)
    grid = region_grid(bounds, zoom=zoom)
    mean = pixels(image.spatial_mean(jv.metres(SIGMA)), bounds, zoom)[0]
    # Of the file's pixel that holds each pixel of the map.
    x, y = np.meshgrid(grid.x, grid.y)
    east, north = transform(grid.crs, "EPSG:32631", x.ravel(), y.ravel())
    rows = ((5_000_000 + STEP * SIZE / 2 - np.asarray(north)) / STEP).astype(int)
    cols = ((np.asarray(east) - 500_000 + STEP * SIZE / 2) / STEP).astype(int)
    assert far < rows.min() < rows.max() < SIZE - far
    # The three means are nearly a Gaussian; at zoom 8 the map's pixels are four times the file's.
    spread = np.nanstd(expected[far:-far, far:-far])
    assert np.abs(mean.ravel() - expected[rows, cols]).max() < (0.5 if zoom == 8 else 0.2) * spread


def test_low_and_high_are_parts_of_the_image_and_keep_its_gaps(scene: tuple[Image, np.ndarray]) -> None:
    image, _ = scene
    mean = image.spatial_mean(jv.metres(SIGMA))
    low, high, whole, around = (
        pixels(one)
        for one in (
            image.spatial_filter(jv.metres(SIGMA)),
            image.spatial_filter(jv.metres(SIGMA), keep="high"),
            image,
            mean,
        )
    )
    np.testing.assert_array_equal(np.isnan(low), np.isnan(whole))
    np.testing.assert_array_equal(np.isnan(high), np.isnan(whole))
    np.testing.assert_allclose(low + high, whole, atol=1e-6)
    assert np.isnan(whole).any()
    assert not np.isnan(around).any()


def test_all_tiles_of_a_zoom_agree_on_the_pixels_of_the_mean() -> None:
    found = find("spatial_mean").coarser
    assert found is not None
    coarser = found.factor
    factors = [coarser({"sigma": Metres(metres=SIGMA)}, web_mercator(zoom)) for zoom in range(8, 19)]
    # 2 km are 13 pixels of zoom 10 at the equator.
    assert factors == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert coarser({"sigma": 4096}, web_mercator(12)) == 0


@pytest.mark.parametrize("zoom", range(4, 20))
def test_the_padding_is_bounded_at_every_zoom(zoom: int) -> None:
    for north in (2, 3, 1 << zoom):
        tile = tile_grid(zoom, (1 << zoom) // 2, (1 << zoom) // north)
        planned = plan(source("1")["B08"].median().spatial_mean(jv.metres(20_000)).node, tile)
        widest = max(max(step.input_grid.shape) for step in planned.steps)
        # About three standard deviations, which are twelve times as many pixels at the edge of the map.
        assert widest < 256 + 2 * {2: 42, 3: 70}.get(north, 512)


def test_the_pixels_that_hold_a_window() -> None:
    grid = Grid(web_mercator(12), 13, -5, 6, 9)
    assert grid.within(4) == Grid(web_mercator(10), 3, -2, 2, 3)
    assert grid.within(1) == grid
