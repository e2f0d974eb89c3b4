"""Stacks of complex radar images, pixel by pixel: how steady the amplitude is, and which velocity fits the phase."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Complexes = NDArray[np.complex64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
CHUNK = 256


@njit(cache=True, nogil=True)
def amplitude_dispersion(stack: Complexes, out: Floats) -> None:
    """Write the standard deviation of the amplitude over its mean for each column of (date, pixel), NaN left out."""
    for x in range(out.size):
        total, count = 0.0, 0
        for i in range(stack.shape[0]):
            re, im = float(stack[i, x].real), float(stack[i, x].imag)
            if re + im == re + im:
                total += np.sqrt(re * re + im * im)
                count += 1
        mean = total / count if count else np.nan
        squares = 0.0
        for i in range(stack.shape[0]):
            re, im = float(stack[i, x].real), float(stack[i, x].imag)
            if re + im == re + im:
                squares += (np.sqrt(re * re + im * im) - mean) ** 2
        out[x] = np.sqrt(squares / count) / mean if count > 1 and mean > 0.0 else np.nan


@njit(cache=True, nogil=True)
def periodogram(
    stack: Complexes, rates: Doubles, search: tuple[float, float, int], least: int, velocity: Floats, coherence: Floats
) -> None:
    """Write the velocity v at which abs(mean_i of exp(j (psi_i - rates_i v))) is largest, and that maximum.

    Parameters
    ----------
    stack : (date, pixel) complex64
        psi is its phase, whatever its size; NaN and 0 are left out.
    rates : (date,) float64
        Radians for one unit of velocity.
    search : (float, float, int)
        First trial, step, number of trials. Between trials the maximum is that of a parabola.
    least : int
        Dates below which there is no result.
    velocity, coherence : (pixel,) float32
        NaN where there is none.
    """
    dates, pixels = stack.shape
    first, step, trials = search
    for start in range(0, pixels, CHUNK):
        width = min(CHUNK, pixels - start)
        re, im, count = np.zeros((dates, width)), np.zeros((dates, width)), np.zeros(width)
        for i in range(dates):
            _unit(stack[i, start : start + width], re[i], im[i], count)
        power = np.zeros((3, width))
        best, at = np.full((3, width), -1.0), np.zeros(width)
        for trial in range(trials + 1):
            power[0] = power[1]
            power[1] = power[2]
            if trial < trials:
                _power(re, im, rates, first + trial * step, power[2])
            else:
                power[2] = power[0]
            if trial:
                _keep(power, trial - 1, best, at)
        for x in range(width):
            bend = best[0, x] - 2.0 * best[1, x] + best[2, x]
            edge = at[x] == 0.0 or at[x] == trials - 1
            shift = 0.0 if edge or not bend < 0.0 else 0.5 * (best[0, x] - best[2, x]) / bend
            v = first + (at[x] + shift) * step
            there = count[x] >= least
            velocity[start + x] = v if there else np.nan
            coherence[start + x] = min(_length(re[:, x], im[:, x], rates, v) / count[x], 1.0) if there else np.nan


@njit(cache=True, nogil=True)
def _unit(row: Complexes, re: Doubles, im: Doubles, count: Doubles) -> None:
    for x in range(row.size):
        a, b = float(row[x].real), float(row[x].imag)
        size = np.sqrt(a * a + b * b)
        if size > 0.0:
            re[x], im[x] = a / size, b / size
            count[x] += 1.0


@njit(cache=True, nogil=True)
def _power(re: Doubles, im: Doubles, rates: Doubles, v: float, out: Doubles) -> None:
    real, imaginary = np.zeros(out.size), np.zeros(out.size)
    for i in range(rates.size):
        c, s = np.cos(rates[i] * v), np.sin(rates[i] * v)
        for x in range(out.size):
            real[x] += re[i, x] * c + im[i, x] * s
            imaginary[x] += im[i, x] * c - re[i, x] * s
    for x in range(out.size):
        out[x] = real[x] * real[x] + imaginary[x] * imaginary[x]


@njit(cache=True, nogil=True)
def _keep(power: Doubles, trial: int, best: Doubles, at: Doubles) -> None:
    """Keep the trial in the middle, and its neighbours, where it is better than what was before it."""
    for x in range(at.size):
        if power[1, x] > best[1, x]:
            best[0, x], best[1, x], best[2, x] = power[0, x], power[1, x], power[2, x]
            at[x] = trial


@njit(cache=True, nogil=True)
def _length(re: Doubles, im: Doubles, rates: Doubles, v: float) -> float:
    real = imaginary = 0.0
    for i in range(rates.size):
        c, s = np.cos(rates[i] * v), np.sin(rates[i] * v)
        real += re[i] * c + im[i] * s
        imaginary += im[i] * c - re[i] * s
    return float(np.sqrt(real * real + imaginary * imaginary))
