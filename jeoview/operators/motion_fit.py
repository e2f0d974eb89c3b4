"""The model of `velocity` fitted to one series, as the operator fits it to every pixel: for charts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jeoview.errors import ParameterError
from jeoview.kernels.stack import Stack
from jeoview.kernels.timefit import fit
from jeoview.operators.velocity import HARMONICS, MotionModel, design_of

# Moments at which a curve is drawn.
MOMENTS = 400


@dataclass(frozen=True)
class Fit:
    """Which curve is fitted: what `velocity` takes.

    Parameters
    ----------
    model : {"linear", "annual", "semiannual"}
        Its seasons.
    degree : int
        Of the polynomial.
    steps : tuple of str
        Days of sudden motion.
    robust : bool
        Whether dates that lie far off weigh less.
    """

    model: str = "linear"
    degree: int = 1
    steps: tuple[str, ...] = ()
    robust: bool = False

    def __str__(self) -> str:
        """The model in words."""
        more = [f"of degree {self.degree}"] if self.degree > 1 else []
        more += [f"with {len(self.steps)} step{'s' if len(self.steps) > 1 else ''}"] if self.steps else []
        return " ".join(["robust"] * self.robust + [self.model, "fit", *more])


LINEAR = Fit()


@dataclass(frozen=True)
class Curve:
    """A model that is fitted to a series.

    Parameters
    ----------
    rate, error : float
        Slope and its standard error, a year; the error is NaN without a date to spare.
    dates : tuple of str
        Moments from the first date to the last.
    values : (moment,) float64
        The curve there.
    """

    rate: float
    error: float
    dates: tuple[str, ...]
    values: NDArray[np.float64]


def curve_of(dates: tuple[str, ...], values: NDArray[np.float64], wanted: Fit = LINEAR) -> Curve | None:
    """Fit a model to a series; None where its dates do not determine the model.

    Parameters
    ----------
    dates : tuple of str
        RFC 3339, in order.
    values : (date,) float64
        NaN is left out.
    wanted : Fit
        The model.
    """
    model = MotionModel(wanted.degree, HARMONICS[wanted.model], wanted.steps)
    try:
        design = design_of(model, dates)
    except ParameterError:
        # A step of another series' days.
        return None
    rows = fit(Stack.of(values.astype(np.float32).reshape(-1, 1, 1, 1)), design, robust=wanted.robust)[:, 0]
    size = len(rows) - 3
    if len(dates) < 3 or not np.isfinite(rows[:size]).all() or rows[-1] < 3:
        return None
    moments = _between(dates[0], dates[-1])
    return Curve(float(rows[1]), float(rows[size]), moments, model.matrix(moments) @ rows[:size].astype(np.float64))


def _between(first: str, last: str) -> tuple[str, ...]:
    start, end = dt.datetime.fromisoformat(first), dt.datetime.fromisoformat(last)
    step = (end - start) / (MOMENTS - 1)
    return (first, *((start + number * step).isoformat() for number in range(1, MOMENTS - 1)), last)
