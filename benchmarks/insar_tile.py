"""A whole InSAR tile: 400 pairs read, inverted, velocity, temporal coherence; through the server, and file to file.

python -m benchmarks --only insar
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from benchmarks import insar_stack, load, servers
from benchmarks.inversion import CASES, DATES, HERE, ONE_THREAD, SIDE, compare
from benchmarks.report import Report, spread
from jeoview.collection import InterferogramCollection
from jeoview.engine import Engine
from jeoview.grid import Grid, Lattice
from jeoview.image import Image

T = TypeVar("T")
# What is rendered is not kept; with a cache of one byte neither is what is decoded.
NOTHING_KEPT = {"tile_cache_bytes": 1, "array_cache_bytes": 1}
COLD = {**NOTHING_KEPT, "block_cache_bytes": 1}
MINTPY = HERE.parent / ".bench-mintpy" / "bin" / "python"


def has_mintpy() -> bool:
    """Whether the peer is installed."""
    if not MINTPY.exists():
        return False
    return not subprocess.run([MINTPY, "-c", "import mintpy"], check=False).returncode


def in_memory(report: Report, rounds: int) -> None:
    """Arrays in memory, one thread on either side."""
    report.section(
        f"Velocity and temporal coherence, {SIDE} x {SIDE} pixels, {DATES} dates, arrays in memory",
        "case", "pairs", "jeoview s", "MintPy 1.6.4 s", "ratio", "largest difference: mm/yr, coherence",
    )  # fmt: skip
    python = MINTPY if has_mintpy() else None
    for case in CASES:
        found = compare(case, rounds, python, 512)
        theirs = (spread(found.theirs, 2), spread(found.ratios, 0)) if found.theirs else ("not installed", "")
        apart = f"{found.apart[0]:.1e}, {found.apart[1]:.1e}" if found.theirs else ""
        report.row(case.name, len(case.pairs), spread(found.ours, 3), *theirs, apart)
    report.add("\nWhere MintPy goes pixel by pixel (gaps, weights) its time is that of 512 pixels, multiplied.")


def through_the_server(report: Report, home: Path, rounds: int) -> dict[str, InterferogramCollection]:
    """Tiles of 400 pairs over HTTP, one worker, one connection."""
    report.section(
        "Tile of velocity masked by temporal coherence, 100 dates, 400 pairs, over HTTP, 1 worker, 1 connection",
        "case", "files or store", "blocks", "p50 s", "RSS of the worker, MiB",
    )  # fmt: skip
    copies: dict[str, InterferogramCollection] = {}
    lines, stored = [], 0.0
    for name, gaps in (("whole", 0.0), ("gaps", 0.1)):
        folder = home / "insar" / name
        insar_stack.make_files(folder, gaps)
        stack = insar_stack.opened(folder, name)
        copy, seconds = timed(lambda stack=stack: stack.cache_stack(progress=False))  # type: ignore[misc]
        copies[name], before = copy, stored
        stored = megabytes(home / "stacks")
        lines.append(f"{megabytes(folder):.0f} MB of files to {stored - before:.0f} MB in {seconds:.0f} s")
        for weight in ("none", "coherence") if gaps else ("none",):
            case = f"{gaps:.0%} gaps" + (f", weight {weight}" if weight != "none" else "")
            image = saved(insar_stack.velocity_chain(copy, weight))
            for kind, limits in (("warm", NOTHING_KEPT), ("cold", COLD)):
                report.row(case, "store", kind, *served(home, image, limits, rounds))
            if weight == "none":
                image = saved(insar_stack.velocity_chain(stack, weight))
                report.row(case, "files", "cold", *served(home, image, COLD, 1))
    report.add("\nBlocks cold: the files are in the page cache, nothing is decoded. cache_stack(): " + "; ".join(lines))
    slider(report, home, copies["gaps"])
    return copies


def served(home: Path, image: Image, limits: dict[str, int], rounds: int) -> tuple[str, str]:
    """Median seconds of a tile in each round, and the worker's memory."""
    with servers.ours(home, image, 1, **limits) as us:
        paths = [us.path(*tile) for tile in insar_stack.TILES]
        load.run(us.port, paths, 1)
        runs = [load.run(us.port, paths * 2, 1).p50 / 1e3 for _ in range(rounds)]
        children = psutil.Process(us.process.pid).children()
        return spread(runs, 3), f"{max(child.memory_info().rss for child in children) / 2**20:.0f}"


def slider(report: Report, home: Path, stack: InterferogramCollection) -> None:
    """Positions of the threshold over tiles that were computed."""
    image = saved(insar_stack.velocity_chain(stack))
    with servers.ours(home, image, 1, tile_cache_bytes=1) as us:
        paths = [us.path(*tile) for tile in insar_stack.TILES]
        load.run(us.port, paths, 1)
        moved = [f"{path}?p.temporal_coherence={0.2 + 0.01 * k:.2f}" for k in range(60) for path in paths]
        report.add(f"\nThreshold slider over computed tiles, over HTTP: p50 {load.run(us.port, moved, 1).p50:.2f} ms.")


def file_to_file(report: Report, home: Path, stack: InterferogramCollection, rounds: int) -> None:
    """The native pixels of one window: MintPy from its ifgramStack.h5, us from the store, nothing decoded."""
    if not has_mintpy():
        report.add("\nMintPy is not installed: no comparison from file to file.")
        return
    left, top = insar_stack.corner()
    step = insar_stack.PIXEL
    grid = Grid(Lattice(insar_stack.CRS, (step, step), left, top), 0, 0, SIDE, SIDE)
    series = stack.invert()
    rate = series.velocity()["velocity"]  # type: ignore[attr-defined]
    quality = stack.image().series_quality(series, wavelength=stack.wavelength)  # type: ignore[attr-defined]
    both: Image = rate.mask(quality["temporal_coherence"] >= 0.0)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        theirs = mintpy(Path(folder), home / "insar" / "whole", stack, rounds)
    engine, times = Engine.default(), []
    for _ in range(rounds + 1):
        engine.forget()
        engine.reader.close()
        found, seconds = timed(lambda: engine.render(both.node, grid))
        times.append(seconds)
    ratios = [theirs["seconds"][k] / times[k + 1] for k in range(rounds)]
    apart = np.nanmax(np.abs(found.array[0] - 1000 * theirs["velocity"]))
    report.section(f"File to file, {SIDE} x {SIDE} native pixels, no gaps", "", "jeoview", "MintPy 1.6.4", "ratio")
    report.row("s", spread(times[1:], 3), spread(list(theirs["seconds"]), 2), spread(ratios, 0))
    report.add(f"\nLargest difference {apart:.2e} mm/yr: the store keeps phase in steps of 1/500 rad.")


def mintpy(work: Path, files: Path, stack: InterferogramCollection, rounds: int) -> dict[str, Any]:
    """Run the peer on the same pixels."""
    reference = stack.reference_phase()
    phase = np.stack([first_pixels(files / f"{pair}.geo.unw.tif") for pair in reference])
    coherence = np.stack([first_pixels(files / f"{pair}.geo.cc.tif") for pair in reference]) / np.float32(255)
    date12 = np.array([pair.split("_") for pair in reference])
    given, result = work / "in.npz", work / "out.npz"
    values = {"phase": phase, "coherence": coherence, "date12": date12, "reference": np.array(list(reference.values()))}
    np.savez(given, wavelength=stack.wavelength, repeat=rounds, **values)
    script = str(HERE / "peers" / "mintpy_file.py")
    command = [str(MINTPY), script, str(given), str(work), str(result)]
    subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})
    with np.load(result) as out:
        return {name: out[name] for name in out.files}


def first_pixels(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as file:
        found: NDArray[Any] = file.read(1, window=Window(0, 0, SIDE, SIDE))
        return found


def saved(image: Image) -> Image:
    """The same image; its chain is where the server finds it, and its tables are fitted."""
    engine = Engine.default()
    engine.save(image.node)
    return image


def timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def run(report: Report, home: Path, rounds: int) -> None:
    """All of it."""
    in_memory(report, rounds)
    copies = through_the_server(report, home, rounds)
    file_to_file(report, home, copies["whole"], rounds)
