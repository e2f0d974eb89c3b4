"""How far tiles scale with processes, and which process spends the processor time of a tile.

Over HTTP the load generator and the handler take cores from the workers; processes that render by
themselves show what the engine scales by, processor time by process what a machine with more cores is for.
"""

from __future__ import annotations

import multiprocessing as mp
import time
from collections.abc import Mapping, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psutil

from benchmarks import load, servers
from benchmarks.report import Report, spread
from jeoview.engine import Engine
from jeoview.graph import Node
from jeoview.grid import Grid, tile_grid
from jeoview.image import Image
from jeoview.io.encode import encode_png

Address = tuple[int, int, int]
GROUPS = ("handler", "workers", "load generator")


def run(
    report: Report, home: Path, image: Image, tiles: Sequence[Address], rounds: int, limits: Mapping[str, int]
) -> None:
    """Both as tables."""
    rates = [[processes(image.key, tiles, count) for count in (1, 2)] for _ in range(rounds)]
    report.section("One process and two that render warm tiles, without HTTP", "1: tiles/s", "2: tiles/s", "ratio")
    one, two = zip(*rates, strict=True)
    ratios = [after / before for before, after in rates]
    report.row(spread(one, 0), spread(two, 0), spread(ratios, 2))
    report.section("Processor milliseconds of a warm tile over HTTP, 4 connections", "workers", *GROUPS)
    for workers in (1, 2):
        with servers.ours(home, image, workers, **limits) as us:
            spent = shares(us, tiles)
        report.row(workers, *(f"{spent[name]:.2f}" for name in GROUPS))


def processes(key: str, tiles: Sequence[Address], count: int, seconds: float = 4.0) -> float:
    """Tiles a second of ``count`` processes that render warm tiles side by side, without HTTP."""
    context = mp.get_context("spawn")
    ready, answers = context.Barrier(count), context.Queue()
    started = [
        context.Process(target=_render, args=(key, tuple(tiles), ready, answers, seconds), daemon=True)
        for _ in range(count)
    ]
    for process in started:
        process.start()
    done = sum(answers.get(timeout=120) for _ in started)
    for process in started:
        process.join()
    return float(done) / seconds


def _render(key: str, tiles: tuple[Address, ...], ready: Barrier, answers: Any, seconds: float) -> None:
    engine = Engine.default()
    node, grids = engine.load(key), [tile_grid(z, x, y) for z, x, y in tiles]
    for grid in grids:
        _tile(engine, node, grid)
    ready.wait()
    end, done = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        _tile(engine, node, grids[done % len(grids)])
        done += 1
    answers.put(done)


def _tile(engine: Engine, node: Node, grid: Grid) -> bytes:
    engine.forget()  # what was rendered, not what was decoded
    return encode_png(engine.render(node, grid))


def shares(server: servers.Server, tiles: Sequence[Address], connections: int = 4) -> dict[str, float]:
    """Processor milliseconds a tile of the handler, of the workers, and of the load generator."""
    paths = [server.path(*tile) for tile in tiles]
    load.run(server.port, paths, connections)
    front = psutil.Process(server.process.pid)
    everybody = dict(zip(GROUPS, ([front], front.children(recursive=True), [psutil.Process()]), strict=True))
    before = {name: _spent(group) for name, group in everybody.items()}
    load.run(server.port, paths * 4, connections)
    return {name: 1e3 * (_spent(group) - before[name]) / (4 * len(paths)) for name, group in everybody.items()}


def _spent(group: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in group]
    return float(sum(one.user + one.system for one in times))
