"""Scenes of known values in a catalogue of their own, for the tests of the exits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

import jeoview.recipes  # noqa: F401 - attaches ndvi, rgb ...
from jeoview.catalog import Band, CollectionInfo, Item
from jeoview.engine import Engine
from jeoview.export import EXITS
from jeoview.graph import canonical, digest
from jeoview.image import Image, apply
from jeoview.io.etag import file_etag
from jeoview.projection import WGS84, transform_bounds

CRS = "EPSG:32632"
BANDS = {"B04": "red", "B08": "nir"}
Numbers = NDArray[Any]


@dataclass(frozen=True)
class Scene:
    """One file: stored numbers with 0 as nodata, pixels of 10 m from the upper left corner on."""

    name: str
    date: str
    array: Numbers
    left: float = 600_000.0
    top: float = 5_000_000.0
    crs: str = CRS
    scale: float = 1e-4
    pixel: float = 10.0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        height, width = self.array.shape[1:]
        return self.left, self.top - height * self.pixel, self.left + width * self.pixel, self.top


@dataclass
class World:
    """A folder of scenes, catalogued under the settings of the test."""

    folder: Path
    scenes: list[Scene]
    simulated: bool = False
    bands: dict[str, str] = field(default_factory=lambda: dict(BANDS))

    def __post_init__(self) -> None:
        self.engine = Engine.default()
        self.engine.catalog.add_collection(CollectionInfo("scenes", simulated=self.simulated))
        self.items = [self._item(scene) for scene in self.scenes]
        self.engine.catalog.add_items(self.items)

    def path(self, scene: Scene) -> Path:
        return self.folder / f"{scene.name}.tif"

    def _item(self, scene: Scene) -> Item:
        path, array = self.path(scene), scene.array
        place = from_origin(scene.left, scene.top, scene.pixel, scene.pixel)
        with rasterio.open(
            path, "w", driver="GTiff", count=len(array), height=array.shape[1], width=array.shape[2],
            dtype=array.dtype.name, crs=scene.crs, transform=place, tiled=True, blockxsize=256, blockysize=256,
        ) as file:  # fmt: skip
            file.write(array)
        west, south, east, north = box = transform_bounds(scene.crs, WGS84, scene.bounds)
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        nodata = 0.0 if array.dtype.kind == "u" else None
        bands = {
            name: Band(name, str(path), index, common, scene.scale, 0.0, nodata, etag=file_etag(path))
            for index, (name, common) in enumerate(self.bands.items(), start=1)
        }
        area = {"type": "Polygon", "coordinates": [ring]}
        return Item("scenes", scene.name, scene.date, box, area, {}, bands)

    def image(self) -> Any:
        """The series of all scenes, in their order."""
        entries = [
            {"id": item.id, "datetime": item.datetime, "assets": {name: band.etag for name, band in item.bands.items()}}
            for item in self.items
        ]
        text = canonical({"collection": "scenes", "items": entries})
        key = f"items:{digest(text)}"
        self.engine.store.put(key, text.encode())
        west, south, east, north = zip(*(item.bbox for item in self.items), strict=True)
        values = {
            "items": key,
            "bands": tuple(self.bands),
            "common_names": {common: name for name, common in self.bands.items()},
            "bbox": (min(west), min(south), max(east), max(north)),
        }
        return apply("load_items", (), values)


def numbers(seed: int, height: int, width: int, bands: int = 2, gaps: float = 0.1) -> Numbers:
    """Random stored numbers, some of them nodata."""
    random = np.random.default_rng(seed)
    array = random.integers(1, 10_000, (bands, height, width)).astype(np.uint16)
    array[:, random.random((height, width)) < gaps] = 0
    return array


def leave(image: Image, exit_name: str, *args: Any, **kwargs: Any) -> Any:
    """Call an exit as the method that it becomes."""
    return EXITS[exit_name](image, *args, **kwargs)
