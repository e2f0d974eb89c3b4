"""Goldstein's filter and unwrapping, arrays in memory, one thread: us, plain numpy, snaphu's own package, scikit-image."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from benchmarks.report import Report, spread
from jeoview.kernels.angles import angles_of
from jeoview.kernels.goldstein import goldstein, triangle
from jeoview.kernels.unwrap import unwrap_by_reliability
from jeoview.kernels.unwrap_snaphu import Settings, unwrap_by_cost

Floats = NDArray[np.float32]
TILE, ALPHA = 256, 0.5


def scene(size: int) -> Floats:
    """Wrapped phase of smooth motion, with noise of half a radian."""
    y, x = np.mgrid[:size, :size] / size
    truth = 40 * np.exp(-((x - 0.4) ** 2 + (y - 0.6) ** 2) / 0.06) + 9 * x
    noisy = truth + np.random.default_rng(0).normal(0, 0.5, truth.shape)
    return np.angle(np.exp(1j * noisy)).astype(np.float32)


def patch_by_patch(phase: Floats, size: int) -> Floats:
    """The filter as a loop over patches."""
    step = size // 2
    values = np.exp(1j * phase)
    out, window = np.zeros_like(values), np.outer(triangle(size), triangle(size))
    for top in range(0, phase.shape[0] - size + 1, step):
        for left in range(0, phase.shape[1] - size + 1, step):
            part = np.s_[top : top + size, left : left + size]
            spectrum = np.fft.fft2(values[part])
            weight = uniform_filter(np.abs(spectrum), 3, mode="wrap") ** ALPHA
            out[part] += window * np.fft.ifft2(spectrum * weight)
    return np.angle(out).astype(np.float32)


def timed(function: Callable[[], Any], repeat: int = 1) -> float:
    """Seconds of one call, the least of some."""
    found = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return min(found)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """What programs write to the terminal goes nowhere."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(nowhere)
        os.close(kept)


def filters(report: Report, rounds: int) -> None:
    """A tile, its padding included."""
    report.section(
        f"Goldstein, tile of {TILE} x {TILE} pixels with its padding, alpha {ALPHA}",
        "patch", "jeoview ms", "numpy, patch by patch, ms", "ratio",
    )  # fmt: skip
    for size in (32, 64):
        phase = scene(TILE + 2 * (size - 1))
        angles_of(goldstein(phase, 0, 0, ALPHA, size, size // 2))
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(1e3 * timed(lambda: angles_of(goldstein(phase, 0, 0, ALPHA, size, size // 2)), 10))  # noqa: B023
            theirs.append(1e3 * timed(lambda: patch_by_patch(phase, size), 3))  # noqa: B023
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        report.row(size, spread(ours), spread(theirs), spread(ratios))


def unwrapping(report: Report, rounds: int) -> None:
    """Whole areas."""
    import snaphu
    from skimage.restoration import unwrap_phase

    report.section("Unwrapping, clear fringes", "pixels", "method", "jeoview s", "peer s", "jeoview / peer")
    for side in (512, 1024):
        phase, valid = scene(side), np.ones((side, side), dtype=bool)
        coherence, values = np.full(phase.shape, 0.7, dtype=np.float32), np.exp(1j * phase).astype(np.complex64)
        unwrap_by_reliability(phase, valid)
        cases: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "reliability; scikit-image": (
                lambda: unwrap_by_reliability(phase, valid),  # noqa: B023
                lambda: unwrap_phase(phase, rng=0),  # noqa: B023
            ),
            "snaphu, init=mst; its package": (
                lambda: unwrap_by_cost(values, coherence, valid, Settings(4.0, init="mst")),  # noqa: B023
                lambda: snaphu.unwrap(values, coherence, 4.0, init="mst", mask=valid),  # noqa: B023
            ),
        }
        for name, (mine, other) in cases.items():
            with silence():
                pairs = [(timed(mine), timed(other)) for _ in range(rounds)]
            ours, theirs = zip(*pairs, strict=True)
            report.row(
                f"{side} x {side}", name, spread(ours, 2), spread(theirs, 2), spread([a / b for a, b in pairs], 2)
            )


def run(report: Report, home: Path, rounds: int) -> None:  # noqa: ARG001 - every part is given a folder
    """Both."""
    filters(report, rounds)
    unwrapping(report, rounds)


if __name__ == "__main__":
    run(Report(), Path(), 5)
