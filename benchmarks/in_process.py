"""Step by step, in one process and one thread: what an NDVI tile of a Sentinel-2-sized scene costs.

    python -m benchmarks.in_process [--scene FILE] [--tiles N]

Without ``--scene`` a 10980 x 10980 two-band COG (uint16, deflate, predictor 2, blocks of 512) is
made in a temporary folder and deleted afterwards; it is simulated: fields, terrain and noise.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import from_origin

from jeoview.grid import Grid, tile_grid, web_mercator
from jeoview.io.etag import file_etag
from jeoview.io.png import palette_png
from jeoview.io.reader import Reader
from jeoview.io.sources import Sources
from jeoview.projection import WEB_MERCATOR, transform_bounds
from jeoview.warp import Placement, positions

SIZE, BLOCK = 10_980, 512
LEFT, TOP, PIXEL = 600_000.0, 5_100_000.0, 10.0
BANDS = ("B04", "B08")
Floats = NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True)
class SceneBand:
    """The part of a catalogue's band that the reader asks for."""

    name: str
    href: str
    index: int
    etag: str
    scale: float = 1e-4
    offset: float = -0.1
    nodata: float | None = 0.0
    role: str = "data"
    subdataset: str | None = None


@dataclass(frozen=True)
class Scene:
    """The part of a catalogue's item that the reader asks for."""

    bands: dict[str, SceneBand]
    id: str = "scene"
    bbox: tuple[float, float, float, float] = (-180.0, -90.0, 180.0, 90.0)

    @classmethod
    def of(cls, path: Path) -> Scene:
        """Two bands of one file."""
        etag = file_etag(path)
        return cls({name: SceneBand(name, str(path), i + 1, etag) for i, name in enumerate(BANDS)})


def make_scene(path: Path, size: int = SIZE, seed: int = 7) -> None:
    """Write a simulated scene as a COG-like GeoTIFF with overviews."""
    random = np.random.default_rng(seed)
    relief = _fractal(random, size)
    profile = {
        "driver": "GTiff", "height": size, "width": size, "count": 2, "dtype": "uint16", "crs": "EPSG:32632",
        "transform": from_origin(LEFT, TOP, PIXEL, PIXEL), "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
        "compress": "deflate", "predictor": 2, "interleave": "pixel", "nodata": 0, "num_threads": 2, "bigtiff": "no",
    }  # fmt: skip
    fields = random.integers(0, 60, size=(size // 24 + 2, size // 30 + 2), dtype=np.int32)
    with rasterio.open(path, "w", **profile) as file:
        for top in range(0, size, BLOCK):
            rows = slice(top, min(top + BLOCK, size))
            window = ((rows.start, rows.stop), (0, size))
            file.write(_strip(random, relief[rows], fields, rows), window=window)
        file.build_overviews([2, 4, 8, 16], Resampling.average)


def _fractal(random: np.random.Generator, size: int) -> Floats:
    total = np.zeros((size, size), dtype=np.float32)
    for octave in range(3, 10):
        step = -(-size // (1 << octave))
        nodes = random.standard_normal((size // step + 2, size // step + 2)).astype(np.float32)
        total += np.kron(nodes, np.ones((step, step), dtype=np.float32))[:size, :size] * (0.6 ** (octave - 3))
    return total


def _strip(random: np.random.Generator, relief: Floats, fields: NDArray[np.int32], rows: slice) -> NDArray[np.uint16]:
    row, col = np.arange(rows.start, rows.stop) // 24, np.arange(relief.shape[1]) // 30
    crop = fields[np.ix_(row, col)].astype(np.float32)
    noise = random.standard_normal((2, *relief.shape), dtype=np.float32)
    red = 1400 + 60 * relief + 8 * crop + 14 * noise[0]
    near_infrared = 3200 + 150 * relief + 25 * (60 - crop) + 30 * noise[1]
    strip: NDArray[np.uint16] = np.clip(np.stack([red, near_infrared]), 1, 65535).astype(np.uint16)
    return strip


def tiles(count: int | None = None, zooms: tuple[int, ...] = (12, 13, 14), seed: int = 1) -> list[Grid]:
    """All map tiles inside the scene, shuffled; ``count`` of them."""
    extent = (LEFT, TOP - SIZE * PIXEL, LEFT + SIZE * PIXEL, TOP)
    west, south, east, north = transform_bounds("EPSG:32632", WEB_MERCATOR, extent)
    found = []
    for zoom in zooms:
        lattice, step = web_mercator(zoom), web_mercator(zoom).resolution[0] * 256
        columns = range(int((west - lattice.left) / step) + 1, int((east - lattice.left) / step))
        rows = range(int((lattice.top - north) / step) + 1, int((lattice.top - south) / step))
        found += [tile_grid(zoom, x, y) for x in columns for y in rows]
    order = np.random.default_rng(seed).permutation(len(found))
    return [found[i] for i in order[:count]]


@dataclass
class Table:
    """Milliseconds by step: of the clock, and of this thread alone, which a busy machine does not lengthen."""

    rows: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def time(self, name: str, work: Callable[[], T]) -> T:
        """Do the work and note how long it took."""
        start = now()
        result = work()
        self.add(name, start)
        return result

    def add(self, name: str, start: tuple[float, float]) -> None:
        """Note the time since ``start``."""
        clock, thread = now()
        self.rows.setdefault(name, []).append((1e3 * (clock - start[0]), 1e3 * (thread - start[1])))

    def show(self) -> None:
        """Print medians."""
        print(f"{'step':48} {'median ms':>10} {'of thread':>10} {'n':>6}")
        for name, values in self.rows.items():
            clock, thread = (statistics.median(column) for column in zip(*values, strict=True))
            print(f"{name:48} {clock:10.3f} {thread:10.3f} {len(values):6}")


def now() -> tuple[float, float]:
    """Seconds of the clock and of this thread."""
    return time.perf_counter(), time.thread_time()


PALETTE = np.random.default_rng(3).integers(0, 256, (256, 4), dtype=np.uint8)


def ndvi_index(bands: Floats) -> NDArray[np.uint8]:
    """NDVI of -0.2 .. 0.9 as 1 .. 255, 0 for nodata."""
    red, near_infrared = bands
    ndvi = (near_infrared - red) / (near_infrared + red)
    scaled = np.clip((ndvi + np.float32(0.2)) * np.float32(254 / 1.1), 0, 254) + np.float32(1)
    index: NDArray[np.uint8] = np.nan_to_num(scaled, nan=0.0).astype(np.uint8)
    return index


def warm(table: Table, scene: Scene, grids: list[Grid], method: str) -> None:
    """Every tile once to fill the caches, then timed."""
    reader = Reader(cache_bytes=1 << 30)
    for grid in grids:
        reader.read(scene, BANDS, grid, method)
    for grid in grids:
        start = now()
        values = table.time(f"{method}: read, all known", partial(reader.read, scene, BANDS, grid, method))
        index = table.time(f"{method}: NDVI and index, numpy", partial(ndvi_index, values))
        table.time(f"{method}: PNG", partial(palette_png, index, PALETTE))
        table.add(f"{method}: whole tile warm", start)


def parts(table: Table, scene: Scene, grids: list[Grid]) -> None:
    """Steps inside a read, blocks known, geometry not; and one block by itself."""
    placement = Placement("EPSG:32632", (PIXEL, 0.0, LEFT, 0.0, -PIXEL, TOP), SIZE, SIZE)
    for grid in grids:
        table.time("geometry, new", partial(positions, placement, grid))
        table.time("geometry, known", partial(positions, placement, grid))
    source = Sources().open(scene.bands["B04"]).source
    for i in range(20):
        table.time("one block: read, inflate, sum, 512 x 512 x 2", partial(source.load, 0, i, i, 0))


def cold(table: Table, scene: Scene, grids: list[Grid]) -> None:
    """A new reader for every tile: no block is known, the file itself is in the page cache."""
    for grid in grids:
        reader = Reader(cache_bytes=1 << 28)
        table.time("cold: open", partial(reader.native_grid, scene, "B04"))
        start = now()
        values = reader.read(scene, BANDS, grid, "nearest")
        table.add("cold: read", start)
        palette_png(ndvi_index(values), PALETTE)
        table.add("cold: whole tile", start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", type=Path, help="a scene made before; else one is made and deleted")
    parser.add_argument("--tiles", type=int, default=336, help="number of tiles")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.scene or Path(folder) / "scene.tif"
        if not path.exists():
            make_scene(path)
        scene, grids, table = Scene.of(path), tiles(options.tiles), Table()
        # Once over everything: kernels are compiled or loaded.
        for method in ("nearest", "bilinear"):
            Reader(cache_bytes=1 << 28).read(scene, BANDS, grids[0], method)
        parts(table, scene, grids)
        cold(table, scene, grids[:60])
        for method in ("nearest", "bilinear"):
            warm(table, scene, grids, method)
        table.show()


if __name__ == "__main__":
    main()
