"""``make bench``: us and our peers (titiler.core, MintPy) side by side, in one run, on the same data.

    python -m benchmarks [--rounds N] [--only optical|insar] [--output FILE]

Rounds of us and of the peer alternate; ratios are taken within a round, and shown with their spread.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil

from benchmarks import in_process, insar_tile, load, phase, scaling, servers, slc
from benchmarks.report import Report, spread
from jeoview.engine import Engine
from jeoview.grid import Grid
from jeoview.image import Image
from jeoview.io.encode import encode_png
from jeoview.projection import transform_bounds

CRS = "EPSG:32632"
BOUNDS = (
    in_process.LEFT,
    in_process.TOP - in_process.SIZE * in_process.PIXEL,
    in_process.LEFT + in_process.SIZE * in_process.PIXEL,
    in_process.TOP,
)
# Rendered tiles and arrays are not kept: every request is computed from decoded blocks.
COMPUTE = {"tile_cache_bytes": 1, "array_cache_bytes": 1}
Address = tuple[int, int, int]


def address(grid: Grid) -> Address:
    """z, x, y of a tile's grid."""
    zoom = round(2 * 20_037_508.342789244 / grid.lattice.resolution[0]).bit_length() - 9
    return zoom, grid.col // 256, grid.row // 256


def warm(report: Report, home: Path, scene: Path, image: Image, tiles: list[Address], rounds: int) -> None:
    """Every tile of zooms 12-14; caches of the files warm, nothing rendered is kept."""
    report.section(
        "336 tiles of zooms 12-14 over HTTP, blocks warm", "workers, connections", "jeoview", "titiler.core", "ratio"
    )
    rates: dict[int, list[float]] = {}
    for workers, connections in ((1, 1), (1, 4), (2, 8)):
        with servers.ours(home, image, workers, **COMPUTE) as us, servers.titiler(scene, workers) as peer:
            runs = _alternate(us, peer, tiles, connections, rounds)
        ours, theirs = runs
        rates[workers] = [run.rate for run in ours]
        if connections == 1:
            pairs = [p.p50 / o.p50 for o, p in zip(ours, theirs, strict=True)]
            report.row("1, 1: p50 ms", spread([r.p50 for r in ours], 2), spread([r.p50 for r in theirs]), spread(pairs))
        pairs = [o.rate / p.rate for o, p in zip(ours, theirs, strict=True)]
        shown = [spread([run.rate for run in runs], 0) for runs in (ours, theirs)]
        report.row(f"{workers}, {connections}: tiles/s", *shown, spread(pairs))
    gains = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    report.add(
        f"\nThroughput over HTTP from 1 to 2 workers: {spread(gains, 2)} x; handler and load generator share the cores."
    )
    report.add(
        f"Mean PNG: jeoview {ours[0].mean_bytes / 1e3:.1f} kB (8-bit palette), titiler {theirs[0].mean_bytes / 1e3:.1f} kB."
    )


def _alternate(
    us: servers.Server, peer: servers.Server, tiles: list[Address], connections: int, rounds: int
) -> tuple[list[load.Load], list[load.Load]]:
    ours: list[load.Load] = []
    theirs: list[load.Load] = []
    # The peer gets a part of the list: it keeps no blocks, so each tile costs it the same.
    part = tiles[:100]
    load.run(us.port, [us.path(*tile) for tile in tiles], connections)
    load.run(peer.port, [peer.path(*tile) for tile in part[:20]], connections)
    for _ in range(rounds):
        ours.append(load.run(us.port, [us.path(*tile) for tile in tiles * 4], connections))
        theirs.append(load.run(peer.port, [peer.path(*tile) for tile in part], connections))
    return ours, theirs


def inner(tiles: list[Address]) -> list[Address]:
    """The tiles below a block of 4 x 4 of zoom 12 in the middle: 336, whose blocks fit into every cache."""
    middle_x, middle_y = (sorted({tile[axis] for tile in tiles if tile[0] == 12}) for axis in (1, 2))
    west, north = middle_x[len(middle_x) // 2 - 2], middle_y[len(middle_y) // 2 - 2]
    return [(z, x, y) for z, x, y in tiles if 0 <= (x >> (z - 12)) - west < 4 and 0 <= (y >> (z - 12)) - north < 4]


def everything(report: Report, home: Path, scene: Path, image: Image, tiles: list[Address]) -> None:
    """All tiles of the scene once, from servers that were just started."""
    report.section(
        "All tiles of zooms 12-14, each once, 2 workers, 8 connections, servers just started",
        "",
        "jeoview",
        "titiler.core",
        "ratio",
    )
    with servers.ours(home, image, 2, **COMPUTE) as us:
        ours = load.run(us.port, [us.path(*tile) for tile in tiles], 8)
    with servers.titiler(scene, 2) as peer:
        theirs = load.run(peer.port, [peer.path(*tile) for tile in tiles], 8)
    report.row("tiles/s", f"{ours.rate:.0f}", f"{theirs.rate:.0f}", f"{ours.rate / theirs.rate:.1f}")
    report.row("seconds", f"{ours.seconds:.0f}", f"{theirs.seconds:.0f}", "")


def isolated(report: Report, home: Path, scene: Path, image: Image, tiles: list[Address], rounds: int) -> None:
    """Tiles of zoom 14 that share no block; each is asked once of a server that has read others before."""
    far = [tile for tile in tiles if tile[0] == 14 and tile[1] % 4 == 0 and tile[2] % 4 == 0][:60]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        with servers.ours(home, image, 1, **COMPUTE) as us, servers.titiler(scene, 1) as peer:
            for server, results in ((us, ours), (peer, theirs)):
                load.run(server.port, [server.path(*tile) for tile in far[:4]], 1)
                results.append(load.run(server.port, [server.path(*tile) for tile in far[4:]], 1).p50)
    report.section("Isolated cold tile, zoom 14 (file in the page cache)", "", "jeoview", "titiler.core", "ratio")
    ratios = [p / o for o, p in zip(ours, theirs, strict=True)]
    report.row("p50 ms", spread(ours, 2), spread(theirs), spread(ratios))


def in_steps(report: Report, image: Image, tiles: list[Grid]) -> None:
    """The engine in this process: by step, and a recolour."""
    engine = Engine.default()
    times: dict[str, list[float]] = {}
    other: Image = Image(image.node.arguments["image"]).colormap("viridis", vmin=0.0, vmax=1.0)  # type: ignore[attr-defined]
    for turn in range(2):
        for grid in tiles:
            steps: dict[str, float] = {}
            engine.forget()
            raster = engine.render(image.node, grid, times=steps)
            steps["png"] = _milliseconds(partial(encode_png, raster))
            steps["recolour and png"] = _milliseconds(partial(_recolour, engine, other, grid))
            for name, value in steps.items() if turn else ():
                times.setdefault(name, []).append(value)
    report.section("In one process, blocks warm, by step", "step", "median ms")
    for name, values in times.items():
        report.row(name, f"{statistics.median(values):.3f}")


def _recolour(engine: Engine, other: Image, grid: Grid) -> bytes:
    return encode_png(engine.render(other.node, grid))


def _inside(grid: Grid) -> bool:
    """Whether a whole tile lies in the scene: the peer answers 404 outside."""
    west, south, east, north = transform_bounds(grid.crs, CRS, grid.bounds)
    return BOUNDS[0] <= west and BOUNDS[1] <= south and east <= BOUNDS[2] and north <= BOUNDS[3]


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def start_and_memory(report: Report, home: Path, image: Image, tiles: list[Address]) -> None:
    """Seconds from the command to the first tile, and memory after 3,000 tiles."""
    starts = []
    for _ in range(3):
        begin = time.perf_counter()
        with servers.ours(home, image, 2) as us:
            load.run(us.port, [us.path(*tiles[0])], 1)
            starts.append(time.perf_counter() - begin)
    with servers.ours(home, image, 2, tile_cache_bytes=1) as us:
        load.run(us.port, [us.path(*tile) for tile in (tiles * 30)[:3000]], 4)
        rss = us.rss
    report.section("Start and memory", "", "")
    report.row("cold start to the first tile, kernels cached on disk, s", spread(starts, 2))
    report.row("RSS of server and 2 workers after 3,000 tiles, MiB", f"{rss:.0f}")


def optical(report: Report, home: Path, rounds: int) -> None:
    """NDVI of a scene, beside titiler.core."""
    scene = home / "scene.tif"
    print("making the scene ...", flush=True)
    in_process.make_scene(scene)
    image = servers.catalogue(home, scene, BOUNDS, CRS)
    grids = [grid for grid in in_process.tiles() if _inside(grid)]
    tiles = [address(grid) for grid in grids]
    report.add(
        f"\nScene: {in_process.SIZE} x {in_process.SIZE}, 2 x uint16, COG, simulated; {len(tiles)} tiles of 256 x 256."
    )
    some = inner(tiles)
    warm(report, home, scene, image, some, rounds)
    scaling.run(report, home, image, some, rounds, COMPUTE)
    isolated(report, home, scene, image, tiles, rounds)
    in_steps(report, image, [grid for grid, tile in zip(grids, tiles, strict=True) if tile in set(some)])
    start_and_memory(report, home, image, tiles)
    everything(report, home, scene, image, tiles)


PARTS: dict[str, Callable[[Report, Path, int], None]] = {
    "optical": optical,
    "insar": insar_tile.run,
    "phase": phase.run,
    "slc": slc.run,
}


def main() -> None:
    """Run all, or some parts, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; all by default")
    parser.add_argument("--output", type=Path, help="RESULTS.md where all parts run, else nothing is written")
    given = parser.parse_args()
    report = Report()
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    cpu = names[0].split(":")[1].strip() if names else platform.machine()
    report.add("# Results\n")
    report.add(
        f"{dt.datetime.now(dt.UTC).date()}, {psutil.cpu_count()} cores, {cpu}, Python {platform.python_version()}, by `make bench`."
    )
    report.add("Median and (range) over rounds that alternate between the two; ratios are taken within a round.")
    output = given.output or (None if given.only else Path(__file__).parent / "RESULTS.md")
    for part in given.only or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["JEOVIEW_HOME"] = folder
            begin = time.perf_counter()
            PARTS[part](report, Path(folder), given.rounds)
            print(f"{part}: {time.perf_counter() - begin:.0f} s", flush=True)
        if output is not None:
            output.write_text("\n".join(report.lines) + "\n")


if __name__ == "__main__":
    main()
