"""Unwrapping by reliability, for a first look: quick, and the same result whoever computes it.

Source: Herraez, Burton, Lalor and Gdeisat, "Fast two-dimensional phase-unwrapping algorithm based on sorting by
reliability following a noncontinuous path", Applied Optics 41 (2002). scikit-image has it too, but gives another
result at every call (its seed notwithstanding), and never ends where a number under the mask is NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
Flags = NDArray[np.bool_]
CYCLE = 2.0 * np.pi
# Second differences of wrapped phase reach 2 pi in each of four directions; a pixel without any is the last of all.
WORST = 4.0 * np.pi
LEVELS = 65_535


@njit(cache=True, nogil=True)
def _step(to: float, start: float) -> Any:  # pragma: no cover - compiled
    """Wrapped difference of two phases."""
    difference = to - start
    return difference - CYCLE * np.rint(difference / CYCLE)


@njit(cache=True, nogil=True)
def _bend(phase: Doubles, valid: Flags, y: int, x: int) -> float:  # pragma: no cover - compiled
    """Root of the mean square of the second differences through a pixel, of those directions that have both sides."""
    height, width = phase.shape
    total, count = 0.0, 0
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        top, bottom, left, end = y - down, y + down, x - right, x + right
        if top < 0 or bottom >= height or min(left, end) < 0 or max(left, end) >= width:
            continue
        if valid[top, left] and valid[bottom, end]:
            bend = _step(phase[top, left], phase[y, x]) - _step(phase[y, x], phase[bottom, end])
            total += bend * bend
            count += 1
    return 2.0 * np.sqrt(total / count) if count else WORST


@njit(cache=True, nogil=True)
def _edges(
    phase: Doubles, valid: Flags, starts: Ints, levels: NDArray[np.uint16]
) -> int:  # pragma: no cover - compiled
    """Write the edges (twice the pixel's number, plus 1 for the one below it) and how little reliable each is."""
    height, width = phase.shape
    bends = np.zeros(phase.shape)
    for y in range(height):
        for x in range(width):
            if valid[y, x]:
                bends[y, x] = _bend(phase, valid, y, x)
    count = 0
    for y in range(height):
        for x in range(width):
            for below in range(2):
                i, j = y + below, x + 1 - below
                if i < height and j < width and valid[y, x] and valid[i, j]:
                    share = (bends[y, x] + bends[i, j]) / (2.0 * WORST)
                    starts[count] = 2 * (y * width + x) + below
                    levels[count] = np.uint16(min(share, 1.0) * LEVELS)
                    count += 1
    return count


@njit(cache=True, nogil=True)
def _find(pixel: int, parents: Ints, cycles: Ints) -> tuple[int, int]:  # pragma: no cover - compiled
    """The group of a pixel and its cycles against it; the way there is shortened."""
    root, total = pixel, 0
    while parents[root] != root:
        total += cycles[root]
        root = parents[root]
    found, rest = total, total
    while parents[pixel] != pixel:
        following, own = parents[pixel], cycles[pixel]
        parents[pixel], cycles[pixel] = root, rest
        rest -= own
        pixel = following
    return root, found


@njit(cache=True, nogil=True)
def _join(
    phase: Doubles, edges: Ints, order: NDArray[np.int64], parents: Ints, cycles: Ints
) -> None:  # pragma: no cover - compiled
    """Join groups along the edges, the most reliable first; the smaller group is brought to the larger one."""
    width = phase.shape[1]
    flat = phase.reshape(phase.size)
    sizes = np.ones(phase.size, np.int32)
    for k in order:
        a = edges[k] // 2
        b = a + width if edges[k] & 1 else a + 1
        one, of_a = _find(a, parents, cycles)
        other, of_b = _find(b, parents, cycles)
        if one == other:
            continue
        # Cycles that the group of b lacks to continue that of a.
        missing = np.int32(np.rint((flat[a] - flat[b]) / CYCLE)) + of_a - of_b
        if sizes[one] < sizes[other]:
            one, other, missing = other, one, -missing
        parents[other], cycles[other] = one, missing
        sizes[one] += sizes[other]


@njit(cache=True, nogil=True)
def _resolve(valid: Flags, parents: Ints, cycles: Ints, number: Ints) -> int:  # pragma: no cover - compiled
    """Cycles of every pixel against its group, and the groups numbered in the order of their first pixels."""
    names = np.zeros(parents.size, np.int32)
    flat = valid.reshape(valid.size)
    count = 0
    for i in range(parents.size):
        if flat[i]:
            root, total = _find(i, parents, cycles)
            if names[root] == 0:
                count += 1
                names[root] = count
            number[i] = names[root]
            parents[i], cycles[i] = root, total
    return count


def unwrap_by_reliability(phase: NDArray[Any], valid: Flags) -> tuple[Floats, Floats]:
    """Unwrap along the most reliable neighbours first.

    Parameters
    ----------
    phase : (y, x) float32
        rad.
    valid : (y, x) bool
        Pixels that count.

    Returns
    -------
    unwrapped, component : (y, x) float32
        Parts that nothing connects have nothing to do with each other: of each the median lies within half a cycle
        of 0. NaN where not valid.
    """
    values = np.where(valid, phase, 0).astype(np.float64)
    edges, levels = np.empty(2 * phase.size, dtype=np.int32), np.empty(2 * phase.size, dtype=np.uint16)
    count = _edges(values, valid, edges, levels)
    # Of sixteen bits: sorted in one pass over the numbers, equals in their order.
    order = np.argsort(levels[:count], kind="stable")
    parents, cycles = np.arange(phase.size, dtype=np.int32), np.zeros(phase.size, dtype=np.int32)
    _join(values, edges, order, parents, cycles)
    number: Ints = np.zeros(phase.shape, dtype=np.int32)
    parts = _resolve(valid, parents, cycles, number.reshape(-1))
    unwrapped = _centred(values + CYCLE * cycles.reshape(phase.shape), number, parts)
    return tuple(np.where(valid, array, np.nan).astype(np.float32) for array in (unwrapped, number))  # type: ignore[return-value]


def _centred(values: Doubles, number: Ints, parts: int) -> Doubles:
    from scipy import ndimage  # a quarter of a second that no other chain should wait for

    if not parts:
        return values
    middle = ndimage.median(values, number, np.arange(1, parts + 1))
    cycles = np.concatenate([[0.0], np.rint(np.asarray(middle) / CYCLE)])
    return np.asarray(values - CYCLE * cycles[number])
