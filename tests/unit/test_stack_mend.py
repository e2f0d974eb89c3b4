"""Copies of stacks that were damaged after they were whole: no wrong pixel is shown, and the same call mends them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jeoview.collection import stack
from jeoview.engine import Engine
from jeoview.errors import CancelledByUser, SourceError
from jeoview.io.stack import SUMS
from jeoview.io.stack_mend import is_sound
from jeoview.io.stack_shard import shard_file
from tests.unit.test_stack_resume import After, _small_windows, contents, folder, reads, stop
from tests.unit.test_stack_store import PAIRS, native, opened, over, phase, render, store_of

__all__ = ["_small_windows", "folder", "reads"]
MENDS = pytest.warns(UserWarning, match=r"the copy 'pairs-.*\.zarr' is damaged; the damaged part is made anew")


def spoil(file: Path, at: int, data: bytes, *, quiet: bool = False) -> None:
    """Write over some bytes; ``quiet`` is what a failing disk does: size and time stay."""
    times = file.stat()
    with file.open("r+b") as stream:
        stream.seek(at, os.SEEK_SET if at >= 0 else os.SEEK_END)
        stream.write(data)
    if quiet:
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_the_same_call_mends_a_copy_that_was_changed(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    first = pairs.cache_stack(copies, progress=False)
    before, grids = contents(copies), (native(), over(11))
    good = [render(first, grid) for grid in grids]
    reads.clear()
    spoil(shard_file(store_of(copies) / "unwrapped", 0), 0, b"x" * 50)
    with MENDS:
        copy = pairs.cache_stack(copies, progress=False)
    assert reads == ["unwrapped"], "one window of one band"
    assert {path.suffix for path in copies.iterdir()} == {".zarr"}
    assert is_sound(store_of(copies))
    assert contents(copies).keys() == before.keys()
    for grid, values in zip(grids, good, strict=True):
        np.testing.assert_array_equal(render(copy, grid), values)


def test_damage_that_a_reader_finds_is_mended_by_the_next_call(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    """A byte among the packed numbers, size and time as they were: without the sums that is another phase."""
    copies, pairs = tmp_path / "copies", opened(folder)
    copy = pairs.cache_stack(copies, progress=False)
    good = render(copy, native())
    Engine.default().reader.close()
    shard = shard_file(store_of(copies) / "coherence", 0)
    spoil(shard, shard.stat().st_size // 2, b"\x55\xaa", quiet=True)
    reads.clear()
    for _ in range(2):
        with pytest.raises(SourceError, match=r"damaged; the same cache_stack\(\) again makes the damaged part anew"):
            render(copy, native(0, 0, 151, 203 + _))
    with MENDS:
        copy = pairs.cache_stack(copies, progress=False)
    np.testing.assert_array_equal(render(copy, native()), good)
    reads.clear()
    assert pairs.cache_stack(copies, progress=False).image().key == copy.image().key
    assert reads == []


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _other_scale(file: Path) -> None:
    file.write_text(file.read_text().replace("0.002", "0.003"))


@pytest.mark.parametrize(
    ("place", "spoiling", "most"),
    [
        ("unwrapped/0/c/0/0/0", lambda file: spoil(file, -20, b"abc"), 12),
        ("unwrapped/0/c/0/0/0", _cut, 12),
        ("unwrapped/0/" + SUMS, lambda file: spoil(file, 0, b"abc"), 12),
        ("unwrapped/0/zarr.json", _other_scale, 12),
        ("unwrapped/0/zarr.json", Path.unlink, 12),
        ("unwrapped/2/c/0/0/0", lambda file: spoil(file, 30, b"abc"), 0),
        ("unwrapped/2/zarr.json", _cut, 0),
        ("zarr.json", _cut, 0),
    ],
)
def test_wherever_it_is_damaged(
    folder: Path, tmp_path: Path, reads: list[str], place: str, spoiling: Callable[[Path], None], most: int
) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    pairs.cache_stack(copies, progress=False)
    before, store = contents(copies), store_of(copies)
    reads.clear()
    spoiling(store / place)
    assert not is_sound(store)
    with MENDS:
        pairs.cache_stack(copies, progress=False)
    assert len(reads) == most, "what is sound is kept"
    assert contents(copies) == before


def test_mending_that_is_stopped_is_gone_on_with(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    copy = pairs.cache_stack(copies, progress=False)
    good, before = render(copy, native()), len(contents(copies))
    reads.clear()
    for band in ("unwrapped", "coherence"):
        spoil(shard_file(store_of(copies) / band, 0), 40, b"x" * 9)
    with MENDS, pytest.raises(CancelledByUser, match="23 of 24"):
        pairs.cache_stack(copies, progress=After(5, stop()))
    bar = After(-1, stop())
    copy = pairs.cache_stack(copies, progress=bar)
    assert "going on: 23 of 24" in bar.name
    assert reads == ["unwrapped", "coherence"]
    assert len(contents(copies)) == before
    np.testing.assert_array_equal(render(copy, native()), good)


def test_a_copy_that_was_only_touched_is_looked_through(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    pairs.cache_stack(copies, progress=False)
    shard_file(store_of(copies) / "unwrapped", 0).touch()
    reads.clear()
    copy = pairs.cache_stack(copies, progress=False)
    assert reads == []
    assert np.isfinite(render(copy, native())).any()


def test_another_program_walks_through_it(folder: Path, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    xarray = pytest.importorskip("xarray")
    opened(folder).cache_stack(tmp_path / "copies", progress=False)
    group = zarr.open_group(store_of(tmp_path / "copies"), mode="r")
    walked = {name: type(one).__name__ for name, one in group.members(max_depth=None)}
    bands = ("coherence", "unwrapped")
    assert walked == {**dict.fromkeys(bands, "Group"), **{f"{b}/{n}": "Array" for b in bands for n in range(3)}}
    found = xarray.open_zarr(store_of(tmp_path / "copies"), group="unwrapped", consolidated=False)["0"]
    assert found.sizes == {"layer": len(PAIRS), "y": 152, "x": 204}
    expected = np.where(phase(1) == 0, np.nan, phase(1))
    np.testing.assert_allclose(found.values[1, :150, :203], expected, atol=0.0011)
    assert stack.VERSION == 3
