"""Goldstein's filter of interferograms."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from jeoview.grid import Grid
from jeoview.kernels.angles import angles_of, phasors_of
from jeoview.kernels.goldstein import goldstein as filtered
from jeoview.operator import BandsInput, Mode, Options, operator
from jeoview.operators.phase import angle_unit
from jeoview.quantities import WRAPPED, Later
from jeoview.raster import Array

Alpha = Annotated[float, Field(ge=0, le=2)]
Patch = Literal[8, 16, 32, 64, 128]
Overlap = Annotated[float, Field(ge=0.5, le=0.9)]


def _reach(options: Options, grid: Grid) -> int:
    """A pixel lies in several patches, of which the farthest pixel is one less than a patch away."""
    return int(options["patch"]) - 1


@operator(
    mode=Mode.NEIGHBOURHOOD,
    nodata="centre",
    radius=_reach,
    unit=angle_unit("goldstein", WRAPPED),
    native=True,
    complex_numbers="kept",
)
def goldstein(
    image: BandsInput, *, alpha: Alpha = 0.5, patch: Patch = 32, overlap: Annotated[Overlap, Later()] = 0.5
) -> BandsInput:
    """Smooth the fringes of an interferogram where they are strong (Goldstein and Werner 1998).

    The spectrum S of every patch becomes S abs(smooth(S)) ** alpha, with the amplitude smoothed over 3 x 3. Patches
    stand at multiples of one step on the map's lattice, so that tiles agree, and are laid together with triangular weights.

    Parameters
    ----------
    image : bands
        Wrapped phase in rad, or complex values.
    alpha : float
        0 leaves the phase as it is; 0.5 is usual; 1 filters strongly.
    patch : int
        Side of a patch in pixels of the screen (of the sensor for an interferogram on its own grid).
    overlap : float
        Share of its side that a patch has in common with the next one, in whole pixels: 0.5 or more. At 0.75 there are four
        times as many patches, which takes four times as long, and their traces fade.

    Returns
    -------
    bands
        Of phase: phase, rad (wrapped). Of complex values: complex, the filtered phase with the amplitude that the
        pixel had. NaN where the pixel itself is NaN; among the others NaN weighs nothing.

    Raises
    ------
    ParameterError
        If the image has another unit than rad, or is coherence or amplitude.

    Notes
    -----
    Of complex values strong echoes count more than weak ones; of phase all pixels count alike.
    """
    out = np.empty(image.array.shape, dtype=image.array.dtype)
    step = max(round(patch * (1 - overlap)), 1)
    for layer, result in zip(image.array, out, strict=True):
        phase = angles_of(filtered(layer, image.grid.row, image.grid.col, alpha, patch, step))
        result[...] = _with_phase(layer, phase)
    return replace(image, array=out)


def _with_phase(layer: Array, phase: Array) -> Array:
    if not np.iscomplexobj(layer):
        return np.where(np.isnan(layer), np.float32(np.nan), phase)
    amplitude = np.sqrt(layer.real * layer.real + layer.imag * layer.imag)
    return np.where(np.isnan(layer), np.complex64(np.nan), amplitude * phasors_of(phase))
