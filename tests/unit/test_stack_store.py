"""Copies of stacks: what they hold, that others can read them, and when they are not used."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from jeoview.collection import InterferogramCollection
from jeoview.collection.stack import MANY_PAIRS, caching_hint
from jeoview.engine import Engine
from jeoview.errors import CancelledByUser, CollectionError, JeoviewError, ParameterError, SourceError
from jeoview.grid import Grid, Lattice, tile_grid
from jeoview.io import stack_shard
from jeoview.io.reader import Reader
from jeoview.io.stack import CHUNK
from jeoview.io.stack_plan import COMPLEX, FLOAT, Packing, StackPlan
from jeoview.io.stack_write import write_stack
from jeoview.kernels import pyramid
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from tests.unit.reader_world import Band, Item

HEIGHT, WIDTH, STEP = 150, 203, 0.001
WEST, NORTH = 10.0, 45.0
PAIRS = [f"201801{a:02}_201801{b:02}" for a, b in ((1, 7), (1, 13), (7, 13), (7, 19), (13, 19))]
Floats = np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture(autouse=True)
def _own_home(jeoview_home: Path) -> None:
    """Every test has a catalogue of its own."""


def phase(index: int) -> Floats:
    """Noise on a slope, with a hole; a different one in every pair."""
    random = np.random.default_rng(index)
    values = random.normal(scale=5, size=(HEIGHT, WIDTH)).astype(np.float32) + np.linspace(-20, 20, WIDTH, dtype="f4")
    values[20 * index : 20 * index + 30, 40:90] = 0
    return values


def coherence(index: int) -> Floats:
    return np.random.default_rng(100 + index).random((HEIGHT, WIDTH), dtype=np.float32)


def write(path: Path, values: Floats, *, left: float = WEST, top: float = NORTH, **options: Any) -> None:
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": "float32"}
    with rasterio.open(
        path, "w", crs="EPSG:4326", transform=from_origin(left, top, STEP, STEP), **profile, **options
    ) as file:
        file.write(values, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "pairs"
    found.mkdir()
    for index, pair in enumerate(PAIRS):
        write(found / f"{pair}_unw.tif", phase(index), tiled=True, blockxsize=64, blockysize=64)
        write(found / f"{pair}_cc.tif", coherence(index))
    return found


def opened(folder: Path) -> InterferogramCollection:
    return InterferogramCollection.from_files(f"{folder}/*_unw.tif", f"{folder}/*_cc.tif", name="pairs")


def native(row: int = 0, col: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Grid:
    return Grid(Lattice(WGS84, (STEP, STEP), WEST, NORTH), row, col, height, width)


def render(stack: InterferogramCollection, grid: Grid) -> Floats:
    found: Floats = Engine.default().render(stack.image().node, grid).array
    return found


def over(zoom: int) -> Grid:
    """The map tile in the middle of the pairs."""
    x, y = transform(WGS84, WEB_MERCATOR, WEST + WIDTH / 2 * STEP, NORTH - HEIGHT / 2 * STEP)
    tile = 2 * 20_037_508.342789244 / (1 << zoom)
    return tile_grid(zoom, int((float(x) + 20_037_508.342789244) / tile), int((20_037_508.342789244 - float(y)) / tile))


def mean_of_valid(values: Floats, step: int) -> Floats:
    """Slow and plain: the mean of the valid pixels of every square of ``step`` pixels."""
    height, width = (-(-size // step) * step for size in values.shape)
    padded = np.full((height, width), np.nan)
    padded[: values.shape[0], : values.shape[1]] = values
    squares = padded.reshape(height // step, step, width // step, step).transpose(0, 2, 1, 3)
    found = np.full(squares.shape[:2], np.nan)
    for i, j in np.ndindex(found.shape):
        valid = squares[i, j][~np.isnan(squares[i, j])]
        found[i, j] = valid.mean() if valid.size else np.nan
    return found.astype(np.float32)


# ---------------------------------------------------------------- values


def test_lossless_copy_has_the_same_pixels(folder: Path) -> None:
    direct = opened(folder)
    copy = direct.cache_stack(lossless=True, progress=False)
    for grid in (native(), native(-5, 60, 70, 300), over(12), over(13)):
        one, other = render(direct, grid), render(copy, grid)
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one).any()
        assert np.isnan(one).any()
    # Its numbers are the same, but low zooms show overviews: a copy has keys of its own.
    assert copy.image().key != direct.image().key


def test_compact_copy_is_within_half_a_step(folder: Path) -> None:
    direct = opened(folder)
    copy = direct.cache_stack(progress=False)
    one, other = render(direct, over(13)), render(copy, over(13))
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    # Half a step, and the rounding of float32.
    assert np.nanmax(np.abs(one[:, 0] - other[:, 0])) <= 0.001 + 3e-6
    assert np.nanmax(np.abs(one[:, 1] - other[:, 1])) <= 0.5 / 254 + 1e-7


@pytest.mark.parametrize("level", [1, 2])
def test_overviews_are_means_of_valid_pixels(folder: Path, level: int) -> None:
    copy = opened(folder).cache_stack(lossless=True, progress=False)
    step = 1 << level
    grid = Grid(Lattice(WGS84, (STEP * step, STEP * step), WEST, NORTH), 0, 0, -(-HEIGHT // step), -(-WIDTH // step))
    found = render(copy, grid)
    for index in range(len(PAIRS)):
        values = np.where(phase(index) == 0, np.nan, phase(index))
        np.testing.assert_allclose(found[index, 0], mean_of_valid(values, step), rtol=1e-6, atol=1e-5)
        np.testing.assert_allclose(found[index, 1], mean_of_valid(coherence(index), step), rtol=1e-6)


@pytest.mark.parametrize("zoom", [9, 11, 13])
def test_tiles_are_cut_from_the_whole(folder: Path, zoom: int) -> None:
    copy = opened(folder).cache_stack(progress=False)
    grid = over(zoom)
    whole = render(copy, grid)
    part = Grid(grid.lattice, grid.row + 37, grid.col + 100, 91, 64)
    np.testing.assert_array_equal(render(copy, part), whole[:, :, 37:128, 100:164])


def test_phase_out_of_range_is_kept_as_float(folder: Path) -> None:
    values = phase(2)
    values[3, 4] = 70.0
    write(folder / f"{PAIRS[2]}_unw.tif", values)
    copy = opened(folder).cache_stack(progress=False)
    found = render(copy, native())
    assert found[2, 0, 3, 4] == np.float32(70.0)
    np.testing.assert_array_equal(found[0, 0], np.where(phase(0) == 0, np.nan, phase(0)))
    assert {item.bands["unwrapped"].data_type for item in copy.items} == {"float32"}
    assert {item.bands["coherence"].data_type for item in copy.items} == {"uint8"}


@pytest.mark.filterwarnings("ignore:from_files. 1 of 5 pairs have no file of coherence:UserWarning")
def test_files_of_other_extent_and_without_coherence(folder: Path) -> None:
    shifted = phase(4)[10:100, 20:]
    write(folder / f"{PAIRS[4]}_unw.tif", shifted, left=WEST - 7 * STEP, top=NORTH + 3 * STEP)
    (folder / f"{PAIRS[1]}_cc.tif").unlink()
    direct = opened(folder)
    copy = direct.cache_stack(lossless=True, progress=False)
    grid = native(-10, -10, HEIGHT + 20, WIDTH + 20)
    np.testing.assert_array_equal(render(copy, grid), render(direct, grid))


def test_some_pairs_of_a_copy(folder: Path) -> None:
    copy = opened(folder).cache_stack(progress=False)
    some = copy.filter_pairs(drop=[PAIRS[0], PAIRS[3]])
    np.testing.assert_array_equal(render(some, native()), render(copy, native())[[1, 2, 4]])


def test_inversion_through_a_copy(folder: Path) -> None:
    direct = opened(folder).reference(lon=WEST + 0.02, lat=NORTH - 0.1)
    copy = direct.cache_stack(progress=False)
    assert copy.place == direct.place
    grid = over(13)
    one, other = (Engine.default().render(stack.invert().node, grid).array for stack in (direct, copy))
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    # Five pairs, each 4.4 micrometres at most.
    assert np.nanmax(np.abs(one - other)) < 3e-5


def test_bilinear_and_nearest_reads_equal_reads_one_by_one(folder: Path) -> None:
    copy = opened(folder).cache_stack(progress=False)
    reader, items = Reader(cache_bytes=1 << 26), copy.items
    for stack in (items, opened(folder).items):
        for method in ("nearest", "bilinear"):
            found = reader.read_stack(stack, ["unwrapped", "coherence"], over(13), method)
            for item, layer in zip(stack, found, strict=True):
                np.testing.assert_array_equal(reader.read(item, ["unwrapped", "coherence"], over(13), method), layer)
    assert reader.cost_stack(items, ["unwrapped"], over(13))[0] % (2 * len(PAIRS) * CHUNK * CHUNK) == 0


def test_complex_layers_are_averaged_as_complex_numbers(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    values = np.exp(1j * random.uniform(-np.pi, np.pi, (2, 128, 128))).astype(np.complex64)
    values[0, :10] = np.nan
    plan = StackPlan(native(0, 0, 128, 128), {"slc": 2}, {"slc": COMPLEX})
    write_stack(tmp_path / "s.zarr", plan, lambda _, grid: values[(slice(None), *_window(grid))], (64, 64), print_no)
    item = Item({"slc": Band("slc", str(tmp_path / "s.zarr"), subdataset="slc")})
    reader = Reader(cache_bytes=1 << 26)
    half = Grid(Lattice(WGS84, (2 * STEP, 2 * STEP), WEST, NORTH), 0, 0, 64, 64)
    found = reader.read(item, ["slc"], half, "nearest")[0]
    expected = values[0].reshape(64, 2, 64, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def _window(grid: Grid) -> tuple[slice, slice]:
    return slice(grid.row, grid.row + grid.height), slice(grid.col, grid.col + grid.width)


def print_no(_: object) -> None:
    """Nothing."""


# ---------------------------------------------------------------- the folder


def store_of(folder: Path) -> Path:
    (found,) = folder.glob("*.zarr")
    return found


def test_zarr_reads_it(folder: Path, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    opened(folder).cache_stack(tmp_path / "copies", progress=False)
    group = zarr.open_group(store_of(tmp_path / "copies"), mode="r")
    array = group["unwrapped/0"]
    scale, nothing = array.attrs["scale_factor"], array.fill_value
    found = np.where(array[:] == nothing, np.nan, array[:] * scale)[:, :HEIGHT, :WIDTH]
    expected = np.stack([np.where(phase(i) == 0, np.nan, phase(i)) for i in range(len(PAIRS))])
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected)) <= 0.001 + 1e-9
    assert list(group.attrs["layers"]["unwrapped"]) == PAIRS


def test_a_second_call_finds_the_copy(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(folder).cache_stack(tmp_path / "copies", progress=False)
    monkeypatch.setattr("jeoview.collection.stack.write_stack", lambda *_: pytest.fail("it was written again"))
    again = opened(folder).cache_stack(tmp_path / "copies", progress=False)
    assert again.image().key == first.image().key
    assert again.cache_stack() is again


def test_a_changed_file_is_noticed(folder: Path) -> None:
    copy = opened(folder).cache_stack(progress=False)
    write(folder / f"{PAIRS[1]}_unw.tif", phase(7))
    before = copy.image
    with pytest.warns(UserWarning, match=f"1 of 5 pairs have changed since it was made \\({PAIRS[1]}\\)"):
        before()
    # Catalogued anew, the files are read, and a new copy is made of them.
    renewed = opened(folder)
    with pytest.warns(UserWarning, match="is not used"):
        image = copy.image()
    assert image.key == renewed.image().key
    again = copy.cache_stack(lossless=True, progress=False)
    np.testing.assert_array_equal(render(again, native())[1, 0], np.where(phase(7) == 0, np.nan, phase(7)))


def test_originals_that_are_gone_leave_the_copy(folder: Path) -> None:
    copy = opened(folder).cache_stack(progress=False)
    before = render(copy, native())
    for file in folder.iterdir():
        file.unlink()
    Engine.default().reader.close()
    np.testing.assert_array_equal(render(copy, native()), before)


def test_a_damaged_copy_is_an_error(folder: Path, tmp_path: Path) -> None:
    copy = opened(folder).cache_stack(tmp_path / "copies", progress=False)
    shard = store_of(tmp_path / "copies") / "unwrapped" / "0" / "c" / "0" / "0" / "0"
    node = copy.image().node
    times, data = shard.stat(), bytearray(shard.read_bytes())
    data[4:8] = b"\xff\xff\xff\x7f"
    shard.write_bytes(data)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(SourceError, match="damaged"):
        Engine.default().render(node, native())
    shard.write_bytes(data)
    with pytest.raises(SourceError, match="changed"):
        Engine.default().render(node, native())


class FullDisk:
    """A file on a disk without space."""

    def __init__(self, real: Any, room: int) -> None:
        self._real, self._room = real, room

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(self._real.write(data))

    def tell(self) -> int:
        return int(self._real.tell())

    def close(self) -> None:
        self._real.close()


def test_a_full_disk_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = stack_shard.ShardWriter.__init__

    def limited(self: Any, *arguments: Any) -> None:
        begin(self, *arguments)
        self._stream = FullDisk(self._stream, 100_000)

    monkeypatch.setattr(stack_shard.ShardWriter, "__init__", limited)
    with pytest.raises(JeoviewError, match="No space left on device"):
        opened(folder).cache_stack(tmp_path / "copies", progress=False)
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_stop_leaves_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> Iterator[None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(pyramid, "halve", stop)
    with pytest.raises(CancelledByUser):
        opened(folder).cache_stack(tmp_path / "copies", progress=False)
    assert list((tmp_path / "copies").iterdir()) == []


def test_pixels_of_another_lattice_are_refused(folder: Path) -> None:
    write(folder / f"{PAIRS[1]}_unw.tif", phase(1), left=WEST + STEP / 3)
    with pytest.warns(UserWarning, match="1 of 5 pairs lie on other pixels"):
        stack = opened(folder)
    with pytest.raises(CollectionError, match=f"{PAIRS[1]} \\(unwrapped\\) lie on another lattice"):
        stack.cache_stack(progress=False)


def test_a_folder_that_the_server_may_not_read_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = opened(folder)
    monkeypatch.setenv("JEOVIEW_ROOTS", str(folder))
    with pytest.raises(ParameterError, match="JEOVIEW_ROOTS"):
        stack.cache_stack("/tmp", progress=False)


def test_a_hint_for_many_pairs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = opened(folder)
    assert caching_hint(stack.image()) == ""
    monkeypatch.setattr("jeoview.collection.stack.MANY_PAIRS", 4)
    assert len(PAIRS) < MANY_PAIRS
    assert "reads 5 interferograms" in caching_hint(stack.image())
    assert caching_hint(stack.cache_stack(progress=False).image()) == ""


def test_packing_says_what_does_not_fit() -> None:
    values = np.array([[[0.0, -65.534, 65.534, np.nan]]], dtype=np.float32)
    packing = Packing("int16", 1 / 500, -32768)
    assert packing.pack(values) is not None
    assert packing.pack(values * np.float32(1.001)) is None
    assert FLOAT.pack(values) is not None
