"""Velocity and temporal coherence of a tile from interferograms in memory: us and MintPy in one run.

    python -m benchmarks.inversion [--rounds N] [--mintpy PYTHON] [--sample PIXELS]

256 x 256 pixels, 100 dates, 400 pairs, simulated. One thread on either side. MintPy runs in a python of
its own (``.bench-mintpy`` by default); where it works pixel by pixel it gets a sample of the pixels, and
its time is multiplied. Without it only our times are shown.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from jeoview.grid import tile_grid
from jeoview.kernels import parts
from jeoview.operators import insar, insar_quality
from jeoview.operators.insar_pairs import elimination_of
from jeoview.operators.velocity import velocity
from jeoview.raster import Kind, Raster

HERE = Path(__file__).resolve().parent
SIDE, DATES, WAVELENGTH = 256, 100, 0.0554658
Floats = NDArray[np.float32]
# Threads of BLAS would help MintPy where it works on all pixels at once; a tile server has none to give.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def banded() -> list[tuple[int, int]]:
    """Each date with the next four, and ten pairs a year apart: 400."""
    return [(i, i + d) for d in (1, 2, 3, 4) for i in range(DATES - d)] + [(i, i + 30) for i in range(0, 70, 7)]


def yearly() -> list[tuple[int, int]]:
    """Each date with the next three and with that of the next year: 364, with twice the fill-in."""
    return [(i, i + d) for d in (1, 2, 3) for i in range(DATES - d)] + [(i, i + 30) for i in range(DATES - 30)]


@dataclass(frozen=True)
class Case:
    """A simulated stack and how it is inverted."""

    name: str
    pairs: list[tuple[int, int]]
    gaps: float
    weight: Any = "none"

    def stack(self, days: Sequence[str]) -> Raster:
        """Steady motion, atmosphere of each date, noise of each pair, and coherence."""
        random = np.random.default_rng(1)
        years = 12 / 365.25 * np.arange(DATES, dtype=np.float32)
        rate = random.normal(scale=8, size=(SIDE, SIDE)).astype(np.float32)
        array = np.empty((len(self.pairs), 2, SIDE, SIDE), dtype=np.float32)
        series = [rate * t + random.standard_normal((SIDE, SIDE), dtype=np.float32) for t in years]
        for index, (a, b) in enumerate(self.pairs):
            noise = np.float32(0.5) * random.standard_normal((SIDE, SIDE), dtype=np.float32)
            array[index, 0] = series[b] - series[a] + noise
            array[index, 1] = random.uniform(0.2, 0.95, (SIDE, SIDE))
            if self.gaps:
                array[index, 0][random.random((SIDE, SIDE), dtype=np.float32) < self.gaps] = np.nan
        stamp = "{}T05:00:00Z/{}T05:00:00Z"
        intervals = tuple(stamp.format(days[a], days[b]) for a, b in self.pairs)
        bands: tuple[str, ...] = ("unwrapped", "coherence")
        if self.weight == "none":
            array, bands = np.ascontiguousarray(array[:, :1]), bands[:1]
        return Raster(array, tile_grid(12, 2100, 1500), Kind.SERIES, bands, intervals)


CASES = (
    Case("no gaps", banded(), 0.0),
    Case("10 % gaps, every pixel its own", banded(), 0.1),
    Case("coherence weights", banded(), 0.0, "coherence"),
    Case("coherence weights, 10 % gaps", banded(), 0.1, "coherence"),
    Case("no gaps, all dates also yearly", yearly(), 0.0),
    Case("10 % gaps, all dates also yearly", yearly(), 0.1),
)


def days_of_series() -> list[str]:
    """Every twelfth day."""
    first = np.datetime64("2018-01-03")
    return [str(first + np.timedelta64(12 * k, "D")) for k in range(DATES)]


def ours(stack: Raster, weight: Any) -> tuple[Raster, Raster, dict[str, float]]:
    """Series, velocity and its error, temporal coherence; seconds of each, on one thread."""
    least, parts.LEAST = parts.LEAST, sys.maxsize
    try:
        return _ours(stack, weight)
    finally:
        parts.LEAST = least


def _ours(stack: Raster, weight: Any) -> tuple[Raster, Raster, dict[str, float]]:
    seconds: dict[str, float] = {}
    series = _timed(seconds, "series", lambda: insar.invert(stack, wavelength=WAVELENGTH, weight=weight))
    fitted = _timed(seconds, "velocity, std", lambda: velocity(series))
    quality = _timed(seconds, "coherence", lambda: insar_quality.series_quality(stack, series, wavelength=WAVELENGTH))
    seconds["all"] = sum(seconds.values())
    return fitted, quality, seconds


def _timed(seconds: dict[str, float], name: str, work: Callable[[], Raster]) -> Raster:
    start = time.perf_counter()
    result = work()
    seconds[name] = time.perf_counter() - start
    return result


def mintpy(python: Path, stack: Raster, case: Case, days: Sequence[str], pixels: slice) -> dict[str, Any]:
    """MintPy's results and seconds for some of the pixels."""
    values = stack.array.reshape(len(case.pairs), len(stack.bands), -1)[..., pixels]
    weight = np.sqrt(np.clip(values[:, 1], 0.001, 0.999)) if case.weight != "none" else np.empty(0)
    earlier, later = np.array(case.pairs).T
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "in.npz", Path(folder) / "out.npz"
        arrays = {"phase": values[:, 0], "weight_sqrt": weight, "earlier": earlier, "later": later}
        dates = np.array([day.replace("-", "") for day in days])
        np.savez(given, dates=dates, wavelength=WAVELENGTH, repeat=1, **arrays)
        script = str(HERE / "peers" / "mintpy_invert.py")
        subprocess.run([str(python), script, str(given), str(result)], check=True, env={**os.environ, **ONE_THREAD})
        with np.load(result) as out:
            return {name: out[name] for name in out.files}


def differences(fitted: Raster, quality: Raster, theirs: dict[str, Any], pixels: slice) -> tuple[float, float]:
    """Largest difference of velocity in mm/yr and of temporal coherence, where MintPy has a solution."""
    there = theirs["coherence"] > 0
    velocities = fitted.array[0].ravel()[pixels] - 1000 * theirs["velocity"]
    coherences = quality.array[0].ravel()[pixels] - theirs["coherence"]
    return tuple(float(np.nanmax(np.abs(values[there]))) for values in (velocities, coherences))  # type: ignore[return-value]


@dataclass(frozen=True)
class Compared:
    """Seconds of both sides, round by round, and how far their results lie apart (mm/yr, coherence)."""

    steps: list[dict[str, float]]
    theirs: list[float]
    apart: tuple[float, float]
    symbolic: float
    entries: int

    @property
    def ours(self) -> list[float]:
        """All of it."""
        return [one["all"] for one in self.steps]

    @property
    def ratios(self) -> list[float]:
        """Of the same round."""
        return [peer / own for peer, own in zip(self.theirs, self.ours, strict=True)]


def compare(case: Case, rounds: int, python: Path | None, sample: int) -> Compared:
    """Invert a case on both sides in turn."""
    days = days_of_series()
    stack = case.stack(days)
    start = time.perf_counter()
    elimination_of.cache_clear()
    plan = elimination_of(stack.dates, False)
    symbolic = time.perf_counter() - start
    ours(stack, case.weight)
    whole = case.weight == "none" and not case.gaps
    pixels = slice(None) if whole else slice(0, sample)
    factor = 1.0 if whole else SIDE * SIDE / sample
    steps: list[dict[str, float]] = []
    peers: list[float] = []
    apart = (math.nan, math.nan)
    for _ in range(rounds):
        fitted, quality, seconds = ours(stack, case.weight)
        steps.append(seconds)
        if python is not None:
            theirs = mintpy(python, stack, case, days, pixels)
            peers.append(factor * float(theirs["seconds"][0]))
            apart = differences(fitted, quality, theirs, pixels)
    return Compared(steps, peers, apart, symbolic, len(plan.rows))


def run(case: Case, rounds: int, python: Path | None, sample: int) -> None:
    """Print a case."""
    found = compare(case, rounds, python, sample)
    middle = {name: statistics.median(one[name] for one in found.steps) for name in found.steps[0]}
    told = ", ".join(f"{name} {value:.3f}" for name, value in middle.items() if name != "all")
    print(f"{case.name} ({len(case.pairs)} pairs, {found.entries} entries, order found once in {found.symbolic:.3f} s)")
    print(f"  jeoview {middle['all']:.3f} s ({min(found.ours):.3f}-{max(found.ours):.3f}): {told}")
    if found.theirs:
        ratios = sorted(found.ratios)
        said = "" if case.weight == "none" and not case.gaps else f" (from {sample} pixels)"
        print(
            f"  MintPy {statistics.median(found.theirs):.2f} s{said}: {statistics.median(ratios):.0f} x ({ratios[0]:.0f}-{ratios[-1]:.0f})"
        )
        print(f"  largest difference: velocity {found.apart[0]:.1e} mm/yr, temporal coherence {found.apart[1]:.1e}")


def main() -> None:
    """Run all cases."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inversion")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mintpy", type=Path, default=HERE.parent / ".bench-mintpy" / "bin" / "python")
    parser.add_argument("--sample", type=int, default=1024)
    given = parser.parse_args()
    there = given.mintpy.exists() and not subprocess.run([given.mintpy, "-c", "import mintpy"], check=False).returncode
    print(f"{SIDE} x {SIDE} pixels, {DATES} dates; seconds, median (range) of {given.rounds} rounds, one thread each")
    for case in CASES:
        run(case, given.rounds, given.mintpy if there else None, given.sample)
    peak = psutil.Process().memory_info()
    print(f"RSS of this process at the end {peak.rss / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
