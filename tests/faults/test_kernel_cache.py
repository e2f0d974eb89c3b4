"""A cache of compiled kernels that cannot be written or read costs time, never a tile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jeoview.kernels import kept

# A small kernel, compiled in a process of its own; prints what numba found in its cache.
CALL = """
import logging, resource, sys
import numpy as np
logging.basicConfig(level=logging.WARNING, format="%(message)s")
from jeoview.kernels.colour import class_index
if sys.argv[1] == "full":
    # A limit on the size of files stands for the full disk: the write fails in the same place.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
found = class_index(np.array([[4.0, 5.0]], np.float32), np.array([5.0, 6.0]))
sys.stdout.buffer.write(f"{found.tolist()} {sum(class_index.stats.cache_hits.values())}".encode())
"""


def run(folder: Path, mode: str = "") -> tuple[str, str]:
    """Output and log of a process that keeps its compiled kernels in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-c", CALL, mode],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_full_disk_costs_the_cache_only(tmp_path: Path) -> None:
    found, log = run(tmp_path, "full")
    assert found == "[[0, 1]] 0"
    assert "compiled kernels cannot be kept: [Errno 27] File too large" in log
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size]


def test_damaged_files_are_made_anew(tmp_path: Path) -> None:
    assert run(tmp_path) == ("[[0, 1]] 0", "")
    assert run(tmp_path) == ("[[0, 1]] 1", "")
    (index,) = tmp_path.rglob("*class_index*.nbi")
    (data,) = tmp_path.rglob("*class_index*.nbc")
    for file in (index, data):
        os.truncate(file, file.stat().st_size // 2)
        found, log = run(tmp_path)
        assert found == "[[0, 1]] 0"
        assert "a file of the compiled kernels is damaged; it is made anew" in log
        assert run(tmp_path) == ("[[0, 1]] 1", "")


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def nowhere(function: Any) -> Any:
        raise RuntimeError("cannot cache function 'f': no locator available")

    monkeypatch.setattr(kept, "FunctionCache", nowhere)
    cache = kept.cache_of(np.sum)
    assert cache.load_overload(None, None) is None
    cache.save_overload(None, None)
    assert "no locator available" in caplog.text
