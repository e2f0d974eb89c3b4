"""Complex radar images, arrays in memory, one thread: us beside scipy and numpy; and whole tiles of the demo stack."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from benchmarks.report import Report, spread
from jeoview.collection import SlcCollection
from jeoview.demo import prepare_slc
from jeoview.engine import Engine
from jeoview.grid import Grid, web_mercator
from jeoview.image import Image
from jeoview.operators import slc
from jeoview.projection import WEB_MERCATOR, WGS84, transform
from jeoview.raster import Kind, Raster

TILE = 256
Complexes = NDArray[np.complex64]


def timed(function: Callable[[], Any], repeat: int) -> float:
    """Milliseconds of one call, the least of some."""
    found = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return 1e3 * min(found)


def images() -> tuple[Raster, Raster]:
    """Two coherent images of a tile and the padding of the largest window."""
    random, side = np.random.default_rng(0), TILE + 20
    parts = (random.normal(size=(3, side, side)) + 1j * random.normal(size=(3, side, side))).astype(np.complex64)
    grid = Grid(web_mercator(12), 0, 0, side, side)
    one, other = (Raster((parts[0] + part)[None], grid, Kind.BANDS, ("slc",)) for part in parts[1:])
    return one, other


def by_scipy(a: Complexes, b: Complexes, window: tuple[int, int]) -> tuple[Complexes, NDArray[np.float32]]:
    """Interferogram and coherence by box filters in float32."""
    product = a * b.conj()
    real, imaginary, one, other = (
        uniform_filter(part, window) for part in (product.real, product.imag, np.abs(a) ** 2, np.abs(b) ** 2)
    )
    return product, np.hypot(real, imaginary) / np.sqrt(one * other)


def arrays(report: Report, rounds: int) -> None:
    """Interferogram and coherence."""
    report.section(
        f"Interferogram and coherence, {TILE + 20} x {TILE + 20} pixels (a tile and the padding of 21 x 21)",
        "window", "jeoview ms", "numpy and scipy uniform_filter ms", "ratio", "largest difference",
    )  # fmt: skip
    one, other = images()
    for window in ((5, 5), (3, 13), (11, 11), (21, 21)):

        def mine(window: tuple[int, int] = window) -> tuple[Raster, Raster]:
            return slc.interferogram(one, other), slc.coherence(one, other, window=window)

        def theirs(window: tuple[int, int] = window) -> tuple[Complexes, NDArray[np.float32]]:
            return by_scipy(one.array[0], other.array[0], window)

        inner = np.s_[12:-12, 12:-12]
        difference = np.abs(mine()[1].array[0][inner] - theirs()[1][inner]).max()
        pairs = [(timed(mine, 20), timed(theirs, 5)) for _ in range(rounds)]
        ours, peers = zip(*pairs, strict=True)
        shown = spread([b / a for a, b in pairs])
        report.row(f"{window[0]} x {window[1]}", spread(ours, 2), spread(peers, 2), shown, f"{difference:.0e}")


def tiles(report: Report, home: Path, rounds: int) -> None:
    """A tile of the demo stack through the engine: blocks decoded, nothing computed kept."""
    report.section("A tile of the simulated complex stack, blocks decoded", "chain", "zoom", "ms")
    prepare_slc(home, progress=False)
    stack, engine = SlcCollection("demo-slc"), Engine.default()
    a, b = stack["2021-01-06"], stack["2022-12-03"]
    chains: dict[str, Image] = {
        "interferogram, phase, masked by coherence": a.interferogram(b).phase().mask(a.coherence(b) > 0.3),
        "interferogram, 2 x 4 looks, Goldstein": a.interferogram(b).multilook(2, 4).goldstein().phase(),
        "velocity of persistent scatterers, 30 dates": stack.image().ps_velocity(wavelength=stack.wavelength),
    }
    west, south, east, north = stack.items[0].bbox
    x, y = transform(WGS84, WEB_MERCATOR, (west + east) / 2, (south + north) / 2)
    for name, image in chains.items():
        for zoom in (13, 15):
            lattice = web_mercator(zoom)
            step = lattice.resolution[0]
            corner = int((lattice.top - float(y)) / step) - TILE // 2, int((float(x) - lattice.left) / step) - TILE // 2
            grid = Grid(lattice, *corner, TILE, TILE)
            engine.render(image.node, grid)

            def once(image: Image = image, grid: Grid = grid) -> None:
                engine.forget()
                engine.render(image.node, grid)

            report.row(name, zoom, spread([timed(once, 5) for _ in range(rounds)]))


def run(report: Report, home: Path, rounds: int) -> None:
    """Both."""
    arrays(report, rounds)
    tiles(report, home, rounds)
