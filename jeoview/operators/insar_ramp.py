"""Ramps of orbits and long atmosphere: a surface fitted to every pair, and subtracted."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.grid import Grid
from jeoview.kernels.ramp import fit_network, fit_surface, subtract_surface, terms
from jeoview.operator import Mode, Names, Options, Schema, SeriesInput, TableInput, constant_unit, operator, with_table
from jeoview.operators.insar_pairs import PHASE, check_pairs, moments, pair_dates, phase_only
from jeoview.projection import WEB_MERCATOR, transform
from jeoview.quantities import Later
from jeoview.raster import Table

Doubles = NDArray[np.float64]
Degree = Annotated[int, Field(ge=1, le=2)]


def _coordinates(grid: Grid) -> tuple[Doubles, Doubles]:
    """Web Mercator metres of every pixel, (y, x), whatever the grid's own system."""
    x, y = np.meshgrid(grid.x, grid.y)
    if grid.crs == WEB_MERCATOR:
        return x, y
    east, north = transform(grid.crs, WEB_MERCATOR, x.ravel(), y.ravel())
    return np.asarray(east).reshape(x.shape), np.asarray(north).reshape(x.shape)


def _phase_band(options: Options, inputs: tuple[Schema, ...]) -> Names:
    if options["joint"]:
        check_pairs("ramps", inputs[0])
    return (inputs[0].band(PHASE, "ramps"),)


@operator(mode=Mode.FIT, nodata="own", bands=_phase_band, demand=phase_only, unit=constant_unit("rad"))
def ramps(stack: SeriesInput, *, degree: Degree = 1, joint: Annotated[bool, Later()] = False) -> TableInput:
    """A plane or a quadratic surface of every pair, by least squares over a region.

    Pixels that are NaN are left out: mask what moves first.

    Parameters
    ----------
    degree : int
        1: plane, 2: quadratic.
    joint : bool
        False: every pair has a surface of its own. True: every date has one, but for its constant, fitted to all pairs
        together, and a pair has the difference of those of its dates (Biggs et al. 2007): loops then close as they did but for constants, and what
        deforms in one pair alone is not taken for a ramp.

    Returns
    -------
    table
        ``frame``: centre x, y and half size of the region in Web Mercator metres; ``unwrapped``: for each pair the
        coefficients of 1, x, y (, x**2, xy, y**2) in rad, with x and y from the centre in half sizes. NaN where a pair
        has too few valid pixels; jointly, where its dates are not connected by pairs that have enough. Jointly also ``date``
        (seconds since 1970) and ``ramp``: for each date the coefficients of x, y (, x**2, xy, y**2) in rad, from those of the
        first date.
    """
    x, y = _coordinates(stack.grid)
    frame = np.array([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2, max(np.ptp(x), np.ptp(y), 1.0) / 2])
    columns = terms(((x - frame[0]) / frame[2]).ravel(), ((y - frame[1]) / frame[2]).ravel(), degree)
    phase = stack.array[:, stack.bands.index(PHASE)].reshape(len(stack.array), x.size)
    if not joint:
        return Table({"frame": frame, PHASE: fit_surface(phase, columns).ravel()})
    known = pair_dates(stack.dates)
    pairs, dates = fit_network(phase, columns, known.network)
    return Table({"frame": frame, PHASE: pairs.ravel(), "date": moments(known.dates), "ramp": dates.ravel()})


def _stack_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    inputs[0].band(PHASE, "deramped")
    return inputs[0].bands


@operator(mode=Mode.PIXEL, nodata="own", bands=_stack_bands, demand=with_table, native=False, table="ramps")
def deramped(stack: SeriesInput, table: TableInput) -> SeriesInput:
    """Subtract from every pair the surface that was fitted to it.

    The surface holds the constant too, so a reference is subtracted afterwards.

    Returns
    -------
    series
        Band ``unwrapped`` in rad, NaN where it was and in every pixel of a pair without a surface; other bands as
        they are.

    Raises
    ------
    ParameterError
        If the table was made from other pairs.
    """
    if PHASE not in stack.bands:
        return stack
    pairs, values = len(stack.array), table.values[PHASE]
    if len(values) not in (3 * pairs, 6 * pairs):
        raise ParameterError(f"deramped: the table has {len(values)} coefficients, which do not fit {pairs} pairs")
    centre_x, centre_y, size = table.values["frame"]
    x, y = _coordinates(stack.grid)
    band = stack.bands.index(PHASE)
    array = np.array(stack.array, dtype=np.float32, order="C")
    if pairs:
        frame_x, frame_y = (x - centre_x) / size, (y - centre_y) / size
        subtract_surface(array, band, np.ascontiguousarray(values.reshape(pairs, -1)), frame_x, frame_y)
    return replace(stack, array=array)
