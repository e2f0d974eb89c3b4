"""Values of a warped window straight from the blocks of its source.

Positions are in source pixels, edge convention: pixel (i, j) covers [i, i + 1) x [j, j + 1).
They come as ``where``: control points (nodes) at every ``spacing``-th pixel of the target, bilinear between
them; a window, (spacing, row, col) of the first target pixel counted from the first
node; and the period of columns (0: none).
With spacing 1 the nodes are the positions themselves, dense (height, width) or separable
(height, 1) and (1, width). Every value is a function of the nodes around it alone.

``source`` is (table, layout, bands, calibration): ``table`` holds the addresses of the source's blocks, 0 where there is none; ``layout`` is (row and
column of its upper left pixel in the positions' count, source height, source width, first block row
and column in the table, block height, block width, row stride, column stride), strides in items;
``bands`` the offset of each band in its block, in items; ``calibration`` one row (has nodata, nodata,
scale, offset) a band.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jeoview.kernels.memory import load

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Window = tuple[int, int, int]
Where = tuple[tuple[Floats, Floats], Window, float]
Source = tuple[Ints, Ints, Ints, Floats]
Gather = Callable[[NDArray[Any], NDArray[Any], Source, Where], None]


@njit(cache=True, nogil=True)
def fill_row(y: int, nodes: tuple[Floats, Floats], window: Window, period: float, out: tuple[Floats, Floats]) -> None:
    """Write the positions of target row ``y`` into ``out``; columns wrap every ``period`` pixels where it is > 0."""
    spacing, row, col = window
    rows, cols = nodes
    out_rows, out_cols = out
    width = out_rows.size
    if spacing == 1:
        for x in range(width):
            out_rows[x] = rows[row + y, min(col + x, rows.shape[1] - 1)]
            out_cols[x] = cols[min(row + y, cols.shape[0] - 1), col + x]
    else:
        i = (row + y) // spacing
        v = (row + y - i * spacing) / spacing
        x, j, start = 0, col // spacing, col % spacing
        while x < width:
            left_r = rows[i, j] + v * (rows[i + 1, j] - rows[i, j])
            step_r = rows[i, j + 1] + v * (rows[i + 1, j + 1] - rows[i, j + 1]) - left_r
            left_c = cols[i, j] + v * (cols[i + 1, j] - cols[i, j])
            step_c = cols[i, j + 1] + v * (cols[i + 1, j + 1] - cols[i, j + 1]) - left_c
            count = min(spacing - start, width - x)
            for k in range(count):
                u = (start + k) / spacing
                out_rows[x + k] = left_r + u * step_r
                out_cols[x + k] = left_c + u * step_c
            x, j, start = x + count, j + 1, 0
    if period > 0.0:
        _wrap(out_cols, period)


@njit(cache=True, nogil=True)
def _wrap(cols: Floats, period: float) -> None:
    for x in range(cols.size):
        wrapped = cols[x] - period * np.floor(cols[x] / period)
        # A tiny negative number comes out as the period itself, which is the first column again.
        cols[x] = wrapped - period if wrapped >= period else wrapped


@njit(cache=True, nogil=True)
def dense(nodes: tuple[Floats, Floats], window: Window, rows: Floats, cols: Floats) -> None:
    """Write the positions of all pixels, unwrapped, into two (height, width) arrays."""
    for y in range(rows.shape[0]):
        fill_row(y, nodes, window, 0.0, (rows[y], cols[y]))


@njit(cache=True, nogil=True)
def _usable(raw: Any, calibration: Floats) -> bool:
    return not (raw != raw or (calibration[0] != 0.0 and raw == calibration[1]))  # noqa: PLR0124 - NaN differs from itself


@njit(cache=True, nogil=True)
def _block(r: int, c: int, table: Ints, layout: Ints) -> tuple[int, int, int]:
    """First row, first column and address of the block that holds source pixel (r, c); address 0 for none."""
    i, j = r // layout[6], c // layout[7]
    top, left = i * layout[6], j * layout[7]
    i, j = i - layout[4], j - layout[5]
    if i < 0 or j < 0 or i >= table.shape[0] or j >= table.shape[1]:
        return top, left, 0
    return top, left, table[i, j]


@njit(cache=True, nogil=True)
def gather_nearest(out: NDArray[Any], sample: NDArray[Any], source: Source, where: Where) -> None:
    """Write the value of the source pixel that holds each target centre into ``out`` (band, y, x); NaN outside."""
    table, layout, bands, calibration = source
    nodes, window, period = where
    row0, col0, height, width = layout[0], layout[1], layout[2], layout[3]
    rows, cols = np.empty(out.shape[2]), np.empty(out.shape[2])
    top, left, address = -1 - layout[6], -1 - layout[7], layout[0] * 0
    for y in range(out.shape[1]):
        fill_row(y, nodes, window, period, (rows, cols))
        for x in range(out.shape[2]):
            r, c = rows[x] - row0, cols[x] - col0
            # Written so that a NaN position counts as outside.
            if not (r >= 0.0 and r < height and c >= 0.0 and c < width):
                out[:, y, x] = np.nan
                continue
            i, j = int(r), int(c)
            if i < top or i >= top + layout[6] or j < left or j >= left + layout[7]:
                top, left, address = _block(i, j, table, layout)
            if address == 0:
                out[:, y, x] = np.nan
                continue
            index = (i - top) * layout[8] + (j - left) * layout[9]
            for b in range(bands.size):
                raw = load(address, index + bands[b], sample)
                if _usable(raw, calibration[b]):
                    out[b, y, x] = raw * calibration[b, 2] + calibration[b, 3]
                else:
                    out[b, y, x] = np.nan


@njit(cache=True, nogil=True)
def gather_bilinear(out: NDArray[Any], sample: NDArray[Any], source: Source, where: Where) -> None:
    """Write the bilinear value at each target centre into ``out`` (band, y, x).

    NaN where the pixel that holds the centre is invalid or outside; elsewhere the weights of
    invalid neighbours are shared among the valid ones.
    """
    table, layout, bands, calibration = source
    nodes, window, period = where
    row0, col0, height, width = layout[0], layout[1], layout[2], layout[3]
    rows, cols = np.empty(out.shape[2]), np.empty(out.shape[2])
    top, left, address = -1 - layout[6], -1 - layout[7], layout[0] * 0
    for y in range(out.shape[1]):
        fill_row(y, nodes, window, period, (rows, cols))
        for x in range(out.shape[2]):
            r, c = rows[x] - row0, cols[x] - col0
            if not (r >= 0.0 and r < height and c >= 0.0 and c < width):
                out[:, y, x] = np.nan
                continue
            r0, c0 = np.floor(rows[x] - 0.5), np.floor(cols[x] - 0.5)
            weight = (rows[x] - 0.5 - r0, cols[x] - 0.5 - c0)
            i, j = int(r0) - row0, int(c0) - col0
            if i < top or i >= top + layout[6] or j < left or j >= left + layout[7]:
                top, left, address = _block(max(i, 0), max(j, 0), table, layout)
            bottom, right = min(top + layout[6], height), min(left + layout[7], width)
            whole = address != 0 and i >= top and j >= left and i + 1 < bottom and j + 1 < right
            index = (i - top) * layout[8] + (j - left) * layout[9]
            nearest = 2 * (int(r) - i) + int(c) - j
            for b in range(bands.size):
                if whole:
                    at = index + bands[b]
                    values = (
                        load(address, at, sample),
                        load(address, at + layout[9], sample),
                        load(address, at + layout[8], sample),
                        load(address, at + layout[8] + layout[9], sample),
                    )
                    use = (
                        _usable(values[0], calibration[b]),
                        _usable(values[1], calibration[b]),
                        _usable(values[2], calibration[b]),
                        _usable(values[3], calibration[b]),
                    )
                else:
                    place = (sample, table, layout, bands[b], calibration[b])
                    use0, value0 = _value(i, j, place)
                    use1, value1 = _value(i, j + 1, place)
                    use2, value2 = _value(i + 1, j, place)
                    use3, value3 = _value(i + 1, j + 1, place)
                    values, use = (value0, value1, value2, value3), (use0, use1, use2, use3)
                out[b, y, x] = _blend(values, use, nearest, weight) * calibration[b, 2] + calibration[b, 3]


@njit(cache=True, nogil=True)
def _value(i: int, j: int, place: Any) -> Any:
    """Whether source pixel (i, j) is valid, and its raw value, wherever its block lies."""
    sample, table, layout, band, calibration = place
    raw = np.zeros(1, sample.dtype)[0]
    if i < 0 or j < 0 or i >= layout[2] or j >= layout[3]:
        return False, raw
    top, left, address = _block(i, j, table, layout)
    if address == 0:
        return False, raw
    raw = load(address, (i - top) * layout[8] + (j - left) * layout[9] + band, sample)
    return _usable(raw, calibration), raw


@njit(cache=True, nogil=True)
def _blend(values: Any, use: tuple[bool, bool, bool, bool], nearest: int, weight: tuple[float, float]) -> Any:
    down, right = weight
    if use[0] and use[1] and use[2] and use[3]:
        upper = values[0] * (1.0 - right) + values[1] * right
        lower = values[2] * (1.0 - right) + values[3] * right
        return upper * (1.0 - down) + lower * down
    total, weights = values[0] * 0.0, 0.0
    if not use[nearest]:
        return total * np.nan
    weight4 = ((1.0 - down) * (1.0 - right), (1.0 - down) * right, down * (1.0 - right), down * right)
    total = values[nearest] * 0.0
    for k in range(4):
        if use[k] and weight4[k] > 0.0:
            total = total + values[k] * weight4[k]
            weights += weight4[k]
    return total / weights


@njit(cache=True, nogil=True)
def nearest_index(out: Ints, layout: Ints, where: Where) -> None:
    """Write the flat index of the source pixel that holds each target centre into ``out`` (y, x); -1 outside."""
    nodes, window, period = where
    rows, cols = np.empty(out.shape[1]), np.empty(out.shape[1])
    for y in range(out.shape[0]):
        fill_row(y, nodes, window, period, (rows, cols))
        for x in range(out.shape[1]):
            r, c = rows[x] - layout[0], cols[x] - layout[1]
            if r >= 0.0 and r < layout[2] and c >= 0.0 and c < layout[3]:
                out[y, x] = int(r) * layout[3] + int(c)
            else:
                out[y, x] = -1


@njit(cache=True, nogil=True)
def touched_blocks(flags: NDArray[np.bool_], shape: tuple[int, int], layout: Ints, where: Where, margin: float) -> None:
    """Set ``flags`` (block row, block column) of the blocks that a target window of ``shape`` reads.

    Positions are monotonic between nodes (and everywhere when they are separable), so the corners of
    the cells, cut to the window, bound all positions; ``margin`` is added all round, in source pixels.
    """
    nodes, window, period = where
    separable = nodes[0].shape[1] == 1 and nodes[1].shape[0] == 1
    step, row, col = (64, 0, 0) if separable else window
    y = 0
    while y < shape[0]:
        down = min(step - (row + y) % step, shape[0] - y)
        x = 0
        while x < shape[1]:
            right = min(step - (col + x) % step, shape[1] - x)
            _touch(flags, (y, x, y + down - 1, x + right - 1), layout, nodes, window, (period, margin))
            x += right
        y += down


@njit(cache=True, nogil=True)
def _touch(
    flags: NDArray[np.bool_],
    cell: tuple[int, int, int, int],
    layout: Ints,
    nodes: tuple[Floats, Floats],
    window: Window,
    period_margin: tuple[float, float],
) -> None:
    period, margin = period_margin
    low_r = low_c = np.inf
    high_r = high_c = -np.inf
    for k in range(4):
        r, c = _position(cell[2] if k & 1 else cell[0], cell[3] if k & 2 else cell[1], nodes, window)
        if not (np.isfinite(r) and np.isfinite(c)):
            continue
        low_r, high_r, low_c, high_c = min(low_r, r), max(high_r, r), min(low_c, c), max(high_c, c)
    if low_r > high_r:
        return
    if period > 0.0:
        turn = period * np.floor(low_c / period)
        low_c, high_c = low_c - turn, high_c - turn
        if high_c + margin >= period or low_c - margin < 0.0:
            low_c, high_c = 0.0, period
    low_r, high_r = low_r - margin - layout[0], high_r + margin - layout[0]
    low_c, high_c = low_c - margin - layout[1], high_c + margin - layout[1]
    if high_r < 0.0 or high_c < 0.0 or low_r >= layout[2] or low_c >= layout[3]:
        return
    top, bottom = int(max(low_r, 0.0)), int(min(high_r, layout[2] - 1.0))
    left, right = int(max(low_c, 0.0)), int(min(high_c, layout[3] - 1.0))
    flags[top // layout[6] : bottom // layout[6] + 1, left // layout[7] : right // layout[7] + 1] = True


@njit(cache=True, nogil=True)
def _position(y: int, x: int, nodes: tuple[Floats, Floats], window: Window) -> tuple[float, float]:
    spacing, row, col = window
    rows, cols = nodes
    if spacing == 1:
        return rows[row + y, min(col + x, rows.shape[1] - 1)], cols[min(row + y, cols.shape[0] - 1), col + x]
    i, j = (row + y) // spacing, (col + x) // spacing
    v, u = (row + y) / spacing - i, (col + x) / spacing - j
    r = (rows[i, j] * (1 - u) + rows[i, j + 1] * u) * (1 - v) + (rows[i + 1, j] * (1 - u) + rows[i + 1, j + 1] * u) * v
    c = (cols[i, j] * (1 - u) + cols[i, j + 1] * u) * (1 - v) + (cols[i + 1, j] * (1 - u) + cols[i + 1, j + 1] * u) * v
    return r, c
