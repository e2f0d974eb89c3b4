"""Two coregistered radar images: their product, and how alike they are in a box of pixels.

A box is added up from two parts, the end of one run of rows (or columns) and the beginning of the next; runs are as
long as the box and begin at multiples of it on the sensor. Nothing is subtracted, and a pixel's sum holds nothing but
its own box in an order that does not depend on the window that was asked for (van Herk 1992, for sums).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Complexes = NDArray[np.complex64]
Floats = NDArray[np.float32]
Sums = NDArray[np.float64]
# Real and imaginary part of the product, both powers, number of pixels.
PARTS = 5


@njit(cache=True, nogil=True)
def interfere(a: Complexes, b: Complexes, out: Complexes) -> None:
    """Write a conj(b) into ``out``, all (y, x); NaN where one of them is NaN."""
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            re = a[y, x].real * b[y, x].real + a[y, x].imag * b[y, x].imag
            im = a[y, x].imag * b[y, x].real - a[y, x].real * b[y, x].imag
            out[y, x] = complex(re, im)


@njit(cache=True, nogil=True)
def sizes(values: Complexes, out: Floats) -> None:
    """Write the size of each number of a flat array."""
    for i in range(values.size):
        re, im = float(values[i].real), float(values[i].imag)
        out[i] = np.sqrt(re * re + im * im)


@njit(cache=True, nogil=True)
def coherence(a: Complexes, b: Complexes, window: tuple[int, int], corner: tuple[int, int], out: Floats) -> None:
    """Write the coherence in a box around each pixel into ``out``.

    Parameters
    ----------
    a, b : (y, x) complex64
        NaN where there is no data; a pixel counts where both have some.
    window : (int, int)
        Rows and columns of the box. An even one has one more above or left of the pixel than below or right.
    corner : (int, int)
        Row and column of the first pixel on the sensor.
    out : (y, x) float32
        0 to 1; NaN where the pixel itself has no data, or is alone in its box.
    """
    height, width = a.shape
    rows, above = window[0], window[0] // 2
    ends = np.zeros((rows, PARTS, width))
    begins, sums = np.zeros((PARTS, width)), np.empty((PARTS, width))
    boxes, scratch = np.empty((PARTS, width)), np.empty((PARTS, width + window[1]))
    run = -1
    for y in range(height):
        first = y - above
        place = (corner[0] + first) % rows
        if place == 0 or run < 0:
            run = first - place
            _end_sums(a, b, run, ends)
            begins[:] = 0.0
            for row in range(run + rows, first + rows - 1):
                _add_row(a, b, row, begins)
        if place:
            _add_row(a, b, first + rows - 1, begins)
            sums[:] = ends[place] + begins
        else:
            sums[:] = ends[0]
        _box_sums(sums, window[1], corner[1], scratch, boxes)
        _ratio(a[y], b[y], boxes, out[y])


@njit(cache=True, nogil=True)
def _end_sums(a: Complexes, b: Complexes, run: int, ends: Sums) -> None:
    """Sums from each row of a run to its end."""
    last = ends.shape[0] - 1
    ends[last] = 0.0
    _add_row(a, b, run + last, ends[last])
    for row in range(last - 1, -1, -1):
        ends[row] = ends[row + 1]
        _add_row(a, b, run + row, ends[row])


@njit(cache=True, nogil=True)
def _add_row(a: Complexes, b: Complexes, y: int, sums: Sums) -> None:
    if y < 0 or y >= a.shape[0]:
        return
    for x in range(a.shape[1]):
        p, q, r, s = float(a[y, x].real), float(a[y, x].imag), float(b[y, x].real), float(b[y, x].imag)
        re, im, one, other = p * r + q * s, q * r - p * s, p * p + q * q, r * r + s * s
        valid = re + im == re + im
        sums[0, x] += re if valid else 0.0
        sums[1, x] += im if valid else 0.0
        sums[2, x] += one if valid else 0.0
        sums[3, x] += other if valid else 0.0
        sums[4, x] += 1.0 if valid else 0.0


@njit(cache=True, nogil=True)
def _box_sums(sums: Sums, size: int, corner: int, ends: Sums, out: Sums) -> None:
    """Sums over boxes of a row, all parts side by side; ``ends`` is scratch, ``size`` longer than the row."""
    width, left = sums.shape[1], size // 2
    # ends[:, k] is the sum from column k - left to the end of its run.
    t0 = t1 = t2 = t3 = t4 = 0.0
    place = (corner + width) % size
    for x in range(width - 1, -left - 1, -1):
        if place == 0:
            t0 = t1 = t2 = t3 = t4 = 0.0
            place = size
        place -= 1
        if x >= 0:
            t0, t1, t2, t3, t4 = t0 + sums[0, x], t1 + sums[1, x], t2 + sums[2, x], t3 + sums[3, x], t4 + sums[4, x]
        k = x + left
        ends[0, k], ends[1, k], ends[2, k], ends[3, k], ends[4, k] = t0, t1, t2, t3, t4
    t0 = t1 = t2 = t3 = t4 = 0.0
    place = (corner - left) % size
    # What lies of the first box in the next run.
    for x in range(size - place - left, size - left - 1):
        if 0 <= x < width:
            t0, t1, t2, t3, t4 = t0 + sums[0, x], t1 + sums[1, x], t2 + sums[2, x], t3 + sums[3, x], t4 + sums[4, x]
    for k in range(width):
        x = k - left + size - 1
        if place == 0:
            t0 = t1 = t2 = t3 = t4 = 0.0
        elif x < width:
            t0, t1, t2, t3, t4 = t0 + sums[0, x], t1 + sums[1, x], t2 + sums[2, x], t3 + sums[3, x], t4 + sums[4, x]
        out[0, k], out[1, k], out[2, k] = ends[0, k] + t0, ends[1, k] + t1, ends[2, k] + t2
        out[3, k], out[4, k] = ends[3, k] + t3, ends[4, k] + t4
        place = 0 if place + 1 == size else place + 1


@njit(cache=True, nogil=True)
def _ratio(a: Complexes, b: Complexes, boxes: Sums, out: Floats) -> None:
    for x in range(out.size):
        re, im, power = boxes[0, x], boxes[1, x], boxes[2, x] * boxes[3, x]
        product = a[x] * b[x]
        good = product == product and boxes[4, x] > 1.0 and power > 0.0
        out[x] = min(np.sqrt((re * re + im * im) / power), 1.0) if good else np.nan


@njit(cache=True, nogil=True)
def coherence_matrix(stack: Complexes) -> Sums:
    """Coherence of every two rows of (date, pixel): 1 on the diagonal, NaN where two share fewer than two pixels."""
    dates, pixels = stack.shape
    out = np.full((dates, dates), np.nan)
    for i in range(dates):
        for j in range(i, dates):
            product, one, other, count = 0j, 0.0, 0.0, 0
            for x in range(pixels):
                a, b = complex(stack[i, x]), complex(stack[j, x])
                if a == a and b == b:
                    product += a * np.conj(b)
                    one += a.real * a.real + a.imag * a.imag
                    other += b.real * b.real + b.imag * b.imag
                    count += 1
            if count > 1 and one > 0.0 and other > 0.0:
                out[i, j] = out[j, i] = min(abs(product) / np.sqrt(one * other), 1.0)
    return out
