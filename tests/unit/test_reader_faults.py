"""Files that vanish, break, change or lie where they must not: an error with a name, and the reader goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jeoview.errors import BandError, JeoviewError, ParameterError, RefusedError, SourceError
from jeoview.io.etag import file_etag
from jeoview.io.reader import Reader
from tests.unit.reader_world import Band, Item, item_of, make_cog, reader, scene, target, write


@pytest.fixture(scope="module")
def cog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cog(tmp_path_factory.mktemp("cog") / "scene.tif")


# ------------------------------------------------------------------ what can go wrong


def no_path(error: BaseException, path: Path) -> None:
    assert str(path) not in str(error)
    assert path.name not in str(error)


def usable(read: Reader, cog: Path) -> None:
    assert np.isfinite(read.read(scene(cog), ["b1"], target(14), "nearest")).any()


def vanish(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for i in range(len(data) // 4, len(data) * 3 // 4, 97):
        data[i] ^= 0xFF
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"II*\0\x08\0\0\0" + bytes(range(256)) * 40)


@pytest.mark.parametrize("damage", [cut_short, spoil, empty, garble])
def test_a_broken_file_is_named_by_item_and_band(tmp_path: Path, cog: Path, damage: Callable[[Path], None]) -> None:
    """Broken before it was catalogued, so its etag is right."""
    path = tmp_path / "secret-name.tif"
    shutil.copy(cog, path)
    damage(path)
    read = reader()
    with pytest.raises(SourceError, match=r"item 'scene-7', band 'b1': .*(corrupt|truncated|damaged)") as caught:
        read.read(item_of(path, 2), ["b1"], target(14), "nearest")
    no_path(caught.value, path)
    usable(read, cog)


@pytest.mark.parametrize("damage", [vanish, cut_short, spoil, empty, garble])
def test_a_file_that_breaks_while_it_is_open(tmp_path: Path, cog: Path, damage: Callable[[Path], None]) -> None:
    path = tmp_path / "secret-name.tif"
    shutil.copy(cog, path)
    item, read = item_of(path, 2), reader()
    read.read(item, ["b1"], target(14), "nearest")
    damage(path)
    with pytest.raises(SourceError, match=r"item 'scene-7', band 'b1': the file (is gone|has changed since)") as caught:
        read.read(item, ["b1"], target(14), "nearest")
    no_path(caught.value, path)
    usable(read, cog)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_replaced_file_is_noticed(tmp_path: Path, suffix: str) -> None:
    path, other = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    driver = "PNG" if suffix == ".png" else "GTiff"
    write(path, np.full((1, 64, 64), 3, np.uint8), driver=driver)
    write(other, np.full((1, 64, 64), 5, np.uint8), driver=driver)
    item, read = item_of(path), reader()
    grid = read.native_grid(item, "b1")
    assert (read.read(item, ["b1"], grid, "nearest") == 3).all()
    other.replace(path)
    os.utime(path, ns=(0, 1_700_000_000_000_000_000))
    with pytest.raises(SourceError, match="has changed since the chain was made"):
        read.read(item, ["b1"], grid, "nearest")
    with pytest.raises(SourceError, match="has changed since the chain was made"):
        reader().read(item, ["b1"], grid, "nearest")
    assert (read.read(item_of(path), ["b1"], grid, "nearest") == 5).all()
    read.close()


def test_two_files_of_one_size_and_time_are_two(tmp_path: Path) -> None:
    """Uncompressed products unpacked from an archive have equal etags."""
    items = []
    for value in (3, 5):
        path = write(tmp_path / f"{value}.tif", np.full((1, 32, 32), value, np.uint8))
        os.utime(path, ns=(0, 10**18))
        items.append(item_of(path))
    read = reader()
    assert items[0].bands["b1"].etag == items[1].bands["b1"].etag
    grid = read.native_grid(items[0], "b1")
    assert [float(read.read(item, ["b1"], grid, "nearest").mean()) for item in items] == [3.0, 5.0]


def test_etag_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    chunk = tmp_path / "store" / "c0"
    chunk.write_bytes(b"12")
    before = file_etag(tmp_path / "store"), file_etag(chunk)
    assert (file_etag(tmp_path / "store"), file_etag(chunk)) == before
    chunk.write_bytes(b"123")
    assert file_etag(tmp_path / "store") != before[0]
    assert file_etag(chunk) != before[1]
    assert len(before[0]) == len(before[1]) == 16
    with pytest.raises(FileNotFoundError):
        file_etag(tmp_path / "nothing")


def test_roots_hold_through_links_and_dots(tmp_path: Path, cog: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    shutil.copy(cog, outside / "scene.tif")
    shutil.copy(cog, inside / "scene.tif")
    (inside / "link.tif").symlink_to(outside / "scene.tif")
    (inside / "folder").symlink_to(outside)
    (inside / "fine.tif").symlink_to(inside / "scene.tif")
    read = reader(roots=(inside,))
    for good in (inside / "scene.tif", inside / "fine.tif", outside / ".." / "inside" / "scene.tif"):
        assert np.isfinite(read.read(item_of(good, 2), ["b1"], target(14), "nearest")).any()
    for bad in (
        outside / "scene.tif",
        inside / "link.tif",
        inside / "folder" / "scene.tif",
        inside / ".." / "outside/scene.tif",
    ):
        with pytest.raises(
            RefusedError, match="item 'scene-7', band 'b1': the file lies outside the folders"
        ) as caught:
            read.read(item_of(bad, 2), ["b1"], target(14), "nearest")
        no_path(caught.value, bad)


@pytest.mark.parametrize(
    "href",
    [
        "/vsicurl/http://127.0.0.1:9/a.tif", "/vsizip//data/a.zip/a.tif", "/vsimem/a", "http://127.0.0.1:9/a.tif", "s3://bucket/a.tif",
        "file://host\0/a.tif", 'NETCDF:"/data/a.nc":b', "GTIFF_DIR:1:/a.tif", "WCS:http://127.0.0.1:9/",
    ],
)  # fmt: skip
def test_addresses_are_refused(href: str) -> None:
    with pytest.raises(RefusedError, match="not that of a local file") as caught:
        reader().read(Item({"b1": Band("b1", href)}), ["b1"], target(14), "nearest")
    assert href not in str(caught.value)


@pytest.mark.parametrize("suffix", [".vrt", ".tif", ".png"])
def test_virtual_files_are_refused(tmp_path: Path, cog: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(
        f'<VRTDataset rasterXSize="700" rasterYSize="900"><SRS>EPSG:32632</SRS><GeoTransform>600000,10,0,5200000,0,-10</GeoTransform>'
        f'<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{cog}</SourceFilename><SourceBand>1</SourceBand>'
        f"</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(RefusedError, match="VRT"):
        reader().read(item_of(path), ["b1"], target(14), "nearest")
    allowed, plain = reader(virtual=True), reader()
    found = allowed.read(item_of(path), ["b1"], target(14), "nearest")
    np.testing.assert_array_equal(found, plain.read(item_of(cog), ["b1"], target(14), "nearest"))
    allowed.close()


def test_side_files_that_point_elsewhere_are_refused(tmp_path: Path, cog: Path) -> None:
    for name, suffix, content in (
        ("overviews", ".ovr", "<VRTDataset/>"),
        (
            "description",
            ".aux.xml",
            "<PAMDataset><Metadata><MDI key='OVERVIEW_FILE'>/vsicurl/x</MDI></Metadata></PAMDataset>",
        ),
    ):
        path = tmp_path / f"{name}.tif"
        shutil.copy(cog, path)
        Path(f"{path}{suffix}").write_text(content)
        with pytest.raises(RefusedError, match="beside it"):
            reader().read(item_of(path), ["b1"], target(14), "nearest")


def test_no_place_on_earth(tmp_path: Path) -> None:
    array = np.zeros((1, 20, 20), np.uint8)
    bare = write(tmp_path / "bare.tif", array, crs=None)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        nowhere = write(tmp_path / "nowhere.tif", array, transform=None)
    with pytest.raises(SourceError, match="no coordinate reference system"):
        reader().native_grid(item_of(bare), "b1")
    with pytest.raises(SourceError, match="no place on the Earth"):
        reader().native_grid(item_of(nowhere), "b1")
    upside = write(tmp_path / "up.tif", array, transform=rasterio.Affine(10, 0, 0, 0, 10, 0))
    with pytest.raises(SourceError, match="not north-up"):
        reader().native_grid(item_of(upside), "b1")


def test_wrong_names(cog: Path) -> None:
    item, read = scene(cog), reader()
    with pytest.raises(BandError, match=r"item 'scene-7' has no band 'b9'.*'b1', 'b2'"):
        read.read(item, ["b9"], target(14), "nearest")
    with pytest.raises(ParameterError, match="'lanczos'; expected"):
        read.read(item, ["b1"], target(14), "lanczos")
    beyond = Item({"b7": replace(item.bands["b1"], index=7)})
    with pytest.raises(SourceError, match="the file has 2 bands, not number 7"):
        read.read(beyond, ["b7"], target(14), "nearest")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_a_damaged_head_is_an_error_or_values_never_a_crash(
    tmp_path_factory: Any, cog: Path, at: int, junk: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.tif"
    data = bytearray(cog.read_bytes())
    data[at : at + len(junk)] = junk
    path.write_bytes(data)
    read = reader()
    try:
        found = read.read(item_of(path), ["b1"], target(12), "nearest")
        assert found.shape == (1, 300, 300)
    except JeoviewError as error:
        no_path(error, path)
    finally:
        read.close()
