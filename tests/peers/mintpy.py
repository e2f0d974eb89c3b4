"""MintPy in an environment of its own: its python is ``MINTPY_PYTHON``, else that of ``.bench-mintpy``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "peers" / "mintpy_invert.py"


def find() -> str:
    """The python that has MintPy; without one the test is skipped, and fails where ``make peers`` promised one."""
    python = os.environ.get("MINTPY_PYTHON") or str(ROOT / ".bench-mintpy" / "bin" / "python")
    if not Path(python).exists() or subprocess.run([python, "-c", "import mintpy"], check=False).returncode:
        assert "MINTPY_REQUIRED" not in os.environ, "MintPy was to be installed, and is not there"
        pytest.skip("MintPy is not installed: make peers installs it, or set MINTPY_PYTHON to a python that has it")
    return python


def invert(python: str, folder: Path, **given: Any) -> dict[str, NDArray[Any]]:
    """What ``benchmarks/peers/mintpy_invert.py`` answers."""
    np.savez(folder / "in.npz", repeat=1, **given)
    subprocess.run([python, str(SCRIPT), str(folder / "in.npz"), str(folder / "out.npz")], check=True)
    with np.load(folder / "out.npz") as out:
        return {name: out[name] for name in ("series", "coherence", "velocity", "std")}
