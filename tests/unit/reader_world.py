"""What the tests of the reader share: items without a catalogue, files of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.transform import from_origin

from jeoview.grid import Grid, web_mercator
from jeoview.io.etag import file_etag
from jeoview.io.reader import Reader
from jeoview.projection import Bounds, transform

Array = NDArray[Any]


@dataclass(frozen=True)
class Band:
    name: str
    href: str
    index: int = 1
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    role: str = "data"
    unit: str = ""
    etag: str = ""
    subdataset: str | None = None
    parts: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Item:
    bands: dict[str, Band]
    id: str = "scene-7"
    bbox: Bounds = (-180.0, -90.0, 180.0, 90.0)


def item_of(path: Path, count: int = 1, **options: Any) -> Item:
    etag = file_etag(path)
    return Item({f"b{i}": Band(f"b{i}", str(path), i, etag=etag, **options) for i in range(1, count + 1)})


def reader(**options: Any) -> Reader:
    return Reader(**{"cache_bytes": 1 << 26, **options})


def kind_of(read: Reader, item: Item) -> type:
    return type(read._sources.open(item.bands["b1"]).source)


def numbers(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Smooth enough to be packed, with the extremes of the type."""
    random = np.random.default_rng(seed)
    if dtype.startswith("complex"):
        return (numbers("float32", shape, seed) + 1j * numbers("float32", shape, seed + 1)).astype(dtype)
    if dtype.startswith("float"):
        return (np.cumsum(random.normal(size=shape), axis=-1) * 1e3).astype(dtype)
    limits = np.iinfo(dtype)
    top = min(limits.max, 2**31 - 1)
    array = (random.integers(max(limits.min, -(2**31)), top, shape[:1] + shape[1:], endpoint=True) // 7 * 7).astype(
        dtype
    )
    array[..., 0, 0], array[..., -1, -1] = limits.min, top
    return array


def write(path: Path, array: Array, **options: Any) -> Path:
    profile = {
        "driver": "GTiff", "count": len(array), "height": array.shape[1], "width": array.shape[2], "crs": "EPSG:32632",
        "dtype": array.dtype.name, "transform": from_origin(600_000.0, 5_200_000.0, 10.0, 10.0),
    }  # fmt: skip
    with rasterio.open(path, "w", **{**profile, **options}) as file:
        file.write(array)
    return path


def make_cog(path: Path) -> Path:
    """Two interleaved bands with holes and overviews, 700 x 900 pixels of 10 m."""
    array = np.clip(numbers("float32", (2, 900, 700)) + 20_000, 1, 60_000).astype(np.uint16)
    array[:, np.random.default_rng(1).random((900, 700)) < 0.02] = 0
    array[:, 300:420, 100:260] = 0
    write(
        path,
        array,
        tiled=True,
        blockxsize=128,
        blockysize=128,
        compress="deflate",
        predictor=2,
        interleave="pixel",
        nodata=0,
    )
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], Resampling.average)
    return path


def scene(cog: Path) -> Item:
    return item_of(cog, 2, scale=1e-4, offset=-0.1, nodata=0.0)


def target(zoom: int) -> Grid:
    lattice = web_mercator(zoom)
    x, y = transform("EPSG:32632", "EPSG:3857", 603_500.0, 5_195_500.0)
    step = lattice.resolution[0]
    return Grid(
        lattice, int((lattice.top - float(y)) / step) - 150, int((float(x) - lattice.left) / step) - 150, 300, 300
    )
