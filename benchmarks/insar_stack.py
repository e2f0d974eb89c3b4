"""A simulated stack of 100 dates and 400 pairs as files, and the chains over it that the InSAR benchmarks time.

640 x 640 pixels of 28.5 m around four tiles of zoom 12: steady motion, atmosphere of each date, noise of each pair,
and coherence. ``gaps`` is the share of pixels that each pair lacks, each pixel its own.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

import jeoview as jv
from benchmarks.inversion import DATES, banded, days_of_series
from jeoview.collection import InterferogramCollection
from jeoview.grid import tiles_grid
from jeoview.image import Image
from jeoview.projection import WEB_MERCATOR, transform

Floats = NDArray[np.float32]
CRS, PIXEL, SIDE = "EPSG:32614", 28.5, 640
ZOOM, X, Y = 12, 918, 1822
TILES = [(ZOOM, X + dx, Y + dy) for dy in (0, 1) for dx in (0, 1)]
FINE = [(ZOOM + 1, 2 * X + dx, 2 * Y + dy) for dy in range(4) for dx in range(4)]


def corner() -> tuple[float, float]:
    """The upper left corner of the stack, so that the four tiles lie in its middle."""
    area = tiles_grid(ZOOM, X, Y, X + 1, Y + 1).bounds
    x, y = transform(WEB_MERCATOR, CRS, [(area[0] + area[2]) / 2], [(area[1] + area[3]) / 2])
    return float(x[0]) - PIXEL * SIDE / 2, float(y[0]) + PIXEL * SIDE / 2


def make_files(folder: Path, gaps: float) -> None:
    """Write a phase file (float32) and a coherence file (bytes) for every pair, as LiCSAR does, in blocks of 256."""
    random = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    years, days = 12 / 365.25 * np.arange(DATES, dtype=np.float32), days_of_series()
    rate = np.linspace(-15, 15, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    series = [rate * t + random.standard_normal((SIDE, SIDE), dtype=np.float32) for t in years]

    def make(numbered: tuple[int, tuple[int, int]]) -> None:
        index, (a, b) = numbered
        own = np.random.default_rng(1000 + index)
        phase = series[b] - series[a] + np.float32(0.5) * own.standard_normal((SIDE, SIDE), dtype=np.float32)
        phase[own.random((SIDE, SIDE), dtype=np.float32) < gaps] = 0
        name = f"{days[a].replace('-', '')}_{days[b].replace('-', '')}"
        write(folder / f"{name}.geo.unw.tif", phase)
        write(folder / f"{name}.geo.cc.tif", own.integers(50, 240, (SIDE, SIDE), dtype=np.uint8))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(make, enumerate(banded())))


def write(path: Path, values: NDArray[np.generic]) -> None:
    profile = {
        "driver": "GTiff", "height": SIDE, "width": SIDE, "count": 1, "dtype": values.dtype.name, "crs": CRS,
        "transform": from_origin(*corner(), PIXEL, PIXEL), "tiled": True, "blockxsize": 256, "blockysize": 256,
        "compress": "deflate", "zlevel": 1, "predictor": 3 if values.dtype.kind == "f" else 2,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(values, 1)


def opened(folder: Path, name: str) -> InterferogramCollection:
    """The stack, referenced at its middle."""
    stack = InterferogramCollection.from_licsar(folder, name)
    west, south, east, north = stack.items[0].bbox
    return stack.reference(lon=(west + east) / 2, lat=(south + north) / 2)


def velocity_chain(stack: InterferogramCollection, weight: str = "none") -> Image:
    """Velocity, masked by temporal coherence with a slider, coloured; one inversion."""
    series = stack.invert(weight=weight)
    quality = stack.image().series_quality(series, wavelength=stack.wavelength)  # type: ignore[attr-defined]
    threshold = jv.parameter("temporal_coherence", 0.3, min=0.0, max=1.0, step=0.05)
    velocity = series.velocity()["velocity"]  # type: ignore[attr-defined]
    masked = velocity.mask(quality["temporal_coherence"] > threshold)
    image: Image = masked.colormap("RdBu", vmin=-50, vmax=50)
    return image
