"""Velocity and other parameters of motion, fitted to a displacement series."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from jeoview.errors import ParameterError
from jeoview.kernels.stack import Stack
from jeoview.kernels.timefit import Design, fit, forget_short, harmonic
from jeoview.operator import BandsInput, Mode, Names, Options, Schema, SeriesInput, operator
from jeoview.operators.insar_pairs import DAYS_PER_YEAR, check_dates, displacement_only, years_since
from jeoview.raster import Kind

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Model = Literal["linear", "annual", "semiannual"]
Degree = Annotated[int, Field(ge=1, le=5)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$", examples=["2017-02-16"])]
Days = Annotated[tuple[Day, ...], Field(max_length=16)]
MinDates = Annotated[int, Field(ge=1, le=10_000)]
Years = Annotated[float, Field(ge=0, le=100, json_schema_extra={"unit": "yr"})]
MILLIMETRES = 1000.0
# Seasons are told from the first day of a year.
NEW_YEAR = "2000-01-01T00:00:00Z"
# Years that a pixel must have where nothing else is asked for.
SPANS = {"linear": 0.25, "annual": 1.0, "semiannual": 1.0}
HARMONICS = {"linear": 0, "annual": 1, "semiannual": 2}


@dataclass(frozen=True)
class MotionModel:
    """Offset, polynomial, seasons and steps; the columns of the fit in this order.

    Parameters
    ----------
    degree : int
        Of the polynomial.
    harmonics : int
        1: a year; 2: and half a year.
    steps : tuple of str
        Days of sudden motion.
    """

    degree: int
    harmonics: int
    steps: tuple[str, ...]

    @property
    def bands(self) -> Names:
        """Names of what the fit gives."""
        seasons = ("amplitude", "phase_of_year", "semiannual_amplitude", "semiannual_phase")[: 2 * self.harmonics]
        acceleration = ("acceleration",) if self.degree > 1 else ()
        steps = tuple(f"step{number}" for number in range(1, len(self.steps) + 1))
        return ("velocity", "std", "rmse", *acceleration, *seasons, *steps)

    @property
    def units(self) -> Names:
        """Units of `bands`."""
        seasons = ("mm", "d", "mm", "d")[: 2 * self.harmonics]
        acceleration = ("mm/yr^2",) if self.degree > 1 else ()
        return ("mm/yr", "mm/yr", "mm", *acceleration, *seasons, *("mm" for _ in self.steps))

    def matrix(self, dates: tuple[str, ...]) -> Doubles:
        """(date, parameter); time in years from the middle of the series."""
        years, season = years_since(dates, dates[0]), years_since(dates, NEW_YEAR)
        t = years - (years[0] + years[-1]) / 2
        columns = [t**power for power in range(self.degree + 1)]
        for harmonic_number in range(1, self.harmonics + 1):
            angle = 2 * np.pi * harmonic_number * season
            columns += [np.cos(angle), np.sin(angle)]
        columns += [(season >= years_since((_moment(step),), NEW_YEAR)[0]).astype(np.float64) for step in self.steps]
        return np.stack(columns, axis=1)

    def results(self, rows: Floats) -> Floats:
        """Bands from the rows of the kernel, in millimetres, (band, pixel)."""
        size = self.degree + 1 + 2 * self.harmonics + len(self.steps)
        scale = np.float32(MILLIMETRES)
        out = [rows[1] * scale, rows[size] * scale, rows[size + 1] * scale]
        if self.degree > 1:
            out.append(rows[2] * (2 * scale))
        for number in range(1, self.harmonics + 1):
            first = self.degree + 2 * number - 1
            amplitude, peak = harmonic(rows[first], rows[first + 1], DAYS_PER_YEAR / number)
            out += [amplitude * scale, peak]
        out += [row * scale for row in rows[size - len(self.steps) : size]]
        return np.stack(out)


def _moment(day: str) -> str:
    return day if "T" in day else f"{day}T00:00:00Z"


@lru_cache(maxsize=64)
def design_of(model: MotionModel, dates: tuple[str, ...]) -> Design:
    """The model at the dates of a series, made once and kept.

    Raises
    ------
    ParameterError
        If a step lies outside the series.
    """
    for step in model.steps:
        if not dates[0] < _moment(step) <= dates[-1]:
            raise ParameterError(
                f"velocity: the step {step} lies outside the series, {dates[0][:10]} to {dates[-1][:10]}"
            )
    return Design.of(model.matrix(dates), slope=1)


def check_day(day: str, what: str) -> None:
    """Refuse what has the form of a day and is none.

    Raises
    ------
    ParameterError
        If the calendar has no such day.
    """
    try:
        dt.datetime.fromisoformat(_moment(day))
    except ValueError:
        raise ParameterError(f"{what} {day!r} is no day of the calendar") from None


def _model(options: Options) -> MotionModel:
    for step in options["steps"]:
        check_day(step, "velocity: the step")
    steps = tuple(sorted(set(options["steps"]), key=_moment))
    return MotionModel(options["degree"], HARMONICS[options["model"]], steps)


def check_motion(options: Options, dates: tuple[str, ...]) -> None:
    """Refuse a model that the dates of a series cannot determine, whatever a pixel holds.

    Raises
    ------
    ParameterError
        If a step lies outside the series, or there are too few dates between steps or for all parameters.
    """
    model = _model(options)
    if design_of(model, dates).basis.any():
        return
    for one, other in pairwise(model.steps):
        if not any(_moment(one) <= date < _moment(other) for date in dates):
            raise ParameterError(
                f"velocity: no date of the series lies between the steps {one} and {other}, which cannot be told apart: the "
                "result would be empty. Give one of them"
            )
    count = model.matrix(dates).shape[1]
    raise ParameterError(
        f"velocity: the {len(dates)} dates of the series do not determine the {count} parameters of degree={model.degree}, "
        f"model={options['model']!r} and {len(model.steps)} steps: the result would be empty. Choose a simpler model"
    )


def _motion_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    check_dates("velocity", inputs[0])
    inputs[0].band("displacement", "velocity")
    return _model(options).bands


def _motion_units(options: Options, inputs: tuple[Schema, ...]) -> Names:
    return _model(options).units


def _of_any_length(arguments: dict[str, Any]) -> dict[str, Any]:
    """Version 1 fitted whatever there was."""
    return {**arguments, "min_dates": 1, "min_span": 0.0}


@operator(
    mode=Mode.PIXEL,
    nodata="own",
    version=2,
    bands=_motion_bands,
    demand=displacement_only,
    unit=_motion_units,
    upgrades={1: _of_any_length},
)
def velocity(
    series: SeriesInput,
    *,
    model: Model = "linear",
    degree: Degree = 1,
    steps: Days = (),
    robust: bool = False,
    min_dates: MinDates = 5,
    min_span: Years | None = None,
) -> BandsInput:
    """Velocity of every pixel and its standard error, by least squares over the dates that it has.

    d(t) = offset + velocity t (+ higher powers) (+ c cos 2 pi t + s sin 2 pi t ...) (+ steps), t in years of
    365.25 days. With ``model="annual"`` the definitions are those of the European Ground Motion Service.

    Parameters
    ----------
    series : series
        Band ``displacement`` in metres, positive towards the satellite (or along any other direction).
    model : {"linear", "annual", "semiannual"}
        Which seasons are part of the motion: none, a year, a year and half a year.
    degree : int
        Of the polynomial, 1 to 5. Above 1 the velocity is that at the middle of the series.
    steps : tuple of str
        Days (``"2018-02-16"``) from which on the ground stands elsewhere, for instance earthquakes.
    robust : bool
        Weigh dates down that lie far from the fit (Huber 1964: beyond 1.345 sigma, sigma from the median of the
        residuals, eight rounds).
    min_dates : int
        Dates that a pixel must have. A line through three dates fits well and says little.
    min_span : float, optional
        Years from the first to the last date that a pixel must have: by default a quarter, and one with seasons in the
        model, which less cannot tell from motion. An error of 5 mm between two dates 12 days apart is a velocity of
        150 mm/yr; over a quarter of a year it is 20.

    Returns
    -------
    bands
        ``velocity`` in mm/yr; ``std``, its standard error sqrt(RSS / (N - P) inv(G'G)) in mm/yr, NaN without a date to
        spare; ``rmse`` of the fit in mm; of degree 2 or more ``acceleration`` in mm/yr**2 (at the middle of
        the series); ``amplitude`` in mm and ``phase_of_year``, the day (0 to 365.25, 0 = 1 January) of the
        highest position; ``semiannual_amplitude`` and ``semiannual_phase`` likewise (0 to 182.6); and ``step1`` ... in
        mm, in the order of the days. NaN where a pixel has fewer dates or a shorter span than asked for, and where its
        dates do not determine the model.

    Raises
    ------
    ParameterError
        If a step is no day, or lies outside the series.
    """
    motion = _model({"model": model, "degree": degree, "steps": steps})
    shape = series.array.shape[-2:]
    span = SPANS[model] if min_span is None else min_span
    if not series.dates:
        array = np.full((len(motion.bands), *shape), np.nan, dtype=np.float32)
    else:
        layers = Stack.of(series.array, series.bands.index("displacement"))
        rows = fit(layers, design_of(motion, series.dates), robust=robust)
        forget_short(rows, layers, years_since(series.dates, series.dates[0]), min_dates, span)
        array = motion.results(rows).reshape(-1, *shape)
    return replace(series, array=array, kind=Kind.BANDS, bands=motion.bands, dates=())
