"""Change maps: what differs between before and after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jeoview.operator import BandsInput, Mode, constant_unit, operator
from jeoview.operators.algebra import first_named, joint_bands, joint_unit
from jeoview.operators.focal import box_mean, widest
from jeoview.quantities import Length


@operator(mode=Mode.PIXEL, nodata="any", bands=joint_bands, unit=joint_unit)
def difference(before: BandsInput, after: BandsInput) -> BandsInput:
    """After - before: positive where the value grew."""
    return replace(first_named(before, after), array=after.array - before.array)


@operator(mode=Mode.NEIGHBOURHOOD, nodata="centre", bands=joint_bands, radius=widest, unit=constant_unit("dB"))
def log_ratio(before: BandsInput, after: BandsInput, *, radius: Length = 0) -> BandsInput:
    """10 log10(after / before) of box-averaged intensity, in dB: positive where backscatter grew.

    Both are intensities, linear, not in dB. The decibels of amplitudes are 20 log10: give their squares, ``image * image``.

    Parameters
    ----------
    radius : int or metres(length)
        Half the averaging window; 0 compares single pixels. Use two dates of one orbit and one polarisation.

    Returns
    -------
    bands
        NaN where either mean is not positive.
    """
    first, second = box_mean(before, radius), box_mean(after, radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        array = 10.0 * np.log10(second / first)
    array[~(first > 0) | ~(second > 0)] = np.nan
    return replace(first_named(before, after), array=array.astype(np.float32))
