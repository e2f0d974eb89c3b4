"""Copies of stacks that are stopped: what is kept, how the next call goes on, and how what is left is removed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jeoview.catalog import Catalog
from jeoview.cli import main
from jeoview.collection import InterferogramCollection, stack
from jeoview.errors import CancelledByUser, CollectionError, JeoviewError, PendingError, SourceError
from jeoview.io import stack_shard
from jeoview.io.reader import Reader
from jeoview.settings import settings
from tests.unit.test_stack_store import PAIRS, coherence, native, opened, phase, render, write

# Rows and columns of 150 x 203 pixels in squares of 64, for two bands.
WINDOWS = 2 * 3 * 4
Copies = Callable[..., InterferogramCollection]


@pytest.fixture(autouse=True)
def _small_windows(jeoview_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a catalogue of its own, and windows of one chunk."""
    monkeypatch.setattr(stack, "WINDOW_BYTES", 8 * len(PAIRS) * 64 * 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "pairs"
    found.mkdir()
    for index, pair in enumerate(PAIRS):
        write(found / f"{pair}_unw.tif", phase(index), tiled=True, blockxsize=64, blockysize=64)
        write(found / f"{pair}_cc.tif", coherence(index))
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bands of every window that is read from the files."""
    found: list[str] = []
    plain = Reader.read_stack

    def counted(self: Reader, items: Any, bands: Any, grid: Any, resampling: str) -> Any:
        found.append(bands[0])
        return plain(self, items, bands, grid, resampling)

    monkeypatch.setattr(Reader, "read_stack", counted)
    return found


class After:
    """A bar that does something after so many windows."""

    def __init__(self, count: int, do: Callable[[], Any]) -> None:
        self.count, self._do = count, do
        self.name = ""

    def __call__(self, name: str, total: int) -> After:
        assert total == WINDOWS
        self.name = name
        return self

    def update(self, done: float) -> None:
        self.count -= int(done)
        if self.count == 0:
            self._do()


def stop(error: type[BaseException] = KeyboardInterrupt) -> Callable[[], None]:
    def now() -> None:
        raise error

    return now


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_whole(folder: Path, copies: Path, **options: Any) -> None:
    """The copy has the bytes of one that was made in one go."""
    opened(folder).cache_stack(folder.parent / "in-one-go", progress=False, **options)
    assert len(contents(copies)) == 1 + 2 * (1 + 3 * 3), "groups; description, sums and chunks of each array"
    assert contents(copies) == contents(folder.parent / "in-one-go")


@pytest.mark.parametrize(("windows", "error"), [(1, KeyboardInterrupt), (12, RuntimeError), (17, KeyboardInterrupt)])
def test_a_copy_that_was_stopped_is_gone_on_with(
    folder: Path, tmp_path: Path, reads: list[str], windows: int, error: type[BaseException]
) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    with pytest.raises(CancelledByUser if error is KeyboardInterrupt else error) as raised:
        pairs.cache_stack(copies, progress=After(windows, stop(error)))
    assert error is RuntimeError or f"{windows} of 24 windows are there" in str(raised.value)
    assert [path.suffix for path in copies.iterdir()] == [".part"], "nothing that a reader would look at"
    assert len(reads) == windows
    # Stopped again while it goes on: what was there is there still.
    with pytest.raises(CancelledByUser):
        pairs.cache_stack(copies, progress=After(windows + 2, stop()))
    assert len(reads) == windows + 2
    bar = After(-1, stop())
    copy = pairs.cache_stack(copies, progress=bar)
    assert f"going on: {windows + 2} of 24" in bar.name
    assert len(reads) == WINDOWS, "no window is read twice"
    assert list(copies.glob(".*")) == []
    assert_whole(folder, copies)
    assert np.isfinite(render(copy, native())).any()


CHILD = """
import os, signal, sys
from pathlib import Path
from jeoview.collection import stack
from jeoview.errors import PendingError
from tests.unit import test_stack_resume as tests
stack.WINDOW_BYTES = 8 * 5 * 64 * 64
folder, copies, others = map(Path, sys.argv[1:])
pairs = tests.opened(folder)
try:
    pairs.cache_stack(copies)
except PendingError as error:
    print(error, flush=True)
pairs.cache_stack(others, progress=tests.After(14, lambda: os.kill(os.getpid(), signal.SIGKILL)))
"""


def test_another_process(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    """It asks for what this one is in the middle of, and is refused; of another copy it is killed in the middle."""
    copies, others, pairs, children = tmp_path / "copies", tmp_path / "others", opened(folder), []

    def meanwhile() -> None:
        command = [sys.executable, "-c", CHILD, str(folder), str(copies), str(others)]
        children.append(subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True))

    pairs.cache_stack(copies, progress=After(7, meanwhile))
    assert f"process {os.getpid()} is making this copy already: 7 of 24 windows" in children[0].stdout
    assert len(reads) == WINDOWS
    assert_whole(folder, copies)
    assert children[0].returncode == -signal.SIGKILL
    assert {path.suffix for path in others.iterdir()} == {".part", ".lock"}
    reads.clear()
    pairs.cache_stack(others, progress=False)
    assert len(reads) == WINDOWS - 14
    assert [path.suffix for path in others.iterdir()] == [".zarr"], "the lock of a dead process is none"
    assert contents(others) == contents(copies)


def test_one_writer_at_a_time(folder: Path, tmp_path: Path) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    said = []

    def meanwhile() -> None:
        with pytest.raises(PendingError) as raised:
            pairs.cache_stack(copies, progress=False)
        said.append(str(raised.value))
        name = next(copies.glob(".*.part")).name
        assert main(["stacks", str(copies), "--remove", name[1:-5]]) == 1
        assert main(["stacks", str(copies), "--remove-unfinished"]) == 0

    pairs.cache_stack(copies, progress=After(5, meanwhile))
    assert f"process {os.getpid()} is making this copy already: 5 of 24 windows" in said[0]
    assert_whole(folder, copies)


def test_bytes_that_were_lost_are_written_again(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    """After a power cut a file may be shorter than the journal says, or hold zeros; and a line of the journal be torn."""
    copies, pairs = tmp_path / "copies", opened(folder)
    with pytest.raises(CancelledByUser):
        pairs.cache_stack(copies, progress=After(20, stop()))
    (part,) = copies.glob(".*.part")
    shard = stack_shard.shard_file(part / "coherence", 0)
    with shard.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(bytes(50))
    with (part / "coherence.journal").open("a") as file:
        file.write("[[0, 1, 1, 5")
    pairs.cache_stack(copies, progress=False)
    assert reads.count("unwrapped") == 12
    assert reads.count("coherence") == 8 + 5, "the damaged window and those that are not there"
    assert_whole(folder, copies)


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
def test_phase_that_does_not_fit_is_gone_on_with(
    folder: Path, tmp_path: Path, reads: list[str], options: dict[str, bool]
) -> None:
    values = phase(2)
    values[70, 80] = 90.0
    write(folder / f"{PAIRS[2]}_unw.tif", values)
    copies, pairs = tmp_path / "copies", opened(folder)
    with pytest.raises(CancelledByUser):
        pairs.cache_stack(copies, progress=After(9, stop()), **options)
    before = len(reads)
    pairs.cache_stack(copies, progress=False, **options)
    assert len(reads) - before < WINDOWS - 4
    assert_whole(folder, copies, **options)


def test_other_inputs_begin_anew(
    folder: Path, tmp_path: Path, reads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    copies = tmp_path / "copies"
    with pytest.raises(CancelledByUser):
        opened(folder).cache_stack(copies, progress=After(17, stop()))
    write(folder / f"{PAIRS[1]}_unw.tif", phase(7))
    reads.clear()
    with pytest.warns(UserWarning, match="1 unfinished copies of 'pairs', .* take .* kB; `jeoview stacks`"):
        opened(folder).cache_stack(copies, progress=False)
    assert len(reads) == WINDOWS
    # What was left is seen, and goes.
    assert main(["stacks", str(copies)]) == 0
    whole, left = capsys.readouterr().out.splitlines()
    assert "read as pairs-stack-" in whole
    assert "unfinished: 17 of 24 windows are there, stopped" in left
    assert main(["stacks", str(copies), "--remove-unfinished"]) == 0
    assert capsys.readouterr().out.startswith("removed pairs-")
    assert list(copies.glob(".*")) == []
    assert_whole(folder, copies)


def test_another_layout_begins_anew(
    folder: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    with pytest.raises(CancelledByUser):
        pairs.cache_stack(copies, progress=After(17, stop()))
    monkeypatch.setattr(stack, "WINDOW_BYTES", 4 * stack.WINDOW_BYTES)
    reads.clear()
    pairs.cache_stack(copies, progress=False)
    assert len(reads) == 2 * 2 * 2


def test_a_full_disk_leaves_what_is_good(
    folder: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copies, pairs, plain = tmp_path / "copies", opened(folder), stack_shard.ShardWriter.put
    room = iter(range(25))

    def put(self: Any, *arguments: Any) -> Any:
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return plain(self, *arguments)

    with monkeypatch.context() as full:
        full.setattr(stack_shard.ShardWriter, "put", put)
        with pytest.raises(
            JeoviewError, match=r"No space left on device\. \d+ of 24 windows are there: the next"
        ) as raised:
            pairs.cache_stack(copies, progress=False)
    assert str(tmp_path) not in str(raised.value)
    before = len(reads)
    pairs.cache_stack(copies, progress=False)
    assert len(reads) == WINDOWS + 1, "but the window that did not fit"
    assert before > 12
    assert_whole(folder, copies)


def test_a_file_that_cannot_be_read(folder: Path, tmp_path: Path, reads: list[str]) -> None:
    copies, pairs = tmp_path / "copies", opened(folder)
    file, away = folder / f"{PAIRS[3]}_cc.tif", folder / "away"
    with pytest.raises(SourceError, match=f"{PAIRS[3]}.*coherence.*gone.*14 of 24 windows are there: the next"):
        pairs.cache_stack(copies, progress=After(14, lambda: file.rename(away)))
    # What says so before a window is read keeps what is there, too.
    with pytest.raises(SourceError, match="gone"):
        pairs.cache_stack(copies, progress=False)
    away.rename(file)
    reads.clear()
    pairs.cache_stack(copies, progress=False)
    assert len(reads) == 10
    assert_whole(folder, copies)


def test_a_file_system_without_locks(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(JeoviewError, match=r"has no locks \(Function not implemented\).*folder= on another"):
        opened(folder).cache_stack(tmp_path / "copies", progress=False)


def test_what_nobody_goes_on_with_is_said(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copies = tmp_path / "copies"
    copy = opened(folder).cache_stack(copies, progress=False)
    (copies / ".old-copy.zarr.x7r.part").mkdir()
    write(folder / f"{PAIRS[1]}_unw.tif", phase(7))
    assert main(["stacks", str(copies)]) == 0
    whole, old = capsys.readouterr().out.splitlines()
    assert whole.endswith(f"read as {copy.name}; files of it have changed since, and are read instead")
    assert old == "old-copy.zarr.x7r: 0 bytes, unfinished; nothing goes on with it"
    assert main(["stacks", str(copies), "--remove", "old-copy.zarr.x7r"]) == 0
    assert [path.suffix for path in copies.iterdir()] == [".zarr"]


def test_copies_are_listed_and_removed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = opened(folder).cache_stack(progress=False)
    catalog = Catalog(settings().catalog)
    assert main(["stacks"]) == 0
    name = capsys.readouterr().out.partition(":")[0]
    assert name.endswith(".zarr")
    assert main(["stacks", "--remove", "other"]) == 1
    assert f"'{name}'" in capsys.readouterr().err
    assert copy.name in catalog.collections()
    assert main(["stacks", "--remove", name]) == 0
    assert copy.name not in catalog.collections()
    assert list((settings().home / "stacks").iterdir()) == []
    with pytest.raises(CollectionError):
        InterferogramCollection(copy.name)
    assert main(["stacks"]) == 0
    assert "no copies" in capsys.readouterr().err
