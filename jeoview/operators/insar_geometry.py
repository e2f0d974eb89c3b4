"""Where the satellite was: unit vectors along the line of sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jeoview.errors import ParameterError
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, all_demand, constant_unit, operator

LOS = ("los_east", "los_north", "los_up")


def _los_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if len(inputs[0].bands) != 2:
        raise ParameterError(
            f"line_of_sight: got {len(inputs[0].bands)} bands; expected two, the incidence and the azimuth in radians"
        )
    return LOS


@operator(mode=Mode.PIXEL, nodata="any", bands=_los_bands, demand=all_demand, unit=constant_unit(""))
def line_of_sight(angles: BandsInput) -> BandsInput:
    """Unit vector from the ground to the satellite, of its incidence and azimuth.

    Parameters
    ----------
    angles : bands
        Two bands in radians: incidence, from the vertical; azimuth of the satellite as seen from the ground,
        anticlockwise from east.

    Returns
    -------
    bands
        ``los_east``, ``los_north``, ``los_up``: sin(i) cos(a), sin(i) sin(a), cos(i). ``los_east`` is negative for a
        right-looking satellite on an ascending orbit. NaN where an angle is.

    Raises
    ------
    ParameterError
        If the image has not two bands.
    """
    incidence, azimuth = angles.array.astype(np.float64)
    flat = np.sin(incidence)
    array = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.cos(incidence)])
    return replace(angles, array=array.astype(np.float32), bands=LOS)
