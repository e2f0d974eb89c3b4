"""A series under a click: its chart, with a fitted curve where one means something, and its values as CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jeoview.operators.motion_fit import LINEAR, Curve, Fit, curve_of

DAYS_A_YEAR = 365.25
# Within fewer years a line through vegetation, snow or temperature is a piece of a season, not a rate.
YEARS_OF_A_TREND = 2.0

Values = Mapping[str, NDArray[np.float64]]


def has_rate(dates: Sequence[str], unit: str) -> bool:
    """Whether a line through a series is a rate: motion of the ground, or two years and more; never a stack of pairs."""
    if not dates or any("/" in date for date in dates):
        return False
    times = [time_of(date) for date in dates]
    return unit == "m" or (max(times) - min(times)).days / DAYS_A_YEAR >= YEARS_OF_A_TREND


def time_of(date: str) -> dt.datetime:
    """When a layer of a series was taken; of a pair, its second date."""
    return dt.datetime.fromisoformat(date.partition("/")[2] or date)


def chart(dates: Sequence[str], values: Values, units: Mapping[str, str], fit: Fit = LINEAR) -> str:
    """A chart over time as SVG.

    Parameters
    ----------
    dates : sequence of str
        Of the layers.
    values : mapping
        By band, NaN where there is no data.
    units : mapping
        By band; metres are shown as millimetres, in which ground motion is read. Where they differ they stand with the
        names of the bands.
    fit : Fit
        The curve that is drawn and whose rate is said, where one means something.
    """
    shown = {band: "mm" if units[band] == "m" else units[band] for band in values}
    common = set(shown.values()).pop() if len(set(shown.values())) == 1 else ""
    times = [time_of(date) for date in dates]
    order = sorted(range(len(times)), key=times.__getitem__)
    days: Any = np.array([times[index].replace(tzinfo=None) for index in order], dtype="datetime64[s]")
    ordered_dates = tuple(dates[index] for index in order)
    figure = Figure(figsize=(8.2, 2.7), layout="constrained")
    axes = figure.add_subplot()
    for band, series in values.items():
        ordered = series[order] * (1000.0 if units[band] == "m" else 1.0)
        curve = curve_of(ordered_dates, ordered, fit) if has_rate(dates, units[band]) else None
        unit = shown[band]
        title = _titled(band, "" if common else unit)
        label = "" if curve is None else f"{title}: {fit}, {_rate(curve)} {f'{unit}/yr' if unit else 'a year'}"
        _draw(axes, days, ordered, label or title, curve)
    axes.set_ylabel(common or "value")
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.grid(alpha=0.25)
    axes.legend(loc="best", frameon=False, fontsize=9)
    stream = io.StringIO()
    figure.savefig(stream, format="svg")
    return stream.getvalue().partition("<svg")[1] + stream.getvalue().partition("<svg")[2]


def _draw(axes: Any, days: Any, values: NDArray[np.float64], label: str, curve: Curve | None) -> None:
    points = axes.plot(days, values, "o", markersize=3.5)[0]
    colour = points.get_color()
    if curve is not None:
        moments = np.array([time_of(date).replace(tzinfo=None) for date in curve.dates], dtype="datetime64[s]")
        axes.plot(moments, curve.values, "-", color=colour, linewidth=1.2, label=label)
        return
    points.set_label(label)
    valid = np.isfinite(values)
    axes.plot(days[valid], values[valid], "-", color=colour, linewidth=0.8, alpha=0.4)


def _rate(curve: Curve) -> str:
    error = "" if np.isnan(curve.error) else f" ± {_short(curve.error, 2)}"
    return f"{_short(curve.rate, 3)}{error}".replace("-", "\u2212")


def _short(number: float, digits: int) -> str:
    # Rounded first: to round by the format alone would write 240 as 2.4e+02.
    return f"{float(f'{number:.{digits}g}'):g}"


def _titled(band: str, unit: str) -> str:
    return f"{band} ({unit})" if unit else band


def csv_text(dates: Sequence[str], values: Values, units: Mapping[str, str]) -> str:
    """The series with a row for each layer; an empty field is no data."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["date", *(_titled(band, units[band]) for band in values)])
    for index, date in enumerate(dates):
        row = [series[index] for series in values.values()]
        writer.writerow([date, *("" if np.isnan(value) else f"{value:.9g}" for value in row)])
    return text.getvalue()
