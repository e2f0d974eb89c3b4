"""Cloud-optimised GeoTIFFs: read back with rasterio and tifffile, compared with numpy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from numpy.typing import NDArray

from jeoview.errors import JeoviewError, ParameterError
from jeoview.grid import Grid, Lattice
from jeoview.io import write
from jeoview.io.write import BandText, CogProfile, CogWriter, band_texts, write_cog

UTM = Lattice("EPSG:32632", (10.0, 10.0), 700_000.0, 5_080_000.0)


def grid(height: int, width: int) -> Grid:
    return Grid(UTM, 3, -7, height, width)


def random(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as dataset:
        array: NDArray[Any] = dataset.read()
    return array


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    here, path = grid(700, 1300), tmp_path / "a.tif"
    array = random((2, 700, 1300))
    array[0, :100] = np.nan
    texts = (BandText("velocity", unit="mm/yr"), BandText("std", 0.5, 3.0))
    write_cog(path, array, CogProfile(here, texts, "float32", float("nan"), tags={"JEOVIEW_CHAIN": '{"a": "é"}'}))
    np.testing.assert_array_equal(read(path), array)
    with rasterio.open(path) as dataset:
        assert dataset.crs.to_epsg() == 32632
        assert tuple(dataset.transform)[:6] == here.transform
        assert np.isnan(dataset.nodata)
        assert dataset.descriptions == ("velocity", "std")
        assert dataset.units == ("mm/yr", None)
        assert dataset.scales == (1.0, 0.5)
        assert dataset.offsets == (0.0, 3.0)
        assert dataset.tags()["JEOVIEW_CHAIN"] == '{"a": "é"}'
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tif"]


@pytest.mark.parametrize(
    ("dtype", "predictor"),
    [("uint8", 2), ("int16", 2), ("uint16", 2), ("float32", 3), ("float64", 3), ("complex64", 1)],
)
def test_it_is_a_cog(tmp_path: Path, dtype: str, predictor: int) -> None:
    path = tmp_path / "a.tif"
    array = (100 * np.abs(random((1100, 1200)))).astype(dtype)
    write_cog(path, array, CogProfile(grid(1100, 1200), band_texts(["a"]), dtype))
    with rasterio.open(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.overviews(1) == [2, 4]
    with tifffile.TiffFile(path) as tiff:
        pages: list[Any] = list(tiff.pages)
        assert [page.shape for page in pages] == [(1100, 1200), (550, 600), (275, 300)]
        assert {page.compression.name for page in pages} == {"ADOBE_DEFLATE"}
        assert {int(page.predictor) for page in pages} == {predictor}
        # Directories first, then overviews from the smallest, then the image: a reader needs one request to start.
        first = [min(page.dataoffsets) for page in pages]
        assert max(page.offset for page in pages) < min(first)
        assert first == sorted(first, reverse=True)
    np.testing.assert_array_equal(read(path)[0], array)


@pytest.mark.parametrize("limit", [write.MEMORY_LIMIT, 0])
def test_blocks_may_come_in_any_order_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(write, "MEMORY_LIMIT", limit)
    here, array = grid(900, 1400), random((3, 900, 1400))
    seen: list[int] = []
    blocks = [*here.blocks(333)]
    np.random.default_rng(1).shuffle(blocks)
    profile = CogProfile(here, band_texts("abc"), "float32", float("nan"))
    with CogWriter(tmp_path / "a.tif", profile, on_progress=seen.append) as writer:
        for block in blocks:
            writer.write(block, array[(slice(None), *here.window_of(block))])
        assert not (tmp_path / "a.tif").exists()
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), array)
    assert seen[-1] == 900 * 1400
    assert seen == sorted(seen)


def test_pixels_never_written_are_nodata(tmp_path: Path) -> None:
    here = grid(600, 600)
    with CogWriter(tmp_path / "a.tif", CogProfile(here, band_texts("a"), "float32", -9999.0)) as writer:
        writer.write(Grid(UTM, here.row + 10, here.col + 20, 5, 5), np.ones((5, 5), np.float32))
    array = read(tmp_path / "a.tif")[0]
    assert (array == 1).sum() == 25
    assert (array[10:15, 20:25] == 1).all()
    assert (array == -9999).sum() == 600 * 600 - 25


def test_overviews_of_values_are_averages_of_what_is_valid(tmp_path: Path) -> None:
    array = random((1024, 1024)) + 5
    array[::7, ::5] = np.nan
    write_cog(tmp_path / "a.tif", array, CogProfile(grid(1024, 1024), band_texts("a"), "float32", float("nan")))
    expected = np.nanmean(array.reshape(512, 2, 512, 2), axis=(1, 3))
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        np.testing.assert_allclose(dataset.read(1), expected, rtol=1e-6)


def test_overviews_of_classes_are_classes(tmp_path: Path) -> None:
    array = np.random.default_rng(0).choice(np.array([4, 9], np.uint8), (1024, 1024), p=[0.9, 0.1])
    write_cog(tmp_path / "a.tif", array, CogProfile(grid(1024, 1024), band_texts("a"), "uint8", 0, content="classes"))
    quads = (array == 9).reshape(512, 2, 512, 2).sum(axis=(1, 3))
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as dataset:
        small = dataset.read(1)
    assert set(np.unique(small)) == {4, 9}
    assert (small[quads >= 3] == 9).all()
    assert (small[quads <= 1] == 4).all()


def test_no_overviews_where_none_are_wanted(tmp_path: Path) -> None:
    profile = CogProfile(grid(1024, 1024), band_texts("a"), "uint8", content="none")
    write_cog(tmp_path / "a.tif", np.zeros((1024, 1024), np.uint8), profile)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.overviews(1) == []


def test_colours_are_red_green_blue_alpha(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (4, 600, 600), np.uint8)
    write_cog(tmp_path / "a.tif", array, CogProfile(grid(600, 600), band_texts("rgba"), "uint8", photometric="RGB"))
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), array)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert [c.name for c in dataset.colorinterp] == ["red", "green", "blue", "alpha"]
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.series[0].keyframe.photometric == tifffile.PHOTOMETRIC.RGB


def test_equal_pixels_give_equal_bytes(tmp_path: Path) -> None:
    array = random((1, 1500, 1500))
    profile = CogProfile(grid(1500, 1500), band_texts("a"), "float32", float("nan"))
    write_cog(tmp_path / "a.tif", array, profile)
    write_cog(tmp_path / "b.tif", array, profile)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.parametrize("limit", [write.MEMORY_LIMIT, 0])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_nothing_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, error: type[BaseException]
) -> None:
    monkeypatch.setattr(write, "MEMORY_LIMIT", limit)
    here, path = grid(600, 600), tmp_path / "a.tif"
    path.write_bytes(b"older")
    profile = CogProfile(here, band_texts("a"), "float32")

    def halfway(writer: CogWriter) -> None:
        writer.write(here.blocks(512)[0], np.ones((512, 512), np.float32))
        raise error

    with pytest.raises(error), CogWriter(path, profile) as writer:
        halfway(writer)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    assert path.read_bytes() == b"older"


def test_progress_may_stop_it(tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    profile = CogProfile(grid(20, 20), band_texts("a"), "float32")
    with pytest.raises(KeyboardInterrupt), CogWriter(tmp_path / "a.tif", profile, on_progress=stop) as writer:
        writer.write(profile.grid, np.ones((20, 20), np.float32))
    assert not list(tmp_path.iterdir())


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    here = grid(64, 64)
    profile = CogProfile(here, band_texts("ab"), "uint8")
    with CogWriter(tmp_path / "a.tif", profile) as writer:
        with pytest.raises(ParameterError, match=r"shape \(1, 64, 64\); expected \(2, 64, 64\)"):
            writer.write(here, np.zeros((1, 64, 64), np.uint8))
        with pytest.raises(ParameterError, match="float32; expected uint8"):
            writer.write(here, np.zeros((2, 64, 64), np.float32))
        with pytest.raises(ParameterError, match="outside"):
            writer.write(here.pad(1), np.zeros((2, 66, 66), np.uint8))
    with pytest.raises(ParameterError, match="not open"):
        writer.write(here, np.zeros((2, 64, 64), np.uint8))
    with pytest.raises(ParameterError, match="at least one band"):
        CogProfile(here, (), "uint8")
    with pytest.raises(ParameterError, match=r"'maps'.*'classes'"):
        CogProfile(here, band_texts("a"), "uint8", content="maps")  # type: ignore[arg-type]


def test_a_missing_or_locked_folder_is_said_without_its_path(tmp_path: Path) -> None:
    profile = CogProfile(grid(8, 8), band_texts("a"), "uint8")
    with pytest.raises(ParameterError, match=r"folder of 'a\.tif'") as missing:
        write_cog(tmp_path / "none" / "a.tif", np.zeros((8, 8), np.uint8), profile)
    assert str(tmp_path) not in str(missing.value)


_FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from jeoview.errors import JeoviewError
from jeoview.grid import Grid, Lattice
from jeoview.io.write import CogProfile, CogWriter, band_texts

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit, size = int(sys.argv[2]), int(sys.argv[3])
grid = Grid(Lattice("EPSG:32632", (10.0, 10.0), 0.0, 0.0), 0, 0, size, size)
array = np.random.default_rng(0).standard_normal((512, 512), dtype=np.float32)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with CogWriter(Path(sys.argv[1]) / "a.tif", CogProfile(grid, band_texts("a"), "float32")) as writer:
        for block in grid.blocks(512):
            writer.write(block, array[: block.height, : block.width])
except JeoviewError as error:
    print(error)
"""


# 2048 pixels are 16 MB and staged in memory; 4500 are 81 MB and staged on disk.
@pytest.mark.parametrize(("limit", "size"), [(300_000, 2048), (9_000_000, 2048), (6_000_000, 4500), (76_000_000, 4500)])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, limit: int, size: int) -> None:
    """A limit on the size of files stands for the full disk: both make write() fail."""
    command = [sys.executable, "-c", _FULL, str(tmp_path), str(limit), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "the file 'a.tif' cannot be written" in done.stdout
    assert str(tmp_path) not in done.stdout
    assert not list(tmp_path.iterdir())


_LARGE = """
import sys
import threading
from pathlib import Path
import numpy as np, psutil
from jeoview.grid import Grid, Lattice
from jeoview.io.write import CogProfile, CogWriter, band_texts

grid = Grid(Lattice("EPSG:32632", (10.0, 10.0), 0.0, 0.0), 0, 0, 9000, 9000)
array = np.random.default_rng(0).standard_normal((512, 512), dtype=np.float32)
peak, done, process = [0], threading.Event(), psutil.Process()
start = process.memory_info().rss

def watch():
    while not done.wait(0.02):
        peak[0] = max(peak[0], process.memory_info().rss)

thread = threading.Thread(target=watch)
thread.start()
with CogWriter(Path(sys.argv[1]) / "a.tif", CogProfile(grid, band_texts("a"), "float32", level=1)) as writer:
    for block in grid.blocks(512):
        writer.write(block, array[: block.height, : block.width])
done.set()
thread.join()
print((peak[0] - start) // 1_000_000)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LARGE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=True)
    # The pixels are 324 MB.
    assert int(done.stdout) < 220


def test_gdal_failures_are_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SystemError

    monkeypatch.setattr(rasterio.shutil, "copy", fail)
    with pytest.raises(JeoviewError, match=r"'a\.tif' cannot be written"):
        write_cog(tmp_path / "a.tif", np.zeros((8, 8), np.uint8), CogProfile(grid(8, 8), band_texts("a"), "uint8"))
    assert not list(tmp_path.iterdir())
