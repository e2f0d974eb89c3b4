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
# Pixels of a row that are tried at once for lying in one block.
SEGMENT = 64
Gather = Callable[[NDArray[Any], NDArray[Any], Source, Where], None]


@njit(cache=True, nogil=True)
def fill_row(y: int, nodes: tuple[Floats, Floats], window: Window, period: float, out: tuple[Floats, Floats]) -> None:
    """Write the positions of target row ``y`` into ``out``; columns wrap every ``period`` pixels where it is > 0."""
    spacing, row, col = window
    rows, cols = nodes
    out_rows, out_cols = out
    if spacing == 1:
        for x in range(out_rows.size):
            out_rows[x] = rows[row + y, min(col + x, rows.shape[1] - 1)]
            out_cols[x] = cols[min(row + y, cols.shape[0] - 1), col + x]
    else:
        # Exact: a spacing is a power of two.
        parts = np.arange(spacing) / spacing
        i = (row + y) // spacing
        v = parts[row + y - i * spacing]
        x, j, start = 0, col // spacing, col % spacing
        while x < out_rows.size:
            left_r = rows[i, j] + v * (rows[i + 1, j] - rows[i, j])
            step_r = rows[i, j + 1] + v * (rows[i + 1, j + 1] - rows[i, j + 1]) - left_r
            left_c = cols[i, j] + v * (cols[i + 1, j] - cols[i, j])
            step_c = cols[i, j + 1] + v * (cols[i + 1, j + 1] - cols[i, j + 1]) - left_c
            count = min(spacing - start, out_rows.size - x)
            # Unsigned: a loop whose index may be negative is not vectorised.
            first, part = np.uint64(x), np.uint64(start)
            for k in range(np.uint64(count)):
                out_rows[first + k] = left_r + parts[part + k] * step_r
                out_cols[first + k] = left_c + parts[part + k] * step_c
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
def _usable(raw: Any, flag: float, nodata: float) -> bool:
    return not (raw != raw or (flag != 0.0 and raw == nodata))


@njit(cache=True, nogil=True)
def _block(i: int, j: int, table: Ints, layout: Ints) -> tuple[int, int, int]:
    """First row, first column and address of the block that holds source pixel (i, j); address 0 for none."""
    row, col = i // layout[6], j // layout[7]
    top, left = row * layout[6], col * layout[7]
    row, col = row - layout[4], col - layout[5]
    if row < 0 or col < 0 or row >= table.shape[0] or col >= table.shape[1]:
        return top, left, 0
    return top, left, table[row, col]


@njit(cache=True, nogil=True)
def _value(i: int, j: int, band: int, sample: NDArray[Any], source: Source) -> Any:
    """Whether source pixel (i, j) is valid, and its number; ``sample`` holds one 0 of the source's type."""
    table, layout, bands, calibration = source
    if i < 0 or j < 0 or i >= layout[2] or j >= layout[3]:
        return False, sample[0]
    top, left, address = _block(i, j, table, layout)
    if address == 0:
        return False, sample[0]
    raw = load(address, (i - top) * layout[8] + (j - left) * layout[9] + bands[band], sample)
    return _usable(raw, calibration[band, 0], calibration[band, 1]), raw


@njit(cache=True, nogil=True)
def _addresses(rows: Floats, cols: Floats, source: Source, itemsize: int, more: int, at: Ints) -> None:
    """Write where in memory each pixel of a row lies, by the floor of its position; 0 for none.

    With ``more`` = 1 the pixels below, beside and diagonal must lie in the same block, else it is 0 too.
    """
    if _one_block(rows, cols, source, itemsize, more, at):
        return
    for start in range(0, rows.size, SEGMENT):
        stop = min(start + SEGMENT, rows.size)
        if not _one_block(rows[start:stop], cols[start:stop], source, itemsize, more, at[start:stop]):
            _each_address(rows[start:stop], cols[start:stop], source, itemsize, more, at[start:stop])


@njit(cache=True, nogil=True)
def _one_block(rows: Floats, cols: Floats, source: Source, itemsize: int, more: int, at: Ints) -> bool:
    """Write the addresses if one block holds all pixels, which is the rule; False if not."""
    table, layout = source[0], source[1]
    r, c = np.floor(rows[0]) - layout[0], np.floor(cols[0]) - layout[1]
    if not (r >= 0.0 and r < layout[2] and c >= 0.0 and c < layout[3]):
        return False
    top, left, address = _block(int(r), int(c), table, layout)
    if address == 0:
        return False
    bottom, right = min(top + layout[6], layout[2]) - more, min(left + layout[7], layout[3]) - more
    low_r, high_r = float(top + layout[0]), float(bottom + layout[0])
    low_c, high_c = float(left + layout[1]), float(right + layout[1])
    inside = 0
    for x in range(rows.size):
        inside += (rows[x] >= low_r) & (rows[x] < high_r) & (cols[x] >= low_c) & (cols[x] < high_c)
    if inside < rows.size:
        return False
    row_bytes, col_bytes = np.int32(layout[8] * itemsize), np.int32(layout[9] * itemsize)
    for x in range(rows.size):
        i, j = np.int32(np.floor(rows[x]) - low_r), np.int32(np.floor(cols[x]) - low_c)
        at[x] = address + i * row_bytes + j * col_bytes
    return True


@njit(cache=True, nogil=True)
def _each_address(rows: Floats, cols: Floats, source: Source, itemsize: int, more: int, at: Ints) -> None:
    table, layout = source[0], source[1]
    row_bytes, col_bytes = layout[8] * itemsize, layout[9] * itemsize
    top = left = 0
    bottom = right = -1
    address = layout[0] * 0
    for x in range(rows.size):
        r, c = np.floor(rows[x]) - layout[0], np.floor(cols[x]) - layout[1]
        at[x] = 0
        # Written so that a NaN position counts as outside.
        if not (r >= 0.0 and r < layout[2] - more and c >= 0.0 and c < layout[3] - more):
            continue
        i, j = int(r), int(c)
        if i < top or i >= bottom or j < left or j >= right:
            top, left, address = _block(i, j, table, layout)
            bottom, right = top + layout[6], left + layout[7]
        if address != 0 and i + more < bottom and j + more < right:
            at[x] = address + (i - top) * row_bytes + (j - left) * col_bytes


@njit(cache=True, nogil=True)
def gather_nearest(out: NDArray[Any], sample: NDArray[Any], source: Source, where: Where) -> None:
    """Write the value of the source pixel that holds each target centre into ``out`` (band, y, x); NaN outside."""
    _, _, bands, calibration = source
    count, height, width = out.shape
    rows, cols, at = np.empty(width), np.empty(width), np.empty(width, np.int64)
    for y in range(height):
        fill_row(y, where[0], where[1], where[2], (rows, cols))
        _addresses(rows, cols, source, sample.itemsize, 0, at)
        for b in range(count):
            flag, nodata, scale, offset = calibration[b, 0], calibration[b, 1], calibration[b, 2], calibration[b, 3]
            band = bands[b]
            for x in range(width):
                raw, valid = sample[0], False
                if at[x] != 0:
                    raw = load(at[x], band, sample)
                    valid = _usable(raw, flag, nodata)
                out[b, y, x] = raw * scale + offset if valid else sample[0] * np.nan


@njit(cache=True, nogil=True)
def gather_bilinear(out: NDArray[Any], sample: NDArray[Any], source: Source, where: Where) -> None:
    """Write the bilinear value at each target centre into ``out`` (band, y, x).

    NaN where the pixel that holds the centre is invalid or outside; elsewhere the weights of
    invalid neighbours are shared among the valid ones.
    """
    _, layout, bands, calibration = source
    count, height, width = out.shape
    rows, cols, at = np.empty(width), np.empty(width), np.empty(width, np.int64)
    down, right = np.empty(width), np.empty(width)
    below, beside = layout[8], layout[9]
    for y in range(height):
        fill_row(y, where[0], where[1], where[2], (rows, cols))
        for x in range(width):
            rows[x], cols[x] = rows[x] - 0.5, cols[x] - 0.5
            down[x], right[x] = rows[x] - np.floor(rows[x]), cols[x] - np.floor(cols[x])
        _addresses(rows, cols, source, sample.itemsize, 1, at)
        for b in range(count):
            flag, nodata, scale, offset = calibration[b, 0], calibration[b, 1], calibration[b, 2], calibration[b, 3]
            band = bands[b]
            for x in range(width):
                if at[x] == 0:
                    out[b, y, x] = _bilinear(rows[x], cols[x], b, sample, source)
                    continue
                p00, p01 = load(at[x], band, sample), load(at[x], band + beside, sample)
                p10, p11 = load(at[x], band + below, sample), load(at[x], band + below + beside, sample)
                valid = _usable(p00, flag, nodata) & _usable(p01, flag, nodata)
                if valid & _usable(p10, flag, nodata) & _usable(p11, flag, nodata):
                    upper = p00 * (1.0 - right[x]) + p01 * right[x]
                    lower = p10 * (1.0 - right[x]) + p11 * right[x]
                    out[b, y, x] = (upper * (1.0 - down[x]) + lower * down[x]) * scale + offset
                else:
                    out[b, y, x] = _bilinear(rows[x], cols[x], b, sample, source)


@njit(cache=True, nogil=True)
def _bilinear(row: float, col: float, band: int, sample: NDArray[Any], source: Source) -> Any:
    """One value at a position counted from pixel centres, wherever its neighbours lie.

    Where all are valid it is the same sum as in `gather_bilinear`, to the last bit.
    """
    layout, calibration = source[1], source[3]
    nothing = sample[0] * np.nan
    r, c = row - layout[0], col - layout[1]
    if not (r >= -0.5 and r < layout[2] - 0.5 and c >= -0.5 and c < layout[3] - 0.5):
        return nothing
    i, j = int(np.floor(row)) - layout[0], int(np.floor(col)) - layout[1]
    down, right = row - np.floor(row), col - np.floor(col)
    # The pixel that holds the position decides; half-way it is the lower, the right one.
    holds, _ = _value(i + (down >= 0.5), j + (right >= 0.5), band, sample, source)
    if not holds:
        return nothing
    use00, p00 = _value(i, j, band, sample, source)
    use01, p01 = _value(i, j + 1, band, sample, source)
    use10, p10 = _value(i + 1, j, band, sample, source)
    use11, p11 = _value(i + 1, j + 1, band, sample, source)
    if use00 and use01 and use10 and use11:
        upper = p00 * (1.0 - right) + p01 * right
        lower = p10 * (1.0 - right) + p11 * right
        return (upper * (1.0 - down) + lower * down) * calibration[band, 2] + calibration[band, 3]
    w00 = (1.0 - down) * (1.0 - right) if use00 else 0.0
    w01 = (1.0 - down) * right if use01 else 0.0
    w10 = down * (1.0 - right) if use10 else 0.0
    w11 = down * right if use11 else 0.0
    # What is not used may be NaN, and NaN times 0 is NaN.
    total = (p00 if use00 else sample[0]) * w00 + (p01 if use01 else sample[0]) * w01
    total = total + ((p10 if use10 else sample[0]) * w10 + (p11 if use11 else sample[0]) * w11)
    return total / (w00 + w01 + w10 + w11) * calibration[band, 2] + calibration[band, 3]


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
