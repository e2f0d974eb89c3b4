"""The reader against the exact warp and real data; its cost, its cache, its threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeoview.errors import SourceError
from jeoview.grid import Grid, Lattice, tile_grid, web_mercator
from jeoview.io.blocks import Block, ByteCache
from jeoview.projection import transform
from jeoview.warp import resample
from tests.unit.reader_world import Item, item_of, make_cog, numbers, reader, scene, target, write


@pytest.fixture(scope="module")
def cog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cog(tmp_path_factory.mktemp("cog") / "scene.tif")


# ------------------------------------------------------------------ values


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.parametrize("zoom", [10, 11, 12, 13, 14, 15])
def test_the_file_path_equals_the_path_in_memory(cog: Path, zoom: int, method: str) -> None:
    """Gathered from blocks or warped from the whole level in memory: the same bits."""
    item, read, grid = scene(cog), reader(), target(zoom)
    found = read.read(item, ["b1", "b2"], grid, method)
    level = {10: 2, 11: 2, 12: 1}.get(zoom, 0)
    with rasterio.open(cog, **({"overview_level": level - 1} if level else {})) as file:
        raw, native = file.read(), read.native_grid(item, "b1")
        own = Lattice(native.crs, (7000.0 / file.width, 9000.0 / file.height), 600_000.0, 5_200_000.0)
        source = Grid(own, 0, 0, file.height, file.width)
    numbers_of = np.where(raw == 0, np.nan, raw.astype(np.float64))
    expected = resample(numbers_of, source, grid, method) * 1e-4 - 0.1
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert np.isfinite(found).any()
    assert np.isnan(found).any()


windows = st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(1, 100), st.integers(1, 100))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(9, 17), windows, st.sampled_from(["nearest", "bilinear"]))
def test_any_window_equals_the_whole(cog: Path, zoom: int, window: tuple[int, int, int, int], method: str) -> None:
    item, grid = scene(cog), target(zoom)
    row, col, height, width = window
    inner = Grid(grid.lattice, grid.row + row, grid.col + col, height, width)
    whole = reader().read(item, ["b1", "b2"], grid, method)
    rows, cols = grid.window_of(inner)
    np.testing.assert_array_equal(reader().read(item, ["b1", "b2"], inner, method), whole[:, rows, cols])


def test_quality_bands_are_never_averaged_nor_scaled(cog: Path) -> None:
    item, read, grid = scene(cog), reader(), target(15)
    classes = Item({"q": replace(item.bands["b1"], name="q", role="quality")})
    found = read.read(classes, ["q"], grid, "bilinear")
    plain = Item({"q": replace(item.bands["b1"], scale=1.0, offset=0.0)})
    np.testing.assert_array_equal(found, read.read(plain, ["q"], grid, "nearest"))


def test_ndvi_of_bolzano_on_its_own_grid(data_dir: Path) -> None:
    """The statistics of the data's README."""
    path = data_dir / "openeo-s2-bolzano" / "S2_L2A_sample.tif"
    item, read = item_of(path, 5, nodata=0.0), reader()
    red, near_infrared = read.read(item, ["b1", "b4"], read.native_grid(item, "b1"), "bilinear").astype(np.float64)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(np.nan_to_num(red), file.read(1))
    ndvi = (near_infrared - red) / (near_infrared + red)
    valid = ndvi[np.isfinite(ndvi)]
    assert valid.size == 659_153
    found = [valid.mean(), np.median(valid), *np.percentile(valid, [5, 95])]
    np.testing.assert_allclose(found, [0.68997, 0.81255, 0.07259, 0.91933], atol=6e-6)


def test_real_files_agree_with_rasterio(data_dir: Path) -> None:
    """All georeferenced TIFFs and the SRTM tiles of the real data, on their own grids."""
    paths = sorted([*data_dir.glob("*/*.tif"), *data_dir.glob("*/geotiffs/*.tif"), *data_dir.glob("*/*.hgt")])
    seen = 0
    for path in paths:
        with rasterio.open(path) as file:
            if file.crs is None or file.transform.e > 0:
                continue
            expected, mask = (
                file.read(1),
                file.dataset_mask() if file.mask_flag_enums[0][0].name == "per_dataset" else None,
            )
        item, read = item_of(path), reader()
        found = read.read(item, ["b1"], read.native_grid(item, "b1"), "bilinear")[0]
        wanted = expected.astype(found.dtype)
        if mask is not None:
            wanted[mask == 0] = np.nan
        np.testing.assert_array_equal(found, wanted, err_msg=path.name)
        read.close()
        seen += 1
    assert seen > 40


# ------------------------------------------------------------------ cost, touch, cache


def test_cost_counts_the_blocks_that_are_read(cog: Path) -> None:
    item, read = scene(cog), reader()
    block = 128 * 128 * 2 * 2
    native = read.native_grid(item, "b1")
    assert read.cost(item, ["b1", "b2"], native) == 6 * 8 * block
    one = Grid(native.lattice, 130, 130, 60, 60)
    assert read.cost(item, ["b1"], one) == block
    read.read(item, ["b1", "b2"], one, "bilinear")
    assert read.cache.misses == 1
    assert read.cache.nbytes == block
    assert read.cost(item, ["b1"], tile_grid(14, 0, 0)) == 0
    assert np.isnan(read.read(item, ["b1"], tile_grid(14, 0, 0), "nearest")).all()


@settings(max_examples=60)
@given(st.integers(3, 14), st.integers(0, 300), st.integers(0, 300), st.sampled_from([-179.97, 5.0, 179.98]))
def test_touches_is_never_wrongly_false(zoom: int, down: int, right: int, lon: float) -> None:
    zone = min(int((lon + 180) // 6) + 1, 60)
    x, y = transform("EPSG:4326", f"EPSG:326{zone:02}", lon, 47.0)
    source = Grid(Lattice(f"EPSG:326{zone:02}", (100.0, 100.0), float(x), float(y)), 0, 0, 200, 200)
    lons, lats = transform(source.crs, "EPSG:4326", *np.meshgrid(source.x, source.y))
    crosses = lons.max() - lons.min() > 180
    west, east = (lons[lons > 0].min(), lons[lons < 0].max()) if crosses else (lons.min(), lons.max())
    item = Item({}, bbox=(float(west), float(lats.min()), float(east), float(lats.max())))
    lattice = web_mercator(zoom)
    mx, my = transform("EPSG:4326", "EPSG:3857", lon, 47.0)
    row, col = (
        int((lattice.top - float(my)) / lattice.resolution[0]),
        int((float(mx) - lattice.left) / lattice.resolution[0]),
    )
    grid = Grid(lattice, row - 150 + down, col - 150 + right, 80, 80)
    values = resample(np.ones(source.shape, np.float32), source, grid, "nearest")
    if np.isfinite(values).any():
        assert reader().touches(item, grid)


def test_touches_tells_far_from_near() -> None:
    item = Item({}, bbox=(11.0, 46.0, 12.0, 47.0))
    assert reader().touches(item, tile_grid(0, 0, 0))
    assert not reader().touches(item, tile_grid(8, 0, 0))
    assert not reader().touches(item, tile_grid(9, 274, 181))


@dataclass
class Slow:
    """Counts how often it is made, and waits."""

    gate: threading.Event = field(default_factory=threading.Event)
    made: int = 0

    def __call__(self) -> Block:
        self.made += 1
        assert self.gate.wait(10)
        return Block.of(np.zeros(100, np.uint8))


def test_one_flight_however_many_ask() -> None:
    cache: ByteCache[Block] = ByteCache(1000)
    slow, answers = Slow(), []
    threads = [threading.Thread(target=lambda: answers.append(cache.get("k", slow))) for _ in range(8)]
    for thread in threads:
        thread.start()
    slow.gate.set()
    for thread in threads:
        thread.join(10)
    assert slow.made == 1
    assert len({id(answer) for answer in answers}) == 1


def test_a_failed_flight_is_tried_again() -> None:
    cache: ByteCache[Block] = ByteCache(1000)

    def fail() -> Block:
        raise SourceError("no")

    for _ in range(2):
        with pytest.raises(SourceError):
            cache.get("k", fail)
    assert cache.get("k", lambda: Block.of(None)).address == 0


def test_the_cache_holds_its_size_and_drops_the_oldest() -> None:
    cache: ByteCache[Block] = ByteCache(350)
    for name in "abc":
        cache.get(name, lambda: Block.of(np.zeros(100, np.uint8)))
    cache.get("a", lambda: Block.of(None))
    cache.get("d", lambda: Block.of(np.zeros(100, np.uint8)))
    assert cache.nbytes == 300
    before = cache.misses
    cache.get("a", lambda: Block.of(None))
    assert cache.misses == before
    cache.get("b", lambda: Block.of(None))
    assert cache.misses == before + 1
    cache.get("big", lambda: Block.of(np.zeros(1000, np.uint8)))
    assert cache.nbytes <= 350


def test_many_threads_read_the_same_and_different_things(tmp_path: Path, cog: Path) -> None:
    """Fast path and GDAL handles, with a cache too small for either."""
    png = write(tmp_path / "a.png", numbers("uint8", (1, 900, 700)), driver="PNG")
    items, grids = [scene(cog), item_of(png)], [target(zoom) for zoom in (12, 13, 14, 15)]
    alone = {(i, j): reader().read(items[i], ["b1"], grids[j], "bilinear") for i in range(2) for j in range(4)}
    read, wrong = reader(cache_bytes=200_000), []

    def work(seed: int) -> None:
        for i, j in np.random.default_rng(seed).permutation([(i, j) for i in range(2) for j in range(4)]):
            found = read.read(items[i], ["b1"], grids[j], "bilinear")
            if not np.array_equal(found, alone[i, j], equal_nan=True):
                wrong.append((i, j))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert read.cache.nbytes <= 200_000
    read.close()
