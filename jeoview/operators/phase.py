"""Wrapped phase: numbers of which only the part within a cycle is known.

The unit ``rad (wrapped)`` marks them. They are averaged and resampled as phasors, never as numbers: between 3 and -3
rad lies pi, not 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.kernels.angles import angles_of, mean_phasor, wrapped
from jeoview.operator import (
    BandsInput,
    KeptUnit,
    Mode,
    Names,
    Options,
    Schema,
    SeriesInput,
    UnitRule,
    operator,
)
from jeoview.quantities import WRAPPED, WRAPPED_MARK, is_wrapped, same_word
from jeoview.raster import Array, Kind, Raster
from jeoview.schema import Units

CYCLE = 2.0 * np.pi
ANGLES = ("", "rad", WRAPPED)
# Bands by which products and operators call what is no angle.
NO_ANGLES = ("coherence", "temporal_coherence", "amplitude", "amplitude_dispersion", "candidate")


def linear_unit(name: str, advice: str) -> UnitRule:
    """The units of the first input, for an operator that averages numbers.

    Parameters
    ----------
    name : str
        The operator.
    advice : str
        What serves for wrapped phase, which the operator refuses.
    """

    def check(schema: Schema) -> None:
        for band, unit in schema.units.items():
            if is_wrapped(unit):
                others = "" if schema.unit else "choose other bands, image['name'], or "
                raise ParameterError(
                    f"{name}: {called(schema, band)} is in {unit}, and numbers that wrap around have no mean of their own; "
                    f"{others}use {advice}"
                )

    return KeptUnit(check)


def called(schema: Schema, band: str) -> str:
    """What a message calls a band: the image, where all of it has one unit."""
    return "the image" if schema.unit else f"band {band!r}"


def angle_unit(name: str, units: Units, advice: str = "") -> UnitRule:
    """Units, whatever the input, for an operator that takes nothing but angles in rad (or numbers without a unit)."""

    def rule(options: Options, inputs: tuple[Schema, ...]) -> Units:
        for band, unit in inputs[0].units.items():
            if same_word(unit) not in ANGLES:
                raise ParameterError(f"{name}: {called(inputs[0], band)} is in {unit}; expected phase in rad{advice}")
        check_phase(name, inputs[0], "phase in rad")
        return units

    return rule


def check_phase(name: str, schema: Schema, expected: str) -> None:
    """Refuse numbers without a unit that are known to be something else than phase, such as coherence.

    Parameters
    ----------
    name : str
        The operator.
    schema : Schema
        The image.
    expected : str
        In words.

    Raises
    ------
    ParameterError
        Which says what the image is.
    """
    if schema.unit or schema.is_complex:
        return
    what = schema.quantity or next((band for band in schema.bands if band in NO_ANGLES), "")
    if not what:
        return
    if len(schema.bands) > 1:
        advice = f"choose a band, image['name'], of {list(schema.bands)}"
    else:
        advice = "where the numbers are that all the same, say their unit first, .with_unit('rad')"
    raise ParameterError(f"{name}: the image is {what.replace('_', ' ')}; expected {expected}; {advice}")


def phase_of(array: Array) -> Array:
    """Phase in rad of complex numbers; other numbers as they are."""
    return angles_of(array) if np.iscomplexobj(array) else array


@operator(
    mode=Mode.PIXEL,
    nodata="any",
    unit=angle_unit("wrap", WRAPPED, "; fringes of another length are made by .rewrap(range)"),
)
def wrap(image: BandsInput) -> BandsInput:
    """Leave whole cycles out: phase above -pi and up to pi.

    Parameters
    ----------
    image : bands
        Phase in rad, for instance unwrapped, or the difference of two wrapped phases.

    Returns
    -------
    bands
        rad (wrapped), x - 2 pi ceil(x / (2 pi) - 1 / 2).

    Raises
    ------
    ParameterError
        If the image has another unit than rad, or is coherence or amplitude.
    """
    return replace(image, array=wrapped(image.array, CYCLE))


def _fringe_units(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if any(map(is_wrapped, inputs[0].units.values())):
        raise ParameterError(
            "rewrap: the image is wrapped already, and its fringes cannot become others; start from the unwrapped "
            "phase or the displacement, .unwrap() first"
        )
    check_phase("rewrap", inputs[0], "phase, displacement or velocity")
    return tuple(f"{unit}{WRAPPED_MARK}".strip() for unit in inputs[0].units.values())


@operator(mode=Mode.PIXEL, nodata="any", unit=_fringe_units)
def rewrap(image: BandsInput, *, range: Annotated[float, Field(gt=0, le=1e9)]) -> BandsInput:  # noqa: A002
    """Fringes of a length of your choice, of unwrapped phase or of displacement.

    Parameters
    ----------
    image : bands
        Any quantity that is not wrapped: phase in rad, displacement in m, velocity in mm/yr.
    range : float
        Length of a fringe, in the image's own unit: 0.1 of a displacement in m is one fringe for every 10 cm along the
        line of sight, 4 pi of a phase in rad is one fringe for a whole wavelength.

    Returns
    -------
    bands
        Above -range / 2 and up to range / 2, in the image's unit, marked as wrapped.

    Raises
    ------
    ParameterError
        If the image is wrapped already, or is coherence or amplitude.
    """
    return replace(image, array=wrapped(image.array, range))


def _over_time(series: Raster, array: Array) -> Raster:
    return replace(series, array=array, kind=Kind.BANDS, dates=())


@operator(mode=Mode.PIXEL, nodata="skip", unit=angle_unit("mean_phase", WRAPPED), complex_numbers="used")
def mean_phase(series: SeriesInput) -> BandsInput:
    """Angle of the mean phasor over time, arg(mean exp(j phase)): the mean of wrapped phase.

    Parameters
    ----------
    series : series
        Phase in rad, or complex values, of which the phase alone counts.

    Returns
    -------
    bands
        rad (wrapped); NaN where no date is valid. How far it can be trusted says `phase_stability`.

    Raises
    ------
    ParameterError
        If the series has another unit than rad.
    """
    return _over_time(series, mean_phasor(phase_of(series.array))[0])


@operator(
    mode=Mode.PIXEL,
    nodata="skip",
    unit=angle_unit("phase_stability", ""),
    complex_numbers="used",
    quantity="phase stability",
)
def phase_stability(series: SeriesInput) -> BandsInput:
    """Length of the mean phasor over time, abs(mean exp(j phase)): 1 where all dates agree, near 0 at random.

    Parameters
    ----------
    series : series
        Phase in rad, or complex values, of which the phase alone counts.

    Returns
    -------
    bands
        0 to 1; NaN where no date is valid. N phases at random give about 0.89 / sqrt(N).
    """
    return _over_time(series, mean_phasor(phase_of(series.array))[1])
