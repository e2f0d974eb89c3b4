"""The engine with faults on demand: what a file of a folder says happens when its tile is rendered."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

from jeoview.engine import Engine
from jeoview.graph import Node
from jeoview.grid import TILE_SIZE, Grid
from jeoview.raster import Raster

FOLDER = "JEOVIEW_TEST_FAULTS"


class Faulty:
    """An engine; ``{x}-{y}``, or ``all`` for the other tiles, holds ``once`` or ``always``, a fault, and perhaps seconds."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def render(self, node: Node, grid: Grid, **options: Any) -> Raster:
        """Note who renders what, do what is asked, then render."""
        name = f"{grid.col // TILE_SIZE}-{grid.row // TILE_SIZE}"
        with (self._folder / "calls").open("a") as calls:
            calls.write(f"{name} {os.getpid()}\n")
        order = next((path for path in (self._folder / name, self._folder / "all") if path.exists()), None)
        if order is not None:
            often, fault, *seconds = order.read_text().split()
            if often == "once":
                order.unlink()
            _act(fault, float(seconds[0]) if seconds else 0.0, self._folder / "go")
        return self._engine.render(node, grid, **options)


def _act(fault: str, seconds: float, go: Path) -> None:
    if fault == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        time.sleep(3600)
    elif fault == "raise":
        raise RuntimeError("secret in /home/ann/file.py")
    elif fault == "slow":
        time.sleep(seconds)
    elif fault == "hold":
        while not go.exists():
            time.sleep(0.01)
    else:
        raise AssertionError(fault)


def faulty() -> Faulty:
    """The engine of a worker."""
    return Faulty(Engine.default(), Path(os.environ[FOLDER]))


def on_a_full_disk() -> Faulty:
    """The engine of a worker that cannot write one byte to any file."""
    made = faulty()
    (made._folder / "calls").touch()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return _Silent(made._engine, made._folder)


class _Silent(Faulty):
    def render(self, node: Node, grid: Grid, **options: Any) -> Raster:
        return self._engine.render(node, grid, **options)


def broken() -> Faulty:
    """No engine at all: the worker ends at its start."""
    raise RuntimeError("this worker never starts")
