"""A pixel's value depends on where it is, never on which tile asked: bit for bit, for every chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

import jeoview as jv
from jeoview.catalog import Band, Catalog, CollectionInfo, Item
from jeoview.engine import Engine
from jeoview.graph import canonical, digest
from jeoview.grid import Grid
from jeoview.image import Image, apply
from jeoview.io.etag import file_etag
from jeoview.memory import ResultMemory
from jeoview.projection import WGS84, transform_bounds
from jeoview.raster import Raster
from jeoview.settings import settings as engine_settings
from jeoview.store import open_store
from tests.chains import Place, chains
from tests.synthetic import BANDS, COMMON_NAMES, SyntheticReader, grid_at, raster, source

Tile = Callable[[Grid, Grid], Raster]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def assert_seamless(render: Tile, area: Grid, view: Grid, size: int, whole: Raster | None = None) -> Raster:
    """All tiles of an area are cuts of the whole, and so is a single pixel in it."""
    whole = whole or render(area, view)
    pixel = Grid(area.lattice, area.row + area.height // 2, area.col + area.width // 3, 1, 1)
    for tile in [*area.blocks(size)[::-1], pixel]:
        part, expected = render(tile, view), whole.cut(tile)
        assert part.bands == expected.bands
        floats = part.array.dtype.kind in "fc"
        if not np.array_equal(part.array, expected.array, equal_nan=floats):
            different = ~(
                (part.array == expected.array) | ((part.array != part.array) & (expected.array != expected.array))
            )
            raise AssertionError(f"{different.sum()} pixels differ in {tile}, the first at {np.argwhere(different)[0]}")
    return whole


@st.composite
def places(draw: Callable[[Any], Any]) -> Place:
    # Low zooms more often: there a tile spans many degrees, and metres are other pixels from row to row.
    zoom = draw(st.one_of(st.integers(3, 5), st.integers(3, 16)))
    # Within the extent of the sources, whose edge a fixed region must not lie beyond.
    lon, lat = draw(st.floats(-155, 155)), draw(st.floats(-70, 78))
    area = grid_at(zoom, lon, lat, draw(st.integers(40, 75)), draw(st.integers(40, 75)))
    return Place(area, zoom)


@settings(max_examples=150, suppress_health_check=SLOW)
@given(st.data())
def test_synthetic_pixels(data: st.DataObject) -> None:
    place = data.draw(places())
    image: Image = data.draw(chains(source("1"), source("2"), place))
    memory = ResultMemory(open_store("memory:"), 1 << 28)
    view = place.area.pad(data.draw(st.sampled_from((0, 9))))
    size = data.draw(st.sampled_from((16, 23, 32)))
    whole = assert_seamless(lambda grid, view: raster(image, grid, view=view), place.area, view, size)
    # What one tile, or the same tile of another view, left in memory is not taken for another one's.
    raster(image, place.area.blocks(size)[-1], view=place.area.pad(4), memory=memory)
    assert_seamless(lambda grid, view: raster(image, grid, view=view, memory=memory), place.area, view, size, whole)


@pytest.mark.parametrize("lat", [-75.0, -12.0, 0.5, 33.0, 79.0])
@pytest.mark.parametrize("zoom", [3, 5, 9])
def test_metres_are_other_pixels_from_row_to_row(zoom: int, lat: float) -> None:
    area = grid_at(zoom, 20.0, lat, 90, 50)
    place = Place(area, zoom)
    image = source("1")["B08"].median().focal_mean(jv.metres(11.3 * place.pixel))
    assert_seamless(lambda grid, view: raster(image, grid, view=view), area, area, 16)


@pytest.mark.parametrize("radius", [1, 2, 7, 20])
def test_sums_are_added_up_in_one_order(radius: int) -> None:
    """Values of very different size: another order of the additions would show."""
    read = SyntheticReader(wild=True)
    area = grid_at(11, 5.0, 50.0, 61, 77)
    series = source("1")
    chain = series["B08"].median().focal_mean(radius), series["B08"].mean().log_ratio(series["B04"].max(), radius)

    def tile(grid: Grid, view: Grid) -> Raster:
        return raster(chain[0].join_bands(chain[1].rename(("ratio",))), grid, view=view, read=read)

    assert_seamless(tile, area, area, 19)


# ---------------------------------------------------------------- warped real files


# Reference system, upper left corner, pixel size, rows and columns: two zones of UTM that overlap, degrees, Europe.
FILES = (
    ("EPSG:32632", (690_000.0, 5_000_000.0), 10.0, (700, 660)),
    ("EPSG:32633", (214_000.0, 5_002_000.0), 10.0, (640, 720)),
    ("EPSG:4326", (11.35, 45.15), 0.0001, (800, 900)),
    ("EPSG:3035", (4_430_000.0, 2_449_000.0), 20.0, (420, 380)),
)


class Files:
    """One scene a file in a catalogue, each with all bands, and an engine over them."""

    def __init__(self, folder: Path) -> None:
        self.catalog, self.store = Catalog(folder / "catalog.sqlite"), open_store("memory:")
        self.catalog.add_collection(CollectionInfo("files"))
        self.items = [self._scene(folder, number, *file) for number, file in enumerate(FILES)]
        self.catalog.add_items(self.items)
        self.engine = self.fresh()

    def fresh(self) -> Engine:
        return Engine(self.catalog, self.store, engine_settings())

    def _scene(self, folder: Path, number: int, crs: str, corner: tuple[float, float], step: float, shape: Any) -> Item:
        random = np.random.default_rng(number)
        path = folder / f"{number}.tif"
        array = random.integers(1, 10_000, (len(BANDS), *shape)).astype(np.uint16)
        array[-1] = np.kron(random.integers(0, 12, (shape[0] // 20, shape[1] // 20)), np.ones((20, 20)))
        array[:, random.random(shape) < 0.03] = 0
        array[:, 100:180, 50:300] = 0
        profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": len(BANDS), "dtype": "uint16"}
        tiled = {"tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "deflate"}
        with rasterio.open(
            path, "w", crs=crs, transform=from_origin(*corner, step, step), nodata=0, **profile, **tiled
        ) as file:
            file.write(array)
            if number != 1:
                file.build_overviews([2, 4, 8], rasterio.enums.Resampling.nearest)
        return _item(
            path, number, crs, (corner[0], corner[1] - shape[0] * step, corner[0] + shape[1] * step, corner[1])
        )

    def image(self, resampling: str, order: int) -> Image:
        """All scenes as a series; another order is another collection."""
        items = self.items[order:] + self.items[:order]
        entries = [
            {"id": item.id, "datetime": item.datetime, "assets": {name: band.etag for name, band in item.bands.items()}}
            for item in items
        ]
        text = canonical({"collection": "files", "items": entries})
        self.store.put(f"items:{digest(text)}", text.encode())
        boxes = np.array([item.bbox for item in items])
        values = {
            "items": f"items:{digest(text)}",
            "bands": BANDS,
            "common_names": COMMON_NAMES,
            "quality": {"SCL": "sentinel2-scl"},
            "bbox": (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()),
            "resampling": resampling,
        }
        return apply("load_items", (), values)


def _item(path: Path, number: int, crs: str, bounds: tuple[float, float, float, float]) -> Item:
    west, south, east, north = box = transform_bounds(crs, WGS84, bounds)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    common = {band: name for name, band in COMMON_NAMES.items()}
    bands = {
        name: Band(
            name,
            str(path),
            index,
            common.get(name),
            scale=1.0 if name == "SCL" else 1e-4,
            nodata=0.0,
            role="quality" if name == "SCL" else "data",
            etag=file_etag(path),
            quality="sentinel2-scl" if name == "SCL" else None,
            data_type="uint16",
        )
        for index, name in enumerate(BANDS, start=1)
    }
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return Item("files", f"scene-{number}", f"2023-0{number + 1}-01T10:00:00Z", box, geometry, {}, bands)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("scenes"))


@st.composite
def places_of_files(draw: Callable[[Any], Any], files: Files) -> Place:
    """Around the scenes and their edges."""
    zoom = draw(st.integers(7, 15))
    lon, lat = draw(
        st.sampled_from(((11.413, 45.128), (11.42, 45.11), (11.44, 45.09), (11.365, 45.14), (11.45, 45.07)))
    )
    height, width = draw(st.integers(40, 120)), draw(st.integers(40, 120))
    corner = grid_at(zoom, lon, lat, height, width)
    back = draw(st.integers(0, 60))
    return Place(
        Grid(corner.lattice, corner.row - back, corner.col - back, height, width), zoom, files.image("nearest", 0).bbox
    )


@settings(max_examples=60, suppress_health_check=SLOW)
@given(st.data())
def test_warped_files(files: Files, data: st.DataObject) -> None:
    place = data.draw(places_of_files(files))
    resampling = data.draw(st.sampled_from(("nearest", "bilinear")))
    image: Image = data.draw(chains(files.image(resampling, 0), files.image(resampling, 2), place))
    engine = files.fresh() if data.draw(st.booleans()) else files.engine
    view = place.area.pad(data.draw(st.sampled_from((0, 9))))
    node = image.node
    assert_seamless(lambda grid, view: engine.render(node, grid, view=view), place.area, view, 48)


@settings(max_examples=25, suppress_health_check=SLOW)
@given(st.data())
def test_sliders_over_what_an_engine_keeps(files: Files, data: st.DataObject) -> None:
    """Dragging a slider, tile by tile and back again, gives what the same chain with a number in it gives afresh."""
    place = data.draw(places_of_files(files))
    below: Image = data.draw(chains(files.image("nearest", 0), files.image("nearest", 2), place, colours=False))
    weight = jv.parameter("weight", 1.0, min=0, max=4, step=0.5)
    above = data.draw(
        st.sampled_from((lambda image, p: (image * p).focal_mean(2), lambda image, p: image.mask(image > p)))
    )
    engine, tiles = files.fresh(), place.area.blocks(60)
    for position in (0.5, 2.0, 0.5):
        expected = files.fresh().render(above(below, position).node, place.area)
        for tile in tiles:
            part = engine.render(above(below, weight).node, tile, parameters={"weight": position}, view=place.area)
            assert np.array_equal(part.array, expected.cut(tile).array, equal_nan=True)


def test_the_files_are_seen(files: Files) -> None:
    """The properties above would hold for empty tiles too: here are pixels of all four scenes."""
    image = files.image("nearest", 0).count()["B04"]
    seen = files.engine.render(image.node, grid_at(13, 11.4, 45.12, 300, 300)).array
    assert set(np.unique(seen)) == {0.0, 1.0, 2.0, 3.0, 4.0}
