"""Arithmetic, comparison, logic and choice, pixel by pixel.

True is 1 and false is 0. NaN in any input is NaN in the result unless the help text says otherwise.
An input with one band serves every band of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.operator import BandRule, BandsInput, Mode, Names, Options, Schema, constant_unit, operator, same_bands
from jeoview.quantities import WRAPPED_MARK, is_wrapped, same_word
from jeoview.raster import Array, Raster

NO_UNIT = constant_unit("")
Unit = Annotated[str, Field(max_length=32)]
# Of float32, which pixels are.
LARGEST = float(np.finfo(np.float32).max)
PixelValue = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]


def joint_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    """The bands of the inputs, which have equally many, or one that serves all.

    Raises
    ------
    ParameterError
        If the numbers of bands do not fit together.
    """
    counts = {len(schema.bands) for schema in inputs} - {1}
    if len(counts) > 1:
        shown = " and ".join(str(list(schema.bands)) for schema in inputs)
        raise ParameterError(f"the images have {shown}: expected equally many bands, or one; choose with image['name']")
    return same_bands(options, inputs)


def _units_by_band(inputs: tuple[Schema, ...]) -> list[tuple[str, Names]]:
    """Band by band its name and the units that the inputs have in it; an input with one band serves all."""
    size = max((len(schema.units) for schema in inputs), default=0)
    names = next((tuple(schema.units) for schema in inputs if len(schema.units) == size), ())
    units = [tuple(schema.units.values()) for schema in inputs]
    columns = [known * size if len(known) == 1 else known for known in units]
    return list(zip(names, zip(*columns, strict=True), strict=True))


def _joint(units: Names, where: str = "") -> str:
    known = [unit for unit in units if unit]
    if len({same_word(unit.removesuffix(WRAPPED_MARK)) for unit in known}) > 1:
        shown = " and ".join(map(repr, dict.fromkeys(known)))
        raise ParameterError(
            f"the images have values in {shown}{where}: expected one unit. Bring one to the unit of the other and say so, "
            f"image * factor, then .with_unit({known[0]!r}); .with_unit('') forgets a unit"
        )
    # Of two angles of which one is known but for whole cycles, no more is known of the sum.
    return next((unit for unit in known if is_wrapped(unit)), known[0] if known else "")


def joint_unit(options: Options, inputs: tuple[Schema, ...]) -> Names:
    """The one unit of the inputs, band by band; an input without unit goes with all, and so does a number.

    Raises
    ------
    ParameterError
        If two inputs have different units in a band.
    """
    found = _units_by_band(inputs)
    several = len({units for _, units in found}) > 1
    return tuple(_joint(units, f" in band {band!r}" if several else "") for band, units in found) or ("",)


def compared_unit(options: Options, inputs: tuple[Schema, ...]) -> str:
    """True and false have no unit, but what is compared has one."""
    joint_unit(options, inputs)
    return ""


def chosen_unit(options: Options, inputs: tuple[Schema, ...]) -> Names:
    """That of the values that a condition, the first input, chooses from."""
    return joint_unit(options, inputs[1:])


def product_unit(options: Options, inputs: tuple[Schema, ...]) -> Names:
    """The unit of the one factor that has one; two units make one that has no name here."""
    known = [[unit for unit in units if unit] for _, units in _units_by_band(inputs)]
    return tuple(units[0] if len(units) == 1 else "" for units in known)


def ratio_unit(options: Options, inputs: tuple[Schema, ...]) -> Names:
    """The unit of the dividend, if the divisor has none; other ratios have none, or one that has no name here."""
    inverse = "x" in options
    return tuple("" if inverse or any(units[1:]) else units[0] for _, units in _units_by_band(inputs))


def _values(operand: Raster | float) -> Array | np.float32:
    return operand.array if isinstance(operand, Raster) else np.float32(operand)


def first_named(*operands: Raster | float) -> Raster:
    """The operand whose bands name those of the result: the first that has more than one."""
    images = [operand for operand in operands if isinstance(operand, Raster)]
    return next((image for image in images if len(image.bands) > 1), images[0])


def _apply(function: Callable[..., Array], *operands: Raster | float) -> Raster:
    with np.errstate(all="ignore"):
        array = function(*[_values(operand) for operand in operands])
    # A division by zero has no value; infinity would poison every statistic after it.
    array[~np.isfinite(array)] = np.nan
    return replace(first_named(*operands), array=array)


def _truth(function: Callable[..., Array], *operands: Raster | float) -> Raster:
    values = [_values(operand) for operand in operands]
    array = function(*values).astype(np.float32)
    for value in values:
        array[np.broadcast_to(np.isnan(value), array.shape)] = np.nan
    return replace(first_named(*operands), array=array)


@operator(mode=Mode.PIXEL, nodata="any", bands=joint_bands, unit=joint_unit, complex_numbers="kept")
def add(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """Sum x + y."""
    return _apply(np.add, x, y)


@operator(mode=Mode.PIXEL, nodata="any", bands=joint_bands, unit=joint_unit, complex_numbers="kept")
def subtract(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """Difference x - y."""
    return _apply(np.subtract, x, y)


@operator(mode=Mode.PIXEL, nodata="any", bands=joint_bands, unit=product_unit, complex_numbers="kept")
def multiply(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """Product x * y."""
    return _apply(np.multiply, x, y)


@operator(mode=Mode.PIXEL, nodata="any", bands=joint_bands, unit=ratio_unit, complex_numbers="kept")
def divide(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """Quotient x / y; NaN where y is 0."""
    return _apply(np.divide, x, y)


@operator(mode=Mode.PIXEL, nodata="any", bands=joint_bands, unit=NO_UNIT)
def power(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """Power x ** y; NaN where that is no real number, and in ``NaN ** 0`` and ``1 ** NaN`` too."""
    return _apply(power_of, x, y)


def power_of(x: Array | np.float32, y: Array | np.float32) -> Array:
    """``x ** y``; where either is NaN the result is, though IEEE 754 calls ``NaN ** 0`` and ``1 ** NaN`` one."""
    return np.where(np.isnan(x) | np.isnan(y), np.float32(np.nan), np.power(x, y))


@operator(mode=Mode.PIXEL, nodata="any", unit=compared_unit, bands=joint_bands)
def lt(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x < y, else 0."""
    return _truth(np.less, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=compared_unit, bands=joint_bands)
def lte(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x <= y, else 0."""
    return _truth(np.less_equal, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=compared_unit, bands=joint_bands)
def gt(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x > y, else 0."""
    return _truth(np.greater, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=compared_unit, bands=joint_bands)
def gte(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x >= y, else 0."""
    return _truth(np.greater_equal, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=compared_unit, bands=joint_bands)
def eq(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x equals y, else 0."""
    return _truth(np.equal, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=compared_unit, bands=joint_bands)
def neq(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x differs from y, else 0."""
    return _truth(np.not_equal, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT, bands=joint_bands)
def and_(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x and y are both true (not 0), else 0."""
    return _truth(np.logical_and, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT, bands=joint_bands)
def or_(x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """1 where x or y is true (not 0), else 0."""
    return _truth(np.logical_or, x, y)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT)
def not_(x: BandsInput) -> BandsInput:
    """1 where x is 0, else 0."""
    return _truth(np.logical_not, x)


def _between_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if options["low"] > options["high"]:
        raise ParameterError(f"between: low {options['low']} is above high {options['high']}")
    return same_bands(options, inputs)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT, bands=_between_bands)
def between(x: BandsInput, *, low: float, high: float) -> BandsInput:
    """1 where low <= x <= high, else 0.

    Parameters
    ----------
    low, high : float
        Ends of the range, both in it.

    Raises
    ------
    ParameterError
        If low is above high.
    """
    return _truth(lambda values: (values >= np.float32(low)) & (values <= np.float32(high)), x)


@operator(mode=Mode.PIXEL, nodata="any")
def absolute(x: BandsInput) -> BandsInput:
    """Absolute value."""
    return _apply(np.abs, x)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT)
def sqrt(x: BandsInput) -> BandsInput:
    """Square root; NaN below 0."""
    return _apply(np.sqrt, x)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT)
def exp(x: BandsInput) -> BandsInput:
    """Exponential e ** x."""
    return _apply(np.exp, x)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT)
def ln(x: BandsInput) -> BandsInput:
    """Natural logarithm; NaN at 0 and below."""
    return _apply(np.log, x)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT)
def log10(x: BandsInput) -> BandsInput:
    """Decimal logarithm; NaN at 0 and below."""
    return _apply(np.log10, x)


def _clip_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if options["min"] > options["max"]:
        raise ParameterError(f"clip: min {options['min']} is above max {options['max']}")
    return same_bands(options, inputs)


@operator(mode=Mode.PIXEL, nodata="any", bands=_clip_bands)
def clip(x: BandsInput, *, min: float, max: float) -> BandsInput:  # noqa: A002 - openEO's names
    """Values below min become min, above max become max (openEO's clip; see mask_polygon for areas).

    Parameters
    ----------
    min, max : float
        Ends of the range.

    Raises
    ------
    ParameterError
        If min is above max.
    """
    return _apply(lambda values: np.clip(values, np.float32(min), np.float32(max)), x)


def _scaled_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    low, high = options["input_min"], options["input_max"]
    if low >= high:
        raise ParameterError(f"linear_scale_range: input_min {low} is not below input_max {high}")
    return same_bands(options, inputs)


@operator(mode=Mode.PIXEL, nodata="any", unit=NO_UNIT, bands=_scaled_bands)
def linear_scale_range(
    x: BandsInput,
    *,
    input_min: float,
    input_max: float,
    output_min: float = 0.0,
    output_max: float = 1.0,
) -> BandsInput:
    """Map input_min..input_max to output_min..output_max; values outside are set to the nearer end (as openEO).

    Parameters
    ----------
    input_min, input_max : float
        Values that become output_min and output_max.
    output_min, output_max : float
        What they become.

    Raises
    ------
    ParameterError
        If input_min is not below input_max.
    """
    low, high = np.float32(input_min), np.float32(input_max)
    factor = np.float32((output_max - output_min) / (input_max - input_min))
    return _apply(lambda values: (np.clip(values, low, high) - low) * factor + np.float32(output_min), x)


def _decided(name: str, condition: int) -> BandRule:
    """Bands of an operator one of whose inputs is true or false, and so not complex."""

    def rule(options: Options, inputs: tuple[Schema, ...]) -> Names:
        if inputs[condition].is_complex:
            raise ParameterError(f"{name}: the condition holds complex numbers; compare their .phase() or .amplitude()")
        return joint_bands(options, inputs)

    return rule


@operator(mode=Mode.PIXEL, nodata="own", bands=_decided("where", 0), unit=chosen_unit, complex_numbers="kept")
def where(condition: BandsInput, x: BandsInput | float, y: BandsInput | float) -> BandsInput:
    """Choose x where the condition is true (not 0), y where it is 0; NaN where the condition is NaN."""
    chosen = np.where(condition.array != 0, _values(x), _values(y))
    chosen[np.broadcast_to(np.isnan(condition.array), chosen.shape)] = np.nan
    return replace(first_named(condition, x, y), array=chosen)


@operator(mode=Mode.PIXEL, nodata="own", bands=_decided("mask", 1), complex_numbers="kept")
def mask(x: BandsInput, condition: BandsInput) -> BandsInput:
    """Keep x where the condition is true (not 0); NaN where it is 0 or NaN.

    As Earth Engine's updateMask: the condition says what stays.
    """
    kept = (condition.array != 0) & ~np.isnan(condition.array)
    return replace(first_named(x, condition), array=np.where(kept, x.array, np.float32(np.nan)))


@operator(mode=Mode.PIXEL, nodata="own", complex_numbers="kept")
def unmask(x: BandsInput, *, value: PixelValue = 0.0) -> BandsInput:
    """Put a value where there is no data (NaN).

    Parameters
    ----------
    value : float
        What stands there.
    """
    return replace(x, array=np.where(np.isnan(x.array), np.float32(value), x.array))


@operator(mode=Mode.PIXEL, nodata="any", unit=lambda options, _: str(options["unit"]), complex_numbers="kept")
def with_unit(x: BandsInput, *, unit: Unit) -> BandsInput:
    """Say in which unit the values are; the values stay as they are.

    Parameters
    ----------
    unit : str
        For instance ``"mm"`` after ``image * 1000`` of metres; ``""`` for none. Images of different units are neither
        added nor compared.
    """
    return x
