"""Three small scenes with known pixels, in a catalogue of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

import jeoview.recipes  # noqa: F401 - recipes are methods of an image once this is imported
from jeoview.catalog import Band, Catalog, CollectionInfo, Item
from jeoview.engine import Engine
from jeoview.graph import canonical, digest
from jeoview.image import Image, apply
from jeoview.io.etag import file_etag
from jeoview.projection import WGS84, transform_bounds
from jeoview.settings import Settings
from jeoview.store import open_store

CRS = "EPSG:32631"
LEFT, TOP, SIZE, STEP = 370_000.0, 4_840_000.0, 768, 20.0
BANDS = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}


@dataclass(frozen=True)
class Scenes:
    """What the browser tests look at."""

    folder: Path
    engine: Engine
    stack: Image

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.tif"


def make_scenes(home: Path) -> Scenes:
    """Write the scenes below a ``JEOVIEW_HOME`` and tell its catalogue."""
    folder = home / "scenes"
    folder.mkdir(parents=True)
    current = Settings(home, f"sqlite:///{home / 'store.sqlite'}", home / "catalog.sqlite")
    engine = Engine(Catalog(current.catalog), open_store(current.store), current)
    engine.catalog.add_collection(CollectionInfo("scenes", title="Three small scenes", simulated=True))
    items = [_item(folder, number) for number in (1, 2, 3)]
    engine.catalog.add_items(items)
    entries = [
        {"id": item.id, "datetime": item.datetime, "assets": {name: band.etag for name, band in item.bands.items()}}
        for item in items
    ]
    text = canonical({"collection": "scenes", "items": entries})
    key = f"items:{digest(text)}"
    engine.store.put(key, text.encode())
    common = {common: name for name, common in BANDS.items()}
    values = {"items": key, "bands": tuple(BANDS), "common_names": common, "bbox": items[0].bbox}
    return Scenes(folder, engine, apply("load_items", (), values))


def _item(folder: Path, number: int) -> Item:
    path = folder / f"scene-{number}.tif"
    profile = {"driver": "GTiff", "count": 4, "height": SIZE, "width": SIZE, "dtype": "uint16", "crs": CRS, "nodata": 0}
    tiling = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    with rasterio.open(path, "w", transform=from_origin(LEFT, TOP, STEP, STEP), **profile, **tiling) as file:
        file.write(_pixels(number))
    box = transform_bounds(CRS, WGS84, (LEFT, TOP - SIZE * STEP, LEFT + SIZE * STEP, TOP))
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    bands = {
        name: Band(name, str(path), index, common, 1e-4, 0.0, 0.0, etag=file_etag(path), data_type="uint16")
        for index, (name, common) in enumerate(BANDS.items(), start=1)
    }
    when = f"2023-0{number}-01T10:00:00Z"
    return Item("scenes", path.stem, when, box, {"type": "Polygon", "coordinates": [ring]}, {}, bands)


def _pixels(number: int) -> np.ndarray:
    """Fields of vegetation in round patches, a lake, a hole without data, and some noise."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    patches = 0.5 + 0.5 * np.sin(14 * x + 3 * np.sin(5 * y)) * np.cos(11 * y)
    lake = np.hypot(x - 0.7, y - 0.65) < 0.12
    noise = np.random.default_rng(number).normal(0, 0.01, (4, SIZE, SIZE))
    nir = np.where(lake, 0.03, 0.15 + 0.35 * patches)
    red = np.where(lake, 0.05, 0.14 - 0.09 * patches)
    green = np.where(lake, 0.08, 0.10 + 0.03 * patches)
    blue = np.where(lake, 0.10, 0.07 - 0.02 * patches)
    values = np.clip((np.stack([blue, green, red, nir]) + noise) * 1e4, 1, 65_535).astype(np.uint16)
    values[:, 100:150, 90:170] = 0
    return values
