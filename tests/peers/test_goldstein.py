"""Goldstein's filter against a plain loop over patches with numpy's own transform, on fringes whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jeoview.grid import Grid, web_mercator
from jeoview.operators.goldstein import goldstein
from jeoview.raster import Kind, Raster

ROW, COL = 1003, 2021
Floats = NDArray[np.float32]


def interferogram(noise: float, size: int = 200) -> tuple[Floats, Floats]:
    """Noisy and true phase: bent fringes, some without data."""
    y, x = np.mgrid[:size, :size]
    truth = 0.25 * x + 0.0012 * (y - size / 2) ** 2
    noisy = np.angle(np.exp(1j * (truth + np.random.default_rng(0).normal(0, noise, truth.shape))))
    noisy[60:75, 20:90] = np.nan
    return noisy.astype(np.float32), truth.astype(np.float32)


def image(array: Any, row: int = ROW, col: int = COL) -> Raster:
    values = np.asarray(array)[None]
    grid = Grid(web_mercator(14), row, col, *values.shape[1:])
    return Raster(values, grid, Kind.BANDS, ("phase",))


def patch_by_patch(phasors: NDArray[Any], alpha: float, size: int, step: int) -> NDArray[np.complex128]:
    """Patches at absolute multiples of a step, each by itself."""
    values = np.where(np.isnan(phasors), 0, phasors).astype(np.complex128)
    out = np.zeros(values.shape, dtype=np.complex128)
    line = 1 - np.abs(np.arange(size) - (size - 1) / 2) / (size / 2)
    for top in range(-ROW % step, values.shape[0] - size + 1, step):
        for left in range(-COL % step, values.shape[1] - size + 1, step):
            part = np.s_[top : top + size, left : left + size]
            spectrum = np.fft.fft2(values[part])
            amplitude = np.abs(spectrum)
            around = [np.roll(amplitude, (u, v), (0, 1)) for u in (-1, 0, 1) for v in (-1, 0, 1)]
            out[part] += np.outer(line, line) * np.fft.ifft2(spectrum * np.mean(around, axis=0) ** alpha)
    return out


STEPS = {(16, 0.7): 5, (32, 0.9): 3, (64, 0.875): 8}


@pytest.mark.parametrize(("size", "overlap"), [(8, 0.5), (16, 0.5), (32, 0.5), (64, 0.5), *STEPS])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.3])
def test_equals_a_loop_over_patches(size: Any, overlap: float, alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jeoview.kernels.goldstein.BATCH_BYTES", 1 << 20)
    phase, _ = interferogram(0.9)
    expected = patch_by_patch(np.exp(1j * phase), alpha, size, STEPS.get((size, overlap), size // 2))
    found = goldstein(image(phase), alpha=alpha, patch=size, overlap=overlap).array[0]
    inner = np.s_[size:-size, size:-size]
    # Where hardly anything is left of the phasors, their angle is rounding.
    clear = np.abs(expected[inner]) > 1e-2 * np.abs(expected).max()
    clear &= ~np.isnan(phase[inner])
    assert clear.mean() > 0.7
    assert np.abs(np.angle(np.exp(1j * found[inner]) / expected[inner]))[clear].max() < 1e-4
    np.testing.assert_array_equal(np.isnan(found), np.isnan(phase))


def test_alpha_0_leaves_the_phase() -> None:
    phase, _ = interferogram(0.9)
    found = goldstein(image(phase), alpha=0.0).array[0]
    inner = np.s_[32:-32, 32:-32]
    assert np.nanmax(np.abs(np.angle(np.exp(1j * (found - phase)))[inner])) < 1e-4


def test_fringes_come_out_of_the_noise() -> None:
    phase, truth = interferogram(0.9)
    error = {
        alpha: np.nanstd(np.angle(np.exp(1j * (goldstein(image(phase), alpha=alpha).array[0] - truth)))[32:-32, 32:-32])
        for alpha in (0.0, 0.5, 1.0)
    }
    assert error[0.5] < 0.6 * error[0.0]
    assert error[1.0] < 0.4 * error[0.0]


@pytest.mark.parametrize(("size", "overlap"), [(8, 0.5), (8, 0.8), (32, 0.5), (32, 0.75), (32, 0.9), (128, 0.5)])
@pytest.mark.parametrize("complex_values", [False, True])
def test_tiles_are_cuts_of_the_whole_to_the_last_bit(size: Any, overlap: float, complex_values: bool) -> None:
    phase, _ = interferogram(1.2, 420)
    amplitude = np.random.default_rng(1).gamma(2, 1, phase.shape)
    whole = image((np.exp(1j * phase) * amplitude).astype(np.complex64) if complex_values else phase)
    expected = goldstein(whole, alpha=0.6, patch=size, overlap=overlap)
    reach = size - 1
    for row, col, height, width in ((reach, reach, 40, 64), (150, 171, 1, 1), (133, 140, 7, 100), (180, 129, 101, 1)):
        tile = Grid(whole.grid.lattice, ROW + row, COL + col, height, width)
        part = goldstein(whole.cut(tile.pad(reach)), alpha=0.6, patch=size, overlap=overlap).cut(tile)
        np.testing.assert_array_equal(part.array, expected.cut(tile).array)


def test_more_overlap_leaves_fewer_traces_of_the_patches() -> None:
    phase, truth = interferogram(0.9)
    error = [
        np.nanstd(
            np.angle(np.exp(1j * (goldstein(image(phase), alpha=1.0, overlap=share).array[0] - truth)))[32:-32, 32:-32]
        )
        for share in (0.5, 0.75, 0.875)
    ]
    assert error[1] < 0.97 * error[0]
    assert error[2] <= 1.01 * error[1]


def test_complex_values_keep_their_amplitude() -> None:
    phase, _ = interferogram(0.9)
    amplitude = np.random.default_rng(1).gamma(2, 1, phase.shape)
    values = (np.exp(1j * phase) * amplitude).astype(np.complex64)
    found = goldstein(image(values)).array[0]
    assert found.dtype == np.complex64
    expected = patch_by_patch(values, 0.5, 32, 16)
    inner = np.s_[32:-32, 32:-32]
    np.testing.assert_allclose(np.abs(found), np.abs(values), rtol=1e-5)
    clear = (np.abs(expected) > 1e-2 * np.abs(expected).max())[inner] & ~np.isnan(values[inner])
    assert np.abs(np.angle(found[inner] / expected[inner]))[clear].max() < 1e-4
    assert np.isnan(found[np.isnan(values)]).all()


def test_an_image_smaller_than_a_patch_is_no_special_case() -> None:
    phase, _ = interferogram(0.9, 20)
    assert goldstein(image(phase[:5, :7])).array.shape == (1, 5, 7)


def test_a_pixel_reaches_one_less_than_a_patch_and_no_farther() -> None:
    phase, _ = interferogram(0.9, 80)
    other = phase.copy()
    other[40, 40] += 1
    changed = goldstein(image(phase), patch=16).array[0] != goldstein(image(other), patch=16).array[0]
    changed &= ~np.isnan(phase)
    distance = np.maximum(*np.abs(np.indices(phase.shape) - 40))
    assert 8 <= distance[changed].max() <= 15
