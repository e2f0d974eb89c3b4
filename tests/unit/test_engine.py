"""The one door: chains from the store, frozen scenes, limits, tables, points."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview.catalog import Band, Catalog, CollectionInfo, Item
from jeoview.engine import Engine
from jeoview.errors import ChainError, KeyUnknownError, LimitError, ParameterError, SourceError
from jeoview.graph import canonical, digest, parameter
from jeoview.grid import Grid, tile_grid
from jeoview.image import Image, apply
from jeoview.io.etag import file_etag
from jeoview.projection import WGS84, Bounds, transform_bounds
from jeoview.recipes import attach_recipes
from jeoview.region import region_grid
from jeoview.settings import settings
from jeoview.store import open_store

attach_recipes(Image)
LEFT, TOP, SIZE, STEP = 600_000.0, 5_000_000.0, 300, 10.0
CRS = "EPSG:32632"
BOUNDS = (LEFT, TOP - SIZE * STEP, LEFT + SIZE * STEP, TOP)


def write(path: Path, array: np.ndarray) -> None:
    profile = {"driver": "GTiff", "count": len(array), "height": SIZE, "width": SIZE, "dtype": "uint16", "crs": CRS}
    with rasterio.open(path, "w", transform=from_origin(LEFT, TOP, STEP, STEP), nodata=0, **profile) as file:
        file.write(array)


class World:
    """Some scenes in a catalogue, and the engine over them."""

    def __init__(self, folder: Path, scenes: dict[str, np.ndarray]) -> None:
        self.folder, self.items = folder, []
        self.catalog, self.store = Catalog(folder / "catalog.sqlite"), open_store("memory:")
        self.catalog.add_collection(CollectionInfo("scenes"))
        for name, array in scenes.items():
            write(folder / f"{name}.tif", array)
            self.items.append(self.item(name))
        self.catalog.add_items(self.items)
        self.engine = Engine(self.catalog, self.store, settings())

    def item(self, name: str) -> Item:
        path = self.folder / f"{name}.tif"
        box: Bounds = transform_bounds(CRS, WGS84, BOUNDS)
        west, south, east, north = box
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        etag = file_etag(path)
        bands = {
            band: Band(band, str(path), index, common, 1e-4, 0.0, 0.0, etag=etag, data_type="uint16")
            for index, (band, common) in enumerate((("B04", "red"), ("B08", "nir")), start=1)
        }
        return Item(
            "scenes", name, f"2023-0{name[-1]}-01T10:00:00Z", box, {"type": "Polygon", "coordinates": [ring]}, {}, bands
        )

    def image(self) -> Image:
        entries = [
            {"id": item.id, "datetime": item.datetime, "assets": {name: band.etag for name, band in item.bands.items()}}
            for item in self.items
        ]
        text = canonical({"collection": "scenes", "items": entries})
        key = f"items:{digest(text)}"
        self.store.put(key, text.encode())
        common = {"red": "B04", "nir": "B08"}
        box = self.items[0].bbox
        return apply("load_items", (), {"items": key, "bands": ("B04", "B08"), "common_names": common, "bbox": box})


def scene(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 10_000, (2, SIZE, SIZE)).astype(np.uint16)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"s1": scene(1), "s2": scene(2), "s3": scene(3)})


OWN_GRID = region_grid(BOUNDS, crs=CRS, resolution=STEP)


def test_own_grid_gives_own_pixels(world: World) -> None:
    median = world.engine.render(world.image().median().node, OWN_GRID)
    expected = np.median(np.stack([scene(seed) for seed in (1, 2, 3)]), axis=0).astype(np.float32) * np.float32(1e-4)
    np.testing.assert_allclose(median.array, expected, rtol=1e-6)
    assert median.bands == ("B04", "B08")


def test_chain_goes_through_the_store(world: World) -> None:
    node = world.image().median().ndvi().node
    assert world.engine.load(world.engine.save(node)) == node


def test_unknown_key_is_named(world: World) -> None:
    with pytest.raises(KeyUnknownError, match="no chain under the key"):
        world.engine.load("0" * 64)
    with pytest.raises(KeyUnknownError, match="64 hexadecimal digits"):
        world.engine.load("../../etc/passwd")


def test_altered_chain_is_refused(world: World) -> None:
    key = world.engine.save(world.image().median().focal_mean(3).node)
    text = world.store.get(f"chain:{key}")
    assert text is not None
    world.store.put(f"chain:{key}", text.replace(b'"radius":3', b'"radius":4'))
    with pytest.raises(ChainError, match="altered"):
        world.engine.load(key)


def test_altered_item_list_is_refused(world: World) -> None:
    image = world.image().median()
    (key,) = world.store.keys("items:")
    text = world.store.get(key)
    assert text is not None
    world.store.put(key, text.replace(b'"s1"', b'"s2"'))
    with pytest.raises(ChainError, match="altered"):
        world.engine.render(image.node, OWN_GRID)


def test_replaced_scene_is_never_shown_stale(world: World) -> None:
    image = world.image().median()
    write(world.folder / "s2.tif", scene(9))
    os.utime(world.folder / "s2.tif", ns=(1, 1))
    with pytest.raises(SourceError, match="s2"):
        world.engine.render(image.node, OWN_GRID)
    world.catalog.add_items([world.item("s2")])
    with pytest.raises(SourceError, match="was replaced since the chain was made"):
        Engine(world.catalog, world.store, settings()).render(image.node, OWN_GRID)


def test_missing_file_names_the_scene_and_no_path(world: World) -> None:
    image = world.image().median()
    (world.folder / "s3.tif").unlink()
    with pytest.raises(SourceError, match="s3") as raised:
        world.engine.render(image.node, OWN_GRID)
    assert str(world.folder) not in str(raised.value)


def test_cost_above_the_limit_is_refused_before_reading(world: World) -> None:
    small = Engine(world.catalog, world.store, replace(settings(), max_tile_bytes=100_000))
    with pytest.raises(LimitError, match="limit is 0 MiB"):
        small.render(world.image().median().node, OWN_GRID)
    assert small.reader.cache.nbytes == 0


def test_cost_counts_dates_and_bands(world: World) -> None:
    image = world.image()
    one, both = (world.engine.cost(node, OWN_GRID) for node in (image.median()["red"].node, image.median().node))
    assert one.array_bytes == SIZE * SIZE * 4 * (3 + 1 + 1)
    assert both.array_bytes == SIZE * SIZE * 4 * (6 + 2)
    assert one.padding == 0
    assert world.engine.cost(image.median().focal_mean(5).node, OWN_GRID).padding == 5


def test_table_is_fitted_once_and_shared_through_the_store(world: World) -> None:
    table = apply("quantiles", (world.image().median(),), {"q": (0.1, 0.9), "zoom": 13})
    values = world.engine.table(table.node).values
    assert values["quantile"].tolist() == [0.1, 0.9]
    assert 0 < values["B04"][0] < values["B04"][1] < 1
    stored = json.loads(world.store.get(f"table:{table.key}") or b"")
    assert stored["B04"] == values["B04"].tolist()
    for item in world.items:
        (world.folder / f"{item.id}.tif").unlink()
    other = Engine(world.catalog, world.store, settings())
    assert other.table(table.node).values["B08"].tolist() == values["B08"].tolist()


def test_broken_table_in_the_store_is_fitted_again(world: World) -> None:
    table = apply("quantiles", (world.image().median(),), {"zoom": 13})
    world.store.put(f"table:{table.key}", b'{"quantile": [0.02')
    assert set(world.engine.table(table.node).values) == {"quantile", "B04", "B08"}


def test_image_and_table_are_not_mixed_up(world: World) -> None:
    image = world.image().median()
    with pytest.raises(ParameterError, match="gives a table"):
        world.engine.render(apply("quantiles", (image,), {"zoom": 12}).node, OWN_GRID)
    with pytest.raises(ParameterError, match="gives an image"):
        world.engine.table(image.node)


def test_point_reads_below_the_style(world: World) -> None:
    west, south, east, north = world.items[0].bbox
    lon, lat = (west + east) / 2, (south + north) / 2
    ndvi = world.image().median().ndvi()
    coloured = world.engine.point(ndvi.colormap("RdYlGn", vmin=0, vmax=1).node, lon, lat, 14)
    assert coloured == world.engine.point(ndvi.node, lon, lat, 14)
    assert -1 <= coloured["values"]["ndvi"] <= 1
    series = world.engine.point(world.image().node, lon, lat, 14)
    assert [len(values) for values in series["values"].values()] == [3, 3]
    assert series["dates"] == [item.datetime for item in world.items]
    assert world.engine.point(ndvi.node, lon + 3, lat, 14)["values"] == {"ndvi": None}


def test_slider_positions_share_what_lies_below(world: World) -> None:
    threshold = parameter("t", 0.5, min=0, max=1, step=0.1)
    image = world.image().median().ndvi()
    masked = image.mask(image > threshold)
    low, high = (world.engine.render(masked.node, OWN_GRID, parameters={"t": t}).array for t in (0.0, 0.9))
    typed = world.engine.render(image.mask(image > 0.9).node, OWN_GRID).array
    np.testing.assert_array_equal(high, typed)
    assert np.isfinite(low).sum() > np.isfinite(high).sum() > 0
    with pytest.raises(ParameterError, match="expected 0 to 1"):
        world.engine.render(masked.node, OWN_GRID, parameters={"t": 2})


def test_a_drag_reads_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    threshold = parameter("t", 0.5, min=0, max=1, step=0.1)
    ndvi = world.image().median().ndvi()
    layer = ndvi.focal_mean(2).mask(ndvi > threshold).colormap("viridis", vmin=0, vmax=1)
    first = world.engine.render(layer.node, OWN_GRID, parameters={"t": 0.2}).array
    monkeypatch.setattr(world.engine.reader, "read", None)
    later = world.engine.render(layer.node, OWN_GRID, parameters={"t": 0.8}).array
    assert (first > 0).sum() > (later > 0).sum() > 0


def test_recolour_reads_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ndvi = world.image().median().ndvi()
    world.engine.render(ndvi.colormap("viridis", vmin=0, vmax=1).node, OWN_GRID)
    monkeypatch.setattr(world.engine.reader, "read", None)
    recoloured = world.engine.render(ndvi.colormap("magma", vmin=-1, vmax=1).node, OWN_GRID)
    assert recoloured.palette is not None
    assert recoloured.array.shape == (1, SIZE, SIZE)


def test_place_outside_every_scene_is_empty(world: World) -> None:
    far = world.engine.render(world.image().median().node, tile_grid(10, 1, 1))
    assert far.array.shape == (2, 256, 256)
    assert np.isnan(far.array).all()


def test_blocks_of_an_area_equal_the_area(world: World) -> None:
    chain = world.image().median().ndvi().focal_mean(4).colormap("RdYlGn", vmin=-1, vmax=1)
    whole = world.engine.render(chain.node, OWN_GRID).array
    for block in OWN_GRID.blocks(128):
        rows, cols = OWN_GRID.window_of(block)
        np.testing.assert_array_equal(world.engine.render(chain.node, block).array, whole[:, rows, cols])


def test_label_of_the_view_is_cut_for_each_tile(world: World) -> None:
    labelled = (world.image().median().ndvi() > 0).label()
    whole = world.engine.render(labelled.node, OWN_GRID).array
    quarter = Grid(OWN_GRID.lattice, 100, 120, 80, 90)
    part = world.engine.render(labelled.node, quarter, view=OWN_GRID).array
    np.testing.assert_array_equal(part, whole[:, 100:180, 120:210])
    with pytest.raises(ParameterError, match="view does not hold the tile"):
        world.engine.render(labelled.node, OWN_GRID, view=quarter)
