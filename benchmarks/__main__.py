"""``make bench``: us and titiler.core side by side, in one run, on one scene.

    python -m benchmarks [--rounds N] [--size PIXELS] [--output FILE]

Rounds of us and of the peer alternate; ratios are taken within a round, and shown with their spread.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks import in_process, load, servers
from jeoview.engine import Engine
from jeoview.grid import Grid
from jeoview.image import Image
from jeoview.io.encode import encode_png

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


@dataclass
class Report:
    """Lines of RESULTS.md."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        print(line, flush=True)
        self.lines.append(line)

    def section(self, title: str, *columns: str) -> None:
        self.add(f"\n## {title}\n")
        self.add("| " + " | ".join(columns) + " |")
        self.add("|" + "---|" * len(columns))

    def row(self, *cells: object) -> None:
        self.add("| " + " | ".join(str(cell) for cell in cells) + " |")


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median and range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def warm(report: Report, home: Path, scene: Path, image: Image, tiles: list[Address], rounds: int) -> None:
    """Every tile of zooms 12-14; caches of the files warm, nothing rendered is kept."""
    report.section(
        "All tiles of zooms 12-14 over HTTP, blocks warm", "workers, connections", "jeoview", "titiler.core", "ratio"
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
    scaling = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    report.add(f"\nThroughput from 1 to 2 workers: {spread(scaling, 2)} x (the load generator shares the two cores).")
    report.add(
        f"Mean PNG: jeoview {ours[0].mean_bytes / 1e3:.1f} kB (8-bit palette), titiler {theirs[0].mean_bytes / 1e3:.1f} kB."
    )


def _alternate(
    us: servers.Server, peer: servers.Server, tiles: list[Address], connections: int, rounds: int
) -> tuple[list[load.Load], list[load.Load]]:
    ours, theirs = [], []
    # The peer gets a part of the list: it keeps no blocks, so each tile costs it the same.
    part = tiles[: max(60, len(tiles) // 4)]
    load.run(us.port, [us.path(*tile) for tile in tiles], connections)
    load.run(peer.port, [peer.path(*tile) for tile in part[:20]], connections)
    for _ in range(rounds):
        ours.append(load.run(us.port, [us.path(*tile) for tile in tiles * 3], connections))
        theirs.append(load.run(peer.port, [peer.path(*tile) for tile in part], connections))
    return ours, theirs


def isolated(report: Report, home: Path, scene: Path, image: Image, tiles: list[Address], rounds: int) -> None:
    """Tiles of zoom 14 that share no block; each is asked once of a server that has read others before."""
    far = [tile for tile in tiles if tile[0] == 14 and tile[1] % 3 == 0 and tile[2] % 3 == 0]
    ours, theirs = [], []
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
            steps["png"] = _milliseconds(lambda raster=raster: encode_png(raster))
            steps["recolour and png"] = _milliseconds(lambda grid=grid: encode_png(engine.render(other.node, grid)))
            for name, value in steps.items() if turn else ():
                times.setdefault(name, []).append(value)
    report.section("In one process, blocks warm, by step", "step", "median ms")
    for name, values in times.items():
        report.row(name, f"{statistics.median(values):.3f}")


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


def main() -> None:
    """Run all, and write the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "RESULTS.md")
    given = parser.parse_args()
    report = Report()
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").open() if "model name" in line),
        platform.machine(),
    )
    report.add("# Results\n")
    report.add(
        f"{datetime.date.today()}, {psutil.cpu_count()} cores, {cpu}, Python {platform.python_version()}, by `make bench`."
    )
    report.add("Median and (range) over rounds that alternate between the two; ratios are taken within a round.")
    with tempfile.TemporaryDirectory() as folder:
        home, scene = Path(folder), Path(folder) / "scene.tif"
        print("making the scene ...", flush=True)
        in_process.make_scene(scene)
        image = servers.catalogue(home, scene, BOUNDS, CRS)
        grids = in_process.tiles()
        tiles = [address(grid) for grid in grids]
        report.add(
            f"\nScene: {in_process.SIZE} x {in_process.SIZE}, 2 x uint16, COG, simulated; {len(tiles)} tiles of 256 x 256."
        )
        warm(report, home, scene, image, tiles, given.rounds)
        isolated(report, home, scene, image, tiles, given.rounds)
        in_steps(report, image, grids[:150])
        start_and_memory(report, home, image, tiles)
    given.output.write_text("\n".join(report.lines) + "\n")


if __name__ == "__main__":
    main()
