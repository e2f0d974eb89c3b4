"""snaphu through the tile server: solved once for all who ask, and not lost where it takes longer than a tile may."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image as Picture

from jeoview.graph import Node
from jeoview.grid import tile_grid, tiles_grid
from jeoview.image import Image
from jeoview.kernels.unwrap_snaphu import Settings, unwrap_by_cost
from jeoview.projection import WEB_MERCATOR, WGS84, transform_bounds
from jeoview.raster import Kind, Raster
from jeoview.region import region_grid
from jeoview.session import Address, Session
from jeoview.widgets.inspector import Inspector
from jeoview.widgets.messages import Messages
from jeoview.widgets.window import Window
from tests.service.support import ROOT, TOKEN, Answer, Scene, Server, X, Y, Z, start_server

pytestmark = pytest.mark.skipif(find_spec("snaphu") is None, reason="snaphu is not installed: pip install snaphu")
AREA = tiles_grid(Z, X, Y, X + 1, Y)
# In the place of the package: counts its runs, and solves as soon as it may.
PROGRAM = """#!/bin/sh
echo $$ >> {folder}/runs
while [ ! -e {folder}/go ]; do sleep 0.05; done
exec {solver} "$@"
"""


@dataclass(frozen=True)
class Solver:
    """The solver behind a gate."""

    folder: Path

    def open(self) -> None:
        """Let it solve."""
        (self.folder / "go").touch()

    @property
    def runs(self) -> list[int]:
        """The process of each time that it was begun."""
        file = self.folder / "runs"
        return [int(line) for line in file.read_text().split()] if file.exists() else []


@contextmanager
def serving(scene: Scene, folder: Path, *arguments: str) -> Iterator[tuple[Server, Solver]]:
    """A tile server whose workers find the solver behind its gate."""
    solver, package = find_spec("snaphu"), folder / "packages" / "snaphu"
    assert solver is not None
    assert solver.origin is not None
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    program = package / "snaphu"
    program.write_text(PROGRAM.format(folder=folder, solver=Path(solver.origin).parent / "snaphu"))
    program.chmod(0o755)
    path = os.pathsep.join((str(package.parent), str(ROOT)))
    server = start_server(scene.settings, folder, *arguments, variables={"PYTHONPATH": path})
    try:
        server.wait_ready(int(arguments[1]))
        yield server, Solver(folder)
    finally:
        server.stop()


def fringes(scene: Scene) -> Image:
    return (scene.image().normalized_difference("nir", "red") * 20.0).wrap()


def chain(scene: Scene, band: str = "unwrapped", **values: Any) -> Node:
    """Fringes over two tiles, unwrapped."""
    where = {"region": transform_bounds(WEB_MERCATOR, WGS84, AREA.bounds), "zoom": Z, **values}
    node: Node = fringes(scene).unwrap(method="snaphu", **where)[band].node
    return node


def solution(scene: Scene, x: int, y: int, **how: Any) -> np.ndarray[Any, Any]:
    """A tile of what the program makes of the fringes, asked without engine and store."""
    grid = region_grid(transform_bounds(WEB_MERCATOR, WGS84, AREA.bounds), zoom=Z)
    phase = scene.engine.render(fringes(scene).node, grid).array[0]
    values, weight = np.exp(1j * phase), np.full(phase.shape, 0.5, dtype=np.float32)
    found = unwrap_by_cost(values, weight, ~np.isnan(phase), Settings(**how))[0]
    return Raster(found[None], grid, Kind.BANDS, ("unwrapped",)).cut(tile_grid(Z, x, y)).array


def until(server: Server, key: str, x: int, y: int, tail: str = "npy") -> Answer:
    """Ask for a tile, as a map does, until it is there."""
    for _ in range(300):
        answer = server.tile(key, x=x, y=y, tail=tail)
        if answer.status != 503:
            return answer
        time.sleep(0.1)
    raise TimeoutError(answer.body)


def array(answer: Answer) -> np.ndarray[Any, np.dtype[np.float32]]:
    assert answer.status == 200, answer.body
    return np.asarray(np.load(io.BytesIO(answer.body), allow_pickle=False))


@pytest.mark.parametrize("init", ["mcf", "mst"])
def test_all_tiles_of_a_region_are_one_solution(scene: Scene, tmp_path: Path, init: str) -> None:
    node, other = chain(scene, init=init), chain(scene, "component", init=init)
    with serving(scene, tmp_path, "--workers", "2") as (server, solver):
        solver.open()
        key = scene.engine.save(node)
        found = [array(until(server, key, x, Y)) for x in (X, X + 1)]
        # Another chain over the same solution, which another worker might have been asked for.
        component = array(until(server, scene.engine.save(other), X, Y))
        assert component.max() == 1.0
        assert len(solver.runs) == 1
    np.testing.assert_array_equal(found, [solution(scene, x, Y, init=init) for x in (X, X + 1)])
    assert np.nanstd(found) > 2.0


def test_a_solver_that_takes_longer_than_a_tile_may(scene: Scene, tmp_path: Path) -> None:
    """The worker is free meanwhile and not replaced; the solution is kept, beyond the end of the worker even."""
    key, quick = scene.engine.save(chain(scene, cost="defo", init="mst")), scene.engine.save(scene.ndvi(vmin=-0.45))
    with serving(scene, tmp_path, "--workers", "1", "--deadline", "3") as (server, solver):
        workers, begun = server.worker_pids(), time.monotonic()
        first = server.tile(key, tail="npy")
        assert (first.status, first.json()["code"]) == (503, "Pending")
        assert re.match("unwrap of 512 x 256 pixels: at work for [1-3] s; ask again", first.json()["message"])
        assert first.headers["retry-after"] == "2"
        # The others of the region do not wait each in its turn, nor does the map's image of it hide what lies below.
        image = server.tile(key, x=X + 1, tail="npy?errors=image")
        with Picture.open(io.BytesIO(image.body)) as picture:
            assert not np.asarray(picture.convert("RGBA")).any()
        assert server.tile(quick).status == 200
        while time.monotonic() - begun < 6.0:
            assert server.tile(key, tail="npy").status == 503
            time.sleep(0.5)
        solver.open()
        found = array(until(server, key, X, Y))
        assert (server.worker_pids(), len(solver.runs)) == (workers, 1)
        psutil.Process(workers[0]).kill()
        beside = array(until(server, key, X + 1, Y))
        assert server.worker_pids() != workers
        assert len(solver.runs) == 1
    for x, tile in ((X, found), (X + 1, beside)):
        np.testing.assert_array_equal(tile, solution(scene, x, Y, cost="defo", init="mst"))


def test_a_click_joins_the_solution_that_the_map_waits_for(scene: Scene, tmp_path: Path) -> None:
    """It is solved once, the click is answered at once, and the other tiles meanwhile."""
    image, later = fringes(scene).unwrap(method="snaphu")["unwrapped"], []

    def wait(seconds: float, function: Callable[[], None]) -> Callable[[], None]:
        later.append((seconds, function))
        return lambda: None

    window = Window(None, Z, "none", 400)
    west, south, east, north = tile_grid(Z, X, Y).bbox
    place = (south + north) / 2, (west + east) / 2
    window.go(place, Z)
    view = f"npy?view={'/'.join(map(str, window.block))}"
    key, quick = scene.engine.save(image.node), scene.engine.save(scene.ndvi(vmin=-0.35))
    with serving(scene, tmp_path, "--workers", "2") as (server, solver):
        session = Session(Address(server.port, TOKEN), scene.settings)
        inspector = Inspector(window, lambda: [("U", image)], "U", dict, Messages().guard, lambda: session, wait)
        assert server.tile(key, tail=view).json()["code"] == "Pending"
        begun = time.monotonic()
        inspector._clicked(type="click", coordinates=place)
        assert time.monotonic() - begun < 10.0
        assert re.search(r"unwrap of \d+ x \d+ pixels: at work for", inspector.text)
        assert server.tile(quick).status == 200
        solver.open()
        tile = array(until(server, key, X, Y, view))
        later[-1][1]()
        assert len(solver.runs) == 1
    # The middle in degrees is within a pixel of the middle of the tile.
    values = tile[0, 126:130, 128]
    assert any(f"{value:.6g}" in inspector.text for value in values)


def test_the_solver_ends_with_its_server(scene: Scene, tmp_path: Path) -> None:
    key = scene.engine.save(chain(scene, region="view", zoom=None))
    view = f"npy?view={Z}/{X}/{Y}/{X + 1}/{Y}"
    with serving(scene, tmp_path, "--workers", "1") as (server, solver):
        assert server.tile(key, tail=view).json()["code"] == "Pending"
        (run,) = solver.runs
        assert psutil.pid_exists(run)
    _wait(lambda: not psutil.pid_exists(run))


def _wait(true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise TimeoutError
