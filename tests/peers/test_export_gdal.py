"""Exports of real scenes against what rasterio and plain numpy make of the same files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import jeoview.recipes  # noqa: F401 - attaches ndvi ...
from jeoview.catalog import Band, CollectionInfo, Item
from jeoview.engine import Engine
from jeoview.export import EXITS
from jeoview.graph import canonical, digest
from jeoview.image import apply
from jeoview.io.etag import file_etag
from jeoview.projection import WGS84, transform_bounds

BANDS = {"B04": "red", "B03": "green", "B02": "blue", "B08": "nir", "SCL": None}
BOUNDS = (674_990.0, 5_147_910.0, 684_340.0, 5_154_960.0)
NATIVE: dict[str, Any] = {"bounds": BOUNDS, "crs": "EPSG:32632", "resolution": 10}


@pytest.fixture
def bolzano(data_dir: Path) -> Path:
    return data_dir / "openeo-s2-bolzano" / "S2_L2A_sample.tif"


@pytest.fixture
def image(bolzano: Path, jeoview_home: Path) -> Any:
    """The real scene as a collection of one, numbers as they are stored."""
    return one_scene(bolzano, BOUNDS, BANDS)


def one_scene(path: Path, bounds: tuple[float, float, float, float], names: dict[str, str | None]) -> Any:
    engine, etag = Engine.default(), file_etag(path)
    west, south, east, north = box = transform_bounds("EPSG:32632", WGS84, bounds)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    bands = {
        name: Band(name, str(path), index, common, nodata=0.0, etag=etag)
        for index, (name, common) in enumerate(names.items(), start=1)
    }
    engine.catalog.add_collection(CollectionInfo("real"))
    engine.catalog.add_items(
        [Item("real", "s", "2022-06-12T10:00:00Z", box, {"type": "Polygon", "coordinates": [ring]}, {}, bands)]
    )
    entry = {"id": "s", "datetime": "2022-06-12T10:00:00Z", "assets": dict.fromkeys(bands, etag)}
    text = canonical({"collection": "real", "items": [entry]})
    key = f"items:{digest(text)}"
    engine.store.put(key, text.encode())
    common = {common: name for name, common in names.items() if common}
    return apply("load_items", (), {"items": key, "bands": tuple(names), "common_names": common, "bbox": box})


def test_own_grid_gives_the_files_own_pixels(image: Any, bolzano: Path, tmp_path: Path) -> None:
    found = EXITS["to_numpy"](image.mosaic(), **NATIVE)
    with rasterio.open(bolzano) as file:
        stored = file.read().astype(np.float32)
        np.testing.assert_array_equal(found, np.where(stored == 0, np.nan, stored))
        path = EXITS["to_geotiff"](image.mosaic(), tmp_path / "x.tif", **NATIVE)
        with rasterio.open(path) as ours:
            assert (ours.transform, ours.crs, ours.shape) == (file.transform, file.crs, file.shape)
            np.testing.assert_array_equal(np.nan_to_num(ours.read()), stored)


def test_a_part_of_the_own_grid_is_untouched_too(image: Any, bolzano: Path) -> None:
    part = (BOUNDS[0] + 1230, BOUNDS[1] + 550, BOUNDS[0] + 4560, BOUNDS[1] + 3210)
    found = EXITS["to_numpy"](image.mosaic()["red"], part, crs="EPSG:32632", resolution=10)
    with rasterio.open(bolzano) as file:
        np.testing.assert_array_equal(np.nan_to_num(found[0]), file.read(1, window=file.window(*part)))


def test_ndvi_has_the_statistics_of_the_readme(image: Any) -> None:
    ndvi = EXITS["to_numpy"](image.median().ndvi(), **NATIVE)[0].astype(np.float64)
    valid = ndvi[~np.isnan(ndvi)]
    assert valid.size == 659_153
    measured = [valid.mean(), np.median(valid), *np.percentile(valid, [5, 95])]
    np.testing.assert_allclose(measured, [0.68997, 0.81255, 0.07259, 0.91933], atol=6e-6)


def test_ndvi_equals_a_script_of_rasterio_and_numpy(image: Any, bolzano: Path, tmp_path: Path) -> None:
    path = EXITS["to_geotiff"](image.median().ndvi(), tmp_path / "ndvi.tif", **NATIVE)
    with rasterio.open(bolzano) as source, rasterio.open(path) as ours:
        for row in range(0, source.height, 300):
            window = Window(0, row, source.width, min(300, source.height - row))
            red, nir = (
                source.read(1, window=window).astype(np.float64),
                source.read(4, window=window).astype(np.float64),
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                expected = np.where((red == 0) | (nir == 0), np.nan, (nir - red) / (nir + red))
            np.testing.assert_allclose(ours.read(1, window=window), expected, rtol=0, atol=2e-7)
        assert np.nanmean(ours.read(1).astype(np.float64)) == pytest.approx(0.68997, abs=6e-6)


MEMORY = """
import json, sys
from pathlib import Path
import psutil
sys.path.insert(0, sys.argv[1])
from tests.peers.test_export_gdal import one_scene
from jeoview.export import EXITS
bounds = (600_000.0, 5_100_000.0 - 40_960, 640_960.0, 5_100_000.0)
image = one_scene(Path(sys.argv[2]), bounds, {"B04": "red", "B08": "nir"}).median().ndvi()
before = psutil.Process().memory_info().rss
EXITS["to_geotiff"](image, sys.argv[3], bounds=bounds, crs="EPSG:32632", resolution=10, progress=False)
# Not ru_maxrss: it begins with the size of the process that started this one.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([before, 1024 * int(status["VmHWM"].split()[0])]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc to see the peak of memory")
def test_memory_of_a_large_export_is_bounded(jeoview_home: Path, tmp_path: Path) -> None:
    """67 MB of NDVI from 67 MB of numbers, with caches of 32 MB: the blocks themselves take little."""
    random = np.random.default_rng(0)
    place = rasterio.transform.from_origin(600_000, 5_100_000, 10, 10)
    profile = {"driver": "GTiff", "count": 2, "height": 4096, "width": 4096, "dtype": "uint16", "crs": "EPSG:32632"}
    with rasterio.open(tmp_path / "s.tif", "w", transform=place, tiled=True, **profile) as file:
        for row in range(0, 4096, 512):
            file.write(random.integers(1, 10_000, (2, 512, 4096)).astype(np.uint16), window=Window(0, row, 4096, 512))
    root = str(Path(__file__).resolve().parents[2])
    environment = {
        "PATH": "",
        "JEOVIEW_HOME": str(jeoview_home),
        "JEOVIEW_BLOCK_CACHE_BYTES": str(32 << 20),
        "JEOVIEW_ARRAY_CACHE_BYTES": str(16 << 20),
    }
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, root, tmp_path / "s.tif", tmp_path / "x.tif"],
        env=environment, capture_output=True, check=True, text=True,
    )  # fmt: skip
    before, peak = json.loads(done.stdout)
    assert peak - before < 300 << 20
    assert peak < 1 << 30
    with rasterio.open(tmp_path / "s.tif") as source, rasterio.open(tmp_path / "x.tif") as ours:
        window = Window(2000, 3000, 700, 700)
        red, nir = source.read(window=window).astype(np.float64)
        np.testing.assert_allclose(ours.read(1, window=window), (nir - red) / (nir + red), rtol=0, atol=2e-7)
