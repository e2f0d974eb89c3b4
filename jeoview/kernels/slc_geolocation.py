"""From a place on the ground to the row and column of a sensor: through the places of its pixels, or a table on a map."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ITERATIONS = 20
# The error after a step is about its square.
CLOSE = 1e-5


@njit(cache=True, nogil=True)
def first_guesses(east: Floats, north: Floats, corner: tuple[float, float], spacing: float, table: Ints) -> None:
    """Write into each cell of ``table`` (north, east) the flat index of a node that lies in it or near it; all -1 before.

    Nodes are taken in their order and the first one stays, so that the table hangs on the raster alone. Cells
    without a node get one of their neighbours', ring by ring.
    """
    for index in range(east.size):
        x, y = east.flat[index], north.flat[index]
        if x == x and y == y:
            row, col = int((y - corner[1]) / spacing), int((x - corner[0]) / spacing)
            if 0 <= row < table.shape[0] and 0 <= col < table.shape[1] and table[row, col] < 0:
                table[row, col] = index
    grown = table.copy()
    changed = True
    while changed:
        changed = False
        for row in range(table.shape[0]):
            for col in range(table.shape[1]):
                if table[row, col] < 0:
                    grown[row, col] = _neighbour(table, row, col)
                    changed |= grown[row, col] >= 0
        table[:] = grown


@njit(cache=True, nogil=True)
def _neighbour(table: Ints, row: int, col: int) -> int:
    if row > 0 and table[row - 1, col] >= 0:
        return int(table[row - 1, col])
    if row + 1 < table.shape[0] and table[row + 1, col] >= 0:
        return int(table[row + 1, col])
    if col > 0 and table[row, col - 1] >= 0:
        return int(table[row, col - 1])
    if col + 1 < table.shape[1] and table[row, col + 1] >= 0:
        return int(table[row, col + 1])
    return -1


@njit(cache=True, nogil=True)
def invert(
    x: Floats,
    y: Floats,
    nodes: tuple[Floats, Floats],
    guesses: tuple[Ints, tuple[float, float], float],
    rows: Floats,
    cols: Floats,
) -> None:
    """Write where in the raster of nodes each place lies (node (i, j) has row i, column j), NaN where it does not.

    Newton's iteration on the raster taken as bilinear, from the table's guess. Each place by itself.
    """  # fmt: skip
    table, corner, spacing = guesses
    for k in range(x.size):
        rows[k] = cols[k] = np.nan
        down, right = (y[k] - corner[1]) / spacing, (x[k] - corner[0]) / spacing
        # Written so that a NaN counts as outside.
        if not (down >= 0.0 and down < table.shape[0] and right >= 0.0 and right < table.shape[1]):
            continue
        start = table[int(down), int(right)]
        if start >= 0:
            rows[k], cols[k] = _newton(x[k], y[k], nodes, start)


@njit(cache=True, nogil=True)
def _newton(x: float, y: float, nodes: tuple[Floats, Floats], start: int) -> tuple[float, float]:
    east, north = nodes
    last_row, last_col = east.shape[0] - 1, east.shape[1] - 1
    row, col = float(start // east.shape[1]), float(start % east.shape[1])
    for _ in range(ITERATIONS):
        i, j = min(max(int(row), 0), last_row - 1), min(max(int(col), 0), last_col - 1)
        p, q = row - i, col - j
        e, e_p, e_q = _cell(east, i, j, p, q)
        n, n_p, n_q = _cell(north, i, j, p, q)
        area = e_p * n_q - e_q * n_p
        if not abs(area) > 0.0:
            return np.nan, np.nan
        step_row = ((x - e) * n_q - (y - n) * e_q) / area
        step_col = ((y - n) * e_p - (x - e) * n_p) / area
        row, col = row + step_row, col + step_col
        if not (row > -1.0 and row < last_row + 1.0 and col > -1.0 and col < last_col + 1.0):
            row, col = min(max(row, -0.5), last_row + 0.5), min(max(col, -0.5), last_col + 0.5)
        elif abs(step_row) + abs(step_col) < CLOSE:
            inside = row >= 0.0 and row <= last_row and col >= 0.0 and col <= last_col
            return (row, col) if inside else (np.nan, np.nan)
    return np.nan, np.nan


@njit(cache=True, nogil=True)
def refine(
    x: Floats,
    y: Floats,
    nodes: tuple[Floats, Floats],
    window: tuple[int, int, int, int],
    reach: float,
    rows: Floats,
    cols: Floats,
) -> None:
    """Move each place from where it is about to where it is in a raster of nodes, of which a window is held.

    ``window`` is its first row and column, and the rows and columns of the whole raster; ``rows`` and ``cols`` count in the
    whole. A place whose iteration leads farther away than ``reach`` (layover) stays; NaN where its neighbours are not
    known. All numbers are of the whole raster, so that no bit hangs on the window, which holds ``reach`` around each place.
    """
    east, north = nodes
    top, left, height, width = window
    for k in range(x.size):
        row, col = rows[k], cols[k]
        for _ in range(ITERATIONS):
            # Written so that a NaN ends it.
            if not (abs(row - rows[k]) <= reach and abs(col - cols[k]) <= reach):
                break
            i, j = min(max(int(row), 0), height - 2), min(max(int(col), 0), width - 2)
            p, q = row - i, col - j
            e, e_p, e_q = _cell(east, i - top, j - left, p, q)
            n, n_p, n_q = _cell(north, i - top, j - left, p, q)
            area = e_p * n_q - e_q * n_p
            if not abs(area) > 0.0:
                row = np.nan if area != area else np.inf
                break
            step_row = ((x[k] - e) * n_q - (y[k] - n) * e_q) / area
            step_col = ((y[k] - n) * e_p - (x[k] - e) * n_p) / area
            row, col = row + step_row, col + step_col
            if abs(step_row) + abs(step_col) < CLOSE:
                break
        else:
            continue
        if row != row or col != col:
            rows[k] = cols[k] = np.nan
        elif abs(row - rows[k]) <= reach and abs(col - cols[k]) <= reach:
            rows[k], cols[k] = row, col


@njit(cache=True, nogil=True)
def _cell(values: Floats, i: int, j: int, p: float, q: float) -> tuple[float, float, float]:
    """The bilinear value in a cell, and how it changes down and to the right."""
    upper = values[i, j + 1] - values[i, j]
    lower = values[i + 1, j + 1] - values[i + 1, j]
    top, bottom = values[i, j] + q * upper, values[i + 1, j] + q * lower
    return top + p * (bottom - top), bottom - top, upper + p * (lower - upper)


@njit(cache=True, nogil=True)
def look_up(down: Floats, right: Floats, table: NDArray[np.float32], rows: Floats, cols: Floats) -> None:
    """Write the bilinear (row, column) of a table (2, y, x) at its own pixels ``down``, ``right`` (edge convention).

    NaN outside, and where a node that counts is NaN. Each place by itself.
    """
    height, width = table.shape[1], table.shape[2]
    for k in range(down.size):
        rows[k] = cols[k] = np.nan
        # Written so that a NaN counts as outside.
        if not (down[k] >= 0.0 and down[k] <= height and right[k] >= 0.0 and right[k] <= width):
            continue
        row, col = min(max(down[k] - 0.5, 0.0), height - 1.0), min(max(right[k] - 0.5, 0.0), width - 1.0)
        i, j = min(int(row), height - 2), min(int(col), width - 2)
        p, q = row - i, col - j
        rows[k] = _mixed(table[0], i, j, p, q)
        cols[k] = _mixed(table[1], i, j, p, q)


@njit(cache=True, nogil=True)
def _mixed(values: NDArray[np.float32], i: int, j: int, p: float, q: float) -> float:
    """Bilinear; a node of no weight does not count, so that a known one beside an unknown one stays known."""
    total = 0.0
    for down in range(2):
        for right in range(2):
            weight = (p if down else 1.0 - p) * (q if right else 1.0 - q)
            if weight > 0.0:
                total += weight * values[i + down, j + right]
    return total
